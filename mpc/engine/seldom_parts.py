"""The parts of a problem that seldom change from cycle to cycle: limits and weights, scaled.

They are kept with the grid and found again by their content, so that nobody can change an array
and be answered with the old one.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.limits_ahead import block_changes, block_limits
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import Problem

ROUNDING = 1e-12  # spans


@dataclass(frozen=True, slots=True)
class SeldomParts:
    """Limits and weights by the scales; all arrays are read-only.

    Attributes:
        u_low, u_high: of the MVs in each block, as far as later ones can be reached from there,
            shape (n_blocks, n_u).
        change: largest one of the MVs in one cycle, shape (n_u,).
        block_changes: largest change between blocks, shape (n_blocks - 1, n_u).
        allowed_changes: the same, with room for rounding where an MV may move at all.
        row_limits: of the limit rows, shape (n_rows,).
        stage_tracking: weight of each output at each stage, shape (N, n_y).
        linear, quadratic: price of each slack, shape (n_slacks,).
        stage_part, block_part: parts of a stage and of a block that pass in a cycle, one at most;
            shapes (N, 1) and (n_blocks - 1, 1).
        packed: what the kernels take of all this and of the weights, see `CostKernels`.
        sound: whether the weights are finite, none is negative, and no CV's limits cross.
    """

    u_low: FloatArray
    u_high: FloatArray
    change: FloatArray
    block_changes: FloatArray
    allowed_changes: FloatArray
    row_limits: FloatArray
    stage_tracking: FloatArray
    linear: FloatArray
    quadratic: FloatArray
    stage_part: FloatArray
    block_part: FloatArray
    packed: FloatArray
    sound: bool

    def __post_init__(self) -> None:
        """Make the arrays read-only: several cycles share them."""
        for name in self.__slots__:
            part = getattr(self, name)
            if isinstance(part, np.ndarray):
                part.setflags(write=False)


def content(problem: Problem) -> Hashable:
    """Return what the limits and weights of a problem are, as a key."""
    v, w, terminal, ahead = problem.variables, problem.weights, problem.terminal, problem.ahead
    limits = (v.mv_low, v.mv_high, v.mv_rate, v.cv_hard_low, v.cv_hard_high, v.cv_soft_low,
              v.cv_soft_high, w.tracking, w.move, w.resting)  # fmt: skip
    seldom = (w.terminal, w.soft_linear, w.soft_quadratic, w.hard_linear, w.hard_quadratic)
    return (
        problem.cycle_s,
        w.soft_penalty,
        w.hard_penalty,
        w.levenberg,
        *[part.tobytes() for part in limits],
        *[None if part is None else part.tobytes() for part in seldom],
        None if terminal is None else (terminal.low.tobytes(), terminal.high.tobytes()),
        None if ahead is None else tuple(getattr(ahead, n).tobytes() for n in ahead.__slots__),
    )


def seldom_parts(problem: Problem) -> SeldomParts:
    """Return the scaled limits and weights of a problem."""
    return problem.transcription.kept.once(content(problem), lambda: _made(problem))


def _made(problem: Problem) -> SeldomParts:
    grid, v, weights = problem.transcription, problem.variables, problem.weights
    model, horizon = grid.model, grid.horizon
    rate = v.mv_rate / model.u_scale
    linear, quadratic = penalties(grid, weights)
    u_low, u_high = (limit / model.u_scale for limit in block_limits(problem))
    changes = block_changes(grid, rate)
    rows, tracking = grid.limits.row_limits(_limits(problem)), _stage_tracking(grid, weights)
    packed = (tracking.ravel(), weights.move, weights.resting, u_low.ravel(), u_high.ravel(),
              changes.ravel(), rows, linear, quadratic, np.array([weights.levenberg]))  # fmt: skip
    return SeldomParts(
        u_low=u_low,
        u_high=u_high,
        change=rate * problem.cycle_s,
        block_changes=changes,
        allowed_changes=changes + ROUNDING * (changes > 0.0),
        row_limits=rows,
        stage_tracking=tracking,
        linear=linear,
        quadratic=quadratic,
        stage_part=np.minimum(problem.cycle_s / grid.lengths_s, 1.0)[:, None],
        block_part=np.minimum(problem.cycle_s / horizon.block_lengths_s[:-1], 1.0)[:, None],
        packed=np.concatenate(packed),
        sound=weights.finite() and not crossed_limits(problem),
    )


def crossed_limits(problem: Problem) -> str:
    """Return which CV's low limit passes the high one, in words; nothing where none does."""
    limits = problem.ahead or problem.variables
    for low, high, rank in (
        (limits.cv_hard_low, limits.cv_hard_high, "hard"),
        (limits.cv_soft_low, limits.cv_soft_high, "soft"),
    ):
        crossed = low > high
        if crossed.any():
            where = tuple(np.argwhere(crossed)[0])
            stage = f" at stage {where[0] + 1}" if len(where) > 1 else ""
            return (
                f"the {rank} limits of {problem.variables.cv_names[where[-1]]}{stage} run from "
                f"{low[where]:.6g} to {high[where]:.6g} [SI]; low must not pass high"
            )
    return ""


def _limits(problem: Problem) -> FloatArray:
    """Return all CV limits scaled, shape (6, N or 1, n_y); no soft one outside a hard one."""
    v, terminal = problem.ahead or problem.variables, problem.terminal
    low, high = v.cv_hard_low, v.cv_hard_high
    if terminal is not None:
        low, high = (np.broadcast_to(side, low.shape) for side in (terminal.low, terminal.high))
    limits = np.array([v.cv_soft_low, v.cv_soft_high, v.cv_hard_low, v.cv_hard_high, low, high])
    limits = limits.reshape(6, -1, limits.shape[-1])
    np.maximum(limits[0], limits[2], out=limits[0])
    np.minimum(limits[1], limits[3], out=limits[1])
    limits /= problem.transcription.model.y_scale
    return limits


def _stage_tracking(grid: Transcription, weights: StageWeights) -> FloatArray:
    tracking = grid.stage_shares[:, None] * weights.tracking
    if weights.terminal is not None:
        tracking[-1] += weights.terminal
    return tracking


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
