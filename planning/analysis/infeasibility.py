"""The infeasibility report: what must give way at the least cost, first; what clashes, second.

Two objectives stand side by side: the profit of the best plan once the limits give way, and the
same less the penalties by which the optimiser chose them.
"""

from dataclasses import dataclass

from operator_agent.planning.analysis.words import plain
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.infeasible import Conflict
from operator_agent.planning.recursion import BREAK_PRICE, solve_recursion
from operator_agent.planning.refinery import refinery
from operator_agent.planning.stages import find_conflict
from operator_agent.signing import Json


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """A conflict with what each broken limit counts for.

    Attributes:
        conflict: limits that give way, and limits that clash.
        severities: m3/h of any flow that each broken limit counts like, in their order.
    """

    conflict: Conflict
    severities: tuple[float, ...]

    @property
    def economic(self) -> float:
        """Profit of the best plan once the broken limits give way [usd/h]; NaN when none."""
        return self.conflict.profit

    @property
    def penalised(self) -> float:
        """The same less the penalties of the broken limits [usd/h]."""
        return self.conflict.profit - BREAK_PRICE * sum(self.severities)


def conflict_report(case: PlanningCase) -> ConflictReport | None:
    """Return why a case has no plan, or None when all its limits can hold.

    Args:
        case: whose limits may contradict each other.

    Raises:
        SolveFailedError: not even the elastic form has a solution.
    """
    plant = refinery(case)
    conflict = find_conflict(plant, solve_recursion(plant))
    if conflict is None:
        return None
    return ConflictReport(conflict, tuple(broken.severity for broken in conflict.broken))


def conflict_payload(report: ConflictReport | None) -> Json:
    """Return a conflict for JSON: SI except where a key says otherwise; None has no conflict."""
    if report is None:
        return {"conflict": False}
    return {
        "conflict": True,
        "case": report.conflict.case,
        "economic_usd_h": plain(report.economic),
        "with_penalties_usd_h": plain(report.penalised),
        "broken": [
            {
                "limit": one.limit.key,
                "text": one.text(),
                "limit_value": one.limit.value,
                "reached": one.reached,
                "price": plain(one.price),
                "penalty_usd_h": BREAK_PRICE * severity,
            }
            for one, severity in zip(report.conflict.broken, report.severities, strict=True)
        ],
        "together": [
            {"limit": limit.key, "text": limit.text()} for limit in report.conflict.together
        ],
        "together_text": report.conflict.clash_text(),
    }
