"""A warm start on a plant that runs away: the moves steer back to the states of the last plan.

Along such a plan every difference between the plant and its prediction grows from stage to stage,
so that the last moves, held as they are, lead somewhere else. Here a linear regulator along the
plan corrects them on the way. Source: Anderson and Moore, "Optimal Control: Linear Quadratic
Methods" (1990), section 2.4, the Riccati recursion.
"""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense_maps import StageMatrices
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.map_stages import MapStages
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.engine.transcription import Transcription

RUNS_AWAY = 1e3  # times the difference now, at the end of the horizon
MOVE_WEIGHT = 1e-2  # of a squared span of an MV; that of a squared span of a state is one


def runs_away(matrices: StageMatrices) -> bool:
    """Return whether differences of states grow much along a plan; also where they overflow.

    What a state does to itself does not depend on the spans.
    """
    grown = matrices.x_x
    with np.errstate(over="ignore", invalid="ignore"):
        if float(np.abs(grown).sum(axis=1).max(axis=1).prod()) < RUNS_AWAY:
            return False  # the norms of the stages bound what their product does
        while grown.shape[0] > 1:
            paired = grown[: grown.shape[0] // 2 * 2]
            rest = grown[paired.shape[0] :]
            grown = np.concatenate([paired[0::2] @ paired[1::2], rest])
    return not float(np.abs(np.diagonal(grown[0])).max()) < RUNS_AWAY


def steadied(
    grid: Transcription, scaled: ScaledProblem, plan: Plan, matrices: StageMatrices
) -> Plan | None:
    """Return the plan from its first state with corrected moves, or None where it diverges.

    Args:
        grid: whose stages are maps.
        scaled: the problem.
        plan: states to steer to, from the state now, and moves that led along them.
        matrices: Jacobians along it.
    """
    stages = grid.stages
    assert isinstance(stages, MapStages)
    gains, blocks, states = _gains(matrices), plan.blocks.copy(), plan.states.copy()
    d = np.broadcast_to(scaled.d, (states.shape[0] - 1, grid.model.n_d))
    inner = None if plan.inner is None else plan.inner.copy()
    last = -1
    for k, block in enumerate(grid.block_of_stage):
        if block != last:
            wanted = blocks[block] + gains[k] @ (states[k] - plan.states[k])
            blocks[block], last = _reachable(scaled, blocks, block, wanted), block
        found = stages.advanced(k, states[k], blocks[block], d[k], inner)
        if found is None:
            return None
        states[k + 1] = found
    return Plan(blocks, states, inner=inner)


def _gains(matrices: StageMatrices) -> FloatArray:
    """Return the regulator of each stage, shape (N, n_u, n_x)."""
    n_pred, n_u, n_x = matrices.x_u.shape
    gains = np.zeros((n_pred, n_u, n_x))
    one, cheap = np.eye(n_x), MOVE_WEIGHT * np.eye(n_u)
    weight = one
    for k in range(n_pred - 1, -1, -1):
        a, b = matrices.x_x[k].T, matrices.x_u[k].T
        pulled = b.T @ weight
        gains[k] = -np.linalg.solve(cheap + pulled @ b, pulled @ a)
        weight = one + a.T @ weight @ (a + b @ gains[k])
        weight = 0.5 * (weight + weight.T)
    return gains


def _reachable(
    scaled: ScaledProblem, blocks: FloatArray, block: int, wanted: FloatArray
) -> FloatArray:
    """Return the level next to a wanted one that limits and rates allow after the block before."""
    low, high = scaled.first_low, scaled.first_high
    if block:
        change = scaled.block_changes[block - 1]
        low = np.maximum(scaled.u_low[block], blocks[block - 1] - change)
        high = np.minimum(scaled.u_high[block], blocks[block - 1] + change)
    found: FloatArray = np.maximum(low, np.minimum(high, wanted))
    return found
