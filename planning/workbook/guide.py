"""The sheets that carry no data: what to fill in, and the lists that cells offer."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.hyperlink import Hyperlink

from operator_agent.planning.qualities import QUALITIES
from operator_agent.planning.quantities import every_unit
from operator_agent.planning.workbook.sheet_names import ABOUT, LISTS, OWN, SHEET_NOTES
from operator_agent.planning.workbook.sheets import Sheet

GUIDE = (
    "Each sheet holds one kind of thing, one row for each. Fill the yellow cells: those in the "
    "stronger yellow must be filled, the others may stay empty.",
    "A number stands in its own cell, its unit in the cell to the right. Unit cells offer a list; "
    "the sheet 'Lists' shows all units.",
    "On sheets with crosses, put an x where a row may take what the column names; write further "
    "names into the first row as needed. Numbers instead of x give an order.",
    "Names join the sheets: a unit named on 'Yields' must stand on 'Units'. Spell them alike.",
    "The column 'Source' is yours: where a figure comes from. Comments on cells are kept as well.",
    "Formulas are never worked out here: a cell with a formula gives the value that the "
    "spreadsheet program stored with it.",
    "A sheet that a workbook lacks may be added with its headings; a template has all of them.",
    f"Sheets whose name begins with '{OWN}' are yours and are left aside; any other sheet or "
    "heading that is not known is refused.",
)


@cache
def offered() -> dict[str, tuple[str, ...]]:
    """Return the lists that cells offer: units by dimension, all units, qualities."""
    lists: dict[str, tuple[str, ...]] = {}
    for unit in every_unit():
        lists[unit.dimension] = (*lists.get(unit.dimension, ()), unit.symbol)
    return {
        "quality": tuple(QUALITIES),
        "all units": tuple(unit.symbol for unit in every_unit()),
        **lists,
    }


def list_range(name: str) -> str:
    """Return where a list stands, as a formula names it."""
    at = list(offered()).index(name)
    letter = get_column_letter(at + 1)
    return f"{LISTS}!${letter}$2:${letter}${1 + len(offered()[name])}"


def add_about(book: Any, sheets: Sequence[Sheet], looks: Any, head: Sequence[str] = ()) -> None:
    """Add the first sheet: how to fill the workbook, what its case file says, what sheets are for.

    Args:
        book: to add it to.
        sheets: that it has.
        looks: of its cells.
        head: lines at the head of the case file, such as what the marks of sources mean.
    """
    page = book.create_sheet(ABOUT)
    page["A1"] = "A planning case"
    page["A1"].font = looks.title
    row = 3
    for text in GUIDE:
        page.cell(row, 1).value = text
        page.cell(row, 1).alignment = looks.wrap
        page.merge_cells(start_row=row, start_column=1, end_row=row, end_column=3)
        page.row_dimensions[row].height = 34
        row += 1
    row = _add_head(page, row, head, looks) + 1
    for at, words in enumerate(("sheet", "what stands there", "rows"), start=1):
        cell = page.cell(row, at)
        cell.value, cell.font, cell.fill = words, looks.head, looks.head_fill
    for sheet in sheets:
        row += 1
        cell = page.cell(row, 1)
        cell.value, cell.font = sheet.name, looks.key
        there = f"{quote_sheetname(sheet.name)}!A1"
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=there)
        page.cell(row, 2).value = SHEET_NOTES.get(sheet.name, ".".join(sheet.path))
        page.cell(row, 3).value = sheet.shape.value
    for letter, width in (("A", 22.0), ("B", 78.0), ("C", 46.0)):
        page.column_dimensions[letter].width = width
    page.sheet_view.showGridLines = False


def _add_head(page: Any, row: int, head: Sequence[str], looks: Any) -> int:
    """Add the lines at the head of a case file, and return the row below them."""
    for n, line in enumerate(("From the case file", *head) if head else (), start=1):
        cell = page.cell(row + n, 1)
        cell.value, cell.data_type = line or None, "s" if line else "n"
        if n == 1:
            cell.font = looks.key
    return row + len(head) + 2 if head else row


def add_lists(book: Any, looks: Any) -> None:
    """Add the last sheet: the lists that cells offer."""
    page = book.create_sheet(LISTS)
    for at, (name, values) in enumerate(offered().items(), start=1):
        head = page.cell(1, at)
        head.value, head.font, head.fill = name, looks.head, looks.head_fill
        for n, value in enumerate(values, start=2):
            page.cell(n, at).value = value
        page.column_dimensions[get_column_letter(at)].width = max(14.0, len(name) + 2.0)
    page.freeze_panes = "A2"
