"""How far to go along the QP's direction: the cost of the nonlinear prediction decides.

Full steps of a real-time iteration overshoot on large jumps; zero, the shifted plan, is always
among the candidates, so that a cycle never takes a plan that predicts worse than the last one.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import Condensed
from operator_agent.mpc.engine.cost import ScaledProblem, plan_cost
from operator_agent.mpc.engine.rollout import rollout
from operator_agent.mpc.engine.transcription import Transcription

STEP_LENGTHS = (1.0, 0.5, 0.2)  # then 0; shorter steps gained nothing on jumps that need a ramp
SMALL_GAP = 1.0  # spans; below it closing the defects to first order gave the cost to five digits
SWEEPS = 8  # with fresh factors a sweep gains some digits, with old ones about one
SWEEP_TOLERANCE = 2e-5  # scaled defect; acceptance allows fifty times as much
SWEEP_TOLERANCE_OLD = 2e-4  # the same with old factors: fewer sweeps, still far inside
COST_TOLERANCE = 1e-6  # relative: differences of rollouts below it are rounding


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, scaled.

    Attributes:
        blocks: MV levels, shape (n_blocks, n_u).
        states: at the stage borders, shape (N + 1, n_x).
        outputs: at the end of the stages, without bias, shape (N, n_y); None until predicted.
        cost: of the nonlinear prediction; NaN until predicted.
    """

    blocks: FloatArray
    states: FloatArray
    outputs: FloatArray | None = None
    cost: float = np.nan


@dataclass(frozen=True, slots=True)
class Direction:
    """Where the QP points, scaled.

    Attributes:
        blocks: change of the levels, shape (n_blocks, n_u).
        closing: change of the states that closes the plan's defects, shape (N, n_x).
        states: further change of the states with the full step, shape (N, n_x).
        free: outputs with bias when only the defects are closed, shape (N, n_y).
    """

    blocks: FloatArray
    closing: FloatArray
    states: FloatArray
    free: FloatArray


@dataclass(frozen=True, slots=True)
class StepTaken:
    """The chosen step length, the plan there, and the cost of staying."""

    length: float
    plan: Plan
    cost_before: float


def best_step(
    grid: Transcription,
    scaled: ScaledProblem,
    plan: Plan,
    direction: Direction,
    condensed: Condensed,
) -> StepTaken | None:
    """Return the first step length that lowers the cost, or zero; None when nothing predicts.

    Args:
        grid: stage functions.
        scaled: the problem.
        plan: from which the step goes.
        direction: of the QP.
        condensed: of the plan.
    """

    def tried(length: float) -> Plan | None:
        blocks = plan.blocks + length * direction.blocks
        guess = plan.states[1:] + direction.closing + length * direction.states
        closed = _closed(grid, scaled, blocks, guess, condensed, SWEEP_TOLERANCE)
        return closed or _rolled_out(grid, scaled, blocks, guess)

    stay = plan if np.isfinite(plan.cost) else None
    if stay is not None:
        before = stay.cost
    elif float(np.max(np.abs(direction.closing))) < SMALL_GAP:
        before = plan_cost(grid, scaled, plan.blocks, direction.free)
    else:
        stay = tried(0.0)
        before = np.inf if stay is None else stay.cost
    for length in STEP_LENGTHS:
        trial = tried(length)
        if trial is not None and trial.cost <= before + COST_TOLERANCE * (1.0 + abs(before)):
            return StepTaken(length, trial, before)
    stay = stay or tried(0.0)
    return None if stay is None else StepTaken(0.0, stay, before)


def full_step(
    grid: Transcription,
    scaled: ScaledProblem,
    plan: Plan,
    direction: Direction,
    condensed: Condensed,
) -> StepTaken | None:
    """Return the full step closed by old factors, without a test; None when it does not close.

    Arguments as in `best_step`; `condensed` is that of an earlier plan.
    """
    guess = plan.states[1:] + direction.closing + direction.states
    blocks = plan.blocks + direction.blocks
    closed = _closed(grid, scaled, blocks, guess, condensed, SWEEP_TOLERANCE_OLD)
    return None if closed is None else StepTaken(1.0, closed, np.nan)


def _closed(
    grid: Transcription,
    scaled: ScaledProblem,
    blocks: FloatArray,
    guess: FloatArray,
    condensed: Condensed,
    tolerance: float,
) -> Plan | None:
    """Return the plan with its defects closed by sweeps over all stages at once, or None."""
    inputs = scaled.stage_inputs(blocks)
    states = np.vstack([scaled.x[None, :], guess])
    last = np.inf
    for _ in range(SWEEPS):
        rhs, outputs = grid.stages.values(states[1:], inputs, scaled.d)
        defects = states[1:] - states[:-1] - grid.lengths_s[:, None] * rhs
        size = float(np.max(np.abs(defects)))
        if size < tolerance:
            return _predicted(grid, scaled, blocks, states, outputs)
        if not size < last:
            return None
        last = size
        states[1:] += condensed.propagate(defects)
    return None


def _rolled_out(
    grid: Transcription, scaled: ScaledProblem, blocks: FloatArray, guess: FloatArray
) -> Plan | None:
    """Return the plan as predicted by Newton, stage by stage, or None."""
    inputs = scaled.stage_inputs(blocks)
    states = rollout(grid, scaled.d, scaled.x, inputs, guess)
    if states is None:
        return None
    _, outputs = grid.stages.values(states[1:], inputs, scaled.d)
    return _predicted(grid, scaled, blocks, states, outputs)


def _predicted(
    grid: Transcription,
    scaled: ScaledProblem,
    blocks: FloatArray,
    states: FloatArray,
    outputs: FloatArray,
) -> Plan | None:
    cost = plan_cost(grid, scaled, blocks, outputs + scaled.bias)
    return Plan(blocks, states, outputs, cost) if np.isfinite(cost) else None
