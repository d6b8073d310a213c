"""Preheat exchangers and condenser of the unit against the laws of heat: no duty from nowhere."""

import casadi as ca
import numpy as np
import pytest
from scipy.optimize import brentq

from operator_agent.arrays import FloatArray
from operator_agent.plant.integrate import make_steady_state_solver
from operator_agent.plant.unit.assembly import assemble, pumparound_tray
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, disturbance_vector
from operator_agent.plant.unit.feed_path import EXCHANGER_OF_PLACE
from operator_agent.plant.unit.overhead import transfer_units
from operator_agent.plant.variables import MV_NAMES, SIDE_PRODUCTS

from .equipment_bench import number

EXCHANGERS = ("exchanger_1", "exchanger_2", "exchanger_3", "exchanger_4")
ROWS = ("duty", "entering", "at_outlet", "at_cold_inlet", "temp_hot_out", "temp_cold_in")


@pytest.fixture(scope="module")
def heat(case: CrudeUnitCase) -> ca.Function:
    """Return duty, enthalpies [W] and temperatures [K] of each exchanger, one row each.

    The enthalpies are sums over the lumps that flow, not the terms that the exchangers use.
    """
    unit = assemble(case, case.layout("plant"))
    component, train = unit.component, unit.feed_path.train

    def liquid(flows: ca.SX, temp: ca.SX) -> ca.SX:
        return ca.dot(flows, component.enthalpy_liquid(temp))

    hot = {
        "exchanger_1": [unit.product(name) for name in SIDE_PRODUCTS],
        "exchanger_4": [unit.product("residue")],
    }
    flows = {name: sum((s.flows for s in streams), ca.SX(0)) for name, streams in hot.items()}
    entering = {name: sum((s.enthalpy for s in streams), ca.SX(0)) for name, streams in hot.items()}
    for place, name in EXCHANGER_OF_PLACE.items():
        tray = unit.column.trays[pumparound_tray(unit.layout, place) - 1].stage
        flow_vol = unit.circulations[place].hot.flow
        flows[name] = flow_vol * tray.molar_density * tray.fractions
        entering[name] = liquid(flows[name], tray.temp)
    cold, rows = unit.d["temp_crude"], []
    for name in EXCHANGERS:
        found = train.exchangers[name]
        at_outlet = liquid(flows[name], found.temp_hot_out)
        at_cold = liquid(flows[name], cold)
        rows.append([found.duty, entering[name], at_outlet, at_cold, found.temp_hot_out, cold])
        cold = train.desalter.temp if name == "exchanger_1" else found.temp_cold_out
    told = ca.vertcat(*(ca.horzcat(*row) for row in rows))
    return ca.Function("heat", [unit.states.vector(), unit.inputs, unit.disturbances], [told])


def check(plant: CrudeUnit, heat: ca.Function, point: tuple[FloatArray, ...], label: str) -> None:
    """Check the exchangers at a state, inputs and disturbances."""
    told = np.asarray(heat(*point).full())
    names = plant.information_names
    values = dict(zip(names, plant.information(*point).full().ravel(), strict=True))
    for name, row in zip(EXCHANGERS, told, strict=True):
        at = dict(zip(ROWS, map(float, row), strict=True))
        assert at["duty"] > 1e6, (label, name)
        left = at["entering"] - at["duty"]
        assert left > at["at_cold_inlet"], (label, name)
        assert left == pytest.approx(at["at_outlet"], abs=2e3), (label, name)
        assert values[f"temp_hot_{name}"] == pytest.approx(at["temp_hot_out"]), (label, name)
        assert at["temp_hot_out"] > at["temp_cold_in"] + 1.0, (label, name)


def test_no_exchanger_takes_more_than_its_hot_stream_has(
    plant: CrudeUnit, heat: ca.Function
) -> None:
    model = plant.model
    check(plant, heat, (model.x_nominal, model.u_nominal, model.d_nominal), "nominal")


@pytest.mark.slow
def test_no_exchanger_does_on_any_recipe_card(
    plant: CrudeUnit, heat: ca.Function, case: CrudeUnitCase
) -> None:
    model, solver = plant.model, make_steady_state_solver(plant.model)
    for recipe in case.recipes:
        u = model.u_nominal.copy()
        u[: len(MV_NAMES)] = [recipe.setpoints[mv] for mv in MV_NAMES]
        d = disturbance_vector(case, recipe.slate)
        check(plant, heat, (solver.solve(u, d, model.x_nominal), u, d), recipe.name)


def test_disturbance_of_the_controller_starts_at_the_preheat_of_the_plant(
    plant: CrudeUnit, case: CrudeUnitCase
) -> None:
    model = plant.model
    values = plant.information(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    found = values[plant.information_names.index("temp_preheat")]
    assert found == pytest.approx(case.temp_preheat, abs=0.1)


@pytest.mark.parametrize(
    "ratio", [1.001, 1.003, 1.01, 1.03, 1.1, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 5.0, 10.0, 20.0]
)
def test_transfer_units_of_the_condenser_solve_their_equation(ratio: float) -> None:
    def miss(units: float) -> float:
        return float(units - ratio * -np.expm1(-units))

    expected = brentq(miss, ratio - 1.0, ratio + 1.0, xtol=1e-14)
    found = number(transfer_units(ca.SX(ratio)))
    assert found == pytest.approx(expected, abs=3e-3 if ratio < 1.01 else 1e-4)


def test_transfer_units_are_smooth_and_rise_through_the_limit() -> None:
    ratio = ca.SX.sym("r")
    units = transfer_units(ratio)
    both = ca.Function("n", [ratio], [units, ca.jacobian(units, ratio)])
    told = np.array([[float(v) for v in both(r)] for r in np.linspace(0.0, 3.0, 301)])
    assert np.all(np.isfinite(told))
    assert np.all(np.diff(told[:, 0]) >= 0.0)
    assert told[0, 0] == pytest.approx(0.002, abs=1e-3)
