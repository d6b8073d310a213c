"""The model runs beside the plant; what it misses is a bias on each output.

    x(t) = one implicit Euler step with the inputs that held,   e = y_measured - g(x) - bias
    bias(t) = bias + filter * e

For a stable plant this takes away the steady-state error of every CV that is measured (output
disturbance model: Muske and Badgwell, "Disturbance modeling for offset-free linear model
predictive control", J. Process Control 12 (2002) 617). A bad reading holds its bias; an innovation
beyond the spike limit counts as a spike until it has come `spike_readings` times in a row.
"""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import Lineariser, ScaledModel
from operator_agent.mpc.engine.rollout import implicit_step
from operator_agent.mpc.engine.steady_state import steady_state
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights

IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class EstimatorState:
    """What is known of the plant after a scan, in SI.

    Attributes:
        x: state of the model, shape (n_x,).
        bias: measured minus predicted, filtered, shape (n_y,).
        y: outputs with bias: the best estimate of the CVs, shape (n_y,).
        d: last good disturbances, shape (n_d,).
        innovation: prediction error of this scan, NaN where no reading counted, shape (n_y,).
        bad_cvs, bad_dvs: bad readings in a row, shapes (n_y,), (n_d,).
        spikes: spikes in a row, shape (n_y,).
    """

    x: FloatArray
    bias: FloatArray
    y: FloatArray
    d: FloatArray
    innovation: FloatArray
    bad_cvs: IntArray
    bad_dvs: IntArray
    spikes: IntArray


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a scan cannot be used."""

    reason: str
    model_failed: bool


class Estimator:
    """Judges scans and follows the plant. Holds no state between calls."""

    def __init__(
        self, scaled: ScaledModel, variables: ControlVariables, weights: Weights, cycle_s: float
    ) -> None:
        """Take model, limits and tuning; `cycle_s` is the time between scans [s]."""
        self._model = scaled.model
        self._point = Lineariser(scaled, 1)
        self._variables = variables
        self._weights = weights
        self._cycle_s = cycle_s

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        """Return the steady state at the scan's inputs, with the bias that explains the scan."""
        judged = self._judge(scan, None)
        if isinstance(judged, Rejected):
            return judged
        model = self._model
        found = steady_state(
            self._point, scan.u_readback / model.u_scale, judged, model.x_nominal / model.x_scale
        )
        if found is None:
            return Rejected("the model has no steady state at the inputs that were read", True)
        x, linear = found
        y = linear.outputs[0] * model.y_scale
        bias = np.where(np.isfinite(scan.y), scan.y - y, 0.0)
        return EstimatorState(
            x=x * model.x_scale,
            bias=bias,
            y=y + bias,
            d=judged,
            innovation=np.full(model.n_y, np.nan),
            bad_cvs=(~np.isfinite(scan.y)).astype(np.int64),
            bad_dvs=(~np.isfinite(scan.d)).astype(np.int64),
            spikes=np.zeros(model.n_y, dtype=np.int64),
        )

    def update(self, state: EstimatorState, scan: Scan) -> EstimatorState | Rejected:
        """Return the state one cycle later, or why this scan cannot be used."""
        d = self._judge(scan, state)
        if isinstance(d, Rejected):
            return d
        model = self._model
        u, before = scan.u_readback / model.u_scale, state.x / model.x_scale
        x = implicit_step(self._point, d, before, u, before, self._cycle_s)
        if x is None:
            return Rejected("the model's state cannot be carried on: not finite or no root", True)
        y = self._point.values(x, u, d)[1][0] * model.y_scale
        error = scan.y - y - state.bias
        good = np.isfinite(error)
        far = good & (np.abs(error) > self._weights.spike_spans * model.y_scale)
        spikes = np.where(far, state.spikes + 1, 0)
        believed = good & (~far | (spikes >= self._weights.spike_readings))
        bias = state.bias + np.where(believed, self._weights.bias_filter * error, 0.0)
        bad_dvs = np.where(np.isfinite(scan.d), 0, state.bad_dvs + 1)
        return replace(
            state,
            x=x * model.x_scale,
            bias=bias,
            y=y + bias,
            d=d,
            innovation=np.where(believed, error, np.nan),
            bad_cvs=np.where(believed, 0, state.bad_cvs + 1),
            bad_dvs=bad_dvs,
            spikes=spikes,
        )

    def _judge(self, scan: Scan, state: EstimatorState | None) -> FloatArray | Rejected:
        """Return the disturbances to use, or why the scan is not enough."""
        names = self._variables
        missing = scan.mv_missing()
        if missing:
            text = ", ".join(names.mv_names[i] for i in missing)
            return Rejected(f"no read-back of the set point of {text}", False)
        bad_cv = ~np.isfinite(scan.y)
        if bool(np.all(bad_cv)):
            return Rejected("all CV readings are bad", False)
        counts = 1 + (state.bad_cvs if state is not None else np.zeros(bad_cv.size, dtype=np.int64))
        allowed = self._weights.max_bad_readings if state is not None else 0
        for i in np.flatnonzero(bad_cv & names.cv_critical & (counts > allowed)):
            return Rejected(
                f"critical CV {names.cv_names[i]} has been bad for {counts[i]} cycles; "
                f"{allowed} are allowed",
                False,
            )
        bad_dv = ~np.isfinite(scan.d)
        if state is None:
            return (
                Rejected("a disturbance has no reading at the start", False)
                if bool(np.any(bad_dv))
                else scan.d
            )
        for i in np.flatnonzero(bad_dv & (state.bad_dvs + 1 > allowed)):
            return Rejected(
                f"disturbance {names.dv_names[i]} has been bad for more than {allowed} cycles",
                False,
            )
        return np.where(bad_dv, state.d, scan.d)
