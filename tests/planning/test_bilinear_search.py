"""What a search reports for every kind of program, judged by independent re-evaluation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.bilinear.guards import Guard
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.search import SearchResult, search
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.published.row_file import read_row_file

CASE_1, CASE_2 = 34_167_967.9, 69_700_000.0  # Du et al., arXiv 2503.22057, and what beats it
SPURIOUS = 71_000_000.0  # case 2 with volume from nothing pays 71.77 million


def rows(
    tmp_path: Path, rows: list[Any], bounds: list[tuple[Any, Any]], **more: Any
) -> BilinearProgram:
    """Write a row file and read it back; column 0 is the objective."""
    data = {
        "nvar": len(bounds),
        "lb": [low for low, _ in bounds],
        "ub": [high for _, high in bounds],
        "x0": [0.0] * len(bounds),
        "type": ["c"] * len(bounds),
        "sense": "max",
        "obj_var": 0,
        "rows": rows,
    } | more
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(data))
    return read_row_file(path)


def recheck(path_rows: list[Any], x: np.ndarray) -> float:
    """Return the largest miss of rows, written out again without the product's code."""
    worst = 0.0
    for columns, values, left, right, factors, low, high in path_rows:
        terms = [v * x[k] for k, v in zip(columns, values, strict=True)]
        terms += [f * x[i] * x[j] for i, j, f in zip(left, right, factors, strict=True)]
        size = max([1.0, *map(abs, terms)])
        worst = max(worst, (low - sum(terms)) / size, (sum(terms) - high) / size)
    return worst


BIG = 1e30
# Haverly 1978, P-form: objective, A and B into the pool, C to X and Y, pool to X and Y, sulphur.
HAVERLY = [
    [[0, 1, 2, 3, 4, 5, 6], [1, 6, 16, 1, -5, -9, -15], [], [], [], 0, 0],
    [[1, 2, 5, 6], [1, 1, -1, -1], [], [], [], 0, 0],
    [[1, 2], [3, 1], [7, 7], [5, 6], [-1, -1], 0, 0],
    [[3, 5], [-0.5, -2.5], [7], [5], [1], -BIG, 0],
    [[4, 6], [0.5, -1.5], [7], [6], [1], -BIG, 0],
    [[3, 5], [1, 1], [], [], [], -BIG, 100],
    [[4, 6], [1, 1], [], [], [], -BIG, 200],
]
HAVERLY_BOUNDS = [(-BIG, BIG)] + [(0, 300)] * 6 + [(0, BIG)]


def test_haverly_reaches_the_published_optimum_and_its_rows_hold(tmp_path: Path) -> None:
    result = search(rows(tmp_path, HAVERLY, HAVERLY_BOUNDS), starts=20)
    assert result.worth is PointWorth.LOCAL_OPTIMUM
    assert result.objective == pytest.approx(400.0, abs=1e-4)
    assert recheck(HAVERLY, result.plan()) < 1e-6
    assert result.violation < 1e-8
    assert result.hits >= 1
    assert len(result.attempts) == 20


def test_one_seed_gives_one_answer(tmp_path: Path) -> None:
    problem = rows(tmp_path, HAVERLY, HAVERLY_BOUNDS)
    first, second = (search(problem, seed=7, starts=2) for _ in range(2))
    np.testing.assert_array_equal(first.x, second.x)
    assert [a.seed for a in first.attempts] == [7, 8]


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    problem = rows(tmp_path, HAVERLY, HAVERLY_BOUNDS)
    one, two = search(problem, starts=3), search(problem, starts=3, workers=2)
    np.testing.assert_array_equal(one.x, two.x)


