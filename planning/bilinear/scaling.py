"""Scales of the columns and rows of a bilinear program.

Flows count in tonnes, qualities from 1e-4 to 1e5: a local solver whose tolerances are absolute
needs all of them near one. Flows share one scale, so that balances stay sums of like numbers. A
quality is measured by its finite bound; else by the rows in which it stands, since in
quality * flow = sum of others the sizes of two parts tell that of the third.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.factors import qualities
from operator_agent.planning.bilinear.program import BilinearProgram

ROUNDS = 8  # of passing scales along rows; chains of mixers in a refinery are no longer
LEAST_SHARE = 1e-2  # of the first scale: the least scale of a column that is zero at the point


@dataclass(frozen=True)
class Scales:
    """What columns are divided by and rows and the cost multiplied by.

    Attributes:
        columns: shape (n,).
        rows: shape (m,).
        cost: one number.
    """

    columns: FloatArray
    rows: FloatArray
    cost: float


def first_scales(program: BilinearProgram) -> Scales:
    """Return scales from bounds and rows, when no point is known."""
    return scales_for(program, _column_scales(program))


def scales_at(program: BilinearProgram, x: FloatArray, first: Scales) -> Scales:
    """Return scales from a point: what each column measures there, within bounds of the first."""
    least, most = LEAST_SHARE * first.columns, first.columns / LEAST_SHARE
    return scales_for(program, np.asarray(np.clip(np.abs(x), least, most)))


def scales_for(program: BilinearProgram, columns: FloatArray) -> Scales:
    """Return the scales of rows and cost that fit those of the columns."""
    size = np.zeros(len(program.rows))
    where = np.repeat(np.arange(len(program.rows)), np.diff(program.linear.indptr))
    np.maximum.at(size, where, np.abs(program.linear.data) * columns[program.linear.indices])
    products = np.abs(program.term_coef) * columns[program.term_left] * columns[program.term_right]
    np.maximum.at(size, program.term_row, products)
    costs = np.abs(program.cost) * columns
    typical = float(np.median(costs[costs > 0.0])) if np.any(costs > 0.0) else 1.0
    return Scales(columns, 1.0 / np.where(size > 0.0, size, 1.0), 1.0 / typical)


def scaled(program: BilinearProgram, scales: Scales) -> BilinearProgram:
    """Return the program in scaled columns, rows and cost."""
    columns, rows = scales.columns, scales.rows
    products = program.term_coef * columns[program.term_left] * columns[program.term_right]
    return replace(
        program,
        cost=program.cost * columns * scales.cost,
        offset=program.offset * scales.cost,
        linear=(sparse.diags(rows) @ program.linear @ sparse.diags(columns)).tocsr(),
        term_coef=products * rows[program.term_row],
        row_low=program.row_low * rows,
        row_high=program.row_high * rows,
        low=program.low / columns,
        high=program.high / columns,
        start=program.start / columns,
    )


def _column_scales(program: BilinearProgram) -> FloatArray:
    quality = qualities(program)
    bound = np.where(np.isfinite(program.high), np.abs(program.high), 0.0)
    bound = np.maximum(bound, np.where(np.isfinite(program.low), np.abs(program.low), 0.0))
    scale = np.where(quality, np.nan, _flow_scale(bound[~quality]))
    known = quality & np.isfinite(program.high) & (bound > 0.0)
    scale[known] = bound[known]
    for _ in range(ROUNDS):
        unknown = np.isnan(scale)
        if not np.any(unknown):
            break
        found = _from_rows(program, scale)
        scale[unknown] = found[unknown]
    return np.where(np.isnan(scale), 1.0, scale)


def _flow_scale(bounds: FloatArray) -> float:
    given = bounds[bounds > 0.0]
    return float(np.exp(np.mean(np.log(given)))) if len(given) else 1.0


def _from_rows(program: BilinearProgram, scale: FloatArray) -> FloatArray:
    """Return the geometric mean of what the rows say of each column; NaN where they are silent."""
    entries = np.repeat(np.arange(len(program.rows)), np.diff(program.linear.indptr))
    linear = np.abs(program.linear.data) * scale[program.linear.indices]
    left, right = scale[program.term_left], scale[program.term_right]
    size = np.full(len(program.rows), np.nan)
    np.fmax.at(size, entries, linear)
    np.fmax.at(size, program.term_row, np.abs(program.term_coef) * left * right)
    coefficient, of_row = np.abs(program.term_coef), size[program.term_row]
    columns = np.concatenate([program.linear.indices, program.term_left, program.term_right])
    says = np.concatenate(
        [
            size[entries] / np.abs(program.linear.data),
            of_row / (coefficient * right),
            of_row / (coefficient * left),
        ]
    )
    heard = np.isfinite(says) & (says > 0.0)
    weights, count = np.log(says[heard]), len(scale)
    total = np.bincount(columns[heard], weights=weights, minlength=count)
    times = np.bincount(columns[heard], minlength=count)
    return np.where(times > 0, np.exp(total / np.maximum(times, 1)), np.nan)
