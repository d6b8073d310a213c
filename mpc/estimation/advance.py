"""How an estimator carries a model from scan to scan, with the change that small changes make.

Small models, whose plans are collocated, take two implicit stages of one step size (SDIRK of order
two, L-stable: Alexander, SIAM J. Numer. Anal. 14 (1977) 1006), large ones one implicit Euler step,
as their plans do. An estimator with another error than the plan's would take it for a disturbance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import factorise
from operator_agent.mpc.engine.linearise import Linearisation, Lineariser, ScaledModel
from operator_agent.mpc.engine.rollout import NEWTON_ITERATIONS, NEWTON_STEP, NEWTON_TOLERANCE
from operator_agent.mpc.engine.sampled_model import SampledModel

LARGEST_IN_STAGES = 40  # states with disturbances; above it plans are implicit Euler's as well
HALVINGS = 4  # of a step in which Newton fails, as where a reaction takes off
GAMMA = 1.0 - 0.5**0.5  # step of each stage by the whole; both stages share a matrix


@dataclass(frozen=True, slots=True)
class Step:
    """A model at the end of a step: scaled state, shape (n_x,), and its derivatives there."""

    x: FloatArray
    linear: Linearisation


class Advance:
    """One model between scans: implicit stages, or the model's own steps. Scaled, but d in SI."""

    def __init__(self, scaled: ScaledModel, stages: int | None = None) -> None:
        """Take the model; it may be continuous or sampled.

        Args:
            scaled: the model.
            stages: of a step of a continuous model: 1 (implicit Euler) or 2; None goes by its size.
        """
        self.point = Lineariser(scaled, 1)
        model = scaled.model
        self._sample_s = model.sample_time_s if isinstance(model, SampledModel) else None
        self._staged = (stages or (2 if model.n_x <= LARGEST_IN_STAGES else 1)) == 2

    def step(self, x: FloatArray, u: FloatArray, d: FloatArray, duration_s: float) -> Step | None:
        """Return the model after a time, or None when it cannot be carried on.

        Args:
            x: shape (n_x,).
            u: inputs that held, shape (n_u,).
            d: shape (n_d,) [SI].
            duration_s: of a sampled model rounded to whole samples, at least one [s].
        """
        if self._sample_s is None:
            return self._carried(x, u, d, duration_s, HALVINGS)
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
        if self._sample_s is None and self._staged:
            stage_s, explicit_s = GAMMA * duration_s, (1.0 - 2.0 * GAMMA) * duration_s
            solve = factorise(linear.rhs_x[0], pattern, stage_s).solve
            rates = pattern.dense(linear.rhs_x)[0]
            return lambda right: solve(solve(right + explicit_s * (rates @ right)))
        if self._sample_s is None:
            return factorise(linear.rhs_x[0], pattern, duration_s).solve
        count = max(1, round(duration_s / self._sample_s))
        matrix: FloatArray = np.linalg.matrix_power(pattern.dense(linear.rhs_x)[0], count)
        return lambda right: matrix @ right

    def _carried(
        self, x: FloatArray, u: FloatArray, d: FloatArray, duration_s: float, halvings: int
    ) -> Step | None:
        """Return one step, or two of half the length where Newton fails, and so on."""
        found = self._once(x, u, d, duration_s)
        if found is not None or halvings == 0:
            return found
        half = self._carried(x, u, d, 0.5 * duration_s, halvings - 1)
        return half and self._carried(half.x, u, d, 0.5 * duration_s, halvings - 1)

    def _once(self, x: FloatArray, u: FloatArray, d: FloatArray, duration_s: float) -> Step | None:
        """Return one step of implicit Euler, or of both stages."""
        if not self._staged:
            return self._solved(x, x, u, d, duration_s)
        first = self._solved(x, x, u, d, GAMMA * duration_s)
        if first is None:
            return None
        before = x + (1.0 - GAMMA) / GAMMA * (first.x - x)
        return self._solved(before, first.x, u, d, GAMMA * duration_s)

    def _solved(
        self, before: FloatArray, guess: FloatArray, u: FloatArray, d: FloatArray, step_s: float
    ) -> Step | None:
        """Return x = before + step f(x) by Newton; None where that fails."""
        x = guess
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
