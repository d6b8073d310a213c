"""Sparse condensing by the compiled kernel against LAPACK and against the stages themselves."""

from collections.abc import Callable

import casadi as ca
import numpy as np
import pytest

from operator_agent.mpc.engine import compiled_condense, condense_maps, sparse_solve
from operator_agent.mpc.engine.compiled_condense import Condenser, SparseFactors
from operator_agent.mpc.engine.condense import Condensed, DenseFactors, Horizon, condense
from operator_agent.mpc.engine.condense_maps import MapCondenser, StageMatrices
from operator_agent.mpc.engine.linearise import Linearisation, Pattern
from operator_agent.mpc.engine.sparse_solve import SparseSolver
from operator_agent.plant.vector.compiled import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

HORIZON = Horizon.of((10.0, 20.0), 60.0, (1, 2, 3, 4), 11)
SHAPES = [(4, 2, 2), (23, 3, 5), (41, 8, 1), (60, 17, 4)]  # n_x, n_u, n_y


def column_of_trays(n_x: int) -> ca.Sparsity:
    """Return a pattern of neighbours with a few far entries, and not all of the diagonal."""
    rng = np.random.default_rng(n_x)
    full = np.eye(n_x, k=1) + np.eye(n_x, k=-1) + np.eye(n_x)
    full[rng.integers(0, n_x, n_x), rng.integers(0, n_x, n_x)] = 1.0
    full[n_x // 2, n_x // 2] = 0.0
    return (
        ca.DM(full.tolist()).sparsity() if n_x < 5 else ca.sparsify(ca.DM(full.tolist())).sparsity()
    )


def linearisation(
    shape: tuple[int, int, int], scale: float = 0.02
) -> tuple[Linearisation, Pattern]:
    """Return Jacobians of a dissipative process with the pattern above."""
    n_x, n_u, n_y = shape
    pattern, n, rng = Pattern(column_of_trays(n_x)), HORIZON.n_pred, np.random.default_rng(7)
    nonzeros = scale * rng.normal(size=(n, pattern.rows.size))
    nonzeros[:, pattern.rows == pattern.columns] -= 5.0 * scale
    linear = Linearisation(
        rhs=rng.normal(size=(n, n_x)),
        outputs=rng.normal(size=(n, n_y)),
        rhs_x=nonzeros,
        rhs_u=rng.normal(size=(n, n_x, n_u)) * (rng.random((n, n_x, n_u)) < 0.3),
        outputs_x=rng.normal(size=(n, n_y, n_x)) * (rng.random((n, n_y, n_x)) < 0.3),
        outputs_u=rng.normal(size=(n, n_y, n_u)),
    )
    return linear, pattern


def both(shape: tuple[int, int, int]) -> tuple[Condensed, Condensed]:
    linear, pattern = linearisation(shape)
    sparse = Condenser(pattern, HORIZON, *shape[1:]).condense(linear)
    return sparse, condense(linear, pattern, HORIZON)


@pytest.mark.parametrize("shape", SHAPES)
def test_responses_are_those_of_lapack(shape: tuple[int, int, int]):
    sparse, dense = both(shape)
    assert isinstance(sparse.factors, SparseFactors)
    for name in ("states_of_blocks", "outputs_of_blocks"):
        ours, theirs = getattr(sparse, name), getattr(dense, name)
        assert np.max(np.abs(ours - theirs)) <= 1e-12 * np.max(np.abs(theirs))


@pytest.mark.parametrize("shape", SHAPES)
def test_propagation_closes_the_linear_stages(shape: tuple[int, int, int]):
    linear, pattern = linearisation(shape)
    factors = Condenser(pattern, HORIZON, *shape[1:]).condense(linear).factors
    defects = np.random.default_rng(1).normal(size=(HORIZON.n_pred, shape[0]))
    change = factors.propagate(defects)
    before = np.zeros(shape[0])
    for k, length in enumerate(HORIZON.lengths_s):
        matrix = np.eye(shape[0])
        matrix[pattern.rows, pattern.columns] -= length * linear.rhs_x[k]
        assert matrix @ change[k] == pytest.approx(before - defects[k], abs=1e-11)
        before = change[k]


def test_results_outlive_the_next_call():
    linear, pattern = linearisation(SHAPES[1])
    condenser = Condenser(pattern, HORIZON, *SHAPES[1][1:])
    first = condenser.condense(linear)
    defects = np.ones((HORIZON.n_pred, SHAPES[1][0]))
    kept = first.outputs_of_blocks.copy(), first.propagate(defects)
    linear.rhs_x[:] *= 3.0
    condenser.condense(linear)
    assert np.array_equal(first.outputs_of_blocks, kept[0])
    assert np.array_equal(first.propagate(defects), kept[1])


def test_a_pivot_that_vanishes_goes_to_lapack():
    linear, pattern = linearisation(SHAPES[0])
    row = int(np.flatnonzero(pattern.rows == pattern.columns)[0])
    linear.rhs_x[3, row] = 1.0 / HORIZON.lengths_s[3]  # M has a zero there; it is regular
    condensed = Condenser(pattern, HORIZON, *SHAPES[0][1:]).condense(linear)
    assert isinstance(condensed.factors, DenseFactors | SparseFactors)
    expected = condense(linear, pattern, HORIZON).outputs_of_blocks
    assert condensed.outputs_of_blocks == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("stage", [0, 10])
def test_a_derivative_that_is_not_finite_is_never_hidden(stage: int):
    linear, pattern = linearisation(SHAPES[1])
    linear.rhs_x[stage, 5] = np.nan
    condensed = Condenser(pattern, HORIZON, *SHAPES[1][1:]).condense(linear)
    assert not np.all(np.isfinite(condensed.outputs_of_blocks[stage:]))


def test_without_a_compiler_lapack_condenses(monkeypatch: pytest.MonkeyPatch):
    nothing: Callable[..., None] = lambda *_: None  # noqa: E731
    monkeypatch.setattr(compiled_condense, "load_kernels", nothing)
    linear, pattern = linearisation(SHAPES[0])
    condensed = Condenser(pattern, HORIZON, *SHAPES[0][1:]).condense(linear)
    assert isinstance(condensed.factors, DenseFactors)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("step_s", [1.0, 600.0, 1e9])
def test_one_point_is_solved_with_its_pattern(
    step_s: float, compiled: bool, monkeypatch: pytest.MonkeyPatch
):
    if not compiled:
        monkeypatch.setattr(sparse_solve, "load_kernels", lambda *_: None)
    linear, pattern = linearisation(SHAPES[2])
    solver = SparseSolver(column_of_trays(SHAPES[2][0]))
    right = np.random.default_rng(3).normal(size=SHAPES[2][0])
    found = solver.solve(linear.rhs_x[4], step_s, right)
    matrix = np.eye(right.size)
    matrix[pattern.rows, pattern.columns] -= step_s * linear.rhs_x[4]
    assert found == pytest.approx(np.linalg.solve(matrix, right), rel=1e-9, abs=1e-12)
    singular = linear.rhs_x[4].copy()
    singular[pattern.rows == 7] = 0.0
    singular[(pattern.rows == 7) & (pattern.columns == 7)] = 1.0 / step_s
    assert not np.all(np.isfinite(solver.solve(singular, step_s, right)))
    singular[0] = np.nan
    assert not np.all(np.isfinite(solver.solve(singular, step_s, right)))


def stage_matrices(shape: tuple[int, int, int]) -> StageMatrices:
    n_x, n_u, n_y = shape
    rng, n = np.random.default_rng(5), HORIZON.n_pred
    sizes = (n_x, n_x), (n_u, n_x), (n_x, n_y), (n_u, n_y)
    return StageMatrices(*(rng.normal(size=(n, *size)) / np.sqrt(n_x) for size in sizes))


@pytest.mark.parametrize("shape", [(1, 1, 1), *SHAPES])
def test_responses_of_maps_are_those_of_their_recursion(shape: tuple[int, int, int]):
    matrices = stage_matrices(shape)
    found = MapCondenser(HORIZON, shape[1]).condense(matrices)
    blocks = np.random.default_rng(6).normal(size=(HORIZON.n_blocks, shape[1]))
    x = np.zeros(shape[0])
    for k, block in enumerate(HORIZON.block_of_stage):
        x = x @ matrices.x_x[k] + blocks[block] @ matrices.x_u[k]
        y = x @ matrices.y_x[k] + blocks[block] @ matrices.y_u[k]
        assert found.states_of_blocks[k] @ blocks.ravel() == pytest.approx(x, rel=1e-11, abs=1e-12)
        assert found.outputs_of_blocks[k] @ blocks.ravel() == pytest.approx(y, rel=1e-11, abs=1e-12)


def test_maps_are_condensed_alike_without_a_compiler(monkeypatch: pytest.MonkeyPatch):
    matrices = stage_matrices(SHAPES[1])
    ours = MapCondenser(HORIZON, SHAPES[1][1]).condense(matrices)
    monkeypatch.setattr(condense_maps, "map_function", lambda: None)
    theirs = MapCondenser(HORIZON, SHAPES[1][1]).condense(matrices)
    for name in ("states_of_blocks", "outputs_of_blocks"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-12, abs=1e-13)
    matrices.x_x[2, 1, 1] = np.nan
    broken = MapCondenser(HORIZON, SHAPES[1][1]).condense(matrices)
    assert not np.all(np.isfinite(broken.outputs_of_blocks))
