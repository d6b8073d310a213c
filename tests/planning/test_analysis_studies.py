"""Crude evaluation, multistart and conflicts: certificates by second solves."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from operator_agent.engine import ProcessEngine
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.analysis.base import linear_base
from operator_agent.planning.analysis.candidate_file import with_candidate
from operator_agent.planning.analysis.crude_evaluation import (
    ALONE,
    CrudeEvaluation,
    evaluate_crudes,
    with_forced_crude,
    worth_of_first,
)
from operator_agent.planning.analysis.crude_payload import crude_payload
from operator_agent.planning.analysis.infeasibility import conflict_payload, conflict_report
from operator_agent.planning.analysis.matrix import case_matrix
from operator_agent.planning.analysis.multistart import (
    Multistart,
    multistart,
    multistart_payload,
    same_optimum,
)
from operator_agent.planning.analysis.random_starts import random_start
from operator_agent.planning.analysis.simulate import check_point
from operator_agent.planning.analysis.study_tables import (
    conflict_tables,
    crude_tables,
    multistart_tables,
)
from operator_agent.planning.case_changes import with_slate
from operator_agent.planning.case_file import PlanningCase, case_from_entry, read_entry
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.plan import Plan
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.recursion import BREAK_PRICE
from operator_agent.planning.refinery import refinery
from operator_agent.planning.solve import solve_case
from operator_agent.units import HOUR_S

ROOT = Path(__file__).parents[2]
CASE_FILE = ROOT / "cases" / "refinery" / "three_crudes.yaml"


def flow(text: str) -> float:
    return parse_quantity(text, "volume flow", "test")


STEP = flow("5 kbbl/d")


@pytest.fixture(scope="module")
def crossed(case: PlanningCase) -> CrudeEvaluation:
    partners = {"maya": flow("20 kbbl/d")}
    return evaluate_crudes(case, ["tia_juana_light"], [STEP], partners=partners, stage="lp")


@pytest.fixture(scope="module")
def evaluation(case: PlanningCase) -> CrudeEvaluation:
    return evaluate_crudes(case, ["tia_juana_light"], [STEP])


def repriced(case: PlanningCase, name: str, price: float) -> PlanningCase:
    return replace(case, crudes={**case.crudes, name: replace(case.crudes[name], price=price)})


@pytest.mark.slow
def test_at_its_breakeven_price_a_forced_crude_leaves_the_profit_as_it_is(
    case: PlanningCase, evaluation: CrudeEvaluation
) -> None:
    curve = evaluation.curves["tia_juana_light", ALONE]
    price = curve.breakeven(STEP)
    forced = with_forced_crude(repriced(case, "tia_juana_light", price), "tia_juana_light", STEP)
    found = solve_case(forced)
    assert found.worth is PointWorth.LOCAL_OPTIMUM
    assert found.charge["tia_juana_light"] == pytest.approx(STEP, rel=1e-6)
    assert found.objective == pytest.approx(curve.plans[0].profit, rel=1e-6)


@pytest.mark.slow
def test_the_first_barrel_is_worth_what_a_small_parcel_is(
    case: PlanningCase, evaluation: CrudeEvaluation
) -> None:
    curve = evaluation.curves["tia_juana_light", ALONE]
    parcel = flow("0.2 kbbl/d")
    found = solve_case(with_forced_crude(case, "tia_juana_light", parcel))
    gain = (found.objective - curve.plans[0].profit) / (parcel * HOUR_S)
    assert curve.first_barrel == pytest.approx(curve.price + gain, rel=1e-4)
    assert curve.first_barrel < curve.price  # the plan buys none of it


@pytest.mark.slow
def test_the_first_barrel_is_worth_the_same_whatever_it_costs(case: PlanningCase) -> None:
    closed = with_forced_crude(case, "tia_juana_light", 0.0)
    prices = [parse_quantity(f"{price} usd/bbl", "price by volume", "test") for price in (60, 90)]
    worth = [
        worth_of_first(repriced(closed, "tia_juana_light", price), "tia_juana_light", "nlp")
        for price in prices
    ]
    assert prices[0] < worth[0] < prices[1]  # worth buying at one, not at the other
    assert worth[0] == pytest.approx(worth[1], rel=1e-5)


def test_synergy_is_the_difference_that_company_makes(crossed: CrudeEvaluation) -> None:
    alone = crossed.curves["tia_juana_light", ALONE]
    beside = crossed.curves["tia_juana_light", "maya"]
    synergy = crossed.synergy("tia_juana_light", "maya", STEP)
    four = (beside.plans[1].profit - beside.plans[0].profit - alone.plans[1].profit) + alone.plans[
        0
    ].profit
    assert synergy * STEP * HOUR_S == pytest.approx(four)
    assert beside.partner_flow == flow("20 kbbl/d")
    (low, high, worth) = alone.increments()[0]
    assert (low, high) == (0.0, STEP)
    assert worth == pytest.approx(alone.breakeven(STEP))
    titles = [table.title for table in crude_tables(crossed)]
    assert titles == ["Crude evaluation of three_crudes", "Synergy of candidates with partners"]
    payload: Any = json.loads(json.dumps(crude_payload(crossed), allow_nan=False))
    assert payload["curves"][1]["synergy_usd_m3"] == [pytest.approx(synergy)]


@pytest.mark.slow
def test_a_step_without_a_plan_keeps_its_reason(case: PlanningCase) -> None:
    found = evaluate_crudes(case, ["tia_juana_light"], [flow("100 kbbl/d")], stage="lp")
    impossible = found.curves["tia_juana_light", ALONE].plans[-1]
    assert not impossible.possible
    assert math.isnan(impossible.profit)
    assert impossible.reason == "case three_crudes has no plan within its limits"
    assert crude_tables(found)[-1].title == "No plan"
    json.dumps(crude_payload(found), allow_nan=False)


@pytest.mark.parametrize(
    ("names", "flows", "partners", "words"),
    [
        (["brent"], [STEP], {}, "no crude 'brent'; use arabian_light"),
        (["maya"], [STEP], {"maya": STEP}, "candidate and partner"),
        (["maya"], [0.0], {}, "is not within 0 and the capacity"),
        (["maya"], [flow("200 kbbl/d")], {}, "is not within 0 and the capacity"),
        ([], [STEP], {}, "at least one candidate"),
    ],
)
def test_evaluations_that_cannot_be_are_refused(
    case: PlanningCase,
    names: list[str],
    flows: list[float],
    partners: Mapping[str, float],
    words: str,
) -> None:
    with pytest.raises(InputError, match=words):
        evaluate_crudes(case, names, flows, partners=partners)


def test_a_fixed_slate_leaves_no_room_for_candidates(case: PlanningCase) -> None:
    fixed = with_slate(case, {"arabian_light": 1.0})
    with pytest.raises(InputError, match="fixes its slate"):
        evaluate_crudes(fixed, ["maya"], [STEP])


def candidate(tmp_path: Path, **parts: str) -> Path:
    entry = {
        "name": "lagotreco",
        "assay": str(ROOT / "cases" / "assays" / "tia_juana_light.yaml"),
        "price": "71 usd/bbl",
        "sulphur": "1.2 wt%",
        "tail_viscosity": "2.5e5 mm2/s",
    } | parts
    file = tmp_path / "candidate.yaml"
    file.write_text(yaml.safe_dump({key: text for key, text in entry.items() if text}))
    return file


def test_a_candidate_file_brings_a_crude_that_the_case_does_not_buy(tmp_path: Path) -> None:
    entry, name = with_candidate(read_entry(CASE_FILE), candidate(tmp_path))
    found = case_from_entry(entry, CASE_FILE.parent, "test")
    assert name == "lagotreco"
    assert (found.crudes[name].low, found.crudes[name].high) == (0.0, 0.0)
    assert found.crudes[name].price == pytest.approx(
        parse_quantity("71 usd/bbl", "price by volume", "test")
    )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"price": ""}, "'assay' and 'price' are needed"),
        ({"name": ""}, "'name' is missing"),
        ({"name": "maya"}, "has a crude 'maya' already"),
    ],
)
def test_candidate_files_that_cannot_be_are_refused(
    tmp_path: Path, parts: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        with_candidate(read_entry(CASE_FILE), candidate(tmp_path, **parts))


@pytest.fixture(scope="module")
def searched(case: PlanningCase) -> Multistart:
    return multistart(case, 2, seed=7)


def test_random_starts_are_balanced_differ_and_repeat_by_seed(case: PlanningCase) -> None:
    plant = refinery(case)
    first, again, other = (random_start(plant, seed, 1) for seed in (7, 7, 8))
    assert first == again
    assert first.cut != other.cut
    assert not check_point(case, first).rows
    for cut in case.crude_unit.cuts:
        assert cut.low <= first.cut[cut.name] <= cut.high
    for name, crude in case.crudes.items():
        assert crude.low * HOUR_S - 1e-9 <= first.charge[name] <= crude.high * HOUR_S + 1e-9


def test_every_start_of_the_shipped_case_ends_in_the_plan(searched: Multistart, plan: Plan) -> None:
    assert sum(len(group.starts) for group in searched.groups) + len(searched.failed) == 3
    assert searched.usual == 0
    assert searched.plan.worth is PointWorth.LOCAL_OPTIMUM
    assert searched.plan.objective >= plan.objective * (1.0 - 1e-6)
    assert searched.plan.objective == pytest.approx(searched.groups[0].best.profit, rel=1e-6)
    assert "unit:fcc:feed:max" in searched.groups[0].best.held
    json.dumps(multistart_payload(searched), allow_nan=False)
    tables = multistart_tables(searched)
    assert tables[0].rows[0][0] == "1"
    assert ("unit:fcc:feed:max", "holds") in [row[:2] for row in tables[1].rows]


@pytest.mark.slow
def test_processes_find_what_one_process_finds(case: PlanningCase, searched: Multistart) -> None:
    with ProcessEngine(2) as engine:
        again = multistart(case, 2, seed=7, engine=engine)
    assert [group.starts for group in again.groups] == [group.starts for group in searched.groups]
    for mine, theirs in zip(again.groups, searched.groups, strict=True):
        assert mine.best.point == theirs.best.point


def test_optima_are_told_apart_by_profit_slate_and_cut_points(searched: Multistart) -> None:
    best = searched.groups[0].best
    cut = {name: temp + 2.0 for name, temp in best.point.cut.items()}
    richer = {**best.point.charge, "maya": best.point.charge["maya"] + 10.0}
    assert same_optimum(best, replace(best, profit=best.profit * (1.0 + 1e-7)))
    assert not same_optimum(best, replace(best, profit=best.profit * 1.01))
    assert not same_optimum(best, replace(best, point=replace(best.point, cut=cut)))
    assert not same_optimum(best, replace(best, point=replace(best.point, charge=richer)))


def with_sale(case: PlanningCase, low: str) -> PlanningCase:
    diesel = replace(case.products["diesel"], low=flow(low), high=flow("70 kbbl/d"))
    return replace(case, products={**case.products, "diesel": diesel})


def test_multistart_without_a_plan_says_where_to_look(case: PlanningCase) -> None:
    with pytest.raises(SolveFailedError, match="`plan explain-conflict` tells"):
        multistart(with_sale(case, "60 kbbl/d"), 1)
    with pytest.raises(InputError, match="starts is 0; give 1 or more"):
        multistart(case, 0)


def test_a_conflict_is_told_with_its_cost_and_both_objectives(case: PlanningCase) -> None:
    found = conflict_report(with_sale(case, "60 kbbl/d"))
    assert found is not None
    assert len(found.severities) == len(found.conflict.broken) > 0
    for one, severity in zip(found.conflict.broken, found.severities, strict=True):
        if not one.limit.quality:
            missing = abs(one.reached - one.limit.value) * HOUR_S
            assert severity == pytest.approx(missing * one.limit.weight, rel=1e-6)
    assert found.penalised == pytest.approx(found.economic - BREAK_PRICE * sum(found.severities))
    tables = {table.title: table for table in conflict_tables(found)}
    least = next(table for title, table in tables.items() if "must give way" in title)
    assert "diesel: sale at least 60 kbbl/d" in [row[0] for row in least.rows]
    assert any("cannot all hold together" in title for title in tables)
    none = replace(found, conflict=replace(found.conflict, together=()))
    assert "No short set" in conflict_tables(none)[-1].rows[0][0]
    keys = [one.limit.key for one in found.conflict.broken]
    payload: Any = json.loads(json.dumps(conflict_payload(found), allow_nan=False))
    assert payload["conflict"] is True
    assert {one["limit"] for one in payload["broken"]} == set(keys)


def test_a_case_without_a_plan_is_not_analysed(case: PlanningCase) -> None:
    impossible = with_sale(case, "60 kbbl/d")
    with pytest.raises(SolveFailedError, match="has no plan to analyse in stage 'lp'"):
        linear_base(impossible)
    assert case_matrix(impossible).findings  # its matrix still is


def test_limits_that_can_hold_are_no_conflict(case: PlanningCase) -> None:
    assert conflict_report(case) is None
    assert conflict_payload(None) == {"conflict": False}
