"""Ranked limits, then money, on linear rows: the quadratic programs of one target.

Rows are changes of the CVs, g = G du. A level holds the limits of one rank; the lower rank is
satisfied first. When all levels can be kept one program decides. When not, each level in turn is
broken as little as possible,

    min  sum v_i  (L1)   or   sum v_i^2  (L2),      v_i = violation / concern,

inside what the levels before it have left: each limit widened by its violation (L2, where the
violations are unique), the sum of the violations bounded (L1, where they are not). Lexicographic
goals: Ignizio, "Goal Programming and Extensions" (1976).
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.dense_qp import DenseQp, QpSolution

RELAXATION = 1e-6  # spans added to limits whose violation is settled: keeps programs feasible
CURVATURE = 1e-6  # on moves while violations are minimised: makes the program definite
KKT_TOLERANCE = 1e-4  # relative stationarity, and spans outside a limit
SPREAD = 1e-2  # of the moves' curvature on open violations: makes the last program definite
CENTRED_SOLVES = 2  # proximal point: each one takes the curvature's own share out of the answer


class Norm(Enum):
    """How the violations of one rank add up; the value says it in words."""

    L1 = "the sum of the weighted violations"
    L2 = "the sum of their squares"


@dataclass(frozen=True, slots=True)
class RankLevel:
    """The limits of one rank, as distances from where the rows stand, scaled.

    Attributes:
        rank: lower is satisfied first.
        low, high: shape (n_rows,); infinite where there is no limit.
        concern_low, concern_high: spans that count as one violation, shape (n_rows,).
        norm: of the violations.
    """

    rank: int
    low: FloatArray
    high: FloatArray
    concern_low: FloatArray
    concern_high: FloatArray
    norm: Norm

    def outside(self, rows: FloatArray) -> FloatArray:
        """Return how far rows lie outside: positive above, negative below, shape (n_rows,)."""
        above, below = np.maximum(rows - self.high, 0.0), np.maximum(self.low - rows, 0.0)
        return np.where(above >= below, above, -below)


@dataclass(frozen=True, slots=True)
class RankedProblem:
    """One target's program in the change of the MVs, scaled.

    Attributes:
        gain: of the rows, shape (n_rows, n_u).
        low, high: bounds of the change, shape (n_u,).
        levels: by rising rank.
        hessian, gradient: of the cost that the last program minimises, (n_u, n_u) and (n_u,).
    """

    gain: FloatArray
    low: FloatArray
    high: FloatArray
    levels: tuple[RankLevel, ...]
    hessian: FloatArray
    gradient: FloatArray


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a level cannot be kept: multipliers of its least violation, positive at a high side.

    Weighted with them the limits add up to a contradiction (Farkas), so that a limit with a
    multiplier takes part in the conflict and one without does not.

    Attributes:
        level: index of the level that gives way.
        own: of the level's own limits, shape (n_rows,).
        before: of the limits of the levels before it, shape (n_levels, n_rows).
        bounds: of the bounds on the change, shape (n_u,).
    """

    level: int
    own: FloatArray
    before: FloatArray
    bounds: FloatArray


@dataclass(frozen=True, slots=True)
class RankedPoint:
    """The answer, scaled.

    Attributes:
        change: of the MVs, shape (n_u,).
        row_prices, bound_prices: cost per span of room, positive at a high side, (n_rows,), (n_u,).
        row_levels: index of the level whose limit is the tightest, low and high, (2, n_rows);
            -1 where there is none.
        cost: of the last program.
        conflicts: of the levels that could not be kept, in their order.
    """

    change: FloatArray
    row_prices: FloatArray
    bound_prices: FloatArray
    row_levels: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
    cost: float
    conflicts: tuple[Conflict, ...] = ()


