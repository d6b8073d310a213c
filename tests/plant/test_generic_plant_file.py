"""A plant file gives the plant that the same numbers give in code, and refuses what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from operator_agent.errors import InputError
from operator_agent.plant.check import check_plant
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.classics.wood_berry import wood_berry
from operator_agent.plant.generic.plant_file import is_plant_file, load_plant

EXAMPLE = Path(__file__).parents[2] / "examples" / "user_plant.yaml"
TANK = {
    "name": "tank",
    "source": "assumed: an example",
    "inputs": {"inflow": {"nominal": 1.0, "span": 1.0}},
    "outputs": {"level": {"nominal": 2.0, "span": 1.0}},
}
SPACE = {"state_space": {"a": [[-0.01]], "b": [[0.01]], "c": [[1.0]]}}
CURVE = [float(value) for value in 1.0 - np.exp(-np.arange(1, 61) / 10.0)]
STEPS = {"sample_time_s": 60.0, "coefficients": {"level": {"inflow": CURVE}}}
LAG = {"output": "level", "input": "inflow", "gain": 1.0, "time_constants_s": [60.0]}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(*parts: dict[str, object]) -> Path:
        path = tmp_path / "plant.yaml"
        merged: dict[str, object] = {}
        for part in parts:
            merged |= part
        path.write_text(yaml.safe_dump(merged))
        return path

    return written


def test_the_example_is_the_column_of_wood_and_berry() -> None:
    assert is_plant_file(EXAMPLE)
    found, built = load_plant(EXAMPLE), wood_berry()
    assert (found.u_names, found.d_names, found.y_names) == (
        built.u_names,
        built.d_names,
        built.y_names,
    )
    first, second = Linearised.of(found), Linearised.of(built)
    assert first.gains == pytest.approx(second.gains)
    assert first.time_constants_s == pytest.approx(second.time_constants_s)
    assert check_plant(found).passed


def test_a_crude_unit_is_no_plant_file(cases: Path) -> None:
    assert not is_plant_file(cases / "plants" / "crude_unit.yaml")


def test_state_space_step_response_and_integrators_are_read(write) -> None:
    model = load_plant(write(TANK, SPACE))
    assert Linearised.of(model).time_constants_s == pytest.approx([100.0])
    sampled = {"a": [[0.5]], "b": [[0.5]], "c": [[1.0]], "d": [[0.1]], "sample_time_s": 60.0}
    model = load_plant(write(TANK, {"state_space": sampled}))
    assert Linearised.of(model).time_constants_s == pytest.approx([60.0 / np.log(2.0)])
    model = load_plant(write(TANK, {"step_response": STEPS}))
    assert Linearised.of(model).gains[0, 0] == pytest.approx(1.0, abs=0.01)
    ramp = {"output": "level", "input": "inflow", "rate_gain_1_s": 0.01, "time_constant_s": 5.0}
    model = load_plant(write(TANK, {"transfer_functions": [ramp]}))
    assert any("integrate" in note for note in check_plant(model).notes)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("needs exactly one of .*; there is none", ()),
        ("there is transfer_functions and state_space", ({"transfer_functions": []}, SPACE)),
        ("unknown key 'colour'", (SPACE, {"colour": 1})),
        ("inputs.inflow.span: expected a finite number, found 'wide'",
         (SPACE, {"inputs": {"inflow": {"nominal": 1.0, "span": "wide"}}})),
        ("unknown key 'unit'",
         (SPACE, {"inputs": {"inflow": {"nominal": 1.0, "span": 1.0, "unit": "m"}}})),
        ("span 0.0 must be", (SPACE, {"inputs": {"inflow": {"nominal": 1.0, "span": 0.0}}})),
        ("'leve' is not declared; there is: level",
         ({"transfer_functions": [LAG | {"output": "leve"}]},)),
        ("level to inflow comes twice", ({"transfer_functions": [LAG, LAG]},)),
        ("time_constants_s: give one or two",
         ({"transfer_functions": [LAG | {"time_constants_s": [1.0, 2.0, 3.0]}]},)),
        ("time constant -1.0 s", ({"transfer_functions": [LAG | {"time_constants_s": [-1.0]}]},)),
        ("gain: expected a finite number",
         ({"transfer_functions": [LAG | {"gain": float("nan")}]},)),
        ("unknown key 'deadtime'", ({"transfer_functions": [LAG | {"deadtime": 1.0}]},)),
        ("state_space.a: expected numbers in rows of one length",
         ({"state_space": SPACE["state_space"] | {"a": [[1.0], [1.0, 2.0]]}},)),
        ("state_space.a: expected a list or rows of finite numbers",
         ({"state_space": SPACE["state_space"] | {"a": [[float("inf")]]}},)),
        ("unknown key 'e'", ({"state_space": SPACE["state_space"] | {"e": 1.0}},)),
        ("integrating: expected a list of outputs",
         ({"step_response": STEPS | {"integrating": "level"}},)),
        ("key 'inflow' is missing", ({"step_response": STEPS | {"coefficients": {"level": {}}}},)),
        ("key 'source' is missing", (SPACE, {"source": ""})),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_place(write, text: str, parts) -> None:
    path = write(TANK, *parts)
    if text.startswith("key 'source'"):
        path.write_text(path.read_text().replace("source: ''", ""))
    with pytest.raises(InputError, match=text):
        load_plant(path)


def test_responses_of_different_lengths_are_refused(write) -> None:
    outputs = {"level": TANK["outputs"]["level"], "temp": TANK["outputs"]["level"]}
    coefficients = {"level": {"inflow": CURVE}, "temp": {"inflow": CURVE[:-1]}}
    steps = {"step_response": STEPS | {"coefficients": coefficients}}
    with pytest.raises(InputError, match=r"have \[59, 60\] samples; give all the same number"):
        load_plant(write(TANK, steps, {"outputs": outputs}))
