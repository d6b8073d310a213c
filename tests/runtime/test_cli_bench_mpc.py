"""The command `bench mpc`: tables, JSON, and wrong names."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operator_agent.errors import InputError
from operator_agent.runtime.bench_tables import sentences
from operator_agent.runtime.cli_bench import bench_app

TINY = ("mpc", "--case", "reactor", "--engine", "fatrop", "--cycles", "3", "--repeats", "1")


def run(*words: str, width: int = 100):
    runner = CliRunner(env={"COLUMNS": str(width)})
    return runner.invoke(bench_app, list(words), catch_exceptions=False)


def test_table_fits_a_terminal_and_the_file_holds_the_rows(tmp_path: Path):
    file = tmp_path / "bench.json"
    found = run(*TINY, "--json", str(file), width=80)
    assert found.exit_code == 0
    assert "fatrop" in found.stdout and "reactor" in found.stdout
    assert max(len(line) for line in found.stdout.splitlines()) <= 80
    (row,) = json.loads(file.read_text())
    assert row["case"] == "reactor" and row["engine"] == "fatrop"
    assert row["cost"] == pytest.approx(row["reference_cost"], rel=1e-6)


def test_scored_case_shows_errors_moves_and_violations_of_every_controller():
    found = run("mpc", "--case", "shell-1", width=80)
    assert max(len(line) for line in found.stdout.splitlines()) <= 80
    for text in ("make_controller", "pi simc", "CVs ┃", "TV", "IAE in scales"):
        assert text in found.stdout


@pytest.mark.parametrize(
    ("file", "says"), [("no/b.json", "folder .* does not exist"), ("", "is a folder")]
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(
    file: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(InputError, match=says):
        run(*TINY, "--json", str(tmp_path / file))
    assert "fatrop" not in capsys.readouterr().err


def test_sentences_tell_what_did_not_run_and_when_a_batch_was_finished():
    row = {"case": "batch", "engine": "own", "reason": "", "finished_cycle": 7, "ended": ""}
    other = {"case": "batch", "engine": "theirs", "reason": "it does not converge"}
    told = sentences([row, other, other])
    assert "batch, own: the batch is finished after cycle 7" in told
    assert told.count("theirs: it does not converge") == 1


def test_json_on_the_terminal_is_alone_on_standard_output():
    found = run(*TINY, "--json", "-")
    assert [row["failed_cycles"] for row in json.loads(found.stdout)] == [0]
    assert "fatrop" in found.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--case", "nowhere"), "cases are"),
        (("--engine", "magic"), "engines are"),
        (("--case", "unit-nowhere"), "cases of a unit are"),
        (("--case", "reactor", "--engine", "ipopt"), "runs none of the cases"),
    ],
)
def test_unknown_names_are_refused(words: tuple[str, ...], told: str):
    with pytest.raises(InputError, match=told):
        run("mpc", *words)
