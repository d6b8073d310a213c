"""The cost of a plan, once as a number for the nonlinear prediction and once as a QP.

    sum over stages  share (tracking (y - reference)^2 + resting (u - rest)^2)
    + terminal (y[N] - reference[N])^2
    + sum over blocks  move (u[b] - u[b-1])^2
    + sum over slacks  linear s + quadratic s^2
    + the stage cost, where there is one

all in scaled variables; a stage's share is its length by that of the longest; a slack is the
largest violation among the stages that share it, see `limit_rows`.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.stages import Response
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import Problem

LARGEST_STEP = 1.0  # spans of one MV per iteration: a prediction further away is not believed


@dataclass(slots=True)
class ScaledProblem:
    """The numbers of a problem divided by the scales; `d` and prices stay in SI.

    Attributes:
        stage_tracking: weight of each output at each stage, shape (N, n_y).
        side_limits: of the sides of the limit rows, shape (n_sides,).
        linear, quadratic: price of each slack, shape (n_slacks,).
        first_low, first_high: limits of the first move, shape (n_u,).
        block_changes: largest change between blocks, shape (n_blocks - 1, n_u).
        reach: how far one MV may go in one iteration [spans]; it shrinks where steps do not pay.
    """

    weights: StageWeights
    x: FloatArray
    u_held: FloatArray
    d: FloatArray
    bias: FloatArray
    y_reference: FloatArray
    u_reference: FloatArray
    u_low: FloatArray
    u_high: FloatArray
    first_low: FloatArray
    first_high: FloatArray
    block_changes: FloatArray
    side_limits: FloatArray
    stage_tracking: FloatArray
    linear: FloatArray
    quadratic: FloatArray
    prices: FloatArray | None
    reach: float = LARGEST_STEP

    @classmethod
    def of(cls, problem: Problem) -> "ScaledProblem":
        """Scale a problem."""
        grid = problem.transcription
        model, v, horizon = grid.model, problem.variables, grid.horizon
        rate, u_held = v.mv_rate / model.u_scale, problem.u_held / model.u_scale
        u_low, u_high = v.mv_low / model.u_scale, v.mv_high / model.u_scale
        change = rate * problem.cycle_s
        linear, quadratic = penalties(grid, problem.weights)
        return cls(
            weights=problem.weights,
            x=problem.x / model.x_scale,
            u_held=u_held,
            d=problem.d,
            bias=problem.bias / model.y_scale,
            y_reference=problem.y_reference / model.y_scale,
            u_reference=problem.u_reference / model.u_scale,
            u_low=u_low,
            u_high=u_high,
            first_low=np.maximum(u_low, u_held - change),
            first_high=np.minimum(u_high, u_held + change),
            block_changes=rate * horizon.block_lengths_s[:-1, None],
            side_limits=grid.limits.side_limits(_limits(problem)),
            stage_tracking=_stage_tracking(grid, problem.weights),
            linear=linear,
            quadratic=quadratic,
            prices=problem.prices,
        )

    def fit(self, blocks: FloatArray) -> FloatArray:
        """Return blocks that keep MV limits and rates: the nearest, one after the other."""
        fitted = np.maximum(self.u_low, np.minimum(self.u_high, blocks))
        fitted[0] = np.maximum(self.first_low, np.minimum(self.first_high, blocks[0]))
        steps = np.abs(np.diff(fitted, axis=0))
        if (steps <= self.block_changes).all():
            return fitted
        for b, change in enumerate(self.block_changes, start=1):
            low = np.maximum(self.u_low, fitted[b - 1] - change)
            high = np.minimum(self.u_high, fitted[b - 1] + change)
            fitted[b] = np.maximum(low, np.minimum(high, blocks[b]))
        return fitted


def _limits(problem: Problem) -> FloatArray:
    """Return all CV limits scaled, shape (6, n_y); the soft ones never outside the hard ones."""
    v, terminal = problem.variables, problem.terminal
    low, high = v.cv_hard_low, v.cv_hard_high
    if terminal is not None:
        low, high = terminal.low, terminal.high
    limits = np.array([v.cv_soft_low, v.cv_soft_high, v.cv_hard_low, v.cv_hard_high, low, high])
    np.maximum(limits[0], limits[2], out=limits[0])
    np.minimum(limits[1], limits[3], out=limits[1])
    limits /= problem.transcription.model.y_scale
    return limits


def _stage_tracking(grid: Transcription, weights: StageWeights) -> FloatArray:
    tracking = grid.stage_shares[:, None] * weights.tracking
    if weights.terminal is not None:
        tracking[-1] += weights.terminal
    return tracking


def plan_cost(
    grid: Transcription,
    scaled: ScaledProblem,
    blocks: FloatArray,
    y: FloatArray,
    states: FloatArray,
) -> float:
    """Return the cost of a plan, all scaled.

    Args:
        grid: of the plan.
        scaled: the problem.
        blocks: MV levels, shape (n_blocks, n_u).
        y: outputs with bias, shape (N, n_y).
        states: at the stage borders, shape (N + 1, n_x); they matter to a stage cost alone.
    """
    weights = scaled.weights
    gap = y - scaled.y_reference
    cost = np.vdot(gap * gap, scaled.stage_tracking)
    moves = _moves(scaled, blocks)
    cost += (moves * moves).sum(axis=0).dot(weights.move)
    away = blocks - scaled.u_reference
    cost += grid.block_shares.ravel().dot((away * away).dot(weights.resting))
    slack = grid.limits.slacks(y, scaled.side_limits)
    cost += slack.dot(scaled.linear + scaled.quadratic * slack)
    if grid.running is not None:
        cost += grid.running.value(states, grid.stage_inputs(blocks), scaled.d, scaled.prices)
    return float(cost)


def _moves(scaled: ScaledProblem, blocks: FloatArray) -> FloatArray:
    """Return the change of each block from the one before, shape (n_blocks, n_u)."""
    moves = blocks.copy()
    moves[0] -= scaled.u_held
    moves[1:] -= blocks[:-1]
    return moves


def penalties(grid: Transcription, weights: StageWeights) -> tuple[FloatArray, FloatArray]:
    """Return the linear and the quadratic price of each slack, each of shape (n_slacks,)."""
    hard, cv = grid.limits.slack_hard, grid.limits.slack_cv
    plain = np.where(hard, weights.hard_penalty, weights.soft_penalty)
    found = []
    for soft_price, hard_price in (
        (weights.soft_linear, weights.hard_linear),
        (weights.soft_quadratic, weights.hard_quadratic),
    ):
        price = plain
        if soft_price is not None:
            price = np.where(hard, price, soft_price[cv])
        if hard_price is not None:
            price = np.where(hard, hard_price[cv], price)
        found.append(price)
    return found[0], found[1]


def write_qp(grid: Transcription, scaled: ScaledProblem, response: Response) -> None:
    """Write the QP for changes of the blocks into the grid's arrays.

    Args:
        grid: whose QP is written.
        scaled: the problem.
        response: of the plan from which the changes count.
    """
    blocks, free = response.plan.blocks, response.free + scaled.bias
    of_blocks = response.condensed.outputs_of_blocks
    _write_objective(grid, scaled, blocks, free, of_blocks)
    qp, limits, n_moves = grid.qp, grid.limits, grid.n_moves
    n_rows = limits.n_rows
    if n_rows:
        sign = limits.sign
        qp.rows[:n_rows, :n_moves] = sign[:, None] * of_blocks[limits.stage, limits.cv]
        gap = scaled.side_limits[limits.side] - free[limits.stage, limits.cv]
        qp.row_high[:n_rows] = sign * gap
    low, high = scaled.u_low - blocks, scaled.u_high - blocks
    low[0], high[0] = scaled.first_low - blocks[0], scaled.first_high - blocks[0]
    longest = np.inf if grid.affine else scaled.reach
    qp.low[:n_moves] = low.ravel().clip(-longest, 0.0)
    qp.high[:n_moves] = high.ravel().clip(0.0, longest)
    if grid.rate_rows.size:
        steps = (blocks[1:] - blocks[:-1])[:, grid.rated]
        change = scaled.block_changes[:, grid.rated]
        qp.row_low[n_rows:] = np.minimum(-change - steps, 0.0).ravel()
        qp.row_high[n_rows:] = np.maximum(change - steps, 0.0).ravel()


def _write_objective(
    grid: Transcription,
    scaled: ScaledProblem,
    blocks: FloatArray,
    free: FloatArray,
    response: FloatArray,
) -> None:
    weights, n_moves = scaled.weights, grid.n_moves
    n_blocks, n_u = blocks.shape
    tracked = np.flatnonzero(scaled.stage_tracking.any(axis=0))
    root = np.sqrt(2.0 * scaled.stage_tracking[:, tracked])
    weighted = (root[:, :, None] * response[:, tracked]).reshape(-1, n_moves)
    gap = (root * (free - scaled.y_reference)[:, tracked]).ravel()
    hessian, gradient = grid.qp.hessian, grid.qp.gradient
    np.matmul(weighted.T, weighted, out=hessian[:n_moves, :n_moves])
    diagonal = np.einsum("ii->i", hessian)
    own = grid.move_counts * weights.move + grid.block_shares * weights.resting
    own += weights.levenberg
    diagonal[:n_moves] += 2.0 * own.ravel()
    beside = np.arange(n_moves - n_u)
    coupling = 2.0 * np.tile(weights.move, n_blocks - 1)
    hessian[beside, beside + n_u] -= coupling
    hessian[beside + n_u, beside] -= coupling
    moves = weights.move * _moves(scaled, blocks)
    slope = moves + grid.block_shares * weights.resting * (blocks - scaled.u_reference)
    slope[:-1] -= moves[1:]
    gradient[:n_moves] = weighted.T @ gap
    gradient[:n_moves] += 2.0 * slope.ravel()
    diagonal[n_moves:] = 2.0 * scaled.quadratic
    gradient[n_moves:] = scaled.linear
