"""A stack of linear cases that share one matrix: compiled once, each solved from the last basis.

Only prices, limits and availabilities move between the cases. One HiGHS object holds the matrix; a
case writes what differs, and the dual simplex walks on from the optimum of the case before. A walk
that takes more than its share of iterations is broken off, and the interior point method starts
afresh: on long chains of inventories the simplex may wander for minutes. Every answer is checked
against the conditions of Karush, Kuhn and Tucker on the unscaled matrix, whatever HiGHS says of it.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.linear import (
    ACCEPTED_RESIDUAL,
    STOPS,
    LinearProgram,
    load_solver,
)
from operator_agent.planning.outcome import SolverStop

WALK_ROWS = 2  # a warm walk may take this many iterations for each row of the matrix
LEAST_WALK = 1000  # and on a small matrix this many
NO_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LinearCase:
    """What a case of a stack has of its own; None is as in the program of the stack.

    Attributes:
        cost: shape (n,), to be minimised.
        low, high: of the columns, shape (n,).
        row_low, row_high: shape (m,).
    """

    cost: FloatArray | None = None
    low: FloatArray | None = None
    high: FloatArray | None = None
    row_low: FloatArray | None = None
    row_high: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class LinearAnswer:
    """The optimum of one case; all numbers are NaN unless `stop` is CONVERGED.

    Attributes:
        stop: why the solver stopped.
        profit: minus the cost.
        x: shape (n,).
        marginals: d(profit)/d(right-hand side), shape (m,).
        bound_marginals: d(profit)/d(bound), shape (n,).
        residual: largest relative violation of the optimality conditions, recomputed.
        iterations: of the simplex.
        cold: whether the interior point method had to start afresh.
    """

    stop: SolverStop
    profit: float
    x: FloatArray
    marginals: FloatArray
    bound_marginals: FloatArray
    residual: float
    iterations: int
    cold: bool


class LinearStack:
    """A compiled program that answers one case after the other.

    Attributes:
        program: whose matrix all cases share.
    """

    def __init__(self, program: LinearProgram) -> None:
        """Pass the program to HiGHS; nothing is solved yet.

        Raises:
            InputError: a column must be a whole number, which has no basis to walk on from.
        """
        if len(program.integer):
            name = program.variables[program.integer[0]].name
            raise InputError(
                f"a stack of linear cases cannot hold whole numbers ({name}); solve its cases one "
                "by one"
            )
        self.program = program
        self._scale, self._columns = program.scales()
        self._solver = load_solver(program)
        self._solver.setOptionValue("presolve", "off")
        self._solver.setOptionValue("simplex_scale_strategy", 0)  # the program is scaled already
        self._by_row = program.matrix.tocsr()
        self._turned = program.matrix.T.tocsr()
        self._cap = max(WALK_ROWS * len(program.row_low), LEAST_WALK)
        self._written = _filled(LinearCase(), program)
        self._warm = False

    def solve(self, case: LinearCase) -> LinearAnswer:
        """Return the optimum of a case.

        Args:
            case: whatever the case before had of its own is taken back first.

        Raises:
            InputError: a price or a limit is NaN; nothing of the case is used.
        """
        filled = _filled(case, self.program)
        numbers = (filled.cost, filled.all_low, filled.all_high)
        if any(np.isnan(part).any() for part in numbers):
            raise InputError("a price or limit of the case is not a number; check its changes")
        self._write(filled)
        if self._warm:
            found = self._walk()
            if found.stop is SolverStop.CONVERGED:
                return found
        found = self._afresh()
        self._warm = found.stop is SolverStop.CONVERGED
        return found

    def solve_all(self, cases: Iterable[LinearCase]) -> list[LinearAnswer]:
        """Return the answers of several cases, in their order."""
        return [self.solve(case) for case in cases]

    def _write(self, case: "_FilledCase") -> None:
        """Tell HiGHS what differs from the case before."""
        before, self._written = self._written, case
        solver, columns, scale = self._solver, self._columns, self._scale
        moved = np.flatnonzero(case.cost != before.cost).astype(np.int32)
        if len(moved):
            solver.changeColsCost(len(moved), moved, (case.cost * columns)[moved])
        moved = _moved(case.low, before.low, case.high, before.high)
        if len(moved):
            low, high = (case.low / columns)[moved], (case.high / columns)[moved]
            solver.changeColsBounds(len(moved), moved, low, high)
        moved = _moved(case.row_low, before.row_low, case.row_high, before.row_high)
        if len(moved):
            low, high = (case.row_low * scale)[moved], (case.row_high * scale)[moved]
            solver.changeRowsBounds(len(moved), moved, low, high)

    def _walk(self) -> LinearAnswer:
        """Return the optimum by dual simplex from the last basis."""
        self._solver.setOptionValue("solver", "simplex")
        self._solver.setOptionValue("simplex_iteration_limit", self._cap)
        self._solver.run()
        return self._answer(cold=False)

    def _afresh(self) -> LinearAnswer:
        """Return the optimum by the interior point method and crossover to a basis."""
        self._solver.clearSolver()
        self._solver.setOptionValue("solver", "ipm")
        self._solver.setOptionValue("simplex_iteration_limit", NO_LIMIT)
        self._solver.run()
        return self._answer(cold=True)

    def _answer(self, *, cold: bool) -> LinearAnswer:
        stop = STOPS.get(self._solver.getModelStatus(), SolverStop.FAILED)
        iterations = int(self._solver.getInfo().simplex_iteration_count)
        if stop is not SolverStop.CONVERGED:
            n, m = len(self.program.cost), len(self.program.row_low)
            none, no_rows = np.full(n, np.nan), np.full(m, np.nan)
            return LinearAnswer(stop, np.nan, none, no_rows, none, np.inf, iterations, cold)
        found = self._solver.getSolution()
        x = np.array(found.col_value) * self._columns
        rows = np.array(found.row_dual) * -self._scale
        bounds = -(self._written.cost + self._turned @ rows)  # what the rows leave, exactly
        residual = self._residual(x, rows, bounds)
        if not residual <= ACCEPTED_RESIDUAL:
            stop = SolverStop.FAILED
        profit = -float(self._written.cost @ x) - self.program.offset
        return LinearAnswer(stop, profit, x, rows, bounds, residual, iterations, cold)

    def _residual(self, x: FloatArray, marginals: FloatArray, bounds: FloatArray) -> float:
        """Return `linear_residual` of the case.

        The marginals of the bounds balance the cost by construction, so it is left to see whether
        rows and bounds hold, and whether what does not hold has no price.
        """
        case = self._written
        value = np.concatenate([self._by_row @ x, x])
        price = np.concatenate([marginals, bounds])
        out = np.maximum(case.all_low - value, value - case.all_high) / (1.0 + np.abs(value))
        held = np.where(price > 0.0, case.all_high, case.all_low) - value
        held[np.isinf(held)] = 1.0
        money = 1.0 + abs(float(case.cost @ x))
        return max(0.0, float(out.max()), float(np.abs(price * held).max()) / money)


@dataclass(frozen=True, slots=True)
class _FilledCase:
    """A case with everything in place; limits of rows stand before those of columns."""

    cost: FloatArray
    low: FloatArray
    high: FloatArray
    row_low: FloatArray
    row_high: FloatArray
    all_low: FloatArray
    all_high: FloatArray


def _filled(case: LinearCase, program: LinearProgram) -> _FilledCase:
    low = program.low if case.low is None else case.low
    high = program.high if case.high is None else case.high
    row_low = program.row_low if case.row_low is None else case.row_low
    row_high = program.row_high if case.row_high is None else case.row_high
    return _FilledCase(
        program.cost if case.cost is None else case.cost,
        low,
        high,
        row_low,
        row_high,
        np.concatenate([row_low, low]),
        np.concatenate([row_high, high]),
    )


def _moved(
    low: FloatArray, low_before: FloatArray, high: FloatArray, high_before: FloatArray
) -> Any:
    return np.flatnonzero((low != low_before) | (high != high_before)).astype(np.int32)


def solve_stack(
    program: LinearProgram, cases: Sequence[LinearCase], *, threads: int = 1
) -> list[LinearAnswer]:
    """Return the optima of many cases, in their order.

    Each thread owns one solver and a run of neighbouring cases. HiGHS works outside of Python's
    lock; nothing of Pyomo is touched, whose solvers hang in threads.

    Args:
        program: that all cases share.
        cases: best in an order in which neighbours differ little.
        threads: at most as many as there are cores.

    Raises:
        InputError: see `LinearStack`.
    """
    share = max(1, -(-len(cases) // max(1, threads)))
    parts = [cases[begin : begin + share] for begin in range(0, len(cases), share)]
    with ThreadPoolExecutor(max(1, len(parts))) as pool:
        answers = pool.map(lambda part: LinearStack(program).solve_all(part), parts)
        return [answer for part in answers for answer in part]
