"""Whole numbers from a relaxed plan, without a search tree.

In planning models a binary mostly says which of two things may happen: charge or draw a tank, run
or stand. At a relaxed point the rows tell between what ends each whole-number column may lie; a
whole number there is taken. Where there is none, the one nearest to their middle is what the flows
ask for: of a tank that is charged and drawn at once, the larger. Where such numbers do not go
together, a mixed-integer program of the first-order model at the relaxed point chooses.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.elastic import elastic, product_rows
from operator_agent.planning.bilinear.linear_part import solve_linear_part
from operator_agent.planning.bilinear.local_solve import Derivatives
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.scaling import Scales, scaled, scales_for

ROOM = 1e-6  # by which a relaxed point may miss the rows around a whole number
PRICE = 1e3  # of a missed row of the first-order model: only where whole numbers leave no choice


def relaxed(program: BilinearProgram) -> BilinearProgram:
    """Return the program with whole numbers freed."""
    return replace(program, integer=np.zeros(len(program.columns), dtype=bool))


def rounded(program: BilinearProgram, x: FloatArray) -> FloatArray:
    """Return a whole number for each whole-number column at a relaxed point.

    Args:
        program: with whole numbers.
        x: relaxed point, shape (n,).

    Returns:
        Whole numbers, in the order of the whole-number columns.
    """
    columns = np.flatnonzero(program.integer)
    room_low, room_high = _room(program, x)
    low = np.maximum(room_low, program.low)[columns]
    high = np.minimum(room_high, program.high)[columns]
    first, last = np.ceil(low - ROOM), np.floor(high + ROOM)
    bounded = np.isfinite(low) & np.isfinite(high)
    middle = 0.5 * (np.where(bounded, low, x[columns]) + np.where(bounded, high, x[columns]))
    inside = np.clip(np.round(x[columns]), np.minimum(first, last), last)
    whole = np.where(first <= last, inside, np.floor(middle + 0.5))
    return np.clip(whole, np.ceil(program.low[columns]), np.floor(program.high[columns]))


def _room(program: BilinearProgram, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return between what ends the linear rows leave each column when all others stay at x."""
    matrix = program.linear.tocoo()
    chosen = program.integer[matrix.col]
    row, column, value = matrix.row[chosen], matrix.col[chosen], matrix.data[chosen]
    rest = program.activity(x)[row] - value * x[column]
    ends = np.stack([program.row_low[row] - rest, program.row_high[row] - rest]) / value
    low = np.full(len(program.columns), -np.inf)
    high = np.full(len(program.columns), np.inf)
    np.maximum.at(low, column, np.min(ends, axis=0))
    np.minimum.at(high, column, np.max(ends, axis=0))
    return low, high


def with_whole_numbers(program: BilinearProgram, values: FloatArray) -> BilinearProgram:
    """Return the program with its whole-number columns fixed at values."""
    low, high = program.low.copy(), program.high.copy()
    low[program.integer] = values
    high[program.integer] = values
    return replace(program, low=low, high=high)


def chosen(program: BilinearProgram, x: FloatArray, scales: Scales) -> FloatArray | None:
    """Return whole numbers that fit the linear rows and, to first order, those with products.

    Args:
        program: with whole numbers.
        x: relaxed point, shape (n,).
        scales: of the program.

    Returns:
        Whole numbers, in the order of the whole-number columns; None when there are none that
        satisfy the linear rows, or the solver ran out of time.
    """
    first_order = _first_order(program, x)
    columns = np.where(program.integer, 1.0, scales.columns)
    inner = scaled(first_order, scales_for(first_order, columns, scales.cost))
    found = solve_linear_part(elastic(inner, product_rows(program), PRICE))
    values = found.x[: len(x)][program.integer]
    return values if np.all(np.isfinite(values)) else None


def _first_order(program: BilinearProgram, x: FloatArray) -> BilinearProgram:
    """Return the program with every product replaced by its tangent plane at a point."""
    derivatives = Derivatives(program)
    shape = len(program.rows), len(x)
    entries = derivatives.jacobian(x), derivatives.jacobianstructure()
    slopes = sparse.csr_matrix(entries, shape)
    shift = derivatives.constraints(x) - slopes @ x
    none = np.zeros(0, dtype=np.int64)
    return replace(
        program,
        linear=slopes,
        term_row=none,
        term_left=none,
        term_right=none,
        term_coef=np.zeros(0),
        row_low=program.row_low - shift,
        row_high=program.row_high - shift,
    )
