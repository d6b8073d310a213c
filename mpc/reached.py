"""Where iterations lead: from the last plan, from held set points, or from any other plan."""

from dataclasses import dataclass
from typing import Generic

import numpy as np

from operator_agent.mpc.engine.acceptance import Fault
from operator_agent.mpc.engine.cost import LARGEST_STEP
from operator_agent.mpc.engine.course import Course, Iteration, K
from operator_agent.mpc.engine.iteration import Trace
from operator_agent.mpc.problem import Problem, SolverStatus, Warm

SMALL_STEP = 1e-4  # scaled; far below what an actuator resolves
MAX_RETRIES = 3  # of a step that did not pay, each within a smaller reach
SHRINK = 0.25  # of the reach at each retry; full steps that paid let it grow as fast
FARTHEST_STEP = 4.0  # spans of one MV: as far as it grows, and as a warm solve may go at once


@dataclass(frozen=True, slots=True)
class Reached(Generic[K]):
    """Where iterations led.

    Attributes:
        last: the last one, or why there is none.
        status: why it was the last one.
        first_cost: of the plan before all of them.
    """

    last: Iteration[K] | Fault
    status: SolverStatus
    first_cost: float = np.nan


def reached_from(
    problem: Problem, course: Course[K], warm: Warm | None, trace: Trace
) -> Reached[K]:
    """Return where the own iterations lead from the last plan, or from held set points.

    Args:
        problem: see there.
        course: its path, or its paths.
        warm: the last plan; None for held set points.
        trace: to be written.
    """
    course.reach = LARGEST_STEP if warm is None else FARTHEST_STEP
    start = course.start(warm)
    trace.lap("start")
    if start is None:
        reason = (
            "the model's prediction along held set points diverged, and along those of the target; "
            "hold others, take shorter stages, or give the model a feedback that steadies it"
        )
        return Reached(Fault(SolverStatus.NOT_FINITE, reason), SolverStatus.NOT_FINITE)
    return iterated(problem, course, start, warm is not None, trace)


def iterated(problem: Problem, course: Course[K], known: K, warm: bool, trace: Trace) -> Reached[K]:
    """Return where iterations lead from a plan.

    Args:
        problem: see there; a warm solve ends sooner than a cold one.
        course: its path, or its paths.
        known: the plan.
        warm: whether it is near.
        trace: to be written.
    """
    quick = not problem.relinearise and course.has_responses(known)
    limit = problem.iterations if warm else problem.cold_iterations
    last: Iteration[K] | None = None
    first_cost, retries, took_s = np.nan, 0, 0.0
    number = 0
    while number < (1 if quick else limit) + retries:
        began_s = trace.spent_s()
        if last is not None and began_s + took_s > (problem.time_limit_s or np.inf):
            return Reached(last, SolverStatus.TIME_LIMIT, first_cost)  # the next would end late
        step = course.iterate(known, quick, trace)
        if isinstance(step, Fault) and quick:  # too far for the old Jacobians
            step = course.iterate(known, False, trace)
        if isinstance(step, Fault):
            return Reached(step, step.status, first_cost)
        if problem.time_limit_s is not None and trace.spent_s() > problem.time_limit_s:
            return Reached(last or _late(problem), SolverStatus.TIME_LIMIT, first_cost)
        last, known, took_s = step, step.known(), trace.spent_s() - began_s
        first_cost = step.cost_before if number == 0 else first_cost
        number += 1
        ended = _ended(problem, step, warm, number)
        if ended is SolverStatus.STALLED and retries < MAX_RETRIES:
            course.reach, retries = SHRINK * min(step.size, course.reach), retries + 1
        elif ended is not None:
            return Reached(last, ended, first_cost)
        elif step.length == 1.0:
            course.reach = min(FARTHEST_STEP, course.reach / SHRINK)
    assert last is not None  # counts of iterations start at one
    return Reached(last, SolverStatus.ITERATION_LIMIT, first_cost)


def _late(problem: Problem) -> Fault:
    reason = f"no iteration ended within {problem.time_limit_s:.3g} s; allow more time"
    return Fault(SolverStatus.TIME_LIMIT, reason)


def _ended(problem: Problem, step: Iteration[K], warm: bool, number: int) -> SolverStatus | None:
    """Return why the iterations end here, or None.

    A warm cycle ends when it took a full step that was short and cost what the QP had promised.
    """
    length = step.length
    if problem.tolerance is not None:
        if step.size < problem.tolerance and step.slope < problem.tolerance:
            return SolverStatus.CONVERGED
        return SolverStatus.STALLED if length == 0.0 else None
    if step.size < SMALL_STEP:
        return SolverStatus.CONVERGED
    if length == 0.0:
        return SolverStatus.STALLED
    accuracy = problem.accuracy or problem.transcription.accuracy
    times = accuracy.later if number > 1 else 1.0
    settled = step.size < times * accuracy.step and step.mismatch < times * accuracy.mismatch
    return SolverStatus.ITERATION_LIMIT if warm and length == 1.0 and settled else None
