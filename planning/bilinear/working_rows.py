"""Rows and columns of a bilinear program while presolve takes them apart, and the way back."""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.bilinear.program import BilinearProgram, bilinear_program

REMAINDER = 1e-11  # of the larger part: what two nearly equal coefficients leave of each other
MISS = 1e-9  # relative: limits that cross by less are one value; files carry 10 digits
WHOLE = 1e-6  # room in rounding the bounds of whole numbers

INFINITY = float("inf")

Product = tuple[int, int]


class Undo(Protocol):
    """What presolve did to one column: `fill` gives the column its value back."""

    def fill(self, x: list[float]) -> None:
        """Set the column's value from those that are known."""


@dataclass(frozen=True, slots=True)
class FixedColumn:
    """A column that can have one value only."""

    column: int
    value: float

    def fill(self, x: list[float]) -> None:
        """Set the value."""
        x[self.column] = self.value


@dataclass(frozen=True, slots=True)
class AliasColumn:
    """A column that is shift + factor * another."""

    column: int
    shift: float
    factor: float
    other: int

    def fill(self, x: list[float]) -> None:
        """Set the value from the other column."""
        x[self.column] = self.shift + self.factor * x[self.other]


@dataclass(frozen=True, slots=True)
class FreedColumn:
    """A column that occurs once, times a partner (-1: none), in one row that it could always fill.

    The value nearest to `wish` that keeps the row and the bounds is taken.
    """

    column: int
    coefficient: float
    partner: int
    linear: tuple[tuple[int, float], ...]
    products: tuple[tuple[Product, float], ...]
    limits: tuple[float, float]
    bounds: tuple[float, float]
    wish: float

    def fill(self, x: list[float]) -> None:
        """Set the value from the other terms of the row."""
        others = sum(value * x[k] for k, value in self.linear)
        others += sum(value * x[i] * x[j] for (i, j), value in self.products)
        slope = self.coefficient * (1.0 if self.partner < 0 else x[self.partner])
        low, high = self.bounds
        value = self.wish
        if slope != 0.0:
            ends = [(limit - others) / slope for limit in self.limits]
            value = min(max(value, min(ends)), max(ends))
        x[self.column] = min(max(value, low), high)


