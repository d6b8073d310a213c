"""Ranging: how far a price or a limit may move while the same plan stays the best.

HiGHS ranges the optimal basis. For a price that is the span over which no decision changes; for a
right-hand side the span over which the marginal stays and the same limits hold. Where an optimum is
degenerate another basis of it may range wider; two-sided marginals (see `two_sided`) do not depend
on the basis.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import SolveFailedError
from operator_agent.planning.analysis.base import Base
from operator_agent.planning.analysis.two_sided import limit_size, limits_in_rows
from operator_agent.planning.limits import Limit, LimitKind, Side
from operator_agent.planning.linear import LinearProgram, load_solver
from operator_agent.units import HOUR_S


@dataclass(frozen=True, slots=True)
class ColumnRange:
    """The range of a profit coefficient.

    Attributes:
        name: of the column.
        value: of the column.
        profit: per unit of the column.
        reduced: gain of profit per unit by which the bound that holds the column rises.
        low, high: between which the profit coefficient leaves the plan as it is.
    """

    name: str
    value: float
    profit: float
    reduced: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RowRange:
    """The range of a right-hand side.

    Attributes:
        name: of the row.
        value: of the row.
        limit: the side that holds, or the only one.
        marginal: gain of profit per unit by which it rises.
        low, high: between which the marginal stays.
        holds: whether the row holds the basis at its limit.
    """

    name: str
    value: float
    limit: float
    marginal: float
    low: float
    high: float
    holds: bool


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges of all columns and rows of a linear program."""

    columns: tuple[ColumnRange, ...]
    rows: tuple[RowRange, ...]


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The range of a price.

    Attributes:
        kind: crude, purchase or product.
        item: its name.
        flow: in the plan [m3/s].
        price: [usd/m3].
        low, high: between which the plan stays as it is [usd/m3].
    """

    kind: LimitKind
    item: str
    flow: float
    price: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LimitRange:
    """The range of a limit.

    Attributes:
        limit: the limit.
        value: where the plan stands [SI].
        marginal: flows [usd/m3], qualities [usd/h per SI unit].
        low, high: between which the marginal stays [SI]; of qualities to first order.
    """

    limit: Limit
    value: float
    marginal: float
    low: float
    high: float


def range_program(program: LinearProgram) -> Ranges:
    """Return the ranges of a linear program.

    Args:
        program: to solve; its whole numbers are fixed already (`LinearProgram.fixed_at`).

    Raises:
        SolveFailedError: it has no optimum, or HiGHS gives no ranges for it.
    """
    solver = load_solver(program)
    solver.run()
    status, found = solver.getRanging()
    if not found.valid:
        raise SolveFailedError(
            f"the linear program gives no ranges ({solver.getModelStatus()}, {status}); solve it "
            "first and see what its limits contradict"
        )
    scale, columns = program.scales()
    solution = solver.getSolution()
    return Ranges(
        _column_ranges(program, columns, solution, found),
        _row_ranges(program, scale, solver, found),
    )


def _column_ranges(
    program: LinearProgram, columns: FloatArray, solution: Any, found: Any
) -> tuple[ColumnRange, ...]:
    """Return the ranges of profit coefficients: minus those of the cost that HiGHS minimises."""
    count = len(columns)  # HiGHS 1.15 lists the rows behind the columns
    return tuple(
        ColumnRange(variable.name, value + 0.0, -cost + 0.0, -reduced + 0.0, -high, -low)
        for variable, value, cost, reduced, low, high in zip(
            program.variables,
            np.array(solution.col_value) * columns,
            program.cost,
            np.array(solution.col_dual) / columns,
            np.array(found.col_cost_dn.value_)[:count] / columns,
            np.array(found.col_cost_up.value_)[:count] / columns,
            strict=True,
        )
    )


def _row_ranges(
    program: LinearProgram, scale: FloatArray, solver: Any, found: Any
) -> tuple[RowRange, ...]:
    """Return the ranges of right-hand sides; a basic row may move up to where the plan is."""
    solution, states = solver.getSolution(), solver.getBasis().row_status
    values = np.array(solution.row_value) / scale
    marginals = -np.array(solution.row_dual) * scale
    low, high = (
        np.array(side.value_)[-len(scale) :] / scale
        for side in (found.row_bound_dn, found.row_bound_up)
    )
    ranges = []
    for index, row in enumerate(program.rows):
        sides = float(program.row_low[index]), float(program.row_high[index])
        span, value = (float(low[index]), float(high[index])), float(values[index])
        above = np.isfinite(sides[1]) and states[index] != highspy.HighsBasisStatus.kLower
        holds = states[index] != highspy.HighsBasisStatus.kBasic
        if not holds:
            span = (value, np.inf) if above else (-np.inf, value)
        limit, marginal = sides[1] if above else sides[0], float(marginals[index]) + 0.0
        ranges.append(RowRange(row.name, value + 0.0, limit, marginal, *span, holds))
    return tuple(ranges)


def price_ranges(base: Base) -> tuple[PriceRange, ...]:
    """Return between which prices of each purchase and sale the plan stays as it is.

    Args:
        base: the solved case.

    Raises:
        SolveFailedError: HiGHS gives no ranges.
    """
    columns = range_program(base.program).columns
    found = []
    for (kind, item), place in base.totals.items():
        one = columns[place]
        low, high = (one.low, one.high) if kind is LimitKind.PRODUCT else (-one.high, -one.low)
        flow = one.value / HOUR_S
        found.append(PriceRange(kind, item, flow, abs(one.profit), low, high))
    return tuple(found)


def limit_ranges(base: Base) -> tuple[LimitRange, ...]:
    """Return between which values of each limit its marginal stays.

    Args:
        base: the solved case.

    Raises:
        SolveFailedError: HiGHS gives no ranges.
    """
    rows = range_program(base.program).rows
    found = []
    for result, row_step in limits_in_rows(base):
        limit, row = result.limit, rows[base.row_of(result.limit.key)]
        if row_step == 0.0:  # an empty blend: its specification holds at any value
            low, high = -np.inf, np.inf
        elif not row.holds:
            upper = limit.side is Side.MAX
            low, high = (result.value, np.inf) if upper else (-np.inf, result.value)
        else:
            size = limit_size(limit) / row_step
            moves = sorted(((row.low - row.limit) * size, (row.high - row.limit) * size))
            low, high = limit.value + moves[0], limit.value + moves[1]
        found.append(LimitRange(limit, result.value, row.marginal * row_step + 0.0, low, high))
    return tuple(found)
