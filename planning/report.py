"""Tables that a planner reads: money, crudes, cuts, units, blends, and limits with marginals.

Tables hold texts only; the command line renders them.
"""

import math
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass

from operator_agent.planning.alerts import AlertResult, AlertState
from operator_agent.planning.choices import LOTS, TAKEN, choices, offer
from operator_agent.planning.limits import Limit, LimitKind, Side
from operator_agent.planning.plan import LimitResult, Plan
from operator_agent.planning.process_unit import ProcessUnit
from operator_agent.planning.quantities import in_unit, planning_unit
from operator_agent.planning.webreport.words import (
    FLOW,
    PRICE,
    celsius,
    flow,
    marginal,
    money,
    percent,
    price,
)
from operator_agent.units import HOUR_S

NOTHING = 1e-6  # [m3/s] flows below are left out
ALERT = ("state", "of", "value", "unit", "range")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; every row has one cell for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def plan_tables(plan: Plan) -> list[Table]:
    """Return the report of a plan."""
    return [
        _economics(plan),
        *_where(_crossed(plan), _alerts_crossed, plan),
        *_where(plan.case.crudes, _slate, plan),
        *_where(plan.case.crudes, _cuts, plan),
        *_where(plan.case.purchases, _purchases, plan),
        *_where(choices(plan.case), _parcels, plan),
        _streams(plan),
        _units(plan),
        *_where([unit for unit in plan.case.units.values() if unit.modes], _modes, plan),
        _products(plan),
        _specifications(plan),
        *_where(plan.case.rows, _rows, plan),
        _markets(plan),
        *_where([one for one in plan.alerts if one not in _crossed(plan)], _alerts_kept, plan),
        _solve(plan),
    ]


def _where(there: Sized, table: Callable[[Plan], Table], plan: Plan) -> list[Table]:
    """Return a table of what only some cases have."""
    return [table(plan)] if there else []


def _economics(plan: Plan) -> Table:
    told = plan.money
    crude = bool(plan.case.crude_unit.cuts)
    intake = plan.flow_vol_feed if crude else sum(plan.purchases.values())
    bought = [("purchased streams", -sum(told.purchase_cost.values()))] if plan.purchases else []
    parts = [
        ("sales", sum(told.revenue.values())),
        ("crude", -sum(told.crude_cost.values())),
        *bought,
        ("energy and steam", -sum(told.energy_cost.values())),
        ("other operating cost", -sum(told.operating_cost.values())),
        ("profit", plan.objective),
    ]
    rows = [
        (name, money(usd_h), price(usd_h / intake / HOUR_S) if intake > NOTHING else "-")
        for name, usd_h in parts
    ]
    basis = "usd/bbl of crude" if crude else "usd/bbl bought"
    return Table("Economics", ("", "usd/h", basis), tuple(rows))


def _slate(plan: Plan) -> Table:
    rows = []
    for crude in plan.case.crudes.values():
        bought = plan.charge[crude.name]
        rows.append(
            (
                crude.name,
                flow(bought),
                percent(plan.slate[crude.name]),
                price(crude.price),
                price(plan.crude_values[crude.name]),
                _held(plan, LimitKind.CRUDE, crude.name),
            )
        )
    whole = percent(sum(plan.slate.values()))
    rows.append(("feed", flow(plan.flow_vol_feed), whole, "", price(plan.feed_value), ""))
    columns = ("crude", FLOW, "vol%", f"price {PRICE}", f"worth {PRICE}", "held by")
    return Table("Crude slate", columns, tuple(rows))


def _purchases(plan: Plan) -> Table:
    rows = [
        (
            purchase.name,
            purchase.stream,
            flow(plan.purchases[purchase.name]),
            price(purchase.price),
            price(plan.purchase_values[purchase.name]),
            _held(plan, LimitKind.PURCHASE, purchase.name),
        )
        for purchase in plan.case.purchases.values()
    ]
    columns = ("purchase", "joins", FLOW, f"price {PRICE}", f"worth {PRICE}", "held by")
    return Table("Purchased streams", columns, tuple(rows))


