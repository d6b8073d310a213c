"""The model runs beside the plant; what it misses is a bias on each output.

    x(t) = one implicit Euler step with the inputs that held
    e = y_measured - g(x at the time of the sample) - bias
    bias = bias + gain e,    gain = 1 - (1 - filter)^(time since the last sample / cycle)

For a stable plant this takes away the steady-state error of every CV that is measured (output
disturbance model: Muske and Badgwell, "Disturbance modeling for offset-free linear model
predictive control", J. Process Control 12 (2002) 617). A sample counts once, against the
prediction of the moment at which it was taken, so that the dead time of an analyser is no error of
the model; the gain makes the time constant of the filter the same for fast and slow readings.
"""

from dataclasses import replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.advance import Advance
from operator_agent.mpc.estimation.detectability import check_settles
from operator_agent.mpc.estimation.estimator import EstimatorState, Rejected
from operator_agent.mpc.estimation.predictions import Predictions
from operator_agent.mpc.estimation.readings import ReadingRules
from operator_agent.mpc.estimation.rest import Rest
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights

OLDEST_SAMPLE_S = 3600.0  # slower than every analyser on a process line; 60 outputs are little
NO_REST = "the model has no steady state at the inputs that were read"
NO_STEP = "the model's state cannot be carried on: not finite or no root"


class BiasObserver:
    """An open-loop model with a filtered bias on each output."""

    def __init__(
        self,
        scaled: ScaledModel,
        variables: ControlVariables,
        weights: Weights,
        cycle_s: float,
        oldest_s: float = OLDEST_SAMPLE_S,
    ) -> None:
        """Take model, limits and tuning.

        Args:
            scaled: model; it must be stable, since its state is never corrected.
            variables: names and which are critical.
            weights: `bias_filter`, `spike_spans`, `spike_readings`, `max_bad_readings`.
            cycle_s: time between scans [s].
            oldest_s: age of the oldest sample that is used [s].

        Raises:
            InputError: the model does not settle by itself.
        """
        check_settles(scaled)
        self._model = scaled.model
        self._advance, self._rest = Advance(scaled), Rest(scaled)
        self._filter = weights.bias_filter
        self._gate = weights.spike_spans * scaled.model.y_scale
        self._cycle_s, self._oldest_s = cycle_s, oldest_s
        self._rules = ReadingRules(
            variables,
            cycle_s,
            np.full(scaled.model.n_y, oldest_s),
            weights.spike_readings,
            weights.max_bad_readings,
        )

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        """Return the steady state at the scan's inputs, with the bias that explains the scan."""
        first = self._rules.first(scan)
        if isinstance(first, Rejected):
            return first
        memory, time_s = first
        model = self._model
        found = self._rest.at(scan, scan.d)
        if found is None:
            return Rejected(NO_REST, True)
        x, y = found[0], found[1] * model.y_scale
        bias = np.where(np.isfinite(scan.y), scan.y - y, 0.0)
        return EstimatorState(
            x=x * model.x_scale,
            bias=bias,
            y=y + bias,
            d=scan.d,
            innovation=np.full(model.n_y, np.nan),
            time_s=time_s,
            memory=memory,
            carried=Predictions.at_rest(time_s, y),
        )

    def update(self, state: EstimatorState, scan: Scan) -> EstimatorState | Rejected:
        """Return the state at a scan, or why this scan cannot be used."""
        time_s = self._rules.time_of(scan, state.time_s)
        screened = self._rules.screen(state.memory, scan, time_s, state.d)
        if isinstance(screened, Rejected):
            return screened
        model = self._model
        found = self._carried_on(state, scan.u_readback / model.u_scale, screened.d, time_s)
        if found is None:
            return Rejected(NO_STEP, True)
        x, y = found
        assert isinstance(state.carried, Predictions)
        past = state.carried.with_newest(time_s, y, self._oldest_s)
        error = scan.y - past.at(screened.sampled_s) - state.bias
        believed, memory = self._rules.settle(state.memory, scan, screened, error, self._gate)
        gain = 1.0 - (1.0 - self._filter) ** (screened.interval_s / self._cycle_s)
        bias = state.bias + np.where(believed, gain * error, 0.0)
        return replace(
            state,
            x=x * model.x_scale,
            bias=bias,
            y=y + bias,
            d=screened.d,
            innovation=np.where(believed, error, np.nan),
            time_s=time_s,
            memory=memory,
            carried=past,
        )

    def _carried_on(
        self, state: EstimatorState, u: FloatArray, d: FloatArray, time_s: float
    ) -> tuple[FloatArray, FloatArray] | None:
        """Return scaled states and outputs [SI] at a time, or None."""
        step = self._advance.step(state.x / self._model.x_scale, u, d, time_s - state.time_s)
        if step is None:
            return None
        x, y = step.x, step.linear.outputs[0] * self._model.y_scale
        return (x, y) if bool(np.all(np.isfinite(y))) else None
