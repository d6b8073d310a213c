"""Which limits were given up, by how much, and because of which others."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.ranked import Conflict

NEGLIGIBLE = 1e-6  # of the largest multiplier or coefficient
TOLD = 1e-5  # spans outside: less is rounding of the programs


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A limit, goal or balance that the target does not keep.

    Attributes:
        limit: `name side`.
        rank: of the limit.
        by: distance outside [SI unit of the variable; SI unit per second of a balance].
        spans: the same in spans (of a balance: spans per hour).
        because: limits that stand against it, `name side`; also `name ramp` where the target may
            not move faster, so that the limit is given up for now only, and `name held`.
    """

    limit: str
    rank: int
    by: float
    spans: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowWords:
    """What rows and bounds are called, low side first.

    Attributes:
        rows: of the limits of each row.
        bounds: of the bounds on each MV's change.
    """

    rows: tuple[tuple[str, str], ...]
    bounds: tuple[tuple[str, str], ...]


def opponents(
    conflict: Conflict, gain: FloatArray, words: RowWords
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Return all limits of a conflict, and for each one those that stand against it.

    Independent conflicts of one rank are told apart: two limits belong together when the
    contradiction that the multipliers prove needs an MV that both act on.

    Args:
        conflict: with its multipliers.
        gain: of the rows, shape (n_rows, n_u).
        words: names.
    """
    names: list[str] = []
    shares: list[FloatArray] = []
    for prices in (conflict.own, *conflict.before):
        for row in np.flatnonzero(prices):
            names.append(words.rows[row][int(prices[row] > 0.0)])
            shares.append(prices[row] * gain[row])
    for mv in np.flatnonzero(conflict.bounds):
        names.append(words.bounds[mv][int(conflict.bounds[mv] > 0.0)])
        shares.append(conflict.bounds[mv] * np.eye(gain.shape[1])[mv])
    if not names:
        return (), {}
    weight = np.abs(np.array(shares))
    sizes = np.max(weight, axis=1)
    kept = np.flatnonzero(sizes > NEGLIGIBLE * np.max(sizes))
    acts = weight[kept] > NEGLIGIBLE * sizes[kept, None]
    together = _components(acts)
    words_of: dict[int, list[str]] = {}
    for place, group in zip(kept, together, strict=True):
        words_of.setdefault(group, []).append(names[place])
    against = {
        name: tuple(dict.fromkeys(other for other in group if other != name))
        for group in words_of.values()
        for name in group
    }
    return tuple(dict.fromkeys(names[place] for place in kept)), against


def _components(acts: np.ndarray) -> list[int]:
    """Return the group of each limit; limits that act on one MV are in one group."""
    groups = list(range(acts.shape[0]))
    for mv in range(acts.shape[1]):
        members = np.flatnonzero(acts[:, mv])
        joined = {groups[m] for m in members}
        first = min(joined, default=0)
        groups = [first if group in joined else group for group in groups]
    return groups