class _Room:
    """What the levels so far leave to the rows, and whose limit it is."""

    def __init__(self, n_rows: int) -> None:
        self.low, self.high = np.full(n_rows, -np.inf), np.full(n_rows, np.inf)
        self.owners = np.full((2, n_rows), -1, dtype=np.intp)
        self.open: list[tuple[int, RankLevel, float]] = []  # L1 levels with their least sum

    def narrow(self, index: int, low: FloatArray, high: FloatArray) -> None:
        """Take in limits where they are tighter and still leave the earlier ones their say."""
        low, high = np.minimum(low, self.high), np.maximum(high, self.low)
        for side, tighter in ((0, low > self.low), (1, high < self.high)):
            self.owners[side][tighter] = index
        self.low, self.high = np.maximum(self.low, low), np.minimum(self.high, high)


class RankedProgram:
    """Solves ranked problems of one size. Holds scratch memory, no state that callers rely on."""

    def __init__(self, n_u: int, n_rows: int) -> None:
        """Take the number of MVs and of rows."""
        self._n_u, self._n_rows = n_u, n_rows
        self._solvers: dict[int, DenseQp] = {}

    def solve(self, problem: RankedProblem) -> tuple[RankedPoint, "LastProgram"] | None:
        """Return the best point and its last program, or None when no program has an answer."""
        room = _Room(self._n_rows)
        for index, level in enumerate(problem.levels):
            room.narrow(index, level.low, level.high)
        last = LastProgram(self._program(problem, room), problem, room)
        point = last.solve()
        if point is not None and _keeps(problem, point):
            return point, last
        return self._rank_by_rank(problem)

    def _rank_by_rank(self, problem: RankedProblem) -> tuple[RankedPoint, "LastProgram"] | None:
        room, conflicts = _Room(self._n_rows), []
        resting = bool(np.all(problem.low <= 0.0) and np.all(problem.high >= 0.0))
        for index, level in enumerate(problem.levels):
            resting = resting and bool(np.all(level.low <= 0.0) and np.all(level.high >= 0.0))
            if resting:  # no move keeps this level and all before it
                room.narrow(index, level.low, level.high)
                continue
            found = self._least_violation(problem, room, index)
            if found is None:
                return None
            given, conflict = found
            if conflict is not None:
                conflicts.append(conflict)
            if conflict is not None and level.norm is Norm.L1:
                room.open.append((index, level, float(np.sum(given))))
                continue
            room.narrow(
                index,
                level.low - given * level.concern_low - RELAXATION,
                level.high + given * level.concern_high + RELAXATION,
            )
        last = LastProgram(self._program(problem, room), problem, room)
        point = last.solve(tuple(conflicts))
        return None if point is None else (point, last)

    def _solver(self, n_open: int) -> DenseQp:
        if n_open not in self._solvers:
            n_u, n_rows = self._n_u, self._n_rows
            self._solvers[n_open] = DenseQp(
                n_u + n_open * n_rows, n_rows + n_open * (2 * n_rows + 1)
            )
        return self._solvers[n_open]

    def _program(
        self, problem: RankedProblem, room: _Room, last: RankLevel | None = None
    ) -> DenseQp:
        """Return the solver with the feasible set filled in; cost is the caller's.

        Variables: changes of the MVs, then for each open level one violation per row. Rows: the
        room; then for each open level its high and low limits and the sum of its violations.
        """
        levels = [(level, bound) for _, level, bound in room.open]
        levels += [] if last is None else [(last, np.inf)]
        n_u, n_rows = self._n_u, self._n_rows
        qp = self._solver(len(levels))
        qp.rows[:], qp.hessian[:], qp.gradient[:] = 0.0, 0.0, 0.0
        qp.low[:n_u], qp.high[:n_u] = problem.low, problem.high
        qp.rows[:n_rows, :n_u] = problem.gain
        qp.row_low[:n_rows], qp.row_high[:n_rows] = room.low, room.high
        for k, (level, bound) in enumerate(levels):
            own = slice(n_u + k * n_rows, n_u + (k + 1) * n_rows)
            top = n_rows + k * (2 * n_rows + 1)
            above, below = slice(top, top + n_rows), slice(top + n_rows, top + 2 * n_rows)
            qp.rows[above, :n_u], qp.rows[below, :n_u] = problem.gain, problem.gain
            np.fill_diagonal(qp.rows[above, own], -level.concern_high)
            np.fill_diagonal(qp.rows[below, own], level.concern_low)
            qp.row_low[above], qp.row_high[above] = -np.inf, level.high
            qp.row_low[below], qp.row_high[below] = level.low, np.inf
            qp.rows[top + 2 * n_rows, own] = 1.0
            qp.row_low[top + 2 * n_rows] = -np.inf
            qp.row_high[top + 2 * n_rows] = bound + RELAXATION
            limited = np.isfinite(level.low) | np.isfinite(level.high)
            qp.low[own], qp.high[own] = 0.0, np.where(limited, np.inf, 0.0)
        return qp

    def _least_violation(
        self, problem: RankedProblem, room: _Room, index: int
    ) -> tuple[FloatArray, Conflict | None] | None:
        """Return the least violations of a level, shape (n_rows,) in concerns, and its conflict.

        None instead of the conflict when there is no violation; None when nothing was found.
        """
        level, n_u, n_rows = problem.levels[index], self._n_u, self._n_rows
        qp = self._program(problem, room, level)
        own = slice(qp.gradient.size - n_rows, qp.gradient.size)
        diagonal = np.einsum("ii->i", qp.hessian)
        diagonal[:] = 1.0  # all costs are divided by the curvature: the solver's tolerances are
        if level.norm is Norm.L2:  # then those of a program with moves of weight one
            diagonal[own] = 1.0 / CURVATURE
        linear = np.zeros(qp.gradient.size)
        linear[own] = 1.0 / CURVATURE if level.norm is Norm.L1 else 0.0
        solution, centre = None, np.zeros(qp.gradient.size)
        for _ in range(CENTRED_SOLVES):
            qp.gradient[:] = linear
            qp.gradient[:n_u] -= centre[:n_u]
            nearer = _checked(qp, CURVATURE)
            if nearer is None:
                break
            solution = nearer
            if float(np.max(solution.x[own], initial=0.0)) <= RELAXATION:
                return np.zeros(n_rows), None
            centre = solution.x
        if solution is None:
            return None
        before = np.zeros((len(problem.levels), n_rows))
        top = self._per_level(solution.row_prices, room, before)
        own_prices = solution.row_prices[top : top + n_rows]
        own_prices = own_prices + solution.row_prices[top + n_rows : top + 2 * n_rows]
        conflict = Conflict(index, own_prices, before, solution.bound_prices[:n_u])
        return np.maximum(solution.x[own], 0.0), conflict

    def _per_level(self, prices: FloatArray, room: _Room, before: FloatArray) -> int:
        """Add the prices of the room and of the open levels to `before`; return the next row."""
        n_rows = self._n_rows
        shared = prices[:n_rows]
        owners = np.where(shared > 0.0, room.owners[1], room.owners[0])
        for row in np.flatnonzero(shared):
            before[owners[row], row] += shared[row]
        top = n_rows
        for index, _, _ in room.open:
            before[index] += prices[top : top + n_rows] + prices[top + n_rows : top + 2 * n_rows]
            top += 2 * n_rows + 1
        return top


