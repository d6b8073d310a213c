"""A Pyomo model with products of two variables, compiled to a bilinear program."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.repn.quadratic import QuadraticRepnVisitor
from pyomo.repn.util import OrderedVarRecorder

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.bilinear.program import BilinearProgram, bilinear_program

OBJECTIVE = "objective"  # name of the row and column that carry an objective with products
CONSTANT_MISS = 1e-9  # by which a row without variables may pass its limits; a last digit does


def compile_bilinear(model: Any) -> tuple[BilinearProgram, tuple[Any, ...], tuple[Any, ...]]:
    """Return a Pyomo model as a bilinear program, with its variables and constraints in order.

    Fixed variables become constants. An objective with products becomes a further last column and
    a further last row, which `variables` and `rows` do not list.

    Args:
        model: concrete model; constraints and objective linear, or with products of two variables.

    Returns:
        The program; the variables, in the order of its columns; the constraints, in the order of
        its rows.

    Raises:
        InputError: an objective is missing or double, or a row holds more than products.
        LimitsConflictError: a constraint without variables does not hold.
    """
    entries = _Entries()
    constraints = _active(model, pyo.Constraint)
    kept = tuple(row for row in constraints if entries.add_constraint(row))
    cost, offset, maximise, moved = _objective(model, entries)
    variables = tuple(entries.variables.values())
    count = len(variables) + moved
    order = {key: place for place, key in enumerate(entries.variables)}
    if moved:
        order[0] = count - 1
    low, high, start, integer = _columns(variables, count)
    costs = np.zeros(count)
    for key, value in cost.items():
        costs[order[key]] = value
    column = [order[key] for key in entries.linear_key]
    left = [order[key] for key in entries.left]
    right = [order[key] for key in entries.right]
    program = bilinear_program(
        tuple(variable.name for variable in variables) + (OBJECTIVE,) * moved,
        tuple(row.name for row in kept) + (OBJECTIVE,) * moved,
        (entries.linear_row, column, entries.linear_value),
        (entries.term_row, left, right, entries.term_value),
        (np.array(entries.low, dtype=np.float64), np.array(entries.high, dtype=np.float64)),
        (low, high),
        (costs, offset, maximise),
        integer,
        start,
    )
    return program, variables, kept


@dataclass(slots=True)
class _Entries:
    """Triplets of the rows, columns still by the identity of their variables; 0 is the objective.

    Identities of variables are never 0.
    """

    variables: dict[int, Any] = field(default_factory=dict)
    linear_row: list[int] = field(default_factory=list)
    linear_key: list[int] = field(default_factory=list)
    linear_value: list[float] = field(default_factory=list)
    term_row: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    term_value: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    visitor: Any = None

    def __post_init__(self) -> None:
        recorder = OrderedVarRecorder(self.variables, {}, None)
        self.visitor = QuadraticRepnVisitor({}, var_recorder=recorder)

    def walk(self, expression: Any, name: str) -> Any:
        """Return constant, linear and quadratic parts of an expression."""
        found = self.visitor.walk_expression(expression)
        if found.nonlinear is not None:
            raise InputError(
                f"'{name}' holds more than sums of variables and of products of two variables; "
                "write divisions and powers as products with further variables"
            )
        return found

    def add_constraint(self, constraint: Any) -> bool:
        """Add a constraint; return whether it holds variables."""
        low, body, high = constraint.to_bounded_expression(evaluate_bounds=True)
        found = self.walk(body, constraint.name)
        low = -np.inf if low is None else low - found.constant
        high = np.inf if high is None else high - found.constant
        if not found.linear and not found.quadratic:
            _check_constant(constraint.name, low, high)
            return False
        self.add_row(found.linear.items(), (found.quadratic or {}).items(), low, high)
        return True

    def add_row(self, linear: Iterable[Any], products: Iterable[Any], low: Any, high: Any) -> None:
        """Add a row of linear and quadratic parts."""
        row = len(self.low)
        for key, value in linear:
            self.linear_row.append(row)
            self.linear_key.append(key)
            self.linear_value.append(value)
        for (left, right), value in products:
            self.term_row.append(row)
            self.left.append(left)
            self.right.append(right)
            self.term_value.append(value)
        self.low.append(low)
        self.high.append(high)


def _active(model: Any, kind: Any) -> list[Any]:
    return list(model.component_data_objects(kind, active=True, descend_into=True))


def _check_constant(name: str, low: float, high: float) -> None:
    room = CONSTANT_MISS * max([1.0] + [abs(limit) for limit in (low, high) if np.isfinite(limit)])
    if low > room or high < -room:
        raise LimitsConflictError(
            f"constraint '{name}' has no free variable and misses its limits by "
            f"{max(low, -high):.6g}; change the fixed values or the limit"
        )


def _objective(model: Any, entries: _Entries) -> tuple[dict[int, float], float, bool, int]:
    """Return cost by variable, its constant, whether a maximum, and 1 when it became a row."""
    found = _active(model, pyo.Objective)
    if len(found) != 1:
        raise InputError(f"model '{model.name}' has {len(found)} active objectives; keep one")
    maximise = found[0].sense == pyo.maximize
    sign = -1.0 if maximise else 1.0
    parts = entries.walk(found[0].expr, found[0].name)
    if not parts.quadratic:
        cost = {key: sign * value for key, value in parts.linear.items()}
        return cost, sign * float(parts.constant), maximise, 0
    linear = [*parts.linear.items(), (0, -1.0)]
    entries.add_row(linear, parts.quadratic.items(), 0.0, 0.0)
    return {0: sign}, sign * float(parts.constant), maximise, 1


def _columns(variables: Any, count: int) -> tuple[FloatArray, FloatArray, FloatArray, Any]:
    """Return low, high, start and integer of the columns; the objective's column is free."""
    low, high, start = np.full(count, -np.inf), np.full(count, np.inf), np.zeros(count)
    integer = np.zeros(count, dtype=bool)
    for place, variable in enumerate(variables):
        below, above = variable.bounds
        low[place] = -np.inf if below is None else below
        high[place] = np.inf if above is None else above
        value = variable.value
        start[place] = min(max(0.0, low[place]), high[place]) if value is None else value
        integer[place] = variable.is_integer()  # binaries too
        if not integer[place] and not variable.is_continuous():
            raise InputError(f"variable '{variable.name}': make it real, integer or binary")
    return low, high, start, integer
