"""Which columns of a bilinear program are qualities and which are flows.

Products of a planning model are quality * flow, so the graph of its products has two sides. Flows
are summed, bought and sold: they stand in linear rows and in the cost. Qualities are rarely summed
and are more often bounded.
"""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components

from operator_agent.planning.bilinear.program import BilinearProgram


def qualities(program: BilinearProgram) -> Any:
    """Return which columns are qualities, boolean, shape (n,).

    In each connected part of the graph of products, the side that is seldomer summed. A part
    without two sides (a square, a cycle of odd length) has no qualities.
    """
    count = len(program.columns)
    found = np.zeros(count, dtype=bool)
    if not len(program.term_coef):
        return found
    ones = np.ones(len(program.term_coef))
    graph = sparse.csr_matrix((ones, (program.term_left, program.term_right)), (count, count))
    graph = graph + graph.T
    parts, part = connected_components(graph, directed=False)
    side = _sides(graph, part)
    odd = np.zeros(parts, dtype=bool)
    odd[part[program.term_left[side[program.term_left] == side[program.term_right]]]] = True
    score = _flow_score(program)
    key = 2 * part + side
    size = np.maximum(np.bincount(key, minlength=2 * parts), 1)
    mean = (np.bincount(key, weights=score, minlength=2 * parts) / size).reshape(parts, 2)
    quality_side = np.argmin(mean, axis=1)
    used = np.asarray(graph.getnnz(axis=1) > 0)
    return used & (side == quality_side[part]) & ~odd[part]


def _sides(graph: Any, part: Any) -> Any:
    """Return 0 or 1 for each column, so that every product has one of each where that can be."""
    side = np.zeros(len(part), dtype=np.int64)
    _, first = np.unique(part, return_index=True)
    linked = np.asarray(graph.getnnz(axis=1) > 0)
    for root in first[linked[first]]:
        order, before = breadth_first_order(graph, root, directed=False)
        for column in order[1:]:
            side[column] = 1 - side[before[column]]
    return side


def _flow_score(program: BilinearProgram) -> Any:
    """Return for each column how much it looks like a flow."""
    matrix = program.linear.tocsc()
    with_products = np.zeros(len(program.rows))
    with_products[program.term_row] = 1.0
    present = sparse.csc_matrix((np.ones(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)
    summed = present.T @ (1.0 - with_products) > 0.0
    beside_products = present.T @ with_products > 0.0
    priced = program.cost != 0.0
    bounded = np.isfinite(program.high)
    return 1.0 * summed + beside_products + priced - 0.5 * bounded
