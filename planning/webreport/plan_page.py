"""The plan as one page: no network, no script, all pictures drawn here."""

from operator_agent.planning.plan import Plan
from operator_agent.planning.webreport import sections
from operator_agent.planning.webreport.balance_section import material_balance
from operator_agent.planning.webreport.blend_section import blends
from operator_agent.planning.webreport.style import CSS
from operator_agent.planning.webreport.tables import page
from operator_agent.planning.webreport.words import words


def plan_page(plan: Plan) -> str:
    """Return the report of a plan as a self-contained HTML document."""
    return page(
        f"Plan of {words(plan.case.name)}",
        CSS,
        (
            sections.head(plan),
            sections.economics(plan),
            sections.alerts_crossed(plan),
            sections.flows(plan),
            sections.crude_slate(plan),
            sections.capacities(plan),
            sections.cut_points(plan),
            blends(plan),
            sections.markets(plan),
            material_balance(plan),
            sections.further(plan),
            sections.solution(plan),
        ),
    )
