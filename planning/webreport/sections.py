"""The sections of the plan's page about money, crudes, units and the solve."""

import html
import math
from collections.abc import Sequence

from operator_agent.planning.flows import CRUDE_UNIT
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.plan import LimitResult, Plan
from operator_agent.planning.report import Table, one_more_earns, plan_tables
from operator_agent.planning.webreport.balance import NOTHING
from operator_agent.planning.webreport.charts import (
    share_bar,
    waterfall,
    window_bar,
)
from operator_agent.planning.webreport.colours import HELD, ROOM
from operator_agent.planning.webreport.sankey import sankey
from operator_agent.planning.webreport.tables import Picture, Row, note, section, table
from operator_agent.planning.webreport.words import (
    FLOW,
    NO_VALUE,
    PRICE,
    celsius,
    flow,
    marginal,
    money,
    percent,
    price,
    words,
)
from operator_agent.units import HOUR_S

SHOWN = (
    "Economics",
    "Crude slate",
    "Crude unit cut points",
    "Streams",
    "Unit capacities",
    "Products",
    "Specifications",
    "Purchases and sales at their limits",
    "How it was solved",
)
"""Tables of the report that the page shows in its own way."""

ALERTS = "Alerts crossed"
MARKET = ("item", "", f"min {FLOW}", FLOW, f"max {FLOW}", "", f"one more bbl earns {PRICE}")


def head(plan: Plan) -> str:
    """Return title, what the plan is worth as a statement, and the figures that matter most."""
    spent = (*plan.money.crude_cost.values(), *plan.money.purchase_cost.values())
    margin = sum(plan.money.revenue.values()) - sum(spent)
    figures = [
        (money(plan.objective), "profit [usd/h]"),
        (_per_barrel(plan, plan.objective), f"profit [{_basis(plan)}]"),
        (_per_barrel(plan, margin), f"sales less feedstock [{_basis(plan)}]"),
        (flow(_intake(plan)), f"{'crude' if plan.charge else 'bought'} [{FLOW}]"),
        (str(sum(result.held for result in plan.limits)), f"limits reached, of {len(plan.limits)}"),
    ]
    return (
        f"<h1>Plan of {html.escape(words(plan.case.name))}</h1>"
        + note(f"Stage {plan.stage}: {plan.stop.value}; {plan.worth.value}.")
        + tiles(figures)
    )


def tiles(figures: Sequence[tuple[str, str]]) -> str:
    """Return the figures that matter most, each with what it is, as tiles."""
    boxes = "".join(
        f'<div class="tile"><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>'
        for value, name in figures
    )
    return f'<div class="tiles">{boxes}</div>'


def economics(plan: Plan) -> str:
    """Return the money: how sales become profit, and where the crude comes from."""
    of = plan.money
    totals = [
        ("sales", sum(of.revenue.values())),
        *((("crude", -sum(of.crude_cost.values())),) if of.crude_cost else ()),
        *((("purchases", -sum(of.purchase_cost.values())),) if of.purchase_cost else ()),
        ("energy and steam", -sum(of.energy_cost.values())),
        ("other operating cost", -sum(of.operating_cost.values())),
        ("profit", plan.objective),
    ]
    rows = [
        Row(
            (name, money(value), _per_barrel(plan, value)),
            "sum" if name == "profit" else "",
        )
        for name, value in totals
    ]
    body = table(("", "usd/h", _basis(plan)), rows)
    return section(
        "Economics", f'<div class="side"><div>{waterfall(of)}</div><div>{body}</div></div>'
    )


def flows(plan: Plan) -> str:
    """Return the Sankey diagram."""
    return section(
        "Flows",
        note(
            f"Widths and numbers are volume flows [{FLOW}]; rest the pointer on one for its mass."
        ),
        f'<div class="wide flows">{sankey(plan)}</div>',
    )


