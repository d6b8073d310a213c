"""Tests of what a model leaves unexplained, on data that it has not seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.stats import chi2

from operator_agent.arrays import FloatArray
from operator_agent.mpc.identification.finite_response import bin_edges, bin_means
from operator_agent.mpc.identification.noise_model import IntArray, whitened
from operator_agent.mpc.identification.parametric import OutputData, ParametricFit

_LAGS = 20  # of the test of whiteness
_GROUPS = 6  # of past inputs in the test of independence


@dataclass(frozen=True, slots=True)
class Validation:
    """How a model does on data that were not used to fit it.

    Attributes:
        time_s: of the readings [s].
        measured, simulated: the output, and what the inputs alone say, with one offset.
        fit_percent: 100 (1 - rms of their difference / rms of the output about its mean).
        ahead_percent: the same one reading ahead, with the model of the disturbance.
        white: p-value of innovations without memory; below 0.01 they have one. Source: Ljung and
            Box, "On a measure of lack of fit in time series models", Biometrika 65 (1978) 297.
        independent: p-value, by source, of innovations that past inputs do not explain.
    """

    time_s: FloatArray
    measured: FloatArray
    simulated: FloatArray
    fit_percent: float
    ahead_percent: float
    white: float
    independent: Mapping[str, float]


def validate(data: OutputData, fit: ParametricFit, start_s: float) -> Validation:
    """Return how a fit does on data.

    Args:
        data: with readings that the fit has not seen.
        fit: made on others.
        start_s: time of the first row [s].
    """
    rows = data.readings.rows
    times = start_s + data.sample_s * rows.astype(np.float64)
    left = data.y - fit.simulated(data)[rows]
    trends = data.trends()
    left = left - trends @ np.linalg.lstsq(trends, left, rcond=None)[0]
    heads = data.readings.heads(min(len(fit.ar), data.readings.highest_order))
    innovations = whitened(left, fit.ar[: data.readings.highest_order], heads)
    spread = max(float(np.std(data.y)), 1e-300)
    return Validation(
        time_s=times,
        measured=data.y,
        simulated=data.y - left,
        fit_percent=100.0 * (1.0 - _rms(left) / spread),
        ahead_percent=100.0 * (1.0 - _rms(innovations) / spread),
        white=_white(innovations),
        independent=_independent(data, innovations, heads),
    )


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _white(values: FloatArray) -> float:
    """Return the p-value of Ljung and Box."""
    n, centred = len(values), values - np.mean(values)
    power = max(float(centred @ centred), 1e-300)
    lags = range(1, min(_LAGS, n - 2) + 1)
    shares = [float(centred[lag:] @ centred[:-lag]) / power for lag in lags]
    statistic = n * (n + 2) * sum(r * r / (n - lag) for r, lag in zip(shares, lags, strict=True))
    return float(chi2.sf(statistic, len(shares)))


def _independent(data: OutputData, innovations: FloatArray, heads: IntArray) -> Mapping[str, float]:
    settling = max(round(data.settling_s / data.sample_s), 3)
    edges = bin_edges(settling, _GROUPS)
    centred = innovations - np.mean(innovations)
    variance = max(float(np.var(innovations)), 1e-300)
    found = {}
    for j, name in enumerate(data.source_names):
        past = bin_means(data.sources[:, j], edges)[data.readings.rows[heads]]
        past = past - np.mean(past, axis=0)
        basis = _orthogonal(past)
        told = basis.T @ centred
        found[name] = float(chi2.sf(float(told @ told) / variance, max(basis.shape[1], 1)))
    return MappingProxyType(found)


def _orthogonal(columns: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the columns that say something."""
    vectors, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    basis: FloatArray = vectors[:, sizes > 1e-9 * max(float(sizes[0]), 1e-300)]
    return basis
