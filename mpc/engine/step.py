"""How far to go along the QP's direction: the cost of the nonlinear prediction decides.

Full steps of a real-time iteration overshoot on large jumps; zero, the shifted plan, is always
among the candidates, so that a cycle never takes a plan that predicts worse than the last one.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.cost import ScaledProblem, plan_cost
from operator_agent.mpc.engine.stages import Plan, Response
from operator_agent.mpc.engine.transcription import Transcription

STEP_LENGTHS = (1.0, 0.5, 0.2)  # then 0; shorter steps gained nothing on jumps that need a ramp
SMALL_GAP = 1.0  # spans; below it closing the defects to first order gave the cost to five digits
COST_TOLERANCE = 1e-6  # relative: differences of predictions below it are rounding


@dataclass(frozen=True, slots=True)
class StepTaken:
    """How far it went.

    Attributes:
        length: of the step, as a part of the QP's.
        plan: there.
        cost_before: of staying.
        full: the plan of the full step, where that did not pay; None where it was not predicted.
    """

    length: float
    plan: Plan
    cost_before: float
    full: Plan | None = None


def pays(plan: Plan, before: float) -> bool:
    """Return whether a plan costs no more than staying does, apart from rounding."""
    return plan.cost <= before + COST_TOLERANCE * (1.0 + abs(before))


def shorter_step(
    grid: Transcription,
    scaled: ScaledProblem,
    response: Response,
    change: FloatArray,
    before: float,
    stay: Plan | None,
) -> StepTaken | None:
    """Return the first step shorter than the full one that pays, or zero; None without either.

    Args:
        grid: stage functions.
        scaled: the problem.
        response: of the plan from which the step goes.
        change: of the blocks, as the QP found it, shape (n_moves,).
        before: cost of staying.
        stay: plan of staying, where it has been predicted.
    """
    for length in STEP_LENGTHS[1:]:
        trial = predicted(grid, scaled, response, length * change, False)
        if trial is not None and pays(trial, before):
            return StepTaken(length, trial, before)
    stay = stay or predicted(grid, scaled, response, 0.0 * change, False)
    return None if stay is None else StepTaken(0.0, stay, before)


def staying(
    grid: Transcription, scaled: ScaledProblem, response: Response
) -> tuple[float, Plan | None]:
    """Return the cost of a plan as it stands, and its prediction where that was needed for it.

    Args:
        grid: stage functions.
        scaled: the problem.
        response: of the plan.
    """
    plan, closing = response.plan, response.closing
    if np.isfinite(plan.cost):
        return plan.cost, plan
    if closing is None:
        stay: Plan | None = costed(grid, scaled, plan)
    elif float(np.max(np.abs(closing))) < SMALL_GAP:
        states = plan.states.copy()
        states[1:] += closing
        free = response.free + scaled.bias
        return plan_cost(grid, scaled, plan.blocks, free, states), None
    else:
        stay = predicted(grid, scaled, response, np.zeros(grid.n_moves), False)
    return np.inf if stay is None else stay.cost, stay


def full_step(
    grid: Transcription, scaled: ScaledProblem, response: Response, change: FloatArray
) -> StepTaken | None:
    """Return the full step closed by old factors, without a test; None when it does not close.

    Arguments as in `shorter_step`; the response is that of an earlier plan.
    """
    found = predicted(grid, scaled, response, change, True)
    return None if found is None else StepTaken(1.0, found, np.nan)


def costed(grid: Transcription, scaled: ScaledProblem, plan: Plan) -> Plan:
    """Return a predicted plan with its cost."""
    assert plan.outputs is not None
    cost = plan_cost(grid, scaled, plan.blocks, plan.outputs + scaled.bias, plan.states)
    return Plan(plan.blocks, plan.states, plan.outputs, cost, plan.inner)


def predicted(
    grid: Transcription, scaled: ScaledProblem, response: Response, change: FloatArray, old: bool
) -> Plan | None:
    """Return the plan after a change of the blocks with its cost, or None.

    Args:
        grid: stage functions.
        scaled: the problem.
        response: of the plan that changes.
        change: of the blocks, shape (n_moves,).
        old: whether the response is that of an earlier plan.
    """
    blocks = response.plan.blocks + change.reshape(response.plan.blocks.shape)
    inputs = grid.stage_inputs(blocks)
    found = grid.stages.predict(response, blocks, inputs, scaled.d, change, old)
    if found is None:
        return None
    plan = costed(grid, scaled, found)
    return plan if np.isfinite(plan.cost) else None
