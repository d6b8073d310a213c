"""Giveaway: by how much a product is better than its specification asks, and what that costs.

At an optimum a limit has either room or a price, never both (complementary slackness), so giveaway
that costs something shows a plan that is not the optimum: a linear stage, or a point that the
solver left early.
"""

import math
from dataclasses import dataclass

from operator_agent.planning.limits import LimitKind
from operator_agent.planning.plan import LimitResult, Plan
from operator_agent.planning.webreport.balance import NOTHING, finite
from operator_agent.signing import Json

TRACE = 1e-7  # of the limit: solvers stop this near to a limit that they reach


@dataclass(frozen=True, slots=True)
class Giveaway:
    """One specification of a product that is made, or of the feed of a unit that runs.

    Attributes:
        result: the limit with value and shadow price [usd/h per SI unit].
    """

    result: LimitResult

    @property
    def amount(self) -> float:
        """How much better than the limit [SI]; traces that solvers leave count as none."""
        room = self.result.room
        return room if room > TRACE * abs(self.result.limit.value) else 0.0

    @property
    def cost_usd_h(self) -> float:
        """What the giveaway costs: amount times shadow price [usd/h]."""
        return self.amount * abs(self.result.shadow_price)

    def payload(self) -> dict[str, Json]:
        """Return the giveaway as plain values for JSON; SI."""
        return {
            "limit": self.result.limit.key,
            "item": self.result.limit.item,
            "quality": self.result.limit.quality,
            "value": finite(self.result.value),
            "limit_value": self.result.limit.value,
            "giveaway": finite(self.amount),
            "shadow_price": self.result.shadow_price,
            "cost_usd_h": finite(self.cost_usd_h),
        }


def giveaways(plan: Plan) -> tuple[Giveaway, ...]:
    """Return the specifications of products that are made and of feeds of units that run."""
    made = {blend.product for blend in plan.blends if blend.flow_vol > NOTHING}
    made |= {unit for unit, load in plan.unit_loads.items() if load > NOTHING}
    return tuple(
        Giveaway(result)
        for result in plan.limits
        if result.limit.kind in (LimitKind.SPEC, LimitKind.FEED)
        and result.limit.item in made
        and math.isfinite(result.value)
    )
