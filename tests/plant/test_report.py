"""The figures that the documentation quotes come out of one command."""

import runpy
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_report_names_all_variables_of_both_layouts(
    cases: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case_file = str(cases / "plants" / "crude_unit.yaml")
    monkeypatch.setattr(sys, "argv", ["operator_agent.plant", case_file])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("operator_agent.plant", run_name="__main__")
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for words in ("| plant | 278 |", "| controller | 125 |", "`fraction_flooding`", "gains, plant"):
        assert words in text


def test_wrong_use_of_the_command_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, code, words in (([], 2, "usage"), (["none.yaml"], 2, "does not exist")):
        monkeypatch.setattr(sys, "argv", ["operator_agent.plant", *arguments])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_module("operator_agent.plant", run_name="__main__")
        assert stopped.value.code == code
        assert words in capsys.readouterr().err
