"""Tables of a system's plan: money, slates, sales, stocks, transport, limits with marginals."""

import math
from collections.abc import Callable, Iterable

from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.plan import LimitResult, Plan
from operator_agent.planning.qualities import Quality
from operator_agent.planning.quantities import in_unit
from operator_agent.planning.report import Table
from operator_agent.planning.system.system import Goods
from operator_agent.planning.system.system_plan import RouteResult, SystemPlan, TankResult
from operator_agent.planning.webreport.words import FLOW, PRICE, fixed, flow, money, price
from operator_agent.units import DAY_S, SI_OF_DIMENSION

SMALLEST_WORTH = 1e-3  # [usd/m3] interior-point solvers leave traces on limits that do not hold
NO_FLOW = 1e-6  # [m3/s] sales and purchases below are left out
SHOWN_UNIT = {"temperature": "degC", "fraction": "wt%", "kinematic viscosity": "mm2/s"}
FLOWS = (LimitKind.CRUDE, LimitKind.PURCHASE, LimitKind.PRODUCT, LimitKind.UNIT, LimitKind.ROW)


def system_tables(plan: SystemPlan) -> list[Table]:
    """Return the report of a system's plan; tables of what the system lacks are left out."""
    tables = [
        _profit(plan),
        _flows(plan, "Crude bought", LimitKind.CRUDE),
        _charged(plan),
        _flows(plan, "Streams bought", LimitKind.PURCHASE),
        _flows(plan, "Products sold", LimitKind.PRODUCT),
        *_stocks(plan),
        *_tank_qualities(plan),
        _transport(plan),
        _limits(plan),
        _solve(plan),
    ]
    return [table for table in tables if table.rows]


def _profit(plan: SystemPlan) -> Table:
    rows = []
    for period in plan.system.periods:
        days = f"{period.length_s / DAY_S:.4g}"
        for name in plan.system.plants:
            hourly = plan.plans[name, period.name].objective
            earned = plan.period_profit(name, period)
            rows.append((name, period.name, days, money(hourly), money(earned)))
        if plan.system.transport:
            rows.append(("transport", period.name, days, "", money(-plan.transport_cost(period))))
    if plan.closing_value:
        rows.append(("stocks at the end", "", "", "", money(plan.closing_value)))
    days = f"{plan.system.length_s / DAY_S:.4g}"
    rows.append(("all", "", days, money(plan.objective), money(plan.total_profit)))
    columns = ("plant", "period", "days", "usd/h before storage", "usd")
    return Table("Profit by plant and period", columns, tuple(rows))


def _by_period(plan: SystemPlan, title: str, value: Callable[[Plan], dict[str, float]]) -> Table:
    """Return a table of flows with a row for each plant and item and a column for each period."""
    periods = [period.name for period in plan.system.periods]
    several = len(plan.system.plants) > 1
    rows = []
    for name in plan.system.plants:
        found = [value(plan.plans[name, period]) for period in periods]
        names = dict.fromkeys(key for one in found for key in one)
        rows += [
            (*((name,) if several else ()), key, *(flow(one.get(key, 0.0)) for one in found))
            for key in names
            if any(one.get(key, 0.0) > NO_FLOW for one in found)
        ]
    heads = ("plant", "", *periods) if several else ("", *periods)
    return Table(f"{title}, {FLOW}", heads, tuple(rows))


def _flows(plan: SystemPlan, title: str, kind: LimitKind) -> Table:
    return _by_period(
        plan,
        title,
        lambda one: {
            result.limit.item: result.value
            for result in one.limits
            if result.limit.kind is kind and result.limit.side is Side.MAX
        },
    )


def _charged(plan: SystemPlan) -> Table:
    return _by_period(plan, "Crude charged", lambda one: dict(one.charge))


def _stocks(plan: SystemPlan) -> list[Table]:
    """Return a table of stocks for each plant and kind of goods: names stay whole that way."""
    columns = (
        "tank",
        "period",
        "opening m3",
        f"in {FLOW}",
        f"out {FLOW}",
        "closing m3",
        "least m3",
        "most m3",
        f"worth {PRICE}",
    )
    return [
        Table(
            _title(plan, f"Stocks of {goods.value}s", plant),
            columns,
            tuple(_stock(one) for one in _tanks(plan, plant, goods)),
        )
        for plant in plan.system.plants
        for goods in Goods
    ]


