"""An independent look at a point: what it misses of the rows, and of the optimality conditions.

No residual from a solver enters: rows are evaluated one by one on the values that the model's
variables hold, and the conditions of Karush, Kuhn and Tucker on the values and multipliers given.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import SumExpression

from operator_agent.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Ranged:
    """Values with the range that they must keep and the multipliers of that range.

    Attributes:
        value, low, high: shape (n,).
        size: by which a violation is divided, shape (n,).
        multiplier: with L = cost + multiplier * value: positive where the high side holds, negative
            where the low side does, shape (n,).
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    size: FloatArray
    multiplier: FloatArray

    def violation(self) -> float:
        """Return how far a value leaves its range, relative to its size."""
        out = np.maximum(self.low - self.value, self.value - self.high)
        return float(np.max(out / self.size, initial=0.0))

    def complementarity(self, money: float) -> float:
        """Return what multipliers of sides that do not hold are worth, relative to the profit.

        A multiplier of a side without a bound counts by itself.
        """
        bound = np.where(self.multiplier > 0.0, self.high, self.low)
        gap = np.where(np.isfinite(bound), np.abs(bound - self.value), 1.0)
        return float(np.max(np.abs(self.multiplier) * gap, initial=0.0)) / money


def optimality_residual(gradient: FloatArray, jacobian: Any, rows: Ranged, bounds: Ranged) -> float:
    """Return the largest relative violation of the conditions of Karush, Kuhn and Tucker.

    They are: rows and bounds hold; gradient + jacobian' rows.multiplier + bounds.multiplier = 0;
    a side that does not hold has no multiplier.

    Args:
        gradient: of the cost, shape (n,).
        jacobian: of the rows, dense or sparse, shape (m, n).
        rows: activities of the rows.
        bounds: the variables.
    """
    balance = gradient + jacobian.T @ rows.multiplier + bounds.multiplier
    terms = np.abs(gradient) + abs(jacobian).T @ np.abs(rows.multiplier) + np.abs(bounds.multiplier)
    stationarity = float(np.max(np.abs(balance) / (1.0 + terms), initial=0.0))
    money = 1.0 + abs(float(gradient @ bounds.value))
    return max(
        stationarity,
        rows.violation(),
        bounds.violation(),
        rows.complementarity(money),
        bounds.complementarity(money),
    )


@dataclass(frozen=True, slots=True)
class Violation:
    """The worst row of a model.

    Attributes:
        amount: relative to the largest term of the row, or to one if that is more.
        row: its name; empty when nothing is violated.
    """

    amount: float
    row: str


def largest_violation(model: Any) -> Violation:
    """Return the row or bound that the present values miss most."""
    worst = Violation(0.0, "")
    for row in model.component_data_objects(pyo.Constraint, active=True):
        amount = _row_gap(row)
        if amount > worst.amount:
            worst = Violation(amount, row.name)
    for variable in model.component_data_objects(pyo.Var):
        amount = _bound_gap(variable)
        if amount > worst.amount:
            worst = Violation(amount, variable.name)
    return worst


def _row_gap(row: Any) -> float:
    body = pyo.value(row.body)
    over = max(_over(row.lower, body), -_over(row.upper, body) if row.upper is not None else 0.0)
    return max(over, 0.0) / max(1.0, _largest_term(row.body))


def _largest_term(body: Any) -> float:
    terms = body.args if isinstance(body, SumExpression) else (body,)
    return max(abs(float(pyo.value(term))) for term in terms)


def _over(bound: Any, body: float) -> float:
    return 0.0 if bound is None else float(pyo.value(bound)) - body


def _bound_gap(variable: Any) -> float:
    if variable.fixed or variable.value is None:
        return 0.0
    value = float(variable.value)
    low = value if variable.lb is None else variable.lb
    high = value if variable.ub is None else variable.ub
    return max(low - value, value - high, 0.0) / max(1.0, abs(value))
