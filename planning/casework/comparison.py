"""Two plans side by side: what changed, and why, in money.

Every line of the profit is a price times a volume. The difference of a line is split without a
remainder into the effect of the price, at the volumes of the first plan, and that of the volume, at
the prices of the second:

    p_b v_b - p_a v_a = (p_b - p_a) v_a + p_b (v_b - v_a)

The price of energy and of other operating cost is the cost per m3 of a unit's feed; it moves with
the price of fuel and, where cost depends on it, with the quality of the feed.

What the two cases differ in is told apart: each moved price and limit with what the first plan
expects of it: price times volume, or shadow price times step. What a plan gains beyond these sums
it gains by choosing anew; what it loses is lost because shadow prices hold for small steps only.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from operator_agent.errors import SolveFailedError
from operator_agent.planning.casework.stack import active_limits, no_plan_reason
from operator_agent.planning.limits import Limit
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.plan import LimitResult, Money, Plan
from operator_agent.planning.quantities import in_unit, planning_unit
from operator_agent.units import HOUR_S

FLOW, PRICE, PERCENT = "kbbl/d", "usd/bbl", "vol%"
SAME_FLOW = 1e-5  # [m3/s] 5 bbl/d: solves of one plan differ by less
SAME_TEMP_K = 0.1  # cut points are not controlled any closer
SAME_SHARE = 1e-3  # of a recipe
SAME_MONEY = 0.5  # [usd/h]
SAME = 1e-9  # relative: prices and limits as written

FAMILIES = ("sale", "crude", "purchase", "energy", "operating")


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """One line of the profit in both plans.

    Attributes:
        family: `sale`, `crude`, `purchase`, `energy` or `operating`.
        item: product, crude, purchase or unit.
        volume_a, volume_b: sold, bought, or fed to the unit [m3/h].
        money_a, money_b: earned; negative when spent [usd/h].
    """

    family: str
    item: str
    volume_a: float
    volume_b: float
    money_a: float
    money_b: float

    @property
    def price_a(self) -> float:
        """Earned per m3 [usd/m3]; the other plan's where this one has no volume."""
        return _per_volume(self.money_a, self.volume_a, self.money_b, self.volume_b)

    @property
    def price_b(self) -> float:
        """Earned per m3 [usd/m3]; the other plan's where this one has no volume."""
        return _per_volume(self.money_b, self.volume_b, self.money_a, self.volume_a)

    @property
    def price_effect(self) -> float:
        """Gain by other prices at the volumes of the first plan [usd/h]."""
        return (self.price_b - self.price_a) * self.volume_a

    @property
    def volume_effect(self) -> float:
        """Gain by other volumes at the prices of the second plan [usd/h]."""
        return self.price_b * (self.volume_b - self.volume_a)


