"""Tables of marginals, ranges and explained marginals, in the planner's units."""

import math
from collections.abc import Sequence

from operator_agent.planning.analysis.decomposition import Explained
from operator_agent.planning.analysis.ranging import LimitRange, PriceRange
from operator_agent.planning.analysis.two_sided import LimitMarginal, TradeMarginal
from operator_agent.planning.analysis.words import (
    FLOW,
    NONE,
    PRICE,
    flow_text,
    limit_value_text,
    marginal_text,
    marginal_unit,
    price_text,
)
from operator_agent.planning.quantities import in_unit, planning_unit
from operator_agent.planning.report import Table
from operator_agent.units import HOUR_S

SMALLEST_PART = 5e-3  # [usd/h] less shows as nothing
RANGE_COLUMNS = ("limit", "plan", "marginal", "money", "marginal stays")
RELATIVE = 1e-9  # a marginal this small beside the largest is rounding


def limit_table(marginals: Sequence[LimitMarginal]) -> Table:
    """Return the two-sided marginals of all limits that have one."""
    rows = [
        (
            one.limit.text(),
            marginal_text(one.more, one.limit),
            marginal_text(one.less, one.limit),
            marginal_text(one.solver, one.limit),
            marginal_unit(one.limit),
            _span(one.holds_from, one.holds_to, one),
        )
        for one in marginals
        if max(abs(one.more), abs(one.less)) > RELATIVE
        and (one.two_sided or marginal_text(one.solver, one.limit) != "0")
    ]
    columns = (
        "limit",
        "one more earns",
        "one less costs",
        "solver's",
        "money",
        "hold between",
    )
    return Table("Marginal values of limits", columns, tuple(rows))


def _span(low: float, high: float, one: LimitMarginal | LimitRange) -> str:
    texts = [
        limit_value_text(value, one.limit) if math.isfinite(value) else f"any {word}"
        for value, word in ((low, "less"), (high, "more"))
    ]
    return " to ".join(texts)


def trade_table(marginals: Sequence[TradeMarginal]) -> Table:
    """Return what the next and the last barrel of every purchase and sale are worth."""
    rows = [
        (
            one.item,
            "bought" if one.bought else "sold",
            flow_text(one.flow),
            price_text(one.price),
            price_text(one.worth_of_next),
            price_text(one.worth_of_last),
            f"{_flow_or_any(one.flow_from)} to {_flow_or_any(one.flow_to)}",
        )
        for one in marginals
    ]
    columns = (
        "item",
        "",
        FLOW,
        f"price {PRICE}",
        f"next is worth {PRICE}",
        f"last is worth {PRICE}",
        "hold between",
    )
    return Table("Purchases and sales: worth, or cost to make, of a barrel", columns, tuple(rows))


def _flow_or_any(value: float) -> str:
    return flow_text(value) if math.isfinite(value) else "any"


def price_range_table(ranges: Sequence[PriceRange]) -> Table:
    """Return between which prices the plan stays as it is."""
    rows = [
        (
            one.item,
            flow_text(one.flow),
            price_text(one.price),
            price_text(one.low),
            price_text(one.high),
        )
        for one in ranges
    ]
    columns = ("item", FLOW, f"price {PRICE}", "plan stays from", "to")
    return Table("Price ranges", columns, tuple(rows))


def holding_range_table(ranges: Sequence[LimitRange]) -> Table:
    """Return between which values of each limit that holds the plan its marginal stays."""
    holding = [one for one in ranges if _holds(one)]
    rows = [_range_row(one) for one in holding]
    title = f"Limits that hold the plan: their ranges ({len(ranges) - len(rows)} others do not)"
    return Table(title, RANGE_COLUMNS, tuple(rows))


def slack_range_table(ranges: Sequence[LimitRange]) -> Table:
    """Return how far each limit that does not hold the plan may move before it does."""
    rows = [_range_row(one) for one in ranges if not _holds(one)]
    return Table("Limits that do not hold the plan", RANGE_COLUMNS, tuple(rows))


def _holds(one: LimitRange) -> bool:
    return marginal_text(one.marginal, one.limit) != "0"


def _range_row(one: LimitRange) -> tuple[str, ...]:
    return (
        one.limit.text(),
        limit_value_text(one.value, one.limit),
        marginal_text(one.marginal, one.limit),
        marginal_unit(one.limit),
        _span(one.low, one.high, one),
    )


def explained_table(explained: Explained) -> Table:
    """Return what a marginal is made of, for one more kbbl/d, or one more unit of a quality."""
    flow = explained.unit == "m3/h"
    factor = planning_unit(FLOW).factor * HOUR_S if flow else _quality_factor(explained)
    rows = [
        (
            f"{part.group} {part.item}",
            _change(part.change * factor),
            price_text(part.price),
            f"{part.money * factor:,.2f}",
        )
        for part in explained.parts
        if abs(part.money * factor) >= SMALLEST_PART
    ]
    if not rows and abs(explained.total * factor) < SMALLEST_PART:
        nothing = f"It does not hold the plan: one {explained.way} of it changes nothing."
        return Table(explained.key, ("",), ((nothing,),))
    rows.append(("sum", "", "", f"{explained.total * factor + 0.0:,.2f}"))
    if flow:
        per_barrel = f"{in_unit(explained.gain, PRICE) + 0.0:.4f}"
        rows.append((f"that is {PRICE}", "", "", per_barrel))
    one = FLOW if flow else explained.unit
    title = f"{explained.key}: one {one} {explained.way}"
    return Table(title, ("", f"change {FLOW}", f"price {PRICE}", "usd/h"), tuple(rows))


def _quality_factor(explained: Explained) -> float:
    return planning_unit(explained.unit).factor


def _change(value_m3_h: float) -> str:
    value = in_unit(value_m3_h / HOUR_S, FLOW)
    return f"{value:+.4f}" if abs(value) >= 1e-4 else NONE
