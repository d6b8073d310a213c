"""How a solve ended, and the sign of its marginals.

Two questions stay apart: why the solver stopped, and what the point that it left is worth.

The sign of marginals is set here and nowhere else: **a marginal is the gain of profit per unit
by which the right-hand side of a row (or the bound of a variable) rises**. So the shadow price of a
maximum is never negative, that of a minimum never positive, whatever the sense of the objective.
Solvers see costs to minimise; their duals come in as d(cost)/d(right-hand side).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from operator_agent.arrays import FloatArray


class SolverStop(Enum):
    """Why a solver stopped."""

    CONVERGED = "converged"
    INFEASIBLE = "the limits contradict each other"
    UNBOUNDED = "the profit has no bound"
    LIMIT = "iteration or time limit"
    FAILED = "numerical failure"


class PointWorth(Enum):
    """What a point is worth."""

    LOCAL_OPTIMUM = "no better plan nearby"  # optimality conditions of the nonlinear plan hold
    LINEAR_OPTIMUM = "best plan of the linear model"
    FEASIBLE = "all limits hold, not proven best"
    NONE = "not a plan"


def put(component: Any, index: Any, value: float) -> None:
    """Put a value into one variable of a Pyomo component.

    Bounds are not checked, because solvers may pass one by a last digit; certificates check them.
    """
    component.set_values({index: value}, skip_validation=True)


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver left.

    Attributes:
        stop: why it stopped.
        profit: objective in the sense of the model; a model that minimises gives minus its cost.
        variables: of the model, in the order of `x`.
        x: values, shape (n,).
        rows: constraints of the model, in the order of `marginals`.
        marginals: d(profit)/d(right-hand side), shape (m,).
        bound_marginals: d(profit)/d(bound that holds the variable), shape (n,).
        residual: largest relative violation of the optimality conditions, recomputed.
        iterations: of the solver.
    """

    stop: SolverStop
    profit: float
    variables: tuple[Any, ...]
    x: FloatArray
    rows: tuple[Any, ...]
    marginals: FloatArray
    bound_marginals: FloatArray
    residual: float
    iterations: int

    def load(self) -> None:
        """Put the values into the variables of the model."""
        for variable, value in zip(self.variables, self.x, strict=True):
            put(variable.parent_component(), variable.index(), float(value))

    def marginal_of(self) -> dict[str, float]:
        """Return the marginals by name of row, and of the variables by name."""
        rows = {
            row.name: float(value) for row, value in zip(self.rows, self.marginals, strict=True)
        }
        bounds = {
            variable.name: float(value)
            for variable, value in zip(self.variables, self.bound_marginals, strict=True)
        }
        return rows | bounds
