"""The crude unit in time: set points in, noisy measurements out, events as the scenario says."""

import difflib
import math
from collections.abc import Mapping

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.integrate import Integrator, make_integrator
from operator_agent.plant.simulation.disturbances import Disturbances
from operator_agent.plant.simulation.events import PriceChange, SensorFault, SetpointChange
from operator_agent.plant.simulation.scenario import Scenario, fingerprint
from operator_agent.plant.simulation.sensors import Measurement, Sensors
from operator_agent.plant.simulation.snapshot import Snapshot
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.variables import HANDLES, SI_OF_MV, fraction_name

_SI = {**SI_OF_MV, **HANDLES}
_ROUNDING = 1e-9  # of an end of a range that was typed in another unit
_TIME_TOLERANCE_S = 1e-6  # rounding of sums of steps
_OIL_K = (250.0, 800.0)  # the correlations hold between them
_METAL_K = (200.0, 1000.0)  # tubes and exchangers: from frost to softening steel
_HOLDUP_FLOOR_MOL = -1.0  # integration error of an empty holdup; a tray holds 1e4 mol


class Simulator:
    """One crude unit with its sensors in one scenario. The same seed gives the same run.

    Attributes:
        unit: model of the plant.
        case: numbers of the unit.
        scenario: what happens.
        seed: of all chance.
    """

    def __init__(self, unit: CrudeUnit, case: CrudeUnitCase, scenario: Scenario, seed: int) -> None:
        """Start at the model's nominal steady state and its nominal set points.

        Raises:
            InputError: the scenario or the instruments name a crude, stream or variable that does
                not exist.
        """
        self.unit = unit
        self.case = case
        self.scenario = scenario
        self.seed = seed
        self._disturbances = Disturbances(unit.model, case, scenario, seed)
        self._integrator: Integrator = make_integrator(unit.model)
        self._limits = _limits(unit.model.x_names)
        self._fingerprint = fingerprint(scenario)
        self._check_ranges()
        self._time_s = 0.0
        self._x: FloatArray = unit.model.x_nominal.copy()
        nominal = unit.model.u_nominal.tolist()
        self._setpoints = dict(zip(unit.model.u_names, nominal, strict=True))
        self._truth: dict[str, float] | None = None
        self._operate()
        self._check_names()
        self._rest_sensors()

    def _check_names(self) -> None:
        known = self.truth()
        faulty = [fault.variable for fault in self.scenario.of(SensorFault)]
        for name in [*self.case.instruments.names, *faulty]:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
                raise InputError(f"no variable '{name}' is measured; the nearest is '{near}'")

    def _check_ranges(self) -> None:
        handles = self.unit.model.u_names
        for handle in self.case.instruments.ranges:
            if handle not in handles:
                near = difflib.get_close_matches(handle, handles, n=1, cutoff=0.0)[0]
                raise InputError(f"range of '{handle}': no such handle; the nearest is '{near}'")
        nominal = self.unit.model.u_nominal.tolist()
        written = [(change.handle, change.value) for change in self.scenario.of(SetpointChange)]
        for handle, value in (*zip(handles, nominal, strict=True), *written):
            self._check_setpoint(handle, value)

    def _check_setpoint(self, mv: str, value_si: float) -> None:
        if not (math.isfinite(value_si) and value_si >= 0.0):
            raise InputError(f"set point of {mv} is {value_si}; give a finite positive number")
        low, high = self.case.instruments.ranges.get(mv, (0.0, math.inf))
        if not low - _ROUNDING * low <= value_si <= high + _ROUNDING * high:
            si = "" if _SI[mv] == "1" else f" {_SI[mv]}"
            raise InputError(
                f"set point of {mv} is {value_si:.6g}{si}; the control system accepts "
                f"{low:.6g} to {high:.6g}{si}"
            )

    @property
    def time_s(self) -> float:
        """Simulated time since the start [s]."""
        return self._time_s

    @property
    def setpoints(self) -> dict[str, float]:
        """What the regulatory loops hold now, by handle [SI]."""
        return dict(self._setpoints)

    @property
    def declared_slate(self) -> dict[str, float]:
        """Volume fraction of each crude as declared by the tank farm."""
        declared = self._disturbances.declared(self._time_s)
        return {key: declared[fraction_name(key)] for key in self.case.crude_keys}

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
            InputError: no such variable, or a value that is not finite, negative or beyond the
                range of the handle.
        """
        if mv not in self._setpoints:
            near = difflib.get_close_matches(mv, self._setpoints, n=1, cutoff=0.0)[0]
            raise InputError(f"no manipulated variable '{mv}'; the nearest is '{near}'")
        self._check_setpoint(mv, value_si)
        self._setpoints[mv] = float(value_si)
        self._truth = None

    def advance(self, duration_s: float) -> None:
        """Let time pass, as fast as the processor can; events happen at their times.

        Raises:
            InputError: the duration is not positive.
            PlantError: the plant left its physical range; the simulator stands at the last good
                moment.
        """
        if not (math.isfinite(duration_s) and duration_s > 0.0):
            raise InputError(f"cannot advance by {duration_s} s; give a positive time")
        end = self._time_s + duration_s
        while end - self._time_s > _TIME_TOLERANCE_S:
            cell = self._disturbances.cell(self._time_s)
            self._step(min(end, cell[1], self._sensors.next_sample_s(self._time_s)), cell)

    def start_again(self, time_s: float) -> None:
        """Stand at the nominal steady state at a later time, as after a shutdown and a start-up.

        What drifts for months, fouling and coke, stays where it was; the line-up holds the crude
        that flows at that time; set points that the scenario has operators write meanwhile stand.

        Args:
            time_s: since the start of the scenario, not before now [s].

        Raises:
            InputError: the time lies in the past.
        """
        if not (math.isfinite(time_s) and time_s >= self._time_s):
            raise InputError(f"cannot start again at {time_s} s; now it is {self._time_s:.0f} s")
        model, stopped_s = self.unit.model, self._time_s
        lying = {
            f"mixed_{key}": share for key, share in self._disturbances.true_slate(time_s).items()
        }
        started = dict(zip(model.x_names, model.x_nominal.tolist(), strict=True))
        started |= {name: self._x[model.x_names.index(name)] for name in model.drifting}
        started |= {name: share for name, share in lying.items() if name in started}
        self._time_s, self._x, self._truth = time_s, np.array(list(started.values())), None
        self._setpoints = dict(zip(model.u_names, model.u_nominal.tolist(), strict=True))
        for change in self.scenario.of(SetpointChange):
            if stopped_s < change.at_s <= time_s:
                self.write(change.handle, change.value)
        self._rest_sensors()

    def _rest_sensors(self) -> None:
        truth = self.truth()
        self._sensors = Sensors(
            self.case.instruments, self.scenario, self.seed, truth, self._time_s
        )
        self._sensors.hold(truth, self._time_s)

    def _step(self, end_s: float, cell: tuple[float, float]) -> None:
        """Go on within a cell of constant inputs; nothing changes when the plant cannot."""
        duration_s, middle_s = end_s - self._time_s, 0.5 * (cell[0] + cell[1])
        u = dict(self._setpoints)
        for handle, miss in self._disturbances.handle_noise(middle_s).items():
            u[handle] = max(u[handle] + miss, 0.0)
        disturbance = self._disturbances.vector(middle_s)
        x = self._integrator.step(self._x, np.array(list(u.values())), disturbance, duration_s)
        _check_physical(self.unit.model.x_names, x, self._limits, self._time_s)
        truth = self._true_values(x, end_s)
        self._x, self._time_s, self._truth = x, end_s, truth
        self._sensors.record(truth, end_s, duration_s)
        self._sensors.hold(truth, end_s)
        self._operate()

    def _operate(self) -> None:
        """Write the set points that the scenario has operators write now."""
        for change in self.scenario.of(SetpointChange):
            if abs(change.at_s - self._time_s) <= _TIME_TOLERANCE_S:
                self.write(change.handle, change.value)

    def truth(self) -> dict[str, float]:
        """Return all variables without noise or faults, by name [SI].

        The disturbance variables are what really flows, not what is declared.

        Raises:
            PlantError: a value is not finite.
        """
        if self._truth is None:
            self._truth = self._true_values(self._x, self._time_s)
        return dict(self._truth)

    def _true_values(self, x: FloatArray, time_s: float) -> dict[str, float]:
        model = self.unit.model
        u = np.array(list(self._setpoints.values()))
        d = self._disturbances.vector(time_s)
        outputs = model.outputs(x, u, d).full().ravel().tolist()
        further = self.unit.information(x, u, d).full().ravel().tolist()
        values = dict(zip(model.u_names, u.tolist(), strict=True))
        values |= dict(zip(model.d_names, d.tolist(), strict=True))
        values |= dict(zip(model.y_names, outputs, strict=True))
        values |= dict(zip(self.unit.information_names, further, strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise PlantError(
                    f"{name} is {value} at {time_s:.0f} s; the state is beyond what the model "
                    "describes: check the set points and what is out of service"
                )
        return values

    def measure(self) -> dict[str, Measurement]:
        """Return the readings of all variables: set points, DVs, CVs, the rest.

        The slate is that which is declared; what has no instrument is read exactly.

        Raises:
            PlantError: a true value is not finite.
        """
        shown = self.truth() | self._disturbances.declared(self._time_s)
        return self._sensors.read(shown, self._time_s)

    def snapshot(self) -> Snapshot:
        """Return the present state, for `restore`."""
        return Snapshot(
            case=self.case.key,
            scenario=self._fingerprint,
            model=self.unit.model.name,
            seed=self.seed,
            time_s=self._time_s,
            x=tuple(map(float, self._x)),
            setpoints=dict(self._setpoints),
            sensors=self._sensors.state(),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of a simulator with the same unit and scenario.

        The simulator keeps its own seed: from here on two seeds are two futures of one past.

        Raises:
            InputError: the snapshot is of another unit, case or scenario or has other instruments.
        """
        model = self.unit.model
        if len(snapshot.x) != model.n_x:
            raise InputError(f"snapshot has {len(snapshot.x)} states, the unit {model.n_x}")
        if snapshot.model != model.name:
            raise InputError(f"snapshot is of model '{snapshot.model}', this is '{model.name}'")
        if snapshot.case != self.case.key:
            raise InputError(f"snapshot is of case '{snapshot.case}', this is '{self.case.key}'")
        if snapshot.scenario != self._fingerprint:
            raise InputError(
                "snapshot is of another scenario; restore it with the events, weather and noise "
                "that it was made with"
            )
        _check_same("set points", snapshot.setpoints, self._setpoints)
        own = self._sensors.state()
        _check_same("lagged sensors", snapshot.sensors.lagged, own.lagged)
        _check_same("analysers", snapshot.sensors.samples, own.samples)
        self._time_s = snapshot.time_s
        self._x = np.array(snapshot.x)
        self._setpoints = {name: snapshot.setpoints[name] for name in model.u_names}
        self._sensors.restore(snapshot.sensors)
        self._truth = None


