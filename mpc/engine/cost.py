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
from typing import NamedTuple

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.seldom_parts import SeldomParts, seldom_parts
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.stages import Response
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import Problem

LARGEST_STEP = 1.0  # spans of one MV in a first iteration: what is further away is not believed


@dataclass(slots=True)
class ScaledProblem:
    """The numbers of a problem divided by the scales; `d` and prices stay in SI.

    Attributes:
        weights: of the problem.
        seldom: limits and weights, scaled.
        first_low, first_high: limits of the first move, shape (n_u,).
        now: all numbers from `u_held` to `y_reference`, which are parts of it, for the kernels.
        rated: whether any MV has a rate limit.
        reach: how far one MV may go in one iteration [spans]; it shrinks where steps do not pay.
    """

    weights: StageWeights
    seldom: SeldomParts
    x: FloatArray
    d: FloatArray
    prices: FloatArray | None
    u_held: FloatArray
    u_reference: FloatArray
    first_low: FloatArray
    first_high: FloatArray
    bias: FloatArray
    y_reference: FloatArray
    now: FloatArray
    rated: bool = True
    reach: float = LARGEST_STEP

    @classmethod
    def of(cls, problem: Problem) -> "ScaledProblem":
        """Scale a problem."""
        model, seldom = problem.transcription.model, seldom_parts(problem)
        n_u, n_y, n_pred = model.n_u, model.n_y, problem.transcription.horizon.n_pred
        now = np.empty(4 * n_u + n_y + n_pred * n_y)
        u_held, u_reference = now[:n_u], now[n_u : 2 * n_u]
        first_low, first_high = now[2 * n_u : 3 * n_u], now[3 * n_u : 4 * n_u]
        bias, y_reference = now[4 * n_u : 4 * n_u + n_y], now[4 * n_u + n_y :].reshape(n_pred, n_y)
        np.divide(problem.u_held, model.u_scale, out=u_held)
        np.divide(problem.u_reference, model.u_scale, out=u_reference)
        np.maximum(seldom.u_low[0], u_held - seldom.change, out=first_low)
        np.minimum(seldom.u_high[0], u_held + seldom.change, out=first_high)
        np.divide(problem.bias, model.y_scale, out=bias)
        np.divide(problem.y_reference, model.y_scale, out=y_reference)
        return cls(
            weights=problem.weights,
            seldom=seldom,
            x=problem.x / model.x_scale,
            d=problem.d,
            prices=problem.prices,
            u_held=u_held,
            u_reference=u_reference,
            first_low=first_low,
            first_high=first_high,
            bias=bias,
            y_reference=y_reference,
            now=now,
            rated=problem.transcription.rated.size > 0,
        )

    @property
    def parts(self) -> tuple[FloatArray, FloatArray]:
        """What the kernels take: parts that seldom change, parts that always do."""
        return self.seldom.packed, self.now

    @property
    def u_low(self) -> FloatArray:
        """Low limits of the MVs in each block, shape (n_blocks, n_u)."""
        return self.seldom.u_low

    @property
    def u_high(self) -> FloatArray:
        """High limits of the MVs in each block, shape (n_blocks, n_u)."""
        return self.seldom.u_high

    @property
    def block_changes(self) -> FloatArray:
        """Largest change between blocks, shape (n_blocks - 1, n_u)."""
        return self.seldom.block_changes

    @property
    def row_limits(self) -> FloatArray:
        """Limits of the limit rows, shape (n_rows,)."""
        return self.seldom.row_limits

    @property
    def stage_tracking(self) -> FloatArray:
        """Weight of each output at each stage, shape (N, n_y)."""
        return self.seldom.stage_tracking

    @property
    def linear(self) -> FloatArray:
        """Linear price of each slack, shape (n_slacks,)."""
        return self.seldom.linear

    @property
    def quadratic(self) -> FloatArray:
        """Quadratic price of each slack, shape (n_slacks,)."""
        return self.seldom.quadratic

    def fit(self, blocks: FloatArray) -> FloatArray:
        """Return blocks that keep MV limits and rates: the nearest, one after the other."""
        fitted: FloatArray = np.maximum(self.u_low, np.minimum(self.u_high, blocks))
        np.maximum(self.first_low, np.minimum(self.first_high, blocks[0]), out=fitted[0])
        if not self.rated:
            return fitted
        if (np.abs(fitted[1:] - fitted[:-1]) <= self.seldom.allowed_changes).all():
            return fitted
        for b, change in enumerate(self.block_changes, start=1):
            low = np.maximum(self.u_low[b], fitted[b - 1] - change)
            high = np.minimum(self.u_high[b], fitted[b - 1] + change)
            fitted[b] = np.maximum(low, np.minimum(high, blocks[b]))
        return fitted


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
    kernels = grid.kernels
    if kernels is None:
        cost = _cost_by_numpy(grid, scaled, blocks, y)
    else:
        cost, _ = kernels.cost(scaled.parts, blocks, y)
    if grid.running is not None:
        cost += grid.running.value(states, grid.stage_inputs(blocks), scaled.d, scaled.prices)
    return cost


