"""The mode of the controller: one table of transitions, and a value that follows it.

| from | start | engage | release | wrote | hold | fault | stop |
|---|---|---|---|---|---|---|---|
| OFF | STANDBY | - | - | - | - | - | - |
| STANDBY | - | ON | - | - | - | SHED | OFF |
| ON | - | - | STANDBY | ON | ON | SHED | OFF |
| SHED | - | - | STANDBY | - | - | - | - |

A dash stays where it is. `engage` and `release` are a person's commands and nothing else leads to
ON or out of SHED; one hold more than are allowed in a row is a fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from operator_agent.frozen import FrozenMapping
from operator_agent.messages import ControllerMode, GateReply, GateVerdict


class ModeEvent(Enum):
    """What may change the mode; the value says it in words."""

    START = "the controller was started"
    ENGAGE = "a person switched the controller on"
    RELEASE = "a person reset the controller or switched it to standby"
    WROTE = "a move was written and read back"
    HOLD = "a cycle gave no move, or the gate refused it"
    FAULT = "control cannot go on"
    STOP = "the controller was stopped"


_OFF, _STANDBY, _ON, _SHED = (
    ControllerMode.OFF, ControllerMode.STANDBY, ControllerMode.ON, ControllerMode.SHED,
)  # fmt: skip
TRANSITIONS: Mapping[tuple[ControllerMode, ModeEvent], ControllerMode] = FrozenMapping(
    {
        (_OFF, ModeEvent.START): _STANDBY,
        (_STANDBY, ModeEvent.ENGAGE): _ON,
        (_STANDBY, ModeEvent.FAULT): _SHED,
        (_STANDBY, ModeEvent.STOP): _OFF,
        (_ON, ModeEvent.RELEASE): _STANDBY,
        (_ON, ModeEvent.WROTE): _ON,
        (_ON, ModeEvent.HOLD): _ON,
        (_ON, ModeEvent.FAULT): _SHED,
        (_ON, ModeEvent.STOP): _OFF,
        (_SHED, ModeEvent.RELEASE): _STANDBY,
    }
)


WHEN_SHED = "the set points stay where they are: cure this, then reset and switch on"


@dataclass(frozen=True, slots=True)
class ModeState:
    """The mode and what led to it.

    Attributes:
        mode: of the controller.
        reason: of the last change, in words.
        holds: cycles in a row without an accepted move.
        max_holds: so many are allowed before the controller sheds.
    """

    mode: ControllerMode = ControllerMode.STANDBY
    reason: str = "started"
    holds: int = 0
    max_holds: int = 5

    def after(self, event: ModeEvent, reason: str = "") -> "ModeState":
        """Return the state after an event; the same where the table has no row for it.

        Args:
            event: that happened.
            reason: in words; the event's own by default.
        """
        if (self.mode, event) not in TRANSITIONS:
            return self
        if event is ModeEvent.HOLD and self.holds >= self.max_holds:
            count = self.holds + 1
            return self.after(
                ModeEvent.FAULT, f"{count} cycles in a row without a move; last: {reason}"
            )
        said = "" if event is ModeEvent.WROTE else reason or event.value
        if event is ModeEvent.FAULT:
            said = f"{said}; {WHEN_SHED}"
        holds = self.holds + 1 if event is ModeEvent.HOLD else 0
        if event is ModeEvent.FAULT:
            holds = self.holds
        return replace(self, mode=TRANSITIONS[self.mode, event], reason=said, holds=holds)

    def engaged(self, person: str, obstacle: str = "") -> "ModeState":
        """Return the state after a person's command to switch on; only from STANDBY.

        Args:
            person: who commands.
            obstacle: why the controller could not go on if it were on; it then stays in STANDBY.
        """
        if self.mode is ControllerMode.STANDBY and obstacle:
            return replace(self, reason=f"not switched on: {obstacle}")
        return self.after(ModeEvent.ENGAGE, f"switched on by {person}")

    def released(self, person: str) -> "ModeState":
        """Return the state after a person reset it or switched it to standby."""
        return self.after(ModeEvent.RELEASE, f"reset by {person}")

    def shed(self, reason: str) -> "ModeState":
        """Return the latched state."""
        return self.after(ModeEvent.FAULT, reason)

    def after_hold(self, reason: str) -> "ModeState":
        """Return the state after a cycle in which the set points stayed."""
        return self.after(ModeEvent.HOLD, reason)

    def after_gate(self, reply: GateReply) -> "ModeState":
        """Return the state after the gate's answer to a move."""
        if reply.verdict is GateVerdict.HELD or self.mode is not ControllerMode.ON:
            return self
        if reply.verdict is GateVerdict.WRITTEN:
            return self.after(ModeEvent.WROTE)
        text = f"{reply.check}: {reply.reason}"
        if reply.verdict is GateVerdict.REFUSED:
            return self.after(ModeEvent.HOLD, f"gate {text}")
        return self.after(ModeEvent.FAULT, f"gate {reply.verdict.value} {text}")