@dataclass(slots=True)
class WorkingRows:
    """The program as dictionaries; rows that changed wait in `queue`.

    Attributes:
        linear: of each row, coefficient by column.
        products: of each row, coefficient by pair of columns, the smaller index first.
        rows_of: of each column, the rows in which it occurs; a few from which it has gone.
        size: of each row, the largest constant that was moved into its limits.
        alive: of each column, whether it is still in the program.
        kept: of each row, likewise.
        undo: what was done, in order.
    """

    source: BilinearProgram
    names: list[str]
    linear: list[dict[int, float]]
    products: list[dict[Product, float]]
    rows_of: list[set[int]]
    row_low: list[float]
    row_high: list[float]
    size: list[float]
    low: list[float]
    high: list[float]
    cost: list[float]
    offset: float
    integer: list[bool]
    alive: list[bool]
    kept: list[bool]
    undo: list[Undo] = field(default_factory=list)
    queue: deque[int] = field(default_factory=deque)
    waiting: set[int] = field(default_factory=set)

    def touch(self, row: int) -> None:
        """Put a row into the queue."""
        if row not in self.waiting and self.kept[row]:
            self.waiting.add(row)
            self.queue.append(row)

    def drop_row(self, row: int) -> None:
        """Take a row out."""
        for column in self.columns_of(row):
            self.rows_of[column].discard(row)
        self.kept[row] = False
        self.linear[row], self.products[row] = {}, {}

    def copy_row(self, row: int) -> int:
        """Add a copy of a row at the end; return its place."""
        place = len(self.linear)
        self.names.append(self.names[row])
        self.linear.append(dict(self.linear[row]))
        self.products.append(dict(self.products[row]))
        self.row_low.append(self.row_low[row])
        self.row_high.append(self.row_high[row])
        self.size.append(self.size[row])
        self.kept.append(True)
        for column in self.columns_of(place):
            self.rows_of[column].add(place)
        return place

    def columns_of(self, row: int) -> set[int]:
        """Return the columns that occur in a row."""
        found = set(self.linear[row])
        for pair in self.products[row]:
            found.update(pair)
        return found

    def rows_with(self, column: int) -> list[int]:
        """Return the rows in which a column occurs."""
        self.rows_of[column] = {row for row in self.rows_of[column] if self._occurs(row, column)}
        return sorted(self.rows_of[column])

    def _occurs(self, row: int, column: int) -> bool:
        return column in self.linear[row] or any(column in pair for pair in self.products[row])

    def add_linear(self, row: int, column: int, value: float) -> None:
        """Add to a coefficient; a remainder of two nearly equal numbers is none."""
        _add(self.linear[row], column, value)
        self.rows_of[column].add(row)

    def add_product(self, row: int, left: int, right: int, value: float) -> None:
        """Add to the coefficient of a product."""
        _add(self.products[row], (min(left, right), max(left, right)), value)
        self.rows_of[left].add(row)
        self.rows_of[right].add(row)

    def add_constant(self, row: int, value: float) -> None:
        """Add a constant to a row, by moving its limits."""
        self.row_low[row] -= value
        self.row_high[row] -= value
        self.size[row] = max(self.size[row], abs(value))

    def tighten(self, column: int, low: float, high: float, name: str) -> None:
        """Narrow the bounds of a column; fix it when one value is left.

        Raises:
            LimitsConflictError: no value is left.
        """
        low, high = max(low, self.low[column]), min(high, self.high[column])
        if self.integer[column]:
            low, high = np.ceil(low - WHOLE), np.floor(high + WHOLE)
        room = MISS * max(1.0, min(abs(low), abs(high)))
        if low > high + room:
            raise LimitsConflictError(
                f"row '{name}' wants column '{self.source.columns[column]}' from {low:.8g} to "
                f"{high:.8g}, which is empty; relax the row or the column's bounds"
            )
        if low == self.low[column] and high == self.high[column]:
            return
        self.low[column], self.high[column] = low, high
        if high - low < INFINITY and high - low <= REMAINDER * max(abs(low), abs(high)):
            self.fix(column, 0.5 * (low + high))
            return
        for row in self.rows_of[column]:
            self.touch(row)

    def fix(self, column: int, value: float) -> None:
        """Put a value for a column into all rows and the cost."""
        if not self.alive[column]:
            return
        self.undo.append(FixedColumn(column, value))
        self._substitute(column, value, 0.0, column)

    def alias(self, column: int, shift: float, factor: float, other: int, name: str) -> None:
        """Replace a column by shift + factor * other everywhere, and pass its bounds on."""
        ends = [(limit - shift) / factor for limit in (self.low[column], self.high[column])]
        self.undo.append(AliasColumn(column, shift, factor, other))
        self._substitute(column, shift, factor, other)
        self.tighten(other, min(ends), max(ends), name)

    def _substitute(self, column: int, shift: float, factor: float, other: int) -> None:
        self.alive[column] = False
        for row in self.rows_with(column):
            value = self.linear[row].pop(column, 0.0)
            self._replace(row, None, value, (shift, factor, other))
            for pair in [pair for pair in self.products[row] if column in pair]:
                value = self.products[row].pop(pair)
                partner = pair[0] if pair[1] == column else pair[1]
                if partner == column:  # x x = x shift + x factor other
                    self._replace(row, None, value * shift, (shift, factor, other))
                    self._replace(row, other, value * factor, (shift, factor, other))
                else:
                    self._replace(row, partner, value, (shift, factor, other))
            self.touch(row)
        self.rows_of[column] = set()
        cost, self.cost[column] = self.cost[column], 0.0
        self.offset += cost * shift
        if factor != 0.0:
            self.cost[other] += cost * factor

    def _replace(
        self, row: int, partner: int | None, value: float, line: tuple[float, float, int]
    ) -> None:
        """Add value * (shift + factor * other) to a row, times a partner when there is one."""
        shift, factor, other = line
        if partner is None:
            if value * shift != 0.0:
                self.add_constant(row, value * shift)
            if value * factor != 0.0:
                self.add_linear(row, other, value * factor)
            return
        if value * shift != 0.0:
            self.add_linear(row, partner, value * shift)
        if value * factor != 0.0:
            self.add_product(row, other, partner, value * factor)


