"""Cases without a plan: the message names what must give way, by how much, and what clashes."""

from dataclasses import replace

import pytest

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.case_file import PlanningCase, with_slate
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.solve import Stage, solve_case


def flow(text: str) -> float:
    return parse_quantity(text, "volume flow", "test")


def with_sale(case: PlanningCase, product: str, low: str, high: str) -> PlanningCase:
    changed = replace(case.products[product], low=flow(low), high=flow(high))
    return replace(case, products={**case.products, product: changed})


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_too_much_diesel_is_named_with_what_can_be_made(case: PlanningCase, stage: Stage) -> None:
    with pytest.raises(LimitsConflictError) as caught:
        solve_case(with_sale(case, "diesel", "60 kbbl/d", "70 kbbl/d"), stage=stage)
    told = str(caught.value)
    assert "diesel: sale at least 60 kbbl/d -> move it to 4" in told
    assert "cannot all hold together" in told
    assert "crude_unit: feed at most 100 kbbl/d" in told
    assert "the best plan earns" in told


def test_moving_the_named_limit_makes_a_plan(case: PlanningCase) -> None:
    wanted = with_sale(case, "diesel", "60 kbbl/d", "70 kbbl/d")
    with pytest.raises(LimitsConflictError) as caught:
        solve_case(wanted)
    moved = str(caught.value).split("move it to ")[1].split(" ")[0]
    eased = with_sale(case, "diesel", f"{float(moved) * 0.999} kbbl/d", "70 kbbl/d")
    assert solve_case(eased).flow_vol_feed > 0.0


def test_a_slate_beyond_what_may_be_bought_names_the_crude(case: PlanningCase) -> None:
    slate = {"arabian_light": 0.0, "maya": 0.0, "bonny_light": 0.0, "tia_juana_light": 1.0}
    with pytest.raises(LimitsConflictError, match="tia_juana_light: purchase at most 15 kbbl/d"):
        solve_case(with_slate(case, slate))


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
