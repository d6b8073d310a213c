"""From an output's data to its channels: free responses, forms chosen, idle ones left out."""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.identification.element import Form, step_curve
from operator_agent.mpc.identification.finite_response import (
    FiniteResponse,
    bin_edges,
    bin_means,
    finite_response,
)
from operator_agent.mpc.identification.noise_model import autoregression, whitened
from operator_agent.mpc.identification.parametric import (
    LONGEST_DEAD_TIME,
    OutputData,
    ParametricFit,
    fitted,
)

_FREE_ROUNDS = 3  # of free responses and their disturbance
_ROUNDS = 3  # of transfer functions and their disturbance
_DOUBTFUL = 2.0  # standard deviations: a smaller gain is tried without
_TRIED = 25  # time constants and dead times in the search for a start
_LEAD = 0.5  # of the lag: where the search for inverse and overshooting responses begins
_SECOND_LAG = 0.3  # of the first: where the search for a second one begins


@dataclass(frozen=True, slots=True)
class OutputFit:
    """What was found for one output.

    Attributes:
        data: that was fitted.
        free: step responses without a form.
        full: transfer functions with all channels, from which intervals are told.
        chosen: the same without channels that the data do not need.
        regressors: means of the inputs over bins, at the readings, for tests.
    """

    data: OutputData
    free: FiniteResponse
    full: ParametricFit
    chosen: ParametricFit
    regressors: FloatArray


def fit_output(data: OutputData) -> OutputFit:
    """Return the channels of one output, their forms chosen by the Bayes information criterion."""
    free, regressors, ar = _free_response(data)
    form = Form.RATE if data.integrating else Form.FIRST
    start = {j: _start(data, free, j) for j in range(data.sources.shape[1])}
    full = _settled(data, fitted(data, dict.fromkeys(start, form), start, ar))
    if not data.integrating:
        full = _settled(data, _with_second_lags(data, full))
    return OutputFit(data, free, full, _without_idle(data, full), regressors)


def _free_response(data: OutputData) -> tuple[FiniteResponse, FloatArray, FloatArray]:
    """Return free step responses, the regressors at the readings, and the disturbance."""
    settling = max(round(data.settling_s / data.sample_s), 3)
    edges = bin_edges(settling)
    n_sources, rows = data.sources.shape[1], data.readings.rows
    means = [bin_means(data.sources[:, j], edges) for j in range(n_sources)]
    if data.integrating:
        means = [np.cumsum(mean, axis=0) * data.sample_s for mean in means]
    regressors = np.hstack(means)[rows]
    ar = np.ones(1) if data.integrating else np.zeros(0)
    ends_s = data.sample_s * (edges[1:].astype(np.float64) - 1.0)
    highest = data.readings.highest_order
    ar = ar[:highest]
    for _ in range(_FREE_ROUNDS):
        heads = data.readings.heads(len(ar))
        white = _without(whitened(regressors, ar, heads), whitened(data.trends(), ar, heads))
        target = _without(whitened(data.y, ar, heads), whitened(data.trends(), ar, heads))
        free = finite_response(regressors, white, target, n_sources, ends_s)
        left = data.y - free.sources
        left = _without(left, data.trends())
        ar = autoregression(left, data.readings, highest)
    return free, regressors, ar


def _without(values: FloatArray, trends: FloatArray) -> FloatArray:
    """Return the values without their part along the trends."""
    rest: FloatArray = values - trends @ np.linalg.lstsq(trends, values, rcond=None)[0]
    return rest


def _start(data: OutputData, free: FiniteResponse, source: int) -> FloatArray:
    """Return gain, time constant and dead time that come nearest to a free response."""
    curve, times = free.steps[source], free.ends_s
    weight = 1.0 / np.sqrt(np.diag(free.covariance[source]) + 1e-6 * np.max(np.abs(curve)) ** 2
                           + 1e-300)  # fmt: skip
    weight = weight / np.max(weight)
    late = np.linspace(0.0, 0.6 * LONGEST_DEAD_TIME * data.settling_s, _TRIED)
    lags = np.geomspace(data.sample_s, data.settling_s, _TRIED)
    best, found = np.inf, np.zeros(3)
    for late_s in late:
        for lag in np.log(lags):
            basis = weight * step_curve(Form.FIRST, np.array([1.0, lag, late_s]), times)
            power = float(basis @ basis)
            gain = float(basis @ (weight * curve)) / power if power > 0.0 else 0.0
            miss = weight * curve - gain * basis
            if float(miss @ miss) < best:
                best, found = float(miss @ miss), np.array([gain, lag, late_s])
    return found


def _settled(data: OutputData, fit: ParametricFit) -> ParametricFit:
    """Return the fit with the disturbance that it leaves itself."""
    for _ in range(_ROUNDS):
        ar = autoregression(fit.disturbance(data), data.readings, data.readings.highest_order)
        fit = fitted(data, fit.forms, fit.parameters, ar)
    return fit


def _second_starts(first: FloatArray) -> list[FloatArray]:
    """Return where the search for a second lag begins: late, inverse and overshooting."""
    gain, lag, late_s = first[0], first[1], first[-1]
    lag_s, short = float(np.exp(lag)), lag + np.log(_SECOND_LAG)
    return [
        np.array([gain, lag, short, 0.0, late_s]),
        np.array([gain, lag, short, -_LEAD * (lag_s + late_s), 0.0]),
        np.array([gain, lag, short, (1.0 + _LEAD) * lag_s, 0.0]),
    ]


def _with_second_lags(data: OutputData, fit: ParametricFit) -> ParametricFit:
    """Return the fit with a second lag and a lead in the channels that are better for it."""
    for source in tuple(fit.forms):
        forms = {**fit.forms, source: Form.SECOND}
        starts = _second_starts(fit.parameters[source])
        others = {j: p for j, p in fit.parameters.items() if j != source}
        for second in starts:
            tried = fitted(data, forms, {**others, source: second}, fit.ar)
            if tried.score < fit.score:
                fit = tried
    return fit


def _without_idle(data: OutputData, fit: ParametricFit) -> ParametricFit:
    """Return the fit without the channels that the data do not need."""
    sizes = {j: abs(p[0]) / np.sqrt(fit.covariance[j][0, 0]) for j, p in fit.parameters.items()}
    chosen = fit
    for source in sorted(sizes, key=lambda j: sizes[j]):
        if sizes[source] > _DOUBTFUL:
            break
        forms = {j: form for j, form in chosen.forms.items() if j != source}
        if not forms:
            return replace(chosen, forms={}, parameters={}, covariance={})
        tried = fitted(data, forms, chosen.parameters, chosen.ar)
        if tried.score < chosen.score:
            chosen = tried
    return chosen
