"""Crude arrivals: cargoes with a window, and the delay that each of them meets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from operator_agent.errors import InputError
from operator_agent.plant.simulation.streams import streams


@dataclass(frozen=True, slots=True)
class CargoProgramme:
    """The cargoes of one crude: nominated at even intervals.

    Attributes:
        crude: name.
        volume_m3: nominated volume of a cargo [m3].
        interval_s: between the first days of two windows [s].
        first_s: first day of the first window [s].
        window_s: length of a window; a cargo without delay comes at its middle [s].
        delay_mean_s: mean of the delay, which is exponentially distributed [s].
        off_volume: standard deviation of the landed volume over the nominated one.
    """

    crude: str
    volume_m3: float
    interval_s: float
    first_s: float
    window_s: float
    delay_mean_s: float
    off_volume: float

    def __post_init__(self) -> None:
        """Refuse programmes that make no sense."""
        values = (self.volume_m3, self.interval_s, self.first_s, self.window_s)
        chance = (self.delay_mean_s, self.off_volume)
        if not all(math.isfinite(value) and value >= 0.0 for value in (*values, *chance)):
            raise InputError(f"cargoes of {self.crude}: numbers must be finite and not negative")
        if not (self.volume_m3 > 0.0 and self.interval_s > 0.0):
            raise InputError(f"cargoes of {self.crude}: volume and interval must be positive")
        if not self.off_volume < 0.2:
            raise InputError(
                f"cargoes of {self.crude}: volumes off by {self.off_volume:.0%}; stay below 20 %"
            )


@dataclass(frozen=True, slots=True)
class Cargo:
    """One ship's load.

    Attributes:
        crude: name.
        number: of the cargo in its programme, from 0.
        nominated_m3: [m3].
        volume_m3: that it lands [m3].
        window: first and last time of its arrival window [s].
        arrival_s: when it comes [s].
    """

    crude: str
    number: int
    nominated_m3: float
    volume_m3: float
    window: tuple[float, float]
    arrival_s: float

    @property
    def name(self) -> str:
        """Crude and number, such as `maya/3`."""
        return f"{self.crude}/{self.number}"

    @property
    def late_s(self) -> float:
        """Time after the end of the window [s]; zero when it came in time."""
        return max(self.arrival_s - self.window[1], 0.0)


def arrivals(
    programmes: Sequence[CargoProgramme], seed: int, duration_s: float
) -> tuple[Cargo, ...]:
    """Return all cargoes whose windows open within a time, in the order of their arrival.

    Each cargo has a stream of its own: dropping or adding one moves no other.

    Args:
        programmes: of the crudes.
        seed: of all chance.
        duration_s: [s].

    Raises:
        InputError: the time is not positive.
    """
    if not (math.isfinite(duration_s) and duration_s > 0.0):
        raise InputError(f"arrivals within {duration_s} s; give a positive time")
    found = [
        _cargo(programme, number, seed)
        for programme in programmes
        for number in range(_count(programme, duration_s))
    ]
    return tuple(sorted(found, key=lambda cargo: (cargo.arrival_s, cargo.name)))


def _count(programme: CargoProgramme, duration_s: float) -> int:
    if programme.first_s >= duration_s:
        return 0
    return 1 + math.ceil((duration_s - programme.first_s) / programme.interval_s - 1.0)


def _cargo(programme: CargoProgramme, number: int, seed: int) -> Cargo:
    source = streams(seed, [f"market/cargo/{programme.crude}/{number}"])
    opens = programme.first_s + number * programme.interval_s
    delay = -programme.delay_mean_s * math.log(float(source.uniforms(0)[0]))
    landed = programme.volume_m3 * math.exp(programme.off_volume * float(source.normals(1)[0]))
    return Cargo(
        crude=programme.crude,
        number=number,
        nominated_m3=programme.volume_m3,
        volume_m3=landed,
        window=(opens, opens + programme.window_s),
        arrival_s=opens + 0.5 * programme.window_s + delay,
    )
