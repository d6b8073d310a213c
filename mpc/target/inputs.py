"""What the target layer is told in one cycle."""

from dataclasses import dataclass, field

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.wishes import Wishes
from operator_agent.mpc.variables import BoolArray, ControlVariables


@dataclass(frozen=True, slots=True)
class Modifiers:
    """Corrections of the model's slopes, learned from the plant; values are corrected by the bias.

    Attributes:
        at: MVs where they were learned, shape (n_u,) [SI].
        y_slope: plant's minus model's dy/du, shape (n_y, n_u) [SI].
        profit_slope: plant's minus model's d profit/du, shape (n_u,) [usd/s per SI unit].
    """

    at: FloatArray
    y_slope: FloatArray
    profit_slope: FloatArray


@dataclass(frozen=True, slots=True)
class Present:
    """Where the plant stands: what "profit now" is taken from, and what holds in held MVs.

    Attributes:
        x: estimated states, shape (n_x,) [SI].
        u: read-back of the MVs, shape (n_u,) [SI].
        y: estimated CVs, shape (n_y,) [SI].
    """

    x: FloatArray
    u: FloatArray
    y: FloatArray


@dataclass(frozen=True, slots=True)
class TargetInputs:
    """One cycle's limits, disturbances, wishes and statuses.

    Attributes:
        variables: limits with back-offs.
        d: measured disturbances, shape (n_d,) [SI].
        bias: measured minus modelled, shape (n_y,) [SI]; of a CV that is off it may be NaN.
        wishes: of planning and operator.
        present: where the plant stands; needed with held MVs and with integrating variables.
        mv_free: MVs that may move, shape (n_u,); the others are fixed at their read-back. None
            for all.
        cv_on: CVs with limits and goals, shape (n_y,); None for all.
        rate_bias: measured minus modelled rates of the balances, shape (n_b,) [SI/s]; None for
            zero.
        modifiers: corrections of slopes; None for none.
        step: largest change of each MV, shape (n_u,) [spans]; None for the tuning's.
    """

    variables: ControlVariables
    d: FloatArray
    bias: FloatArray
    wishes: Wishes = field(default_factory=Wishes)
    present: Present | None = None
    mv_free: BoolArray | None = None
    cv_on: BoolArray | None = None
    rate_bias: FloatArray | None = None
    modifiers: Modifiers | None = None
    step: FloatArray | None = None

    @property
    def free(self) -> BoolArray:
        """MVs that may move, shape (n_u,)."""
        n_u = len(self.variables.mv_names)
        return np.ones(n_u, np.bool_) if self.mv_free is None else self.mv_free

    @property
    def on(self) -> BoolArray:
        """CVs with limits and goals, shape (n_y,)."""
        n_y = len(self.variables.cv_names)
        return np.ones(n_y, np.bool_) if self.cv_on is None else self.cv_on

    def fault(self) -> str:
        """Return what makes these inputs useless, in words; empty when nothing does."""
        if not bool(np.all(np.isfinite(self.d))):
            lost = [n for n, v in zip(self.variables.dv_names, self.d, strict=False) if v != v]
            return f"a disturbance is not finite ({', '.join(lost)})"
        bad = self.on & ~np.isfinite(self.bias)
        if bool(np.any(bad)):
            names = [n for n, b in zip(self.variables.cv_names, bad, strict=True) if b]
            return f"the bias of {', '.join(names)} is not finite; take the CV off or correct it"
        held = ~self.free
        if not bool(np.any(held)):
            return ""
        read = self.present.u if self.present is not None else np.full(held.size, np.nan)
        names = [
            n for n, h, v in zip(self.variables.mv_names, held, read, strict=True)
            if h and not np.isfinite(v)
        ]  # fmt: skip
        return f"{', '.join(names)} is held and has no read-back" if names else ""
