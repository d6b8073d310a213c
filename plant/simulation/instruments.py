"""What measures and sets the unit: transmitters, analysers with dead time, ranges of set points."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.plant.document import Section, read_document
from operator_agent.plant.simulation.dimension import si_of, si_of_span


@dataclass(frozen=True, slots=True)
class Instrument:
    """How one variable is read, SI.

    Attributes:
        noise: standard deviation of the reading's noise.
        low, high: range; a value outside is shown as the end of the range, with status uncertain.
        resolution: step of the shown values; 0 is none.
        drift: bound of the slow error, 0 is none.
        drift_time: in which a free drift would reach its bound [s].
        share_slow: share of the noise's variance that is autocorrelated [1].
        slow_time: in which that part is forgotten [s].
    """

    noise: float
    low: float = -math.inf
    high: float = math.inf
    resolution: float = 0.0
    drift: float = 0.0
    drift_time: float = 0.0
    share_slow: float = 0.0
    slow_time: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        if not self.low < self.high:
            raise InputError(f"instrument: range from {self.low} to {self.high} is empty")
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("low", "high") and not (math.isfinite(value) and value >= 0.0):
                raise InputError(f"instrument: {item.name} is {value}; give zero or more")
        if self.share_slow > 1.0:
            raise InputError(f"instrument: share_slow is {self.share_slow}; give 0 to 1")
        for size, time in (("drift", "drift_time"), ("share_slow", "slow_time")):
            if getattr(self, size) > 0.0 and not getattr(self, time) > 0.0:
                raise InputError(f"instrument: {size} needs a positive {time}")


@dataclass(frozen=True, slots=True)
class Transmitter:
    """An instrument that reads all the time, behind a first-order lag.

    Attributes:
        instrument: noise, range and drift.
        time_constant: of the lag [s]; 0 is none.
    """

    instrument: Instrument
    time_constant: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a lag that makes no sense."""
        if not (math.isfinite(self.time_constant) and self.time_constant >= 0.0):
            raise InputError(f"transmitter: time constant {self.time_constant} s; give 0 or more")


@dataclass(frozen=True, slots=True)
class Analyser:
    """An instrument that takes a sample now and then and tells the result later.

    Sample `k` is taken at `phase + k period`; its result is shown from `dead_time` after that
    until the next one.

    Attributes:
        instrument: noise, range and drift of one result.
        period: between samples [s].
        dead_time: from sample to result [s].
        phase: time of the first sample [s].
    """

    instrument: Instrument
    period: float
    dead_time: float
    phase: float = 0.0

    def __post_init__(self) -> None:
        """Refuse times that make no sense."""
        if not (math.isfinite(self.period) and self.period > 0.0):
            raise InputError(f"analyser: period {self.period} s; give a positive time")
        if not (math.isfinite(self.dead_time) and self.dead_time >= 0.0):
            raise InputError(f"analyser: dead time {self.dead_time} s; give zero or more")
        if not 0.0 <= self.phase < self.period:
            raise InputError(
                f"analyser: phase {self.phase} s; it lies between 0 and the period {self.period} s"
            )

    def sample_time(self, number: int) -> float:
        """Return when a sample is taken [s]; the first is number 0."""
        return self.phase + number * self.period

    def newest_sample(self, time_s: float) -> int:
        """Return the number of the last sample taken up to a time; negative before the start."""
        return math.floor((time_s - self.phase) / self.period + 1e-9)


