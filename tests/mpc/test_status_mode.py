"""Every row of the table of modes, and every pair that has no row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.messages import ControllerMode, GateReply, GateVerdict
from operator_agent.mpc.status.mode import TRANSITIONS, ModeEvent, ModeState

OFF, STANDBY, ON, SHED = (
    ControllerMode.OFF, ControllerMode.STANDBY, ControllerMode.ON, ControllerMode.SHED,
)  # fmt: skip
ROWS = [
    (OFF, ModeEvent.START, STANDBY),
    (STANDBY, ModeEvent.ENGAGE, ON),
    (STANDBY, ModeEvent.FAULT, SHED),
    (STANDBY, ModeEvent.STOP, OFF),
    (ON, ModeEvent.RELEASE, STANDBY),
    (ON, ModeEvent.WROTE, ON),
    (ON, ModeEvent.HOLD, ON),
    (ON, ModeEvent.FAULT, SHED),
    (ON, ModeEvent.STOP, OFF),
    (SHED, ModeEvent.RELEASE, STANDBY),
]
EVENTS = st.sampled_from(list(ModeEvent))


@pytest.mark.parametrize(("before", "event", "after"), ROWS)
def test_each_row_leads_where_it_says(
    before: ControllerMode, event: ModeEvent, after: ControllerMode
) -> None:
    assert ModeState(before).after(event, "why").mode is after


def test_the_table_has_these_rows_and_no_others() -> None:
    assert dict(TRANSITIONS) == {(before, event): after for before, event, after in ROWS}


@pytest.mark.parametrize("mode", list(ControllerMode))
@pytest.mark.parametrize("event", list(ModeEvent))
def test_a_pair_without_a_row_changes_nothing(mode: ControllerMode, event: ModeEvent) -> None:
    state = ModeState(mode, "as before", holds=2)
    if (mode, event) not in TRANSITIONS:
        assert state.after(event, "a reason") == state


@given(st.lists(EVENTS))
def test_only_a_person_leads_to_on_and_out_of_shed(events: list[ModeEvent]) -> None:
    state = ModeState(OFF)
    for event in events:
        after = state.after(event)
        if after.mode is ON and state.mode is not ON:
            assert event is ModeEvent.ENGAGE and state.mode is STANDBY
        if state.mode is SHED and after.mode is not SHED:
            assert event is ModeEvent.RELEASE and after.mode is STANDBY
        state = after


@given(st.integers(0, 6))
def test_one_hold_more_than_allowed_sheds_with_the_last_reason(allowed: int) -> None:
    state = ModeState(max_holds=allowed).engaged("a person")
    for count in range(allowed):
        state = state.after_hold("no root")
        assert (state.mode, state.holds) == (ON, count + 1)
    state = state.after_hold("no root")
    assert state.mode is SHED
    assert f"{allowed + 1} cycles" in state.reason and "no root" in state.reason


def test_a_written_move_forgets_the_holds_before_it() -> None:
    state = ModeState(max_holds=2).engaged("a person").after_hold("a").after_hold("b")
    assert state.after_gate(GateReply(1, GateVerdict.WRITTEN)).holds == 0


@pytest.mark.parametrize(
    ("verdict", "mode"),
    [
        (GateVerdict.WRITTEN, ON),
        (GateVerdict.HELD, ON),
        (GateVerdict.REFUSED, ON),
        (GateVerdict.FAILED, SHED),
        (GateVerdict.SHED, SHED),
    ],
)
def test_each_verdict_of_the_gate_has_its_event(verdict: GateVerdict, mode: ControllerMode) -> None:
    reply = GateReply(1, verdict, "G6", "too large")
    on = ModeState().engaged("a person")
    assert on.after_gate(reply).mode is mode
    assert ModeState().after_gate(reply) == ModeState()
    if verdict in (GateVerdict.REFUSED, GateVerdict.FAILED, GateVerdict.SHED):
        assert "G6" in on.after_gate(reply).reason


def test_an_obstacle_keeps_it_in_standby_and_is_named() -> None:
    state = ModeState().engaged("a person", "critical MV feed is HELD")
    assert state.mode is STANDBY
    assert "not switched on: critical MV feed is HELD" in state.reason
