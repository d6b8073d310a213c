"""Writes workbooks: one sheet for each noun, styled so that the cells to fill are seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment

from operator_agent.planning.workbook.cells import (
    checked_number,
    checked_text,
    split_change,
    split_quantity,
)
from operator_agent.planning.workbook.guide import add_about, add_lists
from operator_agent.planning.workbook.headings import Heading, Part, headings_of
from operator_agent.planning.workbook.looks import Looks, add_choices, finish
from operator_agent.planning.workbook.remarks import settled_notes
from operator_agent.planning.workbook.rows import Notes, Place, Row, name_order, rows_of, words
from operator_agent.planning.workbook.sheets import Kind, Shape, Sheet
from operator_agent.planning.workbook.sheets import Path as KeyPath

CROSS = "x"


@dataclass(frozen=True, slots=True)
class Extra:
    """What stands in a workbook besides its case.

    Attributes:
        head: lines for the sheet About.
        all_sheets: whether sheets of kinds that the case does not use stand there too, empty.
    """

    head: tuple[str, ...] = ()
    all_sheets: bool = False


PLAIN = Extra()


def write_sheets(
    path: Path,
    sheets: Sequence[Sheet],
    entry: Mapping[str, Any],
    notes: Notes,
    extra: Extra = PLAIN,
) -> None:
    """Write a workbook.

    Args:
        path: of the file.
        sheets: of the layout.
        entry: nested mapping that the layout has accepted; empty for a template.
        notes: remarks by place: on a value they become a comment of its cell, on an item they
            stand in its column `Source`.
        extra: what stands in it besides.

    Raises:
        InputError: a value that no cell can hold.
    """
    book = Workbook()
    book.remove(book.active)
    whole = extra.all_sheets or not entry
    shown = [sheet for sheet in sheets if whole or not _idle(sheet, sheets, entry)]
    looks, notes = Looks(), settled_notes(notes, entry, sheets)
    add_about(book, shown, looks, extra.head)
    for sheet in shown:
        _add_sheet(book.create_sheet(sheet.name), sheet, entry, notes, looks)
    add_lists(book, looks)
    for sheet in shown:
        add_choices(book, sheet, shown)
    book.save(path)


def _idle(sheet: Sheet, sheets: Sequence[Sheet], entry: Mapping[str, Any]) -> bool:
    """Return whether a sheet is empty because what would own its rows is not there."""
    return any(not rows_of(owner, entry) for owner in sheets if owner.owns(sheet))


def _add_sheet(
    page: Any, sheet: Sheet, entry: Mapping[str, Any], notes: Notes, looks: Looks
) -> None:
    headings = headings_of(sheet)
    rows = rows_of(sheet, entry)
    names = name_order(rows) if sheet.shape is Shape.NAMES else []
    for n, heading in enumerate((*(h.words for h in headings), *names), start=1):
        page.cell(1, n).value = heading
        page.cell(1, n).data_type = "s"
    done: set[Place] = set()
    if sheet.shape is Shape.FORM:
        _fill_form(page, sheet, rows[0], notes)
    else:
        for n, row in enumerate(rows, start=2):
            first = sheet.shape is not Shape.POINTS or row.place not in done
            done.add(row.place)
            _fill_row(page, n, (sheet, headings), row, notes if first else {})
            if sheet.shape is Shape.NAMES:
                _fill_names(page, n, len(headings), names, row)
    finish(page, sheet, headings, len(names), looks)


def _fill_form(page: Any, sheet: Sheet, row: Row, notes: Notes) -> None:
    for n, (column, value) in enumerate(zip(sheet.columns, row.values, strict=True), start=2):
        _put(page, n, 1, column.heading)
        cells = _cells(column.kind, value, words((*row.place, *column.path)))
        if cells is not None:
            _put(page, n, 2, cells[Part.VALUE])
            _put(page, n, 3, cells.get(Part.UNIT))
        _put(page, n, 4, _note(notes, row.place, column.path))


def _fill_row(
    page: Any, n: int, of: tuple[Sheet, Sequence[Heading]], row: Row, notes: Notes
) -> None:
    sheet, headings = of
    for at, heading in enumerate(headings, start=1):
        if heading.part is Part.KEY:
            _put(page, n, at, row.keys[heading.index])
        elif heading.part is Part.SOURCE:
            _put(page, n, at, notes.get(row.place))
        else:
            column = sheet.columns[heading.index]
            value = row.values[heading.index]
            cells = _cells(column.kind, value, words((*row.place, *column.path)))
            _put(page, n, at, cells.get(heading.part) if cells else None)
            note = _note(notes, row.place, column.path)
            if note and heading.part is Part.VALUE and column.path and cells:
                page.cell(n, at).comment = _comment(note)
    if sheet.shape is Shape.NAMES and notes.get(row.place) and headings:
        page.cell(n, len(headings)).comment = _comment(notes[row.place])


def _fill_names(page: Any, n: int, first: int, names: Sequence[str], row: Row) -> None:
    """Put crosses, or numbers where the order of the names is another than that of the columns."""
    ordered = [name for name in names if name in row.values]
    in_order = ordered == list(row.values)
    for at, name in enumerate(names, start=first + 1):
        if name in row.values:
            _put(page, n, at, CROSS if in_order else row.values.index(name) + 1)


def _cells(kind: Kind, value: Any, place: str) -> dict[Part, Any] | None:
    """Return what the cells of a value hold; None where the file is silent."""
    if kind is Kind.CHANGE:
        action, number, unit = split_change(value, place)
        return {Part.ACTION: action, Part.VALUE: number, Part.UNIT: unit or None}
    if value is None:
        return None
    if kind is Kind.QUANTITY:
        number, unit = split_quantity(value, place)
        return {Part.VALUE: number, Part.UNIT: checked_text(unit, place) if unit else None}
    if kind is Kind.TEXT:
        return {Part.VALUE: checked_text(value, place)}
    if kind is Kind.FLAG:
        return {Part.VALUE: bool(value)}
    return {Part.VALUE: checked_number(float(value) if isinstance(value, str) else value, place)}


def _note(notes: Notes, place: Place, path: KeyPath) -> str | None:
    return notes.get((*place, *path)) if path else None


def _comment(note: str) -> Comment:
    return Comment(note, "case file", height=60 + 16 * (len(note) // 36), width=260)


def _put(page: Any, row: int, column: int, value: Any) -> None:
    """Put a value into a cell; a text stays a text, even when it looks like a formula."""
    if value is None:
        return
    cell = page.cell(row, column)
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"
