"""What the stage cost and second derivatives add to the QP."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense_maps import CondensedMaps
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.curvature import adjoints, convex, reduced
from operator_agent.mpc.engine.map_stages import MapStages
from operator_agent.mpc.engine.running_cost import RunningCost
from operator_agent.mpc.engine.stages import Response
from operator_agent.mpc.engine.transcription import Transcription


def add_lagrangian(
    grid: Transcription,
    scaled: ScaledProblem,
    response: Response,
    row_prices: FloatArray | None,
) -> None:
    """Add the stage cost's slope and, where the formulation asks for it, exact curvature.

    Args:
        grid: whose QP has been written for this response.
        scaled: the problem.
        response: of the plan.
        row_prices: prices of the limit rows as far as they are known, shape (n_rows,).
    """
    running = grid.running
    if running is None:
        return
    plan, n_moves = response.plan, grid.n_moves
    states = plan.states
    if response.closing is not None:
        states = states.copy()
        states[1:] += response.closing
    inputs = grid.stage_inputs(plan.blocks)
    slope_x, slope_u = running.slopes(states, inputs, scaled.d, scaled.prices)
    of_blocks = response.condensed.states_of_blocks
    grid.qp.gradient[:n_moves] += slope_x.ravel() @ of_blocks.reshape(slope_x.size, n_moves)
    grid.qp.gradient[:n_moves] += np.add.reduceat(slope_u, grid.horizon.starts).ravel()
    if grid.exact:
        hessian = grid.qp.hessian[:n_moves, :n_moves]
        bent = _curvature(grid, running, scaled, response, states, inputs, slope_x, row_prices)
        hessian[:] = (convex if grid.ties is None else grid.ties.convex)(hessian + bent)


def _curvature(
    grid: Transcription,
    running: RunningCost,
    scaled: ScaledProblem,
    response: Response,
    states: FloatArray,
    inputs: FloatArray,
    slope_x: FloatArray,
    row_prices: FloatArray | None,
) -> FloatArray:
    """Return the second derivatives that Gauss-Newton leaves out, shape (n_moves, n_moves)."""
    prices = 2.0 * scaled.stage_tracking * (response.free + scaled.bias - scaled.y_reference)
    limits = grid.limits
    if row_prices is not None and limits.n_rows:
        signed = limits.sign * row_prices[: limits.n_rows]
        np.add.at(prices, (limits.stage, limits.cv), signed)
    ends = running.bent(states, inputs, scaled.d, scaled.prices, prices)
    condensed, inside = response.condensed, None
    if isinstance(condensed, CondensedMaps) and isinstance(grid.stages, MapStages):
        matrices = condensed.stages
        end_slopes = slope_x + np.einsum("kxy,ky->kx", matrices.y_x, prices)
        adjoint = adjoints(matrices.x_x, end_slopes)
        inside = grid.stages.curvature(response.plan, inputs, scaled.d, adjoint)
        if grid.bends is not None:
            return grid.bends.of(condensed, ends, inside)
    return reduced(condensed.states_of_blocks, grid.columns, ends, inside)
