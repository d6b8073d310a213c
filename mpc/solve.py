"""The one optimizer entry: real-time-iteration NMPC on a process model.

Each iteration linearises the stages along the plan, condenses, solves a dense QP, and takes the
step length at which the cost of the nonlinear prediction is lowest; zero, the shifted plan, is
among them. A warm cycle takes one or two iterations, a cold start as many as it needs.
Method: Diehl, Bock, Schloeder, "A real-time iteration scheme for nonlinear optimization in
optimal feedback control", SIAM J. Control Optim. 43 (2005) 1714.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from types import MappingProxyType
from typing import Generic

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import (
    CLIP_TOLERANCE,
    Fault,
    Verdict,
    check_inputs,
    check_point,
)
from operator_agent.mpc.engine.cost import LARGEST_STEP, ScaledProblem
from operator_agent.mpc.engine.course import Course, Iteration, K, SinglePath
from operator_agent.mpc.engine.iteration import Iterate, Trace
from operator_agent.mpc.engine.plan_limits import active_limits, unmet_hard_limits, unmet_rows
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.engine.step import COST_TOLERANCE
from operator_agent.mpc.engine.warm_start import Known
from operator_agent.mpc.problem import (
    Diagnostics,
    Outcome,
    PointWorth,
    Problem,
    SecondSolver,
    SolverStatus,
    Warm,
    refused,
)
from operator_agent.mpc.robust.course import TreeCourse
from operator_agent.mpc.second_plan import (
    SHARE,
    midway_plan,
    resting_plan,
    second_plan,
    shifted_plan,
)

SMALL_STEP = 1e-4  # scaled; far below what an actuator resolves
MAX_RETRIES = 3  # of a step that did not pay, each within a smaller reach
SHRINK = 0.25  # of the reach at each retry; full steps that paid let it grow as fast
FARTHEST_STEP = 4.0  # spans of one MV: as far as it grows, and as a warm solve may go at once
MAX_STALLS = 3  # solves in a row that kept the shifted plan; then a cold start looks for another
FAR = 1e-2  # relative slope: a warm solve that stalled so far from an optimum is lost
ASTRAY = 0.5  # spans off the reference, besides its own length: the plan may lie in a bad valley
DEARER = 2.0  # than the plan beside which the last second look found nothing: then it looks again


def solve(problem: Problem, warm: Warm | None) -> Outcome:
    """Return the next move, or the reason why there is none.

    Args:
        problem: see there.
        warm: of the last outcome, one cycle ago; None for a cold start.

    Returns:
        An outcome whose move can be read only when it passed the independent checks; with
        scenarios, those of every scenario. Its predictions are then those of the first one.
    """
    trace = Trace()
    fault = check_inputs(problem)
    if fault is not None:
        return refused(fault.status, fault.reason)
    if warm is not None and warm.stalls >= MAX_STALLS:
        warm = None
    found = _attempted(problem, warm, trace)
    lost = found.status is SolverStatus.NOT_FINITE and warm is not None
    return _attempted(problem, None, trace) if lost else found


def _attempted(problem: Problem, warm: Warm | None, trace: Trace) -> Outcome:
    if problem.scenarios is not None:
        tree = TreeCourse(problem, problem.scenarios)
        return _told(tree.problems, _own(problem, tree, warm, trace), warm, trace)
    course = SinglePath(problem)
    reached = _own(problem, course, warm, trace)
    looked = 0.0
    if warm is not None and _astray(problem, course, reached, trace):
        reached, looked = _looked_again(problem, course, reached, warm, trace)
    for guess in _guesses(problem, course, reached, warm):
        reached = _better(problem, course, reached, guess, trace)
    beside = warm is None and problem.second_solver is SecondSolver.BESIDE
    if beside and _ends_outside(problem, course, reached):
        reached = _better(problem, course, reached, midway_plan(problem, course.scaled), trace)
    outcome = _told(course.problems, reached, warm, trace)
    if looked > 0.0 and outcome.warm is not None:
        outcome = replace(outcome, warm=replace(outcome.warm, looked=looked))
    return outcome


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
    gap = _outputs(last.paths[0].taken.plan)[:, tracked] + scaled.bias[tracked] - wanted
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
    found = _own(replace(problem, time_limit_s=limit_s), course, None, trace)
    better = _cheaper(problem, reached, found, trace)
    if _astray(problem, course, better, trace):
        better = _better(problem, course, better, shifted_plan(problem, course.scaled, warm), trace)
    return better, last.cost if better is reached else 0.0


def _own(problem: Problem, course: Course[K], warm: Warm | None, trace: Trace) -> Reached[K]:
    """Return where the own iterations lead from the last plan, or from held set points."""
    course.reach = LARGEST_STEP if warm is None else FARTHEST_STEP
    start = course.start(warm)
    trace.lap("start")
    if start is None:
        reason = (
            "the model's prediction along held set points diverged, and along those of the target; "
            "hold others, take shorter stages, or give the model a feedback that steadies it"
        )
        return Reached(Fault(SolverStatus.NOT_FINITE, reason), SolverStatus.NOT_FINITE)
    return _iterated(problem, course, start, warm is not None, trace)


def _told(
    problems: tuple[Problem, ...], reached: Reached[K], warm: Warm | None, trace: Trace
) -> Outcome:
    last = reached.last
    if not isinstance(last, Fault) and not isfinite(last.cost):
        last = Fault(SolverStatus.NOT_FINITE, "the cost of the plan is not finite; see its costs")
    if not isinstance(last, Fault):
        costs = (reached.first_cost, last.cost)
        return _finish(problems, last.paths, reached.status, costs, warm, trace)
    diagnostics = Diagnostics(
        iterations=len(trace.steps),
        qp_status=trace.qp_status,
        timings_ms=MappingProxyType(trace.timings_ms),
    )
    return refused(last.status, last.reason, diagnostics)


def checked(problem: Problem, blocks: Sequence[FloatArray]) -> Outcome:
    """Return what a plan of another solver is worth: it passes the same checks, or is no move.

    Args:
        problem: that was solved.
        blocks: MV levels of each path, shape (n_blocks, n_u) [SI]; one where there are no
            scenarios.
    """
    fault = check_inputs(problem)
    if fault is not None:
        return refused(fault.status, fault.reason)
    paths: tuple[Problem, ...] = (problem,)
    if problem.scenarios is not None:
        paths = TreeCourse(problem, problem.scenarios).problems
    plans: list[tuple[Plan, float]] = []
    for path, levels in zip(paths, blocks, strict=True):
        grid, scaled = path.transcription, ScaledProblem.of(path)
        found = levels / grid.model.u_scale
        plan = grid.stages.first(scaled.x, grid.stage_inputs(found), scaled.d, found)
        if plan is None:
            return refused(SolverStatus.NOT_FINITE, "the model's prediction diverged")
        plans.append((plan, 0.0))
    verdict = _verdict(paths, plans)
    diagnostics = Diagnostics(residual=verdict.residual)
    if verdict.move is None:
        status = verdict.status or SolverStatus.PEER_FAILED
        return replace(refused(status, verdict.reason, diagnostics), worth=verdict.worth)
    return Outcome(PointWorth.ACCEPTED, SolverStatus.CONVERGED, "", diagnostics, None, verdict.move)


def _iterated(
    problem: Problem, course: Course[K], known: K, warm: bool, trace: Trace
) -> Reached[K]:
    """Return where iterations lead from a plan."""
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
    y = _outputs(last.paths[0].taken.plan) + course.scaled.bias
    return any(stage == grid.horizon.n_pred - 1 for _, stage in unmet_rows(problem, y))


def _better(
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
    found = _iterated(problem, course, Known(plan), True, trace)
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


def _finish(
    problems: tuple[Problem, ...],
    last: tuple[Iterate, ...],
    status: SolverStatus,
    costs: tuple[float, float],
    warm: Warm | None,
    trace: Trace,
) -> Outcome:
    problem, first = problems[0], last[0]
    model, plan = problem.transcription.model, first.taken.plan
    verdict = _verdict(problems, [(path.taken.plan, path.optimality) for path in last])
    trace.lap("check")
    stalls = 0 if status is not SolverStatus.STALLED else 1 + (warm.stalls if warm else 0)
    diagnostics = Diagnostics(
        iterations=len(trace.steps),
        step_lengths=tuple(trace.steps),
        cost_before=costs[0],
        cost_after=costs[1],
        residual=verdict.residual,
        kkt_residual=max(path.slope for path in last),
        qp_status=trace.qp_status,
        active_limits=active_limits(problem, first.solution, plan.blocks[0] * model.u_scale),
        unmet_limits=unmet_hard_limits(problem, _outputs(plan) + problem.bias / model.y_scale),
        timings_ms=MappingProxyType(trace.timings_ms),
        y_predicted=_outputs(plan) * model.y_scale + problem.bias,
        u_planned=problem.transcription.stage_inputs(plan.blocks * model.u_scale),
    )
    if verdict.move is None:
        return replace(refused(verdict.status or status, verdict.reason, diagnostics),
                       worth=verdict.worth)  # fmt: skip
    new = first.warm(stalls, tuple(path.warm(stalls) for path in last[1:]))
    return Outcome(PointWorth.ACCEPTED, status, "", diagnostics, new, verdict.move)


def _outputs(plan: Plan) -> FloatArray:
    assert plan.outputs is not None  # every step taken is predicted
    return plan.outputs


def _verdict(problems: tuple[Problem, ...], plans: Sequence[tuple[Plan, float]]) -> Verdict:
    """Return the verdict on all paths: that of the first one that fails, or of the first one.

    Args:
        problems: of the paths.
        plans: and residual of the QP that they come from.
    """
    verdicts = []
    for problem, (plan, optimality) in zip(problems, plans, strict=True):
        found = check_point(
            problem, plan.blocks, plan.states, _outputs(plan), optimality, plan.inner
        )
        if found.move is None:
            return found
        verdicts.append(found)
    if len(verdicts) == 1:
        return verdicts[0]
    residual = max(found.residual for found in verdicts)
    first = plans[0][0].blocks[0]
    apart = max(float(np.abs(plan.blocks[0] - first).max()) for plan, _ in plans)
    if not apart <= CLIP_TOLERANCE:
        reason = f"the scenarios' first moves differ by {apart:.3g} spans: no common move"
        return Verdict(PointWorth.DOUBTFUL, None, reason, max(residual, apart), None)
    return replace(verdicts[0], residual=residual)
