"""From a case to a plan: recursion of LPs first, then the nonlinear plan from where it ends.

Solve in the main thread of a process. Two threads that translate models at the same time hang.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyomo.environ as pyo

from operator_agent.clock import Clock, SystemClock
from operator_agent.errors import InputError
from operator_agent.planning.alerts import read_alerts
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.certificate import largest_violation
from operator_agent.planning.flows import read_flows
from operator_agent.planning.outcome import PointWorth, Solution
from operator_agent.planning.plan import Plan
from operator_agent.planning.plan_reader import (
    read_blends,
    read_limits,
    read_money,
    read_unit_loads,
)
from operator_agent.planning.recursion import LinearPlan, Plannable, solve_recursion
from operator_agent.planning.refinery import refinery
from operator_agent.planning.stages import TRUE_ROWS, linear_stage, nonlinear_stage
from operator_agent.units import HOUR_S

__all__ = ["TRUE_ROWS", "Solved", "Stage", "read_plan", "solve_case", "solve_stages"]

Stage = Literal["lp", "nlp"]

AT_WINDOW_K = 1e-3  # closer to the end of its window a cut point is held by it


def solve_case(case: PlanningCase, *, stage: Stage = "nlp", clock: Clock | None = None) -> Plan:
    """Return the plan of a case.

    Args:
        case: to solve.
        stage: `lp` stops after the recursion of LPs, `nlp` goes on to the exact optimum.
        clock: for the time stamp and the time taken; the system's when not given.

    Raises:
        LimitsConflictError: the limits contradict each other; the message names them.
        SolveFailedError: stage `lp` did not settle.
        InputError: no such stage.
    """
    solved = solve_stages(refinery(case), stage, clock)
    return read_plan(
        case, solved.model, solved, solved.solution.marginal_of(), solved.linear.profit
    )


@dataclass(frozen=True, slots=True)
class Solved:
    """A solved model.

    Attributes:
        stage: `lp` or `nlp`.
        model: that holds the values.
        solution: of the last solver.
        worth: of the point.
        linear: outcome of the linear stage.
        seconds: to solve.
        created_s: wall time [s since 1970 UTC].
    """

    stage: str
    model: Any
    solution: Solution
    worth: PointWorth
    linear: LinearPlan
    seconds: float
    created_s: float


def solve_stages(plant: Plannable, stage: Stage, clock: Clock | None = None) -> Solved:
    """Return the solved model of whatever can be planned.

    Args:
        plant: a refinery, or a system of plants and periods.
        stage: `lp` stops after the recursion of LPs, `nlp` goes on to the exact optimum.
        clock: for the time stamp and the time taken; the system's when not given.

    Raises:
        LimitsConflictError: the limits contradict each other; the message names them.
        SolveFailedError: stage `lp` did not settle.
        InputError: no such stage.
    """
    if stage not in ("lp", "nlp"):
        raise InputError(f"stage '{stage}' is not known; use 'lp' or 'nlp'")
    clock = clock or SystemClock()
    begin = clock.monotonic_s()
    linear = solve_recursion(plant)
    solve = linear_stage if stage == "lp" else nonlinear_stage
    model, solution, worth = solve(plant, linear)
    seconds = clock.monotonic_s() - begin
    return Solved(stage, model, solution, worth, linear, seconds, clock.wall_s())


def read_plan(
    case: PlanningCase,
    model: Any,
    solved: Solved,
    marginals: Mapping[str, float],
    linear_profit: float,
) -> Plan:
    """Return the plan of one plant in one period.

    Args:
        case: of the plant in the period.
        model: the model, or the block of the plant and the period.
        solved: how the model was solved.
        marginals: by name of row or variable, per hour of the period.
        linear_profit: of the plant at the end of the linear stage [usd/h].
    """
    worth = _marginals(model.bought, marginals)
    return Plan(
        case=case,
        stage=solved.stage,
        stop=solved.solution.stop,
        worth=solved.worth,
        objective=read_money(model).profit,
        linear_objective=linear_profit,
        money=read_money(model),
        charge={name: model.charge[name].value / HOUR_S for name in case.crudes},
        cut_points={cut.name: model.cut[cut.name].value for cut in case.crude_unit.cuts},
        cut_marginals=_cut_marginals(model, case, marginals),
        stream_flows={
            name: float(pyo.value(model.made[name] + model.supplied[name])) / HOUR_S
            for name in case.streams
        },
        stream_values=_marginals(model.drawn, marginals),
        crude_values={name: worth[name] for name in case.crudes},
        unit_loads=read_unit_loads(model, case),
        flows=read_flows(model, case),
        blends=read_blends(model, case),
        limits=read_limits(model, case, marginals),
        violation=largest_violation(model),
        residual=solved.solution.residual,
        passes=solved.linear.passes,
        iterations=solved.solution.iterations,
        seconds=solved.seconds,
        created_s=solved.created_s,
        purchases={name: model.purchase[name].value / HOUR_S for name in case.purchases},
        purchase_values={name: worth[name] for name in case.purchases},
        alerts=read_alerts(model, case),
    )


def _cut_marginals(
    model: Any, case: PlanningCase, marginals: Mapping[str, float]
) -> Mapping[str, float]:
    """Return the marginals of the windows; the trust region of the linear stage is no window."""
    found = _marginals(model.cut, marginals)
    return {
        cut.name: found[cut.name]
        if min(model.cut[cut.name].value - cut.low, cut.high - model.cut[cut.name].value)
        < AT_WINDOW_K
        else 0.0
        for cut in case.crude_unit.cuts
    }


def _marginals(component: Any, marginals: Mapping[str, float]) -> Mapping[str, float]:
    """Return the marginals of an indexed row or variable by its index."""
    return {index: marginals.get(component[index].name, 0.0) for index in component}
