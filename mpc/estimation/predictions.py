"""Predicted outputs of the last while, so that an old sample meets the prediction of its moment."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Predictions:
    """Outputs of the model at past scans, oldest first.

    Attributes:
        time_s: of the scans, rising, shape (n,) [s].
        y: shape (n, n_y) [SI].
    """

    time_s: FloatArray
    y: FloatArray

    @classmethod
    def at_rest(cls, time_s: float, y: FloatArray) -> "Predictions":
        """Return the past of a plant that has stood still until now."""
        return cls(np.array([time_s]), y[None, :].copy())

    def with_newest(self, time_s: float, y: FloatArray, oldest_s: float) -> "Predictions":
        """Return these with one more, without what no sample can ask for any more.

        Args:
            time_s: of the new one [s].
            y: shape (n_y,) [SI].
            oldest_s: age of the oldest sample that may come [s].
        """
        reaches = np.flatnonzero(self.time_s <= time_s - oldest_s)
        first = int(reaches[-1]) if reaches.size else 0
        return Predictions(np.append(self.time_s[first:], time_s), np.vstack([self.y[first:], y]))

    def at(self, sampled_s: FloatArray) -> FloatArray:
        """Return each output at the time of its sample, shape (n_y,) [SI].

        Between two scans it lies on a straight line; before the first one the plant stood still.

        Args:
            sampled_s: of each output, shape (n_y,) [s].
        """
        columns = zip(sampled_s, self.y.T, strict=True)
        return np.array([np.interp(when, self.time_s, column) for when, column in columns])
