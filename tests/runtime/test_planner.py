"""Planning runs on its own clock, in a process of its own, and never holds the loop up."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from operator_agent.errors import InputError
from operator_agent.plant.simulation.events import CrudeSwitch, PriceChange
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.runtime.planner import PlannerPool, PlanningClock, PlanRequest, targets_of
from operator_agent.runtime.scenario_plans import plan_scenario
from operator_agent.runtime.site_file import load_site

SITE = load_site(Path(__file__).resolve().parents[2] / "cases" / "sites" / "crude_unit.yaml")
SLATE = {"arabian_light": 0.6, "maya": 0.15, "bonny_light": 0.25}
HEAVY = {"arabian_light": 0.4, "maya": 0.4, "bonny_light": 0.2}
PERIOD_S = 600.0


@pytest.mark.slow
def test_a_plan_is_renewed_once_a_period_without_waiting() -> None:
    with PlannerPool() as planner:
        clock = PlanningClock(planner, PlanRequest(SITE.files["planning"], {}, SLATE), PERIOD_S)
        first = clock.first()
        assert clock.renewed(0.0) is None
        assert clock.renewed(PERIOD_S - 60.0) is None
        began_s = time.monotonic()
        assert clock.renewed(PERIOD_S) is None
        assert time.monotonic() - began_s < 0.5
        deadline_s = time.monotonic() + 60.0
        found = None
        while found is None and time.monotonic() < deadline_s:
            found = clock.renewed(PERIOD_S + 60.0)
        assert found is not None
        assert found.targets == pytest.approx(dict(first.targets))


@pytest.mark.slow
def test_a_plan_that_fails_leaves_the_old_one_in_force(caplog: pytest.LogCaptureFixture) -> None:
    with PlannerPool() as planner:
        clock = PlanningClock(planner, PlanRequest("nowhere.yaml", {}, {}), PERIOD_S)
        with pytest.raises(InputError, match="nowhere"):
            clock.first()
        clock.renewed(0.0)
        deadline_s = time.monotonic() + 60.0
        while "old targets" not in caplog.text and time.monotonic() < deadline_s:
            assert clock.renewed(PERIOD_S) is None
        assert "nowhere.yaml" in caplog.text


@pytest.mark.slow
def test_each_event_that_changes_the_economics_gets_its_plan() -> None:
    events = (
        PriceChange(7200.0, {"jet": 1.2}),
        CrudeSwitch(3600.0, 600.0, HEAVY),
        PriceChange(999_999.0, {"jet": 2.0}),
    )
    scenario = replace(Scenario(14_400.0), events=events)
    with PlannerPool() as planner:
        plans = plan_scenario(SITE, SLATE, scenario, planner)
    assert [plan.time_h for plan in plans] == [0.0, 1.0, 2.0]
    slates = [plan.answer.targets.slate["maya"] for plan in plans]
    assert slates == pytest.approx([0.15, 0.4, 0.4], abs=1e-6)
    before, after = (plan.answer.targets.stream_prices["kerosene"] for plan in plans[1:])
    assert after > before


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"targets": {"case": "x"}}')
    with pytest.raises(InputError, match="is not a plan"):
        targets_of(SITE, path)
    with pytest.raises(InputError, match="cannot be read"):
        targets_of(SITE, tmp_path / "none.json")
