"""The figures that the documentation quotes come out of one command."""

import json
import runpy
import sys
from pathlib import Path

import pytest

CASE = Path(__file__).parents[2] / "cases" / "plants" / "crude_unit.yaml"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["operator_agent.plant", *arguments])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("operator_agent.plant", run_name="__main__")
    return stopped.value.code


def test_command_writes_markdown_and_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = tmp_path / "tables.json"
    words = [str(CASE), "--layout", "small", "--topics", "operating_point", "--json", str(document)]
    assert run(monkeypatch, *words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("### Operating point beside usual ranges\n")
    assert "building the unit in layout small" in err
    assert "rows miss their criterion" in err
    assert json.loads(document.read_text())["topics"][0]["key"] == "operating_point"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "usage"),
        (["none.yaml"], 2, "does not exist"),
        ([str(CASE), "--topics", "speed"], 2, "no topic 'speed'"),
        ([str(CASE), "--topics", "classics", "--crude", "none.yaml"], 2, "does not exist"),
    ],
)
def test_wrong_use_of_the_command_is_told(
    words: list[str],
    code: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run(monkeypatch, *words) == code
    assert told in capsys.readouterr().err
