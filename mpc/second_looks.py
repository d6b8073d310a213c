"""When another plan is looked for, and whether it counts: only where it costs less."""

from dataclasses import replace

import numpy as np

from operator_agent.mpc.engine.acceptance import Fault
from operator_agent.mpc.engine.cost import LARGEST_STEP
from operator_agent.mpc.engine.course import SinglePath
from operator_agent.mpc.engine.iteration import Trace
from operator_agent.mpc.engine.plan_limits import unmet_rows
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.engine.step import COST_TOLERANCE
from operator_agent.mpc.engine.warm_start import Known
from operator_agent.mpc.outcomes import predicted_outputs
from operator_agent.mpc.problem import Problem, SecondSolver, SolverStatus, Warm
from operator_agent.mpc.reached import Reached, iterated, reached_from
from operator_agent.mpc.second_plan import (
    SHARE,
    midway_plan,
    resting_plan,
    second_plan,
    shifted_plan,
)

FAR = 1e-2  # relative slope: a warm solve that stalled so far from an optimum is lost
ASTRAY = 0.5  # spans off the reference, besides its own length: the plan may lie in a bad valley
DEARER = 2.0  # than the plan beside which the last second look found nothing: then it looks again


def with_second_looks(
    problem: Problem,
    course: SinglePath,
    reached: Reached[Known],
    warm: Warm | None,
    trace: Trace,
) -> tuple[Reached[Known], float]:
    """Return the cheapest of what was reached and what other starts lead to.

    Args:
        problem: see there.
        course: of the problem.
        reached: from the last plan, or by a cold start.
        warm: from which; None for a cold start.
        trace: to be written.

    Returns:
        What counts, and the cost of a plan beside which a cold start found nothing; 0 without one.
    """
    looked = 0.0
    if warm is not None and _astray(problem, course, reached, trace):
        reached, looked = _looked_again(problem, course, reached, warm, trace)
    for guess in _guesses(problem, course, reached, warm):
        reached = _better_from(problem, course, reached, guess, trace)
    beside = warm is None and problem.second_solver is SecondSolver.BESIDE
    if beside and _ends_outside(problem, course, reached):
        reached = _better_from(problem, course, reached, midway_plan(problem, course.scaled), trace)
    return reached, looked


def _astray(problem: Problem, course: SinglePath, reached: Reached[Known], trace: Trace) -> bool:
    """Return whether all iterations were used and a tracked CV still goes far from its reference.

    Where a small error grows along the plan, as in a reactor that may ignite, a plan that was
    good a cycle ago leads somewhere else, and its slopes do not show the way back.
    """
    last, grid = reached.last, problem.transcription
    asked = problem.second_solver is SecondSolver.ASTRAY
    if not asked or grid.affine or isinstance(last, Fault) or len(trace.steps) < problem.iterations:
        return False
    scaled = course.scaled
    tracked = scaled.stage_tracking[-1] > 0.0
    wanted = scaled.y_reference[:, tracked]
    if not wanted.size:
        return False
    gap = predicted_outputs(last.paths[0].taken.plan)[:, tracked] + scaled.bias[tracked] - wanted
    return bool((np.abs(gap).max(axis=0) > ASTRAY + np.ptp(wanted, axis=0)).any())


def _looked_again(
    problem: Problem, course: SinglePath, reached: Reached[Known], warm: Warm, trace: Trace
) -> tuple[Reached[Known], float]:
    """Return where a cold start leads if that costs less, else what there is and what it costs."""
    last = reached.last
    assert not isinstance(last, Fault)
    if last.cost <= DEARER * warm.looked:
        return reached, warm.looked
    limit_s = problem.time_limit_s or SHARE * problem.cycle_s
    found = reached_from(replace(problem, time_limit_s=limit_s), course, None, trace)
    better = _cheaper(problem, reached, found, trace)
    if _astray(problem, course, better, trace):
        better = _better_from(
            problem, course, better, shifted_plan(problem, course.scaled, warm), trace
        )
    return better, last.cost if better is reached else 0.0


def _guesses(
    problem: Problem, course: SinglePath, reached: Reached[Known], warm: Warm | None
) -> list[Plan]:
    """Return the plans from which the second solver looks for another; none without need."""
    last, stalled = reached.last, reached.status is SolverStatus.STALLED
    if problem.transcription.affine or reached.status is SolverStatus.TIME_LIMIT:
        return []
    if problem.second_solver is not SecondSolver.BESIDE:
        if warm is not None or not stalled or isinstance(last, Fault):
            return []
        return [last.paths[0].taken.plan]
    if warm is None:
        return [resting_plan(problem, course.scaled)]
    lost = isinstance(last, Fault) or (stalled and last.slope > FAR)
    return [shifted_plan(problem, course.scaled, warm)] if lost else []


def _ends_outside(problem: Problem, course: SinglePath, reached: Reached[Known]) -> bool:
    """Return whether there is no plan, or one that still breaks a hard limit at its end."""
    last, grid = reached.last, problem.transcription
    if grid.affine or reached.status is SolverStatus.TIME_LIMIT:
        return False
    if isinstance(last, Fault):
        return True
    y = predicted_outputs(last.paths[0].taken.plan) + course.scaled.bias
    return any(stage == grid.horizon.n_pred - 1 for _, stage in unmet_rows(problem, y))


def _better_from(
    problem: Problem, course: SinglePath, reached: Reached[Known], guess: Plan, trace: Trace
) -> Reached[Known]:
    """Return where the second solver leads from a guess, if that costs less; else what there is.

    Its plan passes at least one iteration of our own.
    """
    plan = second_plan(problem, course.scaled, guess, trace.spent_s())
    trace.lap("second solver")
    if plan is None:
        return reached
    course.reach = LARGEST_STEP
    found = iterated(problem, course, Known(plan), True, trace)
    return _cheaper(problem, reached, replace(found, status=SolverStatus.RESCUED), trace)


def _cheaper(
    problem: Problem, reached: Reached[Known], found: Reached[Known], trace: Trace
) -> Reached[Known]:
    """Return what was found besides if that costs less and is in time, else what there is."""
    last = reached.last
    if isinstance(found.last, Fault):
        return reached
    if not isinstance(last, Fault):
        if not found.last.cost < last.cost - COST_TOLERANCE * abs(last.cost):
            return reached
        if problem.time_limit_s is not None and trace.spent_s() > problem.time_limit_s:
            return replace(reached, status=SolverStatus.TIME_LIMIT)
    return replace(found, first_cost=reached.first_cost)
