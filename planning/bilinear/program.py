"""A bilinear program as arrays: what every planning model with tracked qualities comes down to.

minimise  cost @ x + offset
subject to  row_low <= linear @ x + (products of pairs of columns) <= row_high,
            low <= x <= high,  some columns whole numbers.

Products are kept as four parallel arrays, one entry for each term coef * x[left] * x[right] of a
row, so that rows, derivatives and bounds are a few vector operations.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray


@dataclass(frozen=True)
class BilinearProgram:
    """The program; see the head of the module.

    Attributes:
        columns: names, length n.
        rows: names, length m.
        cost: shape (n,), to be minimised whatever the sense in which the objective was stated.
        offset: constant of the cost.
        maximise: whether the objective was stated as a maximum; `objective` has that sign.
        linear: sparse CSR matrix, shape (m, n).
        term_row, term_left, term_right: row and columns of each product, integer, shape (k,).
        term_coef: shape (k,).
        row_low, row_high: shape (m,), infinite where there is no limit.
        low, high: shape (n,), likewise.
        integer: which columns are whole numbers, boolean, shape (n,).
        start: values given with the problem, shape (n,).
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cost: FloatArray
    offset: float
    maximise: bool
    linear: Any
    term_row: Any
    term_left: Any
    term_right: Any
    term_coef: FloatArray
    row_low: FloatArray
    row_high: FloatArray
    low: FloatArray
    high: FloatArray
    integer: Any
    start: FloatArray

    def objective(self, x: FloatArray) -> float:
        """Return the objective at x, in the sense in which it was stated."""
        value = float(self.cost @ x) + self.offset
        return -value if self.maximise else value

    def activity(self, x: FloatArray) -> FloatArray:
        """Return the value of every row at x, shape (m,)."""
        return np.asarray(self.linear @ x + self._sums(self._products(x)))

    def row_size(self, x: FloatArray) -> FloatArray:
        """Return max(1, largest absolute term) of every row at x, shape (m,)."""
        size = np.ones(len(self.rows))
        np.maximum.at(size, self._linear_rows, np.abs(self.linear.data * x[self.linear.indices]))
        np.maximum.at(size, self.term_row, np.abs(self._products(x)))
        return size

    def violations(self, x: FloatArray) -> FloatArray:
        """Return by how much x misses each row, relative to `row_size`, shape (m,)."""
        value = self.activity(x)
        over = np.maximum(np.maximum(self.row_low - value, value - self.row_high), 0.0)
        return np.asarray(over / self.row_size(x))

    def bound_violations(self, x: FloatArray) -> FloatArray:
        """Return by how much x misses each bound, or a whole number, relative, shape (n,)."""
        over = np.maximum(np.maximum(self.low - x, x - self.high), 0.0)
        broken = np.where(self.integer, np.abs(x - np.round(x)), 0.0)
        return np.asarray(np.maximum(over / np.maximum(1.0, np.abs(x)), broken))

    def violation(self, x: FloatArray) -> float:
        """Return the largest miss of any row or bound; infinite when x is not finite."""
        if not np.all(np.isfinite(x)):
            return float("inf")
        rows = float(np.max(self.violations(x), initial=0.0))
        return max(rows, float(np.max(self.bound_violations(x), initial=0.0)))

    def _products(self, x: FloatArray) -> FloatArray:
        return np.asarray(self.term_coef * x[self.term_left] * x[self.term_right])

    def _sums(self, products: FloatArray) -> FloatArray:
        sums = np.bincount(self.term_row, weights=products, minlength=len(self.rows))
        return np.asarray(sums, dtype=np.float64)

    @cached_property
    def _linear_rows(self) -> Any:
        return np.repeat(np.arange(len(self.rows)), np.diff(self.linear.indptr))


def bilinear_program(
    columns: tuple[str, ...],
    rows: tuple[str, ...],
    entries: tuple[Any, Any, Any],
    terms: tuple[Any, Any, Any, Any],
    limits: tuple[FloatArray, FloatArray],
    bounds: tuple[FloatArray, FloatArray],
    objective: tuple[FloatArray, float, bool],
    integer: Any,
    start: FloatArray,
) -> BilinearProgram:
    """Return a program from triplets.

    Args:
        columns, rows: names.
        entries: (row, column, value) of the linear part; repeated places add up.
        terms: (row, left column, right column, value) of the products.
        limits: low and high of the rows.
        bounds: low and high of the columns.
        objective: cost to be minimised, its constant, and whether it was stated as a maximum.
        integer: boolean, shape (n,).
        start: shape (n,).
    """
    row, column, value = entries
    shape = (len(rows), len(columns))
    linear = sparse.csr_matrix((value, (row, column)), shape=shape, dtype=np.float64)
    return BilinearProgram(
        columns=columns,
        rows=rows,
        cost=objective[0],
        offset=objective[1],
        maximise=objective[2],
        linear=linear,
        term_row=np.asarray(terms[0], dtype=np.int64),
        term_left=np.asarray(terms[1], dtype=np.int64),
        term_right=np.asarray(terms[2], dtype=np.int64),
        term_coef=np.asarray(terms[3], dtype=np.float64),
        row_low=limits[0],
        row_high=limits[1],
        low=bounds[0],
        high=bounds[1],
        integer=np.asarray(integer, dtype=bool),
        start=start,
    )