def test_progress_is_told_and_a_stop_is_heeded(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    search(
        rows(tmp_path, HAVERLY, HAVERLY_BOUNDS),
        starts=3,
        progress=lambda done, total, best: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    result = search(rows(tmp_path, HAVERLY, HAVERLY_BOUNDS), starts=3, stop=lambda: True)
    assert len(result.attempts) == 1


def test_a_linear_program_is_solved_as_one(tmp_path: Path) -> None:
    result = search(
        rows(
            tmp_path,
            [[[0, 1, 2], [1, -3, -2], [], [], [], 0, 0], [[1, 2], [1, 1], [], [], [], -BIG, 4]],
            [(-BIG, BIG), (0, 3), (0, BIG)],
        )
    )
    assert result.worth is PointWorth.LINEAR_OPTIMUM
    assert result.objective == pytest.approx(11.0)


def test_whole_numbers_of_a_linear_program_are_whole(tmp_path: Path) -> None:
    result = search(
        rows(
            tmp_path,
            [
                [[0, 1, 2], [1, -5, -4], [], [], [], 0, 0],
                [[1, 2], [6, 4], [], [], [], -BIG, 24],
                [[1, 2], [1, 2], [], [], [], -BIG, 6],
            ],
            [(-BIG, BIG), (0, BIG), (0, BIG)],
            type=["c", "i", "i"],
        )
    )
    assert result.objective == pytest.approx(20.0)  # relaxed 21, at (3, 1.5)
    assert result.x[1:] == pytest.approx([4.0, 0.0])


def test_a_square_is_a_product(tmp_path: Path) -> None:
    # maximise x0 = 6 x1 - x1^2
    result = search(
        rows(tmp_path, [[[0, 1], [1, -6], [1], [1], [1], 0, 0]], [(-BIG, BIG), (0, 10)])
    )
    assert result.objective == pytest.approx(9.0, abs=1e-5)


def test_a_minimum_and_unused_columns_and_empty_rows(tmp_path: Path) -> None:
    # minimise x1 + x2 with x1 x2 >= 4; column 3 and row 2 are empty
    result = search(
        rows(
            tmp_path,
            [
                [[0, 1, 2], [1, -1, -1], [], [], [], 0, 0],
                [[], [], [1], [2], [1], 4, BIG],
                [[], [], [], [], [], -1, 1],
            ],
            [(-BIG, BIG), (0, 9), (0, 9), (2, 3)],
            sense="min",
        )
    )
    assert result.objective == pytest.approx(4.0, abs=1e-5)
    assert 2.0 <= result.x[3] <= 3.0


def test_a_choice_with_products_is_rounded_and_kept(tmp_path: Path) -> None:
    # maximise x1 x2 - 0.5 x3 with x1 <= 3 x3, x2 <= 2, x3 binary
    result = search(
        rows(
            tmp_path,
            [[[0, 3], [1, 0.5], [1], [2], [-1], 0, 0], [[1, 3], [1, -3], [], [], [], -BIG, 0]],
            [(-BIG, BIG), (0, 5), (0, 2), (0, 1)],
            type=["c", "c", "c", "b"],
        )
    )
    assert result.objective == pytest.approx(5.5, abs=1e-5)
    assert result.x[3] == 1.0


def test_whole_numbers_that_must_fit_together_do(tmp_path: Path) -> None:
    # maximise x1 x2 + x3 with 3 x3 + 5 x4 = 14: only (3, 1), though x3 alone would be 4
    result = search(
        rows(
            tmp_path,
            [
                [[0, 3], [1, -1], [1], [2], [-1], 0, 0],
                [[3, 4], [3, 5], [], [], [], 14, 14],
                [[1, 2], [1, 1], [], [], [], -BIG, 4],
            ],
            [(-BIG, BIG), (0, 5), (0, 5), (0, 9), (0, 9)],
            type=["c", "c", "c", "i", "i"],
        )
    )
    assert result.objective == pytest.approx(7.0, abs=1e-5)
    assert result.x[3:] == pytest.approx([3.0, 1.0])


@pytest.mark.parametrize("kind", ["presolve", "linear", "products"])
def test_what_cannot_be_is_no_plan(tmp_path: Path, kind: str) -> None:
    cases = {
        "presolve": [[[1], [1], [], [], [], 7, BIG]],
        "linear": [
            [[1, 2], [1, 1], [], [], [], 8, BIG],
            [[1, 2], [1, -1], [], [], [], -BIG, -3],
            [[1, 2], [1, 3], [], [], [], -BIG, 12],
        ],
        "products": [[[], [], [1], [2], [1], 20, BIG], [[1, 2], [1, 1], [], [], [], -BIG, 7]],
    }
    problem = rows(tmp_path, cases[kind], [(0, 1), (0, 6), (0, 6)])
    result = search(problem, starts=2)
    assert result.worth is PointWorth.NONE
    assert result.reason
    if kind != "products":
        assert result.stop is SolverStop.INFEASIBLE
    with pytest.raises(SolveFailedError):
        result.plan()


@pytest.mark.parametrize(
    "profit",
    [[[0, 1, 2], [1, -1, 1], [], [], [], 0, 0], [[0, 1], [1, -1], [1], [2], [-1], 0, 0]],
    ids=["linear", "products"],
)
def test_a_profit_without_bound_is_no_plan(tmp_path: Path, profit: Any) -> None:
    result = search(rows(tmp_path, [profit], [(-BIG, BIG), (0, BIG), (0, BIG)]))
    assert result.stop is SolverStop.UNBOUNDED
    assert result.worth is PointWorth.NONE


def test_a_bound_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    problem = rows(tmp_path, HAVERLY, HAVERLY_BOUNDS)
    problem.low[3] = np.nan
    with pytest.raises(InputError, match="column 'x3'"):
        search(problem)


def test_no_starts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="starts is 0"):
        search(rows(tmp_path, HAVERLY, HAVERLY_BOUNDS), starts=0)


# Mass 1 = density 3 * volume 4, mass 2 = given density 5 * volume 6; volume is sold, mass bought.
VOLUME = [
    [[0, 1, 2, 4, 6], [1, 1, 1, -2, -2], [], [], [], 0, 0],
    [[1], [-1], [3], [4], [1], 0, 0],
    [[2], [-1], [5], [6], [1], 0, 0],
    [[4, 6], [1, 1], [], [], [], -BIG, 1000],
    [[1, 4], [1, -0.6], [], [], [], -BIG, 1e9],
]
VOLUME_BOUNDS = [(-BIG, BIG), (0, 50), (0, 50), (0, BIG), (0, BIG), (0.8, 0.8), (0, BIG)]


def test_volume_from_nothing_is_guarded(tmp_path: Path) -> None:
    result = search(rows(tmp_path, VOLUME, VOLUME_BOUNDS))
    density = result.x[1] / result.x[4]
    assert density >= 0.9 * 0.8 - 1e-9  # a tenth below the one density that is given


def test_a_plan_outside_a_given_range_is_not_claimed(tmp_path: Path) -> None:
    problem = rows(tmp_path, VOLUME, VOLUME_BOUNDS)
    light, wrong = Guard(3, 4, 0.72, 5.0), Guard(5, 6, 0.0, 0.1)
    result = search(problem, guards=(light, wrong))
    assert result.unphysical == ("x5",)
    assert result.worth is PointWorth.NONE
    assert "x5" in result.reason


def beats(result: SearchResult, objective: float) -> bool:
    return result.worth is not PointWorth.NONE and result.objective >= objective


@pytest.mark.slow
def test_a_refinery_of_3573_columns_reaches_the_published_optimum(
    published: Any, published_folder: Path
) -> None:
    data = published("emrps/case1_rows.json")
    result = search(read_row_file(published_folder / "emrps" / "case1_rows.json"), starts=2)
    assert beats(result, CASE_1)
    assert recheck(data["rows"], result.x) < 1e-8


@pytest.mark.slow
def test_a_complex_with_tanks_beats_the_published_plan_without_its_hole(
    published: Any, published_folder: Path
) -> None:
    data = published("emrps/case2_rows.json")
    result = search(read_row_file(published_folder / "emrps" / "case2_rows.json"), starts=1, seed=1)
    assert beats(result, CASE_2)
    assert result.objective < SPURIOUS
    assert not result.unphysical
    assert recheck(data["rows"], result.x) < 1e-8
    whole = result.x[[kind != "c" for kind in data["type"]]]
    assert np.array_equal(whole, np.round(whole))
