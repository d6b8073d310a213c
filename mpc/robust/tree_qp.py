"""The QPs of all paths with shared first moves: Newton on the shared moves, one small QP per path.

    min over s   sum over paths i  w[i] V_i(s_i),    V_i(s) = min over v of path i's QP at moves s

V is convex, piecewise quadratic and smooth: its slope at s is that of the path's Lagrangian, its
curvature the Schur complement of the limits that hold there. A Newton step with a line search ends
exactly where these limits stay. The work is linear in the number of paths.
Sources: Boyd, Xiao, Mutapcic, Mattingley, "Notes on decomposition methods" (Stanford, 2007) on
primal decomposition; Kouzoupis, Klintberg, Diehl, Gros, "A dual Newton strategy for scenario
decomposition in robust multistage MPC", Int. J. Robust Nonlinear Control 28 (2018) 2340, on its
dual.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.dense_qp import STATUS, DenseQp, QpSolution
from operator_agent.mpc.engine.limit_rows import IndexArray
from operator_agent.mpc.engine.transcription import Transcription

ROUNDS = 40  # Newton steps; a warm solve takes one to four
CUTS = 12  # of one step
SUFFICIENT = 1e-4  # of the decrease that the slope promises
ROUNDING = 1e-12  # relative, of values of the QP
SETTLED = 1e-8  # Newton step of a shared move [spans]: far below what an actuator resolves
SINGULAR = 1e-12  # keeps limits that depend on each other from stopping a step


@dataclass(frozen=True, slots=True)
class SharedMoves:
    """Which variables of the paths' QPs are one.

    Attributes:
        place: number of the shared variable that each of a path's first variables is, shape
            (n, n_first).
        rate_rows: rows of a path's QP that limit changes between shared moves, shape (n_rates,).
        n_own: variables of a path that are its own.
    """

    place: IndexArray
    rate_rows: IndexArray
    n_own: int

    @classmethod
    def of(cls, nodes: IndexArray, n_u: int, grid: Transcription) -> "SharedMoves":
        """Return them for the nodes of the shared blocks (n, n_blocks) of paths like `grid`."""
        place = (nodes[:, :, None] * n_u + np.arange(n_u)).reshape(nodes.shape[0], -1)
        n_first = place.shape[1]
        rates = np.flatnonzero(grid.rate_rows + n_u < n_first) + grid.limits.n_rows
        return cls(place, rates.astype(np.intp), grid.qp.gradient.size - n_first)

    @property
    def n_first(self) -> int:
        """Shared variables of one path."""
        return self.place.shape[1]

    @property
    def count(self) -> int:
        """Shared variables of the tree."""
        return int(self.place.max()) + 1


@dataclass(slots=True)
class _Curvature:
    """The curvature of one path for one set of limits that hold."""

    working_set: FloatArray
    matrix: FloatArray


@dataclass(frozen=True, slots=True)
class _Point:
    """All paths solved at one point of the shared moves.

    Attributes:
        at: shared moves.
        value: of the sum.
        slope: of the sum by the shared moves.
        solutions: of the paths' own variables.
    """

    at: FloatArray
    value: float
    slope: FloatArray
    solutions: tuple[QpSolution, ...]


@dataclass(frozen=True, slots=True)
class TreeSolution:
    """The answer for all paths.

    Attributes:
        paths: of each path; bound prices of shared moves are those of the path alone.
        residual: how far all together are from optimal; NaN where anything is NaN.
        rounds: Newton steps.
    """

    paths: tuple[QpSolution, ...]
    residual: float
    rounds: int

    @property
    def success(self) -> bool:
        """Whether every path was solved."""
        return all(path.success for path in self.paths)

    @property
    def status(self) -> str:
        """The first status that is no success, in words, or that of the first path."""
        return next((path.status for path in self.paths if not path.success), self.paths[0].status)


class TreeQp:
    """Solver for the QPs of the paths as their arrays stand. Scratch memory inside."""

    def __init__(
        self, qps: Sequence[DenseQp], shared: SharedMoves, probabilities: FloatArray
    ) -> None:
        """Allocate.

        Args:
            qps: of the paths; the first variables of each are shared.
            shared: which of them are one.
            probabilities: of the paths.
        """
        self._qps, self._shared, self._weights = tuple(qps), shared, probabilities
        n_rows, n_rates = qps[0].row_low.size, shared.rate_rows.size
        self._inner = tuple(DenseQp(shared.n_own, n_rows) for _ in qps)
        self._master = DenseQp(shared.count, n_rates * len(qps))
        self._curved: list[_Curvature | None] = [None] * len(qps)
        for i, qp in enumerate(qps):
            first = n_rates * i
            rows = qp.rows[shared.rate_rows, : shared.n_first]
            self._master.rows[first : first + n_rates, shared.place[i]] = rows

    def solve(self, starts: Sequence[FloatArray | None]) -> TreeSolution:
        """Return the answer.

        Args:
            starts: working set of each path's last solution; None where there is none.
        """
        self._load()
        n_first = self._shared.n_first
        sets = [None if start is None else start[n_first:] for start in starts]
        point = self._solved(np.zeros(self._shared.count), sets)
        if isinstance(point, QpSolution):
            return TreeSolution(tuple(self._failed(point) for _ in self._qps), np.nan, 0)
        rounds = 0
        while rounds < ROUNDS:
            step = self._newton(point)
            if step is None:
                break
            found = self._searched(point, step)
            if found is None:
                break
            point, rounds = found, rounds + 1
        last = self._solved(point.at, [found.working_set for found in point.solutions])
        return self._whole(point if isinstance(last, QpSolution) else last, rounds)

    def _load(self) -> None:
        """Take the parts of own variables from the paths' arrays."""
        first, rates = self._shared.n_first, self._shared.rate_rows
        for i, (qp, inner) in enumerate(zip(self._qps, self._inner, strict=True)):
            inner.hessian[:] = qp.hessian[first:, first:]
            inner.rows[:] = qp.rows[:, first:]
            inner.low[:], inner.high[:] = qp.low[first:], qp.high[first:]
            self._curved[i] = None
        master, n_rates = self._master, rates.size
        low, high = np.full(self._shared.count, -np.inf), np.full(self._shared.count, np.inf)
        self._row_low, self._row_high = np.zeros(master.row_low.size), np.zeros(master.row_low.size)
        for i, (qp, place) in enumerate(zip(self._qps, self._shared.place, strict=True)):
            np.maximum.at(low, place, qp.low[:first])
            np.minimum.at(high, place, qp.high[:first])
            rows = slice(n_rates * i, n_rates * (i + 1))
            self._row_low[rows], self._row_high[rows] = qp.row_low[rates], qp.row_high[rates]
        self._low, self._high = low, high

    def _solved(self, at: FloatArray, starts: Sequence[FloatArray | None]) -> _Point | QpSolution:
        """Return all paths solved at shared moves, or the first answer that is no success."""
        first, rates = self._shared.n_first, self._shared.rate_rows
        value, slope = 0.0, np.zeros(self._shared.count)
        solutions = []
        for i, (qp, inner) in enumerate(zip(self._qps, self._inner, strict=True)):
            place, weight = self._shared.place[i], self._weights[i]
            moved = at[place]
            inner.gradient[:] = qp.gradient[first:] + qp.hessian[first:, :first] @ moved
            taken = qp.rows[:, :first] @ moved
            inner.row_low[:], inner.row_high[:] = qp.row_low - taken, qp.row_high - taken
            inner.row_low[rates], inner.row_high[rates] = -np.inf, np.inf
            found = inner.solve(starts[i])
            if not found.success or not bool(np.isfinite(found.x).all()):
                return found
            of_first = qp.hessian[:first, :first] @ moved
            across = qp.hessian[:first, first:] @ found.x
            value += weight * (
                moved.dot(0.5 * of_first + qp.gradient[:first])
                + found.x.dot(0.5 * (inner.hessian @ found.x) + inner.gradient)
            )
            slope[place] += weight * (
                of_first + across + qp.gradient[:first]
                + qp.rows[:, :first].T @ found.row_prices
            )  # fmt: skip
            solutions.append(found)
        return _Point(at, float(value), slope, tuple(solutions))

    def _curvature(self, i: int, working_set: FloatArray) -> FloatArray:
        """Return the curvature of a path by its first variables for the limits that hold."""
        known = self._curved[i]
        if known is not None and np.array_equal(known.working_set, working_set):
            return known.matrix
        qp, first, n_own = self._qps[i], self._shared.n_first, self._shared.n_own
        free = np.flatnonzero(working_set[:n_own] == 0.0)
        held = np.flatnonzero(working_set[n_own:])
        size = free.size + held.size
        matrix = np.zeros((size, size))
        own = first + free
        matrix[: free.size, : free.size] = qp.hessian[np.ix_(own, own)]
        rows = qp.rows[held]
        matrix[free.size :, : free.size] = rows[:, own]
        matrix[: free.size, free.size :] = rows[:, own].T
        matrix[range(free.size, size), range(free.size, size)] = -SINGULAR
        right = np.vstack([qp.hessian[own, :first], rows[:, :first]])
        curved: FloatArray = qp.hessian[:first, :first] - right.T @ np.linalg.solve(matrix, right)
        self._curved[i] = _Curvature(working_set, curved)
        return curved

    def _newton(self, point: _Point) -> FloatArray | None:
        """Return a step of the shared moves, or None where the slope is settled."""
        master = self._master
        master.hessian[:] = 0.0
        for i, (place, found) in enumerate(zip(self._shared.place, point.solutions, strict=True)):
            curved = self._curvature(i, found.working_set)
            master.hessian[np.ix_(place, place)] += self._weights[i] * curved
        master.gradient[:] = point.slope
        master.low[:] = np.minimum(self._low - point.at, 0.0)
        master.high[:] = np.maximum(self._high - point.at, 0.0)
        taken = master.rows @ point.at
        master.row_low[:] = np.minimum(self._row_low - taken, 0.0)
        master.row_high[:] = np.maximum(self._row_high - taken, 0.0)
        step = master.solve()
        if not step.success or not bool(np.isfinite(step.x).all()):
            return None
        return step.x if np.abs(step.x).max() > SETTLED else None

    def _searched(self, point: _Point, step: FloatArray) -> _Point | None:
        """Return a point along the step that costs less, or None."""
        down, length = float(point.slope.dot(step)), 1.0
        sets = [found.working_set for found in point.solutions]
        rounding = ROUNDING * (1.0 + abs(point.value))
        for _ in range(CUTS):
            trial = self._solved(point.at + length * step, sets)
            if isinstance(trial, QpSolution):
                length *= 0.5
                continue
            slope = float(trial.slope.dot(step))
            if slope <= 0.0 or trial.value <= point.value + SUFFICIENT * length * down + rounding:
                return trial
            length *= min(0.9, max(0.1, down / (down - slope)))
        return None

    def _whole(self, point: _Point, rounds: int) -> TreeSolution:
        """Return the paths' solutions with all variables, and the residual of all together."""
        shared, n_rows = self._shared, self._qps[0].row_low.size
        residual = self._shared_residual(point)
        paths = []
        for i, (qp, inner) in enumerate(zip(self._qps, self._inner, strict=True)):
            own, moved = point.solutions[i], point.at[shared.place[i]]
            x = np.concatenate([moved, own.x])
            price = qp.hessian[: shared.n_first] @ x + qp.gradient[: shared.n_first]
            price += qp.rows[:, : shared.n_first].T @ own.row_prices
            side = np.concatenate([np.zeros(shared.n_first), own.working_set])
            paths.append(
                QpSolution(x, own.row_prices, np.concatenate([-price, own.bound_prices]),
                           own.success, own.status, side)
            )  # fmt: skip
            residual = float(np.maximum(residual, inner.kkt_residual(own)))
            outside = np.maximum(qp.row_low - qp.rows @ x, qp.rows @ x - qp.row_high)
            residual = float(np.maximum(residual, outside.max(initial=0.0))) if n_rows else residual
        return TreeSolution(tuple(paths), residual, rounds)

    def _shared_residual(self, point: _Point) -> float:
        """Return how far the shared moves are from optimal, by slopes, prices and limits."""
        master = self._master
        self._newton(point)
        step = master.solve()
        price = -(point.slope + master.rows.T @ step.row_prices)
        bound_prices = np.where(np.abs(step.bound_prices) > 0.0, price, 0.0)
        still = QpSolution(
            np.zeros(price.size), step.row_prices, bound_prices, True, "", step.working_set
        )
        return master.kkt_residual(still)

    def _failed(self, found: QpSolution) -> QpSolution:
        """Return an answer of a path's shape that is no success."""
        qp = self._qps[0]
        n, m = qp.gradient.size, qp.row_low.size
        nothing = np.full(n + m, np.nan)
        status = found.status if not found.success else STATUS[-6]
        return QpSolution(nothing[:n], nothing[n:], nothing[:n], False, status, np.zeros(n + m))
