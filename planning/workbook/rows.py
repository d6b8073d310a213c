"""From the nested mapping of a file to the rows of its sheets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from operator_agent.errors import InputError
from operator_agent.planning.workbook.cells import checked_text
from operator_agent.planning.workbook.sheets import EACH, PLACE, Path, Shape, Sheet

Place = tuple[str | int, ...]
"""Path from the root of a file: names, and places in lists."""

Notes = Mapping[Place, str]
"""Remarks on what stands at a place of the file, such as sources of its numbers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet.

    Attributes:
        place: of the item in the file.
        keys: that name its owners and itself.
        values: one for each column of the sheet, None where the file is silent; on a sheet of
            names: the names.
    """

    place: Place
    keys: tuple[str, ...]
    values: tuple[Any, ...]


def rows_of(sheet: Sheet, entry: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a sheet.

    Args:
        sheet: of the layout that the entry has.
        entry: nested mapping of a file that its layout has accepted.

    Raises:
        InputError: a name that a cell cannot hold, a name used twice.
    """
    rows: list[Row] = []
    for place, keys, item in _items(sheet, entry):
        if sheet.shape is Shape.NAMES:
            rows.append(Row(place, keys, _names(item, place)))
        elif sheet.shape is Shape.POINTS:
            lists = [found(item, column.path) or [] for column in sheet.columns]
            rows += [Row(place, keys, values) for values in zip_longest(*lists)]
        else:
            values = tuple(found(item, column.path) for column in sheet.columns)
            rows.append(Row(place, keys, values))
    seen = [row.keys for row in rows]
    if sheet.shape is Shape.LIST and sheet.keys and len(set(seen)) < len(seen):
        twice = next(key for key in seen if seen.count(key) > 1)
        raise InputError(f"{sheet.name}: two rows are called '{twice[-1]}'; rename one")
    return rows


def words(place: Place) -> str:
    """Return a place as messages write it.

    Example:
        >>> words(("crude_unit", "cuts", 0, "low"))
        'crude_unit.cuts[0].low'
    """
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def found(item: Any, path: Path) -> Any:
    """Return what stands at a path of an item; None where it ends early."""
    for part in path:
        if part.startswith(PLACE) and isinstance(item, Sequence):
            index = int(part[1:])
            item = item[index] if index < len(item) else None
        elif isinstance(item, Mapping):
            item = item.get(part)
        else:
            return None
    return item


def _items(sheet: Sheet, entry: Any) -> Iterator[tuple[Place, tuple[str, ...], Any]]:
    level: list[tuple[Place, tuple[str, ...], Any]] = [((), (), entry)]
    wild = sum(part in (EACH, PLACE) for part in sheet.path)
    for part in sheet.path:
        if part in (EACH, PLACE):
            wild -= 1
        named = part == EACH or wild > 0 or len(sheet.keys) == _wild(sheet.path)
        level = [inner for at in level for inner in _step(*at, part, named=named)]
    yield from level


def _wild(path: Path) -> int:
    return sum(part in (EACH, PLACE) for part in path)


def _step(
    place: Place, keys: tuple[str, ...], item: Any, part: str, *, named: bool
) -> Iterator[tuple[Place, tuple[str, ...], Any]]:
    if part == EACH:
        for name, inner in (item or {}).items():
            yield (*place, name), (*keys, checked_text(name, words(place))), inner
    elif part == PLACE:
        for n, inner in enumerate(item or []):
            here = (*place, n)
            own = (checked_text(inner.get("name"), words(here)),) if named else ()
            yield here, (*keys, *own), inner
    elif isinstance(item, Mapping) and item.get(part) is not None:
        yield (*place, part), keys, item[part]


def _names(item: Sequence[Any], place: Place) -> tuple[str, ...]:
    names = tuple(checked_text(name, words(place)) for name in item)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{words(place)} names '{twice}' twice; take one out")
    return names


def name_order(rows: Sequence[Row]) -> list[str]:
    """Return all names of a sheet of names in an order that agrees with as many rows as it can."""
    order: list[str] = []
    for row in sorted(rows, key=lambda row: -len(row.values)):
        at = 0
        for name in row.values:
            if name in order:
                at = max(at, order.index(name) + 1)
            else:
                order.insert(at, name)
                at += 1
    return order
