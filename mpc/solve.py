"""The one optimizer entry: real-time-iteration NMPC on a process model.

Each iteration linearises the stages along the plan, condenses, solves a dense QP, and takes the
step length at which the cost of the nonlinear prediction is lowest; zero, the shifted plan, is
among them. A warm cycle takes one or two iterations, a cold start as many as it needs.
Method: Diehl, Bock, Schloeder, "A real-time iteration scheme for nonlinear optimization in
optimal feedback control", SIAM J. Control Optim. 43 (2005) 1714.
"""

import time
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import CLIP_TOLERANCE, check_inputs, check_point
from operator_agent.mpc.engine.condense import Condensed
from operator_agent.mpc.engine.condense_maps import CondensedMaps
from operator_agent.mpc.engine.cost import ScaledProblem, write_qp
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.stages import Plan, Response
from operator_agent.mpc.engine.step import StepTaken, best_step, full_step
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import (
    Diagnostics,
    Outcome,
    PointWorth,
    Problem,
    SolverStatus,
    Warm,
    refused,
)

SMALL_STEP = 1e-4  # scaled; far below what an actuator resolves
SETTLED_STEP = 0.3  # scaled; a full step below it leaves nothing for a second iteration of a cycle
MAX_STALLS = 3  # solves in a row that kept the shifted plan; then a cold start looks for another
PRICE_TOLERANCE = 1e-6  # multiplier above which a limit counts as active


@dataclass(slots=True)
class _Trace:
    """What one solve collects on its way."""

    steps: list[float] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)
    first_s: float = field(default_factory=time.perf_counter)
    last_s: float = field(default_factory=time.perf_counter)

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.timings_ms[part] = self.timings_ms.get(part, 0.0) + 1e3 * (now - self.last_s)
        self.last_s = now

    def spent_s(self) -> float:
        return time.perf_counter() - self.first_s


def solve(problem: Problem, warm: Warm | None) -> Outcome:
    """Return the next move, or the reason why there is none.

    Args:
        problem: see there.
        warm: of the last outcome, one cycle ago; None for a cold start.

    Returns:
        An outcome whose move can be read only when it passed the independent checks.
    """
    trace = _Trace()
    fault = check_inputs(problem)
    if fault is not None:
        return refused(fault.status, fault.reason)
    if warm is not None and warm.stalls >= MAX_STALLS:
        warm = None
    scaled = ScaledProblem.of(problem)
    plan, condensed = _start(problem, scaled, warm)
    if plan is None:
        return refused(SolverStatus.NOT_FINITE, "the model's prediction along the plan diverged")
    trace.lap("start")
    quick = not problem.relinearise and condensed is not None
    limit = problem.iterations if warm is not None else problem.cold_iterations
    status, last, first_cost = SolverStatus.ITERATION_LIMIT, None, np.nan
    held = None if warm is None else warm.working_set
    for number in range(1 if quick else limit):
        step = _iterate(problem, scaled, plan, condensed if quick else None, held, trace)
        if isinstance(step, Outcome) and quick:  # too far for the old Jacobians
            step = _iterate(problem, scaled, plan, None, held, trace)
        if isinstance(step, Outcome):
            return step
        if problem.time_limit_s is not None and trace.spent_s() > problem.time_limit_s:
            status = SolverStatus.TIME_LIMIT  # what came too late does not count
            break
        plan, last, held = step.taken.plan, step, step.solution.working_set
        first_cost = step.taken.cost_before if number == 0 else first_cost
        ended = _ended(problem, step, warm is not None)
        if ended is not None:
            status = ended
            break
    if last is None:
        reason = f"no iteration ended within {problem.time_limit_s:.3g} s; allow more time"
        return refused(SolverStatus.TIME_LIMIT, reason)
    return _finish(problem, scaled, last, status, first_cost, warm, trace)


@dataclass(slots=True)
class _Iterate:
    taken: StepTaken
    condensed: Condensed | CondensedMaps
    solution: QpSolution
    size: float
    predicted: float
    slope: float


def _ended(problem: Problem, step: _Iterate, warm: bool) -> SolverStatus | None:
    """Return why the iterations end here, or None."""
    taken = step.taken
    if problem.tolerance is not None:
        if step.size < problem.tolerance and step.slope < problem.tolerance:
            return SolverStatus.CONVERGED
        return SolverStatus.STALLED if taken.length == 0.0 else None
    if step.size < SMALL_STEP:
        return SolverStatus.CONVERGED
    if taken.length == 0.0:
        return SolverStatus.STALLED
    settled = warm and taken.length == 1.0 and step.size < SETTLED_STEP
    return SolverStatus.ITERATION_LIMIT if settled else None


def _start(
    problem: Problem, scaled: ScaledProblem, warm: Warm | None
) -> tuple[Plan | None, Condensed | CondensedMaps | None]:
    """Return the shifted plan, made to fit the limits; without one, the held set points."""
    grid = problem.transcription
    n_pred, n_blocks = grid.horizon.n_pred, grid.horizon.n_blocks
    if warm is None:
        blocks = scaled.fit(np.tile(scaled.u_held, (n_blocks, 1)))
        return grid.stages.first(scaled.x, grid.stage_inputs(blocks), scaled.d, blocks), None
    blocks = _shifted(warm.blocks, n_blocks, problem.cycle_s / grid.horizon.block_lengths_s)
    part = problem.cycle_s / grid.lengths_s
    states = _shifted(warm.states, n_pred + 1, np.append(part, 0.0))
    states[0] = scaled.x
    inner = None if warm.inner is None else _shifted(warm.inner, n_pred, part)
    shape = (n_pred, grid.model.n_y, grid.n_moves)
    fits = warm.condensed.outputs_of_blocks.shape == shape
    plan = Plan(scaled.fit(blocks), states, inner=inner)
    return plan, warm.condensed if fits else None


