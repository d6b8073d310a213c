"""Steady states of a scaled model, by Newton with a pseudo time step.

The time step starts at a minute and grows as the residual falls (switched evolution relaxation:
Kelley and Keyes, "Convergence analysis of pseudo-transient continuation", SIAM J. Numer. Anal. 35
(1998) 508), so that a far start follows the plant's own way and a near one converges at once.
"""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.condense import factorise
from operator_agent.mpc.linearise import Linearisation, Lineariser

STEADY_TOLERANCE = 1e-10  # scaled, per second: under a millionth of a span in an hour
MAX_ITERATIONS = 120
FIRST_STEP_S = 60.0
LARGEST_STEP_S = 1e9  # beyond it the step is plain Newton
LARGEST_CHANGE = 5.0  # spans of one state per iteration


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
    x, step_s, last = start, FIRST_STEP_S, np.inf
    for _ in range(MAX_ITERATIONS):
        linear = point.linearise(x, u, d)
        size = float(np.max(np.abs(linear.rhs)))
        if size < STEADY_TOLERANCE:
            return x, linear
        if not np.isfinite(size):
            return None
        if last < np.inf:
            step_s *= float(np.clip(last / size, 0.3, 20.0))
        elif size < 1e4 * STEADY_TOLERANCE:
            step_s = LARGEST_STEP_S
        step_s = min(step_s, LARGEST_STEP_S)
        last = size
        factors = factorise(linear.rhs_x[0], point.rhs_x_pattern, step_s)
        change = factors.solve(step_s * linear.rhs[0])
        largest = float(np.max(np.abs(change)))
        x = x + change * min(1.0, LARGEST_CHANGE / max(largest, LARGEST_CHANGE))
    return None


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
