"""Successive linear programming: the LP stage of a plan.

Each pass linearises the refinery about the last point (see `mixing`), solves the LP with cut points
kept within a trust region, recomputes all qualities exactly, and goes on from there. A pass that is
worse than the one before halves the region; the best pass is kept. If the limits contradict each
other in a pass, the elastic form of the same LP gives the next point, so a poor start does not end
the search.
"""

from dataclasses import dataclass, replace
from typing import Any

import pyomo.environ as pyo

from operator_agent.errors import SolveFailedError
from operator_agent.planning.limits import Side
from operator_agent.planning.linear import compile_linear, solve_linear
from operator_agent.planning.mixing import Exact, FirstOrder
from operator_agent.planning.outcome import Solution, SolverStop
from operator_agent.planning.refinery import Refinery, build_model, first_point, place
from operator_agent.planning.streams import Point, read_point

MAX_PASSES = 20
FIRST_TRUST_K = 15.0  # a third of the usual window of a cut point
LAST_TRUST_K = 0.5  # cut points are not controlled any closer
SAME_PROFIT = 1e-6  # relative change of the LP profit at which the recursion has settled
CONSISTENT = 1e-4  # relative: exact profit, less broken limits, against the profit of the LP
BREAK_PRICE = 1e4  # [usd/m3] merit lost per m3/h of a broken limit; two orders over any margin


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
    point: Point
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


def solve_recursion(plant: Refinery) -> LinearPlan:
    """Return the best pass of successive LPs from the default start.

    The stop of the result is not CONVERGED when no pass found a linear plan within the limits.
    """
    exact = build_model(plant, Exact(), first_point(plant))
    last = _one_pass(plant, exact, first_point(plant), FIRST_TRUST_K, 1)
    best, trust = last, FIRST_TRUST_K
    for count in range(2, MAX_PASSES + 1):
        found = _one_pass(plant, exact, last.point, trust, count)
        trust = trust if found.rank > last.rank else 0.5 * trust
        settled = found.repeats(last)
        last, best = found, max(best, found, key=lambda one: one.rank)
        if settled or trust < LAST_TRUST_K:
            break
    return replace(best, passes=last.passes)


def _one_pass(plant: Refinery, exact: Any, point: Point, trust: float, count: int) -> LinearPlan:
    model = linear_model(plant, point, trust)
    solution = solve_linear(compile_linear(model))
    if solution.stop is SolverStop.CONVERGED:
        solution.load()
    else:
        relaxed = solve_linear(compile_linear(relax(model)))
        if relaxed.stop is not SolverStop.CONVERGED:
            raise SolveFailedError(
                f"case {plant.case.name}: the linear model of pass {count} has no solution even "
                f"with all limits elastic ({relaxed.stop.value}); check yields and cut windows"
            )
        relaxed.load()
    after = place(exact, plant.case, read_point(model))
    return LinearPlan(solution, model, after, solution.profit, merit(exact), count)


def linear_model(plant: Refinery, point: Point, trust: float) -> Any:
    """Return the LP of a refinery about a point, cut points within `trust` [K] of it."""
    model = build_model(plant, FirstOrder(), point)
    for name, variable in model.cut.items():
        low, high = variable.bounds
        variable.setlb(max(low, point.cut[name] - trust))
        variable.setub(min(high, point.cut[name] + trust))
    return model


def relax(model: Any) -> Any:
    """Free the elastic variables of a model and make their weighted sum its only cost."""
    for key in model.limits:
        model.slack[key].unfix()
    model.profit.deactivate()
    model.breakage = pyo.Objective(
        expr=sum(limit.weight * model.slack[key] for key, limit in model.limits.items())
    )
    return model


def merit(exact: Any) -> float:
    """Return the exact profit less what broken limits cost [usd/h]."""
    broken = 0.0
    for key, limit in exact.limits.items():
        row = exact.limit[key]
        gap = pyo.value(row.body) - pyo.value(row.upper if row.upper is not None else row.lower)
        over = gap if limit.row_side is Side.MAX else -gap
        broken += limit.weight * max(over, 0.0)
    return float(pyo.value(exact.profit)) - BREAK_PRICE * broken
