"""Reads the rows of one sheet: headings to columns, cells to values, faults to their cells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operator_agent.planning.workbook.book_file import Cell, Page
from operator_agent.planning.workbook.cell_reader import order_of, text_of, value_of
from operator_agent.planning.workbook.faults import Faults, nearest
from operator_agent.planning.workbook.headings import Heading, Part, headings_of
from operator_agent.planning.workbook.sheets import Shape, Sheet


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row as it was read.

    Attributes:
        address: of its first cell.
        keys: that name its owners and itself.
        key_addresses: of the cells of the keys.
        values: one for each column of the sheet; on a sheet of names: the names.
        addresses: of the cells of the values.
        comments: of the cells of the values; empty for none.
        source: what the column `Source` says.
    """

    address: str
    keys: tuple[str, ...]
    key_addresses: tuple[str, ...]
    values: tuple[Any, ...]
    addresses: tuple[str, ...]
    comments: tuple[str, ...]
    source: str = ""


@dataclass(slots=True)
class _Columns:
    """Where the headings of a sheet stand."""

    at: dict[int, Heading] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)


def read_rows(sheet: Sheet, page: Page, faults: Faults) -> list[ReadRow]:
    """Return the rows of a sheet; what is wrong with them is added to the faults."""
    if not page.cells:
        return []
    columns = _columns(sheet, page, faults)
    if sheet.shape is Shape.FORM:
        return [_form(sheet, page, columns, faults)]
    rows = []
    for n in sorted(page.cells):
        if n == 1:
            continue
        cells = page.cells[n]
        told = [c for c in cells if c not in columns.at or columns.at[c].part is not Part.UNIT]
        if told:
            row = _row(sheet, page, n, columns, faults)
            rows += [row] if row is not None else []
    return rows


def _columns(sheet: Sheet, page: Page, faults: Faults) -> _Columns:
    headings = headings_of(sheet)
    wanted = {heading.words: heading for heading in headings}
    found = _Columns()
    free = len(sheet.keys) if sheet.shape is Shape.NAMES else 0
    used = {column for cells in page.cells.values() for column in cells}
    for column in sorted(used):
        cell = page.cells.get(1, {}).get(column)
        if cell is None:
            faults.add(
                page.address(1, column), "has no heading, but there are values below; add it"
            )
            continue
        name = text_of(cell.value)
        if name in (*(h.words for h in found.at.values()), *found.names.values()):
            faults.add(cell.address, f"repeats the heading '{name}'; take one column out")
        elif sheet.shape is Shape.NAMES and (column > free or name not in wanted):
            found.names[column] = name
        elif name in wanted:
            found.at[column] = wanted[name]
        else:
            near = nearest(name, wanted)
            faults.add(cell.address, f"has the heading '{name}', which is not known{near}")
    _missing_columns(sheet, page, found, faults)
    return found


def _missing_columns(sheet: Sheet, page: Page, found: _Columns, faults: Faults) -> None:
    there = {heading.words for heading in found.at.values()}
    for heading in headings_of(sheet):
        form = sheet.shape is Shape.FORM and heading.part is Part.VALUE
        must = heading.part is Part.KEY or form
        if heading.part is Part.VALUE and not form:
            must = sheet.columns[heading.index].required
        if must and heading.words not in there:
            faults.add(
                page.address(1, 1), f"begins a sheet without a column '{heading.words}'; add it"
            )


def _form(sheet: Sheet, page: Page, columns: _Columns, faults: Faults) -> ReadRow:
    rows: dict[str, int] = {}
    headings = [column.heading for column in sheet.columns]
    for n in sorted(page.cells):
        key = _cells(page, n, columns, Part.KEY).get(0)
        name = text_of(key.value) if key else ""
        if n == 1:
            continue
        if key is None:
            if any(cell.column in columns.at for cell in page.cells[n].values()):
                faults.add(page.address(n, 1), "is empty, but values stand beside it; name the key")
        elif name in rows:
            faults.add(key.address, f"repeats the key '{name}' of row {rows[name]}; keep one")
        elif name not in headings:
            faults.add(key.address, f"is '{name}', which is no key{nearest(name, headings)}")
        else:
            rows[name] = n
    values, addresses, comments = [], [], []
    at_value = next((c for c, h in columns.at.items() if h.part is Part.VALUE), 2)
    for column in sheet.columns:
        n = rows.get(column.heading, 0)
        cells = {
            heading.part: page.cells[n][at]
            for at, heading in columns.at.items()
            if n and at in page.cells[n]
        }
        here = page.address(n, at_value) if n else page.address(1, 1)
        values.append(value_of(column, cells, here, faults))
        addresses.append(here)
        source = cells.get(Part.SOURCE)
        comments.append(text_of(source.value) if source else "")
    first = page.address(1, 1)
    return ReadRow(first, (), (), tuple(values), tuple(addresses), tuple(comments))


def _row(sheet: Sheet, page: Page, n: int, columns: _Columns, faults: Faults) -> ReadRow | None:
    cells = _cells(page, n, columns, Part.KEY)
    keys, key_addresses = [], []
    for index, word in enumerate(sheet.keys):
        at = next((c for c, h in columns.at.items() if h.part is Part.KEY and h.index == index), 0)
        address = page.address(n, at or 1)
        if index not in cells:
            if at:
                faults.add(address, f"is empty; name the {word}")
            return None
        keys.append(text_of(cells[index].value))
        key_addresses.append(address)
    first = key_addresses[-1] if key_addresses else page.address(n, 1)
    if sheet.shape is Shape.NAMES:
        return _names(page, n, columns, (first, tuple(keys), tuple(key_addresses)), faults)
    values, addresses, comments = [], [], []
    for index, column in enumerate(sheet.columns):
        of: dict[Part, Cell] = {
            h.part: page.cells[n][at]
            for at, h in columns.at.items()
            if h.index == index and at in page.cells[n] and h.part not in (Part.KEY, Part.SOURCE)
        }
        at = next(
            (c for c, h in columns.at.items() if h.part is Part.VALUE and h.index == index), 1
        )
        address = page.address(n, at)
        values.append(value_of(column, of, address, faults))
        addresses.append(address)
        comments.append(of[Part.VALUE].comment if Part.VALUE in of else "")
    source = _cells(page, n, columns, Part.SOURCE).get(0)
    return ReadRow(
        first,
        tuple(keys),
        tuple(key_addresses),
        tuple(values),
        tuple(addresses),
        tuple(comments),
        text_of(source.value) if source else "",
    )


def _names(
    page: Page,
    n: int,
    columns: _Columns,
    of: tuple[str, tuple[str, ...], tuple[str, ...]],
    faults: Faults,
) -> ReadRow:
    crossed = {c: page.cells[n][c] for c in columns.names if c in page.cells[n]}
    order = order_of(crossed, faults)
    first, keys, key_addresses = of
    last_key = max((c for c in columns.at if c in page.cells[n]), default=0)
    note = page.cells[n][last_key].comment if last_key else ""
    return ReadRow(
        first,
        keys,
        key_addresses,
        tuple(columns.names[c] for c in order),
        tuple(crossed[c].address for c in order),
        tuple("" for _ in order),
        note,
    )


def _cells(page: Page, n: int, columns: _Columns, part: Part) -> Mapping[int, Cell]:
    return {
        heading.index: page.cells[n][at]
        for at, heading in columns.at.items()
        if heading.part is part and at in page.cells.get(n, {})
    }
