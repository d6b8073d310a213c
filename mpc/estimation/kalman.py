"""The extended Kalman filter on the model with its disturbances, for samples of any age.

State and covariance go from scan to scan with the model's own transition,

    z(t) = step(z, u, d),    P = F P F' + Q,

and each sample corrects them by its innovation. An analyser tells of the past: beside the state
the filter keeps the outputs of slow CVs at the last scans as further states that stay as they are
(stochastic cloning: Roumeliotis and Burdick, ICRA 2002), so that an old sample corrects the
present by exactly as much as it is worth, and correlated readings are not counted twice.

A reading is a spike when its innovation is beyond so many standard deviations sqrt(S): for one
reading that is the chi-square test with one degree of freedom.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import Linearisation, ScaledModel
from operator_agent.mpc.estimation.augmented import Augmented
from operator_agent.mpc.estimation.bias_observer import NO_REST, NO_STEP
from operator_agent.mpc.estimation.disturbances import DisturbanceModel
from operator_agent.mpc.estimation.estimator import EstimatorState, Rejected
from operator_agent.mpc.estimation.noise import NoiseTuning
from operator_agent.mpc.estimation.readings import ReadingRules, Screened
from operator_agent.mpc.scan import BoolArray, Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights

PRESENT_CYCLES = 3.0  # a CV that is not slow counts as read now when it is no older


@dataclass(frozen=True, slots=True)
class KalmanTuning:
    """What may be chosen of the filter.

    Attributes:
        noise: trust in model and readings.
        slow_cvs: CVs whose readings may be older than a cycle.
        oldest_s: age of the oldest sample that is used [s].
        covariance_every: cycles between two steps of the covariance, which cost most of the time
            of a large model; each reading corrects it all the same.
        gate_sigmas: an innovation beyond so many standard deviations is a spike; five happen by
            chance once in two million readings.
        least_gate: no innovation below is a spike: errors of the model are no noise [spans].
    """

    noise: NoiseTuning = field(default_factory=NoiseTuning)
    slow_cvs: tuple[str, ...] = ()
    oldest_s: float = 900.0
    covariance_every: int = 1
    gate_sigmas: float = 5.0
    least_gate: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what makes no filter."""
        if self.covariance_every < 1:
            raise InputError(f"covariance_every is {self.covariance_every}; cycles count from 1")
        if not (self.gate_sigmas > 0.0 and self.least_gate >= 0.0 and self.oldest_s >= 0.0):
            raise InputError(
                f"gate of {self.gate_sigmas} sigmas, at least {self.least_gate} spans, samples up "
                f"to {self.oldest_s} s old: give a gate above zero and times of zero or more"
            )


@dataclass(frozen=True, slots=True)
class KalmanState:
    """What the filter carries on, scaled.

    Attributes:
        z: states, inner disturbances and biases, and behind them the outputs of slow CVs at the
            last scans, newest first, shape (n_z + n_scans * n_slow,).
        covariance: of all that.
        scans_s: times of those scans, newest first, shape (n_scans,) [s].
        waiting_s: time by which the covariance lags behind [s].
    """

    z: FloatArray
    covariance: FloatArray
    scans_s: FloatArray
    waiting_s: float = 0.0


