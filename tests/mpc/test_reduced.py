"""The reduced model against the full one, and the reduced controller in closed loop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.linear.affine_stages import affine_maps
from operator_agent.mpc.linear.reduced import OperatingPoint, Reducer
from operator_agent.mpc.linear.reduced_mpc import ReducedMpc
from operator_agent.mpc.variables import variables_from_site
from operator_agent.mpc.weights import load_weights
from operator_agent.plant.classics.column_a import column_a
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.generic.linear_plant import held_input_matrices
from operator_agent.plant.generic.state_space import from_state_space
from operator_agent.plant.integrate import make_integrator, steady_state
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.runtime.site_file import load_site

ROOT = Path(__file__).resolve().parents[2]
CYCLE_S = 60.0


def test_steady_gains_are_exact_and_more_states_come_nearer():
    model = column_a()
    reducer, full = Reducer(model), Linearised.of(model)
    spans = np.concatenate([model.u_scale, model.d_scale])
    phi, gamma = held_input_matrices(full.a, full.b * spans, CYCLE_S)
    exact = full.gains * spans / model.y_scale[:, None]
    errors, rng = [], np.random.default_rng(3)
    for order in (3, 8, 16):
        reduced = reducer.at(reducer.nominal(), CYCLE_S, order)
        maps = affine_maps(ScaledModel.of(reduced.model))
        assert maps is not None
        step, outputs = maps
        effect = np.hstack([step.u, step.d * model.d_scale])
        through = np.hstack([outputs.u, outputs.d * model.d_scale])
        rest = np.linalg.solve(np.eye(order) - step.x, effect)
        assert outputs.x @ rest + through == pytest.approx(exact, rel=1e-6)
        moved = 0.1 * rng.normal(size=spans.size)
        u, d = np.split(moved * spans, [model.n_u])
        z = rest @ moved * reduced.model.x_scale
        whole = reduced.whole(z, model.u_nominal + u, model.d_nominal + d)
        shown = full.c @ (whole - model.x_nominal) + full.d @ (spans * moved)
        assert shown == pytest.approx(full.gains @ (spans * moved), rel=1e-6)
        assert reduced.reduced(whole) == pytest.approx(z, rel=1e-6, abs=1e-9)
        x, z, worst = np.zeros(gamma.shape), np.zeros(effect.shape), 0.0
        for _ in range(600):
            x, z = phi @ x + gamma, step.x @ z + effect
            gap = full.c @ x / model.y_scale[:, None] - outputs.x @ z - through
            worst = max(worst, float(np.max(np.abs(gap))))
        assert reduced.bound > 0.0 and np.all(np.diff(reduced.hankel) <= 1e-12)
        errors.append(worst)
    assert errors[2] < 1e-3 * float(np.max(np.abs(exact)))
    assert errors[0] > errors[1] > errors[2]


def test_a_plant_that_integrates_is_not_reduced():
    level = from_state_space("level", [[0.0]], [[1.0]], [[1.0]], ["inflow"], ["level"])
    reducer = Reducer(level)
    with pytest.raises(InputError, match="does not settle"):
        reducer.at(reducer.nominal(), CYCLE_S)
    with pytest.raises(InputError, match="order 0"):
        reducer.at(reducer.nominal(), CYCLE_S, 0)


@pytest.mark.slow
def test_the_reduced_controller_moves_the_nonlinear_unit_without_offset():
    unit = build_controller_model(load_crude_unit_case(ROOT / "cases/plants/crude_unit.yaml"))
    variables = variables_from_site(load_site(ROOT / "cases/sites/crude_unit.yaml"), unit)
    weights = load_weights(ROOT / "cases/controllers/crude_unit_weights.yaml")
    free = replace(
        weights,
        cv_tracking={"temp_tbp95_kerosene": 1.0},
        resting=dict.fromkeys(unit.u_names, 1e-5),
        hard_margin=0.0,
    )
    reducer = Reducer(unit)
    controller = ReducedMpc(reducer.at(reducer.nominal(), CYCLE_S), variables, free, CYCLE_S)
    step, x, u, d = make_integrator(unit).step, unit.x_nominal, unit.u_nominal, unit.d_nominal
    y = unit.outputs(x, u, d).full().ravel()
    kerosene = unit.y_names.index("temp_tbp95_kerosene")
    target, state = y.copy(), controller.start(y, u, d)
    target[kerosene] -= 4.0
    for _ in range(240):
        outcome, state = controller.step(state, y, d, target, unit.u_nominal)
        assert outcome.accepted and outcome.diagnostics.iterations == 1
        assert np.all(state.u >= variables.mv_low) and np.all(state.u <= variables.mv_high)
        x = step(x, state.u, d, CYCLE_S)
        y = unit.outputs(x, state.u, d).full().ravel()
    assert np.abs((y - target) / unit.y_scale)[kerosene] < 1e-3


@pytest.mark.slow
def test_at_a_new_point_the_controller_still_knows_what_is_on_its_way():
    unit = build_controller_model(load_crude_unit_case(ROOT / "cases/plants/crude_unit.yaml"))
    variables = variables_from_site(load_site(ROOT / "cases/sites/crude_unit.yaml"), unit)
    weights = load_weights(ROOT / "cases/controllers/crude_unit_weights.yaml")
    reducer, step = Reducer(unit), make_integrator(unit).step
    before = ReducedMpc(reducer.at(reducer.nominal(), CYCLE_S), variables, weights, CYCLE_S)
    x, u, d = unit.x_nominal, unit.u_nominal, unit.d_nominal.copy()
    y = unit.outputs(x, u, d).full().ravel()
    state = before.start(y, u, d)
    d[0], d[1] = d[0] - 0.03, d[1] + 0.03
    for _ in range(6):
        _, state = before.step(state, y, d, y, unit.u_nominal)
        x = step(x, state.u, d, CYCLE_S)
        y, u = unit.outputs(x, state.u, d).full().ravel(), state.u
    point = OperatingPoint(steady_state(unit, u, d, x), u, d)
    after = ReducedMpc(reducer.at(point, CYCLE_S), variables, weights, CYCLE_S)
    maps = affine_maps(ScaledModel.of(after.reduced.model))
    assert maps is not None
    truth = unit.outputs(step(x, u, d, 3600.0), u, d).full().ravel()
    tracked = [unit.y_names.index(name) for name in weights.cv_tracking]
    missed = []
    for taken in (after.taken_over(state, before), after.start(y, u, d)):
        z = taken.x
        for _ in range(61):  # its state is a cycle old
            z = maps[0].at(z, u / unit.u_scale, d)
        told = maps[1].at(z, u / unit.u_scale, d) * unit.y_scale + taken.bias
        missed.append(np.max((np.abs(told - truth) / unit.y_scale)[tracked]))
    assert missed[0] < 0.1 * missed[1]