def _add(entries: dict[Any, float], key: Any, value: float) -> None:
    old = entries.get(key, 0.0)
    new = old + value
    if abs(new) <= REMAINDER * max(abs(old), abs(value)):
        entries.pop(key, None)
    else:
        entries[key] = new


def working_rows(program: BilinearProgram) -> WorkingRows:
    """Return a program as dictionaries, every row waiting."""
    count, columns = len(program.rows), len(program.columns)
    matrix = program.linear
    start = matrix.indptr.tolist()
    index, data = matrix.indices.tolist(), matrix.data.tolist()
    linear = [dict(zip(index[a:b], data[a:b], strict=True)) for a, b in pairwise(start)]
    work = WorkingRows(
        source=program,
        names=list(program.rows),
        linear=[{k: v for k, v in row.items() if v != 0.0} for row in linear],
        products=[{} for _ in range(count)],
        rows_of=[set() for _ in range(columns)],
        row_low=program.row_low.tolist(),
        row_high=program.row_high.tolist(),
        size=[0.0] * count,
        low=program.low.tolist(),
        high=program.high.tolist(),
        cost=program.cost.tolist(),
        offset=program.offset,
        integer=program.integer.tolist(),
        alive=[True] * columns,
        kept=[True] * count,
        queue=deque(range(count)),
        waiting=set(range(count)),
    )
    for row, entries in enumerate(work.linear):
        for column in entries:
            work.rows_of[column].add(row)
    parts = (program.term_row, program.term_left, program.term_right, program.term_coef)
    for row, left, right, value in zip(*(part.tolist() for part in parts), strict=True):
        if value != 0.0:
            work.add_product(row, left, right, value)
    return work


def packed(work: WorkingRows) -> tuple[BilinearProgram, Any]:
    """Return what is left as a program, and its columns' places in the source, shape (n,)."""
    source = work.source
    columns = np.flatnonzero(work.alive)
    place = np.full(len(work.alive), -1)
    place[columns] = np.arange(len(columns))
    rows = np.flatnonzero(work.kept)
    linear = [(n, k, v) for n, r in enumerate(rows) for k, v in work.linear[r].items()]
    terms = [(n, *p, v) for n, r in enumerate(rows) for p, v in work.products[r].items()]
    where, index, value = _parts(linear, 3)
    term = _parts(terms, 4)
    program = bilinear_program(
        tuple(source.columns[k] for k in columns),
        tuple(work.names[r] for r in rows),
        (where, place[index], value),
        (term[0], place[term[1]], place[term[2]], term[3]),
        (np.array(work.row_low)[rows], np.array(work.row_high)[rows]),
        (np.array(work.low)[columns], np.array(work.high)[columns]),
        (np.array(work.cost)[columns], work.offset, source.maximise),
        np.array(work.integer)[columns],
        np.clip(source.start[columns], np.array(work.low)[columns], np.array(work.high)[columns]),
    )
    return program, columns


def _parts(entries: list[Any], count: int) -> list[Any]:
    if not entries:
        return [np.zeros(0, dtype=np.int64)] * count
    return [np.array(part) for part in zip(*entries, strict=True)]
