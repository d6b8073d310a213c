"""What the states of variables mean for limits and weights of one solve."""

from dataclasses import replace

import numpy as np

from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.status.states import ServiceRequest, ServiceStatus
from operator_agent.mpc.variables import ControlVariables


def narrowed(variables: ControlVariables, request: ServiceRequest) -> ControlVariables:
    """Return variables with the optimizer limits of a request; they can only narrow."""
    if not request.optimizer_limits:
        return variables
    edges = {
        name: getattr(variables, name).copy()
        for name in ("mv_low", "mv_high", "cv_hard_low", "cv_hard_high")
    }
    for name, limits in request.optimizer_limits.items():
        kind, names = (
            ("mv", variables.mv_names)
            if name in variables.mv_names
            else ("cv_hard", variables.cv_names)
        )
        i = names.index(name)
        edges[f"{kind}_low"][i] = max(edges[f"{kind}_low"][i], limits.low)
        edges[f"{kind}_high"][i] = min(edges[f"{kind}_high"][i], limits.high)
    return replace(variables, **edges)


def serviced(
    variables: ControlVariables, status: ServiceStatus, cycle_s: float
) -> ControlVariables:
    """Return the limits with which a cycle plans.

    An MV that is not moved has no room; one that is stuck has none to the side where it stuck; one
    outside narrower limits has the room to come back at its rate. A CV that is not controlled has
    no limits; soft limits that cross are none.

    Args:
        variables: with the optimizer's limits.
        status: of this cycle.
        cycle_s: time between moves [s].
    """
    held, moved = status.held, status.moved
    reach = variables.mv_rate * cycle_s
    stuck = np.array([mv.stuck for mv in status.mvs])
    low = np.minimum(variables.mv_low, held + reach)
    high = np.maximum(variables.mv_high, held - reach)
    high = np.where(stuck > 0, np.minimum(high, np.maximum(held, low)), high)
    low = np.where(stuck < 0, np.maximum(low, np.minimum(held, high)), low)
    free = ~status.controlled
    loose = free | (variables.cv_soft_low > variables.cv_soft_high)
    return replace(
        variables,
        mv_low=np.where(moved, low, held),
        mv_high=np.where(moved, high, held),
        cv_hard_low=np.where(free, -np.inf, variables.cv_hard_low),
        cv_hard_high=np.where(free, np.inf, variables.cv_hard_high),
        cv_soft_low=np.where(loose, -np.inf, variables.cv_soft_low),
        cv_soft_high=np.where(loose, np.inf, variables.cv_soft_high),
    )


def masked_weights(weights: StageWeights, status: ServiceStatus) -> StageWeights:
    """Return weights that track only what is controlled."""
    return replace(weights, tracking=np.where(status.controlled, weights.tracking, 0.0))
