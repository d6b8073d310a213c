"""Statistics of a program's matrix, with what in it is likely to hurt a solver or hide a mistake.

Numbers that lie far apart, coefficients that are only rounding, rows written twice with another
last digit, rows that never hold: these make plans slow, unstable, or wrong in silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.analysis.rows import (
    ProgramRows,
    activity_range,
    parallel_rows,
    program_rows,
)
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.linear import LinearProgram, compile_linear
from operator_agent.planning.recursion import FIRST_TRUST_K, linear_model, solve_recursion
from operator_agent.planning.refinery import refinery

TINY = 1e-6  # of the largest term of its row: below it a coefficient is closer to rounding
WIDE = 1e8  # largest over smallest: beyond it 64-bit arithmetic loses half its digits
EXACT = 1e-12  # relative: rows that differ by less are one row


class Concern(Enum):
    """What a finding is about; the value is the advice."""

    TINY = "drop the coefficient, or state the quantity in a smaller unit"
    PARALLEL = "the rows nearly repeat each other: keep one, made from one source of numbers"
    DUPLICATE = "the rows repeat each other: keep one"
    EMPTY_ROW = "the row limits nothing: delete it, or add what it should limit"
    EMPTY_COLUMN = "the column is in no row: delete it, or add the row that is missing"
    NEVER_BINDS = "no values within the bounds reach the limit: it may go"
    NEVER_HOLDS = "no values within the bounds keep the limit: correct it or the bounds"
    WIDE_COEFFICIENTS = "numbers lie far apart: measure columns in units near their values"
    WIDE_COST = "costs lie far apart: the smallest are lost beside the largest"
    WIDE_BOUNDS = "bounds lie far apart: replace the largest by limits that the plant has"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing in the matrix that deserves a look.

    Attributes:
        concern: what it is about.
        where: names of the rows or columns.
        amount: relative size, distance or spread, by concern; NaN where none applies.
    """

    concern: Concern
    where: tuple[str, ...]
    amount: float

    def text(self) -> str:
        """Return the finding with its advice."""
        return f"{', '.join(self.where)}: {self.concern.value}"


@dataclass(frozen=True, slots=True)
class Span:
    """Smallest and largest absolute value among numbers that are neither zero nor infinite."""

    low: float
    high: float

    @property
    def spread(self) -> float:
        """Largest over smallest; one when there is no number."""
        return self.high / self.low if self.low > 0.0 else 1.0


@dataclass(frozen=True, slots=True)
class MatrixStatistics:
    """The matrix of a program in numbers.

    Attributes:
        rows, columns, nonzeros, products, integers, equalities: counts; products are bilinear
            terms.
        coefficients, scaled, right_sides, costs, bounds: spans; `scaled` are the coefficients
            after columns are measured by their bounds and rows by their largest term.
        unbounded: columns without a finite bound on at least one side.
        findings: worst concerns first.
    """

    rows: int
    columns: int
    nonzeros: int
    products: int
    integers: int
    equalities: int
    coefficients: Span
    scaled: Span
    right_sides: Span
    costs: Span
    bounds: Span
    unbounded: int
    findings: tuple[Finding, ...]

    def count(self, concern: Concern) -> int:
        """Return how many findings are about a concern."""
        return sum(finding.concern is concern for finding in self.findings)


def matrix_statistics(program: LinearProgram | BilinearProgram) -> MatrixStatistics:
    """Return the statistics of a linear or bilinear program.

    Args:
        program: compiled from a case, read from a file, or built.
    """
    rows = program_rows(program)
    spans = {
        "coefficients": _span(rows.value),
        "scaled": _span(rows.scaled),
        "right_sides": _span(np.concatenate([rows.low, rows.high])),
        "costs": _span(rows.cost),
        "bounds": _span(np.concatenate([rows.column_low, rows.column_high])),
    }
    one_sided = ~(np.isfinite(rows.column_low) & np.isfinite(rows.column_high))
    found = [*_whole(spans), *_rows(rows), *_columns(rows)]
    order = list(_ORDER)
    return MatrixStatistics(
        rows=len(rows.names),
        columns=len(rows.columns),
        nonzeros=int(np.sum(rows.right < 0)),
        products=int(np.sum(rows.right >= 0)),
        integers=rows.integers,
        equalities=int(np.sum(rows.low == rows.high)),
        unbounded=int(np.sum(one_sided)),
        findings=tuple(sorted(found, key=lambda finding: order.index(finding.concern))),
        **spans,
    )


