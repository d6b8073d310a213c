"""The DCS side of the fail-safe: without a changing heartbeat it takes its loops back by itself.

A pure state machine in plant time. It is latched: a heartbeat that returns does not give the loops
back; an operator does.
"""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Watchdog:
    """State of the heartbeat watchdog.

    Attributes:
        timeout_s: longest time without a change [s plant time].
        heartbeat: last value seen.
        changed_s: plant time of its last change [s since 1970 UTC]; NaN before the first, when
            the watchdog waits and does not run.
        tripped: True once it has shed.
    """

    timeout_s: float
    heartbeat: int = 0
    changed_s: float = math.nan
    tripped: bool = False

    def step(self, heartbeat: int, time_s: float) -> "Watchdog":
        """Return the state after a look at the heartbeat.

        Args:
            heartbeat: value of the heartbeat node now.
            time_s: plant time now [s since 1970 UTC].

        Example:
            >>> dog = Watchdog(timeout_s=120.0).step(1, 0.0)
            >>> dog.step(1, 120.0).tripped, dog.step(1, 121.0).tripped
            (False, True)
            >>> dog.step(1, 121.0).step(2, 122.0).tripped
            True
        """
        if heartbeat != self.heartbeat:
            return replace(self, heartbeat=heartbeat, changed_s=time_s)
        if math.isnan(self.changed_s) or time_s - self.changed_s <= self.timeout_s:
            return self
        return replace(self, tripped=True)

    def rearmed(self) -> "Watchdog":
        """Return the state after an operator gave the loops back: it waits for a heartbeat."""
        return replace(self, changed_s=math.nan, tripped=False)
