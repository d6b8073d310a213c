"""Bounds of columns and products, narrowed by what each row lets them be."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.bounds.lifted_rows import LiftedRows

MARGIN = 1e-9  # of the row's terms: plans are accepted with rows missed by about as much
WORTH = 1e-3  # of the width: a bound that moves by less is not worth another round
DIVISION = 1e-12  # relative: opens a quotient by more than its rounding
ROOM = 1e-7  # relative: bounds that cross by less are one value


@dataclass(frozen=True)
class Box:
    """low <= (x, w) <= high, each of shape (n + k,)."""

    low: FloatArray
    high: FloatArray

    def is_empty(self) -> bool:
        """Return whether some bounds cross by more than rounding."""
        size = np.maximum(1e-6, np.minimum(np.abs(self.low), np.abs(self.high)))
        return bool(np.any(self.low > self.high + ROOM * size))

    def shared_with(self, other: "Box") -> "Box":
        """Return what two boxes share."""
        return Box(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def holds(self, point: FloatArray, room: float) -> bool:
        """Return whether a point (x, w) lies inside, with room relative to its values."""
        slack = room * np.maximum(1.0, np.abs(point))
        return bool(np.all((point >= self.low - slack) & (point <= self.high + slack)))


def first_box(rows: LiftedRows, low: FloatArray, high: FloatArray) -> Box:
    """Return the box of given bounds of the columns; products follow from them."""
    spread = np.full(len(rows.left), np.inf)
    box = Box(np.concatenate([low, -spread]), np.concatenate([high, spread]))
    return _with_products(rows, box)


def narrowed(rows: LiftedRows, box: Box, cutoff: float, rounds: int) -> Box:
    """Return the box after rounds of interval arithmetic on rows and products.

    No point (x, w) of the rows whose cost is at most `cutoff` is lost. Each row is opened by
    MARGIN of its terms.

    Args:
        rows: over columns and products.
        box: to start from.
        cutoff: largest cost that is of interest, without offset; infinite for none.
        rounds: at most.
    """
    sweep = _Sweep(rows, cutoff)
    for _ in range(rounds):
        before, box = box, _with_products(rows, sweep.narrow(_with_factors(rows, box)))
        if box.is_empty():
            return box
        box = Box(np.minimum(box.low, box.high), np.maximum(box.low, box.high))  # crossed by ROOM
        if not _moved(before, box):
            break
    return box


def _moved(before: Box, after: Box) -> bool:
    with np.errstate(invalid="ignore"):
        width = np.maximum(before.high - before.low, 1e-12)
        steps = (after.low - before.low) / width, (before.high - after.high) / width
    found = np.isinf(before.high) & np.isfinite(after.high)
    found |= np.isinf(before.low) & np.isfinite(after.low)
    return bool(np.any(found) or any(np.any(step > WORTH) for step in steps))


def _times(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return ends of intervals multiplied; zero times infinity is zero."""
    with np.errstate(invalid="ignore"):
        value = one * other
    return np.where(np.isnan(value), 0.0, value)


def _with_products(rows: LiftedRows, box: Box) -> Box:
    """Return the box with products no wider than those of their factors."""
    one, other = rows.left, rows.right
    corners = [_times(a[one], b[other]) for a in (box.low, box.high) for b in (box.low, box.high)]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    square = (one == other) & (box.low[one] < 0.0) & (box.high[one] > 0.0)
    low = np.where((one == other) & ~square, np.maximum(low, 0.0), low)
    low = np.where(square, 0.0, low)
    n = rows.count
    return Box(
        np.concatenate([box.low[:n], np.maximum(box.low[n:], low)]),
        np.concatenate([box.high[:n], np.minimum(box.high[n:], high)]),
    )


def _with_factors(rows: LiftedRows, box: Box) -> Box:
    """Return the box with factors no wider than product / partner, for positive partners."""
    low, high = box.low.copy(), box.high.copy()
    least, most = box.low[rows.count :], box.high[rows.count :]
    for factor, partner in ((rows.left, rows.right), (rows.right, rows.left)):
        small, large = box.low[partner], box.high[partner]
        with np.errstate(divide="ignore", invalid="ignore"):
            top = np.where(most >= 0.0, most / small, most / large)
            bottom = np.where(least >= 0.0, least / large, least / small)
        known = (small > 0.0) & np.isfinite(top)
        np.minimum.at(high, factor[known], top[known] + DIVISION * np.abs(top[known]))
        known = (small > 0.0) & np.isfinite(bottom)
        np.maximum.at(low, factor[known], bottom[known] - DIVISION * np.abs(bottom[known]))
    return Box(low, high)


class _Sweep:
    """The entries of all rows in parallel arrays, and the cost as one more row."""

    def __init__(self, rows: LiftedRows, cutoff: float) -> None:
        matrix = rows.matrix
        costed = np.flatnonzero(rows.cost) if np.isfinite(cutoff) else np.zeros(0, dtype=np.int64)
        self.size = matrix.shape[0] + 1
        self.row = np.concatenate(
            [
                np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)),
                np.full(len(costed), matrix.shape[0]),
            ]
        )
        self.column = np.concatenate([matrix.indices, costed])
        self.value = np.concatenate([matrix.data, rows.cost[costed]])
        self.row_low = np.append(rows.row_low, -np.inf)
        self.row_high = np.append(rows.row_high, cutoff)

    def narrow(self, box: Box) -> Box:
        """Return the box narrowed by each row in turn of one round."""
        positive = self.value > 0.0
        ends = _times(self.value, box.low[self.column]), _times(self.value, box.high[self.column])
        least, most = np.where(positive, ends[0], ends[1]), np.where(positive, ends[1], ends[0])
        others_least, size_least = self._others(least)
        others_most, size_most = self._others(most)
        limits = self.row_low[self.row], self.row_high[self.row]
        size = np.where(np.isfinite(limits[1]), np.abs(limits[1]), 0.0) + size_least
        top = limits[1] - others_least + MARGIN * size
        size = np.where(np.isfinite(limits[0]), np.abs(limits[0]), 0.0) + size_most
        bottom = limits[0] - others_most - MARGIN * size
        top, bottom = top / self.value, bottom / self.value
        low, high = box.low.copy(), box.high.copy()
        np.maximum.at(low, self.column, np.where(positive, bottom, top))
        np.minimum.at(high, self.column, np.where(positive, top, bottom))
        return Box(low, high)

    def _others(self, ends: FloatArray) -> tuple[FloatArray, Any]:
        """Return, for each entry, the sum of the ends of the row's other entries, and its size."""
        open_end = np.isinf(ends)
        finite = np.where(open_end, 0.0, ends)
        total = np.bincount(self.row, weights=finite, minlength=self.size)
        opened = np.bincount(self.row, weights=open_end, minlength=self.size)
        size = np.bincount(self.row, weights=np.abs(finite), minlength=self.size)
        rest = total[self.row] - finite
        sign = ends[open_end]
        infinite = float(sign[0]) if len(sign) else 0.0
        rest = np.where(opened[self.row] - open_end > 0.0, infinite, rest)
        return rest, size[self.row]
