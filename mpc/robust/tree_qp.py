"""The QPs of all paths with shared first moves: Newton on the shared moves, one small QP per path.

    min over s   sum over paths i  w[i] V_i(s_i),    V_i(s) = min over v of path i's QP at moves s

V is convex and piecewise quadratic: its slope at s is that of the path's Lagrangian, its curvature
the Schur complement of the limits that hold there. A Newton step with a line search ends exactly
where these limits stay; the work is linear in the number of paths. V has a kink where shared moves
alone break a limit. When Newton ends at one, all paths are solved as one dense QP.
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
CUTS = 6  # of one step
SUFFICIENT = 1e-4  # of the decrease that the slope promises
ROUNDING = 1e-12  # relative, of values of the QP
GOOD = 1e-7  # residual that needs no second opinion
LARGEST_DENSE = 1500  # variables: ten times those of nine scenarios of a small plant; 18 MB
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


@dataclass(frozen=True, slots=True)
class _Beside:
    """The parts of a path's QP that meet its first variables.

    Attributes:
        first: of the Hessian, shape (n_first, n_first).
        across: the same by own variables, shape (n_own, n_first).
        rows: shape (m, n_first).
    """

    first: FloatArray
    across: FloatArray
    rows: FloatArray


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
        self._curved: list[dict[bytes, FloatArray]] = [{} for _ in qps]
        self._beside: list[_Beside] = [_Beside(*[np.zeros((0, 0))] * 3)] * len(qps)
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
        return self.solve_again(starts)

    def solve_again(self, starts: Sequence[FloatArray | None]) -> TreeSolution:
        """Return the answer where only row limits have changed since `solve`.

        Args:
            starts: as for `solve`.
        """
        found = self._iterated(starts)
        if found.success and not found.residual < GOOD:
            return self._together(found)
        return found

    def _iterated(self, starts: Sequence[FloatArray | None]) -> TreeSolution:
        """Return where Newton ends."""
        n_first = self._shared.n_first
        sets = [None if start is None else start[n_first:] for start in starts]
        found = self._solved(np.zeros(self._shared.count), sets)
        if isinstance(found, QpSolution):
            return TreeSolution(tuple(self._failed(found) for _ in self._qps), np.nan, 0)
        for rounds in range(ROUNDS):
            point, step = found, self._newton(found)
            if step is None or not np.abs(step.x).max() > SETTLED:
                return self._whole(point, step, rounds)
            trial = self._searched(point, step.x)
            if trial is None:
                break
            found = trial
        again = self._solved(point.at, [own.working_set for own in point.solutions])
        last = point if isinstance(again, QpSolution) else again
        return self._whole(last, self._newton(last), ROUNDS)

    def _together(self, near: TreeSolution) -> TreeSolution:
        """Return the answer of one dense QP of all paths, or that of Newton where it is no better.

        Args:
            near: where Newton ended; its limits are the first guess.
        """
        shared, n_paths, n_rows = self._shared, len(self._qps), self._qps[0].row_low.size
        n = shared.count + shared.n_own * n_paths
        if n > LARGEST_DENSE:
            return near
        whole, start = DenseQp(n, n_rows * n_paths), np.zeros(n + n_rows * n_paths)
        whole.low[: shared.count], whole.high[: shared.count] = self._low, self._high
        places = []
        for i, (qp, path) in enumerate(zip(self._qps, near.paths, strict=True)):
            own = shared.count + shared.n_own * i + np.arange(shared.n_own)
            rows = n_rows * i + np.arange(n_rows)
            columns = np.concatenate([shared.place[i], own])
            weight = self._weights[i]
            whole.hessian[columns[:, None], columns] += weight * qp.hessian
            whole.gradient[columns] += weight * qp.gradient
            whole.rows[rows[:, None], columns] = qp.rows
            whole.row_low[rows], whole.row_high[rows] = qp.row_low, qp.row_high
            whole.low[own], whole.high[own] = qp.low[shared.n_first :], qp.high[shared.n_first :]
            start[own] = path.working_set[shared.n_first : qp.gradient.size]
            start[n + rows] = path.working_set[qp.gradient.size :]
            places.append((columns, rows, weight))
        found = whole.solve(start)
        residual = whole.kkt_residual(found)
        if not found.success or not residual < near.residual:
            return near
        paths = tuple(
            QpSolution(
                x=found.x[columns],
                row_prices=found.row_prices[rows] / weight,
                bound_prices=found.bound_prices[columns] / weight,
                success=True,
                status=found.status,
                working_set=np.concatenate(
                    [found.working_set[columns], found.working_set[n + rows]]
                ),
            )
            for columns, rows, weight in places
        )
        return TreeSolution(paths, residual, near.rounds)

    def _load(self) -> None:
        """Take the parts of own variables from the paths' arrays."""
        first, rates = self._shared.n_first, self._shared.rate_rows
        for i, (qp, inner) in enumerate(zip(self._qps, self._inner, strict=True)):
            inner.hessian[:] = qp.hessian[first:, first:]
            inner.rows[:] = qp.rows[:, first:]
            inner.low[:], inner.high[:] = qp.low[first:], qp.high[first:]
            self._curved[i].clear()
            self._beside[i] = _Beside(
                np.ascontiguousarray(qp.hessian[:first, :first]),
                np.ascontiguousarray(qp.hessian[first:, :first]),
                np.ascontiguousarray(qp.rows[:, :first]),
            )
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
            place, weight, beside = self._shared.place[i], self._weights[i], self._beside[i]
            moved, gradient = at[place], qp.gradient[:first]
            np.add(qp.gradient[first:], beside.across @ moved, out=inner.gradient)
            taken = beside.rows @ moved
            np.subtract(qp.row_low, taken, out=inner.row_low)
            np.subtract(qp.row_high, taken, out=inner.row_high)
            inner.row_low[rates], inner.row_high[rates] = -np.inf, np.inf
            found = inner.solve(starts[i])
            if not found.success or not bool(np.isfinite(found.x).all()):
                return found
            x, of_first = found.x, beside.first @ moved
            value += weight * (
                moved.dot(0.5 * of_first + gradient)
                + 0.5 * x.dot(inner.hessian @ x) + inner.gradient.dot(x)
            )  # fmt: skip
            slope[place] += weight * (
                of_first + x @ beside.across + gradient + found.row_prices @ beside.rows
            )
            solutions.append(found)
        return _Point(at, float(value), slope, tuple(solutions))

    def _curvature(self, i: int, working_set: FloatArray) -> FloatArray:
        """Return the curvature of a path by its first variables for the limits that hold."""
        known = self._curved[i].get(working_set.tobytes())
        if known is not None:
            return known
        inner, beside, n_own = self._inner[i], self._beside[i], self._shared.n_own
        free = np.flatnonzero(working_set[:n_own] == 0.0)
        held = np.flatnonzero(working_set[n_own:])
        n_free = free.size
        matrix = np.zeros((n_free + held.size, n_free + held.size))
        rows = inner.rows[held[:, None], free]
        matrix[:n_free, :n_free] = inner.hessian[free[:, None], free]
        matrix[n_free:, :n_free] = rows
        matrix[:n_free, n_free:] = rows.T
        np.einsum("ii->i", matrix)[n_free:] = -SINGULAR
        right = np.concatenate([beside.across[free], beside.rows[held]])
        curved: FloatArray = beside.first - right.T @ np.linalg.solve(matrix, right)
        self._curved[i][working_set.tobytes()] = curved
        return curved

    def _newton(self, point: _Point) -> QpSolution | None:
        """Return the Newton step of the shared moves within their limits, or None."""
        master = self._master
        master.hessian[:] = 0.0
        for i, (place, found) in enumerate(zip(self._shared.place, point.solutions, strict=True)):
            curved = self._curvature(i, found.working_set)
            master.hessian[place[:, None], place] += self._weights[i] * curved
        master.gradient[:] = point.slope
        master.low[:] = np.minimum(self._low - point.at, 0.0)
        master.high[:] = np.maximum(self._high - point.at, 0.0)
        taken = master.rows @ point.at
        master.row_low[:] = np.minimum(self._row_low - taken, 0.0)
        master.row_high[:] = np.maximum(self._row_high - taken, 0.0)
        step = master.solve()
        return step if step.success and bool(np.isfinite(step.x).all()) else None

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

    def _whole(self, point: _Point, step: QpSolution | None, rounds: int) -> TreeSolution:
        """Return the paths' solutions with all variables, and the residual of all together.

        The arrays of the paths and of the shared moves must be those of the point.
        """
        shared, paths = self._shared, []
        residual = np.nan if step is None else self._shared_residual(point, step)
        for i, (qp, inner) in enumerate(zip(self._qps, self._inner, strict=True)):
            own, beside, moved = point.solutions[i], self._beside[i], point.at[shared.place[i]]
            price = beside.first @ moved + own.x @ beside.across + own.row_prices @ beside.rows
            price += qp.gradient[: shared.n_first]
            side = np.concatenate([np.zeros(shared.n_first), own.working_set])
            paths.append(
                QpSolution(
                    x=np.concatenate([moved, own.x]),
                    row_prices=own.row_prices,
                    bound_prices=np.concatenate([-price, own.bound_prices]),
                    success=own.success,
                    status=own.status,
                    working_set=side,
                )
            )
            residual = float(np.maximum(residual, inner.kkt_residual(own)))
        return TreeSolution(tuple(paths), residual, rounds)

    def _shared_residual(self, point: _Point, step: QpSolution) -> float:
        """Return how far the shared moves are from optimal, by slopes, prices and limits."""
        master = self._master
        price = -(point.slope + master.rows.T @ step.row_prices)
        held = np.where(step.bound_prices != 0.0, price, 0.0)
        still = QpSolution(
            np.zeros(price.size), step.row_prices, held, True, step.status, step.working_set
        )
        return master.kkt_residual(still)

    def _failed(self, found: QpSolution) -> QpSolution:
        """Return an answer of a path's shape that is no success."""
        qp = self._qps[0]
        n, m = qp.gradient.size, qp.row_low.size
        nothing = np.full(n + m, np.nan)
        status = found.status if not found.success else STATUS[-6]
        return QpSolution(nothing[:n], nothing[n:], nothing[:n], False, status, np.zeros(n + m))
