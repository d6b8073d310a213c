"""A linear plant with dead times at its inputs: the value that all linear descriptions become."""

import itertools
from dataclasses import dataclass

import casadi as ca
import numpy as np
from scipy.linalg import expm

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.generic.dead_time import DELAY_ORDER, legendre_delay
from operator_agent.plant.generic.variable import (
    Variable,
    check_sources,
    names_of,
    nominals_of,
    spans_of,
)
from operator_agent.plant.process_model import ProcessModel

_HORIZONS_S = tuple(10.0**power for power in range(-1, 7))  # over which states are watched
_SMALLEST_SCALE = 1e-9  # of the span of an input that moves nothing
_LARGEST_SCALE = 1e9  # an unstable state is not scaled by what it would become


@dataclass(frozen=True, slots=True)
class Channel:
    """An input as it arrives inside the plant.

    Attributes:
        source: place of the input among inputs and then disturbances.
        dead_time_s: how late it arrives [s].
    """

    source: int
    dead_time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LinearPlant:
    """dx/dt = A x + B v, y - y_nominal = C x + D v, v_k(t) = w_k(t - dead_time_k).

    w are the deviations of inputs and disturbances from their nominal values; x is zero at rest.

    Attributes:
        name: of the plant.
        inputs, disturbances, outputs: its variables.
        x_names: names of the states.
        a, b, c, feedthrough: A, B, C, D, shapes (n, n), (n, k), (p, n), (p, k).
        channels: the k inputs as they arrive.
    """

    name: str
    inputs: tuple[Variable, ...]
    disturbances: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    x_names: tuple[str, ...]
    a: FloatArray
    b: FloatArray
    c: FloatArray
    feedthrough: FloatArray
    channels: tuple[Channel, ...]

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit and numbers that are not finite.

        Raises:
            InputError: the first of them, with its place.
        """
        check_sources(self.name, self.inputs, self.disturbances)
        if not self.outputs:
            raise InputError(f"{self.name}: there is no output; a plant needs at least one")
        n, k, p = len(self.x_names), len(self.channels), len(self.outputs)
        shapes = (
            ("A", self.a, (n, n)),
            ("B", self.b, (n, k)),
            ("C", self.c, (p, n)),
            ("D", self.feedthrough, (p, k)),
        )
        for letter, matrix, shape in shapes:
            if matrix.shape != shape:
                raise InputError(
                    f"{self.name}: {letter} has shape {matrix.shape}, needs {shape} for {n} "
                    f"states, {k} inputs and {p} outputs"
                )
            if not bool(np.all(np.isfinite(matrix))):
                row, column = np.argwhere(~np.isfinite(matrix))[0]
                raise InputError(
                    f"{self.name}: {letter}[{row}, {column}] is {matrix[row, column]}; "
                    "every entry must be finite"
                )

    @property
    def sources(self) -> tuple[Variable, ...]:
        """Inputs and then disturbances."""
        return self.inputs + self.disturbances


def process_model(plant: LinearPlant, delay_order: int = DELAY_ORDER) -> ProcessModel:
    """Return the plant as an explicit ODE; dead times become Padé approximations.

    Args:
        plant: to convert.
        delay_order: states per dead time; see `legendre_delay`.

    Raises:
        InputError: the order is out of range.
    """
    n_x, n_u, n_d = len(plant.x_names), len(plant.inputs), len(plant.disturbances)
    names, scales = list(plant.x_names), list(state_scales(plant))
    late = [k for k, channel in enumerate(plant.channels) if channel.dead_time_s > 0.0]
    lines = [legendre_delay(plant.channels[k].dead_time_s, delay_order) for k in late]
    spans = spans_of(plant.sources)
    for k in late:
        source = plant.sources[plant.channels[k].source].name
        names += [f"delay_{source}_{k}_{i}" for i in range(delay_order)]
        scales += [float(spans[plant.channels[k].source])] * delay_order
    u, d, x = ca.SX.sym("u", n_u), ca.SX.sym("d", n_d), ca.SX.sym("x", len(names))
    moved = ca.vertcat(u, d) - ca.DM(nominals_of(plant.sources))
    arriving = [moved[channel.source] for channel in plant.channels]
    delay_rates = []
    for start, k, (a, b, c) in zip(itertools.count(n_x, delay_order), late, lines, strict=False):
        past = x[start : start + delay_order]
        delay_rates.append(_product(a, past) + ca.DM(b) * arriving[k])
        arriving[k] = _product(c[None, :], past)
    v = ca.vertcat(*arriving)
    rates = ca.vertcat(_product(plant.a, x[:n_x]) + _product(plant.b, v), *delay_rates)
    y = ca.DM(nominals_of(plant.outputs)) + _product(plant.c, x[:n_x])
    y += _product(plant.feedthrough, v)
    return ProcessModel(
        name=plant.name,
        x_names=tuple(names),
        u_names=names_of(plant.inputs),
        d_names=names_of(plant.disturbances),
        y_names=names_of(plant.outputs),
        rhs=ca.Function("rhs", [x, u, d], [rates]),
        outputs=ca.Function("outputs", [x, u, d], [y]),
        x_nominal=np.zeros(len(names)),
        u_nominal=nominals_of(plant.inputs),
        d_nominal=nominals_of(plant.disturbances),
        x_scale=np.array(scales),
        u_scale=spans_of(plant.inputs),
        d_scale=spans_of(plant.disturbances),
        y_scale=spans_of(plant.outputs),
    )


def _product(matrix: FloatArray, vector: ca.SX) -> ca.SX:
    """Return the product with the zeros of the matrix left out of the expression."""
    if 0 in matrix.shape:
        return ca.SX.zeros(matrix.shape[0], 1)
    return ca.densify(ca.sparsify(ca.DM(matrix)) @ vector)


def state_scales(plant: LinearPlant) -> FloatArray:
    """Return how far each state moves when one input moves by its span, shape (n,).

    The largest over the inputs and over horizons from a tenth of a second to eleven days.
    """
    n = len(plant.x_names)
    spans = spans_of(plant.sources)[[channel.source for channel in plant.channels]]
    moves = plant.b * spans[None, :]
    scales = np.zeros(n)
    for horizon_s in _HORIZONS_S if n else ():
        with np.errstate(over="ignore", invalid="ignore"):
            _, gamma = held_input_matrices(plant.a, moves, horizon_s)
        reached = np.max(np.abs(gamma), axis=1, initial=0.0)
        if not bool(np.all(np.isfinite(reached))) or float(np.max(reached)) > _LARGEST_SCALE:
            break
        scales = np.maximum(scales, reached)
    floor = _SMALLEST_SCALE * max(float(np.max(spans, initial=0.0)), 1e-30)
    return np.where(scales > floor, scales, 1.0)


def held_input_matrices(
    a: FloatArray, b: FloatArray, duration_s: float
) -> tuple[FloatArray, FloatArray]:
    """Return (Phi, Gamma) with x(t + duration) = Phi x(t) + Gamma v while v is held.

    Source: Van Loan, "Computing integrals involving the matrix exponential", IEEE Trans.
    Automat. Control 23 (1978) 395.

    Args:
        a: shape (n, n) [1/s].
        b: shape (n, k).
        duration_s: above zero [s].
    """
    n, k = b.shape
    block = np.zeros((n + k, n + k))
    block[:n, :n], block[:n, n:] = a * duration_s, b * duration_s
    exponential: FloatArray = expm(block)
    return exponential[:n, :n], exponential[:n, n:]
