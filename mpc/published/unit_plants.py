"""The two plants on which a unit's upsets are run: the controller's model, the unit of record."""

from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.published.unit_case import RAMP_S, UnitCase
from operator_agent.plant.integrate import make_integrator, steady_state
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.simulation.events import CrudeSwitch
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

TOLERANCE = 1e-7  # of the model as plant, scaled
SETTLE_S = 14_400.0  # of the unit of record after a change of its coil outlet
FRACTION = "fraction_"


class UnitPlant(Protocol):
    """A plant in one loop."""

    def disturbances(self) -> FloatArray:
        """Return the measured disturbances now, as the model takes them, shape (n_d,) [SI]."""
        ...

    def outputs(self) -> FloatArray:
        """Return the true CVs now, shape (n_y,) [SI]."""
        ...

    def state(self) -> FloatArray | None:
        """Return the state of the controller's model where that is the plant."""
        ...

    def advance(self, u: FloatArray, duration_s: float) -> None:
        """Hold inputs for a time [s]."""
        ...


class ModelPlant:
    """The controller's own model: no mismatch, the state is known."""

    def __init__(self, model: ProcessModel, case: UnitCase, cycle_s: float) -> None:
        """Start at the nominal steady state, or at that of a colder coil outlet."""
        self._model, self._case = model, case
        self._start_s, self._time_s = case.at * cycle_s, 0.0
        self._integrator = make_integrator(model, TOLERANCE)
        self._x, self._u = model.x_nominal, model.u_nominal
        if case.cold_k:
            self._x = steady_state(model, colder(model, case), model.d_nominal, model.x_nominal)

    def disturbances(self) -> FloatArray:
        """See `UnitPlant`."""
        d = self._model.d_nominal.copy()
        part = float(np.clip((self._time_s - self._start_s) / RAMP_S, 0.0, 1.0))
        for name, share in self._case.slate.items():
            place = self._model.d_names.index(name)
            d[place] += part * (share - d[place])
        return d

    def outputs(self) -> FloatArray:
        """See `UnitPlant`."""
        y = self._model.outputs(self._x, self._u, self.disturbances())
        return np.asarray(y).ravel()

    def state(self) -> FloatArray | None:
        """See `UnitPlant`."""
        return self._x

    def advance(self, u: FloatArray, duration_s: float) -> None:
        """See `UnitPlant`."""
        self._x = self._integrator.step(self._x, u, self.disturbances(), duration_s)
        self._u, self._time_s = u, self._time_s + duration_s


class RecordPlant:
    """The unit of record in its simulator, without noise: another model than the controller's."""

    def __init__(
        self, model: ProcessModel, unit: CrudeUnit, plant: CrudeUnitCase, case: UnitCase,
        cycle_s: float,
    ) -> None:  # fmt: skip
        """Start at the unit's nominal rest, or after hours with a colder coil outlet."""
        settled_s = SETTLE_S if case.cold_k else 0.0
        length_s = settled_s + (case.cycles + 1) * cycle_s
        slate = {name.removeprefix(FRACTION): share for name, share in case.slate.items()}
        events = (CrudeSwitch(settled_s + case.at * cycle_s, RAMP_S, slate),) if slate else ()
        self._model, self._x = model, model.x_nominal
        self._integrator = make_integrator(model, TOLERANCE)
        self._simulator = Simulator(unit, plant, Scenario(length_s, events=events), 0)
        if settled_s:
            self.advance(colder(model, case), settled_s)
            self._write(model.u_nominal)

    def disturbances(self) -> FloatArray:
        """See `UnitPlant`; without what the controller's model says the MVs have made of them."""
        truth = self._simulator.truth()
        d = np.array([truth[name] for name in self._model.d_names])
        made = self._model.made
        return d if made is None else d - np.asarray(made(self._x)).ravel()

    def outputs(self) -> FloatArray:
        """See `UnitPlant`."""
        truth = self._simulator.truth()
        return np.array([truth[name] for name in self._model.y_names])

    def state(self) -> FloatArray | None:
        """See `UnitPlant`."""
        return None

    def advance(self, u: FloatArray, duration_s: float) -> None:
        """See `UnitPlant`."""
        self._write(u)
        self._x = self._integrator.step(self._x, u, self.disturbances(), duration_s)
        self._simulator.advance(duration_s)

    def _write(self, u: FloatArray) -> None:
        for name, value in zip(self._model.u_names, u.tolist(), strict=True):
            self._simulator.write(name, value)


def colder(model: ProcessModel, case: UnitCase) -> FloatArray:
    """Return the nominal inputs with a colder coil outlet."""
    u = model.u_nominal.copy()
    u[model.u_names.index("temp_coil_outlet")] -= case.cold_k
    return u
