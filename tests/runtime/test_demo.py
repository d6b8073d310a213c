"""The whole loop on one command: plan, plant, MPC, gate, historian, audit, report."""

import json
import re
from pathlib import Path

import pytest
from tests.runtime.conftest import SITE, Cli

from operator_agent.io.historian import Historian
from operator_agent.runtime.site_file import load_site

MINUTES = 42
# The demonstration's kinds of events, early enough for a short run.
SCENARIO = """
description: A short run with a crude switch, a price change, a stuck and a bad sensor, and noise
duration: {value: 1, unit: h}
noise_factor: {value: 1, unit: "1"}
slate_error: {unit: "vol%", source: "test", arabian_light: -2, maya: 2}
fouling_per_day: {value: 1, unit: delta_K}
events:
  - event: crude_switch
    at: {value: 6, unit: min}
    ramp: {value: 10, unit: min}
    slate: {unit: "vol%", source: "test", arabian_light: 40, maya: 40, bonny_light: 20}
  - event: sensor_fault
    at: {value: 5, unit: min}
    duration: {value: 20, unit: min}
    variable: temp_tbp95_kerosene
    kind: stuck
  - event: sensor_fault
    at: {value: 12, unit: min}
    duration: {value: 5, unit: min}
    variable: duty_condenser
    kind: bad
  - event: price_change
    at: {value: 20, unit: min}
    factors:
      jet: {value: 1.1, unit: "1"}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.mark.slow
def test_the_demonstration_runs_and_every_write_is_certified(
    cli: Cli, out: Path, site_file: Path
) -> None:
    scenario = site_file.parent / "scenario.yaml"
    scenario.write_text(SCENARIO)
    text = site_file.read_text()
    shipped = load_site(SITE).files["scenario"]
    assert shipped in text
    site_file.write_text(text.replace(shipped, str(scenario)))
    arguments = ("demo", "--site", site_file, "--out", out, "--hours", MINUTES / 60)
    done = cli(*arguments, "--seed", 3, "--json", timeout_s=280)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary == json.loads((out / "summary.json").read_text())
    assert list(summary["controllers"]) == ["recipe", "mpc", "mpc+supervisor"]
    for name, score in summary["controllers"].items():
        assert score["writes_without_certificate"] == 0
        assert (score["writes_total"] > 0) is (name != "recipe")
        assert set(score["cv_deviation_percent_of_span"]) == set(score["hard_limit_violation"]) & {
            tag.variable for tag in load_site(SITE).cvs
        }
    mpc = summary["controllers"]["mpc"]
    assert mpc["cycles"] == MINUTES
    assert mpc["gate_verdicts"]["written"] >= MINUTES - 2
    assert summary["seed"] == 3
    for word in ("crude switch", "price change: jet +10 %", "stuck", "bad"):
        assert word in done.stderr
    report = (out / "report.html").read_text()
    assert "AC1102: frozen" in report
    assert "QC1121" in report
    assert summary["versions"]["casadi"]
    scores = summary["controllers"].values()
    assert summary["writes_total"] == sum(score["writes_total"] for score in scores)
    assert summary["writes_without_certificate"] == 0
    assert summary["solve_time_ms"]["p50"] <= summary["solve_time_ms"]["p99"]


@pytest.mark.slow
def test_the_report_needs_no_network(out: Path) -> None:
    text = (out / "report.html").read_text()
    links = re.findall(r'(?:src|href)="(?!#)([^"]+)"', text)
    assert not [link for link in links if link.startswith(("http", "//"))]
    assert "<script" not in text
    for word in ("recipe", "mpc+supervisor", "without certificate", "Against the MPC alone"):
        assert word in text


@pytest.mark.slow
def test_the_historian_holds_each_scan(out: Path) -> None:
    site = load_site(SITE)
    historian = Historian(out / "mpc" / "historian.sqlite")
    tags = [tag.name for tag in site.cvs]
    history = historian.read(tags, 0.0, 1e12)
    historian.close()
    assert len(history.time_s) == MINUTES
