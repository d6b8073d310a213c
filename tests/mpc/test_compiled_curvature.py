"""Condensed second derivatives by the compiled recursion, against the sum over stages in numpy."""

import numpy as np
import pytest

from operator_agent.mpc.engine.compiled_curvature import reduced_hessian
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.condense_maps import MapCondenser, StageMatrices
from operator_agent.mpc.engine.curvature import LEAST_CURVATURE, convex, reduced
from operator_agent.plant.vector.compiled import find_compiler


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@pytest.mark.parametrize("blocks", [(1,) * 12, (1, 2, 4, 5), (12,)])
@pytest.mark.parametrize(("n_x", "n_u"), [(1, 1), (3, 2), (9, 3)])
def test_the_recursion_is_the_sum_over_stages(n_x: int, n_u: int, blocks: tuple[int, ...]):
    rng, n_pred, z = np.random.default_rng(n_x), 12, n_x + n_u
    horizon = Horizon.of((), 1.0, blocks, n_pred)
    matrices = StageMatrices(
        rng.normal(size=(n_pred, n_x, n_x)) / np.sqrt(n_x),
        rng.normal(size=(n_pred, n_u, n_x)),
        rng.normal(size=(n_pred, n_x, 1)),
        rng.normal(size=(n_pred, n_u, 1)),
    )
    condensed = MapCondenser(horizon, n_u).condense(matrices)
    bent = rng.normal(size=(2, n_pred, z, z))
    ends, inside = bent + bent.transpose(0, 1, 3, 2)
    n_moves = horizon.n_blocks * n_u
    columns = np.zeros((n_pred, n_moves, n_u))
    for k, block in enumerate(horizon.block_of_stage):
        columns[k, block * n_u : (block + 1) * n_u] = np.eye(n_u)
    kernel = reduced_hessian(horizon.block_of_stage, (n_pred, n_x, n_u, n_moves))
    assert kernel is not None
    theirs = reduced(condensed.states_of_blocks, columns, ends, inside)
    for _ in range(2):  # what the last call left behind does not count
        ours = kernel.of(condensed, ends, inside)
        assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-10 * np.abs(theirs).max())


@pytest.mark.parametrize("lowest", [0.5, 0.0, -1e-9, -2.0])
def test_a_hessian_becomes_convex_and_stays_near(lowest: float):
    """Flat directions get the least curvature; negative ones that of their size."""
    rng = np.random.default_rng(1)
    axes, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    values = np.concatenate([np.full(5, lowest), rng.uniform(1.0, 3.0, 15)])
    hessian = (axes * values) @ axes.T
    least = LEAST_CURVATURE * np.abs(np.diagonal(hessian)).max()
    found = np.linalg.eigvalsh(convex(hessian))
    assert found.min() >= 0.5 * least
    assert found == pytest.approx(np.sort(np.maximum(np.abs(values), least)), abs=1.01 * least)