def _parcels(plan: Plan) -> Table:
    rows = []
    bought = {**plan.charge, **plan.purchases}
    for kind, name in choices(plan.case):
        if kind == LOTS:
            lot = offer(plan.case, name).lot
            rows.append((name, f"{bought[name] / lot:.0f} lots", f"of {flow(lot)} {FLOW}"))
        elif kind == TAKEN:
            least = offer(plan.case, name).at_least_if_any
            taken = "bought" if bought[name] > NOTHING else "left"
            rows.append((name, taken, f"at least {flow(least)} {FLOW} if any"))
        else:
            feed = _mode_feed(plan, plan.case.operations[name])
            rows.append((name, "runs" if feed > NOTHING else "stands still", "one mode only"))
    return Table("Choices in whole numbers", ("item", "choice", "rule"), tuple(rows))


def _modes(plan: Plan) -> Table:
    rows = []
    for unit in plan.case.units.values():
        for mode in unit.modes:
            feed, load = _mode_feed(plan, mode), plan.unit_loads[unit.name]
            share = percent(feed / load, 0) if load > NOTHING else ""
            rows.append((unit.name, mode.name.removeprefix(f"{unit.name}."), flow(feed), share))
    columns = ("unit", "mode", f"feed {FLOW}", "% of the time")
    return Table("Unit modes", columns, tuple(rows))


def _mode_feed(plan: Plan, mode: ProcessUnit) -> float:
    return sum(plan.flows.drawn[draw] for draw in mode.draws)


def _cuts(plan: Plan) -> Table:
    rows = []
    for cut in plan.case.crude_unit.cuts:
        temp = plan.cut_points[cut.name]
        rows.append(
            (
                cut.name,
                celsius(temp),
                f"{celsius(cut.low)} to {celsius(cut.high)}",
                marginal(plan.cut_marginals[cut.name]),
                cut.target,
                celsius(temp + cut.overlap),
            )
        )
    columns = ("cut", "degC", "window degC", "usd/h per degC of window", "target", "target degC")
    return Table("Crude unit cut points", columns, tuple(rows))


def _streams(plan: Plan) -> Table:
    own, fed = plan.case.crude_unit.streams, plan.flow_vol_feed > NOTHING
    rows = []
    for stream in plan.case.streams:
        amount = plan.stream_flows[stream]
        share = percent(amount / plan.flow_vol_feed) if stream in own and fed else ""
        rows.append((stream, flow(amount), share, price(plan.stream_values[stream])))
    columns = ("stream", FLOW, "vol% of crude", f"worth {PRICE}")
    return Table("Streams", columns, tuple(rows))


def _units(plan: Plan) -> Table:
    rows = []
    for result in _results(plan, LimitKind.UNIT, Side.MAX):
        load, limit = result.value, result.limit
        name = limit.item
        rows.append(
            (
                name,
                flow(load),
                flow(limit.value),
                percent(load / limit.value, 0) if limit.value else "",
                price(result.shadow_price),
                money(plan.money.energy_cost[name] + plan.money.operating_cost[name]),
            )
        )
    columns = (
        "unit",
        f"feed {FLOW}",
        f"capacity {FLOW}",
        "% used",
        f"more capacity {PRICE}",
        "cost usd/h",
    )
    return Table("Unit capacities", columns, tuple(rows))


def _products(plan: Plan) -> Table:
    rows = []
    for blend in plan.blends:
        recipe = ", ".join(
            f"{percent(amount / blend.flow_vol)}% {stream}"
            for stream, amount in sorted(blend.recipe.items(), key=lambda item: -item[1])
            if amount > NOTHING
        )
        asked = price(plan.case.products[blend.product].price)
        rows.append((blend.product, flow(blend.flow_vol), asked, recipe))
    return Table("Products", ("product", FLOW, f"price {PRICE}", "recipe"), tuple(rows))


def _specifications(plan: Plan) -> Table:
    made = {blend.product for blend in plan.blends if blend.flow_vol > NOTHING}
    made |= {unit for unit, load in plan.unit_loads.items() if load > NOTHING}
    rows = [
        (
            f"{limit.item} feed" if kind is LimitKind.FEED else limit.item,
            limit.words,
            limit.unit,
            _quality(result.value, limit),
            f"{limit.side.value} {_quality(limit.value, limit)}",
            _giveaway(result),
            marginal(result.shadow_price * planning_unit(limit.unit).factor),
        )
        for kind in (LimitKind.SPEC, LimitKind.FEED)
        for result in _results(plan, kind)
        for limit in [result.limit]
        if limit.item in made
    ]
    columns = ("product", "quality", "unit", "value", "limit", "giveaway", "usd/h per unit")
    return Table("Specifications", columns, tuple(rows))


