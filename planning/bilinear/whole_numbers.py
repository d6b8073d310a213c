"""Whole numbers from a relaxed plan, without a search tree.

In planning models a binary mostly says which of two things may happen: charge or draw a tank, run
or stand. At a relaxed point the rows tell between what ends each whole-number column may lie; the
whole number nearest to their middle is what the flows ask for: of a tank that is charged and drawn
at once, the larger.
"""

from dataclasses import replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram


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
    low, high = _room(program, x)
    middle = 0.5 * (np.maximum(low, program.low) + np.minimum(high, program.high))[columns]
    middle = np.where(np.isfinite(middle), middle, x[columns])
    whole = np.floor(middle + 0.5)
    least, most = np.ceil(program.low[columns]), np.floor(program.high[columns])
    return np.asarray(np.clip(whole, least, most))


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
