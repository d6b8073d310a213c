"""Linear plants of users against closed forms: step responses, frequency responses, samples."""

import cmath
import math

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad_vec

from operator_agent.errors import InputError, PlantError
from operator_agent.plant.check import check_plant
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.generic.dead_time import legendre_delay
from operator_agent.plant.generic.gains import relative_gains, steady_gains
from operator_agent.plant.generic.linear_plant import held_input_matrices
from operator_agent.plant.generic.ode import from_casadi
from operator_agent.plant.generic.sampled_plant import SampledPlant, delayed_plant
from operator_agent.plant.generic.state_space import (
    from_sampled_state_space,
    from_state_space,
    sampled_state_space,
)
from operator_agent.plant.generic.transfer_function import (
    TransferFunction,
    first_order,
    integrator,
    oscillating,
    second_order,
)
from operator_agent.plant.generic.transfer_matrix import (
    first_order_matrix,
    from_transfer_matrix,
    sampled_transfer_matrix,
)
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel


def response(model: ProcessModel, s: complex) -> np.ndarray:
    """Return the transfer matrix of a model at s."""
    linear = Linearised.of(model)
    return linear.d + linear.c @ np.linalg.solve(s * np.eye(model.n_x) - linear.a, linear.b)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_dead_time_is_the_pade_approximation(order: int) -> None:
    # Numerator of degree n - 1, denominator of degree n: Baker and Graves-Morris, "Pade
    # Approximants", 1996, section 1.2 (exponential).
    a, b, c = legendre_delay(7.0, order)
    m, n = order - 1, order
    for frequency in (0.01, 0.1, 0.5):
        z = 7.0j * frequency
        found = c @ np.linalg.solve(1j * frequency * np.eye(n) - a, b)
        top = sum(math.comb(m, k) * math.factorial(m + n - k) * (-z) ** k for k in range(m + 1))
        bottom = sum(math.comb(n, k) * math.factorial(m + n - k) * z**k for k in range(n + 1))
        assert found == pytest.approx(top / bottom, rel=1e-9)


def test_dead_time_of_the_default_order_is_as_good_as_stated() -> None:
    a, b, c = legendre_delay(100.0)
    for frequency in np.linspace(1e-4, 0.04, 50):
        found = c @ np.linalg.solve(1j * frequency * np.eye(4) - a, b)
        error = found * cmath.exp(100.0j * frequency)
        assert abs(math.degrees(cmath.phase(error))) < 1.0
        if frequency <= 0.03:
            assert abs(abs(error) - 1.0) < 0.0035


ELEMENTS = (
    first_order(2.0, 60.0),
    second_order(-3.0, (20.0, 500.0), lead_s=-40.0),
    second_order(1.5, (60.0, 60.0)),
    oscillating(2.0, 300.0, 0.2),
    integrator(0.1),
    integrator(-0.02, 45.0),
    TransferFunction((1.0, 2.0), (3.0, 1.0)),
    TransferFunction((4.0,), (2.0,)),
    TransferFunction((1.0,), (900.0, -1.0)),
    TransferFunction((5.0, 1.0, 0.5), (1e5, 3e3, 70.0, 1.0)),
)


@pytest.mark.parametrize("element", ELEMENTS)
def test_realisation_is_the_transfer_function(element: TransferFunction) -> None:
    model = from_transfer_matrix("plant", [[element]], ["u"], ["y"])
    for s in (0.001j, 0.01 + 0.02j, 0.3j):
        assert response(model, s)[0, 0] == pytest.approx(element.at(s), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-10, 10).filter(lambda g: abs(g) > 0.01),
    st.floats(1.0, 1e4),
    st.floats(1.0, 1e4),
    st.floats(-1e3, 1e3),
)
def test_any_second_order_element_is_realised(gain, first, second, lead) -> None:
    element = second_order(gain, (first, second), lead)
    model = from_transfer_matrix("plant", [[element]], ["u"], ["y"])
    for frequency in (1e-4, 1e-2):
        s = 1j * frequency
        assert response(model, s)[0, 0] == pytest.approx(element.at(s), rel=1e-6, abs=1e-9)


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


def test_states_of_linear_plants_are_of_order_one() -> None:
    model = from_state_space("slow", [[-1e-5]], [[3.0]], [[1e-6]], [Variable("u", 0, 2.0)], ["y"])
    assert model.x_scale == pytest.approx([6e5], rel=0.01)
    assert check_plant(model).passed


def heater() -> ProcessModel:
    def equations(x, u, d):
        rate = (u["duty"] + d["leak"] - x["temp"] ** 2) / 50.0
        return {"temp": rate}, {"temp": x["temp"]}

    return from_casadi(
        "heater",
        equations,
        [Variable("temp", 0.9)],
        [Variable("duty", 1.0)],
        {"temp": 1.0},
        [Variable("leak")],
    )


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


