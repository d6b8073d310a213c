"""From the rows of all sheets to the nested mapping of a file, with the cell of every place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from operator_agent.planning.workbook.faults import Faults, nearest
from operator_agent.planning.workbook.rows import Place
from operator_agent.planning.workbook.sheet_reader import ReadRow
from operator_agent.planning.workbook.sheets import EACH, PLACE, Kind, Path, Shape, Sheet

Owners = dict[tuple[Path, tuple[str, ...]], Place]


@dataclass(slots=True)
class Assembly:
    """A file put together from its rows.

    Attributes:
        entry: nested mapping.
        addresses: cell of every place that has one, filled or not.
        notes: remarks by place.
        sheet_names: by what their rows stand for.
    """

    entry: dict[str, Any] = field(default_factory=dict)
    addresses: dict[Place, str] = field(default_factory=dict)
    notes: dict[Place, str] = field(default_factory=dict)
    sheet_names: dict[Path, str] = field(default_factory=dict)


def assemble(read: Sequence[tuple[Sheet, Sequence[ReadRow]]], faults: Faults) -> Assembly:
    """Return the file that the rows of its sheets make, owners before what they own."""
    made = Assembly(
        sheet_names={
            sheet.path: sheet.name for sheet, _ in read if sheet.shape in (Shape.ITEMS, Shape.LIST)
        }
    )
    owners: Owners = {((), ()): ()}
    for sheet, rows in read:
        for row in rows:
            place = _place(sheet, row, owners, made, faults)
            if place is None:
                continue
            made.addresses.setdefault(place, row.address)
            if row.source:
                made.notes[place] = row.source
            if sheet.shape is Shape.NAMES:
                _put(made.entry, place, list(row.values))
                for n, address in enumerate(row.addresses):
                    made.addresses[(*place, n)] = address
            else:
                _fill(sheet, row, place, made, faults)
    return made


def _place(
    sheet: Sheet, row: ReadRow, owners: Owners, made: Assembly, faults: Faults
) -> Place | None:
    """Return where a row stands in the file; None when its owner is not there or it is a double."""
    own = sheet.shape in (Shape.ITEMS, Shape.VALUES, Shape.LIST)
    listed = sheet.shape is Shape.LIST
    named = own and len(row.keys) > 0 and not (listed and len(sheet.keys) < _wild(sheet.path))
    owner_keys = row.keys[:-1] if named else row.keys
    inside = _owner_path(sheet.path[:-1] if own else sheet.path)
    if sheet.shape is Shape.POINTS:
        inside = sheet.path
    owner = owners.get((inside, owner_keys))
    if owner is None:
        known = [keys[-1] for path, keys in owners if path == inside and keys]
        _no_owner(sheet, row, owner_keys, (made.sheet_names[inside], known), faults)
        return None
    rest = sheet.path[len(inside) : -1] if own else sheet.path[len(inside) :]
    container: Place = (*owner, *rest)
    if not own:
        return container
    double = owners.get((sheet.path, row.keys)) if named else None
    if double is not None:
        faults.add(
            row.key_addresses[-1],
            f"is '{row.keys[-1]}', which {made.addresses[double]} has already; rename or delete it",
        )
        return None
    last: str | int = _length(made.entry, container) if listed else row.keys[-1]
    place = (*container, last)
    if named:
        owners[sheet.path, row.keys] = place
    return place


def _wild(path: Path) -> int:
    return sum(part in (EACH, PLACE) for part in path)


def _owner_path(path: Path) -> Path:
    """Return the part of a path up to its last owner."""
    ends = [n for n, part in enumerate(path, start=1) if part in (EACH, PLACE)]
    return path[: ends[-1]] if ends else ()


def _no_owner(
    sheet: Sheet,
    row: ReadRow,
    keys: tuple[str, ...],
    owners: tuple[str, Sequence[str]],
    faults: Faults,
) -> None:
    name, known = owners
    faults.add(
        row.key_addresses[len(keys) - 1],
        f"names the {sheet.keys[len(keys) - 1]} '{', '.join(keys)}', which is not on sheet "
        f"{name}{nearest(keys[-1], known)}",
    )


def _fill(sheet: Sheet, row: ReadRow, place: Place, made: Assembly, faults: Faults) -> None:
    if sheet.shape in (Shape.ITEMS, Shape.LIST):
        item: dict[str, Any] = {}
        if sheet.shape is Shape.LIST and len(sheet.keys) == _wild(sheet.path):
            item["name"] = row.keys[-1]
            made.addresses[(*place, "name")] = row.key_addresses[-1]
        _put(made.entry, place, item)
    if sheet.shape in (Shape.ITEMS, Shape.LIST, Shape.FORM):
        for path, is_list in sheet.empty:
            _put(made.entry, (*place, *path), [] if is_list else {})
    for column, value, address, comment in zip(
        sheet.columns, row.values, row.addresses, row.comments, strict=True
    ):
        at: Place = (*place, *_inner(column.path))
        made.addresses.setdefault(at, address)
        if sheet.shape is Shape.POINTS:
            _append(made, at, value, address, faults)
            if comment:
                made.notes.setdefault(at, comment)
        elif value is not None or column.kind is Kind.CHANGE:
            _put(made.entry, at, value)
            if comment:
                made.notes[at] = comment


def _inner(path: Path) -> Place:
    return tuple(int(p[1:]) if p.startswith(PLACE) and p != PLACE else p for p in path)


def _append(made: Assembly, at: Place, value: Any, address: str, faults: Faults) -> None:
    """Add a number to a list; a list that went on after a gap would have moved its points."""
    ended = (*at, "end")
    if value is None:
        made.addresses.setdefault(ended, address)
        return
    if ended in made.addresses:
        faults.add(made.addresses[ended], "is empty, but the list goes on below; fill it")
        return
    n = _length(made.entry, at)
    made.addresses[(*at, n)] = address
    _put(made.entry, (*at, n), value)


def _length(entry: Mapping[str, Any], place: Place) -> int:
    item: Any = entry
    for part in place:
        if isinstance(item, dict):
            item = item.get(str(part))
        elif isinstance(item, list):
            item = item[int(part)]
    return len(item) if isinstance(item, list) else 0


def _put(entry: dict[str, Any], place: Place, value: Any) -> None:
    """Put a value at a place, with the containers on the way."""
    item: Any = entry
    for part, following in pairwise(place):
        fresh: Any = [] if isinstance(following, int) else {}
        if isinstance(part, int):
            while len(item) <= part:
                item.append(fresh)
            item = item[part]
        else:
            item = item.setdefault(part, fresh)
    if not place:
        return
    last = place[-1]
    if isinstance(last, int):
        while len(item) <= last:
            item.append(None)
    item[last] = value
