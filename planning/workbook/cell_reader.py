"""From cells to the values of a case; what a cell cannot mean is a fault, never a guess."""

from collections.abc import Mapping
from typing import Any

from operator_agent.errors import InputError
from operator_agent.planning.quantities import every_unit, planning_unit
from operator_agent.planning.workbook.book_file import Cell, CellValue
from operator_agent.planning.workbook.cells import (
    ACTIONS,
    REMOVE,
    SET,
    join_quantity,
    number_of,
    split_quantity,
    whole_item,
)
from operator_agent.planning.workbook.faults import Faults, nearest
from operator_agent.planning.workbook.headings import Part
from operator_agent.planning.workbook.sheets import Column, Kind

FLAGS = {"true": True, "yes": True, "false": False, "no": False}
CROSSES = ("x", "X", "✓", "✔")

Cells = Mapping[Part, Cell]


def text_of(value: CellValue) -> str:
    """Return a cell's value as text; whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def value_of(column: Column, cells: Cells, address: str, faults: Faults) -> Any:
    """Return the value of a column; None where the cells are silent or at fault.

    Args:
        column: that is read.
        cells: filled cells of the value, by part.
        address: of the cell of the value.
        faults: gathers what is wrong.
    """
    if column.kind is Kind.CHANGE:
        return _change(cells, address, faults)
    cell = cells.get(Part.VALUE)
    if cell is None:
        return None
    if column.kind is Kind.QUANTITY:
        return _quantity(cell, cells.get(Part.UNIT), column, faults)
    if column.kind is Kind.TEXT:
        return _text(cell, column, faults)
    if column.kind is Kind.FLAG:
        return _flag(cell, faults)
    return _number(cell, whole=column.kind is Kind.WHOLE, faults=faults)


def _quantity(cell: Cell, unit_cell: Cell | None, column: Column, faults: Faults) -> Any:
    unit = text_of(unit_cell.value) if unit_cell else ""
    number = cell.value
    if isinstance(number, str):
        try:
            number, beside = split_quantity(number, cell.address)
        except InputError:
            faults.add(
                cell.address,
                f"is '{cell.value}', not a number; write the number here and its unit in the cell "
                "beside it",
            )
            return None
        if beside and unit:
            faults.add(
                cell.address, f"is '{cell.value}', and its unit cell says '{unit}'; keep one unit"
            )
            return None
        unit = unit or beside
    if isinstance(number, bool):
        faults.add(cell.address, f"is {cell.value}; write a number ({column.heading})")
        return None
    if unit and not _known(unit):
        near = nearest(unit, [known.symbol for known in every_unit()])
        where = unit_cell.address if unit_cell else cell.address
        faults.add(where, f"is '{unit}', a unit that is not known{near}; the sheet Lists shows all")
        return None
    return join_quantity(number, unit)


def _known(unit: str) -> bool:
    try:
        planning_unit(unit)
    except InputError:
        return False
    return True


def _text(cell: Cell, column: Column, faults: Faults) -> str | None:
    text = text_of(cell.value)
    if column.choices and text not in column.choices:
        near = nearest(text, column.choices)
        faults.add(cell.address, f"is '{text}'; use one of {', '.join(column.choices)}{near}")
        return None
    return text


def _flag(cell: Cell, faults: Faults) -> bool | None:
    if isinstance(cell.value, bool):
        return cell.value
    flag = FLAGS.get(str(cell.value).lower())
    if flag is None:
        faults.add(cell.address, f"is '{cell.value}'; write TRUE or FALSE")
    return flag


def _number(cell: Cell, *, whole: bool, faults: Faults) -> int | float | None:
    value = cell.value
    try:
        number = number_of(value) if isinstance(value, str) else value
    except ValueError:
        number = True
    if isinstance(number, bool):
        faults.add(cell.address, f"is '{value}', not a number; write a number without a unit")
        return None
    if whole and float(number) != int(number):
        faults.add(cell.address, f"is {number}; write a whole number")
        return None
    return int(number) if whole else number


def _change(cells: Cells, address: str, faults: Faults) -> Any:
    action_cell, cell = cells.get(Part.ACTION), cells.get(Part.VALUE)
    action = text_of(action_cell.value) if action_cell else SET
    if action not in ACTIONS:
        where = action_cell.address if action_cell else address
        faults.add(where, f"is '{action}'; use one of {', '.join(ACTIONS)}")
        return None
    if (cell is None) is not (action == REMOVE):
        want = "must be empty to remove a key" if cell else f"is empty; write what to {action}"
        faults.add(address, want)
        return None
    if cell is None:
        return None
    unit_cell = cells.get(Part.UNIT)
    number = isinstance(cell.value, int | float) and not isinstance(cell.value, bool)
    if action == SET and not number and unit_cell is None:
        return _text_or_item(cell, faults)
    value = _quantity(cell, unit_cell, Column((), Kind.CHANGE, True), faults)
    return value if value is None or action == SET else {action: value}


def _text_or_item(cell: Cell, faults: Faults) -> Any:
    if not isinstance(cell.value, str):
        return cell.value
    try:
        return whole_item(cell.value)
    except ValueError:
        faults.add(
            cell.address,
            "begins a whole item but does not end it; write it in one line, such as "
            "{min: 0 kbbl/d, max: 5 kbbl/d}",
        )
        return None


def order_of(crossed: Mapping[int, Cell], faults: Faults) -> list[int]:
    """Return the columns of a row's crosses, in their order: as they stand, or by their numbers."""
    marks: dict[int, float] = {}
    for column, cell in crossed.items():
        if cell.value in CROSSES or cell.value is True:
            continue
        if isinstance(cell.value, bool) or not isinstance(cell.value, int | float):
            faults.add(cell.address, f"is '{cell.value}'; write x, or a number for an order")
        else:
            marks[column] = float(cell.value)
    if not marks:
        return sorted(crossed)
    if len(marks) < len(crossed) or len(set(marks.values())) < len(marks):
        first = min(crossed.values(), key=lambda cell: cell.column)
        faults.add(first.address, "begins a row whose order is not clear; use x only, or 1, 2, 3")
    return sorted(marks, key=lambda column: marks[column])