def case_matrix(case: PlanningCase) -> MatrixStatistics:
    """Return the statistics of the linear program about the plan of a case, solved or not.

    Args:
        case: whose limits may even contradict each other.

    Raises:
        SolveFailedError: a pass of the recursion has no solution even with all limits elastic.
    """
    plant = refinery(case)
    point = solve_recursion(plant).point
    return matrix_statistics(compile_linear(linear_model(plant, point, FIRST_TRUST_K)))


def _span(values: FloatArray) -> Span:
    size = np.abs(values[np.isfinite(values) & (values != 0.0)])
    return Span(float(np.min(size)), float(np.max(size))) if size.size else Span(0.0, 0.0)


def _whole(spans: dict[str, Span]) -> Iterator[Finding]:
    for name, concern in (
        ("coefficients", Concern.WIDE_COEFFICIENTS),
        ("costs", Concern.WIDE_COST),
        ("bounds", Concern.WIDE_BOUNDS),
    ):
        if spans[name].spread > WIDE:
            yield Finding(concern, (f"all {name}",), spans[name].spread)


def _rows(rows: ProgramRows) -> Iterator[Finding]:
    """Yield what single rows, and rows beside each other, give reason to look at."""
    for entry in np.flatnonzero(np.abs(rows.scaled) < TINY):
        where = (rows.names[rows.row[entry]], rows.entry_name(int(entry)))
        yield Finding(Concern.TINY, where, float(abs(rows.scaled[entry])))
    filled = np.bincount(rows.row, minlength=len(rows.names)) > 0
    for index in np.flatnonzero(~filled):
        yield Finding(Concern.EMPTY_ROW, (rows.names[index],), float("nan"))
    for first, second, distance in parallel_rows(rows):
        concern = Concern.DUPLICATE if distance <= EXACT else Concern.PARALLEL
        yield Finding(concern, (rows.names[first], rows.names[second]), distance)
    low, high = activity_range(rows)
    limited = np.isfinite(rows.low) | np.isfinite(rows.high)
    idle = filled & limited & (low >= rows.low) & (high <= rows.high)
    broken = (low > _beyond(rows.high, 1.0)) | (high < _beyond(rows.low, -1.0))
    for mask, concern in ((idle, Concern.NEVER_BINDS), (broken, Concern.NEVER_HOLDS)):
        for index in np.flatnonzero(mask):
            yield Finding(concern, (rows.names[index],), float("nan"))


def _beyond(side: FloatArray, sign: float) -> FloatArray:
    """Return a side moved out by its rounding."""
    return np.asarray(np.where(np.isfinite(side), side + sign * EXACT * (1.0 + abs(side)), side))


def _columns(rows: ProgramRows) -> Iterator[Finding]:
    used = np.zeros(len(rows.columns), dtype=bool)
    used[rows.left] = True
    used[rows.right[rows.right >= 0]] = True
    for index in np.flatnonzero(~used):
        yield Finding(Concern.EMPTY_COLUMN, (rows.columns[index],), float("nan"))


_ORDER: tuple[Any, ...] = (
    Concern.NEVER_HOLDS,
    Concern.PARALLEL,
    Concern.TINY,
    Concern.WIDE_COEFFICIENTS,
    Concern.WIDE_COST,
    Concern.WIDE_BOUNDS,
    Concern.DUPLICATE,
    Concern.EMPTY_ROW,
    Concern.EMPTY_COLUMN,
    Concern.NEVER_BINDS,
)
