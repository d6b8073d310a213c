"""The bound of a program against published optima and feasible points."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.bilinear.compile import compile_bilinear
from operator_agent.planning.bilinear.presolve import presolve
from operator_agent.planning.bilinear.program import BilinearProgram, bilinear_program
from operator_agent.planning.bilinear.search import search
from operator_agent.planning.bounds.bound import BoundStatus, objective_bound
from operator_agent.planning.bounds.box import first_box, narrowed
from operator_agent.planning.bounds.cancelled_factors import cancel_factors
from operator_agent.planning.bounds.lifted_rows import lifted_rows, multiplied_rows
from operator_agent.planning.bounds.quality_ranges import QualityRanges
from operator_agent.planning.published.pooling import build_pooling, pooling_problem
from operator_agent.planning.published.row_file import read_row_file

from .conftest import PUBLISHED
from .test_bounds_relaxation import random_program

CASE_1_BEST = 34_167_967.9  # best known plan; 37 910 847 is the best published bound


def pooling(published: Any, name: str) -> tuple[BilinearProgram, float]:
    raw = published(f"pooling/{name}.json")
    program, _, _ = compile_bilinear(build_pooling(pooling_problem(raw, name)))
    return program, float(raw["known_min_cost"])


@pytest.mark.parametrize("name", ["haverly1", "haverly2", "haverly3", "bental4", "foulds2"])
def test_pooling_optima_are_reached_from_outside(published: Any, name: str) -> None:
    program, best = pooling(published, name)
    found = objective_bound(program, seconds=20.0)
    assert found.bound <= best + 1e-5 * abs(best)
    assert found.bound == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("name", ["haverly1", "bental4", "foulds2"])
def test_known_optima_are_proven(published: Any, name: str) -> None:
    program, best = pooling(published, name)
    known = search(program, starts=10).x
    assert program.objective(known) == pytest.approx(best, rel=1e-6)
    found = objective_bound(program, seconds=20.0, known=known)
    assert found.status is BoundStatus.PROVEN
    assert found.bound == pytest.approx(best, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adhya1", "adhya2"])
def test_harder_pooling_optima_are_bounded_closely(published: Any, name: str) -> None:
    program, best = pooling(published, name)
    found = objective_bound(program, seconds=4.0)
    assert found.bound <= best + 1e-4
    assert found.gap(best) < 0.05


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=20, deadline=None)
def test_bound_is_never_beaten_by_a_feasible_point(seed: int, told: bool) -> None:
    program, x = random_program(seed)
    found = objective_bound(program, seconds=0.2, known=x if told else None)
    sign = 1.0 if program.maximise else -1.0
    assert sign * found.bound >= sign * program.objective(x) - 1e-6


def test_trace_becomes_better_and_ends_at_the_bound(published: Any) -> None:
    program, _ = pooling(published, "haverly1")
    seen: list[tuple[float, float]] = []
    found = objective_bound(program, seconds=10.0, progress=lambda t, b: seen.append((t, b)))
    assert tuple(seen) == found.trace
    bounds = [bound for _, bound in found.trace]
    assert bounds == sorted(bounds)
    assert bounds[-1] == found.bound
    assert found.bound == pytest.approx(-400.0, rel=1e-4)
    assert found.status is BoundStatus.VALID  # no plan was given that could be the best


def test_two_workers_prove_the_same(published: Any) -> None:
    program, best = pooling(published, "foulds2")
    found = objective_bound(program, seconds=20.0, workers=2)
    assert found.bound == pytest.approx(best, rel=1e-4)


def small(high: float, integer: bool = False, low: float = 0.0) -> BilinearProgram:
    """Return: the largest x y with x + y <= 3, 0 <= x <= high, y <= 10."""
    return bilinear_program(
        ("x", "y", "profit"),
        ("sum", "profit"),
        ([0, 0, 1], [0, 1, 2], [1.0, 1.0, -1.0]),
        ([1], [0], [1], [1.0]),
        (np.array([-np.inf, 0.0]), np.array([3.0, 0.0])),
        (np.array([low, 0.0, -np.inf]), np.array([high, 10.0, np.inf])),
        (np.array([0.0, 0.0, -1.0]), 0.0, True),
        np.array([integer, False, False]),
        np.zeros(3),
    )


def test_a_product_is_bounded_by_splitting() -> None:
    known = np.array([1.5, 1.5, 2.25])
    found = objective_bound(small(10.0), seconds=20.0, known=known)
    assert found.status is BoundStatus.PROVEN
    assert found.bound == pytest.approx(2.25, rel=1e-6)


def test_whole_numbers_are_split() -> None:
    found = objective_bound(small(10.0, integer=True), seconds=20.0, known=np.array([1.0, 2, 2]))
    assert found.status is BoundStatus.PROVEN
    assert found.bound == pytest.approx(2.0, rel=1e-6)


def test_what_has_no_bound_says_so() -> None:
    free = bilinear_program(
        ("x", "y"),
        (),
        ([], [], []),
        ([], [], [], []),
        (np.zeros(0), np.zeros(0)),
        (np.zeros(2), np.full(2, np.inf)),
        (np.array([-1.0, 0.0]), 0.0, False),
        np.zeros(2, dtype=bool),
        np.zeros(2),
    )
    found = objective_bound(free, seconds=1.0)
    assert found.status is BoundStatus.NONE
    assert found.bound == -np.inf


def test_no_feasible_point_is_an_error() -> None:
    with pytest.raises(LimitsConflictError):
        objective_bound(small(10.0, low=4.0), seconds=1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seconds": 0.0}, "seconds"),
        ({"workers": 0}, "workers"),
        ({"known": np.zeros(2)}, "2 of 3 columns"),
        ({"known": np.array([3.0, 3.0, 9.0])}, "misses a row or bound by"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        objective_bound(small(2.0), **({"seconds": 1.0} | change))


@pytest.mark.slow
def test_emrps_case_1_is_bounded_within_three_percent(published: Any) -> None:
    published("emrps/case1_rows.json")
    program = read_row_file(PUBLISHED / "planning" / "emrps" / "case1_rows.json")
    found = objective_bound(program, seconds=4.0)
    assert found.status is BoundStatus.VALID
    assert found.bound >= CASE_1_BEST
    assert found.gap(CASE_1_BEST) < 0.03


@pytest.mark.slow
def test_emrps_case_1_keeps_a_plan_as_good_as_the_best(published: Any) -> None:
    published("emrps/case1_rows.json")
    program = read_row_file(PUBLISHED / "planning" / "emrps" / "case1_rows.json")
    best = search(program, starts=2).x
    small = presolve(program)
    reduced = cancel_factors(small.program)
    rows = multiplied_rows(lifted_rows(reduced), 2)
    x = small.reduce(best)
    box = first_box(rows, reduced.low, reduced.high)
    cutoff = float(reduced.cost @ x) + 1.0
    for _ in range(2):
        box = narrowed(rows, box, cutoff, 100)
        box = QualityRanges(reduced, rows, box).narrowed(box, 1, np.inf)
    assert not box.is_empty()
    inside = np.clip(x, box.low[: rows.count], box.high[: rows.count])  # moves qualities of no flow
    assert reduced.violation(inside) < 1e-6
    assert reduced.objective(inside) == pytest.approx(program.objective(best), rel=1e-7)
    assert box.holds(rows.point(inside), 1e-6)
    found = objective_bound(program, seconds=3.0, known=best)
    assert found.bound >= program.objective(best)


def test_no_feasible_point_is_found_out_by_splitting() -> None:
    beyond = bilinear_program(  # x y >= 2.3 with x + y <= 3, whose products reach 2.25
        ("x", "y"),
        ("sum", "product"),
        ([0, 0], [0, 1], [1.0, 1.0]),
        ([1], [0], [1], [1.0]),
        (np.array([-np.inf, 2.3]), np.array([3.0, np.inf])),
        (np.zeros(2), np.full(2, 10.0)),
        (np.array([1.0, 0.0]), 5.0, False),
        np.zeros(2, dtype=bool),
        np.zeros(2),
    )
    with pytest.raises(LimitsConflictError):
        objective_bound(beyond, seconds=10.0)
