"""Clocks as values that are passed in: nothing inside reads the time by itself."""

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic and wall time, both in seconds."""

    def monotonic_s(self) -> float:
        """Return seconds that never go backwards; comparable between processes of one host."""
        ...

    def wall_s(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def monotonic_s(self) -> float:
        """Return the system's monotonic time [s]."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Return the system's wall time [s since 1970 UTC]."""
        return time.time()


class ManualClock:
    """A clock that moves only when told to: for tests and for simulated time."""

    def __init__(self, monotonic_s: float = 0.0, wall_s: float = 0.0) -> None:
        """Start at the given times [s]."""
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s

    def monotonic_s(self) -> float:
        """Return the monotonic time [s]."""
        return self._monotonic_s

    def wall_s(self) -> float:
        """Return the wall time [s]."""
        return self._wall_s

    def advance(self, duration_s: float) -> None:
        """Move both times forward by `duration_s` [s]."""
        self._monotonic_s += duration_s
        self._wall_s += duration_s
