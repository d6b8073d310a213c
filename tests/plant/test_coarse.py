"""The controller's model of the crude unit: its balances, economics and reach."""

import ast
import math
from pathlib import Path

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.coarse.controller_economics import build_controller_economics
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.coarse.parameters import CoarseParameters, load_coarse_parameters
from operator_agent.plant.integrate import make_integrator, make_steady_state_solver
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.variables import CV_NAMES, MV_NAMES

ROOT = Path(__file__).parents[2]
PARAMETERS = ROOT / "cases/controllers/crude_unit_model.yaml"


@pytest.fixture(scope="module")
def model(case: CrudeUnitCase) -> ProcessModel:
    return build_controller_model(case)


@pytest.fixture(scope="module")
def economics(case: CrudeUnitCase) -> ca.Function:
    return build_controller_economics(case)


@pytest.fixture(scope="module")
def parameters(case: CrudeUnitCase) -> CoarseParameters:
    return case.controller_model


def outputs(model: ProcessModel, x: FloatArray, u: FloatArray, d: FloatArray) -> dict[str, float]:
    values = model.outputs(x, u, d).full().ravel()
    return dict(zip(model.y_names, map(float, values), strict=True))


def nominal(model: ProcessModel) -> dict[str, float]:
    return outputs(model, model.x_nominal, model.u_nominal, model.d_nominal)


def test_it_takes_no_equation_from_the_plant() -> None:
    for path in (ROOT / "plant/coarse").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "module", None) or ""
            if name.startswith("operator_agent.plant.unit"):
                assert name == "operator_agent.plant.unit.case", f"{path.name} imports {name}"
            assert not name.startswith("operator_agent.plant.equipment"), path.name


def test_names_and_size_are_those_of_a_controllers_model(
    case: CrudeUnitCase, model: ProcessModel
) -> None:
    assert model.u_names == MV_NAMES
    assert model.y_names == CV_NAMES
    assert model.d_names == (*(f"fraction_{key}" for key in case.crude_keys), "temp_preheat")
    assert model.n_x <= 150
    transfers = model.n_x * 2 + model.n_u + model.n_d  # loads and stores count as instructions
    assert model.rhs.n_instructions() - transfers < 4000


def test_nominal_point_rests_at_the_cases_values(case: CrudeUnitCase, model: ProcessModel) -> None:
    rate = model.rhs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    assert np.max(np.abs(rate / model.x_scale)) < 1e-9
    at = dict(zip(model.x_names, model.x_nominal, strict=True))
    assert at["temp_stage_1"] == pytest.approx(case.setpoints["temp_top"], abs=0.01)
    assert at["temp_coil_outlet"] == pytest.approx(case.setpoints["temp_coil_outlet"], abs=0.01)


def test_it_differs_from_the_plant_but_is_the_same_unit(
    model: ProcessModel, plant: CrudeUnit
) -> None:
    ours, theirs = nominal(model), nominal(plant.model)
    gaps = {cv: abs(ours[cv] - theirs[cv]) for cv in CV_NAMES}
    assert max(gap for cv, gap in gaps.items() if cv.startswith("temp_tbp")) < 15.0
    assert gaps["duty_furnace"] < 0.1 * theirs["duty_furnace"]
    assert gaps["duty_condenser"] < 0.1 * theirs["duty_condenser"]
    assert gaps["fraction_overflash"] < 0.03
    assert max(gaps.values()) > 1.0  # a real mismatch


def test_volume_closes_at_rest_for_any_lump_and_input(
    model: ProcessModel, economics: ca.Function
) -> None:
    rng, solver = np.random.default_rng(2), make_steady_state_solver(model)
    for _ in range(4):
        u = model.u_nominal + rng.uniform(-1.0, 1.0, model.n_u) * model.u_scale
        x = solver.solve(u, model.d_nominal, model.x_nominal)
        flows = economics(x, u, model.d_nominal).full().ravel()
        assert flows[0] == u[0]
        assert np.sum(flows[1:6]) == pytest.approx(flows[0], rel=1e-8)


def test_volume_closes_through_a_transient(model: ProcessModel, economics: ca.Function) -> None:
    u = model.u_nominal.copy()
    u[0] *= 1.05
    integrator, x = make_integrator(model), model.x_nominal
    held = np.array([name.startswith("holdup") for name in model.x_names])
    gained = 0.0
    for _ in range(360):
        middle = integrator.step(x, u, model.d_nominal, 5.0)
        flows = economics(middle, u, model.d_nominal).full().ravel()
        gained += 10.0 * float(flows[0] - np.sum(flows[1:6]))
        x = integrator.step(middle, u, model.d_nominal, 5.0)
    assert gained == pytest.approx(
        float(np.sum((x - model.x_nominal)[held])), abs=3600 * u[0] * 1e-4
    )


