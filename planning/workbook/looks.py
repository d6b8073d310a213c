"""How a workbook looks: headings, cells to fill, widths, and the lists that cells offer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation

from operator_agent.planning.workbook.cells import ACTIONS
from operator_agent.planning.workbook.guide import list_range
from operator_agent.planning.workbook.headings import Heading, Part, headings_of
from operator_agent.planning.workbook.sheet_names import DIMENSIONS, SHEET_NOTES
from operator_agent.planning.workbook.sheets import Column, Kind, Shape, Sheet

SPARE_ROWS = 10  # empty rows below the last that look and behave like rows to fill
LAST_ROW = 2000  # lists are offered down to this row
NARROW, WIDE, LONG = 9.0, 38.0, 44.0  # widths of columns, in characters


@dataclass(frozen=True)
class Looks:
    """The styles of a workbook."""

    head: Font = field(default_factory=lambda: Font(bold=True, color="FFFFFF"))
    head_fill: PatternFill = field(default_factory=lambda: PatternFill("solid", fgColor="2B5D8A"))
    key: Font = field(default_factory=lambda: Font(bold=True, color="1D1D1F"))
    key_fill: PatternFill = field(default_factory=lambda: PatternFill("solid", fgColor="E6EEF6"))
    must_fill: PatternFill = field(default_factory=lambda: PatternFill("solid", fgColor="FFF6DA"))
    may_fill: PatternFill = field(default_factory=lambda: PatternFill("solid", fgColor="FFFDF4"))
    unit: Font = field(default_factory=lambda: Font(color="6B6B70"))
    quiet: Font = field(default_factory=lambda: Font(italic=True, color="6B6B70"))
    title: Font = field(default_factory=lambda: Font(bold=True, size=16))
    line: Border = field(
        default_factory=lambda: Border(*(Side(style="thin", color="E3E3E6") for _ in range(4)))
    )
    wrap: Alignment = field(default_factory=lambda: Alignment(wrap_text=True, vertical="top"))


def finish(
    page: Any, sheet: Sheet, headings: Sequence[Heading], n_names: int, looks: Looks
) -> None:
    """Style a filled sheet: frozen headings, cells to fill in yellow, fitting widths."""
    fixed = sheet.shape is Shape.FORM
    last = page.max_row if fixed else page.max_row + SPARE_ROWS
    wide = len(headings) + max(n_names, 4 if sheet.shape is Shape.NAMES else 0)
    page.freeze_panes = page.cell(2, 1 + sum(h.part is Part.KEY for h in headings))
    for at in range(1, wide + 1):
        head = page.cell(1, at)
        head.font, head.fill, head.alignment = looks.head, looks.head_fill, looks.wrap
        for n in range(2, last + 1):
            _style(
                page.cell(n, at), sheet, headings[at - 1] if at <= len(headings) else None, looks
            )
            if fixed and not sheet.columns[n - 2].required and at == 2:
                page.cell(n, at).fill = looks.may_fill
        page.column_dimensions[get_column_letter(at)].width = _width(page, at, last)
    for at, heading in enumerate(headings, start=1):
        if heading.part is Part.VALUE and not fixed:
            page.cell(1, at).comment = _remark(sheet.columns[heading.index])
    note = SHEET_NOTES.get(sheet.name)
    if note:
        page.cell(1, 1).comment = Comment(note, "guide", height=90, width=260)


def _style(cell: Any, sheet: Sheet, heading: Heading | None, looks: Looks) -> None:
    cell.border = looks.line
    if heading is None:  # a cross in a sheet of names
        cell.fill, cell.alignment = looks.may_fill, Alignment(horizontal="center")
        return
    if heading.part is Part.KEY:
        cell.font, cell.fill = looks.key, looks.key_fill
        return
    if heading.part is Part.SOURCE:
        cell.font = looks.quiet
        return
    cell.fill = looks.may_fill
    if heading.part is Part.UNIT:  # may stay empty: numbers without a unit have none
        cell.font = looks.unit
    elif sheet.shape is Shape.FORM or sheet.columns[heading.index].required:
        cell.fill = looks.must_fill


def _width(page: Any, at: int, last: int) -> float:
    found = [page.cell(n, at).value for n in range(2, last + 1)]
    longest = max((len(str(value)) for value in found if value is not None), default=0)
    head = max((len(word) for word in str(page.cell(1, at).value or "").split()), default=0)
    return min(max(NARROW, longest + 2.5, head + 2.5), WIDE if at > 1 else LONG)


def _remark(column: Column) -> Comment:
    must = "must be given" if column.required else "may be left empty"
    one_of = f"; one of: {', '.join(column.choices)}" if column.choices else ""
    return Comment(f"{column.heading}: {column.kind.value}; {must}{one_of}.", "guide")


def add_choices(book: Any, sheet: Sheet, sheets: Sequence[Sheet]) -> None:
    """Let cells offer lists: units, owners, allowed words."""
    page = book[sheet.name]
    if sheet.shape is Shape.FORM:
        for n, column in enumerate(sheet.columns, start=2):
            if column.kind is Kind.QUANTITY:
                _offer(page, f"C{n}", _units(column))
            _offer_words(page, f"B{n}", column)
        return
    for at, heading in enumerate(headings_of(sheet), start=1):
        letter = get_column_letter(at)
        cells = f"{letter}2:{letter}{LAST_ROW}"
        if heading.part is Part.KEY:
            owner = _owner(sheet, heading.index, sheets)
            if owner:
                _offer(page, cells, f"{quote_sheetname(owner.name)}!$A$2:$A${LAST_ROW}")
            elif heading.words.startswith("quality"):
                _offer(page, cells, list_range("quality"))
            continue
        if heading.part is Part.ACTION:
            _offer(page, cells, f'"{",".join(ACTIONS)}"')
        elif heading.part is Part.UNIT:
            _offer(page, cells, _units(sheet.columns[heading.index]))
        elif heading.part is Part.VALUE:
            _offer_words(page, cells, sheet.columns[heading.index])


def _owner(sheet: Sheet, index: int, sheets: Sequence[Sheet]) -> Sheet | None:
    """Return the sheet whose first column lists what a key names, when it is another sheet."""
    word = sheet.keys[index]
    for other in sheets:
        own = other.shape in (Shape.ITEMS, Shape.LIST) and other.keys == (word,)
        if own and other is not sheet and sheet.path[: len(other.path)] == other.path:
            return other
    return None


def _units(column: Column) -> str:
    heading = column.heading
    dimension = DIMENSIONS.get(heading) or DIMENSIONS.get(heading.rpartition(".")[2], "all units")
    return list_range(dimension)


def _offer_words(page: Any, cells: str, column: Column) -> None:
    if column.kind is Kind.FLAG:
        _offer(page, cells, '"TRUE,FALSE"')
    elif column.choices and len(",".join(column.choices)) < 250:
        _offer(page, cells, f'"{",".join(column.choices)}"')


def _offer(page: Any, cells: str, formula: str) -> None:
    rule = DataValidation("list", formula1=formula, allow_blank=True, showErrorMessage=True)
    rule.errorStyle, rule.errorTitle = "warning", "not in the list"
    rule.error = "The list does not have this entry. Keep it only if you are sure."
    page.add_data_validation(rule)
    rule.add(cells)
