"""Step-response coefficients, checked, and the plant that is made of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.generic.sampled_plant import check_sample_time
from operator_agent.plant.generic.variable import (
    Variable,
    as_numbers,
    as_variables,
    check_sources,
    nominals_of,
)

_SETTLED = 0.02  # of the largest coefficient: a stable response may still move in its last tenth
_FEWEST = 3  # samples: fewer say nothing


@dataclass(frozen=True, slots=True)
class StepResponse:
    """Checked coefficients of a plant.

    Attributes:
        name: of the plant.
        inputs, disturbances, outputs: its variables.
        coefficients: shape (n, n_y, n_inputs), the first one sample after the step.
        sample_time_s: [s].
        ramps: for each output, whether it integrates.
    """

    name: str
    inputs: tuple[Variable, ...]
    disturbances: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    coefficients: FloatArray
    sample_time_s: float
    ramps: tuple[bool, ...]

    @property
    def slopes(self) -> FloatArray:
        """Change per sample at the end, zero where the output settles, shape (n_y, n_inputs)."""
        last: FloatArray = self.coefficients[-1] - self.coefficients[-2]
        return np.where(np.array(self.ramps)[:, None], last, 0.0)


def checked_response(
    name: str,
    coefficients: ArrayLike,
    sample_time_s: float,
    variables: tuple[Sequence[Variable | str], ...],
    integrating: Collection[str],
) -> StepResponse:
    """Return coefficients that fit the names and settle, or go on, as they are said to.

    Args:
        name, coefficients, sample_time_s, integrating: as in `sampled_step_response`.
        variables: inputs, disturbances and outputs.

    Raises:
        InputError: wrong shape, a number that is not finite, or a response that does not settle.
    """
    whats = ("inputs", "disturbances", "outputs")
    inputs, disturbances, outputs = (
        as_variables(given, f"{name}: {what}") for given, what in zip(variables, whats, strict=True)
    )
    check_sources(name, inputs, disturbances)
    found = as_numbers(coefficients, f"{name}: coefficients")
    _check_numbers(name, found, inputs + disturbances, outputs)
    names = [v.name for v in outputs]
    if unknown := sorted(set(integrating) - set(names)):
        raise InputError(f"{name}: '{unknown[0]}' is to integrate and is no output")
    ramps = tuple(output in integrating for output in names)
    response = StepResponse(
        name,
        inputs,
        disturbances,
        outputs,
        found,
        check_sample_time(name, sample_time_s),
        ramps,
    )
    _check_settled(response)
    return response


def _check_numbers(
    name: str, found: FloatArray, sources: tuple[Variable, ...], outputs: tuple[Variable, ...]
) -> None:
    """Refuse coefficients of the wrong shape or not finite."""
    if found.ndim != 3 or found.shape[1:] != (len(outputs), len(sources)) or len(found) < _FEWEST:
        raise InputError(
            f"{name}: coefficients have shape {found.shape}, need (samples, {len(outputs)}, "
            f"{len(sources)}) with at least {_FEWEST} samples: samples, outputs, inputs and then "
            "disturbances"
        )
    if not bool(np.all(np.isfinite(found))):
        k, i, j = np.argwhere(~np.isfinite(found))[0]
        raise InputError(
            f"{name}: coefficient {k + 1} of {outputs[i].name} to {sources[j].name} is "
            f"{found[k, i, j]}; all must be finite"
        )


def _check_settled(response: StepResponse) -> None:
    """Refuse a stable response that still moves at its end."""
    found = response.coefficients
    size = np.max(np.abs(found), axis=0)
    tenth = max(1, len(found) // 10)
    moving = np.abs(found[-1] - found[-1 - tenth]) > _SETTLED * size
    for i, j in np.argwhere(moving):
        if response.ramps[i]:
            continue
        source = (response.inputs + response.disturbances)[j].name
        output = response.outputs[i].name
        raise InputError(
            f"{response.name}: the response of {output} to {source} still moves by "
            f"{found[-1, i, j] - found[-1 - tenth, i, j]:.3g} over its last {tenth} samples; give "
            f"more samples, or name {output} in `integrating` if it never settles"
        )


@dataclass(frozen=True, slots=True)
class PredictionCore:
    """The free prediction of a dynamic matrix controller as the state of a plant.

    The state stacks the outputs that will come over the next n samples if the inputs stay, and
    the inputs. A move adds its step response to what will come. Source: Cutler and Ramaker,
    "Dynamic matrix control", Proc. JACC 1980, WP5-B.

    Attributes:
        response: coefficients.
    """

    response: StepResponse

    @property
    def start(self) -> FloatArray:
        """States at rest."""
        response = self.response
        rest = np.tile(nominals_of(response.outputs), len(response.coefficients) + 1)
        return np.concatenate((rest, nominals_of(response.inputs + response.disturbances)))

    def advance(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the states one sample later."""
        response = self.response
        n, n_y, n_v = response.coefficients.shape
        future = x[: (n + 1) * n_y].reshape(n + 1, n_y)
        moved = future[1:] + response.coefficients @ (v - x[-n_v:])
        beyond = moved[-1] + np.where(response.ramps, moved[-1] - moved[-2], 0.0)
        return np.concatenate((moved.ravel(), beyond, v))

    def outputs(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the outputs."""
        return x[: len(self.response.outputs)].copy()
