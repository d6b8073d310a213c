"""Where an iteration starts: the last plan moved on by a cycle, or the held set points."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import Condensed
from operator_agent.mpc.engine.condense_maps import CondensedMaps, StageMatrices
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.map_stages import MapStages
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.engine.steadied import runs_away, steadied
from operator_agent.mpc.problem import Problem, Warm

HALF_STAGE = 0.5  # of the first stage: a longer cycle moves prices and working set by a stage


@dataclass(slots=True)
class Known:
    """What an iteration knows from the one before.

    Attributes:
        plan: from which it goes.
        condensed: responses along an earlier plan; None without.
        row_prices: of the QP's rows; None when not known.
        working_set: limits that held the last QP's point; None when not known.
    """

    plan: Plan
    condensed: Condensed | CondensedMaps | None = None
    row_prices: FloatArray | None = None
    working_set: FloatArray | None = None


def cold_start(problem: Problem, scaled: ScaledProblem) -> Known | None:
    """Return the plan of the guess, or that holds the set points, or goes to those of the target.

    None when the model diverges along all of them.
    """
    grid = problem.transcription
    held, target = (
        np.tile(levels, (grid.horizon.n_blocks, 1))
        for levels in (scaled.u_held, problem.u_reference / grid.model.u_scale)
    )
    for levels in (guessed_levels(problem, scaled), held, target):
        blocks = scaled.fit(levels)
        plan = grid.stages.first(scaled.x, grid.stage_inputs(blocks), scaled.d, blocks)
        if plan is not None:
            return Known(plan)
    return None


def guessed_levels(problem: Problem, scaled: ScaledProblem) -> FloatArray:
    """Return the levels of the guess, or the held ones, scaled, shape (n_blocks, n_u)."""
    horizon = problem.transcription.horizon
    if problem.guess is None:
        return np.tile(scaled.u_held, (horizon.n_blocks, 1))
    levels: FloatArray = problem.guess[list(horizon.starts)] / problem.transcription.model.u_scale
    return levels


def warm_start(problem: Problem, scaled: ScaledProblem, warm: Warm) -> Known:
    """Return the last plan moved on by a cycle and made to fit the limits."""
    grid = problem.transcription
    n_pred, n_blocks = grid.horizon.n_pred, grid.horizon.n_blocks
    part = scaled.seldom.stage_part
    blocks = _shifted(warm.blocks, n_blocks, scaled.seldom.block_part)
    states = _shifted(warm.states, n_pred + 1, part)
    states[0] = scaled.x
    inner = None if warm.inner is None else _shifted(warm.inner, n_pred, part[:-1])
    shape = (n_pred, grid.model.n_y, grid.n_moves)
    fits = warm.condensed.outputs_of_blocks.shape == shape
    plan = Plan(scaled.fit(blocks), states, inner=inner)
    if fits and isinstance(warm.condensed, CondensedMaps) and isinstance(grid.stages, MapStages):
        plan = _on_course(problem, scaled, plan, warm.condensed.stages)
    return Known(plan, warm.condensed if fits else None, *_shifted_prices(problem, warm))


def _on_course(
    problem: Problem, scaled: ScaledProblem, plan: Plan, matrices: StageMatrices
) -> Plan:
    """Return the plan with moves that keep its states, where the plant runs away from them."""
    if not runs_away(matrices):
        return plan
    if problem.cycle_s > HALF_STAGE * problem.transcription.lengths_s[0]:
        matrices = matrices.later()
    return steadied(problem.transcription, scaled, plan, matrices) or plan


def _shifted_prices(problem: Problem, warm: Warm) -> tuple[FloatArray | None, FloatArray | None]:
    """Return row prices and working set of the last QP, moved by a stage where one has passed."""
    grid = problem.transcription
    rows, limits = grid.qp.row_low.size, grid.limits
    prices, active = warm.row_prices, warm.working_set
    if prices is None or active is None:
        return None, None
    if prices.size != rows or active.size != grid.next_constraint.size:
        return None, None
    if problem.cycle_s > HALF_STAGE * max(grid.lengths_s[:2]):  # both as short as a cycle
        prices = np.concatenate([prices[limits.next_row], prices[limits.n_rows :]])
        active = active[grid.next_constraint]
    return prices, active


def _shifted(rows: FloatArray, count: int, part: FloatArray) -> FloatArray:
    """Return `count` rows, all but the last moved towards the next by a part, shape (n - 1, 1)."""
    moved = _resized(rows, count)
    moved[:-1] += part * (moved[1:] - moved[:-1])
    return moved


def _resized(rows: FloatArray, count: int) -> FloatArray:
    """Return a copy with `count` rows: cut off, or the last one repeated, for another horizon."""
    if rows.shape[0] == count:
        return rows.copy()
    if rows.shape[0] > count:
        return rows[:count].copy()
    return np.vstack([rows, np.tile(rows[-1], (count - rows.shape[0], 1))])
