"""Step-response coefficients become a plant, and the examples of users' plants run."""

import ast
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.check import check_plant
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.generic.step_response import (
    from_step_response,
    sampled_step_response,
)
from operator_agent.plant.integrate import make_integrator

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("user_plant_*.py"))
MINUTES = np.arange(1.0, 121.0)
SINCE = np.maximum(MINUTES - 5.0, 0.0)
TEMP = 3.0 * (1.0 - np.exp(-SINCE / 20.0))
LEVEL = 0.5 * (SINCE - 8.0 * (1.0 - np.exp(-SINCE / 8.0)))
BOTH = np.stack([TEMP, LEVEL], axis=1)[:, :, None]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=1, max_size=30))
def test_samples_are_the_convolution_of_the_moves(moves: list[float]) -> None:
    # The definition of step-response coefficients: y = sum of coefficients times moves.
    plant = sampled_step_response("oven", TEMP[:, None, None], 60.0, ["u"], ["y"])
    seen, values = [], np.cumsum(moves)
    for value in values:
        plant.write("u", float(value))
        plant.advance(60.0)
        seen.append(plant.outputs_now()[0])
    n = len(moves)
    expected = [sum(TEMP[k - i] * moves[i] for i in range(k + 1)) for k in range(n)]
    assert seen == pytest.approx(expected, abs=1e-9)


def test_samples_settle_or_go_on_after_the_last_coefficient() -> None:
    plant = sampled_step_response(
        "oven", BOTH, 60.0, ["u"], ["temp", "level"], integrating=["level"]
    )
    plant.write("u", 1.0)
    plant.advance(300 * 60.0)
    temp, level = plant.outputs_now()
    assert temp == pytest.approx(TEMP[-1])
    assert level == pytest.approx(LEVEL[-1] + 180 * (LEVEL[-1] - LEVEL[-2]))


def test_fitted_plant_passes_through_the_coefficients() -> None:
    model = from_step_response("oven", BOTH, 60.0, ["u"], ["temp", "level"], integrating=["level"])
    step, x, u = make_integrator(model).step, model.x_nominal, np.ones(1)
    found = []
    for _ in MINUTES:
        x = step(x, u, model.d_nominal, 60.0)
        found.append(model.outputs(x, u, model.d_nominal).full().ravel())
    error = np.abs(np.array(found) - BOTH[:, :, 0]) / np.max(BOTH[:, :, 0], axis=0)
    # The tolerance of the fit is 2 %; its dead time is approximate besides.
    assert np.max(error) < 0.03
    assert np.max(error[20:]) < 0.003
    poles = np.linalg.eigvals(Linearised.of(model).a).real
    assert np.sum(np.abs(poles) < 1e-12) == 1
    assert np.max(poles[np.abs(poles) > 1e-12]) < 0.0


def test_both_plants_of_an_input_and_a_disturbance_pass() -> None:
    pair = np.stack([TEMP, -0.5 * TEMP], axis=1)[:, None, :]
    model = from_step_response("oven", pair, 60.0, ["u"], ["y"], ["w"])
    assert (model.n_u, model.n_d) == (1, 1)
    assert check_plant(model).passed
    assert check_plant(sampled_step_response("oven", pair, 60.0, ["u"], ["y"], ["w"])).passed


ONE = TEMP[:, None, None]
SHARP = np.where(MINUTES > 60.0, 1.0, np.where(MINUTES > 5.0, 0.2, 0.0))[:, None, None]


def spoiled() -> np.ndarray:
    coefficients = ONE.copy()
    coefficients[6] = np.nan
    return coefficients


@pytest.mark.parametrize(
    ("text", "coefficients", "more"),
    [
        ("have shape .120, 1., need .samples, 1, 1.", ONE[:, :, 0], {}),
        ("oven: coefficients: no array of numbers", [[[1.0]], [[1.0, 2.0]]], {}),
        ("oven: coefficients: no array of numbers", [[["high"]]] * 3, {}),
        ("at least 3 samples", ONE[:2], {}),
        ("coefficient 7 of y to u is nan", spoiled(), {}),
        ("still moves by .* name y in `integrating`", LEVEL[:, None, None], {}),
        ("still moves by", ONE[:20], {}),
        ("'z' is to integrate and is no output", ONE, {"integrating": ["z"]}),
        ("filters miss the response of y to u by", SHARP, {}),
        ("number of filters 0 must be", ONE, {"n_filters": 0}),
        ("'u' is an input and a disturbance", np.repeat(ONE, 2, axis=2), {"disturbances": ["u"]}),
    ],
)
def test_bad_coefficients_are_refused_in_one_sentence(text, coefficients, more) -> None:
    with pytest.raises(InputError, match=text):
        from_step_response("oven", coefficients, 60.0, ["u"], ["y"], **more)


def test_what_no_fit_reaches_is_stepped_exactly() -> None:
    plant = sampled_step_response("oven", SHARP, 60.0, ["u"], ["y"])
    plant.write("u", 2.0)
    plant.advance(60.0 * 61)
    assert plant.truth()["y"] == pytest.approx(2.0)


def code_lines(path: Path) -> int:
    """Return the lines of a file that are code: no docstrings, comments or blank lines."""
    text = path.read_text()
    told = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for n, line in lines if n not in told and line.strip().partition("#")[0])


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_examples_run_in_under_thirty_lines(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(path), run_name="__main__")
    assert "passes" in capsys.readouterr().out
    assert code_lines(path) < 30


def test_all_four_sorts_of_plant_have_an_example() -> None:
    assert [path.stem.removeprefix("user_plant_") for path in EXAMPLES] == [
        "casadi",
        "state_space",
        "step_response",
        "transfer_matrix",
    ]
