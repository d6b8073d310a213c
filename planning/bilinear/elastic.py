"""Rows that may be missed at a price, so that a solver can move through infeasible country."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from operator_agent.planning.bilinear.program import BilinearProgram

START_MISS = 0.1  # of a scaled row: where the misses start, off their bounds


def elastic(program: BilinearProgram, rows: Any, price: float) -> BilinearProgram:
    """Return the program with a miss below and above, at a price, for each of some rows.

    Args:
        program: scaled, so that one price fits all rows.
        rows: indices of the rows, shape (k,).
        price: cost of a unit of miss, in the program's scaled cost.

    Returns:
        A program whose last 2 k columns are the misses; its start holds them at `START_MISS`.
    """
    count = len(rows)
    places = (np.ones(count), (rows, np.arange(count)))
    miss = sparse.csr_matrix(places, (len(program.rows), count))
    return replace(
        program,
        columns=program.columns + ("miss",) * (2 * count),
        cost=np.concatenate([program.cost, np.full(2 * count, price)]),
        linear=sparse.hstack([program.linear, miss, -miss]).tocsr(),
        low=np.concatenate([program.low, np.zeros(2 * count)]),
        high=np.concatenate([program.high, np.full(2 * count, np.inf)]),
        integer=np.concatenate([program.integer, np.zeros(2 * count, dtype=bool)]),
        start=np.concatenate([program.start, np.full(2 * count, START_MISS)]),
    )


def product_rows(program: BilinearProgram) -> Any:
    """Return the rows that hold products, in order."""
    return np.unique(program.term_row)
