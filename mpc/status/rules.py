"""How states of variables follow from readings, devices and people: pure functions.

| MV, the first row that applies | state |
|---|---|
| no read-back | BAD |
| out of service, or its loop not in the remote mode | HELD |
| further outside the operator's limits than one move | OUTSIDE |
| read-back differs from what was written last cycle | WOUND_UP |
| at a limit | SATURATED |
| else | ON |

| CV, the first row that applies | state |
|---|---|
| out of service | OFF |
| without a reading that counts for more than `max_bad` cycles | DROPPED |
| a spike in this cycle | REJECTED |
| no good reading in this cycle | BAD |
| else | ON |

A critical MV that is HELD or OUTSIDE, a critical CV that is OFF or DROPPED, and fewer
variables in service than the rules ask for are obstacles: there is no move, and a controller that
is on sheds. A critical MV that is BAD waits `max_bad` cycles before it is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.estimation.readings import Verdict
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


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """Counts and tolerances of the states.

    Attributes:
        max_bad: a reading may be bad for so many cycles in a row.
        min_mvs, min_cvs: fewer in service are no control.
        follow_tolerance: a read-back that differs from the write by more than this part of the
            MV's range was not followed; above the rounding of a 32-bit set point.
    """

    max_bad: int = 10
    min_mvs: int = 1
    min_cvs: int = 1
    follow_tolerance: float = 1e-3

    def __post_init__(self) -> None:
        """Refuse counts and tolerances that make no rule."""
        if min(self.max_bad, self.min_mvs, self.min_cvs) < 0:
            raise InputError("max_bad, min_mvs and min_cvs are counts: zero or more")
        if not 0.0 < self.follow_tolerance < 1.0:
            raise InputError(
                f"follow_tolerance is {self.follow_tolerance}; give a part of the range of an MV"
            )


def check_request(request: ServiceRequest, variables: ControlVariables) -> None:
    """Refuse names that this controller does not know.

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


def judge_mvs(
    before: Sequence[MvStatus],
    u_readback: FloatArray,
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
    cycle_s: float,
) -> tuple[MvStatus, ...]:
    """Return the states of the MVs.

    Args:
        before: of the last cycle; empty in the first.
        u_readback: NaN where there is none, shape (n_u,) [SI].
        request: of this cycle.
        variables: the operator's limits.
        rules: see there.
        cycle_s: time between moves [s].
    """
    last: Sequence[MvStatus | None] = before or [None] * u_readback.size
    return tuple(
        _mv(i, previous, float(value), request, variables, rules, cycle_s)
        for i, (previous, value) in enumerate(zip(last, u_readback, strict=True))
    )


def _mv(
    i: int,
    previous: MvStatus | None,
    value: float,
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
    cycle_s: float,
) -> MvStatus:
    name, low, high = variables.mv_names[i], variables.mv_low[i], variables.mv_high[i]
    span = float(high - low)
    if not np.isfinite(value):
        lost = 1 if previous is None else previous.lost + 1
        last = request.written.get(name, np.nan if previous is None else previous.value)
        return MvStatus(name, MvState.BAD, f"no read-back for {lost} cycles", last, lost)
    if name in request.out_of_service:
        return MvStatus(name, MvState.HELD, request.out_of_service[name], value)
    if name in request.not_remote:
        mode = request.not_remote[name] or "an unknown mode"
        return MvStatus(name, MvState.HELD, f"its loop is in {mode}", value)
    reach = float(variables.mv_rate[i]) * cycle_s
    if value < low - reach or value > high + reach:
        text = f"stands at {value:.6g}, its limits are {low:.6g} to {high:.6g} [SI]"
        return MvStatus(name, MvState.OUTSIDE, text, value)
    written = request.written.get(name, np.nan)
    missed = written - value
    if abs(missed) > rules.follow_tolerance * (span if np.isfinite(span) else abs(written)):
        text = f"{written:.6g} was written, {value:.6g} is read back [SI]"
        return MvStatus(name, MvState.WOUND_UP, text, value, stuck=1 if missed > 0.0 else -1)
    near = AT_LIMIT * span if np.isfinite(span) else 0.0
    for side, gap in (("low", value - low), ("high", high - value)):
        if gap <= near:
            return MvStatus(name, MvState.SATURATED, f"at its {side} limit", value)
    return MvStatus(name, MvState.ON, "", value)


def judge_cvs(
    verdicts: Sequence[Verdict],
    bad: Sequence[int],
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
) -> tuple[CvStatus, ...]:
    """Return the states of the CVs.

    Args:
        verdicts: on the readings of this scan.
        bad: cycles in a row without a reading that counts.
        request, variables, rules: of this cycle.
    """
    found = []
    for name, verdict, count in zip(variables.cv_names, verdicts, bad, strict=True):
        count = int(count)
        if name in request.out_of_service:
            state, reason = CvState.OFF, request.out_of_service[name]
        elif count > rules.max_bad:
            state, reason = CvState.DROPPED, f"no reading that counts for {count} cycles"
        elif verdict is Verdict.SPIKE:
            state, reason = CvState.REJECTED, verdict.value
        elif count > 0:
            state, reason = CvState.BAD, f"{verdict.value}, {count} cycles in a row"
        else:
            state, reason = CvState.ON, ""
        found.append(CvStatus(name, state, reason, count))
    return tuple(found)


def judge_dvs(
    bad: Sequence[int], request: ServiceRequest, variables: ControlVariables, rules: ServiceRules
) -> tuple[DvStatus, ...]:
    """Return the states of the measured disturbances; arguments as in `judge_cvs`."""
    found = []
    for name, count in zip(variables.dv_names, bad, strict=True):
        count = int(count)
        reason = f"no good value for {count} cycles" if count else ""
        state = DvState.LOST if count > rules.max_bad else DvState.BAD if count else DvState.ON
        if name in request.out_of_service:
            state, reason = DvState.OFF, request.out_of_service[name]
        found.append(DvStatus(name, state, reason, count))
    return tuple(found)


def waiting(mvs: Sequence[MvStatus], variables: ControlVariables) -> str:
    """Return why there is no move in this cycle although control may go on; or an empty text."""
    for mv, critical in zip(mvs, variables.mv_critical, strict=True):
        if not np.isfinite(mv.value):
            return f"no read-back of {mv.name} yet"
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
        return f"{in_service} MVs are in service; control needs {rules.min_mvs}"
    controlled = sum(cv.controlled for cv in cvs)
    if known and controlled < rules.min_cvs:
        return f"{controlled} CVs are in service; control needs {rules.min_cvs}"
    return ""


def _passing(mv: MvStatus, rules: ServiceRules) -> bool:
    """Return whether an MV lacks its read-back for so short a time that it may come back."""
    return mv.state is MvState.BAD and mv.lost <= rules.max_bad
