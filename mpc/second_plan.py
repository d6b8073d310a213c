"""A plan by another solver: IPOPT on the stages as one sparse problem, from a plan of ours.

Its states are unknowns of their own, so it finds a way where predictions from stage to stage grow
without bounds, and often another valley of a cost that has several.
"""

import numpy as np

from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.engine.warm_start import guessed_levels, warm_start
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.problem import Problem, Warm

SHARE = 0.5  # of the time limit, or of a cycle: longer it may not take where nothing else is said


def resting_plan(problem: Problem, scaled: ScaledProblem) -> Plan:
    """Return held set points, or those of the guess, at the state now: no prediction."""
    blocks = scaled.fit(guessed_levels(problem, scaled))
    return Plan(blocks, np.tile(scaled.x, (problem.transcription.horizon.n_pred + 1, 1)))


def midway_plan(problem: Problem, scaled: ScaledProblem) -> Plan:
    """Return MVs midway between their limits, held ones where a side is open: another guess."""
    with np.errstate(invalid="ignore"):
        middle = 0.5 * (scaled.u_low + scaled.u_high)
    blocks = scaled.fit(np.where(np.isfinite(middle), middle, scaled.u_held))
    n_pred = problem.transcription.horizon.n_pred
    return Plan(blocks, np.tile(scaled.x, (n_pred + 1, 1)))


def shifted_plan(problem: Problem, scaled: ScaledProblem, warm: Warm) -> Plan:
    """Return the last plan moved on by a cycle: a guess, no prediction."""
    return warm_start(problem, scaled, warm).plan


def second_plan(
    problem: Problem, scaled: ScaledProblem, guess: Plan, spent_s: float
) -> Plan | None:
    """Return what the other solver converges to, as our model predicts it; None where it fails.

    Args:
        problem: see there.
        scaled: the same.
        guess: from which it starts.
        spent_s: wall time that the solve has taken so far [s].
    """
    grid, limit_s = problem.transcription, problem.time_limit_s
    if limit_s is not None and spent_s > SHARE * limit_s:
        return None  # it would end late
    if grid.converged is None:
        allowed_s = problem.second_limit_s or SHARE * (limit_s or problem.cycle_s)
        grid.converged = Reference(grid, grid.scaled.values, time_limit_s=allowed_s)
    blocks = grid.converged.converge(problem, guess)
    if blocks is None:
        return None
    fitted = scaled.fit(blocks)
    return grid.stages.first(scaled.x, grid.stage_inputs(fitted), scaled.d, fitted)
