"""Slow chance: autocorrelated noise and bounded drift, known at any time without a history."""

import math
from dataclasses import dataclass, field

import numpy as np

from operator_agent.plant.simulation.streams import Streams, streams

_CHUNK = 256  # grid points that are worked out at once
_GRID_OF_NOISE = 20.0  # grid points per time constant: interpolation takes 2 % of the variance
_GRID_OF_DRIFT = 200.0  # steps in the time in which a drift may cross its bound


@dataclass(slots=True)
class SlowNoise:
    """One path in time, a function of its source alone; linear between the points of a grid.

    `x[k+1] = decay x[k] + step e[k+1]` with standard normal `e`. What is stored here only saves
    repeating the recursion: it never changes what comes out.

    Attributes:
        stream: of one source.
        grid_s: between points [s].
        decay, step: of the recursion.
        start: `x[0] = start e[0]`.
        bound: the path is reflected at plus and minus this.
    """

    stream: Streams
    grid_s: float
    decay: float
    step: float
    start: float
    bound: float = math.inf
    _starts: list[float] = field(default_factory=list)
    _chunk: tuple[int, list[float]] = (-1, [])

    def at(self, time_s: float) -> float:
        """Return the value at a time [s]; before the start it is that of the start."""
        position = max(time_s, 0.0) / self.grid_s
        number = int(position)
        chunk, place = divmod(number, _CHUNK)
        points = self._points(chunk)
        share = position - number
        return self._folded(points[place] + share * (points[place + 1] - points[place]))

    def _points(self, chunk: int) -> list[float]:
        """Return the points of a chunk and the first of the next."""
        if self._chunk[0] == chunk:
            return self._chunk[1]
        while len(self._starts) <= chunk:
            last = len(self._starts) - 1
            first = self.start * self._draws(0, 1)[0] if last < 0 else self._walk(last)[-1]
            self._starts.append(first)
        self._chunk = (chunk, self._walk(chunk))
        return self._chunk[1]

    def _walk(self, chunk: int) -> list[float]:
        points = [self._starts[chunk]]
        for draw in self._draws(chunk * _CHUNK + 1, _CHUNK):
            points.append(self.decay * points[-1] + self.step * draw)
        return points

    def _draws(self, first: int, count: int) -> list[float]:
        keys = (np.repeat(self.stream.keys[0], count), np.repeat(self.stream.keys[1], count))
        many = Streams(self.stream.names * count, keys)
        return [float(draw) for draw in many.normals(np.arange(first, first + count))]

    def _folded(self, value: float) -> float:
        if not math.isfinite(self.bound):
            return value
        turn = (value + self.bound) % (4.0 * self.bound)
        return min(turn, 4.0 * self.bound - turn) - self.bound


def autocorrelated(seed: int, source: str, sd: float, time_s: float) -> SlowNoise:
    """Return an Ornstein-Uhlenbeck path: normal with standard deviation `sd`, forgotten in time.

    Args:
        seed, source: of its stream.
        sd: standard deviation [unit of the value].
        time_s: time constant of its autocorrelation [s].
    """
    decay = math.exp(-1.0 / _GRID_OF_NOISE)
    return SlowNoise(
        streams(seed, [source]), time_s / _GRID_OF_NOISE, decay, sd * math.sqrt(1.0 - decay**2), sd
    )


def bounded_walk(seed: int, source: str, bound: float, time_s: float) -> SlowNoise:
    """Return a random walk from zero that is reflected at plus and minus a bound.

    Args:
        seed, source: of its stream.
        bound: largest distance from zero [unit of the value].
        time_s: time after which a free walk would have a standard deviation of `bound` [s].
    """
    step = bound / math.sqrt(_GRID_OF_DRIFT)
    return SlowNoise(streams(seed, [source]), time_s / _GRID_OF_DRIFT, 1.0, step, 0.0, bound)
