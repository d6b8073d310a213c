"""Steady states of a scaled model: Newton when near, a pseudo time step when not.

The pseudo time step starts at a minute and grows as the residual falls (switched evolution
relaxation: Kelley and Keyes, "Convergence analysis of pseudo-transient continuation", SIAM J.
Numer. Anal. 35 (1998) 508), so that a far start follows the plant's own way. Whether Newton is near
shows in its steps, which contract (Deuflhard, "Newton Methods for Nonlinear Problems", Springer
(2004), section 2.1), and not in the residuals, which rise for one step at a kink of the model.
"""

import numpy as np
from scipy.linalg import lapack

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import Linearisation, Lineariser
from operator_agent.mpc.variables import BoolArray

STEADY_TOLERANCE = 1e-8  # scaled, per second: under a ten-thousandth of a span in an hour
MAX_ITERATIONS = 120
FIRST_STEP_S = 60.0
NEWTON_STEP_S = 1e9  # so long a step is plain Newton
NEWTON_ITERATIONS = 6
NEWTON_GAIN = 0.5  # near the solution a Newton step is at most so long as the one before
LARGEST_CHANGE = 5.0  # spans of one state per iteration
BESIDE_ITERATIONS = 20
BESIDE_CHANGE = 1.0  # spans of one state or MV per iteration: it shall not leap over a fold


def steady_state(
    point: Lineariser, u: FloatArray, d: FloatArray, start: FloatArray
) -> tuple[FloatArray, Linearisation] | None:
    """Return the steady state near a start and the linearisation there, or None.

    Args:
        point: the model at one point.
        u: scaled, shape (n_u,).
        d: SI, shape (n_d,).
        start: scaled state, shape (n_x,).
    """
    return _newton(point, u, d, start) or _pseudo_transient(point, u, d, start)


def rest_beside(
    point: Lineariser, u: FloatArray, d: FloatArray, start: FloatArray, free: BoolArray
) -> tuple[FloatArray, FloatArray, Linearisation] | None:
    """Return x and u of a rest close to a start, and the linearisation there, or None.

    Free MVs move with the states, by the least change in spans: so there is a rest also where none
    is left at the MVs as they are, and one that is not stable is not left for another.

    Args:
        point: the model at one point.
        u: scaled, shape (n_u,).
        d: SI, shape (n_d,).
        start: scaled state, shape (n_x,).
        free: MVs that may move, shape (n_u,).
    """
    x, u = start, u.copy()
    for _ in range(BESIDE_ITERATIONS):
        linear = point.linearise(x, u, d)
        rates = linear.rhs[0]
        size = float(np.max(np.abs(rates), initial=0.0))
        if size < STEADY_TOLERANCE:
            return x, u, linear
        slopes = np.hstack([point.rhs_x_pattern.dense(linear.rhs_x)[0], linear.rhs_u[0][:, free]])
        if not (np.isfinite(size) and bool(np.all(np.isfinite(slopes)))):
            return None
        right = np.concatenate([-rates, np.zeros(slopes.shape[1] - rates.size)])
        _, found, dependent = lapack.dgels(
            slopes, right[:, None]
        )  # the least change that closes the rates
        if dependent:
            return None
        change = found.ravel()
        change *= BESIDE_CHANGE / max(float(np.max(np.abs(change))), BESIDE_CHANGE)
        x = x + change[: x.size]
        u[free] += change[x.size :]
    return None


def _newton(
    point: Lineariser, u: FloatArray, d: FloatArray, start: FloatArray
) -> tuple[FloatArray, Linearisation] | None:
    """Return the rest to which Newton's steps contract, or None where they do not."""
    x, last = start, LARGEST_CHANGE / NEWTON_GAIN
    for _ in range(NEWTON_ITERATIONS):
        linear = point.linearise(x, u, d)
        if float(np.max(np.abs(linear.rhs))) < STEADY_TOLERANCE:
            return x, linear
        stepped = _stepped(point, x, linear, NEWTON_STEP_S)
        change = float(np.max(np.abs(stepped - x)))
        if not change < NEWTON_GAIN * last:
            return None
        x, last = stepped, change
    return None


def _pseudo_transient(
    point: Lineariser, u: FloatArray, d: FloatArray, start: FloatArray
) -> tuple[FloatArray, Linearisation] | None:
    x, step_s, last = start, FIRST_STEP_S, np.inf
    for _ in range(MAX_ITERATIONS):
        linear = point.linearise(x, u, d)
        size = float(np.max(np.abs(linear.rhs)))
        if size < STEADY_TOLERANCE:
            return x, linear
        if not np.isfinite(size):
            return None
        if last < np.inf:
            step_s = min(step_s * float(np.clip(last / size, 0.3, 20.0)), NEWTON_STEP_S)
        last = size
        x = _stepped(point, x, linear, step_s)
    return None


def _stepped(point: Lineariser, x: FloatArray, linear: Linearisation, step_s: float) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):  # seen as a residual that is not finite
        change = point.solver.solve(linear.rhs_x[0], step_s, step_s * linear.rhs[0])
        largest = float(np.max(np.abs(change)))
        stepped: FloatArray = x + change * min(1.0, LARGEST_CHANGE / max(largest, LARGEST_CHANGE))
    return stepped


def steady_gains(point: Lineariser, linear: Linearisation) -> tuple[FloatArray, FloatArray] | None:
    """Return steady-state gains of the states (n_x, n_u) and outputs (n_y, n_u), or None.

    dx/du = -(df/dx)^-1 df/du,  dy/du = dg/du + dg/dx dx/du, all scaled.
    """
    jacobian = point.rhs_x_pattern.dense(linear.rhs_x)[0]
    try:
        states = -np.linalg.solve(jacobian, linear.rhs_u[0])
    except np.linalg.LinAlgError:
        return None
    outputs = linear.outputs_u[0] + linear.outputs_x[0] @ states
    if not bool(np.all(np.isfinite(outputs))):
        return None
    return states, outputs
