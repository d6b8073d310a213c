"""The mode of the controller: a pure state machine.

OFF -> STANDBY (predicts, writes nothing) -> ON by a person's command only. SHED is latched: it
leaves by a person's reset alone, and then to STANDBY. Nothing returns to ON by itself.
"""

from dataclasses import dataclass, replace

from operator_agent.messages import ControllerMode, GateReply, GateVerdict


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

    def engaged(self, person: str) -> "ModeState":
        """Return the state after a person switched the controller on; only from STANDBY."""
        if self.mode is not ControllerMode.STANDBY:
            return self
        return replace(self, mode=ControllerMode.ON, reason=f"switched on by {person}", holds=0)

    def released(self, person: str) -> "ModeState":
        """Return the state after a person reset it or switched it to standby."""
        return replace(self, mode=ControllerMode.STANDBY, reason=f"reset by {person}", holds=0)

    def shed(self, reason: str) -> "ModeState":
        """Return the latched state."""
        if self.mode is ControllerMode.SHED:
            return self
        return replace(self, mode=ControllerMode.SHED, reason=reason)

    def after_hold(self, reason: str) -> "ModeState":
        """Return the state after a cycle in which the set points stayed."""
        if self.mode is not ControllerMode.ON:
            return self
        if self.holds + 1 > self.max_holds:
            return self.shed(f"{self.holds + 1} cycles in a row without a move; last: {reason}")
        return replace(self, holds=self.holds + 1, reason=reason)

    def after_gate(self, reply: GateReply) -> "ModeState":
        """Return the state after the gate's answer to a move."""
        if self.mode is not ControllerMode.ON or reply.verdict is GateVerdict.HELD:
            return self
        if reply.verdict is GateVerdict.WRITTEN:
            return replace(self, holds=0, reason="")
        if reply.verdict is GateVerdict.REFUSED:
            return self.after_hold(f"gate {reply.check}: {reply.reason}")
        return self.shed(f"gate {reply.verdict.value} {reply.check}: {reply.reason}")
