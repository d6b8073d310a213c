"""From a system to its plan, by the same two stages as a single case."""

import math
from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from operator_agent.clock import Clock
from operator_agent.planning.certificate import largest_violation
from operator_agent.planning.limits import LimitKind
from operator_agent.planning.plan import LimitResult
from operator_agent.planning.qualities import QUALITIES, Basis, Quality
from operator_agent.planning.solve import Solved, Stage, read_plan, solve_stages
from operator_agent.planning.system.network import closing_value
from operator_agent.planning.system.routes import supplied
from operator_agent.planning.system.simulate import network
from operator_agent.planning.system.system import Goods, Period, PlanningSystem, Route, Tank
from operator_agent.planning.system.system_plan import RouteResult, SystemPlan, TankResult
from operator_agent.planning.system.tanks import opening_stock
from operator_agent.units import HOUR_S

EMPTY_M3 = 1e-3  # a tank with less has no quality to report

Marginals = Mapping[str, float]


def solve_system(
    system: PlanningSystem, *, stage: Stage = "nlp", clock: Clock | None = None
) -> SystemPlan:
    """Return the plan of a system.

    Args:
        system: to solve.
        stage: `lp` stops after the recursion of LPs, `nlp` goes on to the exact optimum.
        clock: for the time stamp and the time taken; the system's when not given.

    Raises:
        LimitsConflictError: the limits contradict each other; the message names them with plant
            and period.
        SolveFailedError: stage `lp` did not settle.
        InputError: no such stage.
    """
    solved = solve_stages(network(system), stage, clock)
    model, marginals = solved.model, _marginals_by_period(system, solved)
    return SystemPlan(
        system=system,
        stage=solved.stage,
        stop=solved.solution.stop,
        worth=solved.worth,
        objective=float(pyo.value(model.profit)),
        linear_objective=solved.linear.profit,
        closing_value=float(pyo.value(closing_value(model, system))),
        plans={
            (name, period.name): read_plan(
                plant.cases[period.name],
                model.site[name, period.name],
                solved,
                marginals[period.name],
                float(pyo.value(solved.linear.model.site[name, period.name].margin)),
            )
            for period in system.periods
            for name, plant in system.plants.items()
        },
        tanks=tuple(
            _tank(model, system, (name, n), tank, marginals[period.name])
            for n, period in enumerate(system.periods)
            for name, plant in system.plants.items()
            for tank in plant.tanks
        ),
        routes=tuple(
            _route(model, system, period, route, marginals[period.name])
            for period in system.periods
            for route in system.transport
        ),
        limits=_limits(model, system, marginals),
        violation=largest_violation(model),
        residual=solved.solution.residual,
        passes=solved.linear.passes,
        iterations=solved.solution.iterations,
        seconds=solved.seconds,
        created_s=solved.created_s,
    )


def _marginals_by_period(system: PlanningSystem, solved: Solved) -> Mapping[str, Marginals]:
    """Return marginals per hour of each period; the objective counts per hour of the horizon."""
    found = solved.solution.marginal_of()
    return {
        period.name: {name: value / system.share(period) for name, value in found.items()}
        for period in system.periods
    }


def _tank(
    model: Any, system: PlanningSystem, at: tuple[str, int], tank: Tank, marginals: Marginals
) -> TankResult:
    name, n = at
    period = system.periods[n]
    block = model.site[name, period.name]
    opening = float(pyo.value(opening_stock(model, system, name, n, tank)))
    closing = float(block.tanks.kept[tank.key].value)
    inflow = _inflow(model, system, (name, period), tank)
    used = max(opening, inflow, closing) * period.hours > EMPTY_M3
    row = _balance(block, tank.goods, tank.item).name
    return TankResult(
        name,
        period.name,
        tank,
        opening * period.hours,
        closing * period.hours,
        inflow / HOUR_S,
        (opening + inflow - closing) / HOUR_S,
        _qualities(block, tank, closing * period.hours),
        marginals.get(row, 0.0) if used else math.nan,
        float(pyo.value(block.tanks.cost[tank.key])),
    )


def _inflow(model: Any, system: PlanningSystem, at: tuple[str, Period], tank: Tank) -> float:
    """Return what a tank receives in a period [m3/h]."""
    name, period = at
    block = model.site[name, period.name]
    own = {
        Goods.CRUDE: lambda: block.purchase[tank.item],
        Goods.STREAM: lambda: block.made[tank.item] + block.supplied[tank.item],
        Goods.PRODUCT: lambda: sum(
            block.flow[draw] for draw in block.case.products[tank.item].draws
        ),
    }[tank.goods]()
    flows = model.network[period.name].shipped
    routes = system.arriving(name, tank.goods, tank.item)
    return float(pyo.value(own)) + sum(float(flows[route.name].value) for route in routes)


def _balance(block: Any, goods: Goods, item: str) -> Any:
    """Return the row whose marginal is the worth of one more m3 of something."""
    rows = {Goods.CRUDE: block.bought, Goods.STREAM: block.drawn, Goods.PRODUCT: block.stocked}
    return rows[goods][item]


def _qualities(block: Any, tank: Tank, stock: float) -> tuple[tuple[Quality, float], ...]:
    """Return the qualities of what is in a stream tank [SI]."""
    if tank.goods is not Goods.STREAM:
        return ()
    contents = {
        name: float(block.content[tank.item, name].value) for name in block.case.contents[tank.item]
    }
    return tuple(
        (QUALITIES[name], _value(QUALITIES[name], contents) if stock > EMPTY_M3 else math.nan)
        for name in contents
        if QUALITIES[name].basis is Basis.VOLUME or "density" in contents
    )


def _value(quality: Quality, contents: Mapping[str, float]) -> float:
    base = contents["density"] if quality.basis is Basis.MASS else 1.0
    return quality.from_index(contents[quality.name] / base)


def _route(
    model: Any, system: PlanningSystem, period: Period, route: Route, marginals: Marginals
) -> RouteResult:
    source, target = (model.site[plant, period.name] for plant in (route.source, route.target))
    flow = float(model.network[period.name].shipped[route.name].value)
    return RouteResult(
        route,
        period.name,
        flow / HOUR_S,
        marginals.get(_balance(source, route.goods, route.item).name, 0.0),
        marginals.get(_balance(target, route.goods, route.arrives_as).name, 0.0),
        route.cost * flow,
    )


def _limits(
    model: Any, system: PlanningSystem, marginals: Mapping[str, Marginals]
) -> tuple[LimitResult, ...]:
    """Return the limits of tanks, routes and shared supply."""
    results = []
    for period in system.periods:
        blocks = [model.site[name, period.name].tanks for name in system.plants]
        for block in (*blocks, model.network[period.name]):
            for key, limit in block.limits.items():
                if limit.kind is LimitKind.SUPPLY:
                    row = float(pyo.value(supplied(model, system, period, limit.item)))
                elif limit.kind is LimitKind.ROUTE:
                    row = float(block.shipped[limit.item].value)
                else:
                    row = _stock(block, limit.item, system)
                price = marginals[period.name].get(block.limit[key].name, 0.0)
                results.append(LimitResult(limit, row * limit.per_row, price))
    return tuple(results)


def _stock(block: Any, words: str, system: PlanningSystem) -> float:
    """Return the closing stock of the tank with these words [m3/h]."""
    tanks = [tank for plant in system.plants.values() for tank in plant.tanks]
    key = next(tank.key for tank in tanks if tank.words == words)
    return float(block.kept[key].value)
