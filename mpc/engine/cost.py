"""The cost of a plan, once as a number for the nonlinear prediction and once as a QP.

    sum over stages  share (tracking (y - reference)^2 + resting (u - rest)^2)
    + sum over blocks  move (u[b] - u[b-1])^2
    + soft penalty (s + s^2) of each group of stages + hard penalty (t + t^2) of each CV

all in scaled variables; a stage's share is its length by that of the longest; s and t are the
largest violations, see `transcription`.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.transcription import Transcription, side_limit
from operator_agent.mpc.problem import Problem

LARGEST_STEP = 1.0  # spans of one MV per iteration: a prediction further away is not believed


@dataclass(frozen=True, slots=True)
class ScaledProblem:
    """The numbers of a problem divided by the scales; `d` stays in SI."""

    weights: StageWeights
    x: FloatArray
    u_held: FloatArray
    d: FloatArray
    bias: FloatArray
    y_reference: FloatArray
    u_reference: FloatArray
    u_low: FloatArray
    u_high: FloatArray
    first_change: FloatArray
    block_changes: FloatArray
    limits: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    stage_shares: FloatArray
    block_shares: FloatArray
    block_of_stage: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem) -> "ScaledProblem":
        """Scale a problem."""
        model, variables = problem.transcription.model, problem.variables
        horizon = problem.transcription.horizon
        longest = max(horizon.lengths_s)
        rate = variables.mv_rate / model.u_scale
        return cls(
            weights=problem.weights,
            x=problem.x / model.x_scale,
            u_held=problem.u_held / model.u_scale,
            d=problem.d,
            bias=problem.bias / model.y_scale,
            y_reference=problem.y_reference / model.y_scale,
            u_reference=problem.u_reference / model.u_scale,
            u_low=variables.mv_low / model.u_scale,
            u_high=variables.mv_high / model.u_scale,
            first_change=rate * problem.cycle_s,
            block_changes=rate * horizon.block_lengths_s[:-1, None],
            limits=(
                np.maximum(variables.cv_soft_low, variables.cv_hard_low) / model.y_scale,
                np.minimum(variables.cv_soft_high, variables.cv_hard_high) / model.y_scale,
                variables.cv_hard_low / model.y_scale,
                variables.cv_hard_high / model.y_scale,
            ),
            stage_shares=problem.transcription.lengths_s / longest,
            block_shares=horizon.block_lengths_s[:, None] / longest,
            block_of_stage=horizon.block_of_stage,
        )

    def stage_inputs(self, blocks: FloatArray) -> FloatArray:
        """Return the MV levels of the stages, shape (N, n_u), from blocks (n_blocks, n_u)."""
        inputs: FloatArray = blocks[list(self.block_of_stage)]
        return inputs

    def fit(self, blocks: FloatArray) -> FloatArray:
        """Return blocks that keep MV limits and rates: the nearest, one after the other."""
        fitted = blocks.copy()
        before = self.u_held
        for b, change in enumerate([self.first_change, *self.block_changes]):
            low = np.maximum(self.u_low, before - change)
            high = np.minimum(self.u_high, before + change)
            fitted[b] = np.clip(blocks[b], low, high)
            before = fitted[b]
        return fitted


def plan_cost(
    grid: Transcription, scaled: ScaledProblem, blocks: FloatArray, y: FloatArray
) -> float:
    """Return the cost of block levels (n_blocks, n_u) with outputs y (N, n_y), scaled."""
    weights = scaled.weights
    tracking = scaled.stage_shares @ ((y - scaled.y_reference) ** 2 @ weights.tracking)
    moves = np.diff(blocks, axis=0, prepend=scaled.u_held[None, :])
    resting = scaled.block_shares * (blocks - scaled.u_reference) ** 2
    slack = grid.slacks(y, scaled.limits)
    outside = penalties(grid, weights) @ (slack + slack**2)
    cost = tracking + np.sum(weights.move * moves**2) + np.sum(weights.resting * resting) + outside
    return float(cost)


def penalties(grid: Transcription, weights: StageWeights) -> FloatArray:
    """Return the price of each slack, shape (n_slacks,)."""
    return np.concatenate(
        [
            np.full(grid.n_slacks_soft, weights.soft_penalty),
            np.full(grid.n_slacks_hard, weights.hard_penalty),
        ]
    )


def write_qp(
    grid: Transcription,
    scaled: ScaledProblem,
    blocks: FloatArray,
    free: FloatArray,
    response: FloatArray,
) -> None:
    """Write the QP for changes of the blocks into the grid's arrays.

    Args:
        grid: whose QP is written.
        scaled: the problem.
        blocks: levels from which the changes count, shape (n_blocks, n_u).
        free: outputs without changes, shape (N, n_y).
        response: of the outputs to the blocks, shape (N, n_y, n_blocks * n_u).
    """
    _write_objective(grid, scaled, blocks, free, response)
    qp, n_pred = grid.qp, grid.horizon.n_pred
    for number, side in enumerate(grid.sides):
        rows = slice(number * n_pred, (number + 1) * n_pred)
        qp.rows[rows, : grid.n_moves] = side.sign * response[:, side.cv]
        qp.row_high[rows] = side.sign * (side_limit(side, scaled.limits) - free[:, side.cv])
    low, high = scaled.u_low - blocks, scaled.u_high - blocks
    low, high = np.maximum(low, -LARGEST_STEP), np.minimum(high, LARGEST_STEP)
    low[0] = np.maximum(low[0], scaled.u_held - scaled.first_change - blocks[0])
    high[0] = np.minimum(high[0], scaled.u_held + scaled.first_change - blocks[0])
    qp.low[: grid.n_moves] = np.minimum(low, 0.0).ravel()
    qp.high[: grid.n_moves] = np.maximum(high, 0.0).ravel()
    steps = np.diff(blocks, axis=0)
    qp.row_low[grid.n_limit_rows :] = np.minimum(-scaled.block_changes - steps, 0.0).ravel()
    qp.row_high[grid.n_limit_rows :] = np.maximum(scaled.block_changes - steps, 0.0).ravel()


def _write_objective(
    grid: Transcription,
    scaled: ScaledProblem,
    blocks: FloatArray,
    free: FloatArray,
    response: FloatArray,
) -> None:
    weights, n_moves = scaled.weights, grid.n_moves
    n_blocks, n_u = blocks.shape
    root = np.sqrt(2.0 * weights.tracking * scaled.stage_shares[:, None])
    weighted = (root[:, :, None] * response).reshape(-1, n_moves)
    gap = (root * (free - scaled.y_reference)).ravel()
    hessian, gradient = grid.qp.hessian, grid.qp.gradient
    hessian[:n_moves, :n_moves] = weighted.T @ weighted
    gradient[:n_moves] = weighted.T @ gap
    diagonal = np.einsum("ii->i", hessian)
    counts = np.where(np.arange(n_blocks) < n_blocks - 1, 2.0, 1.0)
    own = 2.0 * (counts[:, None] * weights.move + scaled.block_shares * weights.resting)
    diagonal[:n_moves] += (own + 2.0 * weights.levenberg).ravel()
    beside = np.arange(n_moves - n_u)
    coupling = 2.0 * np.tile(weights.move, n_blocks - 1)
    hessian[beside, beside + n_u] -= coupling
    hessian[beside + n_u, beside] -= coupling
    moves = np.diff(blocks, axis=0, prepend=scaled.u_held[None, :])
    slope = weights.move * moves
    slope[:-1] -= weights.move * moves[1:]
    slope += scaled.block_shares * weights.resting * (blocks - scaled.u_reference)
    gradient[:n_moves] += 2.0 * slope.ravel()
    price = penalties(grid, weights)
    diagonal[n_moves:] = 2.0 * price
    gradient[n_moves:] = price
