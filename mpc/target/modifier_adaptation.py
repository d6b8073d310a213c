"""Modifier adaptation: a wrong model is led to the plant's own optimum.

At each operating point the model's CVs are corrected in value, by a bias, and in slope, so that
the corrected model meets the first-order conditions where the plant does: when the iteration stands
still, it stands at the plant's optimum, however wrong the model is in structure (Marchetti,
Chachuat and Bonvin, "Modifier-adaptation methodology for real-time optimization", Ind. Eng. Chem.
Res. 48 (2009) 6022). The corrections are filtered from step to step. What is
maximised must be among the CVs (its worth in the wishes' variable prices) or be given as the
plant's own slope of profit.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.target.inputs import Modifiers, TargetInputs
from operator_agent.mpc.target.plant_slopes import (
    Experiment,
    PlantSlopes,
    stepped_slopes,
    updated_slopes,
)
from operator_agent.mpc.target.steady_optimum import settled
from operator_agent.mpc.target.target import TargetOptimizer, TargetState


class Correction(Enum):
    """What of the model is corrected; the value says it in words."""

    BIAS = "values only: plain feedback of the disturbance"
    STEPS = "values and slopes, slopes by a step of each MV at every point"
    UPDATES = "values and slopes, slopes by steps at the first point and then from the moves made"


@dataclass(frozen=True, slots=True)
class AdaptationTuning:
    """How modifiers are adapted.

    Attributes:
        correction: what is corrected.
        bias_filter, slope_filter: part of what was found that is taken, 0..1.
        step: of each MV in experiments, shape (n_u,) [SI]; also the least move that tells of the
            plant.
        iterations: points visited after the first.
        largest_move: of each MV between points, shape (n_u,) [SI].
    """

    correction: Correction
    bias_filter: float
    slope_filter: float
    step: FloatArray
    iterations: int
    largest_move: FloatArray

    def __post_init__(self) -> None:
        """Refuse filters and steps that cannot adapt."""
        if not (0.0 < self.bias_filter <= 1.0 and 0.0 < self.slope_filter <= 1.0):
            raise InputError(
                f"filters of modifiers are {self.bias_filter} and {self.slope_filter}; they are "
                "above 0, at most 1"
            )
        if bool(np.any(self.step == 0.0)) or not bool(np.all(self.largest_move > 0.0)):
            raise InputError("steps of experiments and largest moves must not be zero")
        if self.iterations < 1:
            raise InputError(f"{self.iterations} iterations adapt nothing; at least 1")


@dataclass(frozen=True, slots=True)
class AdaptedPoint:
    """One point of the path.

    Attributes:
        u: MVs, shape (n_u,) [SI].
        y: CVs of the plant there, shape (n_y,) [SI].
        bias: taken over so far, shape (n_y,) [SI].
        modifiers: taken over so far.
        experiments: on the plant so far.
    """

    u: FloatArray
    y: FloatArray
    bias: FloatArray
    modifiers: Modifiers
    experiments: int


def adapted_path(
    optimizer: TargetOptimizer,
    experiment: Experiment,
    start: TargetState,
    inputs: TargetInputs,
    tuning: AdaptationTuning,
) -> tuple[AdaptedPoint, ...]:
    """Return the points to which the corrected model leads the plant.

    Args:
        optimizer: target layer of the model.
        experiment: brings the plant to rest at MVs [SI] and gives its CVs [SI].
        start: where the plant rests first.
        inputs: limits, disturbances and wishes; its bias is the first one.
        tuning: filters and steps.

    Raises:
        SolveFailedError: the corrected model has no target, or the plant gave no finite values.
    """
    model = optimizer.model
    n_y, n_u = len(model.y_names), len(model.u_names)
    u = start.u * model.u_scale
    found = _first(experiment, u, tuning, n_y)
    bias, slope, state = inputs.bias, np.zeros((n_y, n_u)), start
    path: list[AdaptedPoint] = []
    for iteration in range(tuning.iterations + 1):
        _check(found, model.y_names)
        point = model.at(state.x, found.u / model.u_scale, inputs.d)
        if point is None:
            raise SolveFailedError(
                f"model {model.name} has no steady state at point {iteration} of the adaptation"
            )
        bias = bias + tuning.bias_filter * (found.y - point.rows[:n_y] * model.y_scale - bias)
        if tuning.correction is not Correction.BIAS:
            known = point.row_gain[:n_y] * model.y_scale[:, None] / model.u_scale
            slope = slope + tuning.slope_filter * (found.slope - known - slope)
        modifiers = Modifiers(found.u, slope, np.zeros(n_u))
        path.append(AdaptedPoint(found.u, found.y, bias, modifiers, found.experiments))
        if iteration == tuning.iterations:
            break
        now = TargetState(point.x, found.u / model.u_scale)
        best = settled(optimizer, now, replace(inputs, bias=bias, modifiers=modifiers))
        state = now
        move = np.clip(best.target.u - found.u, -tuning.largest_move, tuning.largest_move)
        found = _next(experiment, found, found.u + move, tuning)
    return tuple(path)


def _first(
    experiment: Experiment, u: FloatArray, tuning: AdaptationTuning, n_y: int
) -> PlantSlopes:
    if tuning.correction is Correction.BIAS:
        return PlantSlopes(u, experiment(u), np.zeros((n_y, u.size)), 1)
    return stepped_slopes(experiment, u, tuning.step)


def _next(
    experiment: Experiment, last: PlantSlopes, u: FloatArray, tuning: AdaptationTuning
) -> PlantSlopes:
    if tuning.correction is Correction.BIAS:
        return PlantSlopes(u, experiment(u), last.slope, last.experiments + 1)
    if tuning.correction is Correction.STEPS:
        return stepped_slopes(experiment, u, tuning.step, last.experiments)
    return updated_slopes(experiment, last, u, np.abs(tuning.step))


def _check(found: PlantSlopes, names: tuple[str, ...]) -> None:
    whole = np.column_stack([found.y, found.slope])
    lost = [n for n, row in zip(names, whole, strict=True) if not bool(np.all(np.isfinite(row)))]
    if lost:
        raise SolveFailedError(
            f"the plant gave no finite {', '.join(lost)} at MVs {found.u}; check the experiment"
        )
