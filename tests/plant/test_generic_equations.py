"""Plants of users from equations: rest, and what is refused of them."""

import casadi as ca
import pytest

from operator_agent.errors import InputError, PlantError
from operator_agent.plant.check import check_plant
from operator_agent.plant.generic.ode import from_casadi
from operator_agent.plant.generic.variable import Variable

from .generic_bench import heater


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


def reactor(temp, span=5.0, conc=0.5):
    """Three states of rest: Bequette, "Process Dynamics" (1998), module 8; times in minutes."""

    def rates(x, u, d):
        reacted = 7.2e10 * ca.exp(-8750.0 / x["temp"]) * x["conc"]
        heat = 5e4 / 239.0 * reacted + 5e4 / 23_900.0 * (u["coolant"] - x["temp"])
        return {"conc": 1.0 - x["conc"] - reacted, "temp": 350.0 - x["temp"] + heat}

    return from_casadi(
        "reactor",
        equations_giving(rates, lambda x, u, d: {"temp": x["temp"]}),
        [Variable("conc", conc, 0.1), Variable("temp", temp, span)],
        [Variable("coolant", 300.0, 5.0)],
        {"temp": 5.0},
    )


def test_a_rest_close_to_the_guess_is_kept_though_the_plant_runs_away_from_it() -> None:
    for temp in (350.0, 352.0):
        model = reactor(temp)
        assert model.x_nominal == pytest.approx([0.4993, 350.1], rel=2e-3)


def test_a_guess_between_two_states_of_rest_is_refused_with_both() -> None:
    with pytest.raises(InputError, match=r"several states of rest.*temp 3.*closer.*temp 35"):
        reactor(358.0)


def test_a_rest_far_from_the_guess_is_told(caplog) -> None:
    model = reactor(400.0, span=1.0, conc=0.1)
    assert model.x_nominal[1] == pytest.approx(324.5, abs=0.1)  # of rest: 324, 350, 368
    assert "rests far from its nominal states: temp" in caplog.text


def test_equations_without_rest_are_told() -> None:
    with pytest.raises(PlantError, match="does not come to rest"):
        build(lambda x, u, d: {"a": u["u"] + x["a"] * 1e-9})


def test_an_integrating_ode_keeps_the_level_it_is_given() -> None:
    model = build(lambda x, u, d: {"a": (u["u"] - 1.0) / 60.0}, states=[Variable("a", 5.0)])
    assert model.x_nominal == pytest.approx([5.0], abs=0.0)
    assert any("integrate" in note for note in check_plant(model).notes)


def test_nonlinear_ode_is_moved_to_rest() -> None:
    assert heater().x_nominal == pytest.approx([1.0], abs=1e-8)
