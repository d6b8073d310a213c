"""The shipped case with cargoes, purchases, modes, a recipe, rows and alerts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from operator_agent.planning.alerts import AlertState
from operator_agent.planning.case_file import PlanningCase, case_from_entry, load_case, read_entry
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.nonlinear import ACCEPTED_RESIDUAL
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.plan import Plan
from operator_agent.planning.report import plan_tables
from operator_agent.planning.solve import TRUE_ROWS, solve_case

from .conftest import CASE_FILE
from .small_case import KBBL_D

FILE = CASE_FILE.with_name("coastal_refinery.yaml")


@pytest.fixture(scope="module")
def coastal() -> PlanningCase:
    return load_case(FILE)


@pytest.fixture(scope="module")
def coastal_plan(coastal: PlanningCase) -> Plan:
    return solve_case(coastal)


def whole(flow: float, lot: float) -> bool:
    return abs(flow / lot - round(flow / lot)) < 1e-6


def test_the_plan_keeps_rows_and_optimality_conditions(coastal_plan: Plan) -> None:
    assert coastal_plan.worth is PointWorth.LOCAL_OPTIMUM
    assert coastal_plan.violation.amount < TRUE_ROWS
    assert coastal_plan.residual < ACCEPTED_RESIDUAL
    assert coastal_plan.objective == pytest.approx(coastal_plan.money.profit)
    assert coastal_plan.objective >= coastal_plan.linear_objective * (1.0 - 1e-5)


def test_cargoes_are_whole_and_one_mode_of_the_reformer_runs(
    coastal: PlanningCase, coastal_plan: Plan
) -> None:
    for name in ("maya", "bonny_light"):
        assert whole(coastal_plan.charge[name], coastal.crudes[name].lot)
    assert whole(coastal_plan.purchases["reformate_import"], 2 * KBBL_D)
    light = coastal_plan.charge["tia_juana_light"]
    assert light < 1e-9 or light >= 6 * KBBL_D * (1.0 - 1e-9)
    feeds = [
        coastal_plan.flows.drawn[draw]
        for draw in (("naphtha", "reformer.mild"), ("naphtha", "reformer.severe"))
    ]
    assert min(feeds) < 1e-9 < max(feeds)


def test_recipe_rows_and_feed_limit_hold(coastal_plan: Plan) -> None:
    recipe = next(b for b in coastal_plan.blends if b.product == "cutback_bitumen").recipe
    assert recipe["kerosene"] / recipe["vacuum_residue"] == pytest.approx(14 / 86, rel=1e-6)
    sales = {blend.product: blend for blend in coastal_plan.blends}
    regular, premium = sales["gasoline_regular"], sales["gasoline_premium"]
    assert premium.flow_vol >= 0.3 * regular.flow_vol * (1.0 - 1e-6)
    assert regular.recipe["ethanol"] <= 0.1 * regular.flow_vol * (1.0 + 1e-6)
    assert coastal_plan.limit(LimitKind.FEED, "fcc", "sulphur", Side.MAX).value <= 0.022 + 1e-7


def test_worth_of_what_is_left_is_below_its_price(
    coastal: PlanningCase, coastal_plan: Plan
) -> None:
    left = [name for name in coastal.purchases if coastal_plan.purchases[name] < 1e-9]
    assert left
    for name in left:
        price = coastal.purchases[name].price
        assert 0.5 * price < coastal_plan.purchase_values[name] < price


def test_alerts_and_tables_tell_what_the_case_adds(coastal_plan: Plan) -> None:
    states = {found.alert.of: found.state for found in coastal_plan.alerts}
    load = coastal_plan.unit_loads["fcc"] / KBBL_D
    expected = AlertState.ERROR if load > 29.5 else AlertState.WARNING
    assert states["units.fcc"] is (expected if load > 28.0 else AlertState.INSIDE)
    titles = {table.title for table in plan_tables(coastal_plan)}
    assert {
        "Purchased streams",
        "Choices in whole numbers",
        "Unit modes",
        "Limits on sums of flows",
        "Alerts crossed",
    } <= titles


def fixed_choice(maya: int, bonny: int, mode: str) -> PlanningCase:
    """Return the case with its whole numbers given."""
    entry = read_entry(FILE)
    for name, flow in (("maya", maya), ("bonny_light", bonny)):
        entry["crudes"][name] |= {"min": f"{flow} kbbl/d", "max": f"{flow} kbbl/d"}
    modes: Mapping[str, Any] = entry["units"]["reformer"]["modes"]
    entry["units"]["reformer"] |= {"modes": {mode: modes[mode]}, "exclusive": False}
    return case_from_entry(entry, Path(FILE).parent, "neighbour")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("maya", "bonny", "mode"),
    [(20, 20, "severe"), (20, 30, "mild"), (30, 20, "mild"), (10, 20, "mild")],
)
def test_no_neighbouring_choice_earns_more(
    coastal_plan: Plan, maya: int, bonny: int, mode: str
) -> None:
    other = solve_case(fixed_choice(maya, bonny, mode))
    assert other.objective <= coastal_plan.objective * (1.0 + 1e-6)
