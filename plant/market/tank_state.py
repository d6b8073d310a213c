"""What stands in the crude tanks, what the operators order, and what comes out."""

import math
from dataclasses import dataclass
from enum import Enum

from operator_agent.errors import InputError
from operator_agent.plant.market.arrivals import Cargo

Composition = tuple[float, ...]  # volume fraction of each crude of the farm


class FarmStatus(Enum):
    """What the tanks did with an order; the value is the message."""

    DELIVERED = "the feed was delivered as ordered"
    RUN_OUT = "a tank reached its heel: less feed than ordered"
    NOT_SETTLED = "a tank of the order was filling or settling: less feed than ordered"


@dataclass(frozen=True, slots=True)
class Tank:
    """One tank, and what it holds at the start.

    Attributes:
        key: name.
        capacity_m3: largest safe volume [m3].
        heel_m3: volume below the outlet [m3].
        start_m3: volume at the start [m3].
        crude_start: declared crude at the start; truly so above the heel.
        crude_heel: crude that the heel truly is at the start.
    """

    key: str
    capacity_m3: float
    heel_m3: float
    start_m3: float
    crude_start: str
    crude_heel: str

    def __post_init__(self) -> None:
        """Refuse volumes that do not fit into each other."""
        if not 0.0 < self.heel_m3 <= self.start_m3 <= self.capacity_m3 < math.inf:
            raise InputError(
                f"tank {self.key}: heel {self.heel_m3} m3, start {self.start_m3} m3 and capacity "
                f"{self.capacity_m3} m3 must rise in this order from above zero"
            )


@dataclass(frozen=True, slots=True)
class TankState:
    """Contents of one tank.

    Attributes:
        volume_m3: [m3].
        true, declared: volume fraction of each crude.
        ready_s: time from which it may feed [s].
    """

    volume_m3: float
    true: Composition
    declared: Composition
    ready_s: float


@dataclass(frozen=True, slots=True)
class Unloading:
    """A ship that has come, and what is left in it [m3]."""

    cargo: Cargo
    left_m3: float


@dataclass(frozen=True, slots=True)
class FarmState:
    """All tanks and ships at a time.

    Attributes:
        time_s: [s].
        tanks: in the order of the farm.
        ships: that have come and are not empty, in the order of their arrival.
        waited_s: time that ships lay without being unloaded, in sum [s].
    """

    time_s: float
    tanks: tuple[TankState, ...]
    ships: tuple[Unloading, ...]
    waited_s: float


@dataclass(frozen=True, slots=True)
class FarmOrder:
    """What the operators set.

    Attributes:
        first, second: keys of the tanks that feed the blend header.
        share_first: volume fraction of the feed from the first.
        flow_vol_feed: to the unit [m3/s].
        receiving: key of the tank that takes the ship at the berth; None when none does.
    """

    first: str
    second: str
    share_first: float
    flow_vol_feed: float
    receiving: str | None


@dataclass(frozen=True, slots=True)
class FarmOutput:
    """What came out of a step.

    Attributes:
        volume_m3: feed in sum [m3].
        true, declared: composition of the feed; that of the order's tanks when none flowed.
        received_m3: from ships [m3].
        status: what happened; the worst of the step.
        reason: one sentence with the tank's name; empty when all was delivered.
    """

    volume_m3: float
    true: Composition
    declared: Composition
    received_m3: float
    status: FarmStatus
    reason: str


def mixed(one: Composition, volume_one: float, other: Composition, volume: float) -> Composition:
    """Return the composition of two volumes together; that of the first when both are empty.

    Example:
        >>> mixed((1.0, 0.0), 3.0, (0.0, 1.0), 1.0)
        (0.75, 0.25)
    """
    total = volume_one + volume
    if total <= 0.0:
        return one
    return tuple((volume_one * a + volume * b) / total for a, b in zip(one, other, strict=True))
