"""What the sensors show: seeded noise and scheduled faults on top of the true values.

The noise of a time depends on the seed and that time only, so two runs with different actions see
the same noise, and reading twice gives the same values.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.plant.simulation.scenario import NoiseChange, Scenario, SensorFault

_NOISE_STREAM = 1  # keeps the sensors' stream apart from others of the same seed
_SPIKE_SHARE = 0.15  # of the readings during a fault of kind `spike`


@dataclass(frozen=True, slots=True)
class Measurement:
    """One reading: value [SI] and status (`good`, `bad`, `uncertain`)."""

    value: float
    status: str


@dataclass(frozen=True, slots=True)
class Sensors:
    """All sensors of a unit.

    Attributes:
        noise: standard deviation by variable [SI]; a variable not named is free of noise.
        scenario: with its faults and noise changes.
        seed: of the noise.
    """

    noise: Mapping[str, float]
    scenario: Scenario
    seed: int

    def read(
        self, truth: Mapping[str, float], time_s: float, held: Mapping[str, float]
    ) -> dict[str, Measurement]:
        """Return the readings of true values.

        Args:
            truth: by variable [SI].
            time_s: of the reading [s].
            held: value at the start of each fault that is on, by variable.
        """
        # Millisecond resolution of time keys the stream; readings are seconds apart.
        key = [self.seed, _NOISE_STREAM, round(time_s * 1000.0)]
        rng = np.random.default_rng(key)
        draws, chances = rng.standard_normal(len(self.noise)), rng.random(len(self.noise))
        factor = self._noise_factor(time_s)
        readings = {name: Measurement(value, "good") for name, value in truth.items()}
        spikes = {}
        for (name, sd), draw, chance in zip(self.noise.items(), draws, chances, strict=True):
            readings[name] = Measurement(truth[name] + factor * sd * float(draw), "good")
            spikes[name] = bool(chance < _SPIKE_SHARE)
        for fault in self.scenario.of(SensorFault):
            if fault.active(time_s):
                readings[fault.variable] = _faulty(
                    fault, readings[fault.variable].value, held, spikes.get(fault.variable, True)
                )
        return readings

    def _noise_factor(self, time_s: float) -> float:
        factor = self.scenario.noise_factor
        for change in self.scenario.of(NoiseChange):
            if time_s >= change.at_s:
                factor = change.factor
        return factor


def _faulty(
    fault: SensorFault, value: float, held: Mapping[str, float], spike: bool
) -> Measurement:
    last = held.get(fault.variable, value)
    if fault.kind == "stuck":
        return Measurement(last, "good")
    if fault.kind == "bad":
        return Measurement(last, "bad")
    if fault.kind == "uncertain":
        return Measurement(value, "uncertain")
    if fault.kind == "bias" or spike:
        return Measurement(value + fault.size, "good")
    return Measurement(value, "good")
