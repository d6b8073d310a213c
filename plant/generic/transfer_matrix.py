"""A matrix of transfer functions with dead times becomes a plant.

Two ways: `from_transfer_matrix` gives an ordinary differential equation, in which dead times are
Padé approximations of a stated order, for controllers; `sampled_transfer_matrix` gives a plant in
steps of one sample, in which they are exact.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag

from operator_agent.errors import InputError
from operator_agent.plant.generic.dead_time import DELAY_ORDER
from operator_agent.plant.generic.linear_plant import (
    Channel,
    LinearPlant,
    held_input_matrices,
    process_model,
)
from operator_agent.plant.generic.sampled_core import MatrixCore
from operator_agent.plant.generic.sampled_plant import (
    SampledPlant,
    check_sample_time,
    whole_samples,
)
from operator_agent.plant.generic.transfer_function import TransferFunction, first_order
from operator_agent.plant.generic.variable import (
    Variable,
    as_numbers,
    as_variables,
    nominals_of,
)
from operator_agent.plant.process_model import ProcessModel

Elements = Sequence[Sequence[TransferFunction | None]]


def first_order_matrix(
    gains: ArrayLike, time_constants_s: ArrayLike, dead_times_s: ArrayLike
) -> tuple[tuple[TransferFunction | None, ...], ...]:
    """Return first-order elements with dead time; a gain of zero gives no element.

    Args:
        gains: steady gains, shape (n_y, n_inputs).
        time_constants_s: all above zero, same shape [s].
        dead_times_s: from zero, same shape [s].

    Raises:
        InputError: no arrays of numbers, shapes that differ, or a number out of range; with its row
            and column.

    Example:
        >>> elements = first_order_matrix([[2.0, 0.0]], [[60.0, 60.0]], [[30.0, 0.0]])
        >>> elements[0][0].dead_time_s, elements[0][1]
        (30.0, None)
    """
    given = {"gains": gains, "time constants": time_constants_s, "dead times": dead_times_s}
    parts = {what: as_numbers(values, f"transfer matrix: {what}") for what, values in given.items()}
    shape = parts["gains"].shape
    for what, values in parts.items():
        if values.ndim != 2 or values.shape != shape:
            raise InputError(
                f"transfer matrix: {what} have shape {values.shape}; gains, time constants and "
                f"dead times need one row per output and one column per input, as {shape}"
            )
    rows: list[tuple[TransferFunction | None, ...]] = []
    for i in range(shape[0]):
        row: list[TransferFunction | None] = []
        for j in range(shape[1]):
            gain, lag, late = (float(values[i, j]) for values in parts.values())
            try:
                row.append(None if gain == 0.0 else first_order(gain, lag, late))
            except InputError as error:
                raise InputError(f"transfer matrix [{i}, {j}]: {error}") from error
        rows.append(tuple(row))
    return tuple(rows)


def linear_plant(
    name: str,
    elements: Elements,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    disturbances: Sequence[Variable | str] = (),
) -> LinearPlant:
    """Return the linear plant of a transfer matrix; see `from_transfer_matrix`.

    Raises:
        InputError: the matrix does not fit the names.
    """
    sources = (
        as_variables(inputs, f"{name}: inputs"),
        as_variables(disturbances, f"{name}: disturbances"),
    )
    targets = as_variables(outputs, f"{name}: outputs")
    _check_shape(name, elements, len(targets), len(sources[0]) + len(sources[1]))
    found = [
        (i, j, g) for i, row in enumerate(elements) for j, g in enumerate(row) if g is not None
    ]
    channels = tuple(dict.fromkeys(Channel(j, g.dead_time_s) for _, j, g in found))
    blocks = [g.realisation() for _, _, g in found]
    orders = [g.order for _, _, g in found]
    starts = np.concatenate(([0], np.cumsum(orders))).astype(int)
    n_x = int(starts[-1])
    b, c = np.zeros((n_x, len(channels))), np.zeros((len(targets), n_x))
    feedthrough = np.zeros((len(targets), len(channels)))
    x_names: list[str] = []
    names = [v.name for v in sources[0] + sources[1]]
    for (i, j, g), (_, b_part, c_part, through), start in zip(
        found, blocks, starts[:-1], strict=True
    ):
        k = channels.index(Channel(j, g.dead_time_s))
        part = slice(start, start + g.order)
        b[part, k], c[i, part] = b_part, c_part
        feedthrough[i, k] += through
        x_names += [f"part_{targets[i].name}_{names[j]}_{n}" for n in range(g.order)]
    a = block_diag(*(block[0] for block in blocks if block[0].size)) if n_x else np.zeros((0, 0))
    return LinearPlant(name, *sources, targets, tuple(x_names), a, b, c, feedthrough, channels)


def _check_shape(name: str, elements: Elements, n_y: int, n_sources: int) -> None:
    if len(elements) != n_y:
        raise InputError(
            f"{name}: the transfer matrix has {len(elements)} rows for {n_y} outputs; "
            "give one row per output"
        )
    for i, row in enumerate(elements):
        if len(row) != n_sources:
            raise InputError(
                f"{name}: row {i} of the transfer matrix has {len(row)} elements for {n_sources} "
                "inputs and disturbances; write None where there is no effect"
            )
        for j, element in enumerate(row):
            if not isinstance(element, TransferFunction | None):
                raise InputError(
                    f"{name}: element [{i}, {j}] is {element!r}; expected a TransferFunction or "
                    "None"
                )


def from_transfer_matrix(
    name: str,
    elements: Elements,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    disturbances: Sequence[Variable | str] = (),
    delay_order: int = DELAY_ORDER,
) -> ProcessModel:
    """Return a transfer matrix as an ODE; dead times are Padé approximations.

    Args:
        name: of the plant.
        elements: one row per output; columns are the inputs and then the disturbances; None
            where there is no effect.
        inputs, outputs, disturbances: variables, or names of deviations.
        delay_order: states per dead time; see `legendre_delay`.

    Raises:
        InputError: the matrix does not fit the names, or the order is out of range.

    Example:
        >>> model = from_transfer_matrix("oven", [[first_order(2.0, 60.0, 30.0)]], ["fuel"], ["t"])
        >>> model.n_x  # one lag, and four states of the dead time
        5
    """
    plant = linear_plant(name, elements, inputs, outputs, disturbances)
    return process_model(plant, delay_order)


def sampled_transfer_matrix(
    name: str,
    elements: Elements,
    inputs: Sequence[Variable | str],
    outputs: Sequence[Variable | str],
    disturbances: Sequence[Variable | str] = (),
    *,
    sample_time_s: float,
) -> SampledPlant:
    """Return a transfer matrix as a plant in steps, exact while the inputs are held.

    Args:
        name, elements, inputs, outputs, disturbances: as in `from_transfer_matrix`.
        sample_time_s: duration of a step; all dead times are whole samples [s].

    Raises:
        InputError: the matrix does not fit the names, or a dead time is no whole sample.
    """
    plant = linear_plant(name, elements, inputs, outputs, disturbances)
    return sampled_plant(plant, sample_time_s)


def sampled_plant(plant: LinearPlant, sample_time_s: float) -> SampledPlant:
    """Return a linear plant in steps, exact while the inputs are held.

    Raises:
        InputError: a dead time is no whole number of samples.
    """
    sample_time_s = check_sample_time(plant.name, sample_time_s)
    arrivals = []
    for channel in plant.channels:
        what = f"plant {plant.name}: dead time from {plant.sources[channel.source].name}"
        arrivals.append((channel.source, whole_samples(what, channel.dead_time_s, sample_time_s)))
    phi, gamma = held_input_matrices(plant.a, plant.b, sample_time_s)
    nominal = nominals_of(plant.sources)[[channel.source for channel in plant.channels]]
    core = MatrixCore(phi, gamma, plant.c, plant.feedthrough, nominal, nominals_of(plant.outputs))
    variables = (plant.inputs, plant.disturbances, plant.outputs)
    delays = [0] * len(plant.outputs)
    return SampledPlant(plant.name, core, variables, sample_time_s, arrivals, delays)
