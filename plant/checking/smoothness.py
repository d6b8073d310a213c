"""Search for kinks and jumps: the slope of a smooth function changes less over less distance.

Along a line through the nominal point the interval with the largest change is halved again and
again. A smooth function's change shrinks with the interval; a kink's or a jump's stays.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.checking.evaluation import Evaluation

_N_INTERVALS = 32
_N_HALVINGS = 24  # down to 2e-9 spans
_N_ROWS = 6  # with the largest changes on a line that are followed
_WORTH = 0.02  # of the largest slope on the line: smaller changes are not followed
_KINK = 1e-3  # of the largest slope on the line, left over at the end
_JUMP = 1e-4  # of the range on the line, left over at the end
_N_RANDOM_LINES = 4
_ROUNDING = 1e-9  # of all derivatives of a row together: less is noise


@dataclass(frozen=True, slots=True)
class _Samples:
    """Values and slopes at the ends of an interval."""

    low: float
    high: float
    at_low: tuple[FloatArray, FloatArray]
    at_high: tuple[FloatArray, FloatArray]

    def change(self, row: int) -> tuple[float, float]:
        """Return the change of the slope, and of the value beyond what the slopes explain."""
        slopes = self.at_low[1][row], self.at_high[1][row]
        explained = 0.5 * (slopes[0] + slopes[1]) * (self.high - self.low)
        beyond = self.at_high[0][row] - self.at_low[0][row] - explained
        return abs(float(slopes[1] - slopes[0])), abs(float(beyond))


def kink_findings(evaluation: Evaluation, reach: float, seed: int) -> list[str]:
    """Return kinks and jumps along the axis of each input and along random directions.

    Args:
        evaluation: of the model.
        reach: length of each line on either side of the nominal point [spans].
        seed: of the random directions.
    """
    found: dict[int, str] = {}
    sizes = np.sum(np.abs(evaluation.matrix(np.zeros(evaluation.size))), axis=1)
    noise = _ROUNDING * np.where(np.isfinite(sizes), sizes, 0.0)
    for direction in _directions(evaluation, seed):
        for row, text in _on_line(evaluation, direction, reach, noise).items():
            found.setdefault(row, text)
    return [f"{evaluation.row_name(row)} {text}" for row, text in found.items()]


def _directions(evaluation: Evaluation, seed: int) -> list[FloatArray]:
    rng = np.random.default_rng(seed)
    sources = np.eye(evaluation.size)[evaluation.model.n_x :]
    random = rng.uniform(-1.0, 1.0, (_N_RANDOM_LINES, evaluation.size))
    return [*sources, *random]


def _on_line(
    evaluation: Evaluation, direction: FloatArray, reach: float, noise: FloatArray
) -> dict[int, str]:
    ends = np.linspace(-reach, reach, _N_INTERVALS + 1)
    samples = [evaluation.on_line(t * direction, direction) for t in ends]
    slopes = np.array([slope for _, slope in samples])
    values = np.array([value for value, _ in samples])
    if not bool(np.all(np.isfinite(slopes)) and np.all(np.isfinite(values))):
        return {}
    steepest = np.max(np.abs(slopes), axis=0)
    spread = np.ptp(values, axis=0)
    width = ends[1] - ends[0]
    bends = np.abs(np.diff(slopes, axis=0))
    leaps = np.abs(np.diff(values, axis=0) - 0.5 * width * (slopes[1:] + slopes[:-1])) / width
    found: dict[int, str] = {}
    for kind, changes in enumerate((bends, leaps)):
        size = np.max(changes, axis=0) / np.maximum(steepest + spread / reach, noise + 1e-30)
        for row in np.argsort(-size)[:_N_ROWS]:
            if size[row] < _WORTH or int(row) in found:
                continue
            n = int(np.argmax(changes[:, row]))
            start = _Samples(ends[n], ends[n + 1], samples[n], samples[n + 1])
            allowed = (
                max(_KINK * steepest[row], noise[row]),
                max(_JUMP * spread[row], noise[row]),
            )
            last = _halved(evaluation, direction, start, (int(row), kind), allowed)
            bend, leap = last.change(int(row))
            where = evaluation.place(last.low * direction)
            if leap > allowed[1]:
                found[int(row)] = f"jumps near {where}; make the step a steep tanh"
            elif bend > allowed[0]:
                found[int(row)] = f"has a kink near {where}; use softplus or a softened root"
    return found


def _halved(
    evaluation: Evaluation,
    direction: FloatArray,
    start: _Samples,
    followed: tuple[int, int],
    allowed: tuple[float, float],
) -> _Samples:
    """Return the tiny interval with the largest change inside the given one.

    Args:
        evaluation: of the model.
        direction: of the line.
        start: interval.
        followed: row, and which of its changes decides (0 slope, 1 value).
        allowed: changes of slope and value at which the search may stop: it is smooth.
    """
    at, (row, kind) = start, followed
    for _ in range(_N_HALVINGS):
        bend, leap = at.change(row)
        if bend <= allowed[0] and leap <= allowed[1]:
            return at
        middle = 0.5 * (at.low + at.high)
        between = evaluation.on_line(middle * direction, direction)
        left = _Samples(at.low, middle, at.at_low, between)
        right = _Samples(middle, at.high, between, at.at_high)
        at = left if left.change(row)[kind] >= right.change(row)[kind] else right
    return at