def crude_slate(plan: Plan) -> str:
    """Return the crudes: what is bought, at what price, and what one more barrel is worth."""
    if plan.flow_vol_feed <= NOTHING:
        return ""
    top = max(plan.slate.values(), default=1.0) or 1.0
    rows = []
    for crude in plan.case.crudes.values():
        share, held = plan.slate[crude.name], _held(plan, LimitKind.CRUDE, crude.name)
        rows.append(
            Row(
                (
                    words(crude.name),
                    Picture(share_bar(share / top)),
                    flow(plan.charge[crude.name]),
                    percent(share),
                    price(crude.price),
                    price(plan.crude_values[crude.name]),
                    price(plan.crude_values[crude.name] - crude.price),
                    money(plan.money.crude_cost[crude.name]),
                    held,
                ),
                "held" if held else "",
            )
        )
    total = money(sum(plan.money.crude_cost.values()))
    feed = (flow(plan.flow_vol_feed), "100.0", "", price(plan.feed_value), "", total, "")
    rows.append(Row(("feed", "", *feed), "sum"))
    columns = (
        "crude",
        "",
        FLOW,
        "vol%",
        f"price {PRICE}",
        f"worth {PRICE}",
        "worth less price",
        "cost usd/h",
        "held by",
    )
    remark = (
        "Worth: what one more barrel at the crude unit would earn. A crude that is not bought "
        "pays only when its price falls below its worth."
    )
    return section("Crude slate", table(columns, rows), note(remark))


def capacities(plan: Plan) -> str:
    """Return the units: use of capacity, and what one more barrel of capacity would earn."""
    rows = []
    for result in _results(plan, LimitKind.UNIT, Side.MAX):
        name, limit = result.limit.item, result.limit
        low = _turndown(plan, name)
        used = result.value / limit.value if limit.value else math.nan
        bar = share_bar(
            used if limit.value else 0.0,
            HELD if result.held else ROOM,
            low / limit.value if limit.value else None,
        )
        cost = plan.money.energy_cost[name] + plan.money.operating_cost[name]
        rows.append(
            Row(
                (
                    words(name),
                    Picture(bar),
                    percent(used, 0),
                    flow(result.value),
                    flow(low),
                    flow(limit.value),
                    price(result.shadow_price),
                    money(cost),
                ),
                "held" if result.held else "",
            )
        )
    columns = (
        "unit",
        "",
        "% used",
        f"feed {FLOW}",
        f"turndown {FLOW}",
        f"capacity {FLOW}",
        f"more capacity {PRICE}",
        "cost usd/h",
    )
    return section(
        "Capacities", table(columns, rows), note("The dark line marks the turndown of the unit.")
    )


def cut_points(plan: Plan) -> str:
    """Return the cut points in their windows with marginals and the targets they set."""
    if not plan.case.crude_unit.cuts:
        return ""
    rows = []
    for cut in plan.case.crude_unit.cuts:
        temp, worth = plan.cut_points[cut.name], marginal(plan.cut_marginals[cut.name])
        rows.append(
            Row(
                (
                    words(cut.name),
                    celsius(cut.low),
                    Picture(window_bar(cut.low, cut.high, temp)),
                    celsius(cut.high),
                    celsius(temp),
                    worth,
                    cut.target,
                    celsius(temp + cut.overlap),
                ),
                "held" if worth != "0" else "",
            )
        )
    columns = (
        "cut",
        "from degC",
        "",
        "to degC",
        "cut point degC",
        "usd/h per degC of window",
        "sets target",
        "target degC",
    )
    return section("Crude unit cut points", table(columns, rows))


def markets(plan: Plan) -> str:
    """Return purchases and sales between their limits; marginals where one is reached."""
    parts = []
    for kind in (LimitKind.CRUDE, LimitKind.PURCHASE, LimitKind.PRODUCT):
        by_item: dict[tuple[str, str], list[LimitResult]] = {}
        for result in _results(plan, kind):
            by_item.setdefault((result.limit.item, result.limit.words), []).append(result)
        rows = [_market(plan, item, what, found) for (item, what), found in by_item.items()]
        parts += [table(MARKET, rows, left=(1, 5))] if rows else []
    return section("Purchases and sales", *parts)


