"""The best steady state of a model under limits and prices: the target layer run to its end.

In the loop the target takes one short step each cycle, so that it does not jump. Asked for once, it
walks on here until it stands still.
"""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.errors import SolveFailedError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.target.answer import NotRenewed, SteadyTarget, TargetState
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.steady_model import ModelRest
from operator_agent.mpc.target.stride import SHRINK, Stride
from operator_agent.mpc.target.target import TargetOptimizer
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.wishes import Economics
from operator_agent.plant.process_model import ProcessModel

STEP = 0.5  # spans: the model is followed by Newton, which large steps would throw off its path
PROXIMAL = 0.01  # of the loop's weight: valleys are flat where two pumparounds share a duty
STILL = 1e-4  # spans: no MV moves by more in one step
MAX_STEPS = 600  # twice what the widest walk between operator limits takes
GROW = 1.2  # of an MV's step when it goes on


@dataclass(frozen=True, slots=True)
class SteadyOptimum:
    """Where the walk ended.

    Attributes:
        target: the steady state, with active limits, their prices and the profit.
        state: from which it would walk on.
        steps: that it took.
        converged: whether nothing moved any more; otherwise the point is feasible, not best.
    """

    target: SteadyTarget
    state: TargetState
    steps: int
    converged: bool


def best_steady_state(
    model: ProcessModel,
    tuning: TargetTuning,
    economics: Economics | None,
    inputs: TargetInputs,
) -> SteadyOptimum:
    """Return the steady state that pays best under the limits.

    Args:
        model: of the process; its nominal point is the start.
        tuning: ranks, pulls and margins of the target layer.
        economics: of the model; None for goals and prices of variables only.
        inputs: limits, disturbances, bias and wishes.

    Raises:
        SolveFailedError: there is no target on the way.
    """
    optimizer = TargetOptimizer(ModelRest(ScaledModel.of(model)), tuning, economics)
    limits = inputs.variables
    u = np.clip(model.u_nominal, limits.mv_low, limits.mv_high)
    return settled(optimizer, optimizer.start(model.x_nominal, u), inputs)


def settled(
    optimizer: TargetOptimizer,
    state: TargetState,
    inputs: TargetInputs,
    max_steps: int = MAX_STEPS,
) -> SteadyOptimum:
    """Return where the target stands still, without the loop's ramps and hysteresis.

    Steps adapt, so that the walk ends at an optimum inside the limits too; see `stride.py`.

    Raises:
        SolveFailedError: there is no target on the way.
    """
    loop = optimizer.tuning
    brisk = optimizer.with_tuning(
        replace(loop, step=STEP, proximal=PROXIMAL * loop.proximal, leave_cycles=1)
    )
    stride = Stride(np.full(state.u.size, STEP), np.zeros(state.u.size))
    last: SteadyOptimum | None = None  # the way back from where the model has no rest
    for done in range(1, max_steps + 1):
        target, after = brisk.renew(state, replace(inputs, step=stride.step))
        if isinstance(target, NotRenewed):
            if last is None:
                raise SolveFailedError(
                    f"{target.reason}, after {done} steps towards the best steady state of model "
                    f"{optimizer.model.name}; widen the limits or check disturbances and prices"
                )
            stride = Stride(SHRINK * stride.step, stride.change)
            if float(np.max(stride.step)) < STILL:
                return replace(last, steps=done)
            state = last.state
            continue
        moved = float(np.max(np.abs(after.u - state.u)))
        if moved < STILL or done == max_steps:
            return SteadyOptimum(target, after, done, moved < STILL)
        last = SteadyOptimum(target, state, done, False)
        stride = stride.after(after.u - state.u, GROW, SHRINK * STILL, STEP)
        state = after
    if last is not None:
        return replace(last, steps=max_steps)
    raise SolveFailedError("a walk of no steps finds no target; give max_steps of one or more")
