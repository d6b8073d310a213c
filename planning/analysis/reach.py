"""How far a marginal holds: the largest t at which the best profit is still profit + gain t.

The best profit is concave in a right-hand side, so it never lies above that line; it is on the line
exactly as long as some plan of the moved program earns that much. That is one linear program with t
as its own column.
"""

from typing import Any

import highspy
import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.analysis.scaled import ScaledProgram, raw_solver, run_warm

ENDLESS = (
    highspy.HighsModelStatus.kUnbounded,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)
ROUNDING = 1e-9  # relative: what the solver's tolerance may have added to the profit at t = 0


class Reach:
    """Reaches from one optimum, in scaled units; keeps its basis from call to call.

    Args:
        scaled: the program.
        x: its optimum, shape (n,).
    """

    def __init__(self, scaled: ScaledProgram, x: FloatArray) -> None:
        self._x = x
        self._m, self._n = scaled.matrix.shape
        self._solver = _solver(scaled, x)

    def of_row(self, index: int, amount: float, gain: float) -> float:
        """Return how far a gain holds as the right-hand side of a row moves.

        Args:
            index: of the row.
            amount: of its right-hand side per unit of t.
            gain: of profit per unit of t.
        """
        self._solver.changeCoeff(index, self._n, -amount)
        reach = self._solve(gain)
        self._solver.changeCoeff(index, self._n, 0.0)
        return reach

    def of_column(self, index: int, amount: float, gain: float) -> float:
        """Return how far a gain holds as a column is forced to move; see `of_row`."""
        solver, last = self._solver, self._m + 1
        solver.changeCoeff(last, index, 1.0)
        solver.changeCoeff(last, self._n, -amount)
        solver.changeRowBounds(last, float(self._x[index]), float(self._x[index]))
        reach = self._solve(gain)
        solver.changeCoeff(last, index, 0.0)
        solver.changeCoeff(last, self._n, 0.0)
        solver.changeRowBounds(last, -np.inf, np.inf)
        return reach

    def _solve(self, gain: float) -> float:
        solver = self._solver
        solver.changeCoeff(self._m, self._n, -gain)
        status = run_warm(solver)
        if status == highspy.HighsModelStatus.kOptimal:
            return max(float(solver.getSolution().col_value[self._n]), 0.0)
        solver.clearSolver()
        # Only rounding can make t = 0 infeasible, and then the gain holds nowhere but here.
        return float("inf") if status in ENDLESS else 0.0


def _solver(scaled: ScaledProgram, x: FloatArray) -> Any:
    """Return the solver: columns x and t; rows of the program, the profit, the forced column."""
    m, n = scaled.matrix.shape
    matrix = sparse.vstack(
        [scaled.matrix, sparse.csr_matrix(-scaled.cost[np.newaxis, :]), sparse.csr_matrix((1, n))]
    )
    profit = -float(scaled.cost @ x)
    profit -= ROUNDING * (1.0 + abs(profit))
    return raw_solver(
        np.append(np.zeros(n), -1.0),
        sparse.hstack([matrix, sparse.csr_matrix((m + 2, 1))]),
        (
            np.concatenate([scaled.row_low, [profit, -np.inf]]),
            np.concatenate([scaled.row_high, [np.inf, np.inf]]),
        ),
        (np.append(scaled.low, 0.0), np.append(scaled.high, np.inf)),
    )
