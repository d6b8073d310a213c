"""Which limits hold a plan, and which ones it does not keep, by name."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import CLIP_TOLERANCE, UNMET
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.seldom_parts import seldom_parts
from operator_agent.mpc.problem import Problem

PRICE_TOLERANCE = 1e-6  # multiplier above which a limit counts as active


def unmet_rows(problem: Problem, y: FloatArray) -> list[tuple[int, int]]:
    """Return side, by its number, and stage of each hard CV limit that a plan does not keep.

    Args:
        problem: see there.
        y: outputs with bias at the end of each stage, scaled, shape (N, n_y).
    """
    limits = problem.transcription.limits
    if not limits.n_rows:
        return []
    outside = limits.sign * (y[limits.stage, limits.cv] - seldom_parts(problem).row_limits)
    if not outside.max() > UNMET:
        return []
    rows = (outside > UNMET).nonzero()[0]
    found = zip(limits.side[rows].tolist(), limits.stage[rows].tolist(), strict=True)
    return [(side, stage) for side, stage in found if limits.sides[side].hard]


def unmet_hard_limits(problem: Problem, y: FloatArray) -> tuple[str, ...]:
    """Return these limits by name, each with its first stage; see `unmet_rows`."""
    first: dict[int, int] = {}
    for side, stage in unmet_rows(problem, y):
        first.setdefault(side, stage + 1)
    if not first:
        return ()
    names, sides = problem.variables.cv_names, problem.transcription.limits.sides
    return tuple(
        f"{names[sides[side].cv]} {'terminal ' if sides[side].terminal else ''}"
        f"{'high' if sides[side].sign > 0.0 else 'low'} from stage {stage}"
        for side, stage in first.items()
    )


def active_limits(problem: Problem, solution: QpSolution, move: FloatArray) -> tuple[str, ...]:
    """Return the limits with a price: CV limits of any stage, MV limits of the first move.

    Args:
        problem: see there.
        solution: of the last QP.
        move: first set points, shape (n_u,) [SI].
    """
    grid, variables, found = problem.transcription, problem.variables, []
    limits = grid.limits
    if limits.n_rows:
        prices = np.maximum.reduceat(solution.row_prices[: limits.n_rows], limits.side_starts)
        for number in (prices > PRICE_TOLERANCE).nonzero()[0].tolist():
            side = limits.sides[number]
            rank = "terminal" if side.terminal else "hard" if side.hard else "soft"
            edge = "high" if side.sign > 0.0 else "low"
            found.append(f"{variables.cv_names[side.cv]} {rank} {edge}")
    for i, price in enumerate(solution.bound_prices[: grid.model.n_u].tolist()):
        if not abs(price) > PRICE_TOLERANCE:
            continue
        high = price > 0.0
        edge, limit = ("high", variables.mv_high) if high else ("low", variables.mv_low)
        near = abs(move[i] - limit[i]) <= CLIP_TOLERANCE * grid.model.u_scale[i]
        found.append(f"{variables.mv_names[i]} {'limit' if near else 'rate'} {edge}")
    return tuple(found)
