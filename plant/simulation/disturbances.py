"""What acts on the unit at a time, by name: crude, surroundings, status of the equipment."""

import difflib
import math
from bisect import bisect_right
from collections.abc import Mapping

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.simulation.event_ranges import check_boundary
from operator_agent.plant.simulation.events import (
    EVENT_NAMES,
    PREHEAT_SHIFT,
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    FuelChange,
    PreheatChange,
    SetpointChange,
    ValveSticks,
)
from operator_agent.plant.simulation.scenario import Scenario, check_slates, ramp
from operator_agent.plant.simulation.slow_noise import SlowNoise, autocorrelated
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import STATUS, STICTION, fraction_name

_GRID_S = 60.0  # what acts on the unit is constant for so long; ramps last many of them
_TIME_TOLERANCE_S = 1e-6  # rounding of sums of steps
_FUEL = "heating_value_fuel"
_AIR, _WATER = "temp_ambient", "temp_cooling_water"


class Disturbances:
    """The disturbances of a unit in one scenario, as functions of time.

    They start from the model's nominal ones; the slate and the events move them by name.
    """

    def __init__(
        self, model: ProcessModel, case: CrudeUnitCase, scenario: Scenario, seed: int
    ) -> None:
        """Take a model, its crudes and what happens.

        Raises:
            InputError: the scenario names a crude, a disturbance or a handle that is not there, or
                moves the surroundings beyond what there is.
        """
        check_slates(scenario, case.crude_keys)
        self._names = model.d_names
        self._handles = model.u_names
        self._fractions = tuple(map(fraction_name, case.crude_keys))
        self._scenario = scenario
        self._nominal = dict(zip(model.d_names, map(float, model.d_nominal), strict=True))
        self._check(scenario)
        self._slate = np.array(case.slate_vector(case.slate))
        self._switches = [
            (switch.at_s, switch.ramp_s, np.array(case.slate_vector(switch.slate)))
            for switch in scenario.of(CrudeSwitch)
        ]
        self._error = np.array([scenario.slate_error.get(key, 0.0) for key in case.crude_keys])
        self._preheats = scenario.of(PreheatChange)
        self._changes = scenario.of(DisturbanceChange)
        self._fuels = scenario.of(FuelChange)
        self._trips = scenario.of(EquipmentTrip)
        self._sticking = scenario.of(ValveSticks)
        self._noise: dict[str, SlowNoise] = {
            noise.variable: autocorrelated(
                seed, f"process:{noise.variable}", noise.sd, noise.time_s
            )
            for noise in scenario.process_noise
        }
        weather = scenario.weather
        if weather is not None:
            self._weather = autocorrelated(
                seed, "weather", weather.temp_k_noise, weather.noise_time_s
            )
        self.breaks = _breaks(scenario)
        for time_s in self._turns():
            check_boundary(self._planned(time_s), time_s)

    def _check(self, scenario: Scenario) -> None:
        wanted: list[tuple[str, str]] = [
            *((EVENT_NAMES[EquipmentTrip], trip.variable) for trip in scenario.of(EquipmentTrip)),
            *(
                (EVENT_NAMES[DisturbanceChange], change.variable)
                for change in scenario.of(DisturbanceChange)
            ),
            *((EVENT_NAMES[ValveSticks], event.variable) for event in scenario.of(ValveSticks)),
            *((EVENT_NAMES[FuelChange], _FUEL) for _ in scenario.of(FuelChange)),
        ]
        if scenario.weather is not None:
            wanted.append(("weather", _AIR))
        for what, name in wanted:
            _refuse_unknown(what, name, self._names)
        for moved in scenario.of(DisturbanceChange):
            _refuse_shares(EVENT_NAMES[DisturbanceChange], moved.variable, self._fractions)
        for change in scenario.of(SetpointChange):
            _refuse_unknown(EVENT_NAMES[SetpointChange], change.handle, self._handles)
        for noise in scenario.process_noise:
            _refuse_shares("process noise", noise.variable, self._fractions)
            _refuse_unknown("process noise", noise.variable, (*self._names, *self._handles))

    def _turns(self) -> list[float]:
        """Return the times between which the surroundings move in straight lines [s]."""
        moves: tuple[PreheatChange | DisturbanceChange | FuelChange, ...]
        moves = (*self._preheats, *self._changes, *self._fuels)
        times = {0.0, self._scenario.duration_s}
        for move in moves:
            before_s = max(move.at_s - _TIME_TOLERANCE_S, 0.0)  # a step hides where a ramp got to
            times |= {before_s, move.at_s, move.at_s + move.ramp_s}
        return sorted(times)

    def cell(self, time_s: float) -> tuple[float, float]:
        """Return from when to when inputs count as constant around a time [s].

        The ends are whole minutes and the times at which something starts or ends, whatever the
        calls to the simulator: so they do not move the plant.
        """
        now = time_s + _TIME_TOLERANCE_S
        minute, place = math.floor(now / _GRID_S), bisect_right(self.breaks, now)
        start_s, end_s = minute * _GRID_S, (minute + 1) * _GRID_S
        if place > 0:
            start_s = max(start_s, self.breaks[place - 1])
        if place < len(self.breaks):
            end_s = min(end_s, self.breaks[place])
        return start_s, end_s

    def slate(self, time_s: float) -> FloatArray:
        """Return the declared volume fractions in the order of the crudes, shape (n,)."""
        slate = self._slate
        for at_s, ramp_s, there in self._switches:
            slate = slate + ramp(time_s, at_s, ramp_s) * (there - slate)
        return slate

    def declared(self, time_s: float) -> dict[str, float]:
        """Return the declared fractions by name of the disturbance."""
        return dict(zip(self._fractions, map(float, self.slate(time_s)), strict=True))

    def vector(self, time_s: float) -> FloatArray:
        """Return what really acts on the unit, shape (n_d,) [SI]."""
        values = self._planned(time_s)
        self._add_weather(values, time_s)
        for name, noise in self._noise.items():
            if name in values:
                values[name] += noise.at(time_s)
        return np.array([values[name] for name in self._names])

    def _planned(self, time_s: float) -> dict[str, float]:
        """Return what acts on the unit by name, without weather and chance [SI]."""
        values = dict(self._nominal)
        values |= self.true_slate(time_s)
        values[PREHEAT_SHIFT] += self._preheat_shift(time_s)
        for change in self._changes:
            values[change.variable] += ramp(time_s, change.at_s, change.ramp_s) * change.delta
        factor = 1.0
        for fuel in self._fuels:
            factor += ramp(time_s, fuel.at_s, fuel.ramp_s) * (fuel.factor - factor)
        if factor != 1.0:
            values[_FUEL] *= factor
        for trip in self._trips:
            if trip.at_s <= time_s < trip.at_s + trip.duration_s:
                values[trip.variable] = min(values[trip.variable], trip.remaining)
        for event in self._sticking:
            if event.at_s <= time_s:
                values[event.variable] = event.band
        return values

    def handle_noise(self, time_s: float) -> Mapping[str, float]:
        """Return by how much the loops miss their set points, by handle with process noise."""
        noisy = self._noise.items()
        return {name: noise.at(time_s) for name, noise in noisy if name in self._handles}

    def true_slate(self, time_s: float) -> dict[str, float]:
        """Return what really flows, by name: the declared slate with the error nobody measures."""
        share = ramp(time_s, 0.0, self._scenario.slate_error_ramp_s)
        slate = np.maximum(self.slate(time_s) + share * self._error, 0.0)
        return dict(zip(self._fractions, map(float, slate / slate.sum()), strict=True))

    def _preheat_shift(self, time_s: float) -> float:
        shift = -self._scenario.fouling * time_s
        for change in self._preheats:
            shift += ramp(time_s, change.at_s, change.ramp_s) * change.temp_k_delta
        return shift

    def _add_weather(self, values: dict[str, float], time_s: float) -> None:
        weather = self._scenario.weather
        if weather is None:
            return
        shift = weather.cycle(time_s) + self._weather.at(time_s)
        values[_AIR] += shift
        if _WATER in values:
            values[_WATER] += weather.share_cooling_water * shift


