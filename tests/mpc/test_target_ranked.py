"""Ranked programs against HiGHS, rank by rank, and against their own optimality conditions."""

import numpy as np
import pytest
from scipy.optimize import linprog

from operator_agent.arrays import FloatArray
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
@pytest.mark.parametrize("seed", range(40))
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
