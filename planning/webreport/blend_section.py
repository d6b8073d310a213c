"""The section of the plan's page about products: recipes, specifications and giveaway."""

import html
from collections.abc import Sequence

from operator_agent.planning.limits import LimitKind
from operator_agent.planning.plan import Blend, Plan
from operator_agent.planning.quantities import planning_unit
from operator_agent.planning.webreport.balance import (
    NOTHING,
)
from operator_agent.planning.webreport.charts import (
    stacked_bar,
)
from operator_agent.planning.webreport.colours import density_colour
from operator_agent.planning.webreport.giveaway import Giveaway, giveaways
from operator_agent.planning.webreport.tables import Row, note, section, table
from operator_agent.planning.webreport.words import (
    FLOW,
    PRICE,
    flow,
    marginal,
    money,
    price,
    quality_step,
    quality_value,
    words,
)


def blends(plan: Plan) -> str:
    """Return each product that is made: recipe, specifications, giveaway and its cost."""
    found = giveaways(plan)
    cards = [_card(plan, blend, found) for blend in plan.blends if blend.flow_vol > NOTHING]
    idle = [words(blend.product) for blend in plan.blends if blend.flow_vol <= NOTHING]
    return section(
        "Blends",
        note(
            "Giveaway is how much better a product is than its limit asks. At an optimum a limit "
            "has either giveaway or a price, never both."
        ),
        f'<div class="cards">{"".join(cards)}</div>',
        note(f"Not made: {', '.join(idle)}.") if idle else "",
        *(
            f"<h3>Feed of {html.escape(words(unit))}</h3>{_specifications(specs)}"
            for unit in plan.case.units
            if (specs := [x for x in found if _of(x) == (LimitKind.FEED, unit)])
        ),
    )


def _card(plan: Plan, blend: Blend, found: Sequence[Giveaway]) -> str:
    recipe = sorted(blend.recipe.items(), key=lambda item: -item[1])
    parts = [(stream, amount) for stream, amount in recipe if amount > NOTHING]
    shares = [
        (stream, amount / blend.flow_vol, density_colour(plan.flows.density(stream)))
        for stream, amount in parts
    ]
    sold = money(plan.money.revenue.get(blend.product, 0.0))
    earned = price(plan.case.products[blend.product].price)
    amounts = ", ".join(f"{words(stream)} {flow(amount)}" for stream, amount in parts)
    own = [item for item in found if _of(item) == (LimitKind.SPEC, blend.product)]
    return (
        f'<div class="card"><h3>{html.escape(words(blend.product))}</h3>'
        + note(f"{flow(blend.flow_vol)} {FLOW} at {earned} {PRICE}, {sold} usd/h")
        + stacked_bar(shares)
        + note(f"{amounts} [{FLOW}]")
        + _specifications(own)
        + "</div>"
    )


def _of(item: Giveaway) -> tuple[LimitKind, str]:
    return item.result.limit.kind, item.result.limit.item


def _specifications(found: Sequence[Giveaway]) -> str:
    if not found:
        return note("No specification.")
    rows = []
    for item in found:
        limit, unit = item.result.limit, item.result.limit.unit
        rows.append(
            Row(
                (
                    limit.words,
                    "" if unit == "number" else unit,
                    quality_value(item.result.value, unit),
                    f"{limit.side.value} {quality_value(limit.value, unit)}",
                    quality_step(item.amount, unit),
                    marginal(item.result.shadow_price * planning_unit(unit).factor),
                ),
                "held" if item.result.held else "",
            )
        )
    columns = ("quality", "unit", "value", "limit", "giveaway", "usd/h per unit")
    return table(columns, rows, left=(1,))
