"""Planning's message as wishes of the target layer."""

from collections.abc import Mapping

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.target.wishes import Wishes

THROUGHPUT = "flow_vol_feed"  # as the message names it
FIRED_DUTY, STEAM = "fired_duty", "steam"  # what is bought beside streams


def planned_prices(targets: EconomicTargets) -> dict[str, float]:
    """Return planning's prices by stream, and of fired duty and steam [usd per SI unit].

    A stream of that name keeps its own price: plants other than the crude unit name their MVs so.
    """
    return {FIRED_DUTY: targets.energy_price, STEAM: targets.steam_price, **targets.stream_prices}


def planned_wishes(
    targets: EconomicTargets | None, target_biases: Mapping[str, float], economic: bool
) -> Wishes:
    """Return what planning wants; a throughput of zero is none.

    Args:
        targets: of planning; None wants nothing.
        target_biases: added to planning's targets, by CV name [SI].
        economic: whether there are economics that the prices belong to.
    """
    if targets is None:
        return Wishes()
    goals = {name: value + target_biases.get(name, 0.0) for name, value in targets.targets.items()}
    feed = {THROUGHPUT: targets.flow_vol_feed} if targets.flow_vol_feed > 0.0 else {}
    return Wishes(
        prices=planned_prices(targets) if economic else None,
        goals={**feed, **goals},
    )