def slack_cost(grid: Transcription, scaled: ScaledProblem, y: FloatArray) -> float:
    """Return what it costs that outputs with bias, shape (N, n_y), break limits."""
    if grid.kernels is not None:
        return grid.kernels.cost(scaled.parts, None, y)[1]
    slack = grid.limits.slacks(y, scaled.row_limits)
    return float(slack.dot(scaled.linear + scaled.quadratic * slack))


class Measured(NamedTuple):
    """What the solution of a QP says of the plan from which its step goes.

    Attributes:
        gain: what the QP promises the cost to change by.
        slope: largest slope of the Lagrangian, relative to the gradient's size.
        size: largest change of an MV level, scaled.
    """

    gain: float
    slope: float
    size: float


def measure(
    grid: Transcription, scaled: ScaledProblem, response: Response, x: FloatArray
) -> Measured:
    """Return what a QP promises, and how far from an optimum it begins.

    Args:
        grid: whose QP has been solved.
        scaled: the problem.
        response: of the plan from which the step goes.
        x: solution of the QP, shape (n,).
    """
    kernels, levenberg = grid.kernels, scaled.weights.levenberg
    found = _measured_by_numpy(grid, x) if kernels is None else kernels.measure(x)
    gain, bent, slope, size, squares = found
    gain -= levenberg * squares + slack_cost(grid, scaled, response.free + scaled.bias)
    return Measured(gain, bent / (1.0 + slope), size)


def _measured_by_numpy(grid: Transcription, x: FloatArray) -> list[float]:
    """Return what `CostKernels.measure` returns."""
    n_moves, gradient = grid.n_moves, grid.qp.gradient
    curved, moves = grid.qp.hessian @ x, x[:n_moves]
    largest = [float(np.abs(v[:n_moves]).max()) for v in (curved, gradient, x)]
    return [float(gradient.dot(x) + 0.5 * curved.dot(x)), *largest, float(moves.dot(moves))]


def _cost_by_numpy(
    grid: Transcription, scaled: ScaledProblem, blocks: FloatArray, y: FloatArray
) -> float:
    weights = scaled.weights
    gap = y - scaled.y_reference
    cost = np.vdot(gap * gap, scaled.stage_tracking)
    moves = _moves(scaled, blocks)
    cost += (moves * moves).sum(axis=0).dot(weights.move)
    away = blocks - scaled.u_reference
    cost += grid.block_shares.ravel().dot((away * away).dot(weights.resting))
    return float(cost) + slack_cost(grid, scaled, y)


def _moves(scaled: ScaledProblem, blocks: FloatArray) -> FloatArray:
    """Return the change of each block from the one before, shape (n_blocks, n_u)."""
    moves = blocks.copy()
    moves[0] -= scaled.u_held
    moves[1:] -= blocks[:-1]
    return moves


def write_qp(grid: Transcription, scaled: ScaledProblem, response: Response) -> int:
    """Write the QP for changes of the blocks into the grid's arrays.

    Returns a number that stays while Hessian and rows stay; 0 where nobody knows.

    Args:
        grid: whose QP is written.
        scaled: the problem.
        response: of the plan from which the changes count.
    """
    kernels = grid.kernels
    reach = np.inf if grid.affine else scaled.reach
    if kernels is None:
        _write_by_numpy(grid, scaled, response, reach)
    else:
        blocks, of_blocks = response.plan.blocks, response.condensed.outputs_of_blocks
        constant = grid.affine and grid.running is None and grid.ties is None
        kernels.write(scaled.parts, blocks, response.free, of_blocks, reach, constant)
        return kernels.matrices if constant else 0
    return 0


def _write_by_numpy(
    grid: Transcription, scaled: ScaledProblem, response: Response, reach: float
) -> None:
    blocks, free = response.plan.blocks, response.free + scaled.bias
    of_blocks = response.condensed.outputs_of_blocks
    _write_objective(grid, scaled, blocks, free, of_blocks)
    qp, limits, n_moves = grid.qp, grid.limits, grid.n_moves
    n_rows = limits.n_rows
    if n_rows:
        sign = limits.sign
        qp.rows[:n_rows, :n_moves] = sign[:, None] * of_blocks[limits.stage, limits.cv]
        gap = scaled.row_limits - free[limits.stage, limits.cv]
        qp.row_high[:n_rows] = sign * gap
    low, high = scaled.u_low - blocks, scaled.u_high - blocks
    low[0], high[0] = scaled.first_low - blocks[0], scaled.first_high - blocks[0]
    qp.low[:n_moves] = low.ravel().clip(-reach, 0.0)
    qp.high[:n_moves] = high.ravel().clip(0.0, reach)
    if grid.rate_rows.size:
        steps = (blocks[1:] - blocks[:-1])[:, grid.rated]
        change = scaled.block_changes[:, grid.rated]
        tied = change == 0.0  # stays equal, to the last digit
        qp.row_low[n_rows:] = np.where(tied, -steps, np.minimum(-change - steps, 0.0)).ravel()
        qp.row_high[n_rows:] = np.where(tied, -steps, np.maximum(change - steps, 0.0)).ravel()


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
