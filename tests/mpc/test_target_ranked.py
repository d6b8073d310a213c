"""Ranked programs against HiGHS, rank by rank, and against their own optimality conditions."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.conflicts import RowWords, opponents
from operator_agent.mpc.target.ranked import (
    Norm,
    RankedPoint,
    RankedProblem,
    RankedProgram,
    RankLevel,
)

PROXIMAL = 1e-6


def random_problem(seed: int, norm: Norm, tightness: float) -> RankedProblem:
    """Return three ranks on random rows; a high tightness makes most of them conflict."""
    rng = np.random.default_rng(seed)
    n_u, n_rows = int(rng.integers(2, 7)), int(rng.integers(3, 9))
    gain = rng.normal(size=(n_rows, n_u)) * (rng.random((n_rows, n_u)) < 0.7)
    levels = []
    for rank in (1, 2, 5):
        middle = rng.normal(size=n_rows) * tightness
        room = rng.random(n_rows) * 0.5
        low = np.where(rng.random(n_rows) < 0.4, middle - room, -np.inf)
        high = np.where(rng.random(n_rows) < 0.4, middle + room, np.inf)
        concern = 0.5 + rng.random((2, n_rows))
        levels.append(RankLevel(rank, low, high, concern[0], concern[1], norm))
    return RankedProblem(
        gain=gain,
        low=-rng.random(n_u),
        high=rng.random(n_u),
        levels=tuple(levels),
        hessian=PROXIMAL * np.eye(n_u),
        gradient=rng.normal(size=n_u),
    )


def weighted(level: RankLevel, rows: FloatArray) -> FloatArray:
    outside = level.outside(rows)
    return np.where(outside > 0.0, outside / level.concern_high, -outside / level.concern_low)


def lexicographic(problem: RankedProblem) -> tuple[list[float], float]:
    """Return the least sum of violations of each level in turn, and the least cost, by HiGHS."""
    n_rows, n_u = problem.gain.shape
    n_levels = len(problem.levels)
    n = n_u + n_levels * n_rows
    rows, ends = [], []
    for k, level in enumerate(problem.levels):
        for i in range(n_rows):
            for sign, limit, concern in (
                (1.0, level.high[i], level.concern_high[i]),
                (-1.0, -level.low[i], level.concern_low[i]),
            ):
                if np.isfinite(limit):
                    row = np.zeros(n)
                    row[:n_u], row[n_u + k * n_rows + i] = sign * problem.gain[i], -concern
                    rows.append(row)
                    ends.append(limit)
    bounds = [*zip(problem.low, problem.high, strict=True), *[(0.0, None)] * (n - n_u)]
    sums = []
    for k in range(n_levels):
        cost = np.zeros(n)
        cost[n_u + k * n_rows : n_u + (k + 1) * n_rows] = 1.0
        found = linprog(cost, np.array(rows), ends, bounds=bounds, method="highs")
        assert found.success
        sums.append(float(found.fun))
        rows.append(cost)
        ends.append(float(found.fun) + 1e-6)
    cost = np.concatenate([problem.gradient, np.zeros(n - n_u)])
    found = linprog(cost, np.array(rows), ends, bounds=bounds, method="highs")
    assert found.success
    return sums, float(found.fun)


def solved(problem: RankedProblem) -> RankedPoint:
    n_rows, n_u = problem.gain.shape
    answer = RankedProgram(n_u, n_rows).solve(problem)
    assert answer is not None
    return answer[0]


@pytest.mark.parametrize("tightness", [0.1, 0.6, 2.0])
@pytest.mark.parametrize("seed", range(25))
def test_sums_of_violations_and_cost_are_those_of_highs_rank_by_rank(
    seed: int, tightness: float
) -> None:
    problem = random_problem(seed, Norm.L1, tightness)
    point = solved(problem)
    sums, cost = lexicographic(problem)
    rows = problem.gain @ point.change
    for level, least in zip(problem.levels, sums, strict=True):
        assert np.sum(weighted(level, rows)) == pytest.approx(least, abs=2e-4)
    assert problem.gradient @ point.change == pytest.approx(cost, abs=2e-3)


@pytest.mark.parametrize("seed", range(12))
def test_sums_of_squares_are_those_of_an_independent_solver_rank_by_rank(seed: int) -> None:
    problem = random_problem(seed, Norm.L2, 1.0)
    point = solved(problem)
    rows = problem.gain @ point.change
    ceilings: list[tuple[RankLevel, FloatArray]] = []

    def room(du: FloatArray) -> FloatArray:
        found = [np.ones(1)]
        for level, given in ceilings:
            values = problem.gain @ du
            above = level.high + given * level.concern_high + 1e-6 - values
            below = values - level.low + given * level.concern_low + 1e-6
            found += [above[np.isfinite(above)], below[np.isfinite(below)]]
        return np.concatenate(found)

    for level in problem.levels:
        found = minimize(
            lambda du, level=level: float(np.sum(weighted(level, problem.gain @ du) ** 2)),
            point.change + 1e-3,
            bounds=list(zip(problem.low, problem.high, strict=True)),
            constraints=[{"type": "ineq", "fun": room}],
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        ours = float(np.sum(weighted(level, rows) ** 2))
        assert ours == pytest.approx(float(found.fun), rel=1e-3, abs=1e-3) or ours < found.fun
        ceilings.append((level, weighted(level, rows)))


@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize("seed", range(10))
def test_a_conflict_proves_that_its_limits_cannot_all_be_kept(seed: int, norm: Norm) -> None:
    """Farkas: the weighted limits add up to a row of zeros that would have to be negative."""
    problem = random_problem(seed, norm, 2.0)
    point = solved(problem)
    for conflict in point.conflicts:
        level = problem.levels[conflict.level]
        total = conflict.own @ problem.gain + conflict.before.sum(axis=0) @ problem.gain
        total += conflict.bounds
        size = np.max(np.abs(conflict.own))
        assert size > 0.0
        assert np.max(np.abs(total)) < 1e-4 * size
        rows = problem.gain @ point.change
        for i in np.flatnonzero(np.abs(conflict.own) > 1e-3 * size):
            limit = level.high[i] if conflict.own[i] > 0.0 else level.low[i]
            assert np.isfinite(limit)
            if norm is Norm.L2:  # a limit of the level with a multiplier is one that gives way
                assert abs(level.outside(rows)[i]) > 0.0


def test_two_conflicts_that_share_no_mv_are_told_apart() -> None:
    gain = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    inf = np.inf
    first = RankLevel(
        1, np.full(3, -inf), np.array([0.1, inf, inf]), np.ones(3), np.ones(3), Norm.L2
    )
    second = RankLevel(
        2, np.array([-inf, 0.5, 2.0]), np.full(3, inf), np.ones(3), np.ones(3), Norm.L2
    )
    problem = RankedProblem(
        gain, -np.ones(2), np.ones(2), (first, second), 0.01 * np.eye(2), np.zeros(2)
    )
    point = solved(problem)
    assert point.change == pytest.approx([0.1, 1.0], abs=1e-4)
    words = RowWords(
        tuple((f"y{i} low", f"y{i} high") for i in range(3)),
        tuple((f"u{i} low", f"u{i} high") for i in range(2)),
    )
    (conflict,) = point.conflicts
    _, against = opponents(conflict, gain, words)
    assert against["y1 low"] == ("y0 high",)
    assert against["y2 low"] == ("u1 high",)


@pytest.mark.parametrize("part", ["gain", "gradient"])
def test_a_number_that_is_not_finite_gives_no_point(part: str) -> None:
    problem = random_problem(3, Norm.L2, 0.6)
    broken = getattr(problem, part).copy()
    broken.flat[0] = np.nan
    n_rows, n_u = problem.gain.shape
    values = {name: getattr(problem, name) for name in ("gain", "gradient")} | {part: broken}
    wrong = RankedProblem(
        values["gain"], problem.low, problem.high, problem.levels, problem.hessian,
        values["gradient"],
    )  # fmt: skip
    assert RankedProgram(n_u, n_rows).solve(wrong) is None
