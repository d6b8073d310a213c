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
from operator_agent.mpc.engine.condense import Condensed, condense
from operator_agent.mpc.engine.cost import ScaledProblem, write_qp
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.rollout import rollout
from operator_agent.mpc.engine.step import Direction, Plan, StepTaken, best_step, full_step
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
    last_s: float = field(default_factory=time.perf_counter)

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.timings_ms[part] = self.timings_ms.get(part, 0.0) + 1e3 * (now - self.last_s)
        self.last_s = now


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
    status, solution, costs = SolverStatus.ITERATION_LIMIT, None, (np.nan, np.nan)
    for _ in range(1 if quick else limit):
        step = _iterate(problem, scaled, plan, condensed if quick else None, trace)
        if isinstance(step, Outcome) and quick:  # too far for the old Jacobians
            step = _iterate(problem, scaled, plan, None, trace)
        if isinstance(step, Outcome):
            return step
        plan, condensed, solution = step.taken.plan, step.condensed, step.solution
        costs = (costs[0] if trace.steps[:-1] else step.taken.cost_before, plan.cost)
        if trace.steps[-1] == 0.0 or step.size < SMALL_STEP:
            small = step.size < SMALL_STEP
            status = SolverStatus.CONVERGED if small else SolverStatus.STALLED
            break
        if warm is not None and trace.steps[-1] == 1.0 and step.size < SETTLED_STEP:
            break
    assert condensed is not None and solution is not None
    return _finish(problem, scaled, plan, condensed, solution, status, costs, warm, trace)


@dataclass(frozen=True, slots=True)
class _Iterate:
    taken: StepTaken
    condensed: Condensed
    solution: QpSolution
    size: float


def _start(
    problem: Problem, scaled: ScaledProblem, warm: Warm | None
) -> tuple[Plan | None, Condensed | None]:
    """Return the shifted plan, made to fit the limits; without one, the held set points."""
    grid = problem.transcription
    n_pred, n_blocks = grid.horizon.n_pred, grid.horizon.n_blocks
    if warm is None:
        blocks = scaled.fit(np.tile(scaled.u_held, (n_blocks, 1)))
        states = rollout(grid, scaled.d, scaled.x, scaled.stage_inputs(blocks), None)
        return (None if states is None else Plan(blocks, states)), None
    blocks = _resized(warm.blocks, n_blocks)
    part = problem.cycle_s / grid.horizon.block_lengths_s[:-1, None]
    blocks[:-1] += np.minimum(part, 1.0) * np.diff(blocks, axis=0)
    states = _resized(warm.states, n_pred + 1)
    part = np.minimum(problem.cycle_s / grid.lengths_s, 1.0)[:, None]
    states[:-1] += part * np.diff(states, axis=0)
    states[0] = scaled.x
    shape = (n_pred, grid.model.n_y, grid.n_moves)
    fits = warm.condensed.outputs_of_blocks.shape == shape
    return Plan(scaled.fit(blocks), states), warm.condensed if fits else None


def _resized(rows: FloatArray, count: int) -> FloatArray:
    """Return a copy with `count` rows: cut off, or the last one repeated, for another horizon."""
    kept = rows[:count]
    return np.vstack([kept, np.tile(rows[-1], (count - kept.shape[0], 1))])