def _refuse_shares(what: str, name: str, fractions: tuple[str, ...]) -> None:
    """Refuse to move what is a share of one: matter and equipment do not come out of nothing."""
    if name in fractions:
        raise InputError(
            f"{what} of {name}: fractions add up to 1; move the slate by crude_switch, or what is "
            "not declared of it by slate_error"
        )
    if name in STATUS:
        raise InputError(
            f"{what} of {name}: a status is a share between 0 and 1; use the event equipment with "
            f"'{name.removeprefix('status_')}'"
        )
    if name in STICTION:
        raise InputError(
            f"{what} of {name}: a stick band is a share of the stroke; use the event valve_sticks "
            f"with '{name.removeprefix('stick_band_')}'"
        )


def _refuse_unknown(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise InputError(
            f"{what}: this unit has no variable '{name}' that it could move; the nearest is "
            f"'{near}'"
        )


def _breaks(scenario: Scenario) -> tuple[float, ...]:
    """Return the times at which something starts or ends, in order [s]."""
    times = {event.at_s for event in scenario.events}
    if scenario.slate_error:
        times.add(scenario.slate_error_ramp_s)
    for event in scenario.events:
        for length in ("duration_s", "ramp_s"):
            times.add(event.at_s + getattr(event, length, 0.0))
    return tuple(sorted(time for time in times if math.isfinite(time)))
