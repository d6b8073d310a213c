"""The rows of a bilinear program with each product as a column of its own, and more such rows.

Once w_ij stands for x_i x_j, every row is linear. What is lost is w_ij = x_i x_j itself; the more
rows the w have to obey, the less is lost. A linear equation sum a_i x_i = b holds after
multiplication by any column q as well: sum a_i w_iq = b q (the reformulation-linearisation of
Sherali and Adams, "A hierarchy of relaxations between the continuous and convex hull
representations for zero-one programming problems", 1990). For a splitter that is the balance of a
quality, for a linear yield the yield itself: these rows close most of the gap of refinery models.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram

LONGEST_ROW = 30  # entries of an equation that is multiplied; longer ones ask for too many products
Product = tuple[int, int]


@dataclass(frozen=True)
class LiftedRows:
    """row_low <= matrix @ (x, w) <= row_high with w[k] = x[left[k]] * x[right[k]].

    Attributes:
        count: number n of columns x; the k products w follow them.
        left, right: of each product, left <= right, shape (k,).
        matrix: sparse CSR, shape (m, n + k).
        row_low, row_high: shape (m,).
        cost: to be minimised, shape (n + k,).
        offset: of the cost.
        integer: which columns are whole numbers, shape (n,).
    """

    count: int
    left: Any
    right: Any
    matrix: Any
    row_low: FloatArray
    row_high: FloatArray
    cost: FloatArray
    offset: float
    integer: Any

    def point(self, x: FloatArray) -> FloatArray:
        """Return x with the true products, shape (n + k,)."""
        return np.concatenate([x, x[self.left] * x[self.right]])


def lifted_rows(program: BilinearProgram) -> LiftedRows:
    """Return the rows of a program over its columns and products."""
    count = len(program.columns)
    low = np.minimum(program.term_left, program.term_right)
    high = np.maximum(program.term_left, program.term_right)
    keys, place = np.unique(low * count + high, return_inverse=True)
    shape = (len(program.rows), len(keys))
    products = sparse.csr_matrix((program.term_coef, (program.term_row, place)), shape=shape)
    matrix = sparse.hstack([program.linear, products]).tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return LiftedRows(
        count,
        keys // count,
        keys % count,
        matrix,
        program.row_low,
        program.row_high,
        np.concatenate([program.cost, np.zeros(len(keys))]),
        program.offset,
        program.integer,
    )


def multiplied_rows(rows: LiftedRows, missing: int) -> LiftedRows:
    """Return the rows and their linear equations times columns.

    Args:
        rows: as they are.
        missing: an equation is multiplied by a column when at least one of its products occurs
            in the rows already and at most this number does not.
    """
    known = {pair: k for k, pair in enumerate(zip(*_lists(rows), strict=True))}
    partners: list[set[int]] = [set() for _ in range(rows.count)]
    for one, other in known:
        partners[one].add(other)
        partners[other].add(one)
    places = dict(known)
    entries: list[tuple[int, int, float]] = []
    added = 0
    for columns, values, right in _linear_equations(rows):
        for factor in sorted(set().union(*(partners[k] for k in columns))):
            pairs = [(min(k, factor), max(k, factor)) for k in columns]
            absent = [pair for pair in pairs if pair not in known]
            if len(absent) > missing or len(absent) == len(pairs):
                continue
            for pair, value in zip(pairs, values, strict=True):
                product = places.setdefault(pair, len(places))
                entries.append((added, rows.count + product, value))
            if right != 0.0:
                entries.append((added, factor, -right))
            added += 1
    return _extended(rows, places, entries, added)


def _lists(rows: LiftedRows) -> tuple[list[int], list[int]]:
    return rows.left.tolist(), rows.right.tolist()


def _linear_equations(rows: LiftedRows) -> list[tuple[list[int], list[float], float]]:
    found = []
    start, index, data = rows.matrix.indptr, rows.matrix.indices, rows.matrix.data
    for row in np.flatnonzero(rows.row_low == rows.row_high):
        place = slice(start[row], start[row + 1])
        columns = index[place]
        if 0 < len(columns) <= LONGEST_ROW and np.all(columns < rows.count):
            found.append((columns.tolist(), data[place].tolist(), float(rows.row_low[row])))
    return found


def _extended(
    rows: LiftedRows, places: dict[Product, int], entries: list[tuple[int, int, float]], added: int
) -> LiftedRows:
    width = rows.count + len(places)
    row, column, value = (
        (np.array(part) for part in zip(*entries, strict=True))
        if entries
        else (np.zeros(0, dtype=np.int64),) * 3
    )
    more = sparse.csr_matrix((value, (row, column)), shape=(added, width))
    more.sum_duplicates()
    more.eliminate_zeros()
    old = sparse.csr_matrix(rows.matrix)
    old.resize(len(rows.row_low), width)
    pairs = np.array(sorted(places, key=lambda pair: places[pair]), dtype=np.int64).reshape(-1, 2)
    return LiftedRows(
        rows.count,
        pairs[:, 0],
        pairs[:, 1],
        sparse.vstack([old, more]).tocsr(),
        np.concatenate([rows.row_low, np.zeros(added)]),
        np.concatenate([rows.row_high, np.zeros(added)]),
        np.concatenate([rows.cost, np.zeros(width - len(rows.cost))]),
        rows.offset,
        rows.integer,
    )
