"""What a simulated plant hands to its device servers."""

from typing import Protocol

from operator_agent.messages import Quality


class Measured(Protocol):
    """One measured value as the simulated plant gives it."""

    @property
    def value(self) -> float:
        """Value [SI]."""
        ...

    @property
    def quality(self) -> Quality:
        """What it is worth."""
        ...