class LastProgram:
    """The program that decides by cost; it can be solved again with limits held as they are."""

    def __init__(self, qp: DenseQp, problem: RankedProblem, room: _Room) -> None:
        """Fill the cost in: the feasible set stands."""
        self._qp, self._problem, self._room = qp, problem, room
        n_u = problem.gradient.size
        self._scale = 1.0 / float(np.min(np.diagonal(problem.hessian)))
        qp.hessian[:], qp.gradient[:] = 0.0, 0.0
        np.einsum("ii->i", qp.hessian)[n_u:] = SPREAD
        qp.hessian[:n_u, :n_u] = self._scale * problem.hessian
        qp.gradient[:n_u] = self._scale * problem.gradient

    def solve(self, conflicts: tuple[Conflict, ...] = ()) -> RankedPoint | None:
        """Return the point of least cost, or None."""
        solution = _checked(self._qp, 1.0)
        if solution is None:
            return None
        problem, n_rows = self._problem, self._problem.gain.shape[0]
        change = solution.x[: problem.gradient.size]
        prices = solution.row_prices[:n_rows].copy()
        top = n_rows
        for _ in self._room.open:
            prices += solution.row_prices[top : top + n_rows]
            prices += solution.row_prices[top + n_rows : top + 2 * n_rows]
            top += 2 * n_rows + 1
        cost = change @ (0.5 * problem.hessian @ change + problem.gradient)
        owners = self._room.owners.copy()
        for index, level, _ in self._room.open:
            owners[0][(owners[0] < 0) & np.isfinite(level.low)] = index
            owners[1][(owners[1] < 0) & np.isfinite(level.high)] = index
        return RankedPoint(
            change=change,
            row_prices=prices / self._scale,
            bound_prices=solution.bound_prices[: change.size] / self._scale,
            row_levels=owners,
            cost=float(cost),
            conflicts=conflicts,
        )

    def held(
        self, rows: FloatArray, changes: FloatArray, conflicts: tuple[Conflict, ...]
    ) -> RankedPoint | None:
        """Return the best point with some limits held as equalities, or None.

        Args:
            rows: 1 holds a row at its high, -1 at its low limit, 0 leaves it free, (n_rows,).
            changes: of MVs that are held, NaN where free, shape (n_u,).
            conflicts: as found before.
        """
        qp, n_rows, n_u = self._qp, rows.size, changes.size
        kept = [a.copy() for a in (qp.row_low, qp.row_high, qp.low, qp.high)]
        top, bottom = rows > 0.0, rows < 0.0
        if bool(np.any(np.isinf(np.where(top, kept[1][:n_rows], 0.0)))) or bool(
            np.any(np.isinf(np.where(bottom, kept[0][:n_rows], 0.0)))
        ):
            return None
        held = np.isfinite(changes)
        reachable = (changes >= qp.low[:n_u]) & (changes <= qp.high[:n_u])
        if not bool(np.all(reachable[held])):
            return None
        qp.row_low[:n_rows][top] = kept[1][:n_rows][top] - RELAXATION
        qp.row_high[:n_rows][bottom] = kept[0][:n_rows][bottom] + RELAXATION
        qp.low[:n_u][held] = qp.high[:n_u][held] = changes[held]
        point = self.solve(conflicts)
        for array, values in zip((qp.row_low, qp.row_high, qp.low, qp.high), kept, strict=True):
            array[:] = values
        return point


def _checked(qp: DenseQp, scale: float) -> QpSolution | None:
    """Return a solution that claims success and passes the optimality conditions, or None.

    Args:
        qp: filled.
        scale: factor on the cost with which its weights are about one, for the check.
    """
    solution = qp.solve()
    if not solution.success:
        return None
    if scale == 1.0:
        return solution if qp.kkt_residual(solution) < KKT_TOLERANCE else None
    qp.hessian *= scale
    qp.gradient *= scale
    scaled = replace(
        solution,
        row_prices=scale * solution.row_prices,
        bound_prices=scale * solution.bound_prices,
    )
    residual = qp.kkt_residual(scaled)
    qp.hessian /= scale
    qp.gradient /= scale
    return solution if residual < KKT_TOLERANCE else None


def _keeps(problem: RankedProblem, point: RankedPoint) -> bool:
    """Return whether all levels are kept; crossed limits can be solved but not kept."""
    rows = problem.gain @ point.change
    worst = max((float(np.max(np.abs(level.outside(rows)))) for level in problem.levels), default=0)
    return worst <= KKT_TOLERANCE
