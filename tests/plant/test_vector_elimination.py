"""Elimination on a known pattern solves what dense linear algebra solves."""

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.plant.vector.elimination import factor, plan_elimination, solve


def solution(matrix: ca.DM, right: np.ndarray) -> np.ndarray:
    """Return the solution of a linear system by the elimination under test."""
    plan = plan_elimination(matrix.sparsity())
    entries = [ca.SX(0.0)] * plan.n_entries
    for place, value in zip(plan.places, matrix.nonzeros(), strict=True):
        entries[place] = ca.SX(value)
    factors, inverses = factor(plan, entries)
    found = solve(plan, factors, inverses, [ca.SX(float(value)) for value in right])
    return np.array([float(value) for value in found])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_dominant_systems_are_solved(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(size, size)) * (rng.random((size, size)) < 0.3)
    np.fill_diagonal(dense, np.abs(dense).sum(axis=1) + 1.0)
    right = rng.normal(size=size)
    found = solution(ca.sparsify(ca.DM(dense)), right)
    np.testing.assert_allclose(dense @ found, right, atol=1e-12 * np.abs(dense).max())


def test_an_arrow_fills_nothing() -> None:
    """Its full row and column come last, so eliminating from the first to the last adds nothing."""
    size = 30
    arrow = ca.Sparsity.diag(size) + ca.Sparsity.triplet(
        size, size, [0] * size + list(range(size)), list(range(size)) + [0] * size
    )
    plan = plan_elimination(arrow)
    assert plan.n_entries == arrow.nnz()


@pytest.mark.parametrize("size", [1, 5])
def test_missing_diagonal_entries_are_added(size: int) -> None:
    plan = plan_elimination(ca.Sparsity(size, size))
    assert plan.n_entries == size
    assert plan.places == ()
