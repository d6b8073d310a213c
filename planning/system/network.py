"""The model of a system: one block for each plant and period, tied by stocks and transport.

The objective is the profit per mean hour of the horizon: every period counts with its share of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.collection import collector_at_rest
from operator_agent.planning.exchange import Exchange, Movement
from operator_agent.planning.limits import prepare_limits
from operator_agent.planning.mixing import Mixing
from operator_agent.planning.refinery import Refinery, add_balances, refinery
from operator_agent.planning.streams import FLOW_HEADROOM, Point, add_streams
from operator_agent.planning.system.routes import add_route_limits, add_routes
from operator_agent.planning.system.system import Goods, Period, PlanningSystem, Tank
from operator_agent.planning.system.tanks import add_stock_limits, add_tanks, opening_stock
from operator_agent.units import HOUR_S

Site = tuple[str, str]
"""Names of a plant and a period."""


@dataclass(frozen=True, slots=True)
class SystemPoint:
    """Values of all decisions of a system, and of what follows from them.

    Attributes:
        sites: of each plant in each period.
        kept: closing stocks by site and tank [m3 per hour of the period].
        shipped: flows of routes by period [m3/h].
    """

    sites: Mapping[Site, Point]
    kept: Mapping[Site, Mapping[tuple[str, str], float]]
    shipped: Mapping[str, Mapping[str, float]]


def refineries(system: PlanningSystem) -> Mapping[Site, Refinery]:
    """Return every plant in every period with its crudes cut."""
    return {
        (name, period.name): refinery(plant.cases[period.name])
        for period in system.periods
        for name, plant in system.plants.items()
    }


def build_system(
    system: PlanningSystem, sites: Mapping[Site, Refinery], mixing: Mixing, point: SystemPoint
) -> Any:
    """Return the Pyomo model of a system, started at a point."""
    with collector_at_rest():
        return _build(system, sites, mixing, point)


def _build(
    system: PlanningSystem, sites: Mapping[Site, Refinery], mixing: Mixing, point: SystemPoint
) -> Any:
    model = pyo.ConcreteModel(system.name)
    model.site = pyo.Block(list(sites))
    model.network = pyo.Block([period.name for period in system.periods])
    for period in system.periods:
        add_routes(model.network[period.name], system, period, point.shipped[period.name])
        for name in system.plants:
            _add_variables(model.site[name, period.name], system, (name, period), point)
    for n, period in enumerate(system.periods):
        for name in system.plants:
            exchange = _exchange(model, system, mixing, (name, n))
            add_balances(model.site[name, period.name], sites[name, period.name], mixing, exchange)
            add_stock_limits(model, system, name, n)
        add_route_limits(model, system, period)
    model.profit = pyo.Objective(expr=_profit(model, system), sense=pyo.maximize)
    return model


def _add_variables(
    block: Any, system: PlanningSystem, at: tuple[str, Period], point: SystemPoint
) -> None:
    name, period = at
    plant, site = system.plants[name], (name, period.name)
    prepare_limits(block, system.place(*site), system.share(period))
    add_streams(block, plant.cases[period.name], point.sites[site])
    add_tanks(block, plant.tanks, period, point.kept[site])
    _widen(block, _more_room(system, name, period))


def _more_room(system: PlanningSystem, name: str, period: Period) -> float:
    """Return what tanks and other plants may bring to the streams of a plant [m3/h]."""
    tanks = sum(t.high for t in system.plants[name].tanks if t.goods is Goods.STREAM)
    routes = sum(r.high for r in system.transport if (r.target, r.goods) == (name, Goods.STREAM))
    return FLOW_HEADROOM * (tanks / period.hours + routes * HOUR_S)


def _widen(block: Any, room: float) -> None:
    """Let streams and their draws hold more than what the plant itself takes in."""
    for variable in (*block.volume.values(), *block.flow.values()):
        variable.setub(variable.ub + room)


def _exchange(model: Any, system: PlanningSystem, mixing: Mixing, at: tuple[str, int]) -> Exchange:
    """Return what tanks and transport add to a plant in the period with number n."""
    movements: dict[Goods, dict[str, Movement]] = {goods: {} for goods in Goods}
    name, _ = at
    items = [(tank.goods, tank.item) for tank in system.plants[name].tanks]
    items += [(route.goods, route.item) for route in system.transport if route.source == name]
    items += [(route.goods, route.arrives_as) for route in system.transport if route.target == name]
    for goods, item in dict.fromkeys(items):
        movements[goods][item] = _movement(model, system, mixing, at, (goods, item))
    return Exchange(movements[Goods.CRUDE], movements[Goods.STREAM], movements[Goods.PRODUCT])


def _movement(
    model: Any, system: PlanningSystem, mixing: Mixing, at: tuple[str, int], what: tuple[Goods, str]
) -> Movement:
    name, n = at
    goods, item = what
    period = system.periods[n]
    flows = model.network[period.name].shipped
    arriving, leaving = system.arriving(name, *what), system.leaving(name, *what)
    tanks = [tank for tank in system.plants[name].tanks if tank.key == (goods.value, item)]
    kept = model.site[name, period.name].tanks.kept
    gained = sum(flows[route.name] for route in arriving)
    gained += sum(opening_stock(model, system, name, n, tank) for tank in tanks)
    given = sum(flows[route.name] for route in leaving) + sum(kept[tank.key] for tank in tanks)
    amounts = {}
    if goods is Goods.STREAM:
        for quality in system.plants[name].cases[period.name].contents[item]:
            come = sum(
                mixing.product(
                    model.site[r.source, period.name].content[r.item, quality], flows[r.name]
                )
                for r in arriving
            )
            held = sum(_held(model, system, mixing, at, (tank, quality)) for tank in tanks)
            amounts[quality] = come + held
    return Movement(gained, given, amounts)


def _held(
    model: Any, system: PlanningSystem, mixing: Mixing, at: tuple[str, int], of: tuple[Tank, str]
) -> Any:
    """Return the amount of a content in the opening stock of a tank, per hour of the period."""
    (name, n), (tank, quality) = at, of
    stock = opening_stock(model, system, name, n, tank)
    if n == 0:
        return tank.contents.get(quality, 0.0) * stock
    before = model.site[name, system.periods[n - 1].name]
    return mixing.product(before.content[tank.item, quality], stock)


def _profit(model: Any, system: PlanningSystem) -> Any:
    """Return the profit per mean hour of the horizon [usd/h]."""
    total: Any = 0.0
    for period in system.periods:
        blocks = [model.site[name, period.name] for name in system.plants]
        hourly = sum(block.margin - sum(block.tanks.cost.values()) for block in blocks)
        hourly -= sum(model.network[period.name].cost.values())
        total += system.share(period) * hourly
    return total + closing_value(model, system) / (system.length_s / HOUR_S)


def closing_value(model: Any, system: PlanningSystem) -> Any:
    """Return what the stocks at the end are worth, where the system gives them a value [usd]."""
    last = system.periods[-1]
    return sum(
        tank.value * model.site[name, last.name].tanks.kept[tank.key] * last.hours
        for name, plant in system.plants.items()
        for tank in plant.tanks
    )