def _stock(one: TankResult) -> tuple[str, ...]:
    return (
        one.tank.item,
        one.period,
        fixed(one.opening, 0),
        flow(one.inflow),
        flow(one.outflow),
        fixed(one.closing, 0),
        *(fixed(end, 0) for end in one.tank.range_in(one.period)),
        _price(one.worth),
    )


def _tank_qualities(plan: SystemPlan) -> list[Table]:
    """Return a table for each plant: qualities of what its tanks of streams hold at the end."""
    tables = []
    for plant in plan.system.plants:
        tanks = _tanks(plan, plant, Goods.STREAM)
        names = {quality.name: quality for one in tanks for quality, _ in one.qualities}
        rows = []
        for one in tanks:
            held = {quality.name: value for quality, value in one.qualities}
            values = (_quality(names[name], held.get(name, math.nan)) for name in names)
            rows.append((one.tank.item, one.period, *values))
        heads = (f"{name} {_shown_unit(quality)}".strip() for name, quality in names.items())
        title = _title(plan, "Qualities of closing stocks", plant)
        if names:
            tables.append(Table(title, ("stream", "period", *heads), tuple(rows)))
    return tables


def _tanks(plan: SystemPlan, plant: str, goods: Goods) -> list[TankResult]:
    """Return the tanks of one kind at a plant in every period, by name."""
    found = (one for one in plan.tanks if (one.plant, one.tank.goods) == (plant, goods))
    return sorted(found, key=lambda one: one.tank.item)


def _title(plan: SystemPlan, title: str, plant: str) -> str:
    return f"{title}, {plant}" if len(plan.system.plants) > 1 else title


def _quality(quality: Quality, value: float) -> str:
    return f"{in_unit(value, _symbol(quality)):.4g}" if math.isfinite(value) else "-"


def _shown_unit(quality: Quality) -> str:
    return _symbol(quality).removesuffix("number")


def _symbol(quality: Quality) -> str:
    si = SI_OF_DIMENSION.get(quality.dimension, "number")
    return SHOWN_UNIT.get(quality.dimension, si)


def _transport(plan: SystemPlan) -> Table:
    rows = [
        (
            one.route.name,
            one.period,
            flow(one.flow),
            flow(one.route.range_in(one.period)[1]),
            _price(one.worth_at_source),
            _price(one.route.cost),
            _price(one.worth_at_target),
            _price(_more_capacity(plan, one)),
        )
        for one in plan.routes
    ]
    columns = (
        "route",
        "period",
        FLOW,
        f"at most {FLOW}",
        f"worth at source {PRICE}",
        f"transport {PRICE}",
        f"worth at target {PRICE}",
        f"more capacity {PRICE}",
    )
    return Table("Transport", columns, tuple(rows))


def _more_capacity(plan: SystemPlan, one: RouteResult) -> float:
    place = one.period if len(plan.system.periods) > 1 else ""
    return sum(
        result.shadow_price
        for result in plan.limits
        if (result.limit.item, result.limit.place) == (one.route.name, place)
        and result.limit.side is Side.MAX
    )


def _limits(plan: SystemPlan) -> Table:
    held = [result for result in _flow_limits(plan) if result.held]
    rows = [
        (
            result.limit.place,
            result.limit.item,
            result.limit.words,
            f"{result.limit.side.value} {in_unit(result.limit.value, result.limit.unit):.5g} "
            f"{result.limit.unit}",
            _price(result.shadow_price),
        )
        for result in held
        if abs(result.shadow_price) > SMALLEST_WORTH
    ]
    columns = ("where", "item", "", "limit", f"one more bbl earns {PRICE}")
    return Table("Limits that hold the plan", columns, tuple(rows))


def _flow_limits(plan: SystemPlan) -> Iterable[LimitResult]:
    yield from plan.limits
    for one in plan.plans.values():
        yield from (result for result in one.limits if result.limit.kind in FLOWS)


def _solve(plan: SystemPlan) -> Table:
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


def _price(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return price(value)
