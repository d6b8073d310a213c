"""A convex QP by the primal-dual active-set iteration, for machines without a compiler.

Each iteration solves the optimality conditions for one guess of the limits that hold, with numpy,
and reads the next guess from signs and violations. From the limits of the last cycle one or two
are enough. It need not converge; then another solver is asked.
Source: Hintermueller, Ito, Kunisch, "The primal-dual active set strategy as a semismooth Newton
method", SIAM J. Optim. 13 (2003) 865.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray

ITERATIONS = 12  # it converges within a few, or not at all
VIOLATED = 1e-9  # relative to 1 + |value|: above it a limit is not kept


@dataclass(frozen=True, slots=True)
class PrimalDualPoint:
    """A point at which a guess of the limits that hold confirms itself.

    Attributes:
        x: shape (n,).
        prices: of bounds, then rows, shape (n + m,): positive at a high limit.
        side: -1 at a low limit, 1 at a high one, else 0; shape (n + m,).
    """

    x: FloatArray
    prices: FloatArray
    side: FloatArray


def is_convex(hessian: FloatArray) -> bool:
    """Return whether a symmetric matrix is positive definite."""
    diagonal = np.diagonal(hessian)
    coupled = np.flatnonzero(np.count_nonzero(hessian, axis=1) > 1)
    try:
        np.linalg.cholesky(hessian[np.ix_(coupled, coupled)])
    except np.linalg.LinAlgError:
        return False
    return bool(np.all(diagonal > 0.0))


def primal_dual(
    hessian: FloatArray,
    gradient: FloatArray,
    rows: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    start: FloatArray | None,
) -> PrimalDualPoint | None:
    """Return a point whose limits confirm themselves, or None.

    Args:
        hessian: positive definite, shape (n, n).
        gradient: shape (n,).
        rows: shape (m, n).
        limits: low and high ones of variables, then rows, shape (n + m,) each.
        start: sides to begin with, shape (n + m,); None begins without any.
    """
    low, high = limits
    tied = low == high
    side = np.zeros(low.size) if start is None or start.size != low.size else np.sign(start)
    side[(side > 0.0) & np.isinf(high) | (side < 0.0) & np.isinf(low)] = 0.0
    side[tied] = 1.0
    for _ in range(ITERATIONS):
        point = _on_limits(hessian, gradient, rows, limits, side)
        if point is None:
            return None
        value = np.concatenate([point.x, rows @ point.x])
        margin = VIOLATED * (1.0 + np.abs(value))
        above = (value > high + margin) | ((side > 0.0) & (point.prices > 0.0))
        below = (value < low - margin) | ((side < 0.0) & (point.prices < 0.0))
        wanted = above.astype(np.float64) - below
        wanted[tied] = 1.0
        if np.array_equal(wanted, side):
            return point
        side = wanted
    return None


def _on_limits(
    hessian: FloatArray,
    gradient: FloatArray,
    rows: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    side: FloatArray,
) -> PrimalDualPoint | None:
    """Return the best point on some limits with its prices; None where they contradict."""
    n = gradient.size
    value = np.where(side > 0.0, limits[1], limits[0])
    x = np.where(side[:n] == 0.0, 0.0, value[:n])
    free, active = np.flatnonzero(side[:n] == 0.0), np.flatnonzero(side[n:])
    if active.size > free.size:
        return None
    matrix = np.zeros((free.size + active.size,) * 2)
    matrix[: free.size, : free.size] = hessian[np.ix_(free, free)]
    inner = rows[np.ix_(active, free)]
    matrix[free.size :, : free.size] = inner
    matrix[: free.size, free.size :] = inner.T
    right = np.concatenate([-(gradient + hessian @ x)[free], value[n:][active] - rows[active] @ x])
    try:
        found = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return None
    x[free] = found[: free.size]
    prices = np.zeros(side.size)
    prices[n + active] = found[free.size :]
    slope = hessian @ x + gradient + rows.T @ prices[n:]
    prices[:n] = np.where(side[:n] == 0.0, 0.0, -slope)
    return PrimalDualPoint(x, prices, side)
