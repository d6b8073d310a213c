"""One simulated episode: its events, its weather, and the chance that is not measured."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from operator_agent.errors import InputError
from operator_agent.plant.simulation.event_ranges import (
    NOISE_FACTOR,
    SHARE_ERROR,
    TEMP_SD,
    WEATHER_RANGES,
    event_faults,
)
from operator_agent.plant.simulation.events import EVENT_NAMES, CrudeSwitch, Event
from operator_agent.plant.unit.case import slate_vector

_SLATE_ERROR_TOLERANCE = 1e-9  # rounding of a sum of a few fractions
_DAY_S = 86_400.0

Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True, slots=True)
class Weather:
    """The air around the unit: a daily cycle and a chance that is forgotten within hours.

    Attributes:
        temp_k_amplitude: half the difference of afternoon and night [K].
        warmest_s: time of the first maximum [s].
        temp_k_noise: standard deviation of the rest [K].
        noise_time_s: in which the rest is forgotten [s].
        share_cooling_water: how far the cooling water follows the air [1].
    """

    temp_k_amplitude: float = 0.0
    warmest_s: float = 0.625 * _DAY_S
    temp_k_noise: float = 0.0
    noise_time_s: float = 6.0 * 3600.0
    share_cooling_water: float = 0.0

    def __post_init__(self) -> None:
        """Refuse sizes that make no sense."""
        for item in fields(self):
            if fault := WEATHER_RANGES[item.name].fault(getattr(self, item.name)):
                raise InputError(f"weather: {item.name} {fault}")
        if self.noise_time_s == 0.0:
            raise InputError("weather: noise_time_s is 0; give a positive time")

    def cycle(self, time_s: float) -> float:
        """Return the daily cycle at a time [K]."""
        return self.temp_k_amplitude * math.cos(2.0 * math.pi * (time_s - self.warmest_s) / _DAY_S)


@dataclass(frozen=True, slots=True)
class ProcessNoise:
    """Autocorrelated noise on what enters the plant; no sensor shows it directly.

    Attributes:
        variable: a disturbance, or a manipulated variable whose loop does not hold exactly.
        sd: standard deviation [SI].
        time_s: in which it is forgotten [s].
    """

    variable: str
    sd: float
    time_s: float

    def __post_init__(self) -> None:
        """Refuse sizes that make no sense."""
        if not (math.isfinite(self.sd) and self.sd >= 0.0 and 0.0 < self.time_s < math.inf):
            raise InputError(
                f"process noise of {self.variable}: sd {self.sd} over {self.time_s} s; the sd is "
                "zero or more and the time positive"
            )
        if self.variable.startswith("temp_") and (fault := TEMP_SD.fault(self.sd)):
            raise InputError(f"process noise of {self.variable}: sd {fault}")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulated episode.

    Attributes:
        duration_s: length [s].
        noise_factor: on the standard deviations of the instruments, at the start.
        events: in any order.
        slate_error: true minus declared fraction by crude; adds up to zero. It is not measured,
            and enters over the first `slate_error_ramp_s`. A crude of which less is declared than
            the error takes away is absent.
        slate_error_ramp_s: [s].
        fouling: slow fall of the preheat temperature [K/s].
        weather: of the surroundings, where the unit has them.
        process_noise: at most one for each variable.
    """

    duration_s: float
    noise_factor: float = 1.0
    events: tuple[Event, ...] = ()
    slate_error: Mapping[str, float] = field(default_factory=dict)
    slate_error_ramp_s: float = 3600.0
    fouling: float = 0.0
    weather: Weather | None = None
    process_noise: tuple[ProcessNoise, ...] = ()

    def __post_init__(self) -> None:
        """Refuse times and factors that make no sense."""
        if not (math.isfinite(self.duration_s) and self.duration_s > 0.0):
            raise InputError(f"a scenario lasts {self.duration_s} s; give a positive time")
        if fault := NOISE_FACTOR.fault(self.noise_factor):
            raise InputError(f"noise_factor {fault}")
        if not (math.isfinite(self.slate_error_ramp_s) and self.slate_error_ramp_s > 0.0):
            raise InputError(
                f"slate_error_ramp_s is {self.slate_error_ramp_s}; it must be positive"
            )
        if not math.isfinite(self.fouling):
            raise InputError(f"fouling is {self.fouling} K/s; give a finite number")
        for event in self.events:
            for attribute, fault in event_faults(event):
                raise InputError(f"event {EVENT_NAMES[type(event)]}: {attribute} {fault}")
        for crude, error in self.slate_error.items():
            if fault := SHARE_ERROR.fault(error):
                raise InputError(f"slate_error.{crude} {fault}")
        if not abs(sum(self.slate_error.values())) <= _SLATE_ERROR_TOLERANCE:
            raise InputError("slate_error must add up to zero: what one crude gains another loses")
        noisy = [noise.variable for noise in self.process_noise]
        if len(noisy) != len(set(noisy)):
            raise InputError(f"process noise names a variable twice: {', '.join(noisy)}")

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """Return the events of one class in the order of time."""
        found = [event for event in self.events if isinstance(event, kind)]
        return tuple(sorted(found, key=lambda event: event.at_s))


def check_slates(scenario: Scenario, crude_keys: tuple[str, ...]) -> None:
    """Check the scenario's slates against the crudes of a unit.

    Raises:
        InputError: a crude is unknown or a slate does not add up to 1.
    """
    for switch in scenario.of(CrudeSwitch):
        try:
            slate_vector(crude_keys, switch.slate)
        except InputError as error:
            raise InputError(f"event crude_switch at {switch.at_s:g} s: {error}") from error
    unknown = [key for key in scenario.slate_error if key not in crude_keys]
    if unknown:
        known = ", ".join(crude_keys)
        raise InputError(f"slate_error names unknown crude '{unknown[0]}'; the unit runs: {known}")


def fingerprint(scenario: Scenario) -> str:
    """Return a hash of what happens in a scenario; how long it lasts does not count."""
    told = {item.name: _told(getattr(scenario, item.name)) for item in fields(scenario)}
    del told["duration_s"]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _told(value: Any) -> Any:
    """Return a value as JSON knows it, the same for equal values of whatever kind."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _told(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_told(inner) for inner in value]
    if is_dataclass(value):
        inside = {item.name: _told(getattr(value, item.name)) for item in fields(value)}
        return {"kind": type(value).__name__, **inside}
    return float(value)


def events_outside(scenario: Scenario) -> tuple[str, ...]:
    """Return a sentence for each event that begins at or after the end of the scenario."""
    return tuple(
        f"event {EVENT_NAMES[type(event)]} begins at {event.at_s:.0f} s, but the scenario ends at "
        f"{scenario.duration_s:.0f} s; make it longer or move the event"
        for event in sorted(scenario.events, key=lambda event: event.at_s)
        if event.at_s >= scenario.duration_s
    )


def ramp(time_s: float, at_s: float, ramp_s: float) -> float:
    """Return how far a ramp has gone at a time, from 0 to 1.

    Example:
        >>> ramp(15.0, 10.0, 20.0)
        0.25
    """
    if ramp_s <= 0.0:
        return 1.0 if time_s >= at_s else 0.0
    return min(max((time_s - at_s) / ramp_s, 0.0), 1.0)
