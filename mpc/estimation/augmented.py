"""A model with its integrated disturbances as the Kalman filter and the moving horizon use it.

z stands for states, inner disturbances and biases, each divided by its scale.
"""

from dataclasses import replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.advance import Advance
from operator_agent.mpc.estimation.detectability import check_detectable
from operator_agent.mpc.estimation.disturbances import DisturbanceModel, estimated_model
from operator_agent.mpc.estimation.estimator import EstimatorState
from operator_agent.mpc.estimation.noise import NoiseTuning, noise_model
from operator_agent.mpc.estimation.readings import ReadingMemory
from operator_agent.mpc.estimation.rest import Rest
from operator_agent.mpc.scan import BoolArray, Scan
from operator_agent.mpc.variables import ControlVariables


class Augmented:
    """Model, noise and names of one estimator. Holds no state between calls."""

    def __init__(
        self,
        scaled: ScaledModel,
        disturbances: DisturbanceModel,
        variables: ControlVariables,
        noise: NoiseTuning,
        cycle_s: float,
        stages: int | None = None,
    ) -> None:
        """Check that the disturbances can be told apart, and build what estimates them.

        Args:
            scaled: model that the controller plans with: `planning_model` of the process.
            disturbances: that are integrated.
            variables: with the noise of the CVs.
            noise: trust in model and readings.
            cycle_s: time between scans [s].
            stages: of a step, see `Advance`.

        Raises:
            InputError: the disturbances cannot be estimated, or a name is not known.
        """
        model = scaled.model
        check_detectable(model, disturbances)
        self.model, self.whole = model, estimated_model(model, disturbances)
        self.scaled = ScaledModel.of(self.whole)
        self.advance = Advance(self.scaled, stages)
        self.noise = noise_model(model, self.whole, disturbances, variables, noise, cycle_s)
        self._rest = Rest(scaled)
        self._n_inner = len(disturbances.inner)
        self._biased = np.array(
            [model.y_names.index(name) for name in disturbances.outputs], dtype=np.intp
        )

    @property
    def n_d(self) -> int:
        """Number of measured disturbances."""
        return self.whole.n_d

    def first(self, scan: Scan) -> tuple[FloatArray, BoolArray] | None:
        """Return z at the first scan, and which CVs it explains; None when nothing is finite.

        At rest the biases explain the scan. The readings of other CVs, and all of a plant that
        does not settle and starts at the model's nominal state, must correct it.
        """
        d = np.append(scan.d, np.zeros(self._n_inner))
        found = self._rest.at(scan, d)
        start = found or self._rest.nominal(scan, d)
        if start is None:
            return None
        x, y = start
        miss = np.where(np.isfinite(scan.y), scan.y / self.model.y_scale - y, 0.0)
        biases = miss[self._biased] if found is not None else np.zeros(self._biased.size)
        explained = np.zeros(self.model.n_y, dtype=np.bool_)
        explained[self._biased] = found is not None
        return np.concatenate([x, np.zeros(self._n_inner), biases]), explained

    def explaining(self, z: FloatArray, explained: BoolArray, scan: Scan) -> FloatArray:
        """Return z with the biases that explain the readings of CVs, as its states have moved.

        Args:
            z: shape (n_z,).
            explained: CVs whose bias explains their reading, shape (n_y,).
            scan: with those readings.
        """
        y = self.advance.outputs(z, scan.u_readback / self.model.u_scale, scan.d)
        missed = np.where(explained & np.isfinite(scan.y), scan.y / self.model.y_scale - y, 0.0)
        found = z.copy()
        found[z.size - self._biased.size :] += missed[self._biased]
        return found

    def blank(self, scan: Scan, time_s: float, memory: ReadingMemory) -> EstimatorState:
        """Return a state at a first scan that knows nothing of the plant yet."""
        nothing = np.full(self.model.n_y, np.nan)
        x = np.full(self.model.n_x, np.nan)
        return EstimatorState(x, nothing, nothing, scan.d, nothing, time_s, memory, None)

    def shown(
        self, state: EstimatorState, z: FloatArray, u: FloatArray, d: FloatArray
    ) -> EstimatorState | None:
        """Return a state with z as others see it, in SI; None when it is not finite.

        Args:
            state: whose other fields stay.
            z: shape (n_z,).
            u: scaled, shape (n_u,).
            d: measured disturbances, shape (n_d,) [SI].
        """
        model = self.model
        y = self.advance.outputs(z, u, d)
        if not bool(np.all(np.isfinite(z)) and np.all(np.isfinite(y))):
            return None
        x, inner, biases = np.split(z * self.whole.x_scale, [model.n_x, model.n_x + self._n_inner])
        bias = np.zeros(model.n_y)
        bias[self._biased] = biases
        return replace(state, x=x, bias=bias, y=y * model.y_scale, d=np.concatenate([d, inner]))
