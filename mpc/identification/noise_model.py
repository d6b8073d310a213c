"""The disturbance of an output as an autoregression, fitted and taken out: whitening."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int_]]

HIGHEST_ORDER = 12  # of the autoregression; a drift and the noise of a meter take 2 to 6
_KEPT = 0.7  # of the readings must stay when the first of each run only start the recursion
_FEWEST = 30  # readings: fewer fix no model


@dataclass(frozen=True, slots=True)
class Readings:
    """The rows at which an output was read, in runs of even spacing.

    Attributes:
        rows: of the record, ascending, shape (n,).
        place: of each reading in its run, from 0, shape (n,).
        spacing: samples between readings of a run.
    """

    rows: IntArray
    place: IntArray
    spacing: int

    def heads(self, order: int) -> IntArray:
        """Return which readings have so many before them in their run."""
        return np.flatnonzero(self.place >= order)

    @property
    def highest_order(self) -> int:
        """Order of an autoregression that the runs are long enough for."""
        orders = range(HIGHEST_ORDER, 0, -1)
        kept = _KEPT * len(self.rows)
        return next((order for order in orders if len(self.heads(order)) >= kept), 0)


def readings_at(good: np.ndarray[tuple[int], np.dtype[np.bool_]], what: str) -> Readings:
    """Return the readings at the good rows.

    Args:
        good: rows with a reading that may be used.
        what: output, for the message.

    Raises:
        InputError: there are too few.
    """
    rows = np.flatnonzero(good)
    if len(rows) < _FEWEST:
        raise InputError(
            f"{what}: only {len(rows)} readings are left, {_FEWEST} are needed; use more data or "
            "leave out less"
        )
    gaps = np.diff(rows)
    spacing = int(np.bincount(gaps).argmax())
    broken = np.concatenate(([0], np.where(gaps == spacing, 0, np.arange(1, len(rows)))))
    place = np.arange(len(rows)) - np.maximum.accumulate(broken)
    return Readings(rows, place, spacing)


def whitened(values: FloatArray, ar: FloatArray, heads: IntArray) -> FloatArray:
    """Return v[k] - ar_1 v[k-1] - .. at the heads.

    Args:
        values: at the readings, shape (n,) or (n, m).
        ar: coefficients, shape (order,).
        heads: with `order` readings before them.
    """
    found: FloatArray = values[heads].astype(np.float64)
    for lag, share in enumerate(ar, start=1):
        found -= share * values[heads - lag]
    return found


def autoregression(values: FloatArray, readings: Readings, highest: int) -> FloatArray:
    """Return the coefficients of the order with the least Bayes information criterion.

    Source: Schwarz, "Estimating the dimension of a model", Annals of Statistics 6 (1978) 461.

    Args:
        values: disturbance at the readings, shape (n,).
        readings: of the output.
        highest: order that is tried.
    """
    heads = readings.heads(highest)
    target = values[heads]
    lags = np.zeros((len(heads), highest))
    for lag in range(1, highest + 1):
        lags[:, lag - 1] = values[heads - lag]
    n, best = len(heads), np.inf
    chosen: FloatArray = np.zeros(0)
    for order in range(highest + 1):
        ar: FloatArray = np.zeros(0)
        if order:
            ar = np.linalg.lstsq(lags[:, :order], target, rcond=None)[0].astype(np.float64)
        rest = target - lags[:, :order] @ ar
        score = n * np.log(max(float(rest @ rest), 1e-300) / n) + order * np.log(n)
        if score < best:
            best, chosen = score, ar
    return chosen
