"""Everything that the page shows and the plan itself does not hold, as plain values."""

from operator_agent.planning.plan import Plan
from operator_agent.planning.system.system_plan import SystemPlan
from operator_agent.planning.webreport.balance import (
    refinery_balance,
    stream_balances,
    unit_balances,
)
from operator_agent.planning.webreport.giveaway import giveaways
from operator_agent.signing import Json


def report_payload(plan: Plan) -> dict[str, Json]:
    """Return the plan with its balances and giveaway; SI except where a key says otherwise."""
    return {
        **plan.payload(),
        "material_balance": {
            "refinery": refinery_balance(plan).payload(),
            "units": [balance.payload() for balance in unit_balances(plan)],
            "streams": [balance.payload() for balance in stream_balances(plan)],
        },
        "giveaway": [item.payload() for item in giveaways(plan)],
    }


def system_payload(plan: SystemPlan) -> dict[str, Json]:
    """Return a system's plan with balances and giveaway of each plant and period."""
    return {
        **plan.payload(),
        "plans": [
            {"plant": plant, "period": period, "plan": report_payload(one)}
            for (plant, period), one in plan.plans.items()
        ],
    }