def _rows(plan: Plan) -> Table:
    rows = [
        (
            result.limit.item,
            flow(result.value),
            f"{result.limit.side.value} {flow(result.limit.value)}",
            "yes" if result.held else "",
            price(result.shadow_price),
        )
        for result in _results(plan, LimitKind.ROW)
    ]
    columns = ("limit", f"sum {FLOW}", f"limit {FLOW}", "held", f"one more bbl earns {PRICE}")
    return Table("Limits on sums of flows", columns, tuple(rows))


def _crossed(plan: Plan) -> list[AlertResult]:
    """Return the alerts whose range the plan has left, errors first."""
    states = (AlertState.ERROR, AlertState.WARNING)
    return [result for state in states for result in plan.alerts if result.state is state]


def _alerts_crossed(plan: Plan) -> Table:
    return Table("Alerts crossed", ALERT, tuple(map(_alert, _crossed(plan))))


def _alerts_kept(plan: Plan) -> Table:
    crossed = _crossed(plan)
    kept = (result for result in plan.alerts if result not in crossed)
    return Table("Alerts not crossed", ALERT, tuple(map(_alert, kept)))


def _alert(result: AlertResult) -> tuple[str, ...]:
    alert, unit = result.alert, result.alert.unit
    told = f"{in_unit(result.value, unit):.4g}" if math.isfinite(result.value) else "-"
    bounds = (
        ("error below", alert.error_below),
        ("warning below", alert.warn_below),
        ("warning above", alert.warn_above),
        ("error above", alert.error_above),
    )
    words = [f"{name} {in_unit(b, unit):.4g}" for name, b in bounds if b is not None]
    return result.state.value, alert.of, told, unit, ", ".join(words)


def _markets(plan: Plan) -> Table:
    rows = [
        (
            result.limit.item,
            result.limit.words,
            flow(result.value),
            f"{result.limit.side.value} {flow(result.limit.value)}",
            price(one_more_earns(plan, result)),
        )
        for kind in (LimitKind.CRUDE, LimitKind.PURCHASE, LimitKind.PRODUCT)
        for result in _results(plan, kind)
        if result.held
    ]
    columns = ("item", "", FLOW, f"limit {FLOW}", f"one more bbl earns {PRICE}")
    return Table("Purchases and sales at their limits", columns, tuple(rows))


def _solve(plan: Plan) -> Table:
    rows = (
        ("stage", plan.stage),
        ("solver stopped because", plan.stop.value),
        ("the plan is", plan.worth.value),
        ("profit of the linear stage", f"{plan.linear_objective:,.0f} usd/h"),
        ("largest violation of a row", f"{plan.violation.amount:.1e} {plan.violation.row}".strip()),
        ("optimality residual", f"{plan.residual:.1e}"),
        ("linear passes", str(plan.passes)),
        ("time", f"{plan.seconds:.2f} s"),
    )
    return Table("How it was solved", ("", ""), rows)


def _results(plan: Plan, kind: LimitKind, side: Side | None = None) -> Iterable[LimitResult]:
    return (
        result
        for result in plan.limits
        if result.limit.kind is kind and side in (None, result.limit.side)
    )


def one_more_earns(plan: Plan, result: LimitResult) -> float:
    """Return what one more m3 of a crude, purchase or product at its limit would earn [usd/m3].

    Of what comes in whole lots, or all or nothing, the chosen number holds the flow too, so the
    marginal of the limit tells only a part: there it is the worth less the price.
    """
    kind, item = result.limit.kind, result.limit.item
    if kind in (LimitKind.CRUDE, LimitKind.PURCHASE):
        bought = offer(plan.case, item)
        if bought.lot or bought.at_least_if_any:
            worths = plan.crude_values if kind is LimitKind.CRUDE else plan.purchase_values
            return worths[item] - bought.price
    return result.shadow_price


def _held(plan: Plan, kind: LimitKind, item: str) -> str:
    """Return which limits hold a crude or purchase, or that its lots do."""
    sides = [r.limit.side.value for r in _results(plan, kind) if r.limit.item == item and r.held]
    return ", ".join(sides) or ("lots" if offer(plan.case, item).lot else "")


def _quality(value: float, limit: Limit) -> str:
    return f"{in_unit(value, limit.unit) + 0.0:.4g}" if math.isfinite(value) else "-"


def _giveaway(result: LimitResult) -> str:
    """Return the distance to the limit: a difference, so the offset of a unit plays no part."""
    if not math.isfinite(result.room):
        return "-"
    return f"{max(result.room, 0.0) / planning_unit(result.limit.unit).factor:.4g}"
