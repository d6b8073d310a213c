"""How good predictions were: those of so many stages ago against what came.

A prediction counts the moves of its plan; later cycles planned anew, so its error holds their
changes of mind, too. Means and variances are kept by the recurrence of Welford ("Note on a method
for calculating corrected sums of squares and products", Technometrics 4 (1962) 419).
"""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.signing import Json

IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one cycle expected.

    Attributes:
        made_s: when [s].
        due_s: ends of the stages, shape (N,) [s].
        y: at these times, shape (N, n_y) [SI].
    """

    made_s: float
    due_s: FloatArray
    y: FloatArray


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors, measured minus predicted, by stage and CV.

    Attributes:
        cv_names: of the CVs.
        ahead_s: how far ahead each stage ends, shape (N,) [s].
        count: shape (N, n_y).
        mean: NaN where nothing has come yet, shape (N, n_y) [SI].
        std: of single errors around the mean, NaN for fewer than two, shape (N, n_y) [SI].
    """

    cv_names: tuple[str, ...]
    ahead_s: FloatArray
    count: IntArray
    mean: FloatArray
    std: FloatArray

    def payload(self) -> dict[str, Json]:
        """Return plain values for JSON; None where there is no number."""
        return {
            "ahead_s": self.ahead_s.tolist(),
            "cvs": {
                name: {
                    "count": self.count[:, i].tolist(),
                    "mean": _numbers(self.mean[:, i]),
                    "std": _numbers(self.std[:, i]),
                }
                for i, name in enumerate(self.cv_names)
            },
        }


def _numbers(values: FloatArray) -> list[Json]:
    return [float(v) if np.isfinite(v) else None for v in values]


@dataclass(frozen=True, slots=True)
class PredictionLog:
    """Predictions that are still to come true, and the errors of those that did.

    It holds what lies within one horizon, so its size is bounded.

    Attributes:
        cv_names: of the CVs.
        ahead_s: ends of the stages from now, shape (N,) [s].
        waiting: predictions with a stage that is still to end, oldest first.
        last_s, last_y: the last readings; minus infinity and NaN before the first.
        count, mean, squares: of the errors, shape (N, n_y); squares are about the mean.
    """

    cv_names: tuple[str, ...]
    ahead_s: FloatArray
    waiting: tuple[Prediction, ...]
    last_s: float
    last_y: FloatArray
    count: IntArray
    mean: FloatArray
    squares: FloatArray

    @classmethod
    def empty(cls, cv_names: tuple[str, ...], ahead_s: FloatArray) -> "PredictionLog":
        """Return a log of predictions whose stages end so far ahead [s]."""
        shape = (ahead_s.size, len(cv_names))
        zeros = np.zeros(shape)
        nothing = np.full(len(cv_names), np.nan)
        count = np.zeros(shape, dtype=np.int64)
        return cls(cv_names, ahead_s, (), -np.inf, nothing, count, zeros, zeros)

    def measured(self, time_s: float, y: FloatArray) -> "PredictionLog":
        """Return the log after readings: stages that ended since the last ones are compared.

        A reading in between lies on a straight line; where one of the two is bad nothing counts.

        Args:
            time_s: of the readings [s].
            y: NaN where bad, shape (n_y,) [SI].

        Raises:
            InputError: time does not go on, or the shape is another one.
        """
        if not time_s > self.last_s or y.shape != self.last_y.shape:
            raise InputError(
                f"readings of {time_s:.6g} s do not follow those of {self.last_s:.6g} s, or are "
                f"not {self.last_y.size}"
            )
        count, mean, squares = self.count.copy(), self.mean.copy(), self.squares.copy()
        for prediction in self.waiting:
            due = prediction.due_s
            for k in np.flatnonzero((due > self.last_s) & (due <= time_s)):
                error = self._reading(float(due[k]), time_s, y) - prediction.y[k]
                good = np.isfinite(error)
                count[k] += good
                step = np.where(good, error - mean[k], 0.0)
                mean[k] += step / np.maximum(count[k], 1)
                squares[k] += step * np.where(good, error - mean[k], 0.0)
        kept = tuple(p for p in self.waiting if p.due_s[-1] > time_s)
        return replace(
            self, waiting=kept, last_s=time_s, last_y=y, count=count, mean=mean, squares=squares
        )

    def _reading(self, due_s: float, time_s: float, y: FloatArray) -> FloatArray:
        if due_s >= time_s or not np.isfinite(self.last_s):
            return y
        share = (due_s - self.last_s) / (time_s - self.last_s)
        between: FloatArray = (1.0 - share) * self.last_y + share * y
        return between

    def predicted(self, time_s: float, y: FloatArray) -> "PredictionLog":
        """Return the log with the prediction of a cycle, of shape (N, n_y); others have no place.

        Args:
            time_s: of the cycle [s].
            y: at the ends of the stages [SI].

        Raises:
            InputError: the prediction has more CVs than the log.
        """
        if y.shape[1] != len(self.cv_names):
            raise InputError(f"a prediction of {y.shape[1]} CVs; the log has {len(self.cv_names)}")
        stages = min(y.shape[0], self.ahead_s.size)
        new = Prediction(time_s, time_s + self.ahead_s[:stages], y[:stages])
        return replace(self, waiting=(*self.waiting, new))

    def accuracy(self) -> Accuracy:
        """Return the errors so far."""
        with np.errstate(invalid="ignore", divide="ignore"):
            std = np.sqrt(self.squares / (self.count - 1.0))
        return Accuracy(
            cv_names=self.cv_names,
            ahead_s=self.ahead_s,
            count=self.count,
            mean=np.where(self.count > 0, self.mean, np.nan),
            std=np.where(self.count > 1, std, np.nan),
        )
