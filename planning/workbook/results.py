"""Results in a workbook: every table of a report on a sheet, so that a planner can go on there."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from operator_agent.errors import InputError
from operator_agent.planning.report import Table
from operator_agent.planning.workbook.cells import LONGEST
from operator_agent.planning.workbook.sheets import LONGEST_NAME

NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?")
WIDEST = 48.0  # [characters] of a column
OVER_HEADINGS = 2  # rows above the table: its title, and none


def write_results(path: Path | str, tables: Sequence[Table]) -> None:
    """Write tables to a workbook, one sheet for each; plain numbers become numbers.

    Args:
        path: of the .xlsx file.
        tables: of a report, in its order.

    Raises:
        InputError: the name does not end in .xlsx, or the file cannot be written.
    """
    file = Path(path)
    if file.suffix.lower() != ".xlsx":
        raise InputError(f"workbook {file}: give a name that ends in .xlsx")
    book = Workbook()
    book.remove(book.active)
    for table in tables:
        _add(book.create_sheet(sheet_title(table.title, book.sheetnames)), table)
    try:
        book.save(file)
    except OSError as error:
        raise InputError(f"workbook {file} cannot be written: {error.strerror}") from error


def sheet_title(title: str, taken: Sequence[str]) -> str:
    """Return a name that Excel allows for the sheet of a table, and that none has yet.

    Example:
        >>> sheet_title("Process units [kbbl/d]: feed", ["Process units"])
        'Process units 2'
    """
    words = re.split(r"[\[\](:,;]", title.replace("/", " ").replace("\\", " "))[0]
    name = re.sub(r"[*?']", "", words).strip()[:LONGEST_NAME].strip() or "Table"
    lower = {one.lower() for one in taken}
    found, n = name, 1
    while found.lower() in lower:
        n += 1
        found = f"{name[: LONGEST_NAME - len(str(n)) - 1].strip()} {n}"
    return found


def value_of_text(text: str) -> str | int | float:
    """Return the number that a text of a report is, else the text.

    Example:
        >>> value_of_text("1,234.50"), value_of_text("-7"), value_of_text("7 kbbl/d")
        (1234.5, -7, '7 kbbl/d')
    """
    found = NUMBER.fullmatch(text)
    if not found:
        return text
    plain = text.replace(",", "")
    return float(plain) if found[1] else int(plain)


def _add(page: Any, table: Table) -> None:
    _put(page, 1, 1, table.title)
    page["A1"].font = Font(bold=True, size=13)
    bold = Font(bold=True)
    for at, words in enumerate(table.columns, start=1):
        head = _put(page, OVER_HEADINGS + 1, at, words)
        head.font, head.alignment = bold, Alignment(wrap_text=True, vertical="top")
    for n, row in enumerate(table.rows, start=OVER_HEADINGS + 2):
        for at, text in enumerate(row, start=1):
            _put_value(page, n, at, str(text))
    for at, _ in enumerate(table.columns):
        longest = max((len(str(row[at])) for row in table.rows if at < len(row)), default=0)
        width = min(max(longest, 10) + 2.0, WIDEST)
        page.column_dimensions[get_column_letter(at + 1)].width = width
    page.freeze_panes = page.cell(OVER_HEADINGS + 2, 2)


def _put_value(page: Any, row: int, column: int, text: str) -> None:
    value = value_of_text(text)
    if isinstance(value, str):
        _put(page, row, column, value)
        return
    cell = page.cell(row, column)
    cell.value = value
    found = NUMBER.fullmatch(text)
    decimals = "." + "0" * len(found[1]) if found and found[1] else ""
    cell.number_format = f"#,##0{decimals}" if "," in text else f"0{decimals}"


def _put(page: Any, row: int, column: int, words: str) -> Any:
    """Put a text into a cell, as a text even when it looks like a formula, and return the cell."""
    cell = page.cell(row, column)
    printed = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    if printed:
        cell.value, cell.data_type = printed[:LONGEST], "s"
    return cell
