"""The last word on a point: checks that know nothing of how it was found.

Solvers report success on NaN, and return numbers for infeasible problems; so every number is
looked at, the limits are compared again in SI, and the plan is put back into the process model.
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.limits_ahead import block_limits
from operator_agent.mpc.engine.seldom_parts import crossed_limits, seldom_parts
from operator_agent.mpc.problem import PointWorth, Problem, SolverStatus
from operator_agent.mpc.variables import ControlVariables

CLIP_TOLERANCE = 1e-5  # spans outside a limit that the QP solver leaves (1e-6) and that are cut off
UNMET = (
    1e-2  # spans: a plan that passes a hard limit by less keeps it, as far as anyone can measure
)
MAX_RESIDUAL = 1e-3  # scaled; a plan with a larger defect is not one of this model


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a problem is not worth solving."""

    status: SolverStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks say of a point.

    Attributes:
        worth: accepted, doubtful or useless.
        status: set when the checks found why there is no point; None keeps the solver's.
        reason: in words; empty when accepted.
        residual: largest scaled violation: defects of the dynamics, optimality of the QP.
        move: shape (n_u,) [SI], read-only; None unless accepted.
    """

    worth: PointWorth
    status: SolverStatus | None
    reason: str
    residual: float
    move: FloatArray | None


def check_inputs(problem: Problem) -> Fault | None:
    """Return why a problem cannot be solved, or None."""
    culprit = problem.finite()
    if culprit:
        return Fault(SolverStatus.NOT_FINITE, f"{culprit} of the problem is NaN or infinite")
    variables = problem.variables
    low, high = _reachable(problem)
    for i in [i for i, room in enumerate((high - low).tolist()) if room < 0.0]:
        change = variables.mv_rate * problem.cycle_s
        return Fault(
            SolverStatus.LIMITS_CONFLICT,
            f"{variables.mv_names[i]} stands at {problem.u_held[i]:.6g}, its limits are "
            f"{variables.mv_low[i]:.6g} to {variables.mv_high[i]:.6g} and one cycle moves it by "
            f"{change[i]:.6g} at most [SI]; bring it inside by hand or widen the limits",
        )
    if problem.ahead is not None:
        reason = _closed_ahead(problem)
        if reason:
            return Fault(SolverStatus.LIMITS_CONFLICT, reason)
    if not seldom_parts(problem).sound:
        if not problem.weights.finite():
            return Fault(SolverStatus.NOT_FINITE, "weights of the problem are NaN or infinite")
        return Fault(SolverStatus.LIMITS_CONFLICT, crossed_limits(problem))
    return None


def _closed_ahead(problem: Problem) -> str:
    """Return which MV cannot keep its limits ahead, in words; nothing where all can."""
    variables, horizon = problem.variables, problem.transcription.horizon
    low, high = block_limits(problem)
    change = variables.mv_rate * problem.cycle_s
    low[0] = np.maximum(low[0], problem.u_held - change)
    high[0] = np.minimum(high[0], problem.u_held + change)
    for block, i in np.argwhere(low > high):
        return (
            f"{variables.mv_names[i]} stands at {problem.u_held[i]:.6g} and cannot keep its limits "
            f"ahead: {horizon.borders_s[horizon.starts[block]]:.6g} s from now they, and those "
            f"that follow, leave {low[block, i]:.6g} to {high[block, i]:.6g} [SI]; let them close "
            "later or slower, or allow a larger rate or more blocks of moves"
        )
    return ""


def check_point(
    problem: Problem,
    blocks: FloatArray,
    states: FloatArray,
    outputs: FloatArray,
    optimality: float,
    inner: FloatArray | None = None,
) -> Verdict:
    """Return what a plan is worth, and its first move.

    Args:
        problem: that was solved.
        blocks: scaled MV levels, shape (n_blocks, n_u).
        states: scaled, shape (N + 1, n_x).
        outputs: scaled, shape (N, n_y).
        optimality: residual of the last QP.
        inner: unknowns inside the stages, scaled, shape (N, n_w); None where stages have none.
    """
    if not all(isfinite(float(np.vdot(a, a))) for a in (blocks, states, outputs)):
        return Verdict(
            PointWorth.USELESS, SolverStatus.NOT_FINITE, "the plan is not finite", np.nan, None
        )
    defect = _defect(problem, blocks, states, inner)
    residual = float(np.maximum(defect, optimality))  # of numpy: NaN stays
    if not residual <= MAX_RESIDUAL:
        reason = (
            f"the residual is {residual:.3g}, above {MAX_RESIDUAL}: not a point of this problem"
        )
        return Verdict(PointWorth.DOUBTFUL, None, reason, residual, None)
    move, reason = _first_move(problem, blocks[0])
    if reason:
        return Verdict(PointWorth.USELESS, SolverStatus.LIMITS_CONFLICT, reason, residual, None)
    return Verdict(PointWorth.ACCEPTED, None, "", residual, move)


def _defect(
    problem: Problem, blocks: FloatArray, states: FloatArray, inner: FloatArray | None
) -> float:
    """Return the largest scaled defect of the plan in the process model itself, in SI."""
    grid = problem.transcription
    x = states * grid.model.x_scale
    u = grid.stage_inputs(blocks * grid.model.u_scale)
    defects = np.abs(grid.stages.defects(x, u, problem.d, inner)).max()
    start = np.abs((x[0] - problem.x) / grid.model.x_scale).max()
    return float(np.maximum(defects, start))


def _first_move(problem: Problem, level: FloatArray) -> tuple[FloatArray, str]:
    """Return the first move [SI] and, when it breaks a limit by more than rounding, why."""
    names, scale = problem.variables.mv_names, problem.transcription.model.u_scale
    low, high = _reachable(problem)
    wanted = level * scale
    move = np.minimum(np.maximum(wanted, low), high)
    rows = zip(names, *(v.tolist() for v in (wanted, move, low, high, scale)), strict=True)
    for name, asked, kept, least, most, span in rows:
        if not abs(kept - asked) <= CLIP_TOLERANCE * span:
            return move, f"{name} would go to {asked:.9g}, outside {least:.9g} to {most:.9g} [SI]"
        if not (least <= kept <= most and isfinite(kept)):
            return move, f"{name} breaks its limits"
    move.setflags(write=False)
    return move, ""


def _reachable(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and the highest set points that one cycle may write [SI]."""
    variables = problem.variables
    change = variables.mv_rate * problem.cycle_s
    low: FloatArray = np.maximum(variables.mv_low, problem.u_held - change)
    high: FloatArray = np.minimum(variables.mv_high, problem.u_held + change)
    return low, high


def unmet_limits(
    variables: ControlVariables, y_predicted: FloatArray | None, y_scale: FloatArray
) -> tuple[str, ...]:
    """Return the hard CV limits that the plan cannot keep at once, as `name side`.

    A move may be the best there is and still not bring the plant inside; whoever looks must know.

    Args:
        variables: with the hard limits.
        y_predicted: CVs at the end of each stage, shape (N, n_y) [SI]; None without a plan.
        y_scale: spans, shape (n_y,) [SI].
    """
    if y_predicted is None:
        return ()
    above = np.max((y_predicted - variables.cv_hard_high) / y_scale, axis=0) > UNMET
    below = np.max((variables.cv_hard_low - y_predicted) / y_scale, axis=0) > UNMET
    return tuple(
        f"{name} {side}"
        for side, broken in (("high", above), ("low", below))
        for name, out in zip(variables.cv_names, broken, strict=True)
        if out
    )
