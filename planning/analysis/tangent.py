"""One step away from an optimum: exact one-sided derivatives of the best profit of an LP.

At an optimum x0 the best profit, as a function of a right-hand side, has the one-sided derivative

    v'(d) = max { profit @ s : A s <= d where a row is active, s >= 0 where a bound is, ... },

the linear program of the directions that stay feasible. Its dual runs over all optimal duals of the
first program, so degenerate vertices are no exception: there the two sides of a marginal differ,
and a solver's dual is any number between (T. Gal, "Postoptimal Analyses, Parametric Programming,
and Related Topics", 2nd ed., 1995, ch. 4; D. Bertsimas, J. Tsitsiklis, "Introduction to Linear
Optimization", 1997, sec. 5.3). Its solution s is the change of the whole plan for one more unit.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.errors import SolveFailedError
from operator_agent.planning.analysis.reach import Reach
from operator_agent.planning.analysis.scaled import raw_solver, run_warm, scaled_program
from operator_agent.planning.analysis.vertex import Vertex, optimal_vertex
from operator_agent.planning.linear import LinearProgram
from operator_agent.planning.outcome import Solution, SolverStop

INFEASIBLE = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


@dataclass(frozen=True, slots=True)
class Step:
    """What one more unit, in one direction, does to the optimum.

    Attributes:
        gain: change of the best profit per unit; -inf when no plan can follow.
        change: of every column per unit, shape (n,); zeros when no plan can follow.
        reach: units over which exactly this gain holds; may be infinite.
    """

    gain: float
    change: FloatArray
    reach: float

    @property
    def possible(self) -> bool:
        """Whether a plan can follow the direction at all."""
        return bool(np.isfinite(self.gain))


class Tangent:
    """Steps from one optimum; its solvers keep their bases from step to step.

    Args:
        program: that was solved.
        solution: its optimum.
        opened: row that holds the optimum, but not the steps from it; none when not given.

    Attributes:
        x: the optimal vertex that steps begin at, shape (n,); another than the solution's where
            several plans are equally good.

    Raises:
        SolveFailedError: the solution is no optimum, or no vertex was found.
    """

    def __init__(
        self, program: LinearProgram, solution: Solution, opened: int | None = None
    ) -> None:
        if solution.stop is not SolverStop.CONVERGED:
            raise SolveFailedError(
                f"the linear program has no optimum to step from ({solution.stop.value}); "
                "see which of its limits contradict each other"
            )
        self.program = program
        self._scaled = scaled_program(program, solution.x)
        vertex = optimal_vertex(self._scaled)
        if opened is not None:
            self._scaled, vertex = self._scaled.opened(opened), vertex.opened(opened)
        self._solver, self._free = self._direction_solver(vertex)
        self._reach = Reach(self._scaled, vertex.x)
        self.x: FloatArray = vertex.x * self._scaled.column_size

    def row(self, index: int, amount: float) -> Step:
        """Return the step as the right-hand side of a row rises by `amount` per unit.

        Args:
            index: of the row.
            amount: in units of the row; negative lowers it.

        Raises:
            SolveFailedError: the solver gave up on the step.
        """
        size = abs(amount) * float(self._scaled.row_scale[index])
        if size == 0.0:
            return Step(0.0, np.zeros_like(self.x), float("inf"))
        sign = float(np.sign(amount))
        low, high = (bool(np.isfinite(side[index])) for side in self._free)
        change: FloatArray | None = np.zeros_like(self.x)
        if low or high:
            change = self._solve(index, sign if low else -np.inf, sign if high else np.inf)
        if change is None:
            return self._impossible()
        gain = -float(self._scaled.cost @ change)
        return self._step(change, gain, self._reach.of_row(index, sign, gain), size)

    def column(self, index: int, amount: float) -> Step:
        """Return the step as a column is forced to move by `amount` per unit.

        Args:
            index: of the column.
            amount: in units of the column; negative lowers it.

        Raises:
            SolveFailedError: the solver gave up on the step.
        """
        size, sign = abs(amount) / float(self._scaled.column_size[index]), float(np.sign(amount))
        last = self._scaled.matrix.shape[0]
        self._solver.changeCoeff(last, index, 1.0)
        change = self._solve(last, sign, sign)
        self._solver.changeCoeff(last, index, 0.0)
        if change is None:
            return self._impossible()
        gain = -float(self._scaled.cost @ change)
        return self._step(change, gain, self._reach.of_column(index, sign, gain), size)

    def _step(self, change: FloatArray, gain: float, reach: float, size: float) -> Step:
        money, columns = self._scaled.money, self._scaled.column_size
        return Step(gain * money * size, change * columns * size, reach / size)

    def _impossible(self) -> Step:
        return Step(-np.inf, np.zeros_like(self.x), 0.0)

    def _direction_solver(self, vertex: Vertex) -> tuple[Any, tuple[FloatArray, FloatArray]]:
        """Return the solver of directions, and its row bounds; its last row forces a column."""
        scaled = self._scaled
        matrix = sparse.vstack([scaled.matrix, sparse.csr_matrix((1, len(vertex.x)))])
        rows = (np.append(vertex.row_cone[0], -np.inf), np.append(vertex.row_cone[1], np.inf))
        return raw_solver(scaled.cost, matrix, rows, vertex.column_cone), rows

    def _solve(self, index: int, low: float, high: float) -> FloatArray | None:
        """Return the best direction with other bounds of one row, or None when there is none."""
        solver = self._solver
        solver.changeRowBounds(index, low, high)
        status = run_warm(solver)
        change = np.array(solver.getSolution().col_value, dtype=np.float64)
        solver.changeRowBounds(index, float(self._free[0][index]), float(self._free[1][index]))
        if status == highspy.HighsModelStatus.kOptimal:
            return change
        solver.clearSolver()
        if status in INFEASIBLE:
            return None
        raise SolveFailedError(
            f"the step of row {index} was not solved ({status}); look at the statistics of its "
            "matrix for numbers that lie far apart"
        )
