"""How far the events of a scenario may go; beyond that a number is a slip, not weather."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from operator_agent.errors import InputError
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    Event,
    FuelChange,
    NoiseChange,
    PreheatChange,
    PriceChange,
    SensorFault,
    ValveSticks,
)
from operator_agent.plant.unit.case import slate_vector


@dataclass(frozen=True, slots=True)
class Range:
    """Values that make sense.

    Attributes:
        low, high: both inside; either may be infinite.
        unit: of both, empty for a share or a factor.
    """

    low: float
    high: float
    unit: str = ""

    def fault(self, value: float) -> str:
        """Return in words why a value is refused; empty when it lies inside."""
        if self.low <= value <= self.high and math.isfinite(value):
            return ""
        shown = f"is {value:g} {self.unit}".rstrip()
        if not math.isfinite(value) or (math.isinf(self.low) and math.isinf(self.high)):
            return f"{shown}; give a finite number"
        if self.low == 0.0 and math.isinf(self.high):
            return f"{shown}; it must not be negative"
        return f"{shown}; give {self.low:g} to {self.high:g} {self.unit}".rstrip()


ANY = Range(-math.inf, math.inf)
NOT_NEGATIVE = Range(0.0, math.inf)
TIME = Range(0.0, math.inf, "s")
SHARE = Range(0.0, 1.0)
SHARE_ERROR = Range(-1.0, 1.0)  # true minus declared share
STICK_BAND = Range(0.0, 0.5)  # of the stroke; a valve with more no longer controls
NOISE_FACTOR = Range(0.0, 1000.0)
TEMP_DELTA = Range(-150.0, 150.0, "K")
TEMP_SD = Range(0.0, 50.0, "K")  # of weather and of process noise
# Blast furnace gas burns with a twentieth, hydrogen with two and a half times a refinery's gas.
FUEL_FACTOR = Range(0.05, 3.0)

# What may act on the unit at its fence, with all events together.
BOUNDARY_RANGES: Mapping[str, Range] = MappingProxyType(
    {
        "temp_ambient": Range(183.15, 333.15, "K"),  # coldest and hottest air ever measured
        "temp_cooling_water": Range(273.15, 333.15, "K"),  # liquid, and no hotter than the air
        "temp_crude": Range(253.15, 423.15, "K"),  # pumpable, and from no hotter tank
        "heating_value_fuel": Range(2.5e6, 1.3e8, "J/kg"),  # blast furnace gas to hydrogen
        "temp_shift_preheat": TEMP_DELTA,
    }
)
WEATHER_RANGES: Mapping[str, Range] = MappingProxyType(
    {
        "temp_k_amplitude": TEMP_SD,
        "warmest_s": TIME,
        "temp_k_noise": TEMP_SD,
        "noise_time_s": TIME,
        "share_cooling_water": SHARE,
    }
)
_EVENT_RANGES: Mapping[tuple[type[Event], str], Range] = MappingProxyType(
    {
        (CrudeSwitch, "slate"): SHARE,
        (PriceChange, "factors"): NOT_NEGATIVE,
        (SensorFault, "size"): ANY,
        (NoiseChange, "factor"): NOISE_FACTOR,
        (PreheatChange, "temp_k_delta"): TEMP_DELTA,
        (DisturbanceChange, "delta"): ANY,
        (FuelChange, "factor"): FUEL_FACTOR,
        (EquipmentTrip, "remaining"): SHARE,
        (ValveSticks, "band"): STICK_BAND,
    }
)


def event_faults(event: Event) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an event: the attribute, and what it is and may be."""
    for item in fields(event):
        value, allowed = getattr(event, item.name), _range(event, item.name)
        if isinstance(value, Mapping):
            for key, number in value.items():
                if fault := allowed.fault(float(number)):
                    yield f"{item.name}.{key}", fault
        elif isinstance(value, int | float) and (fault := allowed.fault(float(value))):
            yield item.name, fault
    if isinstance(event, CrudeSwitch):
        try:
            slate_vector(tuple(event.slate), event.slate)
        except InputError as error:
            yield "slate", f"is wrong: {error}"


def _range(event: Event, attribute: str) -> Range:
    if isinstance(event, DisturbanceChange) and attribute == "delta":
        return TEMP_DELTA if event.variable.startswith("temp_") else ANY
    usual = TIME if attribute.endswith("_s") else NOT_NEGATIVE
    return _EVENT_RANGES.get((type(event), attribute), usual)


def check_boundary(values: Mapping[str, float], time_s: float) -> None:
    """Refuse what no unit meets at its fence.

    Args:
        values: of the disturbances [SI]; those without a range pass.
        time_s: at which they hold [s].

    Raises:
        InputError: a value is beyond its range.
    """
    for name, allowed in BOUNDARY_RANGES.items():
        if name in values and (fault := allowed.fault(values[name])):
            raise InputError(
                f"{name} {fault}; it is so at {time_s:g} s with all that the scenario moves by then"
            )
