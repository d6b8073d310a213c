"""A linear plant in steps of one sample, with exact dead times: what every linear model becomes.

    x[k+1] = A x[k] + B w[k],    y[k] - y_nominal = C x[k] + D w,

w being the deviations of inputs and disturbances from their nominal values. Dead times are delay
states, one for each sample by which a source is late. A dead time that is no whole number of
samples is exact, too: the held input changes inside a sample, and the sample is integrated in two
parts (Astrom and Wittenmark, "Computer-Controlled Systems", 3rd ed. 1997, section 2.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.linear.integrators import merged_integrators
from operator_agent.plant.generic.linear_plant import LinearPlant, held_input_matrices
from operator_agent.plant.generic.sampled_plant import check_sample_time
from operator_agent.plant.generic.variable import Variable, names_of, nominals_of, spans_of

SAME_TIME = 1e-6  # of a sample: rounding of times written in minutes
MOST_STATES = 5000  # a longer memory is a wrong unit or too fine a sample
RUN_AWAY = 1e3  # spans of an output: a state that goes so far has no end
_DOUBLINGS = 20  # over which states are watched for their scales: a million samples
_SMALLEST, _LARGEST = 1e-9, 1e9  # scale of a state that nothing moves; of one that runs away


@dataclass(frozen=True, slots=True)
class LinearSteps:
    """See above.

    Attributes:
        name: of the plant.
        inputs, disturbances, outputs: its variables.
        x_names: names of the states.
        a, b, c, feedthrough: shapes (n, n), (n, n_u + n_d), (n_y, n), (n_y, n_u + n_d).
        sample_time_s: of a step [s].
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
    sample_time_s: float

    @property
    def sources(self) -> tuple[Variable, ...]:
        """Inputs and then disturbances."""
        return self.inputs + self.disturbances

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit and numbers that are not finite.

        Raises:
            InputError: the first of them.
        """
        check_sample_time(self.name, self.sample_time_s)
        n, k, p = len(self.x_names), len(self.sources), len(self.outputs)
        shapes = (
            ("A", self.a, (n, n)), ("B", self.b, (n, k)),
            ("C", self.c, (p, n)), ("D", self.feedthrough, (p, k)),
        )  # fmt: skip
        for letter, matrix, shape in shapes:
            if matrix.shape != shape or not bool(np.all(np.isfinite(matrix))):
                raise InputError(
                    f"{self.name}: {letter} needs shape {shape} and finite numbers; its shape is "
                    f"{matrix.shape}"
                )


def sampled_model(steps: LinearSteps) -> SampledModel:
    """Return the model that the engine controls; its states are zero at rest."""
    n_u, n_x = len(steps.inputs), len(steps.x_names)
    x, u = ca.SX.sym("x", n_x), ca.SX.sym("u", n_u)
    d = ca.SX.sym("d", len(steps.disturbances))
    w = ca.vertcat(u, d) - ca.DM(nominals_of(steps.sources))
    after = _product(steps.a, x) + _product(steps.b, w)
    y = ca.DM(nominals_of(steps.outputs)) + _product(steps.c, x) + _product(steps.feedthrough, w)
    spans = spans_of(steps.sources)
    return SampledModel(
        name=steps.name,
        x_names=steps.x_names,
        u_names=names_of(steps.inputs),
        d_names=names_of(steps.disturbances),
        y_names=names_of(steps.outputs),
        step=ca.Function("step", [x, u, d], [after]),
        outputs=ca.Function("outputs", [x, u, d], [y]),
        sample_time_s=steps.sample_time_s,
        x_nominal=np.zeros(n_x),
        u_nominal=nominals_of(steps.inputs),
        d_nominal=nominals_of(steps.disturbances),
        x_scale=_seen(steps, state_scales(steps.a, steps.b * spans)),
        u_scale=spans[:n_u],
        d_scale=spans[n_u:],
        y_scale=spans_of(steps.outputs),
    )


def _seen(steps: LinearSteps, scales: FloatArray) -> FloatArray:
    """Return scales of which those that run away, as integrators do, are a span of an output."""
    shown = np.max(np.abs(steps.c) / spans_of(steps.outputs)[:, None], axis=0, initial=0.0)
    far = scales * shown > RUN_AWAY
    return np.where(far, 1.0 / np.where(far, shown, 1.0), scales)


def state_scales(a: FloatArray, moves: FloatArray) -> FloatArray:
    """Return how far each state moves when one input moves by its span, shape (n,).

    The largest over the inputs and over 1, 2, 4, ... samples.

    Args:
        a: shape (n, n).
        moves: B times the spans of the inputs, shape (n, k).
    """
    reached, power = moves.copy(), a.copy()
    scales = np.max(np.abs(reached), axis=1, initial=0.0)
    for _ in range(_DOUBLINGS):
        with np.errstate(over="ignore", invalid="ignore"):
            reached = reached + power @ reached
            power = power @ power
        largest = np.max(np.abs(reached), axis=1, initial=0.0)
        if not bool(np.all(np.isfinite(largest))) or float(np.max(largest, initial=0.0)) > _LARGEST:
            break
        settled = bool(np.all(largest <= scales * (1.0 + 1e-9)))
        scales = np.maximum(scales, largest)
        if settled:
            break
    return np.where(scales > _SMALLEST, scales, 1.0)


def steps_of(plant: LinearPlant, sample_time_s: float) -> LinearSteps:
    """Return a continuous linear plant in steps, exact while the inputs are held.

    Args:
        plant: with dead times at its inputs.
        sample_time_s: of a step; dead times need not be multiples of it [s].

    Raises:
        InputError: the sample time is not above zero, or so short that the dead times need
            thousands of states.
    """
    sample_time_s = check_sample_time(plant.name, sample_time_s)
    plant = merged_integrators(plant)
    late = [_late(channel.dead_time_s, sample_time_s) for channel in plant.channels]
    phi, _ = held_input_matrices(plant.a, plant.b, sample_time_s)
    taps: list[tuple[int, int, FloatArray]] = []  # source, samples late, column of B
    direct: list[tuple[int, int, FloatArray]] = []  # the same of D
    for j, (channel, (whole, part_s)) in enumerate(zip(plant.channels, late, strict=True)):
        column, through = plant.b[:, [j]], plant.feedthrough[:, j]
        rest_s = sample_time_s - part_s
        ahead, newer = held_input_matrices(plant.a, column, rest_s)
        taps.append((channel.source, whole, newer[:, 0]))
        if part_s > 0.0:
            older = ahead @ held_input_matrices(plant.a, column, part_s)[1]
            taps.append((channel.source, whole + 1, older[:, 0]))
        direct.append((channel.source, whole + (part_s > 0.0), through))
    lines = DelayLines.of([(source, samples) for source, samples, _ in taps], plant.sources)
    return lines.around(plant, phi, taps, direct, sample_time_s)


def _late(dead_time_s: float, sample_time_s: float) -> tuple[int, float]:
    """Return whole samples, and the part of a sample that is left [s]."""
    samples = dead_time_s / sample_time_s
    whole = int(np.floor(samples + SAME_TIME))
    left = samples - whole
    return whole, left * sample_time_s if left > SAME_TIME else 0.0


@dataclass(frozen=True, slots=True)
class DelayLines:
    """Where the past values of each source stand among the delay states.

    Attributes:
        lengths: samples kept of each source.
        starts: place of the value one sample ago of each source.
        names: of the delay states.
    """

    lengths: tuple[int, ...]
    starts: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, taps: Sequence[tuple[int, int]], sources: Sequence[Variable]) -> "DelayLines":
        """Return lines long enough for all taps (source, samples late)."""
        lengths = [max([0, *(k for j, k in taps if j == s)]) for s in range(len(sources))]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(int).tolist()
        names = [
            f"{source.name}_{k + 1}_samples_ago"
            for source, length in zip(sources, lengths, strict=True)
            for k in range(length)
        ]
        return cls(tuple(lengths), tuple(starts), tuple(names))

    def around(
        self,
        plant: LinearPlant,
        phi: FloatArray,
        taps: Sequence[tuple[int, int, FloatArray]],
        direct: Sequence[tuple[int, int, FloatArray]],
        sample_time_s: float,
    ) -> LinearSteps:
        """Return the plant with these lines before it.

        Args:
            plant: names and C.
            phi: A over one sample, shape (n, n).
            taps: source, samples late, and what one unit does to the states, shape (n,).
            direct: the same of the outputs, shape (n_y,).
            sample_time_s: of a step [s].

        Raises:
            InputError: there are too many delay states.
        """
        n, n_lines, n_y = len(phi), len(self.names), len(plant.outputs)
        if n + n_lines > MOST_STATES:
            raise InputError(
                f"{plant.name}: {n + n_lines} states with its dead times; take a longer sample "
                f"than {sample_time_s:g} s"
            )
        a, b = np.zeros((n + n_lines, n + n_lines)), np.zeros((n + n_lines, len(self.lengths)))
        c, through = np.zeros((n_y, n + n_lines)), np.zeros((n_y, len(self.lengths)))
        a[:n, :n], c[:, :n] = phi, plant.c
        for source, length in enumerate(self.lengths):
            first = n + self.starts[source]
            if length:
                b[first, source] = 1.0
            for k in range(1, length):
                a[first + k, first + k - 1] = 1.0
        for source, samples, column in taps:
            place = n + self.starts[source] + samples - 1
            if samples:
                a[:n, place] += column
            else:
                b[:n, source] += column
        for source, samples, column in direct:
            if samples:
                c[:, n + self.starts[source] + samples - 1] += column
            else:
                through[:, source] += column
        return LinearSteps(
            name=plant.name,
            inputs=plant.inputs,
            disturbances=plant.disturbances,
            outputs=plant.outputs,
            x_names=(*plant.x_names, *self.names),
            a=a, b=b, c=c, feedthrough=through,
            sample_time_s=sample_time_s,
        )  # fmt: skip


def _product(matrix: FloatArray, vector: ca.SX) -> ca.SX:
    """Return the product with the zeros of the matrix left out of the expression."""
    if 0 in matrix.shape:
        return ca.SX.zeros(matrix.shape[0], 1)
    return ca.densify(ca.sparsify(ca.DM(matrix)) @ vector)
