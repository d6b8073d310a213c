"""The controller's modes: only a person switches on, and a shed stays."""

from hypothesis import given
from hypothesis import strategies as st

from operator_agent.messages import ControllerMode, GateReply, GateVerdict
from operator_agent.mpc.status.mode import ModeState

EVENTS = st.sampled_from(["hold", "written", "refused", "failed", "shed", "held"])


def after(state: ModeState, event: str) -> ModeState:
    if event == "hold":
        return state.after_hold("no accepted move")
    verdicts = {verdict.value: verdict for verdict in GateVerdict}
    return state.after_gate(GateReply(1, verdicts[event], "G5", "a reason"))


@given(st.lists(EVENTS))
def test_nothing_but_a_person_switches_on(events: list[str]) -> None:
    state = ModeState()
    for event in events:
        state = after(state, event)
        assert state.mode is ControllerMode.STANDBY


@given(st.lists(EVENTS), st.lists(EVENTS))
def test_a_shed_is_latched(before: list[str], later: list[str]) -> None:
    state = ModeState().engaged("operator")
    for event in before:
        state = after(state, event)
    state = state.shed("heartbeat lost")
    for event in later:
        state = after(state, event)
    assert state.mode is ControllerMode.SHED
    assert state.engaged("operator").mode is ControllerMode.SHED
    assert state.released("operator").mode is ControllerMode.STANDBY


def test_holds_in_a_row_shed_and_a_move_clears_them() -> None:
    state = ModeState(max_holds=2).engaged("operator")
    for _ in range(2):
        state = state.after_hold("solver stopped")
    assert state.mode is ControllerMode.ON
    assert state.after_gate(GateReply(1, GateVerdict.WRITTEN)).holds == 0
    shed = state.after_hold("solver stopped")
    assert shed.mode is ControllerMode.SHED
    assert "3 cycles in a row" in shed.reason