def _shifted(rows: FloatArray, count: int, part: FloatArray) -> FloatArray:
    """Return `count` rows moved towards the next one by the part of a stage that has passed."""
    moved = _resized(rows, count)
    moved[:-1] += np.minimum(part[:-1], 1.0)[:, None] * (moved[1:] - moved[:-1])
    return moved


def _resized(rows: FloatArray, count: int) -> FloatArray:
    """Return a copy with `count` rows: cut off, or the last one repeated, for another horizon."""
    if rows.shape[0] >= count:
        return rows[:count].copy()
    return np.vstack([rows, np.tile(rows[-1], (count - rows.shape[0], 1))])


def _iterate(
    problem: Problem,
    scaled: ScaledProblem,
    plan: Plan,
    cached: Condensed | CondensedMaps | None,
    held: FloatArray | None,
    trace: _Trace,
) -> _Iterate | Outcome:
    grid = problem.transcription
    response = grid.stages.respond(plan, grid.stage_inputs(plan.blocks), scaled.d, cached)
    trace.lap("linearise")
    if response is None:
        return refused(SolverStatus.NOT_FINITE, "the model or its derivative is not finite")
    outputs_of_blocks = response.condensed.outputs_of_blocks
    write_qp(grid, scaled, plan.blocks, response.free + scaled.bias, outputs_of_blocks)
    trace.lap("write")
    solution = grid.qp.solve(held)
    trace.lap("qp")
    if not solution.success or not bool(np.isfinite(solution.x).all()):
        diagnostics = Diagnostics(
            qp_status=solution.status, timings_ms=MappingProxyType(trace.timings_ms)
        )
        reason = f"the QP ended as '{solution.status}'; check weights and limits"
        return refused(SolverStatus.QP_FAILED, reason, diagnostics)
    change = solution.x[: grid.n_moves]
    advance = best_step if cached is None else full_step
    taken = advance(grid, scaled, response, change)
    trace.lap("step")
    if taken is None:
        return refused(SolverStatus.NOT_FINITE, "the model's prediction along the plan diverged")
    trace.steps.append(taken.length)
    return _measured(grid, taken, response, solution)


def _measured(
    grid: Transcription, taken: StepTaken, response: Response, solution: QpSolution
) -> _Iterate:
    """Return an iteration with its size and the slope of the Lagrangian where it began."""
    change = solution.x[: grid.n_moves]
    curved = grid.qp.hessian[: grid.n_moves] @ solution.x
    gradient = grid.qp.gradient
    slope = float(np.abs(curved).max() / (1.0 + np.abs(gradient).max()))
    size = float(np.abs(change).max())
    return _Iterate(taken, response.condensed, solution, size, np.nan, slope)


def _finish(
    problem: Problem,
    scaled: ScaledProblem,
    last: _Iterate,
    status: SolverStatus,
    first_cost: float,
    warm: Warm | None,
    trace: _Trace,
) -> Outcome:
    grid, model = problem.transcription, problem.transcription.model
    plan, solution = last.taken.plan, last.solution
    outputs = plan.outputs
    assert outputs is not None  # every step taken is predicted
    optimality = grid.qp.kkt_residual(solution)
    verdict = check_point(problem, plan.blocks, plan.states, outputs, optimality, plan.inner)
    trace.lap("check")
    stalls = 0 if status is not SolverStatus.STALLED else 1 + (warm.stalls if warm else 0)
    diagnostics = Diagnostics(
        iterations=len(trace.steps),
        step_lengths=tuple(trace.steps),
        cost_before=first_cost,
        cost_after=plan.cost,
        residual=verdict.residual,
        kkt_residual=last.slope,
        qp_status=solution.status,
        active_limits=_active(problem, solution, plan.blocks[0] * model.u_scale),
        timings_ms=MappingProxyType(trace.timings_ms),
        y_predicted=(outputs + scaled.bias) * model.y_scale,
        u_planned=grid.stage_inputs(plan.blocks * model.u_scale),
    )
    if verdict.move is None:
        return replace(refused(verdict.status or status, verdict.reason, diagnostics),
                       worth=verdict.worth)  # fmt: skip
    new = Warm(plan.blocks, plan.states, last.condensed, stalls, plan.inner, solution.working_set)
    return Outcome(PointWorth.ACCEPTED, status, "", diagnostics, new, verdict.move)


def _active(problem: Problem, solution: QpSolution, move: FloatArray) -> tuple[str, ...]:
    """Return the limits with a price: CV limits of any stage, MV limits of the first move."""
    grid, variables, found = problem.transcription, problem.variables, []
    limits = grid.limits
    if limits.n_rows:
        prices = np.maximum.reduceat(solution.row_prices[: limits.n_rows], limits.side_starts)
        for number in np.flatnonzero(prices > PRICE_TOLERANCE):
            side = limits.sides[number]
            rank = "terminal" if side.terminal else "hard" if side.hard else "soft"
            edge = "high" if side.sign > 0.0 else "low"
            found.append(f"{variables.cv_names[side.cv]} {rank} {edge}")
    for i in np.flatnonzero(np.abs(solution.bound_prices[: grid.model.n_u]) > PRICE_TOLERANCE):
        high = solution.bound_prices[i] > 0.0
        edge, limit = ("high", variables.mv_high) if high else ("low", variables.mv_low)
        near = abs(move[i] - limit[i]) <= CLIP_TOLERANCE * grid.model.u_scale[i]
        found.append(f"{variables.mv_names[i]} {'limit' if near else 'rate'} {edge}")
    return tuple(found)