@dataclass(frozen=True, slots=True)
class Driver:
    """Something that the cases themselves differ in.

    Attributes:
        what: in planner words.
        before, after: as texts with unit; empty where a case has no such thing.
        expected: gain that the first plan expects of it to first order [usd/h]; NaN where it has
            no price for it.
    """

    what: str
    before: str
    after: str
    expected: float


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that differs.

    Attributes:
        group: `slate`, `purchases`, `cut points`, `unit loads`, `sales` or `recipes`.
        item: what is decided.
        before, after: in the unit; NaN where a plan has no such thing.
        unit: of both.
    """

    group: str
    item: str
    before: float
    after: float
    unit: str


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A limit that holds in one of the plans only.

    Attributes:
        limit: in planner words, as the plan in which it holds states it.
        now_holds: whether it holds in the second plan.
        price_a, price_b: shadow prices, in the unit [usd per unit]; zero where it does not hold.
        unit: of the shadow prices.
    """

    limit: str
    now_holds: bool
    price_a: float
    price_b: float
    unit: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from plan a to plan b.

    Attributes:
        name_a, name_b: of their cases.
        profit_a, profit_b: [usd/h].
        lines: of the profit; their effects add up to the difference.
        drivers: differences of the cases.
        decisions: that differ.
        limits: that hold in one of the plans only.
    """

    name_a: str
    name_b: str
    profit_a: float
    profit_b: float
    lines: tuple[MoneyLine, ...]
    drivers: tuple[Driver, ...]
    decisions: tuple[Decision, ...]
    limits: tuple[LimitChange, ...]

    @property
    def difference(self) -> float:
        """Profit of b less that of a [usd/h]."""
        return self.profit_b - self.profit_a

    def effects(self, family: str | None = None) -> tuple[float, float]:
        """Return the price and the volume effect of a family, or of all [usd/h]."""
        lines = [line for line in self.lines if family in (None, line.family)]
        return (
            math.fsum(line.price_effect for line in lines),
            math.fsum(line.volume_effect for line in lines),
        )

    @property
    def expected(self) -> float:
        """What the first plan expects of all drivers that it has a price for [usd/h]."""
        return math.fsum(d.expected for d in self.drivers if math.isfinite(d.expected))


def compare(plan_a: Plan, plan_b: Plan) -> Comparison:
    """Return what changed from one plan to another; the plans may be of different cases.

    Raises:
        SolveFailedError: one of the points is no plan.
    """
    for plan in (plan_a, plan_b):
        if plan.worth is PointWorth.NONE:
            raise SolveFailedError(
                f"case {plan.case.name} has no plan to compare: {no_plan_reason(plan)}"
            )
    return Comparison(
        plan_a.case.name,
        plan_b.case.name,
        plan_a.objective,
        plan_b.objective,
        tuple(_money_lines(plan_a, plan_b)),
        tuple(_drivers(plan_a, plan_b)),
        tuple(_decisions(plan_a, plan_b)),
        tuple(_limit_changes(plan_a, plan_b)),
    )


def _per_volume(money: float, volume: float, other_money: float, other_volume: float) -> float:
    if volume != 0.0:
        return money / volume
    return other_money / other_volume if other_volume != 0.0 else 0.0


def _money_lines(plan_a: Plan, plan_b: Plan) -> Iterator[MoneyLine]:
    parts: Mapping[str, Callable[[Money], Mapping[str, float]]] = {
        "sale": lambda money: money.revenue,
        "crude": lambda money: money.crude_cost,
        "purchase": lambda money: money.purchase_cost,
        "energy": lambda money: money.energy_cost,
        "operating": lambda money: money.operating_cost,
    }
    for family, part in parts.items():
        sign = 1.0 if family == "sale" else -1.0
        a, b = part(plan_a.money), part(plan_b.money)
        volumes_a, volumes_b = (_volumes(plan, family) for plan in (plan_a, plan_b))
        for item in dict.fromkeys([*a, *b]):
            yield MoneyLine(
                family,
                item,
                volumes_a.get(item, 0.0) * HOUR_S,
                volumes_b.get(item, 0.0) * HOUR_S,
                sign * a.get(item, 0.0),
                sign * b.get(item, 0.0),
            )


def _volumes(plan: Plan, family: str) -> Mapping[str, float]:
    """Return what the prices of a family are multiplied with, by item [m3/s]."""
    if family == "sale":
        return {blend.product: blend.flow_vol for blend in plan.blends}
    bought = {"crude": plan.charge, "purchase": plan.purchases}
    return bought.get(family, plan.unit_loads)


def _drivers(plan_a: Plan, plan_b: Plan) -> Iterator[Driver]:
    yield from _price_drivers(plan_a, plan_b)
    limits_a, limits_b = ({r.limit.key: r for r in plan.limits} for plan in (plan_a, plan_b))
    for key in dict.fromkeys([*limits_a, *limits_b]):
        a, b = limits_a.get(key), limits_b.get(key)
        if a is None or b is None:
            found = a or b
            assert found is not None
            before, after = ("" if r is None else _limit_value(r.limit) for r in (a, b))
            slack = a is not None and not a.held
            yield Driver(_limit_name(found.limit), before, after, 0.0 if slack else math.nan)
        elif abs(b.limit.value - a.limit.value) > SAME * abs(a.limit.value):
            step = b.limit.value - a.limit.value
            yield Driver(
                _limit_name(a.limit),
                _limit_value(a.limit),
                _limit_value(b.limit),
                _limit_gain(a, step),
            )


def _limit_gain(result: LimitResult, step: float) -> float:
    """Return what moving a limit earns to first order [usd/h]."""
    quality = result.limit.quality
    return result.shadow_price * step * (1.0 if quality else HOUR_S)


def _price_drivers(plan_a: Plan, plan_b: Plan) -> Iterator[Driver]:
    case_a, case_b = plan_a.case, plan_b.case
    groups = (
        ("sale", case_a.products, case_b.products, 1.0),
        ("crude", case_a.crudes, case_b.crudes, -1.0),
        ("purchase", case_a.purchases, case_b.purchases, -1.0),
    )
    for family, items_a, items_b, sign in groups:
        volumes = _volumes(plan_a, family)
        for name in dict.fromkeys([*items_a, *items_b]):
            a, b = (items[name].price if name in items else None for items in (items_a, items_b))
            if a is None or b is None:
                before, after = ("" if price is None else _price(price) for price in (a, b))
                unused = b is None and volumes.get(name, 0.0) == 0.0
                yield Driver(f"price of {name}", before, after, 0.0 if unused else math.nan)
            elif abs(b - a) > SAME * abs(a):
                gain = sign * (b - a) * volumes[name] * HOUR_S
                yield Driver(f"price of {name}", _price(a), _price(b), gain)
    yield from _utility_drivers(plan_a, plan_b)


def _utility_drivers(plan_a: Plan, plan_b: Plan) -> Iterator[Driver]:
    a, b = plan_a.case.utilities, plan_b.case.utilities
    crude_unit = plan_a.case.crude_unit
    steam = plan_a.flow_vol_feed * crude_unit.steam if crude_unit.cuts else 0.0  # [kg/s]
    spent = math.fsum(plan_a.money.energy_cost.values()) - a.steam_price * steam * HOUR_S
    if a.fuel_price != b.fuel_price:
        fired = spent / a.fuel_price if a.fuel_price else math.nan  # [J/h]
        before, after = (f"{in_unit(p, 'usd/GJ'):.4g} usd/GJ" for p in (a.fuel_price, b.fuel_price))
        yield Driver("price of fuel", before, after, (a.fuel_price - b.fuel_price) * fired)
    if a.steam_price != b.steam_price:
        gain = (a.steam_price - b.steam_price) * steam * HOUR_S
        before, after = (f"{price:.4g} usd/kg" for price in (a.steam_price, b.steam_price))
        yield Driver("price of steam", before, after, gain)


def _decisions(plan_a: Plan, plan_b: Plan) -> Iterator[Decision]:
    sold_a, sold_b = (_volumes(plan, "sale") for plan in (plan_a, plan_b))
    for group, a, b in (
        ("slate", plan_a.charge, plan_b.charge),
        ("purchases", plan_a.purchases, plan_b.purchases),
        ("unit loads", plan_a.unit_loads, plan_b.unit_loads),
        ("sales", sold_a, sold_b),
    ):
        yield from _moved(group, a, b, SAME_FLOW, FLOW)
    yield from _moved("cut points", plan_a.cut_points, plan_b.cut_points, SAME_TEMP_K, "degC")
    recipes_a, recipes_b = (_recipes(plan) for plan in (plan_a, plan_b))
    yield from _moved("recipes", recipes_a, recipes_b, SAME_SHARE, PERCENT)


def _recipes(plan: Plan) -> Mapping[str, float]:
    """Return the shares of components in products, by product and component."""
    return {
        f"{blend.product}: {stream}": flow / blend.flow_vol
        for blend in plan.blends
        if blend.flow_vol > SAME_FLOW
        for stream, flow in blend.recipe.items()
    }


def _moved(
    group: str, a: Mapping[str, float], b: Mapping[str, float], same: float, unit: str
) -> Iterator[Decision]:
    """Give what differs by more than `same` [SI]; what only one plan has counts as new or gone."""
    absent = math.nan
    for item in dict.fromkeys([*a, *b]):
        values = a.get(item, absent), b.get(item, absent)
        known = [value for value in values if not math.isnan(value)]
        least = 0.0 if len(known) < len(values) else min(known)
        if max(known) - least > same:
            before, after = (in_unit(value, unit) for value in values)
            yield Decision(group, item, before, after, unit)


def _limit_changes(plan_a: Plan, plan_b: Plan) -> Iterator[LimitChange]:
    active_a, active_b = (set(active_limits(plan)) for plan in (plan_a, plan_b))
    limits_a, limits_b = ({r.limit.key: r for r in plan.limits} for plan in (plan_a, plan_b))
    for key in dict.fromkeys([*limits_a, *limits_b]):
        if (key in active_a) == (key in active_b):
            continue
        now = key in active_b
        held = limits_b[key] if now else limits_a[key]
        price_a, price_b = (
            _unit_price(limits[key]) if key in active else 0.0
            for limits, active in ((limits_a, active_a), (limits_b, active_b))
        )
        unit = f"usd/h per {held.limit.unit}" if held.limit.quality else PRICE
        yield LimitChange(held.limit.text(), now, price_a, price_b, unit)


def _unit_price(result: LimitResult) -> float:
    """Return a shadow price as a planner reads it."""
    if result.limit.quality:
        return result.shadow_price * planning_unit(result.limit.unit).factor
    return in_unit(result.shadow_price, PRICE)


def _limit_name(limit: Limit) -> str:
    bound = "least" if limit.side.value == "min" else "most"
    return f"{limit.item}: {bound} {limit.words}"


def _limit_value(limit: Limit) -> str:
    return f"{in_unit(limit.value, limit.unit):.5g} {limit.unit}".removesuffix(" number")


def _price(value: float) -> str:
    return f"{in_unit(value, PRICE):.2f} {PRICE}"