def _market(plan: Plan, item: str, what: str, found: list[LimitResult]) -> Row:
    limits = {result.limit.side: result.limit.value for result in found}
    held = next((result for result in found if result.held), None)
    earned = one_more_earns(plan, held) if held else 0.0
    return Row(
        (
            words(item),
            what,
            flow(limits.get(Side.MIN, 0.0)),
            flow(found[0].value),
            flow(limits[Side.MAX]) if Side.MAX in limits else NO_VALUE,
            f"at {held.limit.side.value}" if held else "",
            price(earned),
        ),
        "held" if held else "",
    )


def further(plan: Plan) -> str:
    """Return the tables of the plan's report that only some cases have, as they are."""
    found = [one for one in plan_tables(plan) if one.title not in (*SHOWN, ALERTS)]
    return "".join(table_section(one) for one in found)


def alerts_crossed(plan: Plan) -> str:
    """Return the alerts whose range the plan has left; nothing when there are none."""
    found = [one for one in plan_tables(plan) if one.title == ALERTS]
    return "".join(table_section(one) for one in found)


def table_section(one: Table) -> str:
    """Return a table of a report as a section of its own."""
    named = [n for n in range(len(one.columns)) if n == 0 or _says_words(one, n)]
    rows = [
        Row(tuple(words(cell) if n in named else cell for n, cell in enumerate(row)))
        for row in one.rows
    ]
    return section(one.title, table(one.columns, rows, left=named))


def _says_words(one: Table, n: int) -> bool:
    """Return whether a column holds no numbers."""
    cells = [row[n] for row in one.rows if row[n]]
    return not any(any(letter.isdigit() for letter in cell.partition(" ")[0]) for cell in cells)


def solution(plan: Plan) -> str:
    """Return how the plan was found, and how well its rows and optimality conditions hold."""
    worst = f"{plan.violation.amount:.1e} {plan.violation.row}".strip()
    rows = [
        Row(("stage", plan.stage)),
        Row(("solver stopped because", plan.stop.value)),
        Row(("the plan is", plan.worth.value)),
        Row(("profit of the linear stage", f"{money(plan.linear_objective)} usd/h")),
        Row(("largest violation of a row", worst)),
        Row(("optimality residual", f"{plan.residual:.1e}")),
        Row(("linear passes", str(plan.passes))),
        Row(("iterations of the last solver", str(plan.iterations))),
        Row(("time", f"{plan.seconds:.2f} s")),
    ]
    return section("How it was solved", table(("", ""), rows, left=(1,)))


def _results(plan: Plan, kind: LimitKind, side: Side | None = None) -> list[LimitResult]:
    return [r for r in plan.limits if r.limit.kind is kind and side in (None, r.limit.side)]


def _held(plan: Plan, kind: LimitKind, item: str) -> str:
    sides = [r.limit.side.value for r in _results(plan, kind) if r.limit.item == item and r.held]
    return ", ".join(sides)


def _turndown(plan: Plan, unit: str) -> float:
    return plan.case.crude_unit.low if unit == CRUDE_UNIT else plan.case.units[unit].low


def _per_barrel(plan: Plan, usd_h: float) -> str:
    """Return money per barrel of crude, or of what is bought where there is no crude unit."""
    intake = _intake(plan) * HOUR_S
    return price(usd_h / intake) if intake > 0.0 else NO_VALUE


def _intake(plan: Plan) -> float:
    return plan.flow_vol_feed if plan.charge else sum(plan.purchases.values())


def _basis(plan: Plan) -> str:
    return f"{PRICE} of crude" if plan.charge else f"{PRICE} bought"
