"""Cases without a plan: the message names what must give way, by how much, and what clashes."""

from dataclasses import replace

import pytest

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.case_file import PlanningCase, with_slate
from operator_agent.planning.infeasible import BrokenLimit, explain_conflict
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.recursion import solve_recursion
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
    assert "feed at most" in told
    assert "the best plan earns" in told


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
