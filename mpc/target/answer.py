"""The answer of the target layer: a steady state, what holds it, and what it had to give up."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.conflicts import GivenUp
from operator_agent.mpc.target.hysteresis import Hold
from operator_agent.mpc.target.stride import Stride


@dataclass(frozen=True, slots=True)
class TargetState:
    """The target that is being followed.

    Attributes:
        x, u: scaled, shapes (n_x,) and (n_u,).
        hold: limits that hold it; None at the start.
        rest: x of the rest from which it went there, shape (n_x,); None at the start.
        stride: how far it may go in the next cycle; None for the tuning's step.
    """

    x: FloatArray
    u: FloatArray
    hold: Hold | None = None
    rest: FloatArray | None = None
    stride: Stride | None = None


@dataclass(frozen=True, slots=True)
class SteadyTarget:
    """A steady state to go to, in SI.

    Attributes:
        u: shape (n_u,).
        y: with bias, shape (n_y,); of a CV that integrates, its goal or where it stands.
        active: limits that hold it, `name side`.
        prices: of those limits [usd/s per SI unit]: what one unit of room is worth.
        profit: at the target by the model [usd/s]; NaN without economics.
        violation: largest distance outside a limit that could not be avoided [spans].
        reason: why it was not renewed; empty when it was.
        profit_now: where the plant stands, by the model [usd/s]; NaN where that is not known.
        given_up: limits that cannot be kept, most important first.
        kept_by_hysteresis: of the active limits those that would be left, were it to last.
        freedom: directions in which the MVs can still move the target.
    """

    u: FloatArray
    y: FloatArray
    active: tuple[str, ...]
    prices: tuple[float, ...]
    profit: float
    violation: float
    reason: str = ""
    profit_now: float = np.nan
    given_up: tuple[GivenUp, ...] = ()
    kept_by_hysteresis: tuple[str, ...] = ()
    freedom: int = 0


@dataclass(frozen=True, slots=True)
class NotRenewed:
    """There is no new target.

    Attributes:
        reason: in words.
    """

    reason: str
