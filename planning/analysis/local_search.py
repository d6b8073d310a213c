"""Local optima of the nonlinear plan from given starts: one translation, many solves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from operator_agent.errors import SolveFailedError
from operator_agent.planning.certificate import Violation, largest_violation
from operator_agent.planning.mixing import Exact
from operator_agent.planning.nonlinear import import_nonlinear, model_values, solve_nonlinear
from operator_agent.planning.outcome import Solution, SolverStop
from operator_agent.planning.refinery import Refinery
from operator_agent.planning.streams import Point, read_point


@dataclass(frozen=True, slots=True)
class LocalOptimum:
    """Where a solve from one start ended.

    Attributes:
        solution: of IPOPT, with its own certificate.
        point: values of all decisions.
        violation: the worst row, recomputed from the values alone.
    """

    solution: Solution
    point: Point
    violation: Violation

    @property
    def converged(self) -> bool:
        """Whether the optimality conditions hold."""
        return self.solution.stop is SolverStop.CONVERGED


class LocalSearch:
    """Solves of one case from many starts.

    Args:
        plant: to solve.
        kept: point whose whole numbers all solves keep; the default start's when not given.

    Attributes:
        model: the exact model; it holds the values of the last solve.
    """

    def __init__(self, plant: Refinery, kept: Point | None = None) -> None:
        self._plant = plant
        self._kept = plant.first_point() if kept is None else kept
        self.model: Any = plant.model(Exact(), self._kept)
        plant.place(self.model, self._kept)
        self._program = import_nonlinear(self.model)

    def solve(self, start: Point) -> LocalOptimum:
        """Return where a solve from a start ends; its balances are made to hold first."""
        self._plant.place(self.model, replace(start, choice=self._kept.choice))
        solution = solve_nonlinear(self._program, model_values(self._program))
        solution.load()
        return LocalOptimum(solution, read_point(self.model), largest_violation(self.model))

    def best_of(self, starts: Sequence[Point]) -> LocalOptimum:
        """Return the best local optimum over some starts; the model holds its values.

        Raises:
            SolveFailedError: no start led to one.
        """
        found = [one for one in map(self.solve, starts) if one.converged]
        if not found:
            raise SolveFailedError(
                f"case {self._plant.case.name}: no local optimum from {len(starts)} starts; "
                "solve the case to see why"
            )
        best = max(found, key=lambda one: one.solution.profit)
        best.solution.load()
        return best