def test_economic_outputs_are_flows_fired_duty_and_steam(
    case: CrudeUnitCase, model: ProcessModel, economics: ca.Function, parameters: CoarseParameters
) -> None:
    flows = economics(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    assert flows.size == 8
    fired = nominal(model)["duty_furnace"] / parameters.efficiency_furnace
    assert flows[6] == pytest.approx(fired)
    strippers = [getattr(parameters, f"flow_mass_steam_{p}") for p in ("kerosene", "lgo", "hgo")]
    assert flows[7] == pytest.approx(case.setpoints["flow_mass_steam_bottom"] + sum(strippers))
    # a stripper sends a part of its draw back
    for flow, product in zip(flows[2:5], ("kerosene", "lgo", "hgo"), strict=True):
        assert 0.75 < flow / case.setpoints[f"flow_vol_{product}"] < 0.98


@pytest.mark.slow
def test_crude_switch_through_all_crudes(case: CrudeUnitCase, model: ProcessModel) -> None:
    integrator, x, d = make_integrator(model), model.x_nominal, model.d_nominal
    for key in case.crude_keys:
        end = np.array([*case.slate_vector({key: 1.0}), model.d_nominal[-1]])
        for share in np.linspace(0.1, 1.0, 10):
            x = integrator.step(x, model.u_nominal, d + share * (end - d), 180.0)
        d = end
        x = integrator.step(x, model.u_nominal, d, 3600.0)
        assert all(np.isfinite(value) for value in outputs(model, x, model.u_nominal, d).values())
        assert np.min(x) > -1e-3  # no volume below zero


def test_draws_beyond_the_liquid_take_what_there_is(
    model: ProcessModel, economics: ca.Function
) -> None:
    u = model.u_nominal.copy()
    u[3:6] *= 1.5
    x = make_steady_state_solver(model).solve(u, model.d_nominal, model.x_nominal)
    assert 0.0 <= outputs(model, x, u, model.d_nominal)["fraction_overflash"] < 0.01
    flows = economics(x, u, model.d_nominal).full().ravel()
    assert 0.0 < flows[4] < 0.5 * u[5]
    assert np.sum(flows[1:6]) == pytest.approx(flows[0], rel=1e-6)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(-4.0, 4.0), min_size=9, max_size=9))
def test_any_set_points_in_reach_integrate(model: ProcessModel, moves: list[float]) -> None:
    u = model.u_nominal + np.array(moves) * model.u_scale
    x = make_integrator(model).step(model.x_nominal, u, model.d_nominal, 7200.0)
    assert all(np.isfinite(value) for value in outputs(model, x, u, model.d_nominal).values())


def test_a_furnace_at_its_largest_duty_misses_the_set_point(
    model: ProcessModel, parameters: CoarseParameters
) -> None:
    d = model.d_nominal.copy()
    d[-1] -= 90.0  # the preheat train is lost
    x = make_integrator(model).step(model.x_nominal, model.u_nominal, d, 4.0 * 3600.0)
    at = outputs(model, x, model.u_nominal, d)
    assert at["duty_furnace"] == pytest.approx(parameters.duty_furnace_high, rel=0.02)
    assert x[model.x_names.index("temp_coil_outlet")] < model.u_nominal[1] - 5.0


def test_the_crude_at_the_coil_follows_the_declared_one_by_its_lag(
    model: ProcessModel, parameters: CoarseParameters
) -> None:
    d, integrator = model.d_nominal.copy(), make_integrator(model)
    d[:2] += (-0.1, 0.1)
    fed = [model.x_names.index(name) for name in ("fed_" + model.d_names[n] for n in range(2))]
    x = integrator.step(model.x_nominal, model.u_nominal, d, parameters.time_line_up)
    moved = (x - model.x_nominal)[fed]
    assert moved == pytest.approx([-0.1 * (1 - math.exp(-1)), 0.1 * (1 - math.exp(-1))], rel=1e-3)


def test_pumparounds_give_heat_to_the_crude_and_the_model_says_how_much(
    model: ProcessModel, parameters: CoarseParameters
) -> None:
    assert model.made is not None
    assert np.max(np.abs(model.made(model.x_nominal).full())) < 1e-9
    u, place = model.u_nominal.copy(), model.u_names.index("duty_pumparound_mid")
    u[place] += model.u_scale[place]
    x = make_steady_state_solver(model).solve(u, model.d_nominal, model.x_nominal)
    made = model.made(x).full().ravel()
    assert made[:-1] == pytest.approx(0.0)
    assert made[-1] == pytest.approx(parameters.gains_preheat["duty_pumparound_mid"])
    warmer, still = model.d_nominal.copy(), model.made(model.x_nominal).full().ravel()
    warmer[-1] += made[-1] - still[-1]
    saved = outputs(model, x, u, model.d_nominal)["duty_furnace"]
    same = outputs(model, model.x_nominal, model.u_nominal, warmer)["duty_furnace"]
    assert saved == pytest.approx(same, rel=1e-3)


def test_no_crude_at_all_ends_with_a_reason(model: ProcessModel) -> None:
    u = model.u_nominal.copy()
    u[0] = 0.0
    with pytest.raises(PlantError, match="crude_unit_controller"):
        make_steady_state_solver(model).solve(u, model.d_nominal, model.x_nominal)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stage_lgo: 5", "stage_lgo: 3", "from the top come stage 1"),
        ("stage_pumparound_top: 2", "stage_pumparound_top: 9", "outside 2 to 8"),
        ("time_analyser: {value: 5", "time_analyser: {value: 0", "time_analyser: must be above"),
        ("n_stages: 10", "n_stages: 10\nn_trays: 9", "unknown key 'n_trays'"),
        ("area_column: {value: 23, unit: m2", "area_column: {value: 23, unit: m3", "in m2"),
        ("efficiency_furnace", "efficiency", "key 'efficiency_furnace' is missing"),
    ],
)
def test_wrong_parameters_are_refused_with_the_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = PARAMETERS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "model.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_coarse_parameters(path)
