"""What is told of a plan: the verdict of the checks, the move if there is one, and how it came."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import CLIP_TOLERANCE, Fault, Verdict, check_point
from operator_agent.mpc.engine.course import K
from operator_agent.mpc.engine.iteration import Iterate, Trace
from operator_agent.mpc.engine.plan_limits import active_limits, unmet_hard_limits
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.problem import (
    Diagnostics,
    Outcome,
    PointWorth,
    Problem,
    SolverStatus,
    Warm,
    refused,
)
from operator_agent.mpc.reached import Reached


def told(
    problems: tuple[Problem, ...], reached: Reached[K], warm: Warm | None, trace: Trace
) -> Outcome:
    """Return the outcome of a solve.

    Args:
        problems: of the paths.
        reached: where iterations led.
        warm: from which they began; None for a cold start.
        trace: of what they did.
    """
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
    verdict = verdict_on(problems, [(path.taken.plan, path.optimality) for path in last])
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
        unmet_limits=unmet_hard_limits(
            problem, predicted_outputs(plan) + problem.bias / model.y_scale
        ),
        timings_ms=MappingProxyType(trace.timings_ms),
        y_predicted=predicted_outputs(plan) * model.y_scale + problem.bias,
        u_planned=problem.transcription.stage_inputs(plan.blocks * model.u_scale),
    )
    if verdict.move is None:
        return replace(refused(verdict.status or status, verdict.reason, diagnostics),
                       worth=verdict.worth)  # fmt: skip
    new = first.warm(stalls, tuple(path.warm(stalls) for path in last[1:]))
    return Outcome(PointWorth.ACCEPTED, status, "", diagnostics, new, verdict.move)


def verdict_on(problems: tuple[Problem, ...], plans: Sequence[tuple[Plan, float]]) -> Verdict:
    """Return the verdict on all paths: that of the first one that fails, or of the first one.

    Args:
        problems: of the paths.
        plans: and residual of the QP that they come from.
    """
    verdicts = []
    for problem, (plan, optimality) in zip(problems, plans, strict=True):
        found = check_point(
            problem, plan.blocks, plan.states, predicted_outputs(plan), optimality, plan.inner
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


def predicted_outputs(plan: Plan) -> FloatArray:
    """Return the outputs of a plan that has been predicted, scaled, shape (N, n_y)."""
    assert plan.outputs is not None  # every step taken is predicted
    return plan.outputs
