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


def test_equations_without_rest_are_told() -> None:
    with pytest.raises(PlantError, match="does not come to rest"):
        build(lambda x, u, d: {"a": u["u"] + x["a"] * 1e-9})


def test_an_integrating_ode_keeps_the_level_it_is_given() -> None:
    model = build(lambda x, u, d: {"a": (u["u"] - 1.0) / 60.0}, states=[Variable("a", 5.0)])
    assert model.x_nominal == pytest.approx([5.0], abs=0.0)
    assert any("integrate" in note for note in check_plant(model).notes)


def test_nonlinear_ode_is_moved_to_rest() -> None:
    assert heater().x_nominal == pytest.approx([1.0], abs=1e-8)