class KalmanFilter:
    """An estimator of states and disturbances together. Holds no state between calls."""

    def __init__(
        self,
        scaled: ScaledModel,
        variables: ControlVariables,
        weights: Weights,
        cycle_s: float,
        disturbances: DisturbanceModel,
        tuning: KalmanTuning,
    ) -> None:
        """Build the model with its disturbances, and check that they can be told apart.

        Args:
            scaled: model that the controller plans with: `planning_model` of the process.
            variables: names, noise of the CVs and which are critical.
            weights: `spike_readings` and `max_bad_readings`.
            cycle_s: time between scans [s].
            disturbances: that are integrated.
            tuning: of the filter.

        Raises:
            InputError: the disturbances cannot be estimated, or a name is not known.
        """
        y_names = scaled.model.y_names
        unknown = [name for name in tuning.slow_cvs if name not in y_names]
        if unknown:
            raise InputError(f"slow CV {', '.join(unknown)} is no CV; CVs are {', '.join(y_names)}")
        self._parts = Augmented(scaled, disturbances, variables, tuning.noise, cycle_s)
        self._advance, self._noise, self._tuning = self._parts.advance, self._parts.noise, tuning
        self._u_scale, self._y_scale = scaled.model.u_scale, scaled.model.y_scale
        self._slow = np.array([y_names.index(n) for n in tuning.slow_cvs], dtype=np.intp)
        self._n_scans = 1 + int(np.ceil(tuning.oldest_s / cycle_s)) if tuning.slow_cvs else 0
        oldest_s = np.full(len(y_names), PRESENT_CYCLES * cycle_s)
        oldest_s[self._slow] = tuning.oldest_s
        self._rules = ReadingRules(
            variables, cycle_s, oldest_s, weights.spike_readings, weights.max_bad_readings
        )

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        """Return the steady state at the scan's inputs, with the biases that explain the scan.

        CVs without a bias correct the state at once. A plant that does not settle starts at the
        model's nominal state and the first readings.
        """
        first = self._rules.first(scan)
        if isinstance(first, Rejected):
            return first
        memory, time_s = first
        found = self._parts.first(scan)
        if found is None:
            return Rejected(NO_REST, True)
        z, explained = found
        u = scan.u_readback / self._u_scale
        linear = self._advance.point.linearise(z, u, scan.d)
        covariance, rows = np.diag(self._noise.first), linear.outputs_x[0]
        error = scan.y / self._y_scale - linear.outputs[0]
        bare = KalmanState(z, covariance, np.zeros(0))
        news = np.isfinite(error) & ~explained
        bare = self._corrected(bare, rows, rows @ covariance, error, news)
        z, covariance = self._parts.explaining(bare.z, explained, scan), bare.covariance
        slow = rows[self._slow]
        cross = np.tile(slow @ covariance, (self._n_scans, 1))
        among = np.tile(slow @ covariance @ slow.T, (self._n_scans, self._n_scans))
        past = np.tile(self._advance.outputs(z, u, scan.d)[self._slow], self._n_scans)
        carried = KalmanState(
            z=np.concatenate([z, past]),
            covariance=np.block([[covariance, cross.T], [cross, among]]),
            scans_s=time_s - self._rules.cycle_s * np.arange(self._n_scans, dtype=np.float64),
        )
        blank = self._parts.blank(scan, time_s, memory)
        return self._shown(blank, carried, u, scan.d) or Rejected(NO_REST, True)

    def update(self, state: EstimatorState, scan: Scan) -> EstimatorState | Rejected:
        """Return the state at a scan, or why this scan cannot be used."""
        time_s = self._rules.time_of(scan, state.time_s)
        d_last = state.d[: self._parts.n_d]
        screened = self._rules.screen(state.memory, scan, time_s, d_last)
        if isinstance(screened, Rejected):
            return screened
        u = scan.u_readback / self._u_scale
        assert isinstance(state.carried, KalmanState)
        predicted = self._predicted(state.carried, u, screened.d, time_s - state.time_s, time_s)
        if predicted is None:
            return Rejected(NO_STEP, True)
        carried, linear_y, rows = predicted
        y, rows = self._at_samples(carried, linear_y, rows, screened)
        error = scan.y / self._y_scale - y
        seen = rows @ carried.covariance
        spread = np.sqrt(np.einsum("ij,ij->i", seen, rows) + self._noise.readings)
        gate = np.maximum(self._tuning.gate_sigmas * spread, self._tuning.least_gate)
        scale = self._y_scale
        believed, memory = self._rules.settle(
            state.memory, scan, screened, error * scale, gate * scale
        )
        carried = self._corrected(carried, rows, seen, error, believed)
        after = replace(
            state,
            innovation=np.where(believed, error * scale, np.nan),
            time_s=time_s,
            memory=memory,
        )
        return self._shown(after, carried, u, screened.d) or Rejected(NO_STEP, True)

    def _predicted(
        self, carried: KalmanState, u: FloatArray, d: FloatArray, gap_s: float, time_s: float
    ) -> tuple[KalmanState, FloatArray, FloatArray] | None:
        """Return the state before this scan's readings, its outputs and their rows; or None."""
        n_z, n_slow = self._noise.walk.size, self._slow.size
        step = self._advance.step(carried.z[:n_z], u, d, gap_s)
        if step is None:
            return None
        z, y, rows = step.x, step.linear.outputs[0], step.linear.outputs_x[0]
        covariance, waiting_s = self._moved(carried, step.linear, carried.waiting_s + gap_s)
        if n_slow == 0:
            return KalmanState(z, covariance, carried.scans_s, waiting_s), y, rows
        kept = covariance.shape[0] - n_slow
        fresh = np.empty_like(covariance)
        new, old = slice(n_z, n_z + n_slow), slice(n_z + n_slow, None)
        cross = rows[self._slow] @ covariance[:n_z, :kept]
        fresh[:n_z, :n_z], fresh[old, old] = covariance[:n_z, :n_z], covariance[n_z:kept, n_z:kept]
        fresh[:n_z, old], fresh[old, :n_z] = covariance[:n_z, n_z:kept], covariance[n_z:kept, :n_z]
        fresh[new, :n_z], fresh[:n_z, new] = cross[:, :n_z], cross[:, :n_z].T
        fresh[new, old], fresh[old, new] = cross[:, n_z:], cross[:, n_z:].T
        fresh[new, new] = cross[:, :n_z] @ rows[self._slow].T
        states = np.concatenate([z, y[self._slow], carried.z[n_z:kept]])
        scans_s = np.append(time_s, carried.scans_s[:-1])
        return KalmanState(states, fresh, scans_s, waiting_s), y, rows

    def _moved(
        self, carried: KalmanState, linear: Linearisation, gap_s: float
    ) -> tuple[FloatArray, float]:
        """Return the covariance after a time, and how far it now lags behind [s]."""
        n_z, before = self._noise.walk.size, carried.covariance
        if gap_s < (self._tuning.covariance_every - 0.5) * self._rules.cycle_s:
            return before, gap_s
        transition = self._advance.transition(linear, gap_s)
        once = transition(before[:n_z])
        twice = transition(once[:, :n_z].T)
        covariance = before.copy()
        covariance[:n_z, :n_z] = 0.5 * (twice + twice.T)
        np.einsum("ii->i", covariance)[:n_z] += self._noise.walk * gap_s
        covariance[:n_z, n_z:], covariance[n_z:, :n_z] = once[:, n_z:], once[:, n_z:].T
        return covariance, 0.0

    def _at_samples(
        self, carried: KalmanState, y: FloatArray, rows: FloatArray, screened: Screened
    ) -> tuple[FloatArray, FloatArray]:
        """Return outputs at the times of their samples, and how all of z makes them."""
        n_z, n_slow = self._noise.walk.size, self._slow.size
        wide = np.zeros((rows.shape[0], carried.z.size))
        wide[:, :n_z] = rows
        y = y.copy()
        for column, i in enumerate(self._slow):
            age_s = carried.scans_s[0] - np.minimum(screened.sampled_s[i], carried.scans_s[0])
            place = np.interp(age_s, carried.scans_s[0] - carried.scans_s, np.arange(self._n_scans))
            first = min(int(place), self._n_scans - 2)
            wide[i] = 0.0
            for scan, share in ((first, first + 1.0 - place), (first + 1, place - first)):
                wide[i, n_z + scan * n_slow + column] = share
            y[i] = wide[i] @ carried.z
        return y, wide

    def _corrected(
        self,
        carried: KalmanState,
        rows: FloatArray,
        seen: FloatArray,
        error: FloatArray,
        believed: BoolArray,
    ) -> KalmanState:
        if not bool(np.any(believed)):
            return carried
        rows, seen = rows[believed], seen[believed]
        innovation = seen @ rows.T + np.diag(self._noise.readings[believed])
        gain = cho_solve(cho_factor(innovation), seen)
        covariance = carried.covariance - seen.T @ gain
        return replace(
            carried,
            z=carried.z + gain.T @ error[believed],
            covariance=0.5 * (covariance + covariance.T),
        )

    def _shown(
        self, state: EstimatorState, carried: KalmanState, u: FloatArray, d: FloatArray
    ) -> EstimatorState | None:
        """Return the state as others see it, in SI; None when it is not finite."""
        n_z = self._noise.walk.size
        shown = self._parts.shown(state, carried.z[:n_z], u, d)
        if shown is None:
            return None
        return replace(shown, carried=carried, covariance=carried.covariance[:n_z, :n_z])
