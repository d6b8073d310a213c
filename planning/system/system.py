"""A planning system as values: plants, periods, tanks, transport and shared supply, all in SI.

Each plant has a case for each period. Tanks carry crudes, streams and products from one period to
the next; a stream tank is mixed perfectly over a period, a product tank holds product within its
specifications, a crude tank holds one grade. Transport arrives in the period in which it leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from operator_agent.planning.case import PlanningCase
from operator_agent.units import HOUR_S

Ranges = Mapping[str, tuple[float, float]]
"""Least and most by name of the period, where a period has its own."""


class Goods(Enum):
    """What a tank holds and a route carries."""

    CRUDE = "crude"
    STREAM = "stream"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Tank:
    """A tank of a plant, or all tanks that hold the same.

    Attributes:
        goods, item: what it holds, a crude, stream or product of the plant.
        opening: stock at the start of the first period [m3].
        low, high: stock at the end of every period, at least and at most [m3].
        closing: stock at the end of the last period, at least [m3].
        value: of the closing stock [usd/m3]; zero where `closing` protects it.
        storage: cost of the mean of opening and closing stock of a period [usd/m3/s].
        contents: of the opening stock of a stream, per m3, by quality (see `qualities`).
        ranges: other least and most stock in some periods [m3].
    """

    goods: Goods
    item: str
    opening: float
    low: float
    high: float
    closing: float
    value: float = 0.0
    storage: float = 0.0
    contents: Mapping[str, float] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)

    def range_in(self, period: str) -> tuple[float, float]:
        """Return least and most stock at the end of a period [m3]."""
        return self.ranges.get(period, (self.low, self.high))

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name of what it holds."""
        return self.goods.value, self.item

    @property
    def words(self) -> str:
        """Name in reports."""
        return f"{self.item} {self.goods.value} tank"


@dataclass(frozen=True, slots=True)
class Route:
    """Transport from one plant to another.

    Attributes:
        source, target: names of the plants.
        goods, item: what is carried, by its name at the source.
        arrives_as: its name at the target.
        low, high: flow in every period, at least and at most [m3/s].
        cost: of transport [usd/m3].
        ranges: other least and most flow in some periods [m3/s].
    """

    source: str
    target: str
    goods: Goods
    item: str
    arrives_as: str
    low: float
    high: float
    cost: float
    ranges: Ranges = field(default_factory=dict)

    def range_in(self, period: str) -> tuple[float, float]:
        """Return least and most flow in a period [m3/s]."""
        return self.ranges.get(period, (self.low, self.high))

    @property
    def name(self) -> str:
        """Name in reports, unique in a system."""
        return f"{self.source} to {self.target}: {self.item} {self.goods.value}"


@dataclass(frozen=True, slots=True)
class Supply:
    """What all plants together must and may buy of a crude, or of a stream.

    Attributes:
        item: crude, or purchased stream.
        low, high: in every period [m3/s].
        ranges: other least and most in some periods [m3/s].
    """

    item: str
    low: float
    high: float
    ranges: Ranges = field(default_factory=dict)

    def range_in(self, period: str) -> tuple[float, float]:
        """Return what must and may be bought in a period [m3/s]."""
        return self.ranges.get(period, (self.low, self.high))


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time in which a plant runs steadily.

    Attributes:
        name: in reports.
        length_s: how long it lasts [s].
    """

    name: str
    length_s: float

    @property
    def hours(self) -> float:
        """How long it lasts [h]."""
        return self.length_s / HOUR_S


@dataclass(frozen=True, slots=True)
class PlantPlan:
    """A plant over the horizon.

    Attributes:
        name: in reports.
        cases: by name of the period.
        tanks: of the plant.
    """

    name: str
    cases: Mapping[str, PlanningCase]
    tanks: tuple[Tank, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanningSystem:
    """Plants and periods that are planned together.

    Attributes:
        name: of the system.
        plants: by name.
        periods: in order of time.
        transport: between plants.
        supply: limits that plants share.
    """

    name: str
    plants: Mapping[str, PlantPlan]
    periods: tuple[Period, ...]
    transport: tuple[Route, ...] = ()
    supply: tuple[Supply, ...] = ()

    @property
    def length_s(self) -> float:
        """The horizon [s]."""
        return sum(period.length_s for period in self.periods)

    def share(self, period: Period) -> float:
        """Return the part of the horizon that a period takes."""
        return period.length_s / self.length_s

    def place(self, plant: str, period: str) -> str:
        """Return plant and period in words, as far as there are several."""
        words = (plant,) * (len(self.plants) > 1) + (period,) * (len(self.periods) > 1)
        return ", ".join(words)

    def leaving(self, plant: str, goods: Goods, item: str) -> tuple[Route, ...]:
        """Return the routes by which something leaves a plant."""
        here = (plant, goods, item)
        return tuple(one for one in self.transport if (one.source, one.goods, one.item) == here)

    def arriving(self, plant: str, goods: Goods, item: str) -> tuple[Route, ...]:
        """Return the routes by which something arrives at a plant."""
        here = (plant, goods, item)
        return tuple(
            one for one in self.transport if (one.target, one.goods, one.arrives_as) == here
        )
