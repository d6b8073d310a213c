"""The one optimizer entry: real-time-iteration NMPC on a process model.

Each iteration linearises the stages along the plan, condenses, solves a dense QP, and takes the
step length at which the cost of the nonlinear prediction is lowest; zero, the shifted plan, is
among them. A warm cycle takes one or two iterations, a cold start as many as it needs.
Method: Diehl, Bock, Schloeder, "A real-time iteration scheme for nonlinear optimization in
optimal feedback control", SIAM J. Control Optim. 43 (2005) 1714.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

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
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.iteration import Iterate, Trace, iterate
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.engine.warm_start import Known
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.problem import (
    Diagnostics,
    Outcome,
    PointWorth,
    Problem,
    SolverStatus,
    Warm,
    refused,
)
from operator_agent.mpc.robust.course import TreeCourse

SMALL_STEP = 1e-4  # scaled; far below what an actuator resolves
MAX_RETRIES = 3  # of a step that did not pay, each within a smaller reach
SHRINK = 0.25  # of the reach at each retry; it grows again by full steps
MAX_STALLS = 3  # solves in a row that kept the shifted plan; then a cold start looks for another
RESCUE_SHARE = 0.5  # of a cycle: longer IPOPT may not take where no time limit is given
PRICE_TOLERANCE = 1e-6  # multiplier above which a limit counts as active


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
    if problem.scenarios is not None:
        return _solved(problem, TreeCourse(problem, problem.scenarios), warm, trace)
    return _solved(problem, SinglePath(problem), warm, trace)


def _solved(problem: Problem, course: Course[K], warm: Warm | None, trace: Trace) -> Outcome:
    start = course.start(warm)
    if start is None:
        return refused(SolverStatus.NOT_FINITE, "the model's prediction along the plan diverged")
    trace.lap("start")
    found, status, first_cost = _iterated(problem, course, start, warm is not None, trace)
    if isinstance(found, Fault):
        diagnostics = Diagnostics(
            iterations=len(trace.steps),
            qp_status=trace.qp_status,
            timings_ms=MappingProxyType(trace.timings_ms),
        )
        return refused(found.status, found.reason, diagnostics)
    last, cost = found.paths, found.cost
    if warm is None and isinstance(course, SinglePath) and status is SolverStatus.STALLED:
        rescued, status = _rescued(problem, course.scaled, last[0], trace)
        last, cost = (rescued,), rescued.cost
    return _finish(course.problems, last, status, (first_cost, cost), warm, trace)


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
) -> tuple[Iteration[K] | Fault, SolverStatus, float]:
    """Return the last iteration, why it was the last one, and the cost of the plan before all."""
    quick = not problem.relinearise and course.has_responses(known)
    limit = problem.iterations if warm else problem.cold_iterations
    last: Iteration[K] | None = None
    first_cost, retries = np.nan, 0
    number = 0
    while number < (1 if quick else limit) + retries:
        step = course.iterate(known, quick, trace)
        if isinstance(step, Fault) and quick:  # too far for the old Jacobians
            step = course.iterate(known, False, trace)
        if isinstance(step, Fault):
            return step, step.status, first_cost
        if problem.time_limit_s is not None and trace.spent_s() > problem.time_limit_s:
            return last or _late(problem), SolverStatus.TIME_LIMIT, first_cost
        last, known = step, step.known()
        first_cost = step.cost_before if number == 0 else first_cost
        number += 1
        ended = _ended(problem, step, warm)
        if ended is SolverStatus.STALLED and retries < MAX_RETRIES:
            course.reach, retries = SHRINK * min(step.size, course.reach), retries + 1
        elif ended is not None:
            return last, ended, first_cost
        elif step.length == 1.0:
            course.reach = min(LARGEST_STEP, course.reach / SHRINK)
    assert last is not None  # counts of iterations start at one
    return last, SolverStatus.ITERATION_LIMIT, first_cost


def _rescued(
    problem: Problem, scaled: ScaledProblem, stalled: Iterate, trace: Trace
) -> tuple[Iterate, SolverStatus]:
    """Return a cold start that stalled, continued by IPOPT and one iteration of our own.

    What IPOPT finds counts only where the model predicts it to cost less.
    """
    grid, plan = problem.transcription, stalled.taken.plan
    if grid.converged is None:
        limit_s = problem.time_limit_s or RESCUE_SHARE * problem.cycle_s
        grid.converged = Reference(grid, grid.scaled.values, time_limit_s=limit_s)
    blocks = grid.converged.converge(problem, plan)
    trace.lap("rescue")
    if blocks is None:
        return stalled, SolverStatus.STALLED
    fitted = scaled.fit(blocks)
    found = grid.stages.first(scaled.x, grid.stage_inputs(fitted), scaled.d, fitted)
    if found is None:
        return stalled, SolverStatus.STALLED
    step = iterate(grid, scaled, Known(found), False, trace)
    if isinstance(step, Fault) or not step.taken.plan.cost < plan.cost:
        return stalled, SolverStatus.STALLED
    if problem.time_limit_s is not None and trace.spent_s() > problem.time_limit_s:
        return stalled, SolverStatus.TIME_LIMIT
    return step, SolverStatus.RESCUED


def _late(problem: Problem) -> Fault:
    reason = f"no iteration ended within {problem.time_limit_s:.3g} s; allow more time"
    return Fault(SolverStatus.TIME_LIMIT, reason)


def _ended(problem: Problem, step: Iteration[K], warm: bool) -> SolverStatus | None:
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
    settled = step.size < accuracy.step and step.mismatch < accuracy.mismatch
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
        active_limits=_active(problem, first.solution, plan.blocks[0] * model.u_scale),
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
    residual = max(found.residual for found in verdicts)
    first = plans[0][0].blocks[0]
    apart = max(float(np.abs(plan.blocks[0] - first).max()) for plan, _ in plans)
    if not apart <= CLIP_TOLERANCE:
        reason = f"the scenarios' first moves differ by {apart:.3g} spans: no common move"
        return Verdict(PointWorth.DOUBTFUL, None, reason, max(residual, apart), None)
    return replace(verdicts[0], residual=residual)


def _active(problem: Problem, solution: QpSolution, move: FloatArray) -> tuple[str, ...]:
    """Return the limits with a price: CV limits of any stage, MV limits of the first move."""
    grid, variables, found = problem.transcription, problem.variables, []
    limits = grid.limits
    if limits.n_rows:
        prices = np.maximum.reduceat(solution.row_prices[: limits.n_rows], limits.side_starts)
        for number in (prices > PRICE_TOLERANCE).nonzero()[0]:
            side = limits.sides[number]
            rank = "terminal" if side.terminal else "hard" if side.hard else "soft"
            edge = "high" if side.sign > 0.0 else "low"
            found.append(f"{variables.cv_names[side.cv]} {rank} {edge}")
    first = np.abs(solution.bound_prices[: grid.model.n_u])
    for i in (first > PRICE_TOLERANCE).nonzero()[0]:
        high = solution.bound_prices[i] > 0.0
        edge, limit = ("high", variables.mv_high) if high else ("low", variables.mv_low)
        near = abs(move[i] - limit[i]) <= CLIP_TOLERANCE * grid.model.u_scale[i]
        found.append(f"{variables.mv_names[i]} {'limit' if near else 'rate'} {edge}")
    return tuple(found)
