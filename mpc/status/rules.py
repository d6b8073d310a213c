"""How states of variables follow from readings, devices and people: pure functions.

| MV, the first row that applies | state |
|---|---|
| no read-back, or one that cannot be true | BAD |
| limits that cross | OUTSIDE |
| out of service, or its loop not in the remote mode | HELD |
| further outside the operator's limits than one move | OUTSIDE |
| read-back differs from what was written last cycle | WOUND_UP |
| the loop below does not come to its set point, see `loops.py` | WOUND_UP |
| at a limit | SATURATED |
| else | ON |

| CV, the first row that applies | state |
|---|---|
| out of service | OFF |
| without a reading that counts for more than `max_bad` cycles | DROPPED |
| hard limits that cross | CROSSED |
| a spike in this cycle | REJECTED |
| no good reading in this cycle | BAD |
| soft limits that cross | LOOSE |
| else | ON |

A critical MV that is HELD or OUTSIDE, a critical CV that is OFF, DROPPED or CROSSED, and fewer
variables in service than the rules ask for are obstacles: there is no move, and a controller that
is on sheds. A critical MV that is BAD waits `max_bad` cycles before it is one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.mpc.estimation.readings import Verdict
from operator_agent.mpc.status.loops import LoopSight, looped
from operator_agent.mpc.status.states import (
    CvState,
    CvStatus,
    DvState,
    DvStatus,
    MvState,
    MvStatus,
    ServiceRequest,
)
from operator_agent.mpc.variables import ControlVariables

AT_LIMIT = 1e-6  # of the range of an MV: closer to a limit there is nothing left to move
WRITE_MOVES = 2.0  # moves of one cycle from where an MV stood: what was written lies inside
NO_DOUBTS: Mapping[str, str] = FrozenMapping({})


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """Counts and tolerances of the states.

    Attributes:
        max_bad: a reading may be bad for so many cycles in a row.
        min_mvs, min_cvs: fewer in service are no control.
        follow_tolerance: a read-back that differs from the write by more than this part of the
            MV's range was not followed; above the rounding of a 32-bit set point.
        loop_tolerance: distance of a loop's process value from its set point that counts, part of
            the MV's range; above the noise of the process value.
        loop_cycles: a loop has wound up when it stays off to one side for so many cycles and comes
            no nearer; where the output to the valve is known it says so at once.
    """

    max_bad: int = 10
    min_mvs: int = 1
    min_cvs: int = 1
    follow_tolerance: float = 1e-3
    loop_tolerance: float = 0.05
    loop_cycles: int = 5

    def __post_init__(self) -> None:
        """Refuse counts and tolerances that make no rule."""
        if min(self.max_bad, self.min_mvs, self.min_cvs) < 0:
            raise InputError("max_bad, min_mvs and min_cvs are counts: zero or more")
        if not 0.0 < self.follow_tolerance < 1.0:
            raise InputError(
                f"follow_tolerance is {self.follow_tolerance}; give a part of the range of an MV"
            )
        if not (self.loop_tolerance > 0.0 and self.loop_cycles >= 1):
            raise InputError(
                f"loop_tolerance is {self.loop_tolerance} and loop_cycles {self.loop_cycles}; give "
                "a part of the range of an MV above zero, and one cycle or more"
            )


def check_request(request: ServiceRequest, variables: ControlVariables) -> None:
    """Refuse names that this controller does not know, and limits that leave no room.

    Raises:
        InputError: naming them.
    """
    mvs, cvs = set(variables.mv_names), set(variables.cv_names)
    every = mvs | cvs | set(variables.dv_names)
    for what, given, known in (
        ("out of service", request.out_of_service, every),
        ("not remote", request.not_remote, mvs),
        ("written", request.written, mvs),
        ("optimizer limits", request.optimizer_limits, mvs | cvs),
    ):
        unknown = sorted(set(given) - known)
        if unknown:
            raise InputError(
                f"{what}: the controller has no variable {', '.join(unknown)}; "
                f"it has {', '.join(sorted(known))}"
            )
    for name, asked in request.optimizer_limits.items():
        low, high = _operator_limits(variables, name)
        if low <= high and (asked.low > high or asked.high < low):
            raise InputError(
                f"optimizer limits of {name}: {asked.low:.6g} to {asked.high:.6g} lie outside of "
                f"the operator's, {low:.6g} to {high:.6g} [SI]; give limits inside"
            )


def _operator_limits(variables: ControlVariables, name: str) -> tuple[float, float]:
    if name in variables.mv_names:
        i = variables.mv_names.index(name)
        return float(variables.mv_low[i]), float(variables.mv_high[i])
    i = variables.cv_names.index(name)
    return float(variables.cv_hard_low[i]), float(variables.cv_hard_high[i])


def odd_writes(
    before: Sequence[MvStatus],
    request: ServiceRequest,
    variables: ControlVariables,
    cycle_s: float,
) -> tuple[str, ...]:
    """Return in words which set points cannot have been written; `judge_mvs` ignores them.

    Args:
        before: states of the last cycle; empty in the first.
        request: with the set points that are said to be written.
        variables: limits and rates.
        cycle_s: time between moves [s].
    """
    last: Sequence[MvStatus | None] = before or [None] * len(variables.mv_names)
    return tuple(
        f"{name}: {request.written[name]:.6g} [SI] is said to be written, which its limits and its "
        "rate forbid; ignored, check who else writes it"
        for i, (name, previous) in enumerate(zip(variables.mv_names, last, strict=True))
        if name in request.written and np.isnan(_written(i, previous, request, variables, cycle_s))
    )


def _written(
    i: int,
    previous: MvStatus | None,
    request: ServiceRequest,
    variables: ControlVariables,
    cycle_s: float,
) -> float:
    """Return the set point that was written, NaN where there is none or it cannot be true."""
    value = request.written.get(variables.mv_names[i], np.nan)
    reach = float(variables.mv_rate[i]) * cycle_s
    low, high = float(variables.mv_low[i]) - reach, float(variables.mv_high[i]) + reach
    if previous is not None and np.isfinite(previous.value):
        low = max(low, previous.value - WRITE_MOVES * reach)
        high = min(high, previous.value + WRITE_MOVES * reach)
    return value if np.isfinite(value) and low <= value <= high else np.nan


def judge_mvs(
    before: Sequence[MvStatus],
    u_readback: FloatArray,
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
    cycle_s: float,
    doubts: Mapping[str, str] = NO_DOUBTS,
    loops: Sequence[LoopSight] = (),
) -> tuple[MvStatus, ...]:
    """Return the states of the MVs.

    Args:
        before: of the last cycle; empty in the first.
        u_readback: NaN where there is none, shape (n_u,) [SI].
        request: of this cycle.
        variables: the operator's limits.
        rules: see there.
        cycle_s: time between moves [s].
        doubts: why a read-back is not believed, by name.
        loops: what is seen of the loop below each MV; empty where nothing is.
    """
    last: Sequence[MvStatus | None] = before or [None] * u_readback.size
    states = tuple(
        _mv(i, previous, float(value), request, variables, rules, cycle_s, doubts)
        for i, (previous, value) in enumerate(zip(last, u_readback, strict=True))
    )
    if not loops:
        return states
    spans = variables.mv_high - variables.mv_low
    return tuple(
        looped(previous, mv, loop, rules.loop_tolerance * float(span), rules.loop_cycles)
        for previous, mv, loop, span in zip(last, states, loops, spans, strict=True)
    )


def _mv(
    i: int,
    previous: MvStatus | None,
    value: float,
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
    cycle_s: float,
    doubts: Mapping[str, str],
) -> MvStatus:
    name, low, high = variables.mv_names[i], variables.mv_low[i], variables.mv_high[i]
    span, written = float(high - low), _written(i, previous, request, variables, cycle_s)
    if not np.isfinite(value):
        lost = 1 if previous is None else previous.lost + 1
        last = np.nan if previous is None else previous.value
        last = written if np.isfinite(written) else last
        text = f"{doubts.get(name, 'no read-back')} ({_counted(lost, rules)})"
        text = f"{text}; {_stands(last)}, check the link to the device"
        return MvStatus(name, MvState.BAD, text, last, lost)
    if name in request.out_of_service:
        text = f"{request.out_of_service[name]}; held at {value:.6g} [SI] until it is put back"
        return MvStatus(name, MvState.HELD, text, value)
    if name in request.not_remote:
        mode = request.not_remote[name] or "an unknown mode"
        text = f"its loop is in {mode}, held at {value:.6g} [SI]; set the loop to its remote mode"
        return MvStatus(name, MvState.HELD, text, value)
    reach = float(variables.mv_rate[i]) * cycle_s
    if low > high:
        text = f"its limits cross, {low:.6g} to {high:.6g} [SI]; held until they are corrected"
        return MvStatus(name, MvState.OUTSIDE, text, value)
    if value < low - reach or value > high + reach:
        text = f"stands at {value:.6g}, its limits are {low:.6g} to {high:.6g} [SI]"
        text = f"{text}; left alone, bring it inside by hand or widen the limits"
        return MvStatus(name, MvState.OUTSIDE, text, value)
    missed = written - value
    if abs(missed) > rules.follow_tolerance * (span if np.isfinite(span) else abs(written)):
        text = f"{written:.6g} was written, {value:.6g} is read back [SI]"
        text = f"{text}; planned from there, check whether the valve or the device is at a stop"
        return MvStatus(name, MvState.WOUND_UP, text, value, stuck=1 if missed > 0.0 else -1)
    near = AT_LIMIT * span if np.isfinite(span) else 0.0
    for side, edge, gap in (("low", low, value - low), ("high", high, high - value)):
        if gap <= near:
            return MvStatus(name, MvState.SATURATED, f"at its {side} limit {edge:.6g} [SI]", value)
    return MvStatus(name, MvState.ON, "", value)


def _counted(count: int, rules: ServiceRules) -> str:
    return f"{count} in a row, {rules.max_bad} allowed"


def _stands(value: float) -> str:
    return f"taken to stand at {value:.6g} [SI]" if np.isfinite(value) else "no value is known"


def judge_cvs(
    verdicts: Sequence[Verdict],
    bad: Sequence[int],
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
    doubts: Mapping[str, str] = NO_DOUBTS,
) -> tuple[CvStatus, ...]:
    """Return the states of the CVs.

    Args:
        verdicts: on the readings of this scan.
        bad: cycles in a row without a reading that counts.
        request, variables, rules: of this cycle.
        doubts: what is wrong with a reading, with its numbers, by name.
    """
    found = []
    for i, (name, verdict) in enumerate(zip(variables.cv_names, verdicts, strict=True)):
        count, why = int(bad[i]), doubts.get(name, verdict.value)
        counted, crossed = _counted(count, rules), _crossed(variables, i)
        if name in request.out_of_service:
            state, reason = CvState.OFF, request.out_of_service[name]
            reason = f"{reason}; neither tracked nor limited until it is put back"
        elif count > rules.max_bad:
            state = CvState.DROPPED
            reason = f"no reading that counts ({counted}): {why}; neither tracked nor limited "
            reason += "until a good one comes, check its transmitter"
        elif crossed.startswith("hard"):
            state, reason = CvState.CROSSED, f"its {crossed}; neither tracked nor limited until "
            reason += "they are corrected"
        elif verdict is Verdict.SPIKE:
            state, reason = CvState.REJECTED, f"{why} ({counted}); controlled by its prediction, "
            reason += "check its transmitter"
        elif count > 0:
            state, reason = CvState.BAD, f"{why} ({counted}); controlled by its prediction, "
            reason += "check its transmitter"
        elif crossed:
            state, reason = CvState.LOOSE, f"its {crossed}; left out until they are corrected"
        else:
            state, reason = CvState.ON, ""
        found.append(CvStatus(name, state, reason, count))
    return tuple(found)


def _crossed(variables: ControlVariables, i: int) -> str:
    """Return which limits of CV i cross, with their values, or an empty text."""
    for rank in ("hard", "soft"):
        low, high = (getattr(variables, f"cv_{rank}_{side}")[i] for side in ("low", "high"))
        if low > high:
            return f"{rank} limits cross, {low:.6g} to {high:.6g} [SI]"
    return ""


def judge_dvs(
    bad: Sequence[int],
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
    doubts: Mapping[str, str] = NO_DOUBTS,
) -> tuple[DvStatus, ...]:
    """Return the states of the measured disturbances; arguments as in `judge_cvs`."""
    found = []
    for name, count in zip(variables.dv_names, bad, strict=True):
        count, why = int(count), doubts.get(name, "no good value")
        state, reason = DvState.ON, ""
        if name in request.out_of_service:
            state, reason = DvState.OFF, request.out_of_service[name]
            reason = f"{reason}; its last value is used until it is put back"
        elif count > rules.max_bad:
            state = DvState.LOST
            reason = f"{why} ({_counted(count, rules)}); no move, check its "
            reason += "transmitter or take it out of service to go on with its last value"
        elif count > 0:
            state = DvState.BAD
            reason = f"{why} ({_counted(count, rules)}); its last good value is used, check its "
            reason += "transmitter"
        found.append(DvStatus(name, state, reason, count))
    return tuple(found)


def waiting(mvs: Sequence[MvStatus], variables: ControlVariables) -> str:
    """Return why there is no move in this cycle although control may go on; or an empty text."""
    for mv, critical in zip(mvs, variables.mv_critical, strict=True):
        if not np.isfinite(mv.value):
            return f"no read-back of {mv.name} yet: {mv.reason}"
        if critical and mv.state is MvState.BAD:
            return f"critical MV {mv.name}: {mv.reason}"
    return ""


def obstacle(
    mvs: Sequence[MvStatus],
    cvs: Sequence[CvStatus],
    variables: ControlVariables,
    rules: ServiceRules,
) -> str:
    """Return why control cannot go on with these states, or an empty text.

    Args:
        mvs: states.
        cvs: states; empty when they are not known yet.
        variables: which of them are critical.
        rules: how many it needs.
    """
    for mv, critical in zip(mvs, variables.mv_critical, strict=True):
        if critical and not mv.moved and not _passing(mv, rules):
            return f"critical MV {mv.name} is {mv.state.name}: {mv.reason}"
    known = len(cvs) == len(variables.cv_names)
    for cv, critical in zip(cvs, variables.cv_critical, strict=known):
        if critical and not cv.controlled:
            return f"critical CV {cv.name} is {cv.state.name}: {cv.reason}"
    in_service = sum(mv.moved or _passing(mv, rules) for mv in mvs)
    if in_service < rules.min_mvs:
        return (
            f"{in_service} MVs are in service; control needs {rules.min_mvs}, put another one back"
        )
    controlled = sum(cv.controlled for cv in cvs)
    if known and controlled < rules.min_cvs:
        return (
            f"{controlled} CVs are in service; control needs {rules.min_cvs}, put another one back"
        )
    return ""


def _passing(mv: MvStatus, rules: ServiceRules) -> bool:
    """Return whether an MV lacks its read-back for so short a time that it may come back."""
    return mv.state is MvState.BAD and mv.lost <= rules.max_bad
