"""Step responses of a channel with their bands, free and by formula."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.identification.channel import DEVIATIONS
from operator_agent.mpc.identification.element import step_curve
from operator_agent.mpc.identification.identify import Identified

_SHIFT = 1e-4  # of a parameter or its deviation: small against the bend of a curve


@dataclass(frozen=True, slots=True)
class StepCurve:
    """The answer of an output to a unit step of an input; bands hold 95 %.

    Attributes:
        time_s: since the step [s].
        formula, formula_half: by the transfer function, and half of its band.
        free_time_s, free, free_half: without a form; of the rate for an integrating output.
    """

    time_s: FloatArray
    formula: FloatArray
    formula_half: FloatArray
    free_time_s: FloatArray
    free: FloatArray
    free_half: FloatArray


def step_response_of(found: Identified, output: int, source: int) -> StepCurve | None:
    """Return the step response of a channel; None where the input never moved.

    Args:
        found: model.
        output: place of the output.
        source: place among inputs and then disturbances.
    """
    if source not in found.moving:
        return None
    fit, at = found.fits[output], found.moving.index(source)
    form, parameters = fit.full.forms[at], fit.full.parameters[at]
    time_s = np.linspace(0.0, float(fit.free.ends_s[-1]), 200)
    middle = step_curve(form, parameters, time_s)
    slopes = np.empty((len(time_s), len(parameters)))
    for k, deviation in enumerate(np.sqrt(np.diag(fit.full.covariance[at]))):
        size = abs(float(parameters[k]))
        step = _SHIFT * min(max(float(deviation), size, 1e-6), 1.0 + size)
        moved = parameters.copy()
        moved[k] += step
        slopes[:, k] = (step_curve(form, moved, time_s) - middle) / step
    variance = np.einsum("ti,ij,tj->t", slopes, fit.full.covariance[at], slopes)
    return StepCurve(
        time_s,
        middle,
        DEVIATIONS * np.sqrt(np.maximum(variance, 0.0)),
        fit.free.ends_s,
        fit.free.steps[at],
        DEVIATIONS * np.sqrt(np.diag(fit.free.covariance[at])),
    )
