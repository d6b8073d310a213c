"""Reads scenario files: YAML in which each number carries its unit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.plant.document import Section, read_document
from operator_agent.plant.simulation.dimension import si_of_span
from operator_agent.plant.simulation.event_ranges import WEATHER_RANGES, event_faults
from operator_agent.plant.simulation.events import (
    FAULT_KINDS,
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    Event,
    FuelChange,
    NoiseChange,
    PreheatChange,
    PriceChange,
    SensorFault,
    SetpointChange,
    ValveSticks,
)
from operator_agent.plant.simulation.scenario import (
    ProcessNoise,
    Scenario,
    Weather,
    events_outside,
)
from operator_agent.plant.unit.case_file import read_slate
from operator_agent.plant.variables import BOUNDARY, HANDLES, SI_OF_MV, STATUS, STICTION

_DAY_S = 86_400.0
_SI_OF_HANDLE: Mapping[str, str] = MappingProxyType({**SI_OF_MV, **HANDLES})
_EQUIPMENT = tuple(name.removeprefix("status_") for name in STATUS)
_VALVES = tuple(name.removeprefix("stick_band_") for name in STICTION)
_KEYS = {  # of the file, where they differ from the attributes of events
    "at_s": "at",
    "ramp_s": "ramp",
    "duration_s": "duration",
    "temp_k_delta": "temp_delta",
    "delta": "temp_delta",
    "value": "setpoint",
    "band": "stick_band",
}


def _at(section: Section) -> float:
    return section.plain_quantity("at", "s")


def _ramp(section: Section) -> float:
    return section.plain_quantity("ramp", "s") if section.has("ramp") else 0.0


def _crude_switch(section: Section) -> CrudeSwitch:
    return CrudeSwitch(_at(section), _ramp(section), read_slate(section.section("slate")))


def _price_change(section: Section) -> PriceChange:
    factors = section.section("factors")
    values = {name: factors.plain_quantity(name, "1") for name in factors.names()}
    return PriceChange(_at(section), FrozenMapping(values))


def _sensor_fault(section: Section) -> SensorFault:
    variable = section.text("variable")
    size_si = si_of_span(variable, f"{section.where}.variable")
    return SensorFault(
        at_s=_at(section),
        duration_s=section.plain_quantity("duration", "s"),
        variable=variable,
        kind=section.choice("kind", FAULT_KINDS),
        size=section.plain_quantity("size", size_si) if section.has("size") else 0.0,
    )


def _noise_change(section: Section) -> NoiseChange:
    return NoiseChange(_at(section), section.plain_quantity("factor", "1"))


def _preheat_change(section: Section) -> PreheatChange:
    delta = section.plain_quantity("temp_delta", "delta_K")
    return PreheatChange(_at(section), _ramp(section), delta)


def _change_of(variable: str) -> Callable[[Section], DisturbanceChange]:
    def read(section: Section) -> DisturbanceChange:
        delta = section.plain_quantity("temp_delta", "delta_K")
        return DisturbanceChange(_at(section), _ramp(section), variable, delta)

    return read


def _fuel_change(section: Section) -> FuelChange:
    return FuelChange(_at(section), _ramp(section), section.plain_quantity("factor", "1"))


def _equipment(section: Section) -> EquipmentTrip:
    remaining = section.plain_quantity("remaining", "1") if section.has("remaining") else 0.0
    duration_s = section.plain_quantity("duration", "s")
    equipment = section.choice("equipment", _EQUIPMENT)
    return EquipmentTrip(_at(section), duration_s, equipment, remaining)


def _power_dip(section: Section) -> EquipmentTrip:
    remaining = section.plain_quantity("remaining", "1") if section.has("remaining") else 0.0
    return EquipmentTrip(_at(section), section.plain_quantity("duration", "s"), "power", remaining)


def _exchanger_cleaning(section: Section) -> EquipmentTrip:
    number = section.count("exchanger")
    equipment = f"exchanger_{number}"
    if equipment not in _EQUIPMENT:
        last = sum(name.startswith("exchanger_") for name in _EQUIPMENT)
        raise InputError(
            f"{section.where}.exchanger: there is no exchanger {number}; give 1 to {last}"
        )
    return EquipmentTrip(_at(section), section.plain_quantity("duration", "s"), equipment)


def _valve_sticks(section: Section) -> ValveSticks:
    valve = section.choice("valve", _VALVES)
    return ValveSticks(_at(section), valve, section.plain_quantity("stick_band", "1"))


def _setpoint_change(section: Section) -> SetpointChange:
    handle = section.choice("handle", _SI_OF_HANDLE)
    value = section.plain_quantity("setpoint", _SI_OF_HANDLE[handle])
    return SetpointChange(_at(section), handle, value)


_READERS: Mapping[str, Callable[[Section], Event]] = MappingProxyType(
    {
        "crude_switch": _crude_switch,
        "price_change": _price_change,
        "sensor_fault": _sensor_fault,
        "noise_change": _noise_change,
        "preheat_change": _preheat_change,
        "ambient_change": _change_of("temp_ambient"),
        "cooling_water_change": _change_of("temp_cooling_water"),
        "crude_temperature_change": _change_of("temp_crude"),
        "fuel_change": _fuel_change,
        "equipment": _equipment,
        "power_dip": _power_dip,
        "exchanger_cleaning": _exchanger_cleaning,
        "valve_sticks": _valve_sticks,
        "setpoint_change": _setpoint_change,
    }
)


def _event(section: Section) -> Event:
    event = _READERS[section.choice("event", _READERS)](section)
    section.close()
    for attribute, fault in event_faults(event):
        name, *inner = attribute.split(".")
        place = ".".join((section.where, _KEYS.get(name, name), *inner))
        raise InputError(f"{place} {fault}")
    return event


@contextmanager
def _placed(where: str) -> Iterator[None]:
    """Say where in the file a refused value stands."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _weather(section: Section) -> Weather:
    si_by_key = {
        "temp_k_amplitude": ("daily_amplitude", "delta_K"),
        "warmest_s": ("warmest_at", "s"),
        "temp_k_noise": ("noise", "delta_K"),
        "noise_time_s": ("noise_time", "s"),
        "share_cooling_water": ("share_cooling_water", "1"),
    }
    values = {
        name: section.plain_quantity(key, si)
        for name, (key, si) in si_by_key.items()
        if section.has(key)
    }
    section.close()
    for name, value in values.items():
        if fault := WEATHER_RANGES[name].fault(value):
            raise InputError(f"{section.where}.{si_by_key[name][0]} {fault}")
    with _placed(section.where):
        return Weather(**values)


