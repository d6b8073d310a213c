"""From a record's distillation points to a boiling curve from 0 to 1 by volume.

Rules, for all records alike:

- Ends that the record does not state are extrapolated. Initial point: straight line through the
  first two points. End point: straight line through the last two points, its length times 1.4,
  because boiling curves steepen towards their end.
- Fractions by mass become fractions by volume with one Watson factor for the whole crude: density
  grows as the cube root of the boiling point, dv ~ dw / T^(1/3), and the factor cancels.
- Points are never put in order, dropped or smoothed, except for repeated zeros at the start and
  repeated ones at the end: there the inner point is the end of the curve.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.interpolate import PchipInterpolator

from operator_agent.errors import InputError

Point = tuple[float, float]  # distilled fraction, temperature [K]

_STEEPENING = 1.4  # length of the extrapolated tail over that of a straight line
_POINTS_LEAST = 4  # the curve of an assay needs four
_DISTILLED_LEAST = 0.4  # below it more of the curve would be extrapolated than measured
_START_LOWEST_K = 111.7  # methane boils here; crude holds nothing lighter
_END_HIGHEST_K = 1500.0  # an end beyond it comes from a last step too flat to trust
_N_SLICES = 2000  # of the conversion; halving it moves no fraction by more than 1e-6


def _celsius(temp_k: float) -> str:
    return f"{temp_k - 273.15:.1f} C"


def checked_points(points: Sequence[Point], where: str) -> tuple[Point, ...]:
    """Return the points without repeated zeros and ones.

    Args:
        points: distilled fraction and temperature [K].
        where: words that begin a message.

    Raises:
        InputError: a number is not finite, a fraction lies outside 0 to 1, there are fewer than
            four points, or they do not rise.
    """
    for fraction, temp in points:
        if not (math.isfinite(fraction) and math.isfinite(temp)):
            raise InputError(f"{where}: point ({fraction}, {temp}) is not finite; remove it")
        if not 0.0 <= fraction <= 1.0:
            raise InputError(f"{where}: fraction {fraction} at {_celsius(temp)} is outside 0 to 1")
    first = max((n for n, point in enumerate(points) if point[0] == 0.0), default=0)
    last = min((n for n, point in enumerate(points) if point[0] == 1.0), default=len(points) - 1)
    kept = tuple(points[first : last + 1])
    for low, high in pairwise(kept):
        _check_pair(low, high, where)
    if len(kept) < _POINTS_LEAST:
        raise InputError(f"{where}: {len(kept)} usable points; a curve needs {_POINTS_LEAST}")
    return kept


def _check_pair(low: Point, high: Point, where: str) -> None:
    text = f"{low[0]:.4g} at {_celsius(low[1])} is followed by {high[0]:.4g} at {_celsius(high[1])}"
    if high[0] == low[0] or high[1] == low[1]:
        raise InputError(f"{where}: {text}: a double; remove one of the two points")
    if high[0] < low[0] or high[1] < low[1]:
        raise InputError(f"{where}: {text}: the curve must rise; correct the record")


def with_ends(
    points: Sequence[Point], where: str, end_point_k: float | None = None
) -> tuple[Point, ...]:
    """Return the points from fraction 0 to 1, the ends extrapolated where they are missing.

    Args:
        points: checked points.
        where: words that begin a message.
        end_point_k: end of the curve where the record states it [K].

    Raises:
        InputError: the record ends too early to be extrapolated, an end lies where no crude
            boils, or the stated end point is below the last point.
    """
    found = list(points)
    if found[0][0] > 0.0:
        (w0, t0), (w1, t1) = found[:2]
        found.insert(0, (0.0, t0 - w0 * (t1 - t0) / (w1 - w0)))
    if found[-1][0] < 1.0:
        found.append((1.0, _end(found, where) if end_point_k is None else end_point_k))
    if found[0][1] < _START_LOWEST_K:
        raise InputError(
            f"{where}: the first two points extrapolate to an initial point of "
            f"{_celsius(found[0][1])}, below {_celsius(_START_LOWEST_K)}; correct them"
        )
    if found[-1][1] <= found[-2][1]:
        raise InputError(
            f"{where}: the end point {_celsius(found[-1][1])} is not above the last point "
            f"{_celsius(found[-2][1])}; correct one of them"
        )
    return tuple(found)


def _end(points: Sequence[Point], where: str) -> float:
    (w0, t0), (w1, t1) = points[-2:]
    if w1 < _DISTILLED_LEAST:
        raise InputError(
            f"{where}: the record ends at {100 * w1:.1f} % distilled; an end point cannot be "
            f"extrapolated from less than {100 * _DISTILLED_LEAST:.0f} %"
        )
    end = t1 + _STEEPENING * (1.0 - w1) * (t1 - t0) / (w1 - w0)
    if end > _END_HIGHEST_K:
        raise InputError(
            f"{where}: the last two points extrapolate to an end point of {_celsius(end)}, above "
            f"{_celsius(_END_HIGHEST_K)}; add a later point"
        )
    return end


def mass_to_volume(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points with fractions by volume instead of mass.

    Args:
        points: from fraction 0 to 1 by mass.
    """
    mass, temps = (np.array(column) for column in zip(*points, strict=True))
    grid = np.union1d(np.linspace(temps[0], temps[-1], _N_SLICES), temps)
    distilled = PchipInterpolator(temps, mass)(grid)
    volume = np.diff(distilled) / np.cbrt(0.5 * (grid[1:] + grid[:-1]))
    running = np.concatenate(([0.0], np.cumsum(volume))) / volume.sum()
    found = np.interp(temps, grid, running)
    return tuple(
        (0.0 if n == 0 else 1.0 if n == len(temps) - 1 else float(found[n]), float(temps[n]))
        for n in range(len(temps))
    )