def _check_same(what: str, there: Mapping[str, object], here: Mapping[str, object]) -> None:
    other = sorted(set(there) ^ set(here))
    if other:
        raise InputError(
            f"snapshot has other {what} than this simulator: '{other[0]}' is only in one of them"
        )


def _limits(names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return between what each state is physical, shapes (n_x,)."""
    low, high = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    for place, name in enumerate(names):
        # What an analyser reads has no such limits: its instrument's range cuts it off.
        if name.startswith(("temp_tray_", "temp_stripper_")):
            low[place], high[place] = _OIL_K
        elif name.startswith("temp_"):
            low[place], high[place] = _METAL_K
        elif name.startswith("holdup_"):
            low[place] = _HOLDUP_FLOOR_MOL
    return low, high


def _check_physical(
    names: tuple[str, ...], x: FloatArray, limits: tuple[FloatArray, FloatArray], time_s: float
) -> None:
    outside = np.flatnonzero((x <= limits[0]) | (x >= limits[1]))
    if outside.size == 0:
        return
    place = int(outside[0])
    name, value, low, high = names[place], x[place], limits[0][place], limits[1][place]
    if name.startswith("holdup_"):
        raise PlantError(f"{name} is {value:.1f} mol after {time_s:.0f} s: a vessel ran empty")
    raise PlantError(
        f"{name} is {value:.0f} K after {time_s:.0f} s, outside {low:.0f} to {high:.0f} K; heat "
        "and draws do not fit the feed"
    )
