"""From a case to a plan: recursion of LPs first, then the nonlinear plan from where it ends.

Solve in the main thread of a process. Two threads that translate models at the same time hang.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from operator_agent.clock import Clock, SystemClock
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.certificate import largest_violation
from operator_agent.planning.flows import read_flows
from operator_agent.planning.infeasible import explain_conflict
from operator_agent.planning.mixing import Exact
from operator_agent.planning.nonlinear import (
    import_nonlinear,
    model_values,
    solve_from,
    solve_nonlinear,
)
from operator_agent.planning.outcome import PointWorth, Solution, SolverStop
from operator_agent.planning.plan import Plan
from operator_agent.planning.plan_reader import (
    read_blends,
    read_limits,
    read_money,
    read_unit_loads,
)
from operator_agent.planning.recursion import LinearPlan, relax, solve_recursion
from operator_agent.planning.refinery import Refinery, build_model, first_point, place, refinery
from operator_agent.planning.streams import Point, read_point
from operator_agent.units import HOUR_S

Stage = Literal["lp", "nlp"]

TRUE_ROWS = 1e-5  # relative violation above which a point is no plan: 0.001 % of any limit
LINEAR_ROWS = 1e-3  # the same for the linear stage, which knows qualities to first order only
AT_WINDOW_K = 1e-3  # closer to the end of its window a cut point is held by it
CONFLICT = 1e-4  # weighted breakage [m3/h] of the elastic plan below which all limits can hold


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
    if stage not in ("lp", "nlp"):
        raise InputError(f"stage '{stage}' is not known; use 'lp' or 'nlp'")
    clock = clock or SystemClock()
    begin = clock.monotonic_s()
    plant = refinery(case)
    linear = solve_recursion(plant)
    if stage == "lp":
        model, solution, worth = _linear_stage(plant, linear)
    else:
        model, solution, worth = _nonlinear_stage(plant, linear)
    times = (clock.monotonic_s() - begin, clock.wall_s())
    return _plan(case, stage, model, (solution, worth), linear, times)


def _linear_stage(plant: Refinery, linear: LinearPlan) -> tuple[Any, Solution, PointWorth]:
    if linear.solution.stop is not SolverStop.CONVERGED:
        _raise_conflict(plant, linear.point)
        raise SolveFailedError(
            f"case {plant.case.name}: the linear stage did not settle within {linear.passes} "
            "passes, though all limits can hold; solve it with stage 'nlp'"
        )
    model = build_model(plant, Exact(), linear.point)
    place(model, plant.case, linear.point)
    close = largest_violation(model).amount <= LINEAR_ROWS
    converged = linear.solution.stop is SolverStop.CONVERGED
    worth = PointWorth.LINEAR_OPTIMUM if close and converged else PointWorth.NONE
    return model, linear.solution, worth


def _nonlinear_stage(plant: Refinery, linear: LinearPlan) -> tuple[Any, Solution, PointWorth]:
    """Return the best local optimum from the LP's point and from the default start.

    When neither converges, the elastic form decides whether the limits contradict each other or
    whether there is a point to start a last attempt from.
    """
    model, solution = _best_from(plant, (linear.point, first_point(plant)))
    if solution.stop is not SolverStop.CONVERGED:
        model, solution = _best_from(plant, (_elastic_point(plant, linear.point),))
    if largest_violation(model).amount > TRUE_ROWS:
        return model, solution, PointWorth.NONE
    if solution.stop is SolverStop.CONVERGED:
        return model, solution, PointWorth.LOCAL_OPTIMUM
    return model, solution, PointWorth.FEASIBLE


def _best_from(plant: Refinery, points: Sequence[Point]) -> tuple[Any, Solution]:
    """Return the exact model that holds the best local optimum over some starts."""
    model = build_model(plant, Exact(), points[0])
    program = import_nonlinear(model)
    starts = []
    for point in points:
        place(model, plant.case, point)
        starts.append(model_values(program))
    best = solve_from(program, starts)
    best.load()
    return model, best


def _elastic_point(plant: Refinery, point: Point) -> Point:
    """Return a point within all limits.

    Raises:
        LimitsConflictError: there is none nearby; the message names what gives way.
    """
    model = build_model(plant, Exact(), point)
    place(model, plant.case, point)
    program = import_nonlinear(relax(model))
    solution = solve_nonlinear(program)
    solution.load()
    if -solution.profit > CONFLICT:
        _raise_conflict(plant, place(model, plant.case, read_point(model)))
    return read_point(model)


def _raise_conflict(plant: Refinery, point: Point) -> None:
    conflict = explain_conflict(plant, point)
    if conflict is not None:
        raise conflict.error()


def _plan(
    case: PlanningCase,
    stage: str,
    model: Any,
    solved: tuple[Solution, PointWorth],
    linear: LinearPlan,
    times: tuple[float, float],
) -> Plan:
    solution, worth = solved
    marginals = solution.marginal_of()
    return Plan(
        case=case,
        stage=stage,
        stop=solution.stop,
        worth=worth,
        objective=read_money(model).profit,
        linear_objective=linear.profit,
        money=read_money(model),
        charge={name: model.charge[name].value / HOUR_S for name in case.crudes},
        cut_points={cut.name: model.cut[cut.name].value for cut in case.crude_unit.cuts},
        cut_marginals=_cut_marginals(model, case, marginals),
        stream_flows={name: model.volume[name].value / HOUR_S for name in case.streams},
        stream_values=_marginals(model.drawn, marginals),
        crude_values=_marginals(model.bought, marginals),
        unit_loads=read_unit_loads(model, case),
        flows=read_flows(model, case),
        blends=read_blends(model, case),
        limits=read_limits(model, case, marginals),
        violation=largest_violation(model),
        residual=solution.residual,
        passes=linear.passes,
        iterations=solution.iterations,
        seconds=times[0],
        created_s=times[1],
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
