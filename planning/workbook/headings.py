"""Which headings a sheet has, and which cells of a row each value takes."""

from dataclasses import dataclass
from enum import Enum

from operator_agent.planning.workbook.sheet_names import SOURCE
from operator_agent.planning.workbook.sheets import Column, Kind, Shape, Sheet


class Part(Enum):
    """What one cell of a value holds."""

    KEY = "key"
    VALUE = "value"
    UNIT = "unit"
    ACTION = "action"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Heading:
    """One column of cells.

    Attributes:
        words: in the first row.
        part: what its cells hold.
        index: of the key, or of the column of the sheet.
    """

    words: str
    part: Part
    index: int


FORM = (
    Heading("key", Part.KEY, 0),
    Heading("value", Part.VALUE, 0),
    Heading("unit", Part.UNIT, 0),
    Heading(SOURCE, Part.SOURCE, 0),
)


def headings_of(sheet: Sheet) -> tuple[Heading, ...]:
    """Return the headings of a sheet; the names of a sheet of names come behind them."""
    if sheet.shape is Shape.FORM:
        return FORM
    keys = [Heading(word, Part.KEY, n) for n, word in enumerate(sheet.keys)]
    if sheet.shape is Shape.NAMES:
        return tuple(keys)
    values = [h for n, column in enumerate(sheet.columns) for h in _of_column(column, n)]
    source = [] if sheet.shape is Shape.POINTS else [Heading(SOURCE, Part.SOURCE, 0)]
    return (*keys, *values, *source)


def _of_column(column: Column, index: int) -> list[Heading]:
    value = Heading(column.heading, Part.VALUE, index)
    unit = Heading(f"{column.heading} unit", Part.UNIT, index)
    if column.kind is Kind.QUANTITY:
        return [value, unit]
    if column.kind is Kind.CHANGE:
        return [Heading("action", Part.ACTION, index), value, unit]
    return [value]
