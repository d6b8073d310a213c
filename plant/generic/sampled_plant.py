"""A plant in steps of one sample, with exact dead times and a state that can be kept."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.generic.sampled_core import Core, OdeCore
from operator_agent.plant.generic.variable import (
    Variable,
    as_variables,
    check_sources,
    nominals_of,
)
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel

_SAMPLE_TOLERANCE = 1e-6  # of a sample: rounding of times written in minutes
_LONGEST_DELAY = 1_000_000  # samples; a longer one is a wrong unit


@dataclass(frozen=True, slots=True)
class SampledSnapshot:
    """All that a sampled plant knows at one time; see `SampledPlant.snapshot`."""

    steps: int
    x: tuple[float, ...]
    sources: tuple[float, ...]
    past_sources: tuple[tuple[float, ...], ...]
    past_outputs: tuple[tuple[float, ...], ...]


class SampledPlant:
    """A plant that is stepped sample by sample; dead times are exact queues.

    It offers what the simulator of the crude unit offers: `write`, `advance`, `truth`,
    `snapshot` and `restore`.

    Attributes:
        name: of the plant.
        sample_time_s: duration of a step [s].
        inputs, disturbances, outputs: its variables.
    """

    def __init__(
        self,
        name: str,
        core: Core,
        variables: tuple[Sequence[Variable], Sequence[Variable], Sequence[Variable]],
        sample_time_s: float,
        arrivals: Sequence[tuple[int, int]],
        output_delays: Sequence[int],
    ) -> None:
        """Start at rest.

        Args:
            name: of the plant.
            core: what is left without dead times.
            variables: inputs, disturbances and outputs.
            sample_time_s: duration of a step [s].
            arrivals: for each input of the core: place of its source among inputs and then
                disturbances, and its dead time in samples.
            output_delays: dead time of each output, in samples.

        Raises:
            InputError: a name comes twice or there is no input.
        """
        self.name = name
        self.inputs = as_variables(variables[0], f"{name}: inputs")
        self.disturbances = as_variables(variables[1], f"{name}: disturbances")
        self.outputs = as_variables(variables[2], f"{name}: outputs")
        check_sources(name, self.inputs, self.disturbances)
        self.sample_time_s = check_sample_time(name, sample_time_s)
        self._core = core
        self._arrivals = tuple(arrivals)
        self._output_delays = tuple(output_delays)
        self._names = tuple(v.name for v in self.inputs + self.disturbances)
        self._steps = 0
        self._x = core.start
        self._sources = nominals_of(self.inputs + self.disturbances)
        longest = max((delay for _, delay in self._arrivals), default=0)
        self._past_sources = [self._sources.copy() for _ in range(longest)]
        self._past_outputs: list[FloatArray] = []
        self._past_outputs = [self._now() for _ in range(max(self._output_delays, default=0))]

    @property
    def time_s(self) -> float:
        """Simulated time since the start [s]."""
        return self._steps * self.sample_time_s

    @property
    def core(self) -> Core:
        """What is left of the plant without its dead times."""
        return self._core

    @property
    def arrivals(self) -> tuple[tuple[int, int], ...]:
        """For each input of the core: place of its source, and dead time in samples."""
        return self._arrivals

    @property
    def output_delays(self) -> tuple[int, ...]:
        """Dead time of each output, in samples."""
        return self._output_delays

    @property
    def setpoints(self) -> dict[str, float]:
        """What is written to the inputs now, by name [SI]."""
        return {v.name: float(self._sources[n]) for n, v in enumerate(self.inputs)}

    @property
    def spans(self) -> Mapping[str, float]:
        """How far each input and output typically moves, by name [SI]."""
        return MappingProxyType({v.name: v.span for v in self.inputs + self.outputs})

    def write(self, name: str, value_si: float) -> None:
        """Set an input, from now on.

        Raises:
            InputError: no such input, or a value that is not finite.
        """
        self._set(name, value_si, self.inputs, "input")

    def disturb(self, name: str, value_si: float) -> None:
        """Set a disturbance, from now on.

        Raises:
            InputError: no such disturbance, or a value that is not finite.
        """
        self._set(name, value_si, self.disturbances, "disturbance")

    def _set(self, name: str, value_si: float, among: tuple[Variable, ...], what: str) -> None:
        known = [v.name for v in among]
        if name not in known:
            raise InputError(
                f"plant {self.name}: no {what} '{name}'; there is: {', '.join(known) or 'none'}"
            )
        if not math.isfinite(value_si):
            raise InputError(f"plant {self.name}: {what} {name} is {value_si}; give a number")
        self._sources[self._names.index(name)] = float(value_si)

    def advance(self, duration_s: float) -> None:
        """Let time pass with the inputs held.

        Args:
            duration_s: a whole number of samples [s].

        Raises:
            InputError: it is no such number.
            PlantError: the plant leaves finite numbers.
        """
        count = whole_samples(f"plant {self.name}: duration", duration_s, self.sample_time_s)
        if count < 1:
            raise InputError(f"plant {self.name}: cannot advance by {duration_s} s; give a sample")
        for _ in range(count):
            self._advance_sample()

    def _advance_sample(self) -> None:
        arriving = self._arriving()
        y = self._now()
        with np.errstate(over="ignore", invalid="ignore"):  # told below, in words
            following = self._core.advance(self._x, arriving)
        if not bool(np.all(np.isfinite(following))):
            raise PlantError(
                f"plant {self.name} left finite numbers after {self.time_s:.0f} s: it is unstable "
                "or an input was far outside its range"
            )
        self._x = following
        self._steps += 1
        if self._past_sources:
            self._past_sources = [*self._past_sources[1:], self._sources.copy()]
        if self._past_outputs:
            self._past_outputs = [*self._past_outputs[1:], y]

    def _arriving(self) -> FloatArray:
        return np.array(
            [
                self._sources[source] if delay == 0 else self._past_sources[-delay][source]
                for source, delay in self._arrivals
            ]
        )

    def _now(self) -> FloatArray:
        """Return the outputs before their own dead time."""
        with np.errstate(over="ignore", invalid="ignore"):  # told below, in words
            y = self._core.outputs(self._x, self._arriving())
        if not bool(np.all(np.isfinite(y))):
            name = self.outputs[int(np.argmin(np.isfinite(y)))].name
            raise PlantError(f"plant {self.name}: {name} is not finite after {self.time_s:.0f} s")
        return y

    def outputs_now(self) -> FloatArray:
        """Return the outputs, shape (n_y,) [SI].

        Raises:
            PlantError: one is not finite.
        """
        y = self._now()
        for n, delay in enumerate(self._output_delays):
            if delay:
                y[n] = self._past_outputs[-delay][n]
        return y

    def truth(self) -> dict[str, float]:
        """Return inputs, disturbances and outputs, by name [SI].

        Raises:
            PlantError: an output is not finite.
        """
        values = dict(zip(self._names, map(float, self._sources), strict=True))
        y = self.outputs_now()
        return values | {v.name: float(y[n]) for n, v in enumerate(self.outputs)}

    def snapshot(self) -> SampledSnapshot:
        """Return the present state, for `restore`."""
        return SampledSnapshot(
            steps=self._steps,
            x=tuple(map(float, self._x)),
            sources=tuple(map(float, self._sources)),
            past_sources=tuple(tuple(map(float, w)) for w in self._past_sources),
            past_outputs=tuple(tuple(map(float, y)) for y in self._past_outputs),
        )

    def restore(self, snapshot: SampledSnapshot) -> None:
        """Go back to a snapshot of the same plant.

        Raises:
            InputError: it is of another plant.
        """
        own = self.snapshot()
        for part in ("x", "sources", "past_sources", "past_outputs"):
            if len(getattr(snapshot, part)) != len(getattr(own, part)):
                raise InputError(
                    f"plant {self.name}: the snapshot has {len(getattr(snapshot, part))} values "
                    f"of {part}, this plant {len(getattr(own, part))}; it is of another plant"
                )
        self._steps = snapshot.steps
        self._x = np.array(snapshot.x)
        self._sources = np.array(snapshot.sources)
        self._past_sources = [np.array(w) for w in snapshot.past_sources]
        self._past_outputs = [np.array(y) for y in snapshot.past_outputs]


def delayed_plant(
    model: ProcessModel,
    sample_time_s: float,
    input_dead_times_s: Mapping[str, float] = MappingProxyType({}),
    output_dead_times_s: Mapping[str, float] = MappingProxyType({}),
) -> SampledPlant:
    """Return a process model, linear or not, with exact dead times around it.

    Args:
        model: without dead times.
        sample_time_s: duration of a step [s].
        input_dead_times_s: by name of an MV or DV; whole samples [s].
        output_dead_times_s: by name of a CV; whole samples [s].

    Raises:
        InputError: an unknown name, or a dead time that is no whole number of samples.
    """
    sample_time_s = check_sample_time(model.name, sample_time_s)
    sources = model.u_names + model.d_names
    _check_known(model.name, "input", input_dead_times_s, sources)
    _check_known(model.name, "output", output_dead_times_s, model.y_names)

    def samples(dead_times_s: Mapping[str, float], name: str) -> int:
        what = f"plant {model.name}: dead time of {name}"
        return whole_samples(what, dead_times_s.get(name, 0.0), sample_time_s)

    y = model.outputs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    groups = (
        (model.u_names, model.u_nominal, model.u_scale),
        (model.d_names, model.d_nominal, model.d_scale),
        (model.y_names, y, model.y_scale),
    )
    inputs, disturbances, outputs = (
        tuple(Variable(n, float(v), float(s)) for n, v, s in zip(*group, strict=True))
        for group in groups
    )
    arrivals = [(n, samples(input_dead_times_s, name)) for n, name in enumerate(sources)]
    return SampledPlant(
        model.name,
        OdeCore(make_integrator(model), sample_time_s),
        (inputs, disturbances, outputs),
        sample_time_s,
        arrivals,
        [samples(output_dead_times_s, name) for name in model.y_names],
    )


def _check_known(
    plant: str, what: str, dead_times_s: Mapping[str, float], known: tuple[str, ...]
) -> None:
    for name in dead_times_s:
        if name not in known:
            raise InputError(
                f"plant {plant}: a dead time is given for {what} '{name}', which does not exist; "
                f"there is: {', '.join(known)}"
            )


def check_sample_time(plant: str, sample_time_s: float) -> float:
    """Return the sample time.

    Raises:
        InputError: it is not finite or not above zero.
    """
    if not (math.isfinite(sample_time_s) and sample_time_s > 0.0):
        raise InputError(f"plant {plant}: sample time {sample_time_s} s must be above zero")
    return float(sample_time_s)


def whole_samples(what: str, time_s: float, sample_time_s: float) -> int:
    """Return a time in samples.

    Raises:
        InputError: it is negative, not finite or no whole number of samples.
    """
    if not (math.isfinite(time_s) and 0.0 <= time_s <= _LONGEST_DELAY * sample_time_s):
        raise InputError(f"{what} {time_s} s must be finite, not negative, and below 1e6 samples")
    count = round(time_s / sample_time_s)
    if abs(time_s / sample_time_s - count) > _SAMPLE_TOLERANCE * max(1, count):
        raise InputError(
            f"{what} {time_s:g} s is no multiple of the sample time {sample_time_s:g} s; the "
            f"nearest is {count * sample_time_s:g} s, or choose a sample time that divides it"
        )
    return count
