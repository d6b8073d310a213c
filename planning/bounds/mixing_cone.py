"""The largest share that a product quality * flow can have of its flow: a small linear program.

Its dual values prove the answer: they add rows up to b G - q G = sum of terms that are not
negative. The sum is formed again here; what cancelled coefficients leave of each other is taken
for zero below REMAINDER of their size, as in presolve.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bounds.quality_flows import QualityFlow, ZeroRows

REMAINDER = 1e-11  # of the sum of the terms
RINGS = 3  # of rows around a quality: mass and volume of a blend, and of its parts
BUSY = 12  # rows of a column through which no further ring is drawn (crudes stand in hundreds)
MOST_ROWS = 150  # of a neighbourhood; larger ones gained nothing


@dataclass(frozen=True)
class MixingCone:
    """The cone of rows near a quality, cut where its flow is one.

    Attributes:
        matrix: sparse CSR: equations, then rows that are at most zero, then the flow.
        equations: number of equations.
        share: weights of the products, shape (columns,).
        free: which columns may be negative.
        qualities: columns of the program whose ranges take part.
    """

    matrix: Any
    equations: int
    share: FloatArray
    free: Any
    qualities: frozenset[int]

    def range(self) -> tuple[float, float]:
        """Return proven least and largest shares; infinite where nothing is proven."""
        solver = _loaded(self)
        return -self._largest(solver, -1.0), self._largest(solver, 1.0)

    def _largest(self, solver: Any, sign: float) -> float:
        count = len(self.share)
        cost = -sign * self.share
        solver.changeColsCost(count, np.arange(count, dtype=np.int32), cost)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return float("inf")
        y = np.array(solver.getSolution().row_dual)
        y[self.equations : -1] = np.minimum(y[self.equations : -1], 0.0)
        transposed = self.matrix.T.tocsr()
        reduced = cost - transposed @ y
        room = REMAINDER * (np.abs(cost) + abs(transposed) @ np.abs(y))
        unproven = (reduced < -room) | (self.free & (np.abs(reduced) > room))
        return float("inf") if np.any(unproven) else -float(y[-1])


def mixing_cone(rows: ZeroRows, flow: QualityFlow, low: FloatArray, high: FloatArray) -> MixingCone:
    """Return the cone of the rows near a quality and its flow.

    Args:
        rows: equations without constant.
        flow: with its quality.
        low, high: bounds of columns and products, shape (n + k,).
    """
    chosen, columns = _neighbourhood(rows, flow)
    place = {column: k for k, column in enumerate(columns)}
    shares, qualities = _known_shares(rows, place, low, high)
    one, share = np.zeros(len(columns)), np.zeros(len(columns))
    for stream, product, weight in zip(flow.flows, flow.products, flow.weights, strict=True):
        one[place[stream]] += weight
        share[place[product]] += weight
    parts = [rows.matrix[chosen][:, columns], shares, sparse.csr_matrix(one)]
    return MixingCone(
        sparse.vstack(parts).tocsr(), len(chosen), share, low[columns] < 0.0, qualities
    )


def _neighbourhood(rows: ZeroRows, flow: QualityFlow) -> tuple[list[int], list[int]]:
    """Return the rows of some rings around a quality, and their columns."""
    chosen: dict[int, None] = {}
    seen = {*flow.flows, *flow.products}
    ring = seen
    for depth in range(RINGS):
        touched = [
            row
            for k in ring
            if not depth or len(rows.rows_of[k]) <= BUSY
            for row in rows.rows_of[k]
        ]
        fresh: set[int] = set()
        for row in touched:
            if row not in chosen and len(chosen) < MOST_ROWS:
                chosen[row] = None
                fresh.update(k for k, _ in rows.entries[row])
        ring = fresh - seen
        seen = seen | fresh
    return list(chosen), sorted(seen)


def _known_shares(
    rows: ZeroRows, place: dict[int, int], low: FloatArray, high: FloatArray
) -> tuple[Any, frozenset[int]]:
    """Return the rows l F <= w <= h F of products whose factors' ranges are known."""
    entries: list[tuple[int, int, float]] = []
    qualities = set()
    count = 0
    for column in place:
        if column < rows.count:
            continue
        pair = rows.factors[column - rows.count]
        for quality, stream in (pair, pair[::-1]):
            if stream not in place or low[stream] < 0.0:
                continue
            qualities.add(quality)
            for end, sign in ((high[quality], 1.0), (low[quality], -1.0)):
                if np.isfinite(end) and (sign > 0.0 or end != 0.0):
                    entries.append((count, place[column], sign))
                    entries.append((count, place[stream], -sign * end))
                    count += 1
    row, index, value = zip(*entries, strict=True) if entries else ((), (), ())
    matrix = sparse.csr_matrix((value, (row, index)), shape=(count, len(place)))
    return matrix, frozenset(qualities)


def _loaded(cone: MixingCone) -> Any:
    matrix = cone.matrix.tocsc()
    high = np.zeros(matrix.shape[0])
    low = np.full(matrix.shape[0], -np.inf)
    low[: cone.equations] = 0.0
    low[-1] = high[-1] = 1.0
    program = highspy.HighsLp()
    program.num_row_, program.num_col_ = matrix.shape
    program.col_cost_ = np.zeros(matrix.shape[1])
    program.col_lower_ = np.where(cone.free, -np.inf, 0.0)
    program.col_upper_ = np.full(matrix.shape[1], np.inf)
    program.row_lower_, program.row_upper_ = low, high
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_ = matrix.indptr
    program.a_matrix_.index_ = matrix.indices
    program.a_matrix_.value_ = matrix.data
    solver = highspy.Highs()
    for option, value in _OPTIONS.items():
        solver.setOptionValue(option, value)
    solver.passModel(program)
    return solver


# The proof needs exact signs, so the tolerances are as small as HiGHS allows.
_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "threads": 1,
    "presolve": "off",
    "dual_feasibility_tolerance": 1e-10,
    "primal_feasibility_tolerance": 1e-9,
}
