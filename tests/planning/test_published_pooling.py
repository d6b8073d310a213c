"""Pooling problems in their published layout: optima of the literature, and other instances."""

import copy
from typing import Any

import pytest

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.bilinear.compile import compile_bilinear
from operator_agent.planning.bilinear.search import SearchResult, search
from operator_agent.planning.published.pooling import build_pooling, pooling_problem


def solved(raw: Any, starts: int = 20) -> SearchResult:
    program = compile_bilinear(build_pooling(pooling_problem(raw, "test")))[0]
    return search(program, starts=starts)


@pytest.mark.parametrize("name", ["haverly1", "haverly2", "haverly3", "bental4", "foulds2"])
def test_the_global_optimum_is_among_twenty_starts(published: Any, name: str) -> None:
    raw = published(f"pooling/{name}.json")
    found = solved(raw)
    assert found.violation < 1e-8
    assert found.objective == pytest.approx(raw["known_min_cost"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adhya1", "adhya2"])
def test_adhya_is_solved_from_twenty_starts(published: Any, name: str) -> None:
    raw = published(f"pooling/{name}.json")
    assert solved(raw).objective == pytest.approx(raw["known_min_cost"], rel=1e-6)


def test_a_least_quality_holds(published: Any) -> None:
    raw = copy.deepcopy(published("pooling/haverly1.json"))
    # Product 2 may have 1 to 1.5 of sulphur; at exactly 1.5 the published optimum stays.
    raw["products"]["p2"]["q_min"] = [1.5]
    assert solved(raw).objective == pytest.approx(-400.0, rel=1e-6)
    raw["products"]["p2"]["q_min"] = [1.2]
    raw["products"]["p1"]["q_min"] = [2.4]
    assert solved(raw).objective >= -400.0 - 1e-4


def test_a_cost_on_an_arc_is_paid(published: Any) -> None:
    raw = copy.deepcopy(published("pooling/haverly1.json"))
    # The optimum sends 100 from the pool and 100 of the third feed to product 2.
    raw["arcs_feed_product"][1][3] = 0.5
    assert solved(raw).objective == pytest.approx(-350.0, rel=1e-6)


def test_what_is_wrong_is_named(published: Any) -> None:
    raw = published("pooling/haverly1.json")
    pools = raw["pools"] | {"o2": {"max": 10.0}}
    for change, said in (
        ({"pools": pools, "arcs_pool_product": [["o1", "o2", 9.0, None]]}, "between two pools"),
        ({"arcs_feed_pool": [["c9", "o1", 1.0, None]]}, "c9 -> o1: no such arc can be"),
        ({"arcs_feed_pool": [["c1", "o1", 1.0, None]] * 2}, "stands twice"),
        ({"qualities": ["q1", "q2"]}, "has 1 values for 2 qualities"),
        ({"arcs_pool_pool": []}, "unknown key 'arcs_pool_pool'"),
    ):
        with pytest.raises(InputError, match=said):
            pooling_problem(raw | change, "test")


def test_a_demand_without_an_arc_is_a_conflict(published: Any) -> None:
    raw = copy.deepcopy(published("pooling/haverly1.json"))
    raw["products"]["p3"] = {"min": 5, "max": 9, "price": 1.0, "q_max": [None], "q_min": [None]}
    with pytest.raises(LimitsConflictError, match="product p3: at least 5"):
        build_pooling(pooling_problem(raw, "test"))
