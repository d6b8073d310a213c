"""Remarks behind the values of a YAML file, and the cells of a workbook that carry them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from operator_agent.errors import InputError
from operator_agent.planning.workbook.rows import Notes, Place, rows_of
from operator_agent.planning.workbook.sheets import PLACE, Sheet


def notes_of(text: str, source: str) -> dict[Place, str]:
    """Return the remarks that end lines of a YAML file, by the place of what the line begins with.

    Args:
        text: of the file.
        source: of the text, for messages.

    Raises:
        InputError: it is not YAML.

    Example:
        >>> notes_of("maya:\\n  price: 64 usd/bbl  # list of May\\n", "example")
        {('maya', 'price'): 'list of May'}
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        comments = _comments(text)
    except yaml.YAMLError as error:
        raise InputError(f"{source} is not YAML: {error}") from error
    first: dict[int, Place] = {}
    for line, place in _begins(root, ()):
        first.setdefault(line, place)
    return {first[line]: words for line, words in comments.items() if line in first}


def head_of(text: str) -> tuple[str, ...]:
    """Return the remarks before the first key of a YAML file, line by line.

    Example:
        >>> head_of("# One period.\\n#\\n#  [P] a price\\nname: a  # not this\\n")
        ('One period.', '', ' [P] a price')
    """
    lines = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        words = line.rstrip().removeprefix("#").removeprefix(" ")
        lines.append("".join(c if c.isprintable() else " " for c in words))
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def _comments(text: str) -> dict[int, str]:
    """Return the comments that stand behind something, by line."""
    ends: dict[int, int] = {}
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if token.end_mark.index > token.start_mark.index:
            ends[token.end_mark.line] = max(ends.get(token.end_mark.line, 0), token.end_mark.column)
    found = {}
    for n, line in enumerate(text.splitlines()):
        rest = line[ends[n] :].strip() if n in ends else ""
        if rest.startswith("#") and rest.strip("# "):
            found[n] = " ".join(rest.lstrip("#").split())
    return found


def _begins(node: Any, place: Place) -> Iterator[tuple[int, Place]]:
    """Yield the line on which each key or list place begins, outer ones first."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner: Place = (*place, str(key.value))
            yield key.start_mark.line, inner
            if not isinstance(value, yaml.ScalarNode):
                yield from _begins(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for n, value in enumerate(node.value):
            yield value.start_mark.line, (*place, n)
            yield from _begins(value, (*place, n))


def settled_notes(
    notes: Notes, entry: Mapping[str, Any], sheets: Sequence[Sheet]
) -> dict[Place, str]:
    """Return remarks at places that a workbook shows: rows, or values of rows.

    A remark on keys that stand in columns goes to the first value beneath, one on a single name of
    a list to the list.

    Args:
        notes: by place.
        entry: nested mapping that they belong to.
        sheets: of its layout.
    """
    shown = {place for sheet in sheets for place in _shown(sheet, entry)}
    moved: dict[Place, str] = {}
    for place, words in notes.items():
        at, item = place, _item(entry, place)
        while at not in shown and isinstance(item, dict) and item:
            key = next(iter(item))
            at, item = (*at, key), item[key]
        while at not in shown and at:
            at = at[:-1]
        if at:
            moved[at] = f"{moved[at]}; {words}" if at in moved else words
    return moved


def _shown(sheet: Sheet, entry: Mapping[str, Any]) -> Iterator[Place]:
    for row in rows_of(sheet, entry):
        if row.place:
            yield row.place
        for column in sheet.columns:
            if not any(part.startswith(PLACE) for part in column.path):
                yield (*row.place, *column.path)


def _item(entry: Any, place: Place) -> Any:
    for part in place:
        entry = entry[part]
    return entry