def column() -> SampledPlant:
    elements = first_order_matrix(
        [[12.8, -18.9], [6.6, -19.4]],
        [[1002.0, 1260.0], [654.0, 864.0]],
        [[60.0, 180.0], [420.0, 180.0]],
    )
    return sampled_transfer_matrix(
        "column", elements, ["reflux", "steam"], ["top", "bottom"], sample_time_s=60.0
    )


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


def test_relative_gains_add_up_and_refuse_what_has_none() -> None:
    gains = np.array([[4.05, 1.77, 5.88], [5.39, 5.72, 6.90], [4.38, 4.42, 7.20]])
    found = relative_gains(gains)
    assert np.sum(found, axis=0) == pytest.approx(np.ones(3))
    assert np.sum(found, axis=1) == pytest.approx(np.ones(3))
    with pytest.raises(InputError, match="singular"):
        relative_gains([[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(InputError, match="square matrix, found shape"):
        relative_gains([[1.0, 1.0]])
    assert steady_gains([[integrator(-2.0), None]])[0].tolist() == [-np.inf, 0.0]


def ss(**changes):
    given = {
        "a": [[-1.0]],
        "b": [[1.0]],
        "c": [[1.0]],
        "inputs": ["u"],
        "outputs": ["y"],
    } | changes
    return from_state_space("plant", **given)


def tm(elements, **changes):
    given = {"inputs": ["u"], "outputs": ["y"]} | changes
    return from_transfer_matrix("plant", elements, **given)


BAD = (
    ("A has shape \\(1, 2\\), needs \\(1, 1\\)", lambda: ss(a=[[1.0, 2.0]])),
    ("B has shape \\(1, 1\\), needs \\(1, 2\\)", lambda: ss(inputs=["u", "w"])),
    ("C\\[0, 0\\] is nan; every entry must be finite", lambda: ss(c=[[float("nan")]])),
    ("A has shape \\(1,\\); give a matrix", lambda: ss(a=[1.0])),
    ("A: no array of numbers", lambda: ss(a=[["a"]])),
    ("D has shape", lambda: ss(d=[[1.0], [2.0]])),
    ("name 'y' comes twice", lambda: ss(outputs=["y", "y"])),
    ("'u' is an input and a disturbance", lambda: ss(disturbances=["u"], b=[[1.0, 1.0]])),
    ("there is no input", lambda: ss(inputs=[], b=np.zeros((1, 0)))),
    ("there is no output", lambda: ss(outputs=[], c=np.zeros((0, 1)))),
    ("expected a Variable or a name, found 3", lambda: ss(inputs=[3])),
    ("give a list of names, not the text 'u'", lambda: ss(inputs="u")),
    ("is not causal: the numerator", lambda: TransferFunction((1.0, 1.0), (1.0,))),
    ("first coefficient is zero", lambda: TransferFunction((1.0,), (0.0, 1.0))),
    ("a coefficient is not finite", lambda: TransferFunction((math.inf,), (1.0,))),
    ("need coefficients", lambda: TransferFunction((), (1.0,))),
    ("dead time -1.0 s must be finite and not negative", lambda: first_order(1.0, 1.0, -1.0)),
    ("time constant -5.0 s .* unstable element is written", lambda: first_order(1.0, -5.0)),
    ("period 0.0 s", lambda: oscillating(1.0, 0.0, 0.5)),
    ("damping 0.0 must be", lambda: oscillating(1.0, 1.0, 0.0)),
    ("has 2 rows for 1 outputs", lambda: tm([[None], [None]])),
    ("row 0 .* has 2 elements for 1 inputs", lambda: tm([[None, None]])),
    ("element \\[0, 0\\] is 3.0", lambda: tm([[3.0]])),
    ("order 0 of a dead time", lambda: tm([[first_order(1.0, 1.0, 1.0)]], delay_order=0)),
    (
        "gains: no array of numbers .*give rows of equal length",
        lambda: first_order_matrix([[1.0, 2.0], [1.0]], [[1.0]], [[0.0]]),
    ),
    (
        "dead times: no array of numbers",
        lambda: first_order_matrix([[1.0]], [[1.0]], [["late"]]),
    ),
    ("relative gains: no array of numbers", lambda: relative_gains([[1.0, 2.0], [3.0]])),
    (
        "dead times have shape \\(1, 1\\)",
        lambda: first_order_matrix([[1.0, 2.0]], [[1.0, 1.0]], [[0.0]]),
    ),
    (
        "\\[0, 1\\]: time constant 0.0 s",
        lambda: first_order_matrix([[1.0, 2.0]], [[1.0, 0.0]], [[0.0, 0.0]]),
    ),
    (
        "dead time from u 90 s is no multiple of the sample time 60 s; the nearest is 120 s",
        lambda: sampled_transfer_matrix(
            "plant", [[first_order(1.0, 1.0, 90.0)]], ["u"], ["y"], sample_time_s=60.0
        ),
    ),
    (
        "sample time 0.0 s must be above zero",
        lambda: sampled_state_space("p", [[0.0]], [[1.0]], [[1.0]], 0.0, ["u"], ["y"]),
    ),
    ("nominal value inf is not finite", lambda: Variable("u", math.inf)),
    ("span 0.0 must be a finite number above zero", lambda: Variable("u", 0.0, 0.0)),
    ("a variable needs a name", lambda: Variable(" ")),
    ("a dead time is given for input 'dutie'", lambda: delayed_plant(heater(), 1.0, {"dutie": 1})),
    ("for output 'tempo'", lambda: delayed_plant(heater(), 1.0, {}, {"tempo": 1.0})),
    ("no input 'flow'; there is: reflux, steam", lambda: column().write("flow", 1.0)),
    ("input reflux is nan", lambda: column().write("reflux", math.nan)),
    ("no disturbance 'feed'; there is: none", lambda: column().disturb("feed", 1.0)),
    ("duration 90 s is no multiple", lambda: column().advance(90.0)),
    ("cannot advance by 0.0 s", lambda: column().advance(0.0)),
    ("it is of another plant", lambda: column().restore(delayed_plant(heater(), 1.0).snapshot())),
)


@pytest.mark.parametrize(("text", "call"), BAD, ids=[text for text, _ in BAD])
def test_bad_input_is_refused_in_one_sentence(text, call) -> None:
    with pytest.raises(InputError, match=text):
        call()


def test_an_unstable_plant_says_so_before_numbers_leave() -> None:
    plant = sampled_state_space("runaway", [[1e200]], [[1.0]], [[1.0]], 60.0, ["u"], ["y"])
    plant.write("u", 1e200)
    with pytest.raises(PlantError, match="runaway left finite numbers after 60 s"):
        plant.advance(180.0)
    assert math.isfinite(plant.truth()["y"])


def equations_giving(rates, outputs):
    return lambda x, u, d: (rates(x, u, d), outputs(x, u, d))


def build(rates, outputs=lambda x, u, d: {"y": x["a"]}, **changes):
    given = {
        "states": [Variable("a", 1.0)],
        "inputs": [Variable("u", 1.0)],
        "output_spans": {"y": 1.0},
    } | changes
    return from_casadi("mine", equations_giving(rates, outputs), **given)


OTHER = ca.SX.sym("other")
BAD_EQUATIONS = (
    ("ask for 'b', which does not exist; there is: a, u", lambda: build(lambda x, u, d: x["b"])),
    ("give no rate of a", lambda: build(lambda x, u, d: {})),
    ("a rate of 'b', which is not declared", lambda: build(lambda x, u, d: {"a": 0, "b": 0})),
    (
        "give no output of y",
        lambda: build(lambda x, u, d: {"a": -x["a"]}, lambda x, u, d: {}),
    ),
    ("must return two mappings", lambda: build(lambda x, u, d: x["a"])),
    ("rate of a is no CasADi expression", lambda: build(lambda x, u, d: {"a": "x"})),
    ("rate of a has shape", lambda: build(lambda x, u, d: {"a": ca.vertcat(x["a"], 1)})),
    ("contains a symbol that is no state", lambda: build(lambda x, u, d: {"a": OTHER - x["a"]})),
    (
        "ask `if` about an expression",
        lambda: build(lambda x, u, d: {"a": 1 if x["a"] > 0 else 0}),
    ),
    ("there is no state", lambda: build(lambda x, u, d: {}, states=[])),
    (
        "there is no output",
        lambda: build(lambda x, u, d: {"a": -x["a"]}, lambda x, u, d: {}, output_spans={}),
    ),
    ("variable y: span -1", lambda: build(lambda x, u, d: {"a": -x["a"]}, output_spans={"y": -1})),
)


@pytest.mark.parametrize(("text", "call"), BAD_EQUATIONS, ids=[text for text, _ in BAD_EQUATIONS])
def test_bad_equations_are_refused_in_one_sentence(text, call) -> None:
    with pytest.raises(InputError, match=text):
        call()


def test_equations_without_rest_are_told() -> None:
    with pytest.raises(PlantError, match="does not come to rest"):
        build(lambda x, u, d: {"a": u["u"] + x["a"] * 1e-9})


def test_an_integrating_ode_keeps_the_level_it_is_given() -> None:
    model = build(lambda x, u, d: {"a": (u["u"] - 1.0) / 60.0}, states=[Variable("a", 5.0)])
    assert model.x_nominal == pytest.approx([5.0], abs=0.0)
    assert any("integrate" in note for note in check_plant(model).notes)


def test_nonlinear_ode_is_moved_to_rest() -> None:
    assert heater().x_nominal == pytest.approx([1.0], abs=1e-8)
