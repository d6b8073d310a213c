"""Comparisons: the effects add up to the difference, and every price is that of its case."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operator_agent.errors import SolveFailedError
from operator_agent.planning.case_file import PlanningCase, with_price_factors
from operator_agent.planning.casework.comparison import FAMILIES, compare
from operator_agent.planning.casework.tables import comparison_payload, comparison_tables
from operator_agent.planning.casework.tree import load_tree
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.plan import Plan
from operator_agent.planning.solve import solve_case
from operator_agent.units import HOUR_S

from .blender_case import blender
from .conftest import CASE_FILE

EXACT = 1e-6  # [usd/h], of lines that are themselves some 100,000 usd/h
SHIPPED = CASE_FILE.with_name("case_tree.yaml")


@pytest.fixture(scope="module")
def plans(linear_plan: Plan) -> dict[str, Plan]:
    nodes = {node.name: node for node in load_tree(SHIPPED).walk()}
    names = ("fcc_slowdown_gasoil_sales", "heavy_discount")
    solved = {name: solve_case(nodes[name].case(), stage="lp") for name in names}
    return {"three_crudes": linear_plan} | solved


@pytest.mark.slow
def test_effects_add_up_to_the_difference(plans: dict[str, Plan]) -> None:
    for a in plans.values():
        for b in plans.values():
            found = compare(a, b)
            assert math.fsum(found.effects()) == pytest.approx(found.difference, abs=EXACT)
            parts = [sum(found.effects(family)) for family in FAMILIES]
            assert math.fsum(parts) == pytest.approx(found.difference, abs=EXACT)
            for line in found.lines:
                whole = line.price_effect + line.volume_effect
                assert whole == pytest.approx(line.money_b - line.money_a, abs=EXACT)
            back = compare(b, a)
            assert back.difference == -found.difference


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    price=st.floats(80.0, 100.0),
    reformate=st.floats(12.0, 25.0),
    octane=st.floats(91.0, 97.0),
    naphtha=st.floats(60.0, 80.0),
)
def test_effects_add_up_for_any_changes(
    tmp_path: Path, price: float, reformate: float, octane: float, naphtha: float
) -> None:
    changes = {
        "products.premium.price": f"{price} usd/bbl",
        "products.premium.specs.octane.min": octane,
        "purchases.reformate.max": f"{reformate} kbbl/d",
        "purchases.naphtha.price": f"{naphtha} usd/bbl",
    }
    a, b = (solve_case(node.case()) for node in (blender(tmp_path), blender(tmp_path, changes)))
    found = compare(a, b)
    assert math.fsum(found.effects()) == pytest.approx(found.difference, abs=EXACT)
    by_text = {driver.what: driver.expected for driver in found.drivers}
    sold = {blend.product: blend.flow_vol for blend in a.blends}
    step = b.case.products["premium"].price - a.case.products["premium"].price
    gain = step * sold["premium"] * HOUR_S
    assert by_text.get("price of premium", 0.0) == pytest.approx(gain, abs=EXACT)


@pytest.mark.slow
def test_prices_and_volumes_are_those_of_the_plans(plans: dict[str, Plan]) -> None:
    a, b = plans["three_crudes"], plans["heavy_discount"]
    for line in compare(a, b).lines:
        if line.family == "sale" and line.volume_a > 1e-3:
            assert line.price_a == pytest.approx(a.case.products[line.item].price)
        if line.family == "crude":
            assert line.volume_b == pytest.approx(b.charge[line.item] * HOUR_S)
            if line.volume_b > 1e-3:
                assert -line.price_b == pytest.approx(b.case.crudes[line.item].price)


@pytest.mark.slow
def test_what_the_cases_differ_in_is_found_and_priced(plans: dict[str, Plan]) -> None:
    a, b = plans["three_crudes"], plans["heavy_discount"]
    found = compare(a, b)
    (driver,) = found.drivers
    assert (driver.what, driver.before, driver.after) == (
        "price of maya", "64.00 usd/bbl", "59.00 usd/bbl",
    )  # fmt: skip
    step = b.case.crudes["maya"].price - a.case.crudes["maya"].price
    assert driver.expected == pytest.approx(-step * a.charge["maya"] * HOUR_S)
    # The old plan stays possible at the new price, so choosing anew can only gain.
    assert found.difference >= found.expected - EXACT
    moved = {(decision.group, decision.item) for decision in found.decisions}
    assert ("slate", "maya") in moved
    assert any(
        limit.limit.startswith("fcc: feed") and not limit.now_holds for limit in found.limits
    )
    for limit in found.limits:  # no traces of the solver where nothing holds
        assert (limit.price_a if limit.now_holds else limit.price_b) == 0.0

    found = compare(a, plans["fcc_slowdown_gasoil_sales"])
    drivers = {driver.what: driver for driver in found.drivers}
    assert drivers["price of vacuum_gasoil_export"].before == ""
    assert math.isnan(drivers["price of vacuum_gasoil_export"].expected)
    assert drivers["fcc: most feed"].expected < 0.0
    assert found.difference <= EXACT + found.expected  # profit is concave in a capacity


@pytest.mark.slow
def test_energy_prices_are_drivers(case: PlanningCase, linear_plan: Plan) -> None:
    dearer = solve_case(with_price_factors(case, {"fuel": 1.01, "steam": 1.02}), stage="lp")
    found = compare(linear_plan, dearer)
    assert {driver.what for driver in found.drivers} == {"price of fuel", "price of steam"}
    price, _ = found.effects("energy")
    # On a small step the plan stays as it is: all of the energy's effect is price.
    assert found.expected == pytest.approx(price, rel=1e-2)
    assert found.difference == pytest.approx(found.expected, rel=1e-2)


def test_a_plan_against_itself_differs_in_nothing(linear_plan: Plan) -> None:
    found = compare(linear_plan, linear_plan)
    assert found.effects() == (0.0, 0.0)
    assert (found.drivers, found.decisions, found.limits) == ((), (), ())


@pytest.mark.slow
def test_tables_and_payload_tell_the_same(plans: dict[str, Plan]) -> None:
    found = compare(plans["three_crudes"], plans["fcc_slowdown_gasoil_sales"])
    for table in comparison_tables(found):
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
    plain = comparison_payload(found)
    effects = plain["price_effect_usd_h"] + plain["volume_effect_usd_h"]
    assert effects == pytest.approx(plain["difference_usd_h"], abs=EXACT)
    assert len(plain["lines"]) == len(found.lines)


def test_a_point_that_is_no_plan_is_not_compared(linear_plan: Plan) -> None:
    broken = replace(linear_plan, worth=PointWorth.NONE)
    with pytest.raises(SolveFailedError, match="three_crudes has no plan to compare"):
        compare(linear_plan, broken)
