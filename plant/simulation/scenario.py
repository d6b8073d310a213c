"""What happens to the unit during a simulation: crude, prices, sensors, noise, preheat."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from operator_agent.errors import InputError
from operator_agent.plant.document import Section, read_document
from operator_agent.plant.unit.case import CrudeUnitCase, slate_vector
from operator_agent.plant.unit.case_file import read_slate
from operator_agent.plant.variables import ANALYSERS, CV_NAMES, PRODUCTS, SI_OF_CV

FAULT_KINDS = ("stuck", "bad", "uncertain", "spike", "bias")
_SLATE_ERROR_TOLERANCE = 1e-9  # rounding of a sum of a few fractions


@dataclass(frozen=True, slots=True)
class CrudeSwitch:
    """The declared slate moves in a straight line to `slate` from `at_s` over `ramp_s`."""

    at_s: float
    ramp_s: float
    slate: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PriceChange:
    """From `at_s` on each named price is that of the plan times the factor.

    The names are those of the unit's streams or of the planning case's products; whoever applies
    the factors refuses names that it does not price.
    """

    at_s: float
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SensorFault:
    """A measurement that is wrong for a while.

    Attributes:
        at_s, duration_s: when.
        variable: that is measured.
        kind: `stuck` repeats the value of the start and calls it good; `bad` and `uncertain`
            carry that status; `spike` adds `size` now and then; `bias` adds `size` always.
        size: [SI].
    """

    at_s: float
    duration_s: float
    variable: str
    kind: str
    size: float = 0.0

    def __post_init__(self) -> None:
        """Refuse kinds that do not exist."""
        if self.kind not in FAULT_KINDS:
            known = ", ".join(FAULT_KINDS)
            raise InputError(f"fault of {self.variable}: kind '{self.kind}'; use one of: {known}")

    def active(self, time_s: float) -> bool:
        """Return whether the fault is on at a time."""
        return self.at_s <= time_s < self.at_s + self.duration_s


@dataclass(frozen=True, slots=True)
class NoiseChange:
    """From `at_s` on all measurement noise is `factor` times that of the case."""

    at_s: float
    factor: float


@dataclass(frozen=True, slots=True)
class PreheatChange:
    """The crude's temperature at the furnace inlet moves by `temp_k_delta` over `ramp_s`."""

    at_s: float
    ramp_s: float
    temp_k_delta: float


