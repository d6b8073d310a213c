"""What the limits of the steady-state target cost, and what one unit of room would change.

The program of the target is solved again with the limit one unit further out, without the ramp, at
the gains of this cycle: the answer of a linear model to where the target is heading. How it ends on
the nonlinear one, `mpc.target.what_if` walks out.
"""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.limits import LimitMove, Side
from operator_agent.mpc.target.target import (
    NotRenewed,
    SteadyTarget,
    TargetOptimizer,
    TargetState,
)

ROOM = 0.05  # spans: far enough to stand clear of tolerances, near enough to stay linear


@dataclass(frozen=True, slots=True)
class TargetEffect:
    """A limit that holds the target.

    Attributes:
        name: of the limit, `name side`.
        price: what one unit of room is worth by its multiplier [usd/s per SI unit].
        profit: what it earns by solving again [usd/s per SI unit]; NaN without economics.
        mvs, cvs: change of the target per unit of room, shapes (n_u,) and (n_y,) [SI per SI unit].
    """

    name: str
    price: float
    profit: float
    mvs: FloatArray
    cvs: FloatArray


def target_effects(
    optimizer: TargetOptimizer, state: TargetState, inputs: TargetInputs
) -> tuple[TargetEffect, ...]:
    """Return the limits that hold the target when its ramp is open.

    Args:
        optimizer: of the controller; its state is not changed.
        state: the target of this cycle.
        inputs: of this cycle.
    """
    open_ramp = replace(inputs, step=np.full(len(optimizer.model.u_names), np.inf))
    start = TargetState(state.x, state.u)
    base = _solved(optimizer, start, open_ramp)
    if base is None:
        return ()
    model = optimizer.model
    scales = dict(
        zip((*model.u_names, *model.y_names), (*model.u_scale, *model.y_scale), strict=True)
    )
    found = []
    for limit, price in zip(base.active, base.prices, strict=True):
        name, _, side = limit.rpartition(" ")
        if name not in scales:
            continue  # a balance: zero is its only value
        room = ROOM * float(abs(scales[name]))
        outward = room if side == Side.HIGH.value else -room
        try:
            moved = LimitMove(name, Side(side), outward).applied(inputs.variables)
        except InputError:
            continue  # of a held MV: both its sides stand at the read-back
        more = _solved(optimizer, start, replace(open_ramp, variables=moved))
        if more is not None:
            profit = (more.profit - base.profit) / room
            effect = TargetEffect(
                limit, price, profit, (more.u - base.u) / room, (more.y - base.y) / room
            )
            found.append(effect)
    return tuple(found)


def _solved(
    optimizer: TargetOptimizer, state: TargetState, inputs: TargetInputs
) -> SteadyTarget | None:
    target, _ = optimizer.renew(state, inputs)
    return None if isinstance(target, NotRenewed) else target
