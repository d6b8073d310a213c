"""Linear models in steps: exact dead times, and the same answer as an independent QP."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.generic.limits import Soft
from operator_agent.mpc.generic.optimal_control import OptimalControl, optimal_control
from operator_agent.mpc.linear.affine_stages import AffineStages
from operator_agent.mpc.linear.models import (
    plant_model,
    state_space_model,
    step_response_model,
    transfer_matrix_model,
)
from operator_agent.mpc.solve import solve
from operator_agent.plant.classics.shell_fractionator import (
    DISTURBANCES,
    INPUTS,
    OUTPUTS,
    elements,
    shell_fractionator_sampled,
)
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.generic.step_response import sampled_step_response
from operator_agent.plant.generic.transfer_function import first_order, integrator, second_order
from operator_agent.plant.generic.transfer_matrix import sampled_transfer_matrix

MINUTE_S = 60.0


def largest_gap(plant: SampledPlant, model: SampledModel, steps: int, seed: int = 0) -> float:
    """Return how far plant and model come apart under random inputs."""
    random, x, worst = np.random.default_rng(seed), model.x_nominal, 0.0
    for _ in range(steps):
        u = model.u_nominal + random.normal(size=model.n_u)
        d = model.d_nominal + random.normal(size=model.n_d)
        for name, value in zip(model.u_names, u, strict=True):
            plant.write(name, float(value))
        for name, value in zip(model.d_names, d, strict=True):
            plant.disturb(name, float(value))
        plant.advance(model.sample_time_s)
        x = model.step(x, u, d).full().ravel()
        y = model.outputs(x, u, d).full().ravel()
        worst = max(worst, float(np.max(np.abs(y - plant.outputs_now()))))
    return worst


@pytest.mark.parametrize("sample_min", [1, 4, 7])
def test_dead_times_are_exact_at_any_sample_time(sample_min: int):
    model = transfer_matrix_model(
        "shell", elements(), INPUTS, OUTPUTS, DISTURBANCES, sample_time_s=sample_min * MINUTE_S
    )
    assert largest_gap(shell_fractionator_sampled(), model, 60) < 1e-12


@given(
    dead=st.integers(0, 23), lag=st.floats(0.5, 40.0), lead=st.floats(-20.0, 20.0),
    sample=st.integers(1, 9),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_any_element_moves_as_the_finely_sampled_plant(
    dead: int, lag: float, lead: float, sample: int
):
    row = [second_order(1.5, (lag, 7.0), lead, dead), integrator(-0.01, 3.0, 2.0 * dead)]
    plant = sampled_transfer_matrix("plant", [row], ["a", "b"], ["y"], sample_time_s=1.0)
    model = transfer_matrix_model("plant", [row], ["a", "b"], ["y"], sample_time_s=float(sample))
    assert largest_gap(plant, model, 40) < 1e-9


def test_a_step_arrives_in_the_very_sample_of_its_dead_time():
    oven = [[first_order(2.0, 60.0, 25.0)]]
    model = transfer_matrix_model("oven", oven, ["fuel"], ["temp"], sample_time_s=10.0)
    x, seen = model.x_nominal, []
    for _ in range(6):
        x = model.step(x, 1.0, []).full().ravel()
        seen.append(float(model.outputs(x, 1.0, [])))
    after = np.maximum(10.0 * np.arange(1, 7) - 25.0, 0.0)
    assert seen == pytest.approx(list(2.0 * (1.0 - np.exp(-after / 60.0))), abs=1e-12)
    assert seen[:2] == [0.0, 0.0]


def test_step_response_coefficients_come_back_exactly():
    minutes = np.arange(1.0, 61.0)
    settling = 3.0 * (1.0 - np.exp(-np.maximum(minutes - 5.0, 0.0) / 8.0))
    rising = 0.5 * np.maximum(minutes - 5.0, 0.0)
    coefficients = np.stack([settling, rising], axis=1)[:, :, None]
    names = (["fuel"], ["temp", "level"])
    model = step_response_model(
        "furnace", coefficients, *names, integrating=["level"], sample_time_s=60.0
    )
    x, seen = model.x_nominal, []
    for _ in range(90):
        x = model.step(x, 1.0, []).full().ravel()
        seen.append(model.outputs(x, 1.0, []).full().ravel())
    assert np.array(seen)[:60] == pytest.approx(coefficients[:, :, 0], abs=1e-12)
    assert seen[-1] == pytest.approx([settling[-1], rising[-1] + 30 * 0.5], abs=1e-9)
    plant = sampled_step_response("furnace", coefficients, 60.0, *names, integrating=["level"])
    assert largest_gap(plant, plant_model(plant), 100) < 1e-9


def fractionator() -> OptimalControl:
    """Return a problem with active limits on moves, rates and outputs."""
    model = transfer_matrix_model(
        "shell", elements(), INPUTS, OUTPUTS, DISTURBANCES, sample_time_s=4 * MINUTE_S
    )
    y, u = model.y_names, model.u_names
    return optimal_control(
        model,
        sample_time_s=4 * MINUTE_S,
        n_pred=15,
        blocks=[1, 1, 2, 4, 7],
        track={y[0]: 1.0, y[1]: 1.0, u[2]: 0.05},
        moves=dict.fromkeys(u, 0.1),
        limits=dict.fromkeys(u, (-0.5, 0.5)),
        rates=dict.fromkeys(u, 0.05 / 60.0),
        soft={y[6]: Soft(low=-0.1, price=0.3)},
    )


def test_a_linear_problem_is_solved_as_an_independent_qp_solves_it():
    control = fractionator()
    random, model = np.random.default_rng(3), control.model
    x = 0.4 * model.x_scale * random.normal(size=model.n_x)
    held, d = np.array([0.1, -0.2, 0.05]), np.array([0.3, -0.4])
    outcome = control.solve(x, held, d=d, references={model.y_names[0]: 0.2})
    assert outcome.accepted and outcome.diagnostics.iterations == 1
    assert isinstance(control.problem.transcription.stages, AffineStages)
    levels, slack = ca.MX.sym("u", 3, 5), ca.MX.sym("s", 15)
    now, before, cost, rows = ca.DM(x), ca.DM(held), 0.0, []
    for k, block in enumerate(np.repeat(range(5), [1, 1, 2, 4, 7])):
        u = levels[:, int(block)]
        now = model.step(now, u, d)
        y = model.outputs(now, u, d)
        cost += (y[0] - 0.2) ** 2 + y[1] ** 2 + 0.05 * u[2] ** 2
        cost += 0.3 * slack[k]
        rows.append(-0.1 - y[6] - slack[k])
    lengths = [1.0, 1.0, 1.0, 2.0, 4.0]  # of the block before, in cycles; rates add up over it
    steps = []
    for b in range(5):
        move = levels[:, b] - before
        cost += 0.1 * ca.sumsqr(move)
        steps.append(move / (0.2 * lengths[b]))
        before = levels[:, b]
    z = ca.veccat(levels, slack)
    qp = ca.qpsol("independent", "piqp", {"x": z, "f": cost, "g": ca.vertcat(*rows, *steps)},
                  {"print_time": False})  # fmt: skip
    open_sides, tight = np.full(15, -np.inf), np.ones(15)
    found = qp(
        lbx=[-0.5] * 15 + [0.0] * 15, ubx=[0.5] * 15 + [np.inf] * 15,
        lbg=np.concatenate([open_sides, -tight]), ubg=np.concatenate([np.zeros(15), tight]),
    )  # fmt: skip
    best = found["x"].full().ravel()[:3]
    assert outcome.move == pytest.approx(best, abs=2e-5)
    assert float(found["f"]) == pytest.approx(outcome.diagnostics.cost_after, rel=1e-4)


def test_warm_solves_of_a_linear_problem_cost_one_iteration_and_walk_the_plan():
    control = fractionator()
    model = control.model
    x, u, warm = model.x_nominal, model.u_nominal, None
    for _ in range(12):
        outcome = control.solve(x, u, warm, references={model.y_names[0]: 0.2})
        assert outcome.accepted and outcome.diagnostics.iterations == 1
        assert outcome.diagnostics.residual < 1e-6
        u, warm = outcome.move, outcome.warm
        x = model.step(x, u, model.d_nominal).full().ravel()
    assert np.all(np.abs(np.array(u)) <= 0.5)


def test_what_is_kept_from_solve_to_solve_is_never_that_of_another_problem():
    """Weights, limits and plans change at random: each answer is that of a new controller, to the
    last bit."""
    control, rng = fractionator(), np.random.default_rng(7)
    model, problem, warm = control.model, control.problem, None
    for number in range(60):
        if rng.random() < 0.3:
            weights = replace(problem.weights, tracking=rng.random(model.n_y))
            problem = replace(problem, weights=weights)
        if rng.random() < 0.3:
            low = np.where(rng.random(model.n_y) < 0.5, -np.inf, -0.2)
            problem = replace(problem, variables=replace(problem.variables, cv_soft_low=low))
        problem = replace(
            problem,
            x=0.3 * model.x_scale * rng.normal(size=model.n_x),
            u_held=rng.uniform(-0.3, 0.3, model.n_u),
            d=rng.normal(size=(15, model.n_d)) if number % 5 == 0 else rng.normal(size=model.n_d),
        )
        for start in (warm, None):
            new = replace(problem, transcription=fractionator().problem.transcription)
            outcome, expected = solve(problem, start), solve(new, start)
            assert outcome.accepted and expected.accepted, outcome.reason
            assert np.array_equal(outcome.move, expected.move)
            assert outcome.diagnostics.cost_after == expected.diagnostics.cost_after
        warm = outcome.warm if rng.random() < 0.8 else None


def test_a_model_too_long_or_misshapen_is_refused():
    with pytest.raises(InputError, match="longer sample"):
        late = [[first_order(1.0, 1.0, 1e5)]]
        transfer_matrix_model("slow", late, ["u"], ["y"], sample_time_s=1.0)
    with pytest.raises(InputError, match="B needs shape"):
        state_space_model("odd", [[0.5]], [[1.0, 2.0]], [[1.0]], ["u"], ["y"], sample_time_s=1.0)