def _process_noise(section: Section) -> ProcessNoise:
    variable = section.choice("variable", (*BOUNDARY, *_SI_OF_HANDLE))
    sd = section.plain_quantity("sd", si_of_span(variable, f"{section.where}.variable"))
    time_s = section.plain_quantity("time", "s")
    section.close()
    with _placed(section.where):
        return ProcessNoise(variable, sd, time_s)


def load_scenario(path: Path, crude_keys: Sequence[str] = ()) -> Scenario:
    """Return the scenario in a YAML file.

    Args:
        path: of the file.
        crude_keys: of the unit that will meet the scenario; with them a wrong crude is told with
            its place in the file, without them only by the simulator.

    Raises:
        InputError: the file is missing, a key, unit or value in it is wrong, or an event begins
            after the end.
    """
    document = read_document(Path(path))
    document.text("description")
    error: Mapping[str, float] = {}
    if document.has("slate_error"):
        error = read_slate(document.section("slate_error"))
    fouling = 0.0
    if document.has("fouling_per_day"):
        fouling = document.plain_quantity("fouling_per_day", "delta_K") / _DAY_S
    noises = document.items("process_noise") if document.has("process_noise") else ()
    values: dict[str, Any] = {
        "duration_s": document.plain_quantity("duration", "s"),
        "noise_factor": document.plain_quantity("noise_factor", "1"),
        "events": tuple(_event(item) for item in document.items("events")),
        "slate_error": error,
        "fouling": fouling,
        "weather": _weather(document.section("weather")) if document.has("weather") else None,
        "process_noise": tuple(_process_noise(item) for item in noises),
    }
    document.close()
    with _placed(document.where):
        scenario = Scenario(**values)
    if crude_keys:
        _check_crudes(scenario, tuple(crude_keys), document.where)
    for sentence in events_outside(scenario):
        raise InputError(f"{document.where}: {sentence}")
    return scenario


def _check_crudes(scenario: Scenario, crude_keys: tuple[str, ...], where: str) -> None:
    slates = {
        f"{where}.events[{n}].slate": event.slate
        for n, event in enumerate(scenario.events)
        if isinstance(event, CrudeSwitch)
    }
    for place, slate in {f"{where}.slate_error": scenario.slate_error, **slates}.items():
        for crude in slate:
            if crude not in crude_keys:
                known = ", ".join(crude_keys)
                raise InputError(f"{place}: no crude '{crude}'; the unit runs: {known}")
