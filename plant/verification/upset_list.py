"""Upsets of the crude unit as data: what fails, for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from operator_agent.plant.variables import SIDE_PRODUCTS

_MINUTE_S, _HOUR_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Upset:
    """Something that goes wrong for a while.

    Attributes:
        name: in words.
        duration_s: until it is put right [s].
        disturbances: by name [SI].
        factors: on set points, by name.
    """

    name: str
    duration_s: float
    disturbances: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)


def upsets() -> tuple[Upset, ...]:
    """Return failures of equipment, valves that stick, excessive draws, and trays run dry."""
    draws = {f"flow_vol_{product}": 4.0 for product in SIDE_PRODUCTS}
    dry = draws | {f"duty_pumparound_{place}": 0.0 for place in ("top", "mid", "bottom")}
    return (
        _failure("heater trip", "heater", 30.0),
        _failure("feed pump trip", "pump_feed", 30.0),
        _failure("reflux pump trip", "pump_reflux", 30.0),
        _failure("top pumparound trip", "pump_pumparound_top", 60.0),
        _failure("middle pumparound trip", "pump_pumparound_mid", 60.0),
        _failure("bottom pumparound trip", "pump_pumparound_bottom", 60.0),
        _failure("condenser failure", "condenser", 15.0),
        _failure("power dip of 1 s", "power", 1.0 / 60.0),
        _failure("power dip of 10 s", "power", 10.0 / 60.0),
        _failure("power dip of 60 s", "power", 1.0),
        _failure("blackout of an hour", "power", 60.0),
        _sticking("feed", "flow_vol_feed", 0.99),
        _sticking("reflux", "temp_top", 1.002),
        *(_failure(f"exchanger {n} bypassed", f"exchanger_{n}", 120.0) for n in range(1, 5)),
        Upset(
            "hot day: water 35 degC, air 40 degC",
            4.0 * _HOUR_S,
            {"temp_cooling_water": 308.15, "temp_ambient": 313.15},
        ),
        *(
            Upset(f"{product} draw times 3", 2.0 * _HOUR_S, factors={f"flow_vol_{product}": 3.0})
            for product in SIDE_PRODUCTS
        ),
        Upset("all draws times 4, no pumparounds", 3.0 * _HOUR_S, factors=dry),
    )


def crude_switches(keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return all ordered pairs of crudes as a path: each switch starts where the last one ended.

    Args:
        keys: of two crudes or more.
    """
    left = {key: [other for other in keys if other != key] for key in keys}
    path, circuit = [keys[0]], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            circuit.append(path.pop())
    order = circuit[::-1]
    return tuple(pairwise(order))


def _sticking(valve: str, handle: str, factor: float) -> Upset:
    """Return a valve that sticks while its set point moves: at rest a stuck stem would stay so."""
    name = f"{valve} valve sticks by 5 %, set point moved"
    return Upset(name, 2.0 * _HOUR_S, {f"stick_band_{valve}": 0.05}, {handle: factor})


def _failure(name: str, status: str, minutes: float) -> Upset:
    return Upset(name, minutes * _MINUTE_S, {f"status_{status}": 0.0})
