"""Transport and shared supply in the model."""

from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit, prepare_limits
from operator_agent.planning.system.system import Period, PlanningSystem
from operator_agent.units import HOUR_S

ROUTE_HEADROOM = 2.0  # of the largest flow: bounds the search, never active


def add_routes(
    block: Any, system: PlanningSystem, period: Period, start: Mapping[str, float]
) -> None:
    """Add the flows of all routes in a period to its block, started at values [m3/h]."""
    most = {
        route.name: ROUTE_HEADROOM * max(route.high, route.range_in(period.name)[1]) * HOUR_S
        for route in system.transport
    }
    block.shipped = pyo.Var(
        list(most),
        bounds={name: (0.0, high) for name, high in most.items()},
        initialize=dict(start),
    )


def add_route_limits(model: Any, system: PlanningSystem, period: Period) -> None:
    """Add limits and cost of transport, and the limits of supply that plants share."""
    block = model.network[period.name]
    place = period.name if len(system.periods) > 1 else ""
    prepare_limits(block, place, system.share(period))
    for route in system.transport:
        body = block.shipped[route.name]
        _add_range(block, LimitKind.ROUTE, route.name, ("flow", body), route.range_in(period.name))
    for supply in system.supply:
        body = supplied(model, system, period, supply.item)
        words = ("purchase of all plants", body)
        _add_range(block, LimitKind.SUPPLY, supply.item, words, supply.range_in(period.name))
    block.cost = pyo.Expression(
        list(block.shipped),
        initialize={
            route.name: route.cost * block.shipped[route.name] for route in system.transport
        },
    )


def supplied(model: Any, system: PlanningSystem, period: Period, item: str) -> Any:
    """Return what all plants buy of a crude or of a stream in a period [m3/h]."""
    blocks = (model.site[name, period.name] for name in system.plants)
    return sum(block.purchase[item] for block in blocks if item in block.purchase)


def _add_range(
    block: Any, kind: LimitKind, item: str, of: tuple[str, Any], bounds: tuple[float, float]
) -> None:
    words, body = of
    for side, value in zip((Side.MIN, Side.MAX), bounds, strict=True):
        if side is Side.MAX or value > 0.0:
            row = value * HOUR_S
            limit = Limit(kind, item, side, value, "kbbl/d", words, row, side, weight=1.0)
            add_limit(block, limit, body, row)
