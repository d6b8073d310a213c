"""Cases without a plan: the message names what must give way, by how much, and what clashes."""

import re
from dataclasses import replace

import pytest

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.analysis.infeasibility import conflict_report
from operator_agent.planning.case_file import PlanningCase, with_slate
from operator_agent.planning.infeasible import (
    WHOLE_WINDOW_K,
    BrokenLimit,
    Conflict,
    explain_conflict,
)
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.linear import compile_linear, solve_linear
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.recursion import linear_model, solve_recursion
from operator_agent.planning.refinery import refinery
from operator_agent.planning.solve import Stage, solve_case

EASED = 0.002  # relative: moved limits get this much more, for the curvature that an LP leaves out


def flow(text: str) -> float:
    return parse_quantity(text, "volume flow", "test")


def with_sale(case: PlanningCase, product: str, low: str, high: str) -> PlanningCase:
    changed = replace(case.products[product], low=flow(low), high=flow(high))
    return replace(case, products={**case.products, product: changed})


def moved(case: PlanningCase, broken: BrokenLimit) -> PlanningCase:
    """Return the case with one limit of a product moved to where it can hold."""
    limit, product = broken.limit, case.products[broken.limit.item]
    side = "low" if limit.side is Side.MIN else "high"
    value = broken.reached * (1.0 - EASED if limit.side is Side.MIN else 1.0 + EASED)
    if limit.kind is LimitKind.PRODUCT:
        changed = replace(product, **{side: value})
    else:
        assert limit.kind is LimitKind.SPEC
        specs = tuple(
            replace(spec, **{side: value}) if spec.quality.name == limit.quality else spec
            for spec in product.specs
        )
        changed = replace(product, specs=specs)
    return replace(case, products={**case.products, product.name: changed})


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_too_much_diesel_is_named_with_what_can_be_made(case: PlanningCase, stage: Stage) -> None:
    with pytest.raises(LimitsConflictError) as caught:
        solve_case(with_sale(case, "diesel", "60 kbbl/d", "70 kbbl/d"), stage=stage)
    told = str(caught.value)
    assert "diesel: sale at least 60 kbbl/d -> move it to " in told
    assert "cannot all hold together" in told
    assert re.search(r"each further barrel of this limit earns \d+\.\d usd", told)
    assert " number" not in told
    assert "feed at most" in told
    assert "the best plan earns" in told


@pytest.mark.slow
@pytest.mark.parametrize("most", ["60 kbbl/d", "70 kbbl/d"])
def test_the_limits_that_clash_are_few_and_the_same_for_every_command(
    case: PlanningCase, most: str
) -> None:
    wanted = with_sale(case, "diesel", "60 kbbl/d", most)
    report = conflict_report(wanted)
    assert report is not None
    keys = [limit.key for limit in report.conflict.together]
    assert keys == ["unit:crude_unit:feed:max", "product:diesel:sale:min"]
    for stage in ("lp", "nlp"):
        with pytest.raises(LimitsConflictError) as caught:
            solve_case(wanted, stage=stage)
        assert str(caught.value) == str(report.conflict.error())


@pytest.mark.parametrize("sale", ["42 kbbl/d", "60 kbbl/d"])
def test_limits_that_clash_do_so_by_another_solve_and_any_one_less_does_not(
    case: PlanningCase, sale: str
) -> None:
    plant = refinery(with_sale(case, "diesel", sale, "70 kbbl/d"))
    point = solve_recursion(plant).point
    conflict = explain_conflict(plant, point)
    assert conflict is not None
    together = [limit.key for limit in conflict.together]
    assert together
    for left_out in (None, *together):
        model = linear_model(plant, point, WHOLE_WINDOW_K)
        for key in model.limits:
            if key == left_out or key not in together:
                model.limit[key].deactivate()
        found = solve_linear(compile_linear(model)).stop
        assert (found is SolverStop.INFEASIBLE) == (left_out is None)


def test_a_conflict_without_a_short_set_says_so(case: PlanningCase) -> None:
    assert "No short set" in Conflict(case.name, (), (), 0.0).clash_text()
    assert "parts of lots" in Conflict(case.name, (), (), 0.0, whole=True).clash_text()


def test_moving_the_named_limits_makes_a_plan(case: PlanningCase) -> None:
    wanted = with_sale(case, "diesel", "60 kbbl/d", "70 kbbl/d")
    plant = refinery(wanted)
    conflict = explain_conflict(plant, solve_recursion(plant).point)
    assert conflict is not None
    assert conflict.profit < solve_case(case).objective
    eased = wanted
    for broken in conflict.broken:
        eased = moved(eased, broken)
    assert solve_case(eased).worth is PointWorth.LOCAL_OPTIMUM


def test_a_case_with_a_plan_has_no_conflict(case: PlanningCase) -> None:
    plant = refinery(case)
    assert explain_conflict(plant, solve_recursion(plant).point) is None


def test_a_slate_that_the_products_cannot_take_is_refused(case: PlanningCase) -> None:
    with pytest.raises(LimitsConflictError, match=r"fuel_oil: sulphur at most 3\.5 wt%"):
        solve_case(with_slate(case, {"maya": 1.0}))


def test_a_specification_that_no_recipe_meets_is_named(case: PlanningCase) -> None:
    jet = case.products["jet"]
    specs = tuple(
        replace(spec, low=373.15, high=None) if spec.quality.name == "flash" else spec
        for spec in jet.specs
    )
    changed = replace(case, products={**case.products, "jet": replace(jet, specs=specs)})
    with pytest.raises(LimitsConflictError) as caught:
        solve_case(changed, stage="lp")
    assert "jet: flash point at least 100 degC" in str(caught.value)
