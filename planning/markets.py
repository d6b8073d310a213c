"""Markets: crude bought, products sold, energy paid, and the profit that remains."""

from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.blends import blend_volume
from operator_agent.planning.case import PlanningCase, Product
from operator_agent.planning.exchange import ALONE, STILL, Exchange
from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit
from operator_agent.planning.mixing import Mixing
from operator_agent.planning.units import unit_amount, unit_feed
from operator_agent.units import HOUR_S


def product_sale(model: Any, product: Product) -> Any:
    """Return what is sold of a product [m3/h]: what is blended, unless it has other ways."""
    if product.name in model.sold:
        return model.sold[product.name]
    return blend_volume(model, product)


def taken_in(model: Any, name: str) -> Any:
    """Return what the plant takes of a crude or a purchased stream [m3/h]."""
    return model.charge[name] if name in model.charge else model.supply[name]


def add_markets(model: Any, case: PlanningCase, mixing: Mixing, exchange: Exchange = ALONE) -> None:
    """Add purchases, sales, and the profit [usd/h] as an expression.

    The dual of `bought[c]` is the value of one more m3 of crude at the crude unit, or of a
    purchased stream in its pool; that of
    `stocked[p]` the value of one more m3 of a product that has a tank or transport.
    """
    names = [*case.crudes, *case.purchases]
    model.purchase = pyo.Var(
        names, domain=pyo.NonNegativeReals, initialize=lambda m, name: taken_in(m, name).value
    )
    _add_balances(model, case, exchange)
    for crude in case.crudes.values():
        _add_range(model, LimitKind.CRUDE, crude, "purchase", model.purchase[crude.name])
    for stream in case.purchases.values():
        _add_range(model, LimitKind.PURCHASE, stream, "purchase", model.purchase[stream.name])
    for product in case.products.values():
        _add_range(model, LimitKind.PRODUCT, product, "sale", product_sale(model, product))
    _add_money(model, case, mixing)
    model.margin = pyo.Expression(
        expr=sum(model.revenue.values())
        - sum(model.crude_cost.values())
        - sum(model.purchase_cost.values())
        - sum(model.energy_cost.values())
        - sum(model.operating_cost.values())
    )


def _add_balances(model: Any, case: PlanningCase, exchange: Exchange) -> None:
    """Add the balances of crudes, and of those products that are not all sold as blended."""

    def bought(block: Any, name: str) -> Any:
        moved = exchange.crudes.get(name, STILL)
        return taken_in(block, name) + moved.given == block.purchase[name] + moved.gained

    def stocked(block: Any, product: str) -> Any:
        moved = exchange.products[product]
        blended = blend_volume(block, case.products[product])
        return block.sold[product] + moved.given == blended + moved.gained

    for name in (*case.crudes, *case.purchases):
        if name not in exchange.crudes:
            # What is bought is not negative; a second bound on it would share its marginal.
            taken_in(model, name).setlb(None)
    model.bought = pyo.Constraint([*case.crudes, *case.purchases], rule=bought)
    model.sold = pyo.Var(list(exchange.products), domain=pyo.NonNegativeReals, initialize=0.0)
    model.stocked = pyo.Constraint(list(exchange.products), rule=stocked)


def _add_range(model: Any, kind: LimitKind, item: Any, words: str, body: Any) -> None:
    for side, value in ((Side.MIN, item.low), (Side.MAX, item.high)):
        if side is Side.MIN and value == 0.0:
            continue
        bound = value * HOUR_S
        limit = Limit(kind, item.name, side, value, "kbbl/d", words, bound, side, weight=1.0)
        add_limit(model, limit, body, bound)


def _add_money(model: Any, case: PlanningCase, mixing: Mixing) -> None:
    """Add the parts of the profit by product, crude and unit [usd/h]."""
    model.revenue = pyo.Expression(
        list(case.products),
        rule=lambda m, p: case.products[p].price * product_sale(m, case.products[p]),
    )
    model.crude_cost = pyo.Expression(
        list(case.crudes), rule=lambda m, c: case.crudes[c].price * m.purchase[c]
    )
    model.purchase_cost = pyo.Expression(
        list(case.purchases), rule=lambda m, s: case.purchases[s].price * m.purchase[s]
    )
    energy, other = _unit_costs(model, case, mixing)
    model.energy_cost = pyo.Expression(list(energy), initialize=energy)
    model.operating_cost = pyo.Expression(list(other), initialize=other)


def _unit_costs(
    model: Any, case: PlanningCase, mixing: Mixing
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return energy and other cost by unit [usd/h]."""
    unit, prices = case.crude_unit, case.utilities
    energy = {
        name: sum(
            prices.fuel_price * run.energy * unit_feed(model, run) for run in process.operations
        )
        for name, process in case.units.items()
    }
    other = {
        name: sum(unit_amount(model, mixing, run, run.cost) for run in process.operations)
        for name, process in case.units.items()
    }
    if unit.cuts:
        feed = sum(model.charge[name] for name in case.crudes)
        per_feed = prices.fuel_price * unit.energy + prices.steam_price * unit.steam
        energy["crude_unit"] = per_feed * feed
        other["crude_unit"] = unit.operating_cost * feed
    return energy, other
