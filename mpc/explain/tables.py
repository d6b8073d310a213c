"""Steady-state gains with what they are used for, and how far the model is from the plant."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.cycle_values import CycleResult
from operator_agent.mpc.target.steady_model import SteadyModel
from operator_agent.mpc.target.target import TargetState


@dataclass(frozen=True, slots=True)
class GainTable:
    """Gains at the steady-state target.

    Attributes:
        gain: change of each CV per unit of each MV, shape (n_y, n_u) [SI per SI unit].
        share: of each MV in what moves a CV from here to the target, shape (n_y, n_u): the signed
            part of the sum of absolute contributions; zero where nothing moves.
    """

    gain: FloatArray
    share: FloatArray


@dataclass(frozen=True, slots=True)
class Residual:
    """How far the model is from one CV [SI].

    Attributes:
        name: of the CV.
        model_error: measured minus model without bias; NaN without a reading.
        bias: that the controller adds to the model.
        innovation: prediction error of this scan with bias; NaN where no reading counted.
    """

    name: str
    model_error: float
    bias: float
    innovation: float


def gain_table(model: SteadyModel, state: TargetState, result: CycleResult) -> GainTable | None:
    """Return the gains at a target, or None where the model has no steady state.

    Args:
        model: where the plant rests.
        state: the target.
        result: of the cycle; gives disturbances and the way still to go.
    """
    problem = result.problem
    if problem is None:
        return None
    point = model.at(state.x, state.u, problem.d)
    if point is None or not point.finite():
        return None
    gain = point.row_gain[: len(model.y_names)] * model.y_scale[:, None] / model.u_scale
    used = gain * (result.u_target - problem.u_held)
    total = np.sum(np.abs(used), axis=1, keepdims=True)
    share = np.divide(used, total, out=np.zeros_like(used), where=total > 0.0)
    return GainTable(gain, share)


def residuals(result: CycleResult, cv_names: tuple[str, ...]) -> tuple[Residual, ...]:
    """Return the residuals of a cycle; NaN everywhere before the first estimate."""
    nothing = np.full(len(cv_names), np.nan)
    bias = nothing if result.bias is None else result.bias
    innovation = nothing if result.innovation is None else result.innovation
    error = result.y_measured - (result.y_estimate - bias) if bias.size else nothing
    return tuple(
        Residual(name, float(error[i]), float(bias[i]), float(innovation[i]))
        for i, name in enumerate(cv_names)
    )
