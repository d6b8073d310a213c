"""The figures that the documentation quotes come out of one command."""

import runpy
import sys
from dataclasses import replace

import pytest

from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import CV_NAMES, MV_NAMES
from operator_agent.plant.verification.report import report


@pytest.mark.slow
def test_report_holds_all_tables(case: CrudeUnitCase) -> None:
    text = report(replace(case, layouts={"small": case.layout("small")}))
    heads = ("layout", "nominal point", "gains, small", "gain within", "minutes to 95 %")
    for head in heads:
        assert f"| {head}" in text
    assert "| small | 215 |" in text
    assert all(f"`{variable}`" in text for variable in (*MV_NAMES, *CV_NAMES))


def test_wrong_use_of_the_command_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, code, words in (([], 2, "usage"), (["none.yaml"], 2, "does not exist")):
        monkeypatch.setattr(sys, "argv", ["operator_agent.plant", *arguments])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_module("operator_agent.plant", run_name="__main__")
        assert stopped.value.code == code
        assert words in capsys.readouterr().err
