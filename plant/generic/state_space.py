"""A linear state-space model, continuous or sampled, becomes a plant."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import logm

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.generic.linear_plant import (
    Channel,
    LinearPlant,
    held_input_matrices,
    process_model,
)
from operator_agent.plant.generic.sampled_core import MatrixCore
from operator_agent.plant.generic.sampled_plant import SampledPlant, check_sample_time
from operator_agent.plant.generic.variable import (
    Variable,
    as_numbers,
    as_variables,
    nominals_of,
)
from operator_agent.plant.process_model import ProcessModel

_POLE_AT_ZERO = 1e-6  # size of a sampled pole that no continuous plant can have
_CONVERSION = 1e-8  # error of the converted plant over a sample
_IMAGINARY = 1e-8  # part of a logarithm, relative: more means a pole on the negative axis


def from_state_space(
    name: str,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    d: ArrayLike | None = None,
    disturbances: Sequence[Variable | str] = (),
    states: Sequence[str] = (),
) -> ProcessModel:
    """Return dx/dt = A x + B w, y = y_nominal + C x + D w as a plant.

    w are the deviations of the inputs, and then the disturbances, from their nominal values; x is
    zero at rest.

    Args:
        name: of the plant.
        a, b, c: shapes (n, n), (n, n_inputs), (n_y, n) with time in seconds.
        inputs, outputs, disturbances: variables, or names of deviations; the columns of B are
            the inputs and then the disturbances.
        d: direct effect, shape (n_y, n_inputs); none when left out.
        states: names of the states; numbered when left out.

    Raises:
        InputError: a matrix has the wrong shape or a number that is not finite.

    Example:
        >>> tank = from_state_space("tank", [[-0.1]], [[0.1]], [[1.0]], ["inflow"], ["level"])
        >>> tank.n_x, float(tank.x_scale[0])
        (1, 1.0)
    """
    plant = _linear(name, (a, b, c, d), (inputs, disturbances, outputs), states)
    return process_model(plant)


def from_sampled_state_space(
    name: str,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    sample_time_s: float,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    d: ArrayLike | None = None,
    disturbances: Sequence[Variable | str] = (),
    states: Sequence[str] = (),
) -> ProcessModel:
    """Return the continuous plant whose samples are x' = A x + B w, y = y_nominal + C x + D w.

    Inputs are held over a sample; the conversion takes the logarithm of [A, B; 0, I] and is exact.

    Args:
        name: of the plant.
        a, b, c, d: as in `from_state_space`, for one sample.
        sample_time_s: duration of a sample [s].
        inputs, outputs, disturbances, states: as in `from_state_space`.

    Raises:
        InputError: a matrix has the wrong shape or a number that is not finite, or no continuous
            plant has these samples: a pole at zero (a dead time) or on the negative axis.
    """
    sampled = _linear(name, (a, b, c, d), (inputs, disturbances, outputs), states)
    sample_time_s = check_sample_time(name, sample_time_s)
    rates, effects = _continuous(name, sampled.a, sampled.b, sample_time_s)
    plant = _linear(
        name,
        (rates, effects, sampled.c, sampled.feedthrough),
        (sampled.inputs, sampled.disturbances, sampled.outputs),
        sampled.x_names,
    )
    return process_model(plant)


def sampled_state_space(
    name: str,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    sample_time_s: float,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    d: ArrayLike | None = None,
    disturbances: Sequence[Variable | str] = (),
) -> SampledPlant:
    """Return x' = A x + B w, y = y_nominal + C x + D w as a plant in steps, whatever its poles.

    Args:
        name, a, b, c, d, sample_time_s, inputs, outputs, disturbances: as in
            `from_sampled_state_space`.

    Raises:
        InputError: a matrix has the wrong shape or a number that is not finite.
    """
    plant = _linear(name, (a, b, c, d), (inputs, disturbances, outputs), ())
    core = MatrixCore(
        plant.a,
        plant.b,
        plant.c,
        plant.feedthrough,
        nominals_of(plant.sources),
        nominals_of(plant.outputs),
    )
    arrivals = [(n, 0) for n in range(len(plant.sources))]
    variables = (plant.inputs, plant.disturbances, plant.outputs)
    return SampledPlant(name, core, variables, sample_time_s, arrivals, [0] * len(plant.outputs))


def _linear(
    name: str,
    matrices: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike | None],
    variables: tuple[Sequence[Variable | str], ...],
    states: Sequence[str],
) -> LinearPlant:
    whats = ("inputs", "disturbances", "outputs")
    inputs, disturbances, outputs = (
        as_variables(given, f"{name}: {what}") for given, what in zip(variables, whats, strict=True)
    )
    n_sources = len(inputs) + len(disturbances)
    direct = np.zeros((len(outputs), n_sources)) if matrices[3] is None else matrices[3]
    a, b, c = (_matrix(name, *pair) for pair in zip("ABC", matrices[:3], strict=True))
    d = _matrix(name, "D", direct)
    named = as_variables(tuple(states), f"{name}: states")
    x_names = tuple(v.name for v in named) or tuple(f"state_{n}" for n in range(len(a)))
    channels = tuple(Channel(n) for n in range(n_sources))
    return LinearPlant(name, inputs, disturbances, outputs, x_names, a, b, c, d, channels)


def _matrix(name: str, letter: str, given: ArrayLike) -> FloatArray:
    matrix = as_numbers(given, f"{name}: {letter}")
    if matrix.ndim != 2:
        raise InputError(
            f"{name}: {letter} has shape {matrix.shape}; give a matrix, as in [[1.0, 2.0]]"
        )
    return matrix


def _continuous(
    name: str, a: FloatArray, b: FloatArray, sample_time_s: float
) -> tuple[FloatArray, FloatArray]:
    """Return the rates of the continuous plant with these samples."""
    advice = (
        "; no continuous plant has this pole: split a dead time off (transfer matrix) or step the "
        "samples with sampled_state_space"
    )
    poles = np.linalg.eigvals(a)
    if poles.size and float(np.min(np.abs(poles))) < _POLE_AT_ZERO:
        raise InputError(f"{name}: A has a pole at zero, the mark of a dead time{advice}")
    n, k = b.shape
    block = np.eye(n + k)
    block[:n, :n], block[:n, n:] = a, b
    logarithm = logm(block)
    if float(np.max(np.abs(np.imag(logarithm)))) > _IMAGINARY * max(1.0, float(np.max(np.abs(a)))):
        raise InputError(f"{name}: A has a pole on the negative axis{advice}")
    rates: FloatArray = np.real(logarithm)[:n] / sample_time_s
    again = np.hstack(held_input_matrices(rates[:, :n], rates[:, n:], sample_time_s))
    if not np.allclose(again, block[:n], rtol=_CONVERSION, atol=_CONVERSION):
        raise InputError(
            f"{name}: the samples cannot be converted within 1e-8; step them with "
            "sampled_state_space"
        )
    return rates[:, :n], rates[:, n:]
