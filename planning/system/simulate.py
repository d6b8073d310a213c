"""A system recomputed from its decisions, period by period, from crude to product."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.markets import taken_in
from operator_agent.planning.mixing import Exact, Mixing
from operator_agent.planning.outcome import put
from operator_agent.planning.refinery import (
    EMPTY,
    Refinery,
    decide,
    equal_shares,
    gather,
    share_out,
)
from operator_agent.planning.streams import read_point
from operator_agent.planning.system.network import (
    Site,
    SystemPoint,
    build_system,
    refineries,
)
from operator_agent.planning.system.order import stream_order
from operator_agent.planning.system.system import Goods, Period, PlanningSystem, Tank
from operator_agent.units import HOUR_S


@dataclass(frozen=True, slots=True)
class Network:
    """A system made ready to be modelled: the crudes of every plant and period are cut once.

    Attributes:
        system: the system.
        sites: every plant in every period.
    """

    system: PlanningSystem
    sites: Mapping[Site, Refinery]

    @property
    def name(self) -> str:
        """Name of the system."""
        return self.system.name

    def model(self, mixing: Mixing, point: SystemPoint) -> Any:
        """Return the Pyomo model, started at a point."""
        return build_system(self.system, self.sites, mixing, point)

    def first_point(self) -> SystemPoint:
        """Return a point to start from: each plant as when alone, stocks as at the opening,
        transported streams shared equally with their uses.
        """
        system = self.system
        routes = {route.name: float(route.goods is Goods.STREAM) for route in system.transport}
        point = SystemPoint(
            {site: equal_shares(plant.case) for site, plant in self.sites.items()},
            {
                (name, period.name): {
                    t.key: _first_stock(t, period) / period.hours for t in plant.tanks
                }
                for period in system.periods
                for name, plant in system.plants.items()
            },
            {period.name: routes for period in system.periods},
        )
        return self.place(self.model(Exact(), point), point)

    def place(self, model: Any, point: SystemPoint) -> SystemPoint:
        """Set the decisions of a point in an exact model and recompute the rest.

        Stocks and transport stay as they are as far as there is enough; all other draws keep
        their proportions. Balances hold at the point, limits may not.
        """
        for period in self.system.periods:
            model.network[period.name].shipped.set_values(
                point.shipped[period.name], skip_validation=True
            )
            for name in self.system.plants:
                site = (name, period.name)
                decide(model.site[site], point.sites[site])
                model.site[site].tanks.kept.set_values(point.kept[site], skip_validation=True)
        for period in self.system.periods:
            self._run(model, period)
        return self.read(model)

    def read(self, model: Any) -> SystemPoint:
        """Return the present values of a model."""
        blocks = {site: model.site[site] for site in self.sites}
        return SystemPoint(
            {site: read_point(block) for site, block in blocks.items()},
            {site: _values(block.tanks.kept) for site, block in blocks.items()},
            {p.name: _values(model.network[p.name].shipped) for p in self.system.periods},
        )

    def _run(self, model: Any, period: Period) -> None:
        for name, stream in stream_order(self.system, period):
            block = model.site[name, period.name]
            gather(block, block.case, stream)
            self._draw(model, (name, period), stream)
        for name in self.system.plants:
            block = model.site[name, period.name]
            for stream in block.case.purchases:
                put(block.purchase, stream, pyo.value(taken_in(block, stream)))
            for crude in block.case.crudes:
                more = pyo.value(block.bought[crude].body)
                _settle(block, block.purchase, crude, (Goods.CRUDE.value, crude), more)
            for product in block.sold:
                more = -pyo.value(block.stocked[product].body)
                _settle(block, block.sold, product, (Goods.PRODUCT.value, product), more)

    def _draw(self, model: Any, at: tuple[str, Period], stream: str) -> None:
        """Share a stream out: closing stock first, the rest between transport and uses."""
        name, period = at
        block, flows = model.site[name, period.name], model.network[period.name].shipped
        left = pyo.value(block.volume[stream])
        uses = [block.flow[stream, use] for use in block.case.uses(stream)]
        routes = self.system.leaving(name, Goods.STREAM, stream)
        most = [
            max(route.range_in(period.name)[1] * HOUR_S, flows[route.name].value)
            for route in routes
        ]
        shipped = [flows[route.name] for route in routes]
        key = (Goods.STREAM.value, stream)
        if key in block.tanks.kept:
            idle = sum(max(pyo.value(draw), 0.0) for draw in (*uses, *shipped)) <= EMPTY
            kept = left if idle else min(max(block.tanks.kept[key].value, 0.0), left)
            put(block.tanks.kept, key, kept)
            left -= kept
        share_out([*uses, *shipped], left)
        if uses:
            for flow, high in zip(shipped, most, strict=True):
                put(flow.parent_component(), flow.index(), min(flow.value, high))
            share_out(uses, left - sum(flow.value for flow in shipped))


def _settle(block: Any, trade: Any, item: str, tank: tuple[str, str], more: float) -> None:
    """Close a balance by buying or selling more; below nothing, the closing stock takes the rest.

    Args:
        block: of the plant and the period.
        trade: variable of purchases or sales.
        item: crude or product.
        tank: its tank, if it has one.
        more: what is missing [m3/h]: bought above, or sold above, the present value.
    """
    value = trade[item].value + more
    if value < 0.0 and tank in block.tanks.kept:
        sign = 1.0 if tank[0] == Goods.CRUDE.value else -1.0
        put(block.tanks.kept, tank, block.tanks.kept[tank].value - sign * value)
    put(trade, item, max(value, 0.0))


def network(system: PlanningSystem) -> Network:
    """Return a system with its crudes cut."""
    return Network(system, refineries(system))


def _first_stock(tank: Tank, period: Period) -> float:
    """Return the opening stock, moved into the tank's range [m3]."""
    low, high = tank.range_in(period.name)
    return min(max(tank.opening, low), high)


def _values(variable: Any) -> dict[Any, float]:
    return {index: float(variable[index].value) for index in variable}
