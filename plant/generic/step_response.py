"""Step-response coefficients, as predictive controllers keep them, become a plant.

Two ways: `from_step_response` fits an ordinary differential equation within a stated tolerance;
`sampled_step_response` gives the coefficients back exactly, in steps of one sample.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.generic.linear_plant import (
    Channel,
    LinearPlant,
    held_input_matrices,
    process_model,
)
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.generic.step_coefficients import (
    PredictionCore,
    StepResponse,
    checked_response,
)
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel

N_FILTERS = 16  # per input: dead times that differ by half a time constant, within 2 %
TOLERANCE = 0.02  # of the largest coefficient of an element
_POLES = np.logspace(-0.7, 2.0, 28)  # tried, per duration of the response
_END_WEIGHT = 10.0  # of the final value among the samples of the fit


def sampled_step_response(
    name: str,
    coefficients: ArrayLike,
    sample_time_s: float,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    disturbances: Sequence[Variable | str] = (),
    integrating: Collection[str] = (),
) -> SampledPlant:
    """Return step-response coefficients as a plant in steps of their sample, exactly.

    Args:
        name: of the plant.
        coefficients: output per unit step of an input, shape (samples, n_y, n_inputs); the first
            is one sample after the step. Columns are inputs and then disturbances.
        sample_time_s: [s].
        inputs, outputs, disturbances: variables, or names of deviations.
        integrating: outputs that go on with their last slope; the others stay at the last value.

    Raises:
        InputError: wrong shape, a number that is not finite, or a response that does not settle.
    """
    variables = (inputs, disturbances, outputs)
    response = checked_response(name, coefficients, sample_time_s, variables, integrating)
    arrivals = [(n, 0) for n in range(len(response.inputs + response.disturbances))]
    return SampledPlant(
        name,
        PredictionCore(response),
        (response.inputs, response.disturbances, response.outputs),
        sample_time_s,
        arrivals,
        [0] * len(response.outputs),
    )


def from_step_response(
    name: str,
    coefficients: ArrayLike,
    sample_time_s: float,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    disturbances: Sequence[Variable | str] = (),
    integrating: Collection[str] = (),
    n_filters: int = N_FILTERS,
    tolerance: float = TOLERANCE,
) -> ProcessModel:
    """Return an ODE whose step response passes through the coefficients, within a tolerance.

    Every input passes its dead time (the samples before which no output moves) and then a chain
    of Laguerre filters, whose pole and weights are fitted; outputs that integrate get the last
    slope through an integrator besides. Stable by construction. Source: Wahlberg, "System
    identification using Laguerre models", IEEE Trans. Automat. Control 36 (1991) 551.

    Args:
        name, coefficients, sample_time_s, inputs, outputs, disturbances, integrating: as in
            `sampled_step_response`.
        n_filters: per input; more follow sharper responses.
        tolerance: largest error of a coefficient, relative to the largest of its element.

    Raises:
        InputError: as there, or the fit misses a coefficient by more than the tolerance.
    """
    variables = (inputs, disturbances, outputs)
    response = checked_response(name, coefficients, sample_time_s, variables, integrating)
    if isinstance(n_filters, bool) or not isinstance(n_filters, int) or not 1 <= n_filters <= 60:
        raise InputError(f"{name}: number of filters {n_filters} must be a whole number 1 to 60")
    sources = response.inputs + response.disturbances
    fits = [_fit(response, j, n_filters) for j in range(len(sources))]
    for j, fit in enumerate(fits):
        worst = int(np.argmax(fit.errors))
        if fit.errors[worst] > tolerance:
            raise InputError(
                f"{name}: {n_filters} filters miss the response of "
                f"{response.outputs[worst].name} to {sources[j].name} by "
                f"{100 * fit.errors[worst]:.1f} % of its largest coefficient, allowed are "
                f"{100 * tolerance:g} %; give more filters or a wider tolerance, or step the "
                "coefficients themselves with sampled_step_response"
            )
    return process_model(_assembled(response, fits))


@dataclass(frozen=True, slots=True)
class _Fit:
    """One input's chain of filters.

    Attributes:
        dead_time_s: before the chain [s].
        pole: of the filters [1/s].
        weights: shape (n_y, n_filters).
        errors: largest error of each output, relative, shape (n_y,).
    """

    dead_time_s: float
    pole: float
    weights: FloatArray
    errors: FloatArray


def _chain(pole: float, n_filters: int) -> tuple[FloatArray, FloatArray]:
    """Return (A, b) of Laguerre filters: z_k' = -p z_k - 2 p (z_1 + .. + z_k-1) + p u."""
    a = -2.0 * pole * np.tril(np.ones((n_filters, n_filters)), -1) - pole * np.eye(n_filters)
    return a, np.full((n_filters, 1), pole)


