"""Plant commands as a user calls them: runs and pictures, checks, histories, crudes, markets."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.conftest import ROOT
from typer.testing import CliRunner

from operator_agent.errors import InputError
from operator_agent.runtime.cli_plant import plant_app

CASE = ROOT / "cases" / "plants" / "crude_unit.yaml"
ASSAYS = ROOT / "cases" / "assays"
TRIP = """
description: the heater trips
duration: {value: 1, unit: h}
noise_factor: {value: 1, unit: "1"}
events:
  - event: equipment
    equipment: heater
    at: {value: 10, unit: min}
    duration: {value: 10, unit: min}
"""


def plant(*arguments: object) -> Any:
    """Run `operator-agent plant` in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(plant_app, [str(one) for one in arguments])


@pytest.mark.slow
def test_a_run_writes_its_trends_as_picture_and_table(tmp_path: Path) -> None:
    scenario = tmp_path / "trip.yaml"
    scenario.write_text(TRIP)
    (tmp_path / "trends.png").write_text("a former run")
    done = plant(
        "simulate", CASE, "--scenario", scenario, "--hours", 0.5, "--layout", "small", "--hold",
        "--out", tmp_path, "--json", "--force",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    coil = told["variables"]["temp_coil_outlet_actual"]
    start, low, end = (coil[name] for name in ("start", "low", "end"))
    assert low < start - 20.0  # the fire went out
    assert end > low  # and came back
    assert (tmp_path / "trends.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "trends.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["time_s"] for row in rows] == [f"{60 * n}" for n in range(31)]
    assert {row["temp_flash_zone:status"] for row in rows} == {"good"}
    coldest = min(float(row["temp_coil_outlet_actual:true"]) for row in rows)
    assert coldest == pytest.approx(low + 273.15, abs=1e-2)


def test_a_linear_plant_of_a_user_is_checked_from_its_file() -> None:
    done = plant("check", ROOT / "examples" / "user_plant.yaml", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True


def test_the_shipped_crudes_add_up_to_the_whole() -> None:
    for path in sorted(ASSAYS.glob("*.yaml")):
        told = json.loads(plant("crudes", path, "--json").stdout)
        shares = [cut["vol_percent"] for cut in told["cuts"]]
        assert sum(shares) == pytest.approx(100.0, abs=0.05), path.name
        masses = [
            share * cut["density_kg_m3"]
            for share, cut in zip(shares, told["cuts"], strict=True)
            if cut["density_kg_m3"] is not None
        ]
        assert sum(masses) / 100.0 == pytest.approx(told["density_kg_m3"], rel=2e-3)


def test_a_collection_without_such_a_record_is_a_sentence(tmp_path: Path) -> None:
    done = plant("crudes", tmp_path / "none.json")
    assert isinstance(done.exception, InputError)
    assert "none.json" in str(done.exception)


def test_a_market_is_drawn_and_told(tmp_path: Path) -> None:
    picture = tmp_path / "market.png"
    file = ROOT / "cases" / "market" / "us_gulf.yaml"
    done = plant("market", file, "--days", 20, "--seed", 3, "--plot", picture, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["prices_usd_m3"]["marker"]) == 20
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = plant("market", file, "--days", 20, "--seed", 3, "--json")
    assert json.loads(again.stdout) == told


def test_a_plant_in_python_is_sent_to_python(tmp_path: Path) -> None:
    done = plant("check", tmp_path / "mine.py")
    assert isinstance(done.exception, InputError)
    told = str(done.exception)
    assert "mine.py: the command takes a YAML file" in told
    assert "call `check_plant(model)` of operator_agent.plant.check" in told


@pytest.mark.parametrize("name", ["trends.csv", "trends.png"])
def test_a_former_run_is_kept_unless_told_otherwise(name: str, tmp_path: Path) -> None:
    former = tmp_path / name
    former.write_text("of yesterday")
    done = plant("simulate", CASE, "--out", tmp_path)
    assert isinstance(done.exception, InputError)
    assert f"{former} is there from a former run" in str(done.exception)
    assert former.read_text() == "of yesterday"
    forced = plant("simulate", tmp_path / "none.yaml", "--out", tmp_path, "--force")
    assert "none.yaml does not exist" in str(forced.exception)  # it got past the former run


@pytest.mark.slow
def test_a_short_history_is_written_and_told(tmp_path: Path) -> None:
    out = tmp_path / "history"
    done = plant("history", CASE, "--out", out, "--days", 0.25, "--sample", 300, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 72
    assert (out / "history.parquet").stat().st_size > 0


def test_results_without_a_place_are_refused_before_anything_is_computed(tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("")
    for words in (
        ("simulate", CASE, "--out", file),
        ("verify", CASE, "--json", tmp_path / "none" / "x.json"),
    ):
        done = plant(*words)
        assert isinstance(done.exception, InputError)
        assert str(tmp_path) in str(done.exception)