def _iterate(
    problem: Problem,
    scaled: ScaledProblem,
    plan: Plan,
    cached: Condensed | None,
    trace: _Trace,
) -> _Iterate | Outcome:
    grid = problem.transcription
    inputs = scaled.stage_inputs(plan.blocks)
    if cached is None:
        linear = grid.stages.linearise(plan.states[1:], inputs, scaled.d)
        rhs, outputs = linear.rhs, linear.outputs
        trace.lap("linearise")
        condensed = condense(linear, grid.stages.rhs_x_pattern, grid.horizon)
    else:
        rhs, outputs = grid.stages.values(plan.states[1:], inputs, scaled.d)
        trace.lap("linearise")
        condensed = cached
    closing = condensed.propagate(
        plan.states[1:] - plan.states[:-1] - grid.lengths_s[:, None] * rhs
    )
    free = outputs + scaled.bias + np.einsum("kyx,kx->ky", condensed.outputs_x, closing)
    if not bool(np.all(np.isfinite(free)) and np.all(np.isfinite(condensed.outputs_of_blocks))):
        return refused(SolverStatus.NOT_FINITE, "the model or its derivative is not finite")
    trace.lap("condense")
    write_qp(grid, scaled, plan.blocks, free, condensed.outputs_of_blocks)
    solution = grid.qp.solve()
    trace.lap("qp")
    if not solution.success or not bool(np.all(np.isfinite(solution.x))):
        diagnostics = Diagnostics(
            qp_status=solution.status, timings_ms=MappingProxyType(trace.timings_ms)
        )
        reason = f"the QP ended as '{solution.status}'; check weights and limits"
        return refused(SolverStatus.QP_FAILED, reason, diagnostics)
    move = solution.x[: grid.n_moves]
    response = closing + condensed.states_of_blocks @ move
    step = move.reshape(plan.blocks.shape)
    direction = Direction(step, closing, response - closing, free)
    advance = best_step if cached is None else full_step
    taken = advance(grid, scaled, plan, direction, condensed)
    trace.lap("step")
    if taken is None:
        return refused(SolverStatus.NOT_FINITE, "the model's prediction along the plan diverged")
    trace.steps.append(taken.length)
    return _Iterate(taken, condensed, solution, float(np.max(np.abs(step))))


def _finish(
    problem: Problem,
    scaled: ScaledProblem,
    plan: Plan,
    condensed: Condensed,
    solution: QpSolution,
    status: SolverStatus,
    costs: tuple[float, float],
    warm: Warm | None,
    trace: _Trace,
) -> Outcome:
    grid, model = problem.transcription, problem.transcription.model
    inputs = scaled.stage_inputs(plan.blocks)
    outputs = plan.outputs
    assert outputs is not None  # every step taken is predicted
    verdict = check_point(
        problem, plan.blocks, plan.states, outputs, grid.qp.kkt_residual(solution)
    )
    trace.lap("check")
    stalls = 0 if status is not SolverStatus.STALLED else 1 + (warm.stalls if warm else 0)
    diagnostics = Diagnostics(
        iterations=len(trace.steps),
        step_lengths=tuple(trace.steps),
        cost_before=costs[0],
        cost_after=costs[1],
        residual=verdict.residual,
        qp_status=solution.status,
        active_limits=_active(problem, solution, inputs[0] * model.u_scale),
        timings_ms=MappingProxyType(trace.timings_ms),
        y_predicted=(outputs + scaled.bias) * model.y_scale,
        u_planned=inputs * model.u_scale,
    )
    if verdict.move is None:
        return replace(refused(verdict.status or status, verdict.reason, diagnostics),
                       worth=verdict.worth)  # fmt: skip
    new = Warm(plan.blocks, plan.states, condensed, stalls)
    return Outcome(PointWorth.ACCEPTED, status, "", diagnostics, new, verdict.move)


def _active(problem: Problem, solution: QpSolution, move: FloatArray) -> tuple[str, ...]:
    """Return the limits with a price: CV limits of any stage, MV limits of the first move."""
    grid, variables = problem.transcription, problem.variables
    n_pred, found = grid.horizon.n_pred, []
    for number, side in enumerate(grid.sides):
        prices = solution.row_prices[number * n_pred : (number + 1) * n_pred]
        if float(np.max(prices)) > PRICE_TOLERANCE:
            rank = "hard" if side.hard else "soft"
            edge = "high" if side.sign > 0.0 else "low"
            found.append(f"{variables.cv_names[side.cv]} {rank} {edge}")
    for i, name in enumerate(variables.mv_names):
        price = float(solution.bound_prices[i])
        if abs(price) <= PRICE_TOLERANCE:
            continue
        edge, limit = ("high", variables.mv_high) if price > 0.0 else ("low", variables.mv_low)
        near = abs(move[i] - limit[i]) <= CLIP_TOLERANCE * grid.model.u_scale[i]
        found.append(f"{name} {'limit' if near else 'rate'} {edge}")
    return tuple(found)
