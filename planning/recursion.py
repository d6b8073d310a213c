"""Successive linear programming: the LP stage of a plan.

Each pass linearises the refinery about the last point (see `mixing`), solves the LP with cut points
kept within a trust region, recomputes all qualities exactly, and goes on from there. A pass that is
worse than the one before halves the region, which then holds the slate too; the best pass is kept.
If the limits contradict each other in a pass, the elastic form of the same LP gives the next point,
so a poor start does not end the search.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyomo.environ as pyo

from operator_agent.errors import SolveFailedError
from operator_agent.planning.limits import Side, limit_holders
from operator_agent.planning.linear import compile_linear, solve_linear
from operator_agent.planning.mixing import Exact, FirstOrder, Mixing
from operator_agent.planning.outcome import Solution, SolverStop

MAX_PASSES = 20
FIRST_TRUST_K = 15.0  # a third of the usual window of a cut point
LAST_TRUST_K = 0.2  # cut points are not controlled any closer
SAME_PROFIT = 1e-6  # relative change of the LP profit at which the recursion has settled
CONSISTENT = 1e-4  # relative: exact profit, less broken limits, against the profit of the LP
BREAK_PRICE = 1e4  # [usd/m3] merit lost per m3/h of a broken limit; two orders over any margin


class Plannable(Protocol):
    """What can be planned: a refinery, or a system of plants and periods.

    A point is a value of its own kind that holds all decisions and what follows from them.
    """

    @property
    def name(self) -> str:
        """Of the case, for messages."""
        ...

    def model(self, mixing: Mixing, point: Any) -> Any:
        """Return the Pyomo model, with the objective `profit`, started at a point."""
        ...

    def first_point(self) -> Any:
        """Return a point to start from; balances hold at it, limits may not."""
        ...

    def place(self, model: Any, point: Any) -> Any:
        """Set the decisions of a point in an exact model and recompute the rest."""
        ...

    def read(self, model: Any) -> Any:
        """Return the present values of a model."""
        ...


@dataclass(frozen=True, slots=True)
class LinearPlan:
    """What the LP stage found.

    Attributes:
        solution: of the last accepted LP.
        model: the Pyomo model of that LP, holding its values.
        point: the LP's decisions with all qualities recomputed exactly.
        profit: of the LP [usd/h].
        merit: exact profit at the point, less what broken limits cost there [usd/h].
        passes: LPs solved.
    """

    solution: Solution
    model: Any
    point: Any
    profit: float
    merit: float
    passes: int

    @property
    def rank(self) -> tuple[bool, float]:
        """By which passes compare: a linear plan within the limits first, then the exact merit."""
        return self.solution.stop is SolverStop.CONVERGED, self.merit

    def repeats(self, last: "LinearPlan") -> bool:
        """Return whether the recursion has settled: another pass would find the same again.

        The exact model must confirm the profit of the LP. Where limits contradict each other, the
        least breakage stays the same instead.
        """
        if self.solution.stop is not SolverStop.CONVERGED:
            return abs(self.merit - last.merit) <= SAME_PROFIT * abs(self.merit)
        confirmed = abs(self.merit - self.profit) <= CONSISTENT * abs(self.profit)
        return confirmed and abs(self.profit - last.profit) <= SAME_PROFIT * abs(self.profit)


def solve_recursion(plant: Plannable) -> LinearPlan:
    """Return the best pass of successive LPs from the default start.

    The stop of the result is not CONVERGED when no pass found a linear plan within the limits.
    """
    start = plant.first_point()
    exact = plant.model(Exact(), start)
    last = _one_pass(plant, exact, start, FIRST_TRUST_K, 1)
    best, trust = last, FIRST_TRUST_K
    for count in range(2, MAX_PASSES + 1):
        found = _one_pass(plant, exact, last.point, trust, count)
        trust = trust if found.rank > last.rank else 0.5 * trust
        settled = found.repeats(last)
        last, best = found, max(best, found, key=lambda one: one.rank)
        if settled or trust < LAST_TRUST_K:
            break
    return replace(best, passes=last.passes)


def _one_pass(plant: Plannable, exact: Any, point: Any, trust: float, count: int) -> LinearPlan:
    model = linear_model(plant, point, trust)
    solution = solve_linear(compile_linear(model))
    if solution.stop is SolverStop.CONVERGED:
        solution.load()
    else:
        relaxed = solve_linear(compile_linear(relax(model)))
        if relaxed.stop is not SolverStop.CONVERGED:
            raise SolveFailedError(
                f"case {plant.name}: the linear model of pass {count} has no solution even "
                f"with all limits elastic ({relaxed.stop.value}); check yields and cut windows"
            )
        relaxed.load()
    after = plant.place(exact, plant.read(model))
    return LinearPlan(solution, model, after, solution.profit, merit(exact), count)


def linear_model(plant: Plannable, point: Any, trust: float) -> Any:
    """Return the LP about a point, cut points within `trust` [K] of it."""
    model = plant.model(FirstOrder(), point)
    for block in model.block_data_objects():
        if hasattr(block, "cut"):
            _stay_near(block.cut.values(), trust)
            if trust < FIRST_TRUST_K:  # passes that swing between two slates end only so
                for crude in block.charge.values():
                    _stay_near([crude], (trust / FIRST_TRUST_K) ** 2 * crude.ub)
    return model


def _stay_near(variables: Any, trust: float) -> None:
    for variable in variables:
        low, high = variable.bounds
        near, far = variable.value - trust, variable.value + trust
        variable.setlb(near if low is None else max(low, near))
        variable.setub(min(high, far))


def relax(model: Any) -> Any:
    """Free the elastic variables of a model and make their weighted sum its only cost."""
    slacks = [
        (limit.weight, block.slack[key])
        for block in limit_holders(model)
        for key, limit in block.limits.items()
    ]
    for _, slack in slacks:
        slack.unfix()
    model.profit.deactivate()
    model.breakage = pyo.Objective(expr=sum(weight * slack for weight, slack in slacks))
    return model


def merit(exact: Any) -> float:
    """Return the exact profit less what broken limits cost [usd/h]."""
    broken = 0.0
    for block in limit_holders(exact):
        for key, limit in block.limits.items():
            row = block.limit[key]
            gap = pyo.value(row.body) - pyo.value(row.upper if row.upper is not None else row.lower)
            over = gap if limit.row_side is Side.MAX else -gap
            broken += limit.weight * max(over, 0.0)
    return float(pyo.value(exact.profit)) - BREAK_PRICE * broken
