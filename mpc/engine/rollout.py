"""The nonlinear prediction along a plan: implicit Euler, stage by stage."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.linearise import Lineariser

NEWTON_TOLERANCE = 1e-7  # scaled defect of a state that is carried on; well above rounding
NEWTON_ITERATIONS = 25  # a cold start needs some ten
NEWTON_STEP = 5.0  # largest change of a scaled state in one Newton step


def rollout(
    point: Lineariser,
    horizon: Horizon,
    d: FloatArray,
    x: FloatArray,
    inputs: FloatArray,
    guess: FloatArray | None,
) -> FloatArray | None:
    """Return the states at the stage borders, or None when a stage cannot be solved.

    Args:
        point: the model at one point.
        horizon: lengths of the stages.
        d: measured disturbances, shape (n_d,) or (N, n_d) [SI].
        x: state now, scaled, shape (n_x,).
        inputs: scaled, shape (N, n_u).
        guess: states at the end of the stages, shape (N, n_x); None starts from the last border.

    Returns:
        Scaled states, shape (N + 1, n_x).
    """
    states = np.empty((inputs.shape[0] + 1, x.size))
    states[0] = x
    for k, length in enumerate(horizon.lengths_s):
        start = states[k] if guess is None else guess[k]
        here = d if d.ndim == 1 else d[k]
        found = implicit_step(point, here, states[k], inputs[k], start, length)
        if found is None:
            return None
        states[k + 1] = found
    return states


def implicit_step(
    point: Lineariser,
    d: FloatArray,
    before: FloatArray,
    u: FloatArray,
    start: FloatArray,
    step_s: float,
) -> FloatArray | None:
    """Return the scaled state after one implicit Euler step by Newton, or None.

    Args:
        point: the model at one point.
        d: measured disturbances [SI].
        before: scaled state at the beginning, shape (n_x,).
        u: scaled, shape (n_u,).
        start: first guess, shape (n_x,).
        step_s: length of the step [s].
    """
    x = start
    for _ in range(NEWTON_ITERATIONS):
        linear = point.linearise(x, u, d)
        defect = x - before - step_s * linear.rhs[0]
        size = float(np.max(np.abs(defect)))
        if size < NEWTON_TOLERANCE:
            return x
        if not np.isfinite(size):
            return None
        change = point.solver.solve(linear.rhs_x[0], step_s, defect)
        largest = float(np.max(np.abs(change)))
        if not np.isfinite(largest):
            return None
        x = x - change * min(1.0, NEWTON_STEP / max(largest, NEWTON_STEP))
    return None