def _fit(response: StepResponse, source: int, n_filters: int) -> _Fit:
    wanted = response.coefficients[:, :, source]
    size = np.max(np.abs(wanted), axis=0)
    size[size == 0.0] = 1.0
    moving = np.flatnonzero(np.any(wanted != 0.0, axis=1))
    late = int(moving[0]) if moving.size else 0
    ramp = np.maximum(np.arange(1, len(wanted) + 1) - late, 0)[:, None] * response.slopes[:, source]
    target = (wanted - ramp)[late:] / size
    duration_s = len(target) * response.sample_time_s
    best: tuple[float, float, FloatArray, FloatArray] | None = None
    for pole in _POLES / duration_s:
        weights, errors = _weights(target, pole, n_filters, response.sample_time_s)
        if best is None or float(np.max(errors)) < best[0]:
            best = float(np.max(errors)), float(pole), weights, errors
    assert best is not None
    return _Fit(late * response.sample_time_s, best[1], best[2] * size[:, None], best[3])


def _weights(
    target: FloatArray, pole: float, n_filters: int, sample_time_s: float
) -> tuple[FloatArray, FloatArray]:
    """Return the weights of a chain that fit the responses, and the largest errors."""
    a, b = _chain(pole, n_filters)
    phi, gamma = held_input_matrices(a, b, sample_time_s)
    z, rows = np.zeros(n_filters), []
    for _ in range(len(target)):
        z = phi @ z + gamma[:, 0]
        rows.append(z)
    at_end = np.linalg.solve(a, -b)[:, 0]
    basis = np.vstack((rows, _END_WEIGHT * at_end))
    wanted = np.vstack((target, _END_WEIGHT * target[-1]))
    weights = np.linalg.lstsq(basis, wanted, rcond=None)[0]
    errors: FloatArray = np.max(np.abs(np.array(rows) @ weights - target), axis=0)
    return weights.T, errors


def _assembled(response: StepResponse, fits: Sequence[_Fit]) -> LinearPlant:
    sources = response.inputs + response.disturbances
    n_y, names = len(response.outputs), [v.name for v in sources]
    blocks, effects, weights, x_names = [], [], [], []
    for j, fit in enumerate(fits):
        a, b = _chain(fit.pole, fit.weights.shape[1])
        c = fit.weights
        x_names += [f"filter_{names[j]}_{n}" for n in range(len(a))]
        slopes = response.slopes[:, j] / response.sample_time_s
        if bool(np.any(slopes)):
            a, b = block_diag(a, 0.0), np.vstack((b, [[1.0]]))
            c = np.hstack((c, slopes[:, None]))
            x_names.append(f"ramp_{names[j]}")
        blocks.append(a)
        effects.append(b)
        weights.append(c)
    return LinearPlant(
        response.name,
        response.inputs,
        response.disturbances,
        response.outputs,
        tuple(x_names),
        block_diag(*blocks),
        block_diag(*effects),
        np.hstack(weights),
        np.zeros((n_y, len(sources))),
        tuple(Channel(j, fit.dead_time_s) for j, fit in enumerate(fits)),
    )
