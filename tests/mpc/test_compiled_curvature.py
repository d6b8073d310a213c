"""Condensed second derivatives by the compiled recursion, against the sum over stages in numpy."""

import numpy as np
import pytest

from operator_agent.mpc.engine.compiled_curvature import reduced_hessian
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.condense_maps import MapCondenser, StageMatrices
from operator_agent.mpc.engine.curvature import reduced
from operator_agent.plant.vector.compiled import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


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
