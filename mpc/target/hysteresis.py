"""A limit that holds the target is left only when that pays, or lasts.

Prices, biases and gains are noisy, and linear economics jump from corner to corner. A limit that
joins costs nothing and is taken at once; one that leaves is held for a while, as an equality, and
the target is what pays best with it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.ranked import LastProgram, RankedPoint
from operator_agent.mpc.target.target_tuning import TargetTuning


@dataclass(frozen=True, slots=True)
class Hold:
    """Limits that hold the target, and how long some of them have wanted to leave.

    Attributes:
        rows: 1 at the high, -1 at the low limit of each row, else 0, shape (n_rows,).
        bounds: the same for the limits of the MVs, shape (n_u,).
        waiting: cycles in a row in which leaving some of them has paid.
    """

    rows: FloatArray
    bounds: FloatArray
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The point that is taken, and what holds it.

    Attributes:
        point: the free one or the one with limits held.
        hold: for the next cycle.
        kept: limits that hold by hysteresis alone, rows and bounds as in `Hold`.
    """

    point: RankedPoint
    hold: Hold
    kept: Hold


def decided(
    free: RankedPoint,
    last: LastProgram,
    holding: Callable[[RankedPoint], Hold],
    before: Hold | None,
    mv_limits: tuple[FloatArray, FloatArray],
    tuning: TargetTuning,
) -> Decision:
    """Return whether the free point is taken or the limits of before are held.

    Args:
        free: best point of this cycle.
        last: its program.
        holding: limits that hold a point.
        before: limits that held the last target; None at the start.
        mv_limits: change of each MV that brings it to its low and to its high limit, each (n_u,).
        tuning: threshold and persistence.
    """
    active = holding(free)
    nothing = Hold(np.zeros_like(active.rows), np.zeros_like(active.bounds))
    if before is None:
        return Decision(free, active, nothing)
    rows = np.where(before.rows != active.rows, before.rows, 0.0)
    bounds = np.where(before.bounds != active.bounds, before.bounds, 0.0)
    if not (np.any(rows) or np.any(bounds)):
        return Decision(free, active, nothing)
    low, high = mv_limits
    changes = np.where(bounds > 0.0, high, np.where(bounds < 0.0, low, np.nan))
    waiting = before.waiting + 1
    held = last.held(rows, changes, free.conflicts) if waiting < tuning.leave_cycles else None
    if held is None or held.cost - free.cost > tuning.leave_worth:
        return Decision(free, active, nothing)
    now = holding(held)
    joined = Hold(
        np.where(rows != 0.0, rows, now.rows),
        np.where(bounds != 0.0, bounds, now.bounds),
        waiting,
    )
    return Decision(held, joined, Hold(rows, bounds))
