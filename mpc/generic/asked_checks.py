"""What cannot be meant by the arguments of `make_controller`, refused before anything is built."""

import math
from collections.abc import Mapping

import numpy as np

from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.generic.open_loop import OpenLoop

UNMOVED = 1e-9  # of [A - s I, B]: a growing mode with a smaller singular value is out of reach
NAMED_SHARE = 0.3  # of the largest part of such a mode: states with less are not named


def check_shapes(track: object, mappings: Mapping[str, object]) -> None:
    """Refuse a text for a list of names, and what is no mapping by name.

    Raises:
        InputError: with the argument.
    """
    if isinstance(track, str):
        raise InputError(f"track is the text '{track}'; give a list of names, ['{track}']")
    for what, given in mappings.items():
        if not isinstance(given, Mapping):
            raise InputError(
                f"{what} is {given!r}; give a mapping from names, such as {{'fuel': …}}"
            )


def check_times(times: Mapping[str, float | None]) -> None:
    """Refuse times that are no finite numbers above zero; None leaves one to its default.

    Args:
        times: by the name of the argument [s].

    Raises:
        InputError: with the argument.
    """
    for what, value in times.items():
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if value is not None and not (number and 0.0 < float(value) < math.inf):
            raise InputError(f"{what} is {value!r}; give a finite time above zero in seconds")


def check_sizes(least: Mapping[str, Mapping[str, float]], above: Mapping[str, float]) -> None:
    """Refuse numbers by name that are below zero, and factors that are not above it.

    Args:
        least: of each argument, numbers from zero.
        above: factors on move suppression.

    Raises:
        InputError: with argument and name.
    """
    for what, given in least.items():
        for name, value in given.items():
            if not 0.0 <= value < math.inf:
                raise InputError(f"{what} of {name} is {value}; give zero or a finite number above")
    for name, value in above.items():
        if not 0.0 < value < math.inf:
            raise InputError(f"move_suppression of {name} is {value}; give a factor above zero")


def check_steerable(model: Model, loop: OpenLoop, tracked: Mapping[str, float]) -> None:
    """Refuse set points of CVs that no MV moves, and a plant that runs away out of reach.

    Raises:
        InputError: with the CVs, or the states that run away.
    """
    sizes = np.max(np.abs(loop.responses), axis=(0, 2), initial=0.0)
    still = [n for n in tracked if n in model.y_names and not sizes[model.y_names.index(n)] > 0.0]
    if still:
        raise InputError(
            f"track of {', '.join(still)}: no MV of model {model.name} moves it at its nominal "
            "point; leave it out, or move the nominal values to where one does"
        )
    if np.isinf(loop.growing_s):
        return
    lost = _unmoved(model)
    if lost:
        raise InputError(
            f"model {model.name}: {', '.join(lost)} run away with a time constant of "
            f"{loop.growing_s:.3g} s, and no MV acts on that; add the MV that does, or leave them "
            "out of the model"
        )


def _unmoved(model: Model) -> tuple[str, ...]:
    """Return the states of a growing mode that the MVs do not reach (Popov, Belevitch, Hautus)."""
    point = (model.x_nominal / model.x_scale, model.u_nominal / model.u_scale, model.d_nominal)
    a, b = (m.full() for m in ScaledModel.of(model).jacobians(*point)[2:4])
    values = np.linalg.eigvals(a)
    growth = np.abs(values) - 1.0 if isinstance(model, SampledModel) else values.real
    for mode in values[growth > UNMOVED * max(1.0, float(np.max(np.abs(values))))]:
        matrix = np.hstack([a - mode * np.eye(len(a)), b.astype(complex)])
        left, sizes, _ = np.linalg.svd(matrix)
        if sizes[-1] <= UNMOVED * sizes[0]:
            share = np.abs(left[:, -1]) / np.max(np.abs(left[:, -1]))
            return tuple(model.x_names[i] for i in np.flatnonzero(share > NAMED_SHARE))
    return ()
