"""What the sensors show: lag, dead time, seeded noise, drift and faults on top of the true values.

Each sensor has streams of its own, keyed by the seed, its name and the time of the reading (the
number of the sample for an analyser). Two runs with different actions see the same noise, and
reading twice gives the same values.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operator_agent.arrays import FloatArray
from operator_agent.plant.simulation.events import NoiseChange, SensorFault
from operator_agent.plant.simulation.instruments import Analyser, Instrument, Instruments
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.slow_noise import SlowNoise, autocorrelated, bounded_walk
from operator_agent.plant.simulation.streams import Streams, streams

_SPIKE_SHARE = 0.15  # of the readings during a fault of kind `spike`
_DROPOUT_SHARE = 0.4  # of the readings during a fault of kind `dropout`
_HOUR_S = 3600.0
_TICK_PER_S = 1000.0  # readings are told apart to the millisecond

IndexArray = NDArray[np.int64]
Sample = tuple[int, float]  # number of the sample and its true value


@dataclass(frozen=True, slots=True)
class Measurement:
    """One reading.

    Attributes:
        value: [SI].
        status: `good`, `bad` or `uncertain`.
        age_s: time since the sample was taken; 0 for what reads all the time [s].
    """

    value: float
    status: str
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SensorState:
    """What the sensors remember.

    Attributes:
        lagged: value behind the lag, by variable with a lag [SI].
        last: true value at the last step, by the same variables [SI].
        samples: samples of each analyser that are shown or still to be shown, oldest first.
        held: reading at the start of each fault that is on, by the place of the fault among those
            of the scenario in order of time [SI].
    """

    lagged: Mapping[str, float]
    last: Mapping[str, float]
    samples: Mapping[str, tuple[Sample, ...]]
    held: Mapping[int, float]


class Sensors:
    """All sensors of a unit in one scenario."""

    def __init__(
        self,
        instruments: Instruments,
        scenario: Scenario,
        seed: int,
        truth: Mapping[str, float],
        time_s: float,
    ) -> None:
        """Start at rest: lags have settled and the analysers' last samples were like `truth`.

        Args:
            instruments: what is measured and how.
            scenario: with its faults and noise changes.
            seed: of all noise.
            truth: by variable [SI].
            time_s: now [s].
        """
        self._instruments = instruments
        self._names = instruments.names
        items = [
            *(item.instrument for item in instruments.transmitters.values()),
            *(item.instrument for item in instruments.analysers.values()),
        ]
        white = [item.noise * math.sqrt(1.0 - item.share_slow) for item in items]
        self._white = np.array(white)
        self._resolution = np.array([item.resolution for item in items])
        self._low = np.array([item.low for item in items])
        self._high = np.array([item.high for item in items])
        self._streams = streams(seed, [f"sensor:{name}" for name in self._names])
        self._slow = _paths(self._names, items, seed)
        self._drifts = _drifts(self._names, items, seed)
        self._faults = scenario.of(SensorFault)
        self._changes = scenario.of(NoiseChange)
        self._first_factor = scenario.noise_factor
        self._fault_streams: dict[str, Streams] = {
            fault.variable: streams(seed, [f"fault:{fault.variable}"]) for fault in self._faults
        }
        self._taus = {
            name: item.time_constant
            for name, item in instruments.transmitters.items()
            if item.time_constant > 0.0
        }
        self._lagged = {name: truth[name] for name in self._taus}
        self._last = dict(self._lagged)
        self._samples = {
            name: _samples_at_rest(item, truth[name], time_s)
            for name, item in instruments.analysers.items()
        }
        self._held: dict[int, float] = {}

    def next_sample_s(self, time_s: float) -> float:
        """Return when the next sample after a time is taken [s]; infinite without analysers."""
        return min(
            (
                item.sample_time(item.newest_sample(time_s) + 1)
                for item in self._instruments.analysers.values()
            ),
            default=math.inf,
        )

    def record(self, truth: Mapping[str, float], time_s: float, duration_s: float) -> None:
        """Take note of the plant at the end of a step: lags follow, samples that are due are taken.

        Args:
            truth: by variable [SI].
            time_s: at the end of the step [s].
            duration_s: of the step [s].
        """
        for name, tau in self._taus.items():
            new, slope = truth[name], (truth[name] - self._last[name]) / duration_s
            rest = self._lagged[name] - self._last[name] + slope * tau
            self._lagged[name] = new - slope * tau + rest * math.exp(-duration_s / tau)
            self._last[name] = new
        for name, item in self._instruments.analysers.items():
            number = item.newest_sample(time_s)
            taken = self._samples[name]
            if number > taken[-1][0]:
                taken = (*taken, (number, truth[name]))
            self._samples[name] = taken[_shown(item, taken, time_s) :]

    def read(self, truth: Mapping[str, float], time_s: float) -> dict[str, Measurement]:
        """Return the readings of true values; what has no instrument is read exactly.

        Args:
            truth: by variable [SI].
            time_s: of the reading [s].
        """
        readings = self._without_faults(truth, time_s)
        for place, fault in enumerate(self._faults):
            if fault.active(time_s):
                reading = readings[fault.variable]
                held = self._held.get(place, reading.value)
                readings[fault.variable] = self._faulty(fault, reading, held, time_s)
        return readings

    def _without_faults(self, truth: Mapping[str, float], time_s: float) -> dict[str, Measurement]:
        values, times, index = self._sources(truth, time_s)
        values = (
            values + self._factors(times) * self._noise_at(times, index) + self._drift_at(times)
        )
        step = np.where(self._resolution > 0.0, self._resolution, 1.0)
        values = np.where(self._resolution > 0.0, step * np.round(values / step), values)
        inside = np.clip(values, self._low, self._high)
        statuses = ["good" if same else "uncertain" for same in (inside == values).tolist()]
        ages = (time_s - times).tolist()
        readings = {name: Measurement(value, "good") for name, value in truth.items()}
        for reading in zip(self._names, inside.tolist(), statuses, ages, strict=True):
            readings[reading[0]] = Measurement(*reading[1:])
        return readings

    def _noise_at(self, times_s: FloatArray, index: IndexArray) -> FloatArray:
        noise: FloatArray = self._white * self._streams.normals(index)
        for place, path in self._slow:
            noise[place] += path.at(float(times_s[place]))
        return noise

    def _drift_at(self, times_s: FloatArray) -> FloatArray:
        drift = np.zeros(times_s.shape)
        for place, path in self._drifts:
            drift[place] = path.at(float(times_s[place]))
        return drift

    def _sources(
        self, truth: Mapping[str, float], time_s: float
    ) -> tuple[FloatArray, FloatArray, IndexArray]:
        """Return what each instrument sees, when it saw it and the index of its draw."""
        values = [self._lagged.get(name, truth[name]) for name in self._instruments.transmitters]
        times = [time_s] * len(values)
        index = [round(time_s * _TICK_PER_S)] * len(values)
        for name, item in self._instruments.analysers.items():
            taken = self._samples[name]
            number, value = taken[_shown(item, taken, time_s)]
            values.append(value)
            times.append(item.sample_time(number))
            index.append(number)
        return np.array(values), np.array(times), np.array(index, dtype=np.int64)

    def _factors(self, times_s: FloatArray) -> FloatArray:
        factors = np.full(times_s.shape, self._first_factor)
        for change in self._changes:
            factors = np.where(times_s >= change.at_s, change.factor, factors)
        return factors

    def _faulty(
        self, fault: SensorFault, reading: Measurement, held: float, time_s: float
    ) -> Measurement:
        value, age_s = reading.value, reading.age_s
        stream = self._fault_streams[fault.variable]
        # An analyser's fault belongs to its result, which is shown for many readings.
        index = round((time_s - age_s) * _TICK_PER_S)
        match fault.kind:
            case "stuck":
                # What repeats itself stamps each repetition as new: nothing but the value tells.
                return Measurement(held, "good", age_s)
            case "bad":
                return Measurement(held, "bad", age_s)
            case "dropout" if stream.uniforms(index, 1)[0] < _DROPOUT_SHARE:
                return Measurement(held, "bad", age_s)
            case "uncertain":
                return Measurement(value, "uncertain", age_s)
            case "spike" if stream.uniforms(index, 2)[0] < _SPIKE_SHARE:
                value += fault.size
            case "bias":
                value += fault.size
            case "drift":
                value += fault.size * (time_s - fault.at_s) / _HOUR_S
            case "noise":
                value += fault.size * float(stream.normals(index, 3)[0])
        return Measurement(value, reading.status, age_s)

    def hold(self, truth: Mapping[str, float], time_s: float) -> None:
        """Keep the reading at the start of each fault as earlier faults make it."""
        active = {place for place, fault in enumerate(self._faults) if fault.active(time_s)}
        if not active and not self._held:
            return
        fresh = active - set(self._held)
        self._held = {place: value for place, value in self._held.items() if place in active}
        readings = self._without_faults(truth, time_s) if fresh else {}
        for place in sorted(active) if fresh else ():
            fault = self._faults[place]
            reading = readings[fault.variable]
            held = self._held.setdefault(place, reading.value)
            readings[fault.variable] = self._faulty(fault, reading, held, time_s)

    def state(self) -> SensorState:
        """Return what the sensors remember, for `restore`."""
        return SensorState(
            dict(self._lagged), dict(self._last), dict(self._samples), dict(self._held)
        )

    def restore(self, state: SensorState) -> None:
        """Go back to a state of the same instruments."""
        self._lagged, self._last = dict(state.lagged), dict(state.last)
        self._samples, self._held = dict(state.samples), dict(state.held)


def _paths(
    names: tuple[str, ...], items: list[Instrument], seed: int
) -> list[tuple[int, SlowNoise]]:
    """Return the autocorrelated part of the noise of those that have one, with their places."""
    return [
        (
            place,
            autocorrelated(
                seed, f"sensor_slow:{name}", item.noise * math.sqrt(item.share_slow), item.slow_time
            ),
        )
        for place, (name, item) in enumerate(zip(names, items, strict=True))
        if item.share_slow > 0.0
    ]


def _drifts(
    names: tuple[str, ...], items: list[Instrument], seed: int
) -> list[tuple[int, SlowNoise]]:
    return [
        (place, bounded_walk(seed, f"sensor_drift:{name}", item.drift, item.drift_time))
        for place, (name, item) in enumerate(zip(names, items, strict=True))
        if item.drift > 0.0
    ]


def _samples_at_rest(item: Analyser, value: float, time_s: float) -> tuple[Sample, ...]:
    newest = item.newest_sample(time_s)
    oldest = item.newest_sample(time_s - item.dead_time)
    return tuple((number, value) for number in range(oldest, newest + 1))


def _shown(item: Analyser, taken: tuple[Sample, ...], time_s: float) -> int:
    """Return the place of the newest sample whose result is out."""
    newest = item.newest_sample(time_s - item.dead_time)
    places = [place for place, (number, _) in enumerate(taken) if number <= newest]
    return places[-1] if places else 0
