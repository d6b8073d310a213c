"""What tanks and transport add to the balances of one plant in one period.

A plant by itself charges what it buys, draws what it makes and sells what it blends. Tanks and
transport add a volume that comes in beside that, and one that leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Connections:
    """Streams of a plant that tanks and transport join to other plants and periods.

    Attributes:
        arriving: come from other plants.
        leaving: may go to other plants.
        stocked: have a tank.
        carried: qualities that they must carry because another plant or period asks for them.
    """

    arriving: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    stocked: tuple[str, ...] = ()
    carried: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Movement:
    """Volumes that come in and leave beside a plant's own, as expressions of the model.

    Attributes:
        gained: comes in: opening stock and arrivals [m3/h].
        given: leaves: closing stock and shipments [m3/h].
        amounts: of contents that come in, per hour, by quality; streams only.
    """

    gained: Any
    given: Any
    amounts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Movements by crude, stream and product; what is not named has none."""

    crudes: Mapping[str, Movement] = field(default_factory=dict)
    streams: Mapping[str, Movement] = field(default_factory=dict)
    products: Mapping[str, Movement] = field(default_factory=dict)


ALONE = Exchange()
"""Of a plant without tanks and transport."""

UNCONNECTED = Connections()
"""Of the same plant."""

STILL = Movement(0.0, 0.0)
"""Of what has neither tank nor transport."""
