"""The crude unit in time: set points in, noisy measurements out, events as the scenario says."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.integrate import Integrator, make_integrator
from operator_agent.plant.simulation.scenario import (
    CrudeSwitch,
    PreheatChange,
    PriceChange,
    Scenario,
    SensorFault,
    check_slates,
    ramp,
)
from operator_agent.plant.simulation.sensors import Measurement, Sensors
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.unit.recipe import recipe_setpoints
from operator_agent.plant.variables import MV_NAMES

_RAMP_STEP_S = 60.0  # inputs are constant within a step; ramps last many of them
_STEP_S = 300.0  # without a ramp only slow fouling moves the inputs
_TIME_TOLERANCE_S = 1e-6  # rounding of sums of steps
_COLDEST_K, _HOTTEST_K = 250.0, 800.0  # the correlations hold between them
_HOLDUP_FLOOR_MOL = -1.0  # integration error of an empty holdup; a tray holds 1e4 mol


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a simulator knows at one time; see `Simulator.snapshot`."""

    time_s: float
    x: tuple[float, ...]
    setpoints: Mapping[str, float]
    held: Mapping[str, float]


class Simulator:
    """One crude unit with its sensors in one scenario. The same seed gives the same run.

    Attributes:
        unit: model of the plant.
        case: numbers of the unit.
        scenario: what happens.
    """

    def __init__(self, unit: CrudeUnit, case: CrudeUnitCase, scenario: Scenario, seed: int) -> None:
        """Start at the model's nominal steady state and the case's nominal set points.

        Raises:
            InputError: the scenario names a crude, stream or variable that does not exist.
        """
        check_slates(scenario, case.crude_keys)
        self.unit = unit
        self.case = case
        self.scenario = scenario
        self._integrator: Integrator = make_integrator(unit.model)
        self._sensors = Sensors(case.noise, scenario, seed)
        self._time_s = 0.0
        self._x: FloatArray = unit.model.x_nominal.copy()
        self._setpoints = dict(zip(MV_NAMES, map(float, unit.model.u_nominal), strict=True))
        self._held: dict[str, float] = {}
        self._breaks = _breaks(scenario)
        self._check_names()
        self._hold_faults()

    def _check_names(self) -> None:
        known = self.truth()
        named = [*self.case.noise, *(fault.variable for fault in self.scenario.of(SensorFault))]
        for name in named:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
                raise InputError(f"no variable '{name}' is measured; the nearest is '{near}'")

    @property
    def time_s(self) -> float:
        """Simulated time since the start [s]."""
        return self._time_s

    @property
    def setpoints(self) -> dict[str, float]:
        """What the regulatory loops hold now, by MV name [SI]."""
        return dict(self._setpoints)

    @property
    def declared_slate(self) -> dict[str, float]:
        """Volume fraction of each crude as declared by the tank farm."""
        return dict(zip(self.case.crude_keys, map(float, self._declared()[:-1]), strict=True))

    @property
    def price_factors(self) -> dict[str, float]:
        """Factor on the price of each stream that has changed so far."""
        factors: dict[str, float] = {}
        for change in self.scenario.of(PriceChange):
            if self._time_s >= change.at_s:
                factors.update(change.factors)
        return factors

    def write(self, mv: str, value_si: float) -> None:
        """Change the set point of one regulatory loop.

        Args:
            mv: name of the manipulated variable.
            value_si: new set point [SI].

        Raises:
            InputError: no such variable, or a value that is not finite or negative.
        """
        if mv not in self._setpoints:
            near = difflib.get_close_matches(mv, MV_NAMES, n=1, cutoff=0.0)[0]
            raise InputError(f"no manipulated variable '{mv}'; the nearest is '{near}'")
        if not (math.isfinite(value_si) and value_si >= 0.0):
            raise InputError(f"set point of {mv} is {value_si}; give a finite positive number")
        self._setpoints[mv] = float(value_si)

    def apply_recipe(self) -> dict[str, float]:
        """Write the operators' card for the declared slate, and return its set points [SI].

        Raises:
            InputError: the case has no cards.
        """
        card = recipe_setpoints(self.case, self.declared_slate)
        for mv, value in card.items():
            self.write(mv, value)
        return card

    def advance(self, duration_s: float) -> None:
        """Let time pass; events happen at their times.

        Raises:
            InputError: the duration is not positive.
            PlantError: the plant left its physical range.
        """
        if not (math.isfinite(duration_s) and duration_s > 0.0):
            raise InputError(f"cannot advance by {duration_s} s; give a positive time")
        end = self._time_s + duration_s
        while end - self._time_s > _TIME_TOLERANCE_S:
            longest = _RAMP_STEP_S if self._on_ramp() else _STEP_S
            stop = min([end, self._time_s + longest, *self._next_breaks()])
            self._step(stop - self._time_s)
            self._time_s = stop
            self._hold_faults()

    def _next_breaks(self) -> list[float]:
        return [at for at in self._breaks if at > self._time_s + _TIME_TOLERANCE_S]

    def _on_ramp(self) -> bool:
        ends = [(0.0, self.scenario.slate_error_ramp_s)] if self.scenario.slate_error else []
        ends += [(switch.at_s, switch.ramp_s) for switch in self.scenario.of(CrudeSwitch)]
        ends += [(change.at_s, change.ramp_s) for change in self.scenario.of(PreheatChange)]
        return any(at <= self._time_s < at + ramp_s for at, ramp_s in ends)

    def _step(self, duration_s: float) -> None:
        disturbance = self._true(self._time_s + 0.5 * duration_s)
        x = self._integrator.step(self._x, self._u(), disturbance, duration_s)
        _check_physical(self.unit.model.x_names, x, self._time_s)
        self._x = x

    def _u(self) -> FloatArray:
        return np.array([self._setpoints[mv] for mv in MV_NAMES])

    def _declared(self, time_s: float | None = None) -> FloatArray:
        now = self._time_s if time_s is None else time_s
        slate = np.array(self.case.slate_vector(self.case.slate))
        for switch in self.scenario.of(CrudeSwitch):
            there = np.array(self.case.slate_vector(switch.slate))
            slate = slate + ramp(now, switch.at_s, switch.ramp_s) * (there - slate)
        preheat = self.case.temp_preheat - self.scenario.fouling * now
        for change in self.scenario.of(PreheatChange):
            preheat += ramp(now, change.at_s, change.ramp_s) * change.temp_k_delta
        return np.array([*slate, preheat])

    def _true(self, time_s: float) -> FloatArray:
        """Return what really flows: the declared slate with the error nobody measures."""
        declared = self._declared(time_s)
        share = ramp(time_s, 0.0, self.scenario.slate_error_ramp_s)
        error = np.array([self.scenario.slate_error.get(key, 0.0) for key in self.case.crude_keys])
        slate = np.maximum(declared[:-1] + share * error, 0.0)
        return np.array([*(slate / slate.sum()), declared[-1]])

    def truth(self) -> dict[str, float]:
        """Return all variables without noise or faults, by name [SI].

        The disturbance variables are what really flows, not what is declared.

        Raises:
            PlantError: a value is not finite.
        """
        model, u, d = self.unit.model, self._u(), self._true(self._time_s)
        values = dict(zip(model.u_names, u, strict=True))
        values |= dict(zip(model.d_names, d, strict=True))
        outputs = model.outputs(self._x, u, d).full().ravel()
        values |= dict(zip(model.y_names, outputs, strict=True))
        further = self.unit.information(self._x, u, d).full().ravel()
        values |= dict(zip(self.unit.information_names, further, strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise PlantError(f"{name} is {value} at {self._time_s:.0f} s")
        return {name: float(value) for name, value in values.items()}

    def measure(self) -> dict[str, Measurement]:
        """Return the readings of all variables: MV read-backs, DVs as declared, CVs, the rest.

        Raises:
            PlantError: a true value is not finite.
        """
        shown = self.truth()
        declared = self._declared()
        shown |= dict(zip(self.unit.model.d_names, map(float, declared), strict=True))
        return self._sensors.read(shown, self._time_s, self._held)

    def _hold_faults(self) -> None:
        """Keep the reading at the start of each fault for as long as it lasts."""
        active = [f for f in self.scenario.of(SensorFault) if f.active(self._time_s)]
        fresh = [fault for fault in active if fault.variable not in self._held]
        self._held = {f.variable: self._held[f.variable] for f in active if f not in fresh}
        if fresh:
            readings = self.measure()
            self._held |= {f.variable: readings[f.variable].value for f in fresh}

    def snapshot(self) -> Snapshot:
        """Return the present state, for `restore`."""
        return Snapshot(
            time_s=self._time_s,
            x=tuple(map(float, self._x)),
            setpoints=MappingProxyType(dict(self._setpoints)),
            held=MappingProxyType(dict(self._held)),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of a simulator with the same unit and scenario.

        Raises:
            InputError: the snapshot has another number of states.
        """
        if len(snapshot.x) != self.unit.model.n_x:
            raise InputError(
                f"snapshot has {len(snapshot.x)} states, the unit {self.unit.model.n_x}"
            )
        self._time_s = snapshot.time_s
        self._x = np.array(snapshot.x)
        self._setpoints = dict(snapshot.setpoints)
        self._held = dict(snapshot.held)


def _breaks(scenario: Scenario) -> tuple[float, ...]:
    """Return the times at which something starts or ends, in order [s]."""
    times = {event.at_s for event in scenario.events}
    times |= {fault.at_s + fault.duration_s for fault in scenario.of(SensorFault)}
    times |= {switch.at_s + switch.ramp_s for switch in scenario.of(CrudeSwitch)}
    times |= {change.at_s + change.ramp_s for change in scenario.of(PreheatChange)}
    return tuple(sorted(times))


def _check_physical(names: tuple[str, ...], x: FloatArray, time_s: float) -> None:
    for name, value in zip(names, x, strict=True):
        if name.startswith(("temp_", "analyser_")) and not _COLDEST_K < value < _HOTTEST_K:
            raise PlantError(
                f"{name} is {value:.0f} K after {time_s:.0f} s, outside {_COLDEST_K:.0f} to "
                f"{_HOTTEST_K:.0f} K; heat and draws do not fit the feed"
            )
        if name.startswith("holdup_") and value < _HOLDUP_FLOOR_MOL:
            raise PlantError(f"{name} is {value:.1f} mol after {time_s:.0f} s: a vessel ran empty")
