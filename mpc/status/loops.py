"""Whether the loop below an MV follows its set point, or has wound up at the end of its valve.

A loop that lags moves towards its set point; one whose valve is wide open or shut stands, however
far the set point goes on. It may then only be moved back.

| output to the valve | the loop has wound up when |
|---|---|
| known, at an end of its travel | the process value lies off the set point |
| known, elsewhere | never: it lags |
| not known | it has stayed off to one side for `loop_cycles` and has not come nearer |
"""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.mpc.status.states import MvState, MvStatus

VALVE_END = 0.02  # of the travel from an end: a valve there has nothing more to give
PROGRESS = 0.2  # of the gap: a loop that has come nearer by so much is on its way
RECOVERED = 0.5  # of the tolerance: a loop that has wound up counts so until it is so near


@dataclass(frozen=True, slots=True)
class LoopSight:
    """What is seen of one loop.

    Attributes:
        setpoint: that holds [SI].
        process: process value [SI]; NaN where not known.
        output: share of the valve's travel, 0 to 1; NaN where not known.
    """

    setpoint: float
    process: float = np.nan
    output: float = np.nan


@dataclass(frozen=True, slots=True)
class LoopJudgement:
    """What was found of a loop; `short` and `began` are for the next cycle.

    Attributes:
        short: cycles in a row on one side, positive below the set point, negative above.
        began: process value when that began [SI].
        wound_up: +1 below its set point, -1 above, 0 where it follows.
        reason: in words with numbers; empty where it follows.
    """

    short: int = 0
    began: float = np.nan
    wound_up: int = 0
    reason: str = ""


FOLLOWS = LoopJudgement()


def looped(
    previous: MvStatus | None, mv: MvStatus, seen: LoopSight, tolerance: float, cycles: int
) -> MvStatus:
    """Return the state of an MV that follows what is written, with what its loop does.

    Args:
        previous: state of the last cycle; None in the first.
        mv: state without the loop.
        seen, tolerance, cycles: as in `judge_loop`.
    """
    if mv.state not in (MvState.ON, MvState.SATURATED) or not np.isfinite(tolerance):
        return mv
    before = FOLLOWS
    if previous is not None:
        before = LoopJudgement(previous.short, previous.process, previous.stuck)
    found = judge_loop(before, seen, tolerance, cycles)
    known = replace(mv, short=found.short, process=found.began)
    if not found.wound_up:
        return known
    return replace(known, state=MvState.WOUND_UP, reason=found.reason, stuck=found.wound_up)


def judge_loop(
    before: LoopJudgement, seen: LoopSight, tolerance: float, cycles: int
) -> LoopJudgement:
    """Return what a loop does.

    Args:
        before: of the last cycle.
        seen: of this cycle.
        tolerance: distance from the set point that counts [SI].
        cycles: in a row after which a loop of unknown output has wound up.
    """
    gap = seen.setpoint - seen.process
    if not np.isfinite(gap):
        return FOLLOWS
    side = 1 if gap > 0.0 else -1
    still = before.wound_up == side
    if abs(gap) <= tolerance * (RECOVERED if still else 1.0):
        return FOLLOWS
    same = before.short * side > 0
    short, began = (before.short + side, before.began) if same else (side, seen.process)
    if np.isfinite(seen.output):
        wound_up = not VALVE_END < seen.output < 1.0 - VALVE_END
        how = f"with its valve at {100.0 * seen.output:.3g} %"
    else:
        nearer = side * (seen.process - began) > PROGRESS * abs(gap)
        wound_up = still or (abs(short) >= cycles and not nearer)
        if nearer and not wound_up:
            short, began = side, seen.process  # it is on its way: counted anew from here
        how = f"for {abs(short)} cycles"
    if not wound_up:
        return LoopJudgement(short, began)
    where = "below" if side > 0 else "above"
    text = (
        f"its loop stands at {seen.process:.6g}, {where} its set point {seen.setpoint:.6g} [SI], "
    )
    text += f"{how}; moved back only, look whether its valve or pump is at its end"
    return LoopJudgement(short, began, side, text)
