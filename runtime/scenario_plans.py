"""The plans of a scenario: one at the start, one after each event that changes the economics."""

from collections.abc import Mapping
from dataclasses import dataclass

from operator_agent.plant.simulation.events import CrudeSwitch, PriceChange
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.runtime.planner import PlanAnswer, PlannerPool, PlanRequest
from operator_agent.site import Site


@dataclass(frozen=True, slots=True)
class TimedPlan:
    """A plan and from when it holds.

    Attributes:
        time_h: plant time [h].
        why: the event, in words.
        answer: the plan.
    """

    time_h: float
    why: str
    answer: PlanAnswer


def plan_scenario(
    site: Site, slate: Mapping[str, float], scenario: Scenario, planner: PlannerPool
) -> tuple[TimedPlan, ...]:
    """Return the plans in order of time; the crude in the unit is fixed in each.

    Args:
        site: names the planning case.
        slate: in the unit at the start, volume fraction by crude.
        scenario: with its events.
        planner: solves.
    """
    path = site.files["planning"]
    factors: Mapping[str, float] = {}
    first = planner.solve(PlanRequest(path, factors, slate))
    plans = [TimedPlan(0.0, "the crude in the unit at the start", first)]
    for event in sorted(scenario.events, key=lambda event: event.at_s):
        if event.at_s >= scenario.duration_s:
            continue
        if isinstance(event, CrudeSwitch):
            slate, why = event.slate, "crude switch"
        elif isinstance(event, PriceChange):
            factors = {**factors, **event.factors}
            why = "price change"
        else:
            continue
        answer = planner.solve(PlanRequest(path, factors, slate))
        plans.append(TimedPlan(event.at_s / 3600.0, why, answer))
    return tuple(plans)
