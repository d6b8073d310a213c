"""An independent look at a point: how far it misses the rows of the model.

Nothing from a solver enters: bodies and bounds are evaluated one by one on the values that the
model's variables hold.
"""

from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import SumExpression


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
