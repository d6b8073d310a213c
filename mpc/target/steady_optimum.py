"""The best steady state of a model under limits and prices: the target layer run to its end.

In the loop the target takes one short step each cycle, so that it does not jump. Asked for once, it
walks on here until it stands still.
"""

from dataclasses import dataclass, replace

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import SolveFailedError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.target.target import SteadyTarget, TargetOptimizer
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel

STEP = 0.5  # spans: the model is followed by Newton, which large steps would throw off its path
PROXIMAL = 0.01  # of the loop's weight: valleys are flat where two pumparounds share a duty
STILL = 1e-4  # spans: no MV moves by more in one step
MAX_STEPS = 600  # twice what the widest walk between operator limits takes


@dataclass(frozen=True, slots=True)
class SteadyOptimum:
    """Where the walk ended.

    Attributes:
        target: the steady state, with active limits, their prices and the profit.
        steps: that it took.
        converged: whether nothing moved any more; otherwise the point is feasible, not best.
    """

    target: SteadyTarget
    steps: int
    converged: bool


def best_steady_state(
    model: ProcessModel,
    variables: ControlVariables,
    weights: Weights,
    economics: ca.Function,
    d: FloatArray,
    bias: FloatArray,
    targets: EconomicTargets,
    target_biases: FloatArray,
) -> SteadyOptimum:
    """Return the steady state that pays best under the limits.

    Args:
        model: of the process; its nominal point is the start.
        variables: limits.
        weights: pulls to planning's targets and margins of the target layer.
        economics: `(x, u, d) -> mpc.target.ECONOMIC_OUTPUTS` in SI.
        d: disturbances, shape (n_d,) [SI].
        bias: measured minus modelled, shape (n_y,) [SI].
        targets: of planning.
        target_biases: added to planning's targets, shape (n_y,) [SI].

    Raises:
        SolveFailedError: the model has no steady state on the way.
    """
    brisk = replace(weights, target_step=STEP, target_proximal=PROXIMAL * weights.target_proximal)
    optimizer = TargetOptimizer(ScaledModel.of(model), brisk, economics)
    u = np.clip(model.u_nominal, variables.mv_low, variables.mv_high)
    state = optimizer.start(model.x_nominal, u)
    for step in range(1, MAX_STEPS + 1):
        target, after = optimizer.renew(state, d, bias, variables, targets, target_biases)
        if target is None:
            raise SolveFailedError(
                f"model {model.name} has no steady state after {step} steps towards the optimum of "
                f"case '{targets.case}'; widen the limits or check slate and prices"
            )
        moved = float(np.max(np.abs(after.u - state.u)))
        state = after
        if moved < STILL or step == MAX_STEPS:
            return SteadyOptimum(target, step, moved < STILL)
    raise AssertionError("the loop returns in its last step")
