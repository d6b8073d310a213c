"""The one optimizer entry: real-time-iteration NMPC on a process model.

Each iteration linearises the stages along the plan, condenses, solves a dense QP, and takes the
step length at which the cost of the nonlinear prediction is lowest; zero, the shifted plan, is
among them. A warm cycle takes one or two iterations, a cold start as many as it needs.
Method: Diehl, Bock, Schloeder, "A real-time iteration scheme for nonlinear optimization in
optimal feedback control", SIAM J. Control Optim. 43 (2005) 1714.
"""

from collections.abc import Sequence
from dataclasses import replace

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import check_inputs
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.course import SinglePath
from operator_agent.mpc.engine.iteration import Trace
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.outcomes import told, verdict_on
from operator_agent.mpc.problem import (
    Diagnostics,
    Outcome,
    PointWorth,
    Problem,
    SolverStatus,
    Warm,
    refused,
)
from operator_agent.mpc.reached import reached_from
from operator_agent.mpc.robust.course import TreeCourse
from operator_agent.mpc.second_looks import with_second_looks

MAX_STALLS = 3  # solves in a row that kept the shifted plan; then a cold start looks for another


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
        return told(tree.problems, reached_from(problem, tree, warm, trace), warm, trace)
    course = SinglePath(problem)
    reached = reached_from(problem, course, warm, trace)
    reached, looked = with_second_looks(problem, course, reached, warm, trace)
    outcome = told(course.problems, reached, warm, trace)
    if looked > 0.0 and outcome.warm is not None:
        outcome = replace(outcome, warm=replace(outcome.warm, looked=looked))
    return outcome


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
    verdict = verdict_on(paths, plans)
    diagnostics = Diagnostics(residual=verdict.residual)
    if verdict.move is None:
        status = verdict.status or SolverStatus.PEER_FAILED
        return replace(refused(status, verdict.reason, diagnostics), worth=verdict.worth)
    return Outcome(PointWorth.ACCEPTED, SolverStatus.CONVERGED, "", diagnostics, None, verdict.move)
