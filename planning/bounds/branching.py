"""Which column to split, and where: by what splitting it was worth before.

The gain of a split is measured by solving both halves (strong branching) until a column has been
tried often enough; then its mean gains stand for it (reliability branching: Achterberg, Koch and
Martin, "Branching rules revisited", 2005; for continuous columns Belotti et al., "Branching and
bounds tightening techniques for non-convex MINLP", 2009).
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.bounds.box import Box
from operator_agent.planning.bounds.lifted_rows import LiftedRows

TRUE_PRODUCT = 1e-7  # of the largest product of a column's range: a miss that is none
NARROW = 1e-6  # of a column's first bounds: no narrower column is split
WHOLE = 1e-6  # from a whole number
NEAR_END = 0.15  # of the width: no split is nearer to an end
LEAST_GAIN = 1e-9  # relative to the best: keeps a product of gains from vanishing
RELIABLE = 2  # trials after which a mean gain is believed


@dataclass(frozen=True, slots=True)
class Split:
    """Where a box is to be split.

    Attributes:
        column: of the program.
        below, above: high of the lower half, low of the upper half.
    """

    column: int
    below: float
    above: float

    def halves(self, box: Box) -> tuple[Box, Box]:
        """Return the two halves of a box."""
        high, low = box.high.copy(), box.low.copy()
        high[self.column], low[self.column] = self.below, self.above
        return Box(box.low, high), Box(low, box.high)


class SplitGains:
    """Mean gains of bound of each column's halves; shared by threads."""

    def __init__(self, count: int) -> None:
        """Start without trials.

        Args:
            count: columns of the program.
        """
        self._lock = threading.Lock()
        self._gain = np.zeros((2, count))
        self._trials = np.zeros(count)

    def learn(self, column: int, gains: tuple[float, float]) -> None:
        """Note the gains of the lower and the upper half."""
        with self._lock:
            self._gain[:, column] += gains
            self._trials[column] += 1.0

    def is_reliable(self, column: int) -> bool:
        """Return whether a column has been tried often enough."""
        return bool(self._trials[column] >= RELIABLE)

    def scores(self, columns: Any, misses: FloatArray) -> FloatArray:
        """Return how promising columns are.

        Args:
            columns: shape (k,).
            misses: how far their products are from true, shape (k,); ranks what was never tried.
        """
        with self._lock:
            trials = np.maximum(self._trials[columns], 1.0)
            mean = self._gain[:, columns] / trials
            tried = self._trials[columns] > 0.0
        score = split_score(mean[0], mean[1])
        usual = float(np.mean(score[tried])) if np.any(tried) else 1.0
        guess = usual * misses / max(float(np.max(misses, initial=0.0)), 1e-300)
        return np.where(tried, score, guess)


def split_score(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return one number for the gains of two halves: most weight has the smaller."""
    small, large = np.minimum(first, second), np.maximum(first, second)
    return np.asarray(5.0 * small + large) / 6.0


def candidates(
    rows: LiftedRows, box: Box, point: FloatArray, least: FloatArray
) -> tuple[Any, FloatArray]:
    """Return the columns whose products are not true at a relaxed point, and by how much.

    Args:
        rows: over columns and products.
        box: in which the relaxation was solved.
        point: its solution (x, w).
        least: width from which a column is split, shape (n,).

    Returns:
        Columns, shape (k,), and misses relative to what the box allows, shape (k,).
    """
    n = rows.count
    left, right = rows.left, rows.right
    miss = np.abs(point[n:] - point[left] * point[right])
    with np.errstate(invalid="ignore", over="ignore"):
        width = box.high[:n] - box.low[:n]
        largest = np.maximum(np.abs(box.low[:n]), np.abs(box.high[:n]))
        size = np.where(np.isfinite(largest), largest, 1.0 + np.abs(point[:n]))
        relative = miss / np.maximum(size[left] * size[right], 1e-300)
    relative = np.where(relative > TRUE_PRODUCT, relative, 0.0)
    total: Any = np.bincount(left, weights=relative, minlength=n)
    total += np.where(
        np.bincount(left[left == right], minlength=n) > 0,
        0.0,
        np.bincount(right, weights=relative, minlength=n),
    )
    broken = np.abs(point[:n] - np.round(point[:n]))
    total = np.where(rows.integer & (broken > WHOLE), total + broken, total)
    open_columns: Any = np.flatnonzero((total > 0.0) & (width > least))
    finite = np.isfinite(width[open_columns])
    if np.any(finite):
        open_columns = open_columns[finite]
    return open_columns, total[open_columns]


def least_widths(rows: LiftedRows, box: Box) -> FloatArray:
    """Return the widths below which the columns of a first box are not split, shape (n,)."""
    ends = np.abs(np.stack([box.low[: rows.count], box.high[: rows.count]]))
    size = np.max(np.where(np.isfinite(ends), ends, 0.0), axis=0)
    return np.asarray(NARROW * np.where(size > 0.0, size, 1.0))


def split_at(rows: LiftedRows, box: Box, column: int, value: float) -> Split:
    """Return the split of a box near a value of a column.

    Args:
        rows: say which columns are whole numbers.
        box: to be split.
        column: of the program.
        value: in the relaxation.
    """
    low, high = float(box.low[column]), float(box.high[column])
    if rows.integer[column]:
        below = float(np.clip(np.floor(value), low, high - 1.0))
        return Split(column, below, below + 1.0)
    if not np.isfinite(high):
        high = max(2.0 * abs(value), 1.0) + abs(low if np.isfinite(low) else 0.0)
    if not np.isfinite(low):
        low = -max(2.0 * abs(value), 1.0) - abs(high)
    room = NEAR_END * (high - low)
    middle = float(np.clip(0.5 * value + 0.25 * (low + high), low + room, high - room))
    return Split(column, middle, middle)