@dataclass(frozen=True, slots=True)
class Instruments:
    """All instruments of a unit, by the variable that they read.

    Attributes:
        transmitters: read continuously.
        analysers: sample and hold.
        ranges: low and high end of the set points that the control system accepts, by handle
            [SI]; a handle without a range takes any positive number.
    """

    transmitters: Mapping[str, Transmitter]
    analysers: Mapping[str, Analyser]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def noise(self) -> Mapping[str, float]:
        """Standard deviation of each measured variable, by name [SI]."""
        every = {name: item.instrument.noise for name, item in self.transmitters.items()}
        every |= {name: item.instrument.noise for name, item in self.analysers.items()}
        return FrozenMapping(every)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the measured variables: first the transmitters, then the analysers."""
        return (*self.transmitters, *self.analysers)


# A transmitter still tells a little beyond its range: 3.8 to 20.5 mA of 4 to 20 (NAMUR NE 43).
_BELOW_RANGE, _ABOVE_RANGE = 0.2 / 16.0, 0.5 / 16.0
_SHARES = ("resolution", "drift")  # of the range, as data sheets give them
_TIMES = ("drift_time", "slow_time")
_SAMPLING = ("period", "dead_time")


def load_instruments(path: Path) -> Instruments:
    """Return the instruments in a YAML file.

    Raises:
        InputError: the file is missing, or a key, unit or value in it is wrong.
    """
    document = read_document(Path(path))
    document.text("description")
    kinds = document.section("kinds")
    known = {name: kinds.section(name) for name in kinds.names()}
    common = {name: _common(section) for name, section in known.items()}
    transmitters, analysers = document.section("transmitters"), document.section("analysers")
    ranges = document.section("ranges")
    found = Instruments(
        FrozenMapping(
            {
                name: _transmitter(name, transmitters.section(name), common)
                for name in transmitters.names()
            }
        ),
        FrozenMapping(
            {name: _analyser(name, analysers.section(name), common) for name in analysers.names()}
        ),
        FrozenMapping({name: _range(name, ranges, name) for name in ranges.names()}),
    )
    document.close()
    twice = sorted(set(found.transmitters) & set(found.analysers))
    if twice:
        raise InputError(f"{document.where}: '{twice[0]}' is a transmitter and an analyser")
    return found


def _common(section: Section) -> dict[str, float]:
    """Return what instruments of one kind share; resolution and drift are shares of the range."""
    si_by_key = dict.fromkeys((*_SHARES, "share_slow"), "1")
    si_by_key |= dict.fromkeys((*_TIMES, *_SAMPLING, "time_constant"), "s")
    values = {key: section.quantity(key, si) for key, si in si_by_key.items() if section.has(key)}
    section.close()
    return values


def _instrument(
    name: str, section: Section, kinds: Mapping[str, Mapping[str, float]]
) -> tuple[Instrument, Mapping[str, float]]:
    kind = section.text("kind")
    if kind not in kinds:
        raise InputError(f"{section.where}: unknown kind '{kind}'; use one of: {', '.join(kinds)}")
    common = kinds[kind]
    low, high = _range(name, section, "range")
    noise = section.quantity("noise", si_of_span(name, section.where))
    further = {key: share * (high - low) for key, share in common.items() if key in _SHARES}
    further |= {key: common[key] for key in (*_TIMES, "share_slow") if key in common}
    try:
        return Instrument(noise, low, high, **further), common
    except InputError as error:
        raise InputError(f"{section.where}: {error}") from error


def _range(name: str, section: Section, key: str) -> tuple[float, float]:
    """Return the low and high end of a variable that stand under a key."""
    limits = section.numbers(key, si_of(name, section.where))
    if len(limits) != 2:
        raise InputError(f"{section.where}.{key}: give two values, low and high")
    low, high = limits
    if not low < high:
        raise InputError(f"{section.where}.{key}: range from {low} to {high} is empty")
    return low, high


def _transmitter(
    name: str, section: Section, kinds: Mapping[str, Mapping[str, float]]
) -> Transmitter:
    instrument, common = _instrument(name, section, kinds)
    if any(key in common for key in _SAMPLING):
        raise InputError(f"{section.where}: its kind takes samples; list it under 'analysers'")
    section.close()
    span = instrument.high - instrument.low
    wider = replace(
        instrument,
        low=instrument.low - _BELOW_RANGE * span,
        high=instrument.high + _ABOVE_RANGE * span,
    )
    return Transmitter(wider, common.get("time_constant", 0.0))


def _analyser(name: str, section: Section, kinds: Mapping[str, Mapping[str, float]]) -> Analyser:
    instrument, common = _instrument(name, section, kinds)
    if not all(key in common for key in _SAMPLING):
        raise InputError(f"{section.where}: its kind needs a 'period' and a 'dead_time'")
    phase = section.quantity("phase", "s") if section.has("phase") else 0.0
    section.close()
    try:
        return Analyser(instrument, common["period"], common["dead_time"], phase)
    except InputError as error:
        raise InputError(f"{section.where}: {error}") from error
