"""How an estimator carries a model from scan to scan, with the change that small changes make."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import factorise
from operator_agent.mpc.engine.linearise import Linearisation, Lineariser, ScaledModel
from operator_agent.mpc.engine.rollout import NEWTON_ITERATIONS, NEWTON_STEP, NEWTON_TOLERANCE
from operator_agent.mpc.engine.sampled_model import SampledModel


@dataclass(frozen=True, slots=True)
class Step:
    """A model at the end of a step: scaled state, shape (n_x,), and its derivatives there."""

    x: FloatArray
    linear: Linearisation


class Advance:
    """One model between scans: implicit Euler, or the model's own steps. Scaled, but d in SI."""

    def __init__(self, scaled: ScaledModel) -> None:
        """Take the model; it may be continuous or sampled."""
        self.point = Lineariser(scaled, 1)
        model = scaled.model
        self._sample_s = model.sample_time_s if isinstance(model, SampledModel) else None

    def step(self, x: FloatArray, u: FloatArray, d: FloatArray, duration_s: float) -> Step | None:
        """Return the model after a time, or None when it cannot be carried on.

        Args:
            x: shape (n_x,).
            u: inputs that held, shape (n_u,).
            d: shape (n_d,) [SI].
            duration_s: of a sampled model rounded to whole samples, at least one [s].
        """
        if self._sample_s is None:
            return self._euler(x, u, d, duration_s)
        for _ in range(max(1, round(duration_s / self._sample_s))):
            x = self.point.values(x, u, d)[0][0]
        return Step(x, self.point.linearise(x, u, d)) if bool(np.all(np.isfinite(x))) else None

    def outputs(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the outputs, shape (n_y,); arguments as in `step`."""
        found: FloatArray = self.point.values(x, u, d)[1][0]
        return found

    def transition(
        self, linear: Linearisation, duration_s: float
    ) -> Callable[[FloatArray], FloatArray]:
        """Return what takes changes of the state, shape (n_x, columns), over a time.

        Args:
            linear: at the end of the time.
            duration_s: as in `step` [s].
        """
        pattern = self.point.rhs_x_pattern
        if self._sample_s is None:
            return factorise(linear.rhs_x[0], pattern, duration_s).solve
        count = max(1, round(duration_s / self._sample_s))
        matrix: FloatArray = np.linalg.matrix_power(pattern.dense(linear.rhs_x)[0], count)
        return lambda right: matrix @ right

    def _euler(
        self, before: FloatArray, u: FloatArray, d: FloatArray, step_s: float
    ) -> Step | None:
        """Return one implicit Euler step by Newton."""
        x = before
        for _ in range(NEWTON_ITERATIONS):
            linear = self.point.linearise(x, u, d)
            defect = x - before - step_s * linear.rhs[0]
            size = float(np.max(np.abs(defect)))
            if not np.isfinite(size):
                return None
            if size < NEWTON_TOLERANCE:
                return Step(x, linear)
            factors = factorise(linear.rhs_x[0], self.point.rhs_x_pattern, step_s)
            change = factors.solve(defect)
            largest = float(np.max(np.abs(change)))
            if not np.isfinite(largest):
                return None
            x = x - change * min(1.0, NEWTON_STEP / max(largest, NEWTON_STEP))
        return None
