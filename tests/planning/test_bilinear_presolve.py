"""Presolve keeps the optimum, finds its way back, and proves what cannot be."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.bilinear.presolve import presolve
from operator_agent.planning.bilinear.program import BilinearProgram, bilinear_program

INF = np.inf


def program(
    linear: list[dict[int, float]],
    products: list[dict[tuple[int, int], float]],
    limits: list[tuple[float, float]],
    bounds: list[tuple[float, float]],
    cost: list[float],
    integer: list[bool] | None = None,
    maximise: bool = False,
) -> BilinearProgram:
    entries = [(r, k, v) for r, row in enumerate(linear) for k, v in row.items()]
    terms = [(r, i, j, v) for r, row in enumerate(products) for (i, j), v in row.items()]
    count = len(bounds)
    return bilinear_program(
        tuple(f"x{k}" for k in range(count)),
        tuple(f"row{r}" for r in range(len(linear))),
        tuple(zip(*entries, strict=True)) if entries else ((), (), ()),  # type: ignore[arg-type]
        tuple(zip(*terms, strict=True)) if terms else ((), (), (), ()),  # type: ignore[arg-type]
        (np.array([a for a, _ in limits]), np.array([b for _, b in limits])),
        (np.array([a for a, _ in bounds]), np.array([b for _, b in bounds])),
        (np.array(cost), 0.0, maximise),
        [False] * count if integer is None else integer,
        np.zeros(count),
    )


def grid_optimum(problem: BilinearProgram, values: Any) -> float:
    """Return the least cost over a grid of points, by trying all of them."""
    axes = np.meshgrid(*values, indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    costs = [float(problem.cost @ x) for x in points if problem.violation(x) < 1e-9]
    return min(costs, default=INF) + problem.offset


small = st.integers(-2, 2).map(float)


@st.composite
def programs_with_a_point(draw: Any) -> tuple[BilinearProgram, np.ndarray]:
    """A random program of 5 columns whose rows hold at a known point of whole numbers."""
    count = 5
    point = np.array(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), float)
    bounds = [(0.0, float(draw(st.sampled_from([p, 3, INF])))) for p in point]
    linear, products, limits = [], [], []
    for _ in range(draw(st.integers(1, 5))):
        places = draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True))
        linear.append({k: draw(small) for k in places})
        pair = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
        products.append({p: draw(small) for p in draw(st.lists(pair, max_size=1))})
        value = sum(v * point[k] for k, v in linear[-1].items())
        value += sum(v * point[i] * point[j] for (i, j), v in products[-1].items())
        kind = draw(st.sampled_from(["equal", "most", "least"]))
        low = (
            -INF if kind == "most" else value - (draw(st.integers(0, 1)) if kind != "equal" else 0)
        )
        high = INF if kind == "least" else value
        limits.append((low, high))
    cost = [draw(small) for _ in range(count)]
    return program(linear, products, limits, bounds, cost), point


@settings(max_examples=150, deadline=None)
@given(programs_with_a_point())
def test_a_feasible_point_stays_feasible_and_comes_back(case: Any) -> None:
    problem, point = case
    small_one = presolve(problem)
    reduced = small_one.reduce(point)
    back = small_one.restore(reduced)
    # Values of unused columns may differ, rows and cost may not get worse.
    assert small_one.program.violation(reduced) < 1e-8
    assert problem.violation(back) < 1e-8
    assert problem.cost @ back + problem.offset <= problem.cost @ point + problem.offset + 1e-8
    found = small_one.program.cost @ reduced + small_one.program.offset
    assert found == pytest.approx(problem.cost @ back + problem.offset, abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(programs_with_a_point())
def test_every_feasible_point_of_the_rest_restores_to_a_feasible_point(case: Any) -> None:
    problem, _ = case
    small_one = presolve(problem)
    rest = small_one.program
    count = len(rest.columns)
    if count > 4:
        return
    axes = np.meshgrid(*[[0.0, 1.0, 2.0, 3.0]] * count, indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1) if count else np.zeros((1, 0))
    for x in points:
        if rest.violation(x) < 1e-9:
            back = small_one.restore(x)
            assert problem.violation(back) < 1e-7
            cost = rest.cost @ x + rest.offset
            assert problem.cost @ back + problem.offset == pytest.approx(cost, abs=1e-7)


def test_nothing_is_lost_against_trying_all_points() -> None:
    # x0 + x1 = 3, x2 = 2 x0, x3 x1 <= 4, x4 fixed at 1
    problem = program(
        [{0: 1.0, 1: 1.0}, {2: 1.0, 0: -2.0}, {}, {4: 3.0}],
        [{}, {}, {(1, 3): 1.0}, {}],
        [(3.0, 3.0), (0.0, 0.0), (-INF, 4.0), (3.0, 3.0)],
        [(0.0, 3.0)] * 2 + [(0.0, 6.0)] + [(0.0, 4.0)] * 2,
        [1.0, -1.0, 0.5, -1.0, 2.0],
    )
    small_one = presolve(problem)
    assert len(small_one.program.columns) < 5
    axis = [np.arange(0.0, 7.0)] * 5
    all_points = grid_optimum(problem, axis)
    rest = grid_optimum(small_one.program, axis[: len(small_one.program.columns)])
    assert rest <= all_points + 1e-9


def test_copies_of_one_row_with_a_last_digit_apart_are_no_conflict() -> None:
    problem = program(
        [{0: 1.0, 1: -0.0128}, {0: 1.0, 1: -0.012799999999999923}, {0: 1.0, 1: 1.0}],
        [{}, {}, {}],
        [(0.0, 0.0), (0.0, 0.0), (-INF, 10.0)],
        [(0.0, INF)] * 2,
        [0.0, -1.0],
    )
    small_one = presolve(problem)
    back = small_one.restore(small_one.program.high)
    assert back[1] == pytest.approx(10.0 / 1.0128)


def test_a_quality_that_nobody_uses_is_dropped_and_recovered() -> None:
    # flow 2 = flow 0 + flow 1; quality 3 * flow 2 = 5 flow 0 + 2 flow 1
    problem = program(
        [{2: 1.0, 0: -1.0, 1: -1.0}, {0: -5.0, 1: -2.0}],
        [{}, {(2, 3): 1.0}],
        [(0.0, 0.0), (0.0, 0.0)],
        [(0.0, 4.0)] * 3 + [(0.0, INF)],
        [-1.0, -1.0, 0.0, 0.0],
    )
    small_one = presolve(problem)
    assert not len(small_one.program.term_coef)
    back = small_one.restore(small_one.reduce(np.array([1.0, 3.0, 4.0, 0.0])))
    assert problem.violation(back) < 1e-12
    assert back[3] == pytest.approx((5.0 * back[0] + 2.0 * back[1]) / back[2])


def test_a_quality_is_kept_when_its_flow_may_vanish_without_the_rest() -> None:
    # x0 x1 = 1: with x1 dropped, x0 = 0 would look feasible.
    problem = program([{}], [{(0, 1): 1.0}], [(1.0, 1.0)], [(0.0, 10.0), (0.0, INF)], [1.0, 0.0])
    assert len(presolve(problem).program.term_coef) == 1


def test_a_conflict_names_its_row() -> None:
    problem = program(
        [{0: 1.0, 1: 1.0}, {0: 1.0}],
        [{}, {}],
        [(5.0, INF), (-INF, 1.0)],
        [(0.0, 3.0)] * 2,
        [1.0, 1.0],
    )
    with pytest.raises(LimitsConflictError, match="row 'row0' can only be 0 to 4"):
        presolve(problem)


def test_crossed_bounds_are_a_conflict() -> None:
    with pytest.raises(LimitsConflictError, match="column 'x0'"):
        presolve(program([{0: 1.0}], [{}], [(0.0, INF)], [(2.0, 1.0)], [1.0]))


@pytest.mark.parametrize(
    ("limits", "bounds", "coefficient", "place"),
    [
        ((np.nan, 1.0), (0.0, 1.0), 1.0, "row 'row0'"),
        ((0.0, 1.0), (np.nan, 1.0), 1.0, "column 'x0'"),
        ((0.0, 1.0), (0.0, 1.0), np.nan, "row 'row0'"),
        ((0.0, 1.0), (INF, INF), 1.0, "column 'x0'"),
    ],
)
def test_what_is_not_a_number_is_refused_by_name(
    limits: Any, bounds: Any, coefficient: float, place: str
) -> None:
    with pytest.raises(InputError, match=place):
        presolve(program([{0: coefficient}], [{}], [limits], [bounds], [1.0]))


def test_whole_numbers_get_whole_bounds() -> None:
    problem = program(
        [{0: 2.0, 1: 1.0}, {0: 2.0}],
        [{(0, 1): 1.0}, {}],
        [(-INF, 9.0), (1.0, 5.0)],
        [(0.0, 9.0), (0.0, 2.0)],
        [-1.0, -1.0],
        integer=[True, False],
    )
    small_one = presolve(problem).program
    place = small_one.columns.index("x0")
    assert (small_one.low[place], small_one.high[place]) == (1.0, 2.0)
