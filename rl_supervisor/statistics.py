"""Paired comparison of two controllers on the same episodes, and the promotion gate.

Both controllers see the same crude, noise and disturbances (common random numbers), so the
difference per episode is what counts, and the bootstrap resamples episodes.
Source: Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice
(NeurIPS 2021), for intervals and probability of improvement in place of a single mean.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.signing import Json

N_RESAMPLE = 4000  # the 2.5 % quantile is then good to a few percent of the interval's width
LEVEL = 0.95
MIN_PAIRS = 3  # below that an interval says nothing


@dataclass(frozen=True, slots=True)
class Paired:
    """Difference of two controllers over paired episodes.

    Attributes:
        n: number of pairs.
        mean: of the differences.
        low, high: 95 % percentile bootstrap interval of the mean.
        share_better: part of the pairs in which the first is better; a tie counts one half.
    """

    n: int
    mean: float
    low: float
    high: float
    share_better: float

    @property
    def warranted(self) -> bool:
        """Whether the first is better with 95 % confidence: the promotion gate."""
        return self.low > 0.0

    def payload(self) -> dict[str, Json]:
        """Return plain values for JSON."""
        return {
            "n": self.n,
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "share_better": self.share_better,
        }


def bootstrap_interval(values: FloatArray, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a mean.

    Args:
        values: shape (n,).
        seed: of the resampling.
    """
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, values.size, size=(N_RESAMPLE, values.size))
    means = values[picks].mean(axis=1)
    tail = 0.5 * (1.0 - LEVEL)
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def compare(first: FloatArray, second: FloatArray, seed: int = 0) -> Paired:
    """Return how much better the first controller is than the second.

    Args:
        first, second: result per episode, same episodes in the same order, shape (n,).
        seed: of the resampling.

    Raises:
        InputError: the shapes differ, there are under three pairs, or a result is not finite.

    Example:
        >>> better = compare(np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0]))
        >>> better.mean, better.warranted, better.share_better
        (1.0, True, 1.0)
    """
    if first.shape != second.shape or first.ndim != 1 or first.size < MIN_PAIRS:
        raise InputError(
            f"a paired comparison needs two equally long rows of at least {MIN_PAIRS} episodes; "
            f"shapes are {first.shape} and {second.shape}"
        )
    difference = first - second
    if not np.all(np.isfinite(difference)):
        raise InputError("an episode has no finite result; look for a failed simulation")
    low, high = bootstrap_interval(difference, seed)
    better = np.mean(difference > 0.0) + 0.5 * np.mean(difference == 0.0)
    return Paired(int(first.size), float(difference.mean()), low, high, float(better))
