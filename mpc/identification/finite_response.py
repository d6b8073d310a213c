"""Step responses without a form: finite impulse responses, regularised by their likelihood.

Between two lags an impulse response is constant (a bin); its prior is the first-order stable
spline, whose size for each input and whose decay are chosen by the marginal likelihood. Source:
Chen, Ohlsson and Ljung, "On the estimation of transfer functions, regularizations and Gaussian
processes: revisited", Automatica 48 (2012) 1525 (kernel TC).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from operator_agent.arrays import FloatArray

N_BINS = 30
_DECAYS = (0.78, 0.86, 0.94)  # of the prior's variance from bin to bin
_ROUNDS = 12  # of the size of the priors: expectation and maximisation
_SMALLEST = 1e-10  # of the first size: an input without effect


@dataclass(frozen=True, slots=True)
class FiniteResponse:
    """Step responses of one output.

    Attributes:
        ends_s: time at which each bin ends, shape (n_bins,) [s].
        steps: response at the end of each bin per unit step, shape (n_sources, n_bins).
        covariance: of each source's response, shape (n_sources, n_bins, n_bins).
        sources: effect of the sources at the readings, shape (n,).
    """

    ends_s: FloatArray
    steps: FloatArray
    covariance: FloatArray
    sources: FloatArray


def bin_edges(settling: int, n_bins: int = N_BINS) -> np.ndarray[tuple[int], np.dtype[np.int_]]:
    """Return lags at which bins begin and the last one ends [samples]; the first is 1."""
    return np.unique(np.round(np.linspace(1, settling + 1, n_bins + 1)).astype(int))


def bin_means(u: FloatArray, edges: np.ndarray[tuple[int], np.dtype[np.int_]]) -> FloatArray:
    """Return the mean of an input over the lags of each bin, shape (n, n_bins).

    Args:
        u: deviations, shape (n,); before the first row it stood at its first value.
        edges: from `bin_edges`.
    """
    n, longest = len(u), int(edges[-1])
    padded = np.concatenate((np.full(longest, u[0]), u))
    sums = np.concatenate(([0.0], np.cumsum(padded)))
    rows = np.arange(n) + longest
    return np.column_stack(
        [
            (sums[rows - low + 1] - sums[rows - high + 1]) / (high - low)
            for low, high in pairwise(edges)
        ]
    )


def finite_response(
    regressors: FloatArray,
    white: FloatArray,
    target: FloatArray,
    n_sources: int,
    ends_s: FloatArray,
) -> FiniteResponse:
    """Return the step responses that data and prior say.

    Args:
        regressors: means over bins at the readings, shape (n, n_sources * n_bins).
        white: the same whitened, without mean, shape (m, n_sources * n_bins).
        target: output whitened, without mean, shape (m,).
        n_sources: number of inputs.
        ends_s: of the bins [s].
    """
    n_bins = white.shape[1] // n_sources
    gram, pull, power = white.T @ white, white.T @ target, float(target @ target)
    rest = target - white @ np.linalg.lstsq(white, target, rcond=None)[0]
    freedom = max(len(target) - min(white.shape), len(target) // 4, 1)
    variance = max(float(rest @ rest) / freedom, 1e-12 * power / len(target), 1e-300)
    tried = [_fitted(gram, pull, power, variance, n_sources, decay) for decay in _DECAYS]
    _, weights, covariance = min(tried, key=lambda fit: fit[0])
    summed = np.tril(np.ones((n_bins, n_bins)))
    blocks = covariance.reshape(n_sources, n_bins, n_sources, n_bins)
    return FiniteResponse(
        ends_s,
        weights.reshape(n_sources, n_bins) @ summed.T,
        np.array([summed @ blocks[j, :, j] @ summed.T for j in range(n_sources)]),
        regressors @ weights,
    )


def _fitted(
    gram: FloatArray, pull: FloatArray, power: float, variance: float, n_sources: int, decay: float
) -> tuple[float, FloatArray, FloatArray]:
    """Return minus twice the log likelihood, the weights and their covariance."""
    n_bins = len(pull) // n_sources
    lags = np.arange(n_bins)
    kernel = decay ** np.maximum(lags[:, None], lags[None, :])
    root, inverse = np.linalg.cholesky(kernel), np.linalg.inv(kernel)
    diagonal = gram.diagonal().reshape(n_sources, n_bins).mean(axis=1)
    first = np.array([power / len(pull) / max(size, 1e-300) for size in diagonal])
    sizes = first.copy()
    for _ in range(_ROUNDS):
        wide = np.kron(np.diag(np.sqrt(sizes)), root)
        inner = wide.T @ gram @ wide / variance + np.eye(len(pull))
        factor = cho_factor(inner, lower=True)
        weights = wide @ cho_solve(factor, wide.T @ pull) / variance
        half = solve_triangular(factor[0], wide.T, lower=True)
        covariance = half.T @ half
        score = 2.0 * float(np.sum(np.log(np.diag(factor[0])))) - float(pull @ weights) / variance
        for j in range(n_sources):
            part = slice(j * n_bins, (j + 1) * n_bins)
            moment = covariance[part, part] + np.outer(weights[part], weights[part])
            sizes[j] = max(float(np.sum(inverse * moment)) / n_bins, _SMALLEST * first[j])
    return score, weights, covariance
