"""Limits of the MVs in each block of moves, where they change along the horizon.

A block keeps the limits of all its stages. Where limits close faster than an MV may move, the
blocks before have to begin in time: their limits close as well,

    low[b] = max(low[b], low[b+1] - change[b]),    high[b] = min(high[b], high[b+1] + change[b])

from the last block backwards. What is left are the levels from which all later limits can be kept,
so that going forward, each level next to the one before, never meets an empty range.
"""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import Problem


def block_changes(grid: Transcription, rate: FloatArray) -> FloatArray:
    """Return the largest change of each MV to each block but the first, (n_blocks - 1, n_u).

    It is that of the time for which the MV has held its level; none where it stays.

    Args:
        grid: see there.
        rate: of the MVs, shape (n_u,) [per second].
    """
    lengths_s = grid.horizon.block_lengths_s[:-1, None]
    if grid.still is None:
        return rate * lengths_s
    held_s = np.tile(lengths_s, (1, rate.size))
    for b in range(1, held_s.shape[0]):
        held_s[b] += np.where(grid.still[b - 1], held_s[b - 1], 0.0)
    changes: FloatArray = rate * held_s
    changes[grid.still] = 0.0
    return changes


def block_limits(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Return low and high of the MVs in each block, shape (n_blocks, n_u) [SI].

    Low passes high where limits and rates contradict each other.
    """
    grid, v, ahead = problem.transcription, problem.variables, problem.ahead
    n_blocks = grid.horizon.n_blocks
    if ahead is None:
        return np.tile(v.mv_low, (n_blocks, 1)), np.tile(v.mv_high, (n_blocks, 1))
    starts = list(grid.horizon.starts)
    low: FloatArray = np.maximum.reduceat(ahead.mv_low, starts)
    high: FloatArray = np.minimum.reduceat(ahead.mv_high, starts)
    changes = block_changes(grid, v.mv_rate)
    for b in range(n_blocks - 2, -1, -1):
        low[b] = np.maximum(low[b], low[b + 1] - changes[b])
        high[b] = np.minimum(high[b], high[b + 1] + changes[b])
    return low, high
