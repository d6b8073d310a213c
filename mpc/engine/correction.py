"""Second-order correction: limits are bent, and a full step along them seems not to pay.

The QP is solved again with its limits moved by what the nonlinear prediction of its step differs
from the linear one; the same Jacobians serve. Without it steps along a curved limit shorten until
nothing moves (the Maratos effect). Source: Nocedal and Wright, "Numerical Optimization", 2nd ed.
(2006), section 15.6.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from math import isfinite

from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.stages import Plan, Response
from operator_agent.mpc.engine.step import StepTaken, pays, predicted, shorter_step, staying
from operator_agent.mpc.engine.transcription import Transcription

MAX_CORRECTIONS = 3  # each is one QP and one prediction; a second one rarely adds much
ENOUGH = 0.5  # of the gain that the QP promised: a corrected step is not compared with shorter ones


def best_step(
    grid: Transcription,
    scaled: ScaledProblem,
    response: Response,
    solution: QpSolution,
    promise: float,
) -> tuple[StepTaken | None, QpSolution]:
    """Return the step to take, or None when nothing predicts, and the QP's solution it is of.

    The full step, where it pays; one to corrected limits, where it gains much of what was promised;
    else a shorter one, or a corrected one that costs less.

    Args:
        grid: whose QP has been solved.
        scaled: the problem.
        response: of the plan from which the step goes.
        solution: of the QP.
        promise: by how much the QP promises the cost to change; below zero.
    """
    change = solution.x[: grid.n_moves]
    before, stay = staying(grid, scaled, response)
    full = predicted(grid, scaled, response, change, False)
    if full is not None and pays(full, before):
        return StepTaken(1.0, full, before), solution
    if stay is None:  # its cost was told to first order: now it matters
        stay = predicted(grid, scaled, response, 0.0 * change, False)
        before = before if stay is None else stay.cost
        if full is not None and pays(full, before):
            return StepTaken(1.0, full, before), solution
    corrections = _corrections(grid, scaled, response, full, solution)
    first = next(corrections, None)
    if first is not None and first[0].cost < before + ENOUGH * min(promise, 0.0):
        return StepTaken(1.0, first[0], before), first[1]
    taken = shorter_step(grid, scaled, response, change, before, stay)
    least = before if taken is None else min(taken.plan.cost, before)
    for trial, found in chain([] if first is None else [first], corrections):
        if trial.cost < least:
            return StepTaken(1.0, trial, before), found
    return taken, solution


def _corrections(
    grid: Transcription,
    scaled: ScaledProblem,
    response: Response,
    full: Plan | None,
    solution: QpSolution,
) -> Iterator[tuple[Plan, QpSolution]]:
    """Yield plans of full steps to limits corrected anew each time, with the QP's solution.

    The QP's limits are those of the plan that was yielded last, and the old ones after the end.

    Args:
        grid, scaled, response, solution: as in `best_step`.
        full: the plan of the full step; None where it was not predicted.
    """
    limits, found = grid.limits, solution
    n_rows = limits.n_rows
    if full is None or not n_rows:
        return
    wanted = grid.qp.row_high[:n_rows].copy()
    of_blocks = response.condensed.outputs_of_blocks.reshape(-1, grid.n_moves)
    for _ in range(MAX_CORRECTIONS):
        assert full.outputs is not None
        straight = (of_blocks @ found.x[: grid.n_moves]).reshape(response.free.shape)
        bent = full.outputs - response.free - straight
        grid.qp.row_high[:n_rows] = wanted - limits.sign * bent[limits.stage, limits.cv]
        found = grid.qp.solve_again(found.working_set)
        if not found.success or not isfinite(float(found.x.dot(found.x))):
            break
        near = replace(response, plan=replace(response.plan, inner=full.inner))  # a better guess
        trial = predicted(grid, scaled, near, found.x[: grid.n_moves], False)
        if trial is None:
            break
        yield trial, found
        full = trial
    grid.qp.row_high[:n_rows] = wanted
