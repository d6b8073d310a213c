"""What would change if a limit moved: the best steady state found again with it."""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.answer import SteadyTarget, TargetState
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.limits import LimitMove, Side, limit_name
from operator_agent.mpc.target.steady_optimum import MAX_STEPS, settled
from operator_agent.mpc.target.target import TargetOptimizer


@dataclass(frozen=True, slots=True)
class Consequence:
    """The best steady states with a limit where it is and where it would be.

    Attributes:
        move: of the limit.
        before, after: the two, each walked to its end.
        price: of the limit before [usd/s per SI unit]; zero where it does not hold the target.
        converged: whether both walks came to their end.
    """

    move: LimitMove
    before: SteadyTarget
    after: SteadyTarget
    price: float
    converged: bool

    @property
    def profit_change(self) -> float:
        """What it earns [usd/s]; NaN without economics."""
        return self.after.profit - self.before.profit

    @property
    def expected_change(self) -> float:
        """What the price promises [usd/s], pulls to goals included; right for small moves."""
        outward = self.move.by if self.move.side is Side.HIGH else -self.move.by
        return self.price * outward

    @property
    def mv_change(self) -> FloatArray:
        """Change of the MVs, shape (n_u,) [SI]."""
        return self.after.u - self.before.u

    @property
    def cv_change(self) -> FloatArray:
        """Change of the CVs, shape (n_y,) [SI]."""
        return self.after.y - self.before.y

    @property
    def released(self) -> tuple[str, ...]:
        """Limits that would no longer hold the target, `name side`."""
        return tuple(name for name in self.before.active if name not in self.after.active)

    @property
    def reached(self) -> tuple[str, ...]:
        """Limits that would come to hold it."""
        return tuple(name for name in self.after.active if name not in self.before.active)


def what_if(
    optimizer: TargetOptimizer,
    state: TargetState,
    inputs: TargetInputs,
    move: LimitMove,
    max_steps: int = MAX_STEPS,
) -> Consequence:
    """Return what would change if a limit moved, everything else as it is.

    Both steady states are walked to their end from the present target: a comparison of what the
    target layer will come to, not of its next step.

    Raises:
        InputError: there is no such limit, or it would cross the other side.
        SolveFailedError: there is no target on the way.
    """
    moved = replace(inputs, variables=move.applied(inputs.variables))
    before = settled(optimizer, state, inputs, max_steps)
    start = TargetState(before.state.x, before.state.u)
    after = settled(optimizer, start, moved, max_steps)
    prices = dict(zip(before.target.active, before.target.prices, strict=True))
    return Consequence(
        move=move,
        before=before.target,
        after=after.target,
        price=prices.get(limit_name(move.name, move.side), 0.0),
        converged=before.converged and after.converged,
    )


def worth_of_limits(
    optimizer: TargetOptimizer,
    state: TargetState,
    inputs: TargetInputs,
    spans: float,
) -> tuple[Consequence, ...]:
    """Return what moving each active limit outwards by so many spans would change.

    Raises:
        InputError: a limit cannot move so far.
        SolveFailedError: there is no target on the way.
    """
    model = optimizer.model
    scales = dict(
        zip((*model.u_names, *model.y_names), (*model.u_scale, *model.y_scale), strict=True)
    )
    now = settled(optimizer, state, inputs)
    found = []
    for limit in now.target.active:
        name, _, side = limit.rpartition(" ")
        if name not in scales:
            continue  # a balance: zero is its only value
        outward = 1.0 if side == Side.HIGH.value else -1.0
        move = LimitMove(name, Side(side), outward * spans * float(np.abs(scales[name])))
        found.append(what_if(optimizer, now.state, inputs, move))
    return tuple(found)
