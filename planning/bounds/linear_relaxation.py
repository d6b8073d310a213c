"""The linear relaxation of a bilinear program within a box, and a bound that needs no trust.

Each product w = x y within [a, b] x [c, d] lies between four planes (McCormick, "Computability of
global solutions to factorable nonconvex programs", 1976). The linear program that results is
solved by HiGHS, whose answer is right to its tolerances only. So the bound is recomputed from the
dual values alone: for ANY y,

    min cost x >= sum_i (y_i low_i or y_i high_i) + sum_j min over the box of (cost - A' y)_j x_j,

evaluated with an allowance for rounding (Neumaier and Shcherbina, "Safe bounds in linear and
mixed-integer linear programming", 2004). A poor y gives a poor bound, never a wrong one.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bounds.box import Box
from operator_agent.planning.bounds.lifted_rows import LiftedRows

ROUNDING = 4.0 * float(np.finfo(np.float64).eps)  # of each term of a sum, per term
ATTEMPTS = (("choose", "simplex"), ("off", "simplex"), ("choose", "ipm"))  # presolve, method


@dataclass(frozen=True)
class LinearRelaxation:
    """Minimise cost x with row_low <= matrix x <= row_high, low <= x <= high.

    Attributes:
        cost: shape (N,).
        matrix: sparse CSR, shape (M, N).
        row_low, row_high: shape (M,).
        low, high: shape (N,).
    """

    cost: FloatArray
    matrix: Any
    row_low: FloatArray
    row_high: FloatArray
    low: FloatArray
    high: FloatArray


class RelaxationStop(Enum):
    """What is known of a relaxation."""

    BOUNDED = "a safe bound was found"
    EMPTY = "no point satisfies the relaxation, as a safe bound on its infeasibility proves"
    UNKNOWN = "the solver gave no dual values that prove anything"


@dataclass(frozen=True)
class RelaxationResult:
    """What a solver made of a relaxation.

    Attributes:
        stop: what is known.
        bound: safe lower bound of the cost; minus infinity when none was found.
        x: solution of the relaxation, shape (N,); only to guide.
        row_dual: shape (M,); only to guide.
        basis: of the solver, to start a similar relaxation from.
    """

    stop: RelaxationStop
    bound: float
    x: FloatArray
    row_dual: FloatArray
    basis: Any = None


def relaxation_within(rows: LiftedRows, box: Box) -> LinearRelaxation:
    """Return the relaxation of rows within a box.

    The side of a row that an unbounded column could always satisfy is dropped, so that no bound
    rests on a column that could be anything.
    """
    envelopes, low, high = envelopes_within(rows, box)
    matrix = sparse.vstack([rows.matrix, envelopes]).tocsr()
    row_low = np.concatenate([rows.row_low, low])
    row_high = np.concatenate([rows.row_high, high])
    up, down = np.isinf(box.high).astype(float), np.isinf(box.low).astype(float)
    above, below = matrix.maximum(0.0), (-matrix).maximum(0.0)
    row_low = np.where(above @ up + below @ down > 0.0, -np.inf, row_low)
    row_high = np.where(above @ down + below @ up > 0.0, np.inf, row_high)
    return LinearRelaxation(rows.cost, matrix, row_low, row_high, box.low, box.high)


def envelopes_within(rows: LiftedRows, box: Box) -> tuple[Any, FloatArray, FloatArray]:
    """Return the rows that bound each product by planes: matrix, low, high."""
    one, other = rows.left, rows.right
    parts = []
    for x, y, above in (
        (box.low, box.low, True),
        (box.high, box.high, True),
        (box.low, box.high, False),
        (box.high, box.low, False),
    ):
        # (X - x)(Y - y) >= 0 at equal ends, <= 0 at opposite ends
        parts.append(_planes(rows, x[one], y[other], above))
    matrix = sparse.vstack([part[0] for part in parts]).tocsr()
    return (matrix, *(np.concatenate([part[k] for part in parts]) for k in (1, 2)))


def _planes(rows: LiftedRows, x: FloatArray, y: FloatArray, above: bool) -> tuple[Any, Any, Any]:
    """Return the rows w - y X - x Y >= or <= -x y; with an infinite end, a row without limits."""
    count = len(rows.left)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(finite, x, 0.0), np.where(finite, y, 0.0)
    place = np.arange(count)
    entries = np.concatenate([finite.astype(np.float64), -y, -x])
    columns = np.concatenate([rows.count + place, rows.left, rows.right])
    shape = (count, rows.count + count)
    matrix = sparse.csr_matrix((entries, (np.tile(place, 3), columns)), shape=shape)
    matrix.eliminate_zeros()
    limit = -x * y
    room = ROUNDING * np.abs(limit)  # x * y is rounded
    infinite = np.full(count, np.inf)
    if above:
        return matrix, np.where(finite, limit - room, -infinite), infinite
    return matrix, -infinite, np.where(finite, limit + room, infinite)


def safe_dual_bound(relaxation: LinearRelaxation, row_dual: FloatArray) -> float:
    """Return a lower bound of the relaxation's cost that holds whatever the dual values are.

    Args:
        relaxation: the linear program.
        row_dual: any numbers, shape (M,); positive ones count for low limits.
    """
    low_side = np.isfinite(relaxation.row_low)
    high_side = np.isfinite(relaxation.row_high)
    y = np.where((row_dual > 0.0) & ~low_side, 0.0, row_dual)
    y = np.where((y < 0.0) & ~high_side, 0.0, y)
    y = np.where(np.isfinite(y), y, 0.0)
    limit = np.where(y > 0.0, relaxation.row_low, relaxation.row_high)
    rows = np.where(y != 0.0, y * np.where(y != 0.0, limit, 0.0), 0.0)
    transposed = relaxation.matrix.T.tocsr()
    reduced = relaxation.cost - transposed @ y
    terms = np.diff(transposed.indptr) + 2.0
    error = ROUNDING * terms * (np.abs(relaxation.cost) + abs(transposed) @ np.abs(y))
    columns = np.minimum(
        _least(reduced - error, reduced + error, relaxation.low, True),
        _least(reduced - error, reduced + error, relaxation.high, False),
    )
    total: FloatArray = np.concatenate([rows, columns])
    if np.any(np.isinf(total)) or np.any(np.isnan(total)):
        return -np.inf
    rounding = ROUNDING * len(total) * float(np.sum(np.abs(total)))
    return float(np.sum(total)) - rounding


def _least(below: FloatArray, above: FloatArray, end: FloatArray, is_low: bool) -> FloatArray:
    """Return the least of [below, above] * end; with an infinite end, its limit."""
    finite = np.where(np.isinf(end), 0.0, end)
    value = np.minimum(below * finite, above * finite)
    bad = (above > 0.0) if is_low else (below < 0.0)
    return np.where(np.isinf(end) & bad, -np.inf, value)


def solve_relaxation(
    relaxation: LinearRelaxation, seconds: float, basis: Any = None
) -> RelaxationResult:
    """Return a safe bound and a solution of the relaxation.

    Args:
        relaxation: the linear program.
        seconds: for each attempt of the solver.
        basis: of a relaxation with the same rows, to start from.
    """
    loaded = LoadedRelaxation(relaxation)
    if basis is not None:
        loaded.solver.setBasis(basis)
    for presolve, method in ATTEMPTS:
        found = loaded.run(presolve, method, seconds)
        if found.stop is not RelaxationStop.UNKNOWN:
            return found
    return found


class LoadedRelaxation:
    """A relaxation inside HiGHS, its rows and columns scaled by powers of two (exactly)."""

    def __init__(self, relaxation: LinearRelaxation) -> None:
        self.relaxation = relaxation
        self.column_scale = _column_scale(relaxation.low, relaxation.high)
        scaled = sparse.csr_matrix(relaxation.matrix @ sparse.diags(self.column_scale))
        largest = abs(scaled).max(axis=1).toarray().ravel()
        self.row_scale = _power_of_two(1.0 / np.where(largest > 0.0, largest, 1.0))
        cost = relaxation.cost * self.column_scale
        self.cost_scale = float(_power_of_two(1.0 / max(np.max(np.abs(cost), initial=0.0), 1e-300)))
        self.solver = _passed(
            cost * self.cost_scale,
            sparse.csc_matrix(sparse.diags(self.row_scale) @ scaled),
            (relaxation.row_low * self.row_scale, relaxation.row_high * self.row_scale),
            (relaxation.low / self.column_scale, relaxation.high / self.column_scale),
        )

    def run(self, presolve: str, method: str, seconds: float) -> RelaxationResult:
        """Return the result of one attempt of the solver."""
        solver = self.solver
        solver.setOptionValue("presolve", presolve)
        solver.setOptionValue("solver", method)
        solver.setOptionValue("time_limit", solver.getRunTime() + max(seconds, 0.1))
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return self._emptiness()
        found = solver.getSolution()
        if not found.dual_valid:
            solver.clearSolver()
            return self._result(RelaxationStop.UNKNOWN, -np.inf)
        dual = np.array(found.row_dual) * self.row_scale / self.cost_scale
        bound = safe_dual_bound(self.relaxation, dual)
        x = np.array(found.col_value) * self.column_scale
        stop = RelaxationStop.BOUNDED if np.isfinite(bound) else RelaxationStop.UNKNOWN
        return RelaxationResult(stop, bound, x, dual, solver.getBasis())

    def _emptiness(self) -> RelaxationResult:
        """Return a proof that no point exists, from a ray of the dual, if it holds."""
        self.solver.setOptionValue("presolve", "off")
        self.solver.run()
        ray = self.solver.getDualRay()
        values = np.array(ray[2]) if len(ray) > 2 and ray[1] else np.zeros(0)
        if len(values) != len(self.row_scale):
            return self._result(RelaxationStop.UNKNOWN, -np.inf)
        free = LinearRelaxation(
            np.zeros(len(self.relaxation.cost)),
            self.relaxation.matrix,
            self.relaxation.row_low,
            self.relaxation.row_high,
            self.relaxation.low,
            self.relaxation.high,
        )
        for sign in (1.0, -1.0):
            if safe_dual_bound(free, sign * values * self.row_scale) > 0.0:
                return self._result(RelaxationStop.EMPTY, np.inf)
        return self._result(RelaxationStop.UNKNOWN, -np.inf)

    def _result(self, stop: RelaxationStop, bound: float) -> RelaxationResult:
        return RelaxationResult(stop, bound, np.zeros(0), np.zeros(0))


def _passed(
    cost: FloatArray,
    matrix: Any,
    limits: tuple[FloatArray, FloatArray],
    bounds: tuple[FloatArray, FloatArray],
) -> Any:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    program = highspy.HighsLp()
    program.num_row_, program.num_col_ = matrix.shape
    program.col_cost_ = cost
    program.col_lower_, program.col_upper_ = bounds
    program.row_lower_, program.row_upper_ = limits
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_ = matrix.indptr
    program.a_matrix_.index_ = matrix.indices
    program.a_matrix_.value_ = matrix.data
    solver.passModel(program)
    return solver


def _power_of_two(value: Any) -> Any:
    return 2.0 ** np.round(np.log2(value))


def _column_scale(low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the power of two nearest to the largest finite bound of each column."""
    ends = np.abs(np.stack([low, high]))
    size = np.max(np.where(np.isfinite(ends), ends, 0.0), axis=0)
    return np.asarray(_power_of_two(np.where(size > 0.0, size, 1.0)))
