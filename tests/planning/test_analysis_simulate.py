"""Simulate: the plan's own decisions earn its profit; others miss limits by what they miss."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from operator_agent.errors import InputError
from operator_agent.planning.alerts import AlertState
from operator_agent.planning.analysis.decisions import (
    Decisions,
    decisions_at,
    decisions_entry,
    decisions_from_entry,
    decisions_text,
    load_decisions,
)
from operator_agent.planning.analysis.local_search import LocalOptimum, LocalSearch
from operator_agent.planning.analysis.simulate import (
    check_point,
    simulate_decisions,
    simulation_payload,
)
from operator_agent.planning.analysis.study_tables import (
    feasibility_report,
    feasibility_tables,
    simulation_tables,
)
from operator_agent.planning.case import Alert, PlanningCase
from operator_agent.planning.quantities import in_unit, parse_quantity
from operator_agent.planning.recursion import BREAK_PRICE, solve_recursion
from operator_agent.planning.refinery import refinery
from operator_agent.units import HOUR_S


@pytest.fixture(scope="module")
def optimum(case: PlanningCase) -> LocalOptimum:
    plant = refinery(case)
    return LocalSearch(plant).best_of([solve_recursion(plant).point])


@pytest.fixture(scope="module")
def entry(case: PlanningCase, optimum: LocalOptimum) -> dict[str, Any]:
    return decisions_entry(decisions_at(optimum.point, case))


def test_the_decisions_of_a_plan_earn_its_profit_and_miss_nothing(
    case: PlanningCase, optimum: LocalOptimum
) -> None:
    found = simulate_decisions(case, decisions_at(optimum.point, case))
    assert found.money.profit == pytest.approx(optimum.solution.profit, rel=1e-7)
    assert found.feasible
    assert found.penalised == found.money.profit
    assert not feasibility_tables(found)[1:]


def test_decisions_survive_their_file(
    case: PlanningCase, optimum: LocalOptimum, entry: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "decisions.yaml"
    file.write_text(decisions_text(decisions_at(optimum.point, case), case))
    assert yaml.safe_load(file.read_text()) == entry
    found = simulate_decisions(case, load_decisions(file, case))
    assert found.money.profit == pytest.approx(optimum.solution.profit, rel=1e-6)
    assert found.feasible


def test_the_file_explains_its_draws_and_has_no_traces(
    case: PlanningCase, optimum: LocalOptimum
) -> None:
    noisy = {**optimum.point.charge, "maya": 1e-9, "arabian_light": flow_m3_h("30.000000003")}
    text = decisions_text(decisions_at(replace(optimum.point, charge=noisy), case), case)
    assert text.startswith("# Decisions of case three_crudes")
    assert "scaled to add up to 1" in text
    assert "arabian_light: 30 kbbl/d" in text
    assert "maya: 0 kbbl/d" in text
    assert "e-0" not in text


def flow_m3_h(kbbl_d: str) -> float:
    return parse_quantity(f"{kbbl_d} kbbl/d", "volume flow", "test") * HOUR_S


def test_proportions_that_do_not_add_up_to_one_are_told(
    case: PlanningCase, entry: dict[str, Any]
) -> None:
    assert simulate_decisions(case, decisions_from_entry(entry, case, "test")).remarks == ()
    draws = {**entry["draws"], "hgo": {"fcc": 1, "fuel_oil": 3}}
    found = simulate_decisions(case, decisions_from_entry({**entry, "draws": draws}, case, "test"))
    (remark,) = found.remarks
    assert remark == "draws.hgo: the proportions add up to 4, not 1, and were scaled to 1"
    assert simulation_tables(found)[-1].title == "Remarks"
    assert simulation_payload(found)["remarks"] == [remark]  # type: ignore[index,call-overload]


def test_a_missing_decisions_file_is_called_one(case: PlanningCase, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^decisions file .*no\.yaml cannot be read: No such"):
        load_decisions(tmp_path / "no.yaml", case)
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(InputError, match=r"^decisions file .* holds no keys"):
        load_decisions(tmp_path / "list.yaml", case)


def test_too_much_feed_is_missed_by_what_is_too_much(
    case: PlanningCase, entry: dict[str, Any]
) -> None:
    more = {**entry, "crudes": {**entry["crudes"], "maya": "25 kbbl/d"}}
    found = simulate_decisions(case, decisions_from_entry(more, case, "test"))
    misses = {miss.result.limit.key: miss for miss in found.misses}
    feed = misses["unit:crude_unit:feed:max"]
    bought = sum(parse_quantity(text, "volume flow", "test") for text in more["crudes"].values())
    assert feed.amount == pytest.approx(bought - case.crude_unit.high)
    assert feed.severity == pytest.approx(feed.amount * HOUR_S)
    assert found.misses[0] is feed  # the worst comes first
    assert [miss.severity for miss in found.misses] == sorted(
        (miss.severity for miss in found.misses), reverse=True
    )
    assert found.penalised == pytest.approx(
        found.money.profit - BREAK_PRICE * sum(miss.severity for miss in found.misses)
    )
    sulphur = misses["spec:diesel:sulphur:max"]
    assert sulphur.at_stake == pytest.approx(found.money.revenue["diesel"])
    assert in_unit(sulphur.result.value, "wt ppm") > 10.0
    titles = [table.title for table in simulation_tables(found)]
    assert titles[-1] == f"Limits: {len(found.misses)} missed, worst first"
    payload = simulation_payload(found)
    assert payload["feasible"] is False  # type: ignore[index,call-overload]


def test_all_balances_of_a_simulation_hold_by_an_independent_look(
    case: PlanningCase, entry: dict[str, Any]
) -> None:
    other = {**entry, "draws": {**entry["draws"], "hgo": {"fcc": 1, "fuel_oil": 3}}}
    found = simulate_decisions(case, decisions_from_entry(other, case, "test"))
    assert not found.rows
    again = check_point(case, found.point)
    assert not again.rows
    assert again.money.profit == pytest.approx(found.money.profit, rel=1e-12)
    assert found.point.flow["hgo", "fuel_oil"] == pytest.approx(3 * found.point.flow["hgo", "fcc"])


def test_a_point_whose_balances_do_not_close_is_told_row_by_row(
    case: PlanningCase, optimum: LocalOptimum
) -> None:
    assert check_point(case, optimum.point).feasible
    volume = {**optimum.point.volume, "reformate": optimum.point.volume["reformate"] + 5.0}
    found = check_point(case, replace(optimum.point, volume=volume))
    rows = {miss.row: miss for miss in found.rows}
    assert rows["gathered[reformate]"].amount == pytest.approx(5.0, abs=1e-4)
    assert rows["drawn[reformate]"].amount == pytest.approx(5.0, abs=1e-4)
    report = feasibility_report(case, found.point)
    assert report == feasibility_tables(found)
    assert report[1].title == "Balances that do not close"


def changed(entry: dict[str, Any], part: str, name: str, value: Any) -> dict[str, Any]:
    return {**entry, part: {**entry[part], name: value}}


@pytest.mark.parametrize(
    ("part", "name", "value", "words"),
    [
        ("crudes", "brent", "5 kbbl/d", "crudes: 'brent' is not in the case; use arabian_light"),
        ("crudes", "maya", "-5 kbbl/d", "crudes.maya is '-5 kbbl/d'; give a flow of zero or more"),
        ("crudes", "maya", 36, "crudes.maya is '36' without a unit; write the volume flow with"),
        ("crudes", "maya", [36], "crudes.maya is [36]; write a number and its unit"),
        ("draws", "naphtha", 5, "draws.naphtha is 5; write names with a value for each below"),
        ("draws", "naphtha", {"reformer": "5 kbbl/d"}, "reformer is 5 kbbl/d; give a proportion"),
        ("draws", "naphtha", {"reformer": [1]}, "draws.naphtha.reformer is [1]; write a propor"),
        ("crudes", "maya", "5 degC", "give a volume flow there"),
        ("cut_points", "lgo/hgo", "400 degC", "outside its window of 296 to 319 degC"),
        ("cut_points", "lgo/residue", "300 degC", "'lgo/residue' is not in the case"),
        ("draws", "naphtha", {"fcc": 1}, "draws.naphtha: 'fcc' is not in the case; use reformer"),
        ("draws", "naphtha", {"reformer": -1}, "draws.naphtha.reformer is -1; give a proportion"),
        ("draws", "naphtha", {"reformer": 0}, "draws.naphtha adds up to nothing"),
    ],
)
def test_decisions_that_cannot_be_are_refused(
    case: PlanningCase, entry: dict[str, Any], part: str, name: str, value: Any, words: str
) -> None:
    with pytest.raises(InputError, match="test: ") as caught:
        decisions_from_entry(changed(entry, part, name, value), case, "test")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("part", "name", "words"),
    [
        ("cut_points", "lgo/hgo", "cut_points.lgo/hgo is missing; give its temperature"),
        ("draws", "naphtha", "draws.naphtha is missing; give its proportions to reformer"),
    ],
)
def test_what_is_not_decided_is_not_guessed(
    case: PlanningCase, entry: dict[str, Any], part: str, name: str, words: str
) -> None:
    less = {**entry, part: {key: value for key, value in entry[part].items() if key != name}}
    with pytest.raises(InputError) as caught:
        decisions_from_entry(less, case, "test")
    assert words in str(caught.value)


def test_alerts_are_watched_but_hold_nothing_back(
    case: PlanningCase, optimum: LocalOptimum
) -> None:
    made = optimum.point.flow["kerosene", "jet"] / HOUR_S
    alert = Alert("products.jet", None, 0.9 * made, None, None, "kbbl/d")
    found = simulate_decisions(replace(case, alerts=(alert,)), decisions_at(optimum.point, case))
    assert found.feasible
    assert [one.state for one in found.alerts] == [AlertState.WARNING]
    assert found.alerts[0].value == pytest.approx(made, rel=1e-6)
    assert simulation_tables(found)[-1].title == "Alerts"


def test_unknown_keys_are_refused(case: PlanningCase, entry: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="targets"):
        decisions_from_entry({**entry, "targets": {}}, case, "test")


def test_shares_of_an_empty_stream_are_equal(case: PlanningCase, optimum: LocalOptimum) -> None:
    flow = {key: 0.0 if key[0] == "naphtha" else value for key, value in optimum.point.flow.items()}
    found: Decisions = decisions_at(replace(optimum.point, flow=flow), case)
    shares = [found.shares["naphtha", use] for use in case.uses("naphtha")]
    assert shares == pytest.approx([1.0 / len(shares)] * len(shares))
