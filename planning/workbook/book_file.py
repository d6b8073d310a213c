"""Opens a workbook file and refuses what is none, what is too large, and what could do harm.

Formulas are never worked out: the value that the spreadsheet program stored is taken, and a
formula without one is a fault. Where there are formulas the file is read twice, for both.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from operator_agent.errors import InputError
from operator_agent.planning.workbook.faults import Faults
from operator_agent.planning.workbook.sheet_names import ABOUT, OWN

LARGEST = 20 * 1024 * 1024  # bytes of a file: a planning case takes under one hundredth of it
LARGEST_OPENED = 50 * 1024 * 1024  # bytes of its parts: a small file may hold enormous ones
MOST_ROWS, MOST_COLUMNS = 20_000, 1_000  # of a sheet; larger ones are no planning case
OLD_FORMAT = b"\xd0\xcf\x11\xe0"  # first bytes of old and of encrypted Office files

UNREADABLE = (
    InvalidFileException,
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    SyntaxError,
)
"""What the reader of workbooks raises over files that are none."""

CellValue = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One filled cell: value, address like `Crudes!C5`, row and column from one, and comment."""

    value: CellValue
    address: str
    row: int
    column: int
    comment: str


@dataclass(frozen=True, slots=True)
class Page:
    """The filled cells of a sheet, by row and column."""

    name: str
    cells: dict[int, dict[int, Cell]]

    def address(self, row: int, column: int) -> str:
        """Return the address of a cell, filled or not."""
        return cell_address(self.name, row, column)


def cell_address(sheet: str, row: int, column: int) -> str:
    """Return an address as a spreadsheet program shows it.

    Example:
        >>> cell_address("Crudes", 5, 3), cell_address("My sheet", 1, 28)
        ('Crudes!C5', "'My sheet'!AB1")
    """
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    name = sheet if sheet.isalnum() else f"'{sheet}'"
    return f"{name}!{letters}{row}"


def open_pages(path: Path, faults: Faults) -> dict[str, Page]:
    """Return the sheets of a workbook by name, without the planner's own.

    Args:
        path: of the file.
        faults: gathers cells that cannot be read.

    Raises:
        InputError: the file cannot be read, is no workbook, is encrypted or too large, or
            declares entities.
    """
    _check_file(path)
    written = _load(path, data_only=False)
    names = [page.title for page in written.worksheets if not page.title.startswith(OWN)]
    cells = [cell for name in names for cell in _filled(written[name])]
    formulas = any(cell.data_type == "f" for cell in cells)
    stored = _load(path, data_only=True) if formulas else written
    return {name: _page(written[name], stored[name], faults) for name in names}


def _load(path: Path, *, data_only: bool) -> Any:
    try:
        return load_workbook(path, data_only=data_only)
    except UNREADABLE as error:
        raise InputError(
            f"workbook {path} cannot be read ({error}); open it in a spreadsheet program and save "
            "it as .xlsx"
        ) from error


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            first = file.read(4)
    except OSError as error:
        told = "is a folder; give a file in it" if path.is_dir() else f"{error.strerror}"
        raise InputError(f"workbook {path} cannot be read: {told}") from error
    if size > LARGEST:
        raise InputError(
            f"workbook {path} has {size / 1024**2:.0f} MB, over the {LARGEST // 1024**2} MB that "
            "are read: larger files can stop the planner; take out pictures and unused sheets"
        )
    if first == OLD_FORMAT:
        raise InputError(
            f"workbook {path} is encrypted or in the old .xls format; save it as .xlsx without a "
            "password"
        )
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not an .xlsx workbook; save it as .xlsx")
    _check_parts(path)


def _check_parts(path: Path) -> None:
    """Refuse parts that grow enormous when they are read: packed zeros, or entities."""
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST_OPENED:
                raise InputError(
                    f"workbook {path} unpacks to over {LARGEST_OPENED // 1024**2} MB; it is not "
                    "read, because it could stop the planner"
                )
            for part in parts.infolist():
                if part.filename.endswith((".xml", ".rels")):
                    _check_xml(path, part.filename, parts.read(part))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise InputError(f"workbook {path} is damaged ({error}); save it again") from error


def _check_xml(path: Path, name: str, content: bytes) -> None:
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:8]
    if wide or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputError(
            f"workbook {path}: its part {name} declares entities or is no UTF-8 text, which no "
            "spreadsheet program writes; it is not read"
        )


def _page(written: Any, stored: Any, faults: Faults) -> Page:
    name = written.title
    for area in written.merged_cells.ranges:
        if name != ABOUT:
            faults.add(
                cell_address(name, area.min_row, area.min_col),
                f"is merged with others ({area.coord}); split them, so that each row has its own "
                "cells",
            )
    cells: dict[int, dict[int, Cell]] = {}
    last_row = max((cell.row for cell in _filled(written)), default=0)
    last_column = max((cell.column for cell in _filled(written)), default=0)
    if last_row > MOST_ROWS or last_column > MOST_COLUMNS:
        faults.add(
            cell_address(name, 1, 1),
            f"begins a sheet of {last_row} rows and {last_column} columns; at most "
            f"{MOST_ROWS} rows and {MOST_COLUMNS} columns are read: delete the unused ones",
        )
        return Page(name, cells)
    for cell in _filled(written):
        value = _value(cell, stored, cell_address(name, cell.row, cell.column), faults)
        if value is not None:
            comment = " ".join(cell.comment.text.split()) if cell.comment else ""
            address = cell_address(name, cell.row, cell.column)
            cells.setdefault(cell.row, {})[cell.column] = Cell(
                value, address, cell.row, cell.column, comment
            )
    return Page(name, cells)


def _filled(page: Any) -> Iterator[Any]:
    # Walking through rows would make every empty cell up to the last: a single cell in the far
    # corner would mean billions of them.
    return (cell for cell in page._cells.values() if cell.value is not None)


def _value(cell: Any, stored: Any, address: str, faults: Faults) -> CellValue | None:
    value = cell.value
    if cell.data_type == "f":
        value = stored.cell(cell.row, cell.column).value
        if value is None:
            faults.add(
                address,
                "has a formula without a stored value; open the workbook in a spreadsheet program "
                "and save it, or write the value",
            )
            return None
    if cell.data_type == "e" or (cell.data_type == "f" and str(value).startswith("#")):
        faults.add(address, f"holds the error {value}; correct its formula or write the value")
        return None
    if isinstance(value, str):
        return value.strip() or None
    if "%" in str(cell.number_format):
        faults.add(
            address,
            f"is formatted as a percentage, so that it holds {value}; format it as a number and "
            "write it with its unit, such as 1.77 and wt%",
        )
        return None
    if isinstance(value, bool | int | float):
        return value
    faults.add(address, f"holds {value}, a date or time; write a number or a text")
    return None
