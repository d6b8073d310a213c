"""Scales of the columns and rows of a bilinear program.

Flows count in tonnes, qualities from 1e-4 to 1e5: a local solver whose tolerances are absolute
needs all of them near one. Bounds tell the size of some columns, and flows are of one order; the
rest follows from the rows, since in quality * flow = sum of others the sizes of two parts tell
that of the third.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.factors import qualities
from operator_agent.planning.bilinear.program import BilinearProgram

TIGHT = 3.0  # weight, against one term of a row, of a bound and of the common size of flows
LOOSE = 0.1  # weight of size one for a quality without bounds: its rows know better
NO_WEIGHT = 1e-6  # keeps empty rows from making the equations singular
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
    """Return scales from a point: what each column measures there, within reach of the first."""
    least, most = LEAST_SHARE * first.columns, first.columns / LEAST_SHARE
    return scales_for(program, np.asarray(np.clip(np.abs(x), least, most)), first.cost)


def scales_between(program: BilinearProgram, x: FloatArray, first: Scales) -> Scales:
    """Return scales half way, in logarithms, between the first and those of a rough point."""
    columns = np.sqrt(first.columns * scales_at(program, x, first).columns)
    return scales_for(program, columns, first.cost)


def scales_for(program: BilinearProgram, columns: FloatArray, cost: float | None = None) -> Scales:
    """Return the scales of rows that fit those of the columns.

    Args:
        program: to scale.
        columns: shape (n,).
        cost: scale of the cost; when not given, such that a typical column costs one.
    """
    size = np.zeros(len(program.rows))
    where = np.repeat(np.arange(len(program.rows)), np.diff(program.linear.indptr))
    np.maximum.at(size, where, np.abs(program.linear.data) * columns[program.linear.indices])
    products = np.abs(program.term_coef) * columns[program.term_left] * columns[program.term_right]
    np.maximum.at(size, program.term_row, products)
    if cost is None:
        costs = np.abs(program.cost) * columns
        cost = 1.0 / float(np.median(costs[costs > 0.0])) if np.any(costs > 0.0) else 1.0
    return Scales(columns, 1.0 / np.where(size > 0.0, size, 1.0), cost)


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
    """Return the scales that make the terms of each row alike and stay near what is known.

    Least squares in logarithms: for each term, log|coefficient| + the logarithms of its columns'
    scales - that of its row's size; and for each column its distance from a bound or a common
    size, times a weight.
    """
    quality = qualities(program)
    bound = np.where(np.isfinite(program.high), np.abs(program.high), 0.0)
    flow = _common_size(bound[~quality])
    known = np.where(bound > 0.0, bound, np.where(quality, 1.0, flow))
    weight = np.where(quality & (bound == 0.0), LOOSE, TIGHT)
    terms, logs = _log_terms(program)
    rows = np.full(len(program.rows), NO_WEIGHT)
    normal = terms.T @ terms + sparse.diags(np.concatenate([weight, rows]))
    right = -(terms.T @ logs) + np.concatenate([weight * np.log(known), 0.0 * rows])
    found = spsolve(normal.tocsc(), right)[: len(known)]
    return np.asarray(np.exp(found))


def _log_terms(program: BilinearProgram) -> tuple[Any, FloatArray]:
    """Return which columns and rows each term has, a sparse matrix, and its log|coefficient|."""
    linear = program.linear.tocoo()
    given = linear.data != 0.0
    first, count = int(np.sum(given)), len(program.columns)
    row = np.concatenate([linear.row[given], program.term_row])
    total = len(row)
    each, products = np.arange(total), np.arange(first, total)
    place = np.concatenate([linear.col[given], program.term_left, program.term_right, count + row])
    ones = np.ones(2 * total - first)
    entry = (
        np.concatenate([ones, -np.ones(total)]),
        (np.concatenate([each, products, each]), place),
    )
    terms = sparse.csr_matrix(entry, (total, count + len(program.rows)))
    return terms, np.log(np.abs(np.concatenate([linear.data[given], program.term_coef])))


def _common_size(bounds: FloatArray) -> float:
    """Return the geometric mean of the bounds that are given; one without any."""
    given = bounds[bounds > 0.0]
    return float(np.exp(np.mean(np.log(given)))) if len(given) else 1.0
