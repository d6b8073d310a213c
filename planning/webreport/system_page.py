"""The plan of a system as one page: money by period, stocks over time, flows of each plan."""

import html

from operator_agent.planning.system.report import system_tables
from operator_agent.planning.system.system_plan import SystemPlan
from operator_agent.planning.webreport.bars import signed_bars
from operator_agent.planning.webreport.sankey import sankey
from operator_agent.planning.webreport.sections import table_section, tiles
from operator_agent.planning.webreport.stock_chart import stock_charts
from operator_agent.planning.webreport.style import CSS
from operator_agent.planning.webreport.tables import note, page, section
from operator_agent.planning.webreport.words import FLOW, fixed, money, words
from operator_agent.units import DAY_S


def system_page(plan: SystemPlan) -> str:
    """Return the report of a system's plan as a self-contained HTML document."""
    title = f"Plan of {words(plan.system.name)}"
    return page(
        title,
        CSS,
        (
            f"<h1>{html.escape(title)}</h1>",
            note(f"Stage {plan.stage}: {plan.stop.value}; {plan.worth.value}."),
            tiles(
                [
                    (money(plan.total_profit), "profit of the horizon [usd]"),
                    (money(plan.objective), "profit per hour of the horizon [usd/h]"),
                    (fixed(plan.system.length_s / DAY_S, 0), "days"),
                    (str(len(plan.system.periods)), "periods"),
                    (str(len(plan.system.plants)), "plants"),
                ]
            ),
            _profits(plan),
            _stocks(plan),
            *(table_section(one) for one in system_tables(plan)),
            *_flows(plan),
        ),
    )


def _profits(plan: SystemPlan) -> str:
    bars = [
        (plan.system.place(name, period.name) or name, plan.period_profit(name, period))
        for period in plan.system.periods
        for name in plan.system.plants
    ]
    return section(
        "Profit by period [usd]",
        signed_bars([(words(name), value) for name, value in bars]),
        note("After storage, before transport; stocks count as they are bought and sold."),
    )


def _stocks(plan: SystemPlan) -> str:
    if not plan.tanks:
        return ""
    charts = "".join(f'<div class="card">{chart}</div>' for chart in stock_charts(plan))
    return section(
        "Stocks",
        note("At the end of every period, between least and greatest stock (grey)."),
        f'<div class="charts">{charts}</div>',
    )


def _flows(plan: SystemPlan) -> list[str]:
    remark = note(
        f"Volume flows [{FLOW}]; streams gain from tanks and other plants, or lose to them."
    )
    return [
        section(
            f"Flows {words(plan.system.place(plant, period)) or 'of the plan'}",
            remark,
            f'<div class="wide flows">{sankey(one)}</div>',
        )
        for (plant, period), one in plan.plans.items()
    ]
