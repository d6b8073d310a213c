"""Plants of users in steps: exact dead times, held inputs, samples, restoring."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad_vec

from operator_agent.errors import InputError, PlantError
from operator_agent.plant.check import check_plant
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.generic.linear_plant import held_input_matrices
from operator_agent.plant.generic.sampled_plant import delayed_plant
from operator_agent.plant.generic.state_space import (
    from_sampled_state_space,
    from_state_space,
    sampled_state_space,
)
from operator_agent.plant.generic.transfer_function import first_order, integrator, second_order
from operator_agent.plant.generic.transfer_matrix import (
    from_transfer_matrix,
    sampled_transfer_matrix,
)
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator

from .generic_bench import column, heater


def test_sampled_first_order_with_dead_time_in_closed_form() -> None:
    plant = sampled_transfer_matrix(
        "oven", [[first_order(4.0, 600.0, 120.0)]], ["fuel"], ["temp"], sample_time_s=60.0
    )
    plant.write("fuel", 1.0)
    for minute in range(1, 30):
        plant.advance(60.0)
        since = max(60.0 * minute - 120.0, 0.0)
        exact = 4.0 * (1.0 - math.exp(-since / 600.0))
        assert plant.truth()["temp"] == pytest.approx(exact, abs=1e-12)
    assert plant.time_s == pytest.approx(29 * 60.0)


def test_ode_and_samples_agree_but_for_the_dead_time() -> None:
    elements = [
        [first_order(4.0, 600.0, 120.0), second_order(-2.0, (300.0, 900.0), -200.0, 60.0)],
        [None, integrator(-0.01, dead_time_s=60.0)],
    ]
    model = from_transfer_matrix("oven", elements, ["fuel", "draw"], ["temp", "level"])
    exact = sampled_transfer_matrix(
        "oven", elements, ["fuel", "draw"], ["temp", "level"], sample_time_s=60.0
    )
    step, x, u = make_integrator(model).step, model.x_nominal, np.array([1.0, 0.5])
    exact.write("fuel", 1.0)
    exact.write("draw", 0.5)
    for _ in range(30):
        x = step(x, u, model.d_nominal, 60.0)
        exact.advance(60.0)
        y = model.outputs(x, u, model.d_nominal).full().ravel()
        assert y == pytest.approx(exact.outputs_now(), abs=0.06)
    assert y == pytest.approx(exact.outputs_now(), abs=2e-3)


def test_held_inputs_are_integrated_exactly() -> None:
    # Against quadrature of the variation of constants.
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    phi, gamma = held_input_matrices(a, b, 0.7)
    expected = quad_vec(lambda t: held_input_matrices(a, b, t)[0] @ b, 1e-12, 0.7)[0]
    assert gamma == pytest.approx(expected, abs=1e-8)
    assert phi == pytest.approx(np.linalg.matrix_power(held_input_matrices(a, b, 0.1)[0], 7))


def test_continuous_and_sampled_state_space_are_one_plant() -> None:
    a = np.array([[-0.01, 0.004], [0.0, -0.002]])
    b, c, d = np.array([[0.01, 0.0], [0.003, 0.001]]), np.array([[1.0, 2.0]]), np.array([[0.5, 0]])
    phi, gamma = held_input_matrices(a, b, 30.0)
    names = {"inputs": ["u"], "outputs": [Variable("y", 7.0, 2.0)], "disturbances": ["w"]}
    direct = from_state_space("plant", a, b, c, d=d, **names)
    back = from_sampled_state_space("plant", phi, gamma, c, 30.0, d=d, **names)
    first, second = Linearised.of(direct), Linearised.of(back)
    assert second.a == pytest.approx(first.a, abs=1e-12)
    assert second.b == pytest.approx(first.b, abs=1e-12)
    assert second.d == pytest.approx(d)
    steps = sampled_state_space("plant", phi, gamma, c, 30.0, d=d, **names)
    steps.write("u", 1.0)
    steps.disturb("w", -1.0)
    steps.advance(600.0)
    x = make_integrator(direct).step(np.zeros(2), np.ones(1), -np.ones(1), 600.0)
    y = direct.outputs(x, np.ones(1), -np.ones(1)).full().ravel()
    assert steps.outputs_now() == pytest.approx(y, rel=1e-3)


@pytest.mark.parametrize(
    "a",
    [
        [[1.0]],
        [[1.0, 1.0], [0.0, 1.0]],
        [[0.6, -0.7], [0.7, 0.6]],
        [[0.5, 1.0], [0.0, 0.5]],
        [[1e-4, 0.0], [0.3, 1.2]],
    ],
    ids=["integrates", "integrates twice", "swings", "double pole", "fast and unstable"],
)
def test_samples_of_many_kinds_come_back(a: list[list[float]]) -> None:
    b, c = np.ones((len(a), 1)), np.ones((1, len(a)))
    linear = Linearised.of(from_sampled_state_space("odd", a, b, c, 60.0, ["u"], ["y"]))
    phi, gamma = held_input_matrices(linear.a, linear.b, 60.0)
    assert phi == pytest.approx(np.array(a), abs=1e-9)
    assert gamma == pytest.approx(b, abs=1e-9)


@pytest.mark.parametrize(
    ("pole", "text"), [(0.0, "a pole at zero, the mark of a dead time"), (-0.5, "negative axis")]
)
def test_samples_without_a_continuous_plant_are_refused_but_stepped(pole, text) -> None:
    with pytest.raises(InputError, match=text):
        from_sampled_state_space("odd", [[pole]], [[1.0]], [[1.0]], 60.0, ["u"], ["y"])
    plant = sampled_state_space("odd", [[pole]], [[1.0]], [[1.0]], 60.0, ["u"], ["y"])
    plant.write("u", 1.0)
    plant.advance(120.0)
    assert plant.truth()["y"] == pytest.approx(1.0 + pole)


def test_nonlinear_plant_behind_exact_dead_times() -> None:
    model = heater()
    late = delayed_plant(model, 10.0, {"duty": 30.0, "leak": 10.0}, {"temp": 20.0})
    late.write("duty", 2.0)
    seen = []
    for _ in range(20):
        late.advance(10.0)
        seen.append(late.truth()["temp"])
    step, x, plain = make_integrator(model).step, model.x_nominal, [1.0]
    for _ in range(15):
        x = step(x, np.array([2.0]), np.zeros(1), 10.0)
        plain.append(float(x[0]))
    assert seen[:5] == pytest.approx([1.0] * 5, abs=1e-9)
    assert seen[4:] == pytest.approx(plain, abs=1e-9)
    assert check_plant(late).passed


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=12), st.integers(1, 8))
def test_restore_brings_everything_back(moves: list[float], before: int) -> None:
    plant = column()
    plant.write("reflux", 0.5)
    plant.advance(60.0 * before)
    kept = plant.snapshot()

    def walk() -> list[dict[str, float]]:
        told = []
        for n, move in enumerate(moves):
            plant.write(("reflux", "steam")[n % 2], move)
            plant.advance(60.0)
            told.append(plant.truth())
        return told

    first = walk()
    plant.restore(kept)
    assert plant.time_s == pytest.approx(60.0 * before)
    assert walk() == first


def test_superposition_holds_in_steps() -> None:
    together, alone = column(), [column(), column()]
    for n, name in enumerate(("reflux", "steam")):
        together.write(name, 1.0)
        alone[n].write(name, 1.0)
    for plant in (together, *alone):
        plant.advance(3600.0)
    expected = alone[0].outputs_now() + alone[1].outputs_now()
    assert together.outputs_now() == pytest.approx(expected, rel=1e-12)


def test_an_unstable_plant_says_so_before_numbers_leave() -> None:
    plant = sampled_state_space("runaway", [[1e200]], [[1.0]], [[1.0]], 60.0, ["u"], ["y"])
    plant.write("u", 1e200)
    with pytest.raises(PlantError, match="runaway left finite numbers after 60 s"):
        plant.advance(180.0)
    assert math.isfinite(plant.truth()["y"])
