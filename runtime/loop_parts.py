"""What a control loop is made of: its links with effects, and what passes through them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from operator_agent.clock import Clock
from operator_agent.messages import (
    Advice,
    AdviceEnvelope,
    ControlStatus,
    EconomicTargets,
    GateReply,
    Move,
    Reading,
)
from operator_agent.mpc.controller import Controller, CycleResult
from operator_agent.mpc.scan import Scan
from operator_agent.runtime.explain_record import ExplainedCycle
from operator_agent.runtime.order_book import OrderBook
from operator_agent.site import Site


class Reader(Protocol):
    """Gives all that one scan of the devices tells."""

    async def scan(self) -> "PlantScan":
        """Return the scan; raises LinkError when a device is out of reach."""
        ...


class Gate(Protocol):
    """The client of the write gate's process."""

    async def submit(self, move: Move) -> GateReply:
        """Return the gate's answer; raises LinkError when it is out of reach."""
        ...


class Historian(Protocol):
    """Stores one row for each scan."""

    def append(self, time_s: float, readings: Sequence[Reading]) -> None:
        """Store the readings of one scan."""
        ...


class Adviser(Protocol):
    """The supervisor, seen from the loop."""

    def advise(
        self, cycle: int, scan: Scan, result: CycleResult, targets: EconomicTargets | None
    ) -> Advice | None:
        """Return new advice, or None to keep the last."""
        ...


@dataclass(frozen=True, slots=True)
class PlantScan:
    """What one scan of the devices gave.

    Attributes:
        time_s: plant time [s since 1970 UTC].
        readings: one for each tag.
        setpoints: read back, by MV tag [SI]; NaN where it cannot be read.
        modes: of the loops, by MV tag; a tag that is not there counts as remote.
    """

    time_s: float
    readings: tuple[Reading, ...]
    setpoints: Mapping[str, float]
    modes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoopParts:
    """What a control loop is made of; all of it is made by the caller.

    Attributes:
        site, controller, envelope: as configured.
        reader, gate, historian: links with effects.
        adviser: the supervisor; None to run without.
        publish: takes the status after each cycle.
        key: under which moves are signed.
        clock: of this host.
        orders: of people for single variables; None for none.
        explain: takes what is to be kept of each cycle for its explanation; None to keep nothing.
    """

    site: Site
    controller: Controller
    envelope: AdviceEnvelope
    reader: Reader
    gate: Gate
    historian: Historian
    adviser: Adviser | None
    publish: Callable[[ControlStatus], None]
    key: bytes
    clock: Clock
    orders: OrderBook | None = None
    explain: Callable[[float, ExplainedCycle], None] | None = None
