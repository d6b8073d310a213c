"""Linear models for the engine from what a user has, with exact dead times."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.linear.steps import DelayLines, LinearSteps, sampled_model, steps_of
from operator_agent.plant.generic.linear_plant import LinearPlant
from operator_agent.plant.generic.sampled_core import MatrixCore
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.generic.step_coefficients import (
    PredictionCore,
    StepResponse,
    checked_response,
)
from operator_agent.plant.generic.transfer_matrix import Elements, linear_plant
from operator_agent.plant.generic.variable import Variable, as_numbers, as_variables

Variables = Sequence[Variable | str]


def transfer_matrix_model(
    name: str,
    elements: Elements,
    inputs: Variables,
    outputs: Variables,
    disturbances: Variables = (),
    *,
    sample_time_s: float,
) -> SampledModel:
    """Return a matrix of transfer functions as a model in steps.

    Args:
        name, elements, inputs, outputs, disturbances: as in `from_transfer_matrix`.
        sample_time_s: of a step; dead times need not be multiples of it [s].

    Raises:
        InputError: the matrix does not fit the names.

    Example:
        >>> from operator_agent.plant.generic.transfer_function import first_order
        >>> oven = [[first_order(2.0, 60.0, 25.0)]]
        >>> transfer_matrix_model("oven", oven, ["fuel"], ["temp"], sample_time_s=10.0).n_x
        4
    """
    plant = linear_plant(name, elements, inputs, outputs, disturbances)
    return sampled_model(steps_of(plant, sample_time_s))


def state_space_model(
    name: str,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    inputs: Variables,
    outputs: Variables,
    d: ArrayLike | None = None,
    disturbances: Variables = (),
    *,
    sample_time_s: float,
) -> SampledModel:
    """Return x' = A x + B w, y = y_nominal + C x + D w as a model in steps, whatever its poles.

    Args:
        name, a, b, c, inputs, outputs, d, disturbances: as in `sampled_state_space`.
        sample_time_s: of a step [s].

    Raises:
        InputError: a matrix does not fit the names.
    """
    groups = _groups(name, inputs, disturbances, outputs)
    rates, effects, rows = (
        as_numbers(m, f"{name}: {letter}") for m, letter in ((a, "A"), (b, "B"), (c, "C"))
    )
    shape = (len(groups[2]), len(groups[0]) + len(groups[1]))
    through = np.zeros(shape) if d is None else as_numbers(d, f"{name}: D")
    states = tuple(f"state_{n}" for n in range(len(rates)))
    steps = LinearSteps(name, *groups, states, rates, effects, rows, through, sample_time_s)
    return sampled_model(steps)


def step_response_model(
    name: str,
    coefficients: ArrayLike,
    inputs: Variables,
    outputs: Variables,
    disturbances: Variables = (),
    integrating: Collection[str] = (),
    *,
    sample_time_s: float,
) -> SampledModel:
    """Return step-response coefficients as a model in steps of their sample, exactly.

    Args:
        name, coefficients, inputs, outputs, disturbances, integrating: as in
            `sampled_step_response`.
        sample_time_s: of the coefficients [s].

    Raises:
        InputError: wrong shape, a number that is not finite, or a response that does not settle.
    """
    groups = (inputs, disturbances, outputs)
    response = checked_response(name, coefficients, sample_time_s, groups, integrating)
    return sampled_model(_response_steps(response))


def plant_model(plant: SampledPlant) -> SampledModel:
    """Return the model of a linear plant in steps: what it does, with all its dead times.

    Raises:
        InputError: the plant is not linear, or delays its outputs.
    """
    core = plant.core
    if isinstance(core, PredictionCore):
        return sampled_model(_response_steps(core.response))
    if not isinstance(core, MatrixCore) or any(plant.output_delays):
        raise InputError(
            f"plant {plant.name} is not linear or delays its outputs; take delayed_model with its "
            "equations"
        )
    known = plant.arrivals
    lines = DelayLines.of(known, plant.inputs + plant.disturbances)
    states = tuple(f"state_{n}" for n in range(len(core.phi)))
    taps = [(s, k, core.gamma[:, j]) for j, (s, k) in enumerate(known)]
    direct = [(s, k, core.feedthrough[:, j]) for j, (s, k) in enumerate(known)]
    groups = (plant.inputs, plant.disturbances, plant.outputs)
    frame = _frame(plant.name, groups, states, core.c)
    return sampled_model(lines.around(frame, core.phi, taps, direct, plant.sample_time_s))


def _response_steps(response: StepResponse) -> LinearSteps:
    """Return the weights of the past inputs, and a ramp for each output that integrates.

    y[k] = sum over i of (s[i] - s[i-1]) w[k-i] + r[k],    r[k+1] = r[k] + slope w[k-n]
    """
    coefficients = response.coefficients
    n, n_y, n_v = coefficients.shape
    ramps = np.flatnonzero(np.array(response.ramps))
    weights = np.diff(coefficients, axis=0, prepend=0.0)
    direct = [(j, i + 1, weights[i, :, j]) for j in range(n_v) for i in range(n)]
    taps = [(j, n, response.slopes[ramps, j]) for j in range(n_v)] if ramps.size else []
    sources = response.inputs + response.disturbances
    lines = DelayLines.of([(j, k) for j, k, _ in (*direct, *taps)], sources)
    c = np.zeros((n_y, ramps.size))
    c[ramps, np.arange(ramps.size)] = 1.0
    states = tuple(f"ramp_{response.outputs[i].name}" for i in ramps)
    groups = (response.inputs, response.disturbances, response.outputs)
    frame = _frame(response.name, groups, states, c)
    return lines.around(frame, np.eye(ramps.size), taps, direct, response.sample_time_s)


Groups = tuple[tuple[Variable, ...], tuple[Variable, ...], tuple[Variable, ...]]


def _groups(name: str, inputs: Variables, disturbances: Variables, outputs: Variables) -> Groups:
    return (
        as_variables(inputs, f"{name}: inputs"),
        as_variables(disturbances, f"{name}: disturbances"),
        as_variables(outputs, f"{name}: outputs"),
    )


def _frame(name: str, groups: Groups, states: tuple[str, ...], c: FloatArray) -> LinearPlant:
    """Return names and C without inputs: what stands behind delay lines."""
    n, n_y = len(states), len(groups[2])
    nothing = np.zeros((n, 0)), c, np.zeros((n_y, 0))
    return LinearPlant(name, *groups, states, np.zeros((n, n)), *nothing, ())