Event = CrudeSwitch | PriceChange | SensorFault | NoiseChange | PreheatChange
EventType = TypeVar("EventType", CrudeSwitch, PriceChange, SensorFault, NoiseChange, PreheatChange)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulated episode.

    Attributes:
        duration_s: length [s].
        noise_factor: on the standard deviations of the case, at the start.
        events: in any order.
        slate_error: true minus declared fraction by crude; adds up to zero. It is not measured,
            and enters over the first `slate_error_ramp_s`.
        slate_error_ramp_s: [s].
        fouling: slow fall of the preheat temperature [K/s]; it is measured.
    """

    duration_s: float
    noise_factor: float = 1.0
    events: tuple[Event, ...] = ()
    slate_error: Mapping[str, float] = field(default_factory=dict)
    slate_error_ramp_s: float = 3600.0
    fouling: float = 0.0

    def __post_init__(self) -> None:
        """Refuse times and factors that make no sense."""
        if not (math.isfinite(self.duration_s) and self.duration_s > 0.0):
            raise InputError(f"a scenario lasts {self.duration_s} s; give a positive time")
        if not (math.isfinite(self.noise_factor) and self.noise_factor >= 0.0):
            raise InputError(f"noise factor {self.noise_factor} must be zero or more")
        if not self.slate_error_ramp_s > 0.0:
            raise InputError("slate_error_ramp_s must be positive")
        for event in self.events:
            _check_event(event)
        if abs(sum(self.slate_error.values())) > _SLATE_ERROR_TOLERANCE:
            raise InputError("slate_error must add up to zero: what one crude gains another loses")

    def of(self, kind: type[EventType]) -> tuple[EventType, ...]:
        """Return the events of one class in the order of time."""
        found = [event for event in self.events if isinstance(event, kind)]
        return tuple(sorted(found, key=lambda event: event.at_s))


def _check_event(event: Event) -> None:
    numbers = [event.at_s, getattr(event, "ramp_s", 0.0), getattr(event, "duration_s", 0.0)]
    numbers.append(getattr(event, "factor", 0.0))
    numbers.extend(getattr(event, "factors", {}).values())
    if not all(math.isfinite(number) and number >= 0.0 for number in numbers):
        raise InputError(f"event {event}: times and factors must be finite and not negative")
    others = [getattr(event, "size", 0.0), getattr(event, "temp_k_delta", 0.0)]
    if not all(math.isfinite(number) for number in others):
        raise InputError(f"event {event}: sizes must be finite")


def check_slates(scenario: Scenario, crude_keys: tuple[str, ...]) -> None:
    """Check the scenario's slates against the crudes of a unit.

    Raises:
        InputError: a crude is unknown or a slate does not add up to 1.
    """
    for switch in scenario.of(CrudeSwitch):
        slate_vector(crude_keys, switch.slate)
    unknown = [key for key in scenario.slate_error if key not in crude_keys]
    if unknown:
        raise InputError(f"slate_error names unknown crude '{unknown[0]}'")


def ramp(time_s: float, at_s: float, ramp_s: float) -> float:
    """Return how far a ramp has gone at a time, from 0 to 1.

    Example:
        >>> ramp(15.0, 10.0, 20.0)
        0.25
    """
    if ramp_s <= 0.0:
        return 1.0 if time_s >= at_s else 0.0
    return min(max((time_s - at_s) / ramp_s, 0.0), 1.0)


def _crude_switch(section: Section) -> CrudeSwitch:
    return CrudeSwitch(
        at_s=section.plain_quantity("at", "s"),
        ramp_s=section.plain_quantity("ramp", "s"),
        slate=read_slate(section.section("slate")),
    )


def _price_change(section: Section) -> PriceChange:
    factors = section.section("factors")
    values = {name: factors.plain_quantity(name, "1") for name in factors.names()}
    return PriceChange(section.plain_quantity("at", "s"), MappingProxyType(values))


def _sensor_fault(section: Section) -> SensorFault:
    variable = section.text("variable")
    si = SI_OF_CV.get(variable, "K")
    size_si = "delta_K" if si == "K" else si
    return SensorFault(
        at_s=section.plain_quantity("at", "s"),
        duration_s=section.plain_quantity("duration", "s"),
        variable=variable,
        kind=section.text("kind"),
        size=section.plain_quantity("size", size_si) if section.has("size") else 0.0,
    )


def _noise_change(section: Section) -> NoiseChange:
    return NoiseChange(section.plain_quantity("at", "s"), section.plain_quantity("factor", "1"))


def _preheat_change(section: Section) -> PreheatChange:
    return PreheatChange(
        at_s=section.plain_quantity("at", "s"),
        ramp_s=section.plain_quantity("ramp", "s"),
        temp_k_delta=section.plain_quantity("temp_delta", "delta_K"),
    )


_READERS: Mapping[str, Callable[[Section], Event]] = MappingProxyType(
    {
        "crude_switch": _crude_switch,
        "price_change": _price_change,
        "sensor_fault": _sensor_fault,
        "noise_change": _noise_change,
        "preheat_change": _preheat_change,
    }
)


def _event(section: Section) -> Event:
    kind = section.text("event")
    if kind not in _READERS:
        known = ", ".join(_READERS)
        raise InputError(f"{section.where}: unknown event '{kind}'; use one of: {known}")
    event = _READERS[kind](section)
    section.close()
    return event


def load_scenario(path: Path) -> Scenario:
    """Return the scenario in a YAML file.

    Raises:
        InputError: the file is missing, or a key, unit or value in it is wrong.
    """
    document = read_document(Path(path))
    document.text("description")
    error: Mapping[str, float] = {}
    if document.has("slate_error"):
        error = read_slate(document.section("slate_error"))
    fouling = 0.0
    if document.has("fouling_per_day"):
        fouling = document.plain_quantity("fouling_per_day", "delta_K") / 86_400.0
    scenario = Scenario(
        duration_s=document.plain_quantity("duration", "s"),
        noise_factor=document.plain_quantity("noise_factor", "1"),
        events=tuple(_event(item) for item in document.items("events")),
        slate_error=error,
        fouling=fouling,
    )
    document.close()
    return scenario


_RANDOM_SLATE_PULL = 8.0  # Dirichlet concentration around the nominal slate
_RANDOM_SLATE_BASE = 0.4  # for each crude, so that all of them come up
_RANDOM_ERROR = 0.04  # largest share that is declared as the wrong crude
_SWITCH_EVERY_S = 4.0 * 3600.0


def random_scenario(rng: np.random.Generator, case: CrudeUnitCase, duration_s: float) -> Scenario:
    """Return a scenario for training: switches, noise, drift, faults and a wrong slate.

    Args:
        rng: source of all chance.
        case: unit whose crudes and analysers take part.
        duration_s: length [s].
    """
    events: list[Event] = []
    for _ in range(1 + int(rng.poisson(duration_s / _SWITCH_EVERY_S))):
        at_s, ramp_s = rng.uniform(0.0, 0.8) * duration_s, rng.uniform(900.0, 5400.0)
        events.append(CrudeSwitch(at_s, ramp_s, random_slate(rng, case)))
    for _ in range(int(rng.integers(0, 3))):
        events.append(NoiseChange(rng.uniform(0.0, duration_s), rng.uniform(0.3, 3.0)))
    for _ in range(int(rng.integers(0, 3))):
        at_s, ramp_s = rng.uniform(0.0, duration_s), rng.uniform(600.0, 7200.0)
        events.append(PreheatChange(at_s, ramp_s, rng.normal(0.0, 4.0)))
    if rng.random() < 0.5:
        factors = {product: float(rng.uniform(0.9, 1.1)) for product in PRODUCTS}
        events.append(PriceChange(rng.uniform(0.0, duration_s), MappingProxyType(factors)))
    if rng.random() < 0.3:
        events.append(_random_fault(rng, duration_s))
    return Scenario(
        duration_s=duration_s,
        noise_factor=float(rng.uniform(0.5, 2.0)),
        events=tuple(events),
        slate_error=_random_slate_error(rng, case),
        fouling=float(rng.uniform(0.0, 2.0)) / 86_400.0,
    )


def random_slate(rng: np.random.Generator, case: CrudeUnitCase) -> Mapping[str, float]:
    """Return a slate spread around the nominal one."""
    nominal = np.array(case.slate_vector(case.slate))
    drawn = rng.dirichlet(_RANDOM_SLATE_PULL * nominal + _RANDOM_SLATE_BASE)
    return MappingProxyType(
        {key: float(value) for key, value in zip(case.crude_keys, drawn, strict=True)}
    )


def _random_fault(rng: np.random.Generator, duration_s: float) -> SensorFault:
    analysers = [name for name in CV_NAMES if name in ANALYSERS]
    return SensorFault(
        at_s=rng.uniform(0.0, 0.8) * duration_s,
        duration_s=rng.uniform(600.0, 3600.0),
        variable=analysers[int(rng.integers(len(analysers)))],
        kind=FAULT_KINDS[int(rng.integers(len(FAULT_KINDS)))],
        size=rng.normal(0.0, 8.0),
    )


def _random_slate_error(rng: np.random.Generator, case: CrudeUnitCase) -> Mapping[str, float]:
    first, second = rng.choice(len(case.crude_keys), size=2, replace=False)
    size = float(rng.uniform(0.0, _RANDOM_ERROR))
    keys = case.crude_keys
    return MappingProxyType({keys[int(first)]: size, keys[int(second)]: -size})
