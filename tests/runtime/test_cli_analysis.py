"""The analysis commands: tables for people, JSON for programs, progress on standard error."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.conftest import ROOT
from typer.testing import CliRunner

from operator_agent.errors import InputError
from operator_agent.planning.quantities import parse_quantity
from operator_agent.runtime.cli_analysis import _partner
from operator_agent.runtime.cli_planning import plan_app

CASE = str(ROOT / "cases" / "refinery" / "three_crudes.yaml")


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give tables the width in which no phrase breaks."""
    monkeypatch.setenv("COLUMNS", "160")


def run(*words: str) -> str:
    """Return what a command prints on standard output."""
    found = CliRunner().invoke(plan_app, list(words), catch_exceptions=False)
    assert found.exit_code == 0
    return found.stdout


def read(*words: str) -> Any:
    return json.loads(run(*words, "--json", "-"))


def test_marginals_and_ranges_are_told_and_given() -> None:
    assert "Marginal values of limits" in run("marginals", CASE)
    payload = read("marginals", CASE)
    sides = {one["limit"]["key"]: one for one in payload["limits"]}
    fcc = sides["unit:fcc:feed:max"]
    assert fcc["more"] == pytest.approx(fcc["solver"])
    assert "fcc: feed at most 30 kbbl/d" in run("marginals", CASE)
    assert read("marginals", CASE, "--explain", "FCC: feed at most")["key"] == "unit:fcc:feed:max"
    explained = read("marginals", CASE, "--explain", "unit:fcc:feed:max")
    assert sum(part["money"] for part in explained["parts"]) == pytest.approx(fcc["more"])
    assert {one["item"] for one in read("range", CASE)["prices"]} >= {"maya", "jet"}


def test_ranges_list_the_limits_that_hold_and_the_others_on_demand() -> None:
    few = run("range", CASE)
    assert "fcc: feed at most 30 kbbl/d" in few
    assert "fcc: feed at least 14 kbbl/d" not in few
    assert "--all lists" in few
    assert "fcc: feed at least 14 kbbl/d" in run("range", CASE, "--all")


def test_limits_to_explain_are_named_without_doubt() -> None:
    with pytest.raises(InputError, match=r"'fcc' may be 'fcc: feed at least 14 kbbl/d' or"):
        run("marginals", CASE, "--explain", "fcc")
    with pytest.raises(InputError, match="has no limit 'unit:fcc:fed:max'; the nearest is 'unit:"):
        run("marginals", CASE, "--explain", "unit:fcc:fed:max")


def test_decisions_go_out_and_come_back(tmp_path: Path) -> None:
    file = tmp_path / "decisions.yaml"
    assert str(file) in run("decisions", CASE, str(file)).replace("\n", "")
    payload = read("simulate", CASE, str(file))
    assert payload["feasible"] is True
    assert "Economics of the decisions" in run("simulate", CASE, str(file))


def test_matrix_and_conflict_are_told_and_given(tmp_path: Path) -> None:
    assert "can hold together" in run("explain-conflict", CASE)
    file = tmp_path / "matrix.json"
    assert "Warnings" in run("matrix", CASE, "--json", str(file))
    assert json.loads(file.read_text())["rows"] > 100


def test_a_limit_that_does_not_bind_is_said_to_hold_nothing() -> None:
    told = run("marginals", CASE, "--explain", "unit:hydrotreater:feed:min")
    assert "It does not hold the plan" in told.replace("\n", " ")
    assert "sum" not in told


def test_a_partner_without_a_unit_is_in_kbbl_per_day() -> None:
    ten = _partner("maya = 10", 1.0)
    assert ten == ("maya", parse_quantity("10 kbbl/d", "volume flow", "test"))
    assert ten == _partner("maya=10 kbbl/d", 1.0)
    assert _partner("maya", 1.0) == ("maya", 1.0)
    with pytest.raises(InputError, match="--with maya is '10 degC'"):
        _partner("maya=10 degC", 1.0)


@pytest.mark.slow
def test_studies_tell_their_progress_on_standard_error() -> None:
    words = ["multistart", CASE, "--starts", "1", "--seed", "3", "--json", "-"]
    found = CliRunner().invoke(plan_app, words, catch_exceptions=False)
    assert json.loads(found.stdout)["optima"][0]["starts"] == [0, 1]
    assert "2/2" in found.stderr
    words = ["--candidate", "tia_juana_light", "--steps", "5 kbbl/d", "--linear"]
    payload = read("crudes", CASE, *words)
    assert [len(curve["points"]) for curve in payload["curves"]] == [2]


def test_steps_without_a_unit_are_refused() -> None:
    with pytest.raises(InputError, match="--steps is '5' without a unit"):
        run("crudes", CASE, "--candidate", "maya", "--steps", "5,10")


def test_a_system_is_sent_to_its_case_files() -> None:
    system = str(ROOT / "cases" / "refinery" / "three_months.yaml")
    with pytest.raises(InputError, match="this command takes one case"):
        run("matrix", system)
