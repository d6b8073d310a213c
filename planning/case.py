"""A planning case as values: what may be bought, run, blended and sold, all in SI."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.exchange import UNCONNECTED, Connections
from operator_agent.planning.process_unit import LinearForm, ProcessUnit, UnitProduct
from operator_agent.planning.spec import Spec
from operator_agent.planning.trade import Alert, FlowRow, Product, Purchase
from operator_agent.plant.crude.assay import Assay

__all__ = [
    "NO_CRUDE_UNIT",
    "Alert",
    "Crude",
    "CrudeUnit",
    "CutPoint",
    "FlowRow",
    "LinearForm",
    "PlanningCase",
    "ProcessUnit",
    "Product",
    "Profile",
    "Purchase",
    "Spec",
    "UnitProduct",
    "Utilities",
]

SAME_CONTENT = 1e-12  # relative: sources of a stream that differ less give one and the same quality


@dataclass(frozen=True, slots=True)
class Crude:
    """A crude on offer.

    Attributes:
        name: key in slates.
        assay: its distillation and density.
        price: delivered [usd/m3].
        low, high: must be bought, may be bought [m3/s].
        sulphur: of the whole crude, mass fraction.
        tail_viscosity: of what boils over the vacuum cut, at 50 degC [m2/s].
        lot: flow that one cargo gives [m3/s]: whole lots are bought; 0 is any flow.
        at_least_if_any: least flow if any is bought [m3/s].
    """

    name: str
    assay: Assay
    price: float
    low: float
    high: float
    sulphur: float
    tail_viscosity: float
    lot: float = 0.0
    at_least_if_any: float = 0.0


@dataclass(frozen=True, slots=True)
class CutPoint:
    """A swing cut: where two neighbours of the crude unit part.

    Attributes:
        upper, lower: names of the lighter and the heavier stream.
        low, high: window of the cut temperature, on the true boiling point curve [K].
        target: CV that carries it to the controller, the T95 of the lighter stream.
        overlap: T95 of the lighter stream minus cut point [K].
    """

    upper: str
    lower: str
    low: float
    high: float
    target: str
    overlap: float

    @property
    def name(self) -> str:
        """Both neighbours, lighter first."""
        return f"{self.upper}/{self.lower}"

    @property
    def middle(self) -> float:
        """Middle of the window [K]."""
        return 0.5 * (self.low + self.high)


@dataclass(frozen=True, slots=True)
class CrudeUnit:
    """The atmospheric crude unit; without cuts it stands for a plant that has none.

    Attributes:
        low, high: turndown and capacity [m3/s of crude].
        energy: fired duty per feed [J/m3].
        steam: stripping steam per feed [kg/m3].
        operating_cost: other cost per feed [usd/m3].
        cuts: from light to heavy.
        vacuum_cut: boiling point up to which the vacuum unit can lift residue [K].
        diesel_end, diesel_tail: centre and width of the step that counts what boils over the
            diesel end point [K]; the width stands for imperfect separation.
        flash_front: how much lighter than its own boiling point a slice flashes, because cuts are
            not sharp [K].
    """

    low: float
    high: float
    energy: float
    steam: float
    operating_cost: float
    cuts: tuple[CutPoint, ...]
    vacuum_cut: float
    diesel_end: float
    diesel_tail: float
    flash_front: float

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the products, from light to heavy."""
        if not self.cuts:
            return ()
        return (*(cut.upper for cut in self.cuts), self.cuts[-1].lower)


NO_CRUDE_UNIT = CrudeUnit(0.0, 0.0, 0.0, 0.0, 0.0, (), 0.0, 0.0, 0.0, 0.0)
"""Of a plant that only takes purchased streams."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A property over the true boiling point; straight lines between points, flat outside.

    Attributes:
        temps: [K], rising, shape (n,).
        values: [SI], shape (n,).
    """

    temps: FloatArray
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Utilities:
    """What energy costs: fuel fired [usd/J] and steam [usd/kg]."""

    fuel_price: float
    steam_price: float


@dataclass(frozen=True)
class PlanningCase:
    """A refinery, its crudes and its markets for one period.

    Attributes:
        name: of the case.
        crudes, units, products: in the order of the file, by name.
        crude_unit: the atmospheric unit.
        profiles: property over boiling point by quality, shared by all crudes.
        utilities: prices of fuel and steam.
        slate: volume fractions that the feed must have; empty when the plan may choose.
        purchases: streams that are bought ready, by name.
        rows: limits on weighted sums of flows.
        alerts: ranges that are watched, not enforced.
        connections: of streams with tanks and other plants.
    """

    name: str
    crudes: Mapping[str, Crude]
    crude_unit: CrudeUnit
    profiles: Mapping[str, Profile]
    units: Mapping[str, ProcessUnit]
    products: Mapping[str, Product]
    utilities: Utilities
    slate: Mapping[str, float] = field(default_factory=dict)
    purchases: Mapping[str, Purchase] = field(default_factory=dict)
    rows: tuple[FlowRow, ...] = ()
    alerts: tuple[Alert, ...] = ()
    connections: Connections = UNCONNECTED

    @cached_property
    def operations(self) -> Mapping[str, ProcessUnit]:
        """What runs: the units without modes and the modes of the others, by name."""
        return {run.name: run for unit in self.units.values() for run in unit.operations}

    @cached_property
    def streams(self) -> tuple[str, ...]:
        """All streams, each after the streams that it is made from.

        Raises:
            InputError: units feed each other in a ring.
        """
        made = list(self.crude_unit.streams)
        names = [purchase.stream for purchase in self.purchases.values()]
        names += self.connections.arriving
        names += [made.stream for run in self.operations.values() for made in run.products]
        waiting = [stream for stream in dict.fromkeys(names) if stream not in made]
        while waiting:
            ready = [
                stream
                for stream in waiting
                if all(feed in made for run, _ in self.producers(stream) for feed in run.feeds)
            ]
            if not ready:
                raise InputError(
                    f"case {self.name}: streams {', '.join(waiting)} are made from each other in "
                    "a ring; take one unit out of it"
                )
            made += ready
            waiting = [stream for stream in waiting if stream not in ready]
        return tuple(made)

    def uses(self, stream: str) -> tuple[str, ...]:
        """Return the units (or their modes), then the products, that may take a stream."""
        return (
            *(name for name, run in self.operations.items() if stream in run.feeds),
            *(name for name, product in self.products.items() if stream in product.components),
        )

    def producers(self, stream: str) -> tuple[tuple[ProcessUnit, UnitProduct], ...]:
        """Return the units (or their modes) that make a stream, with their entry for it."""
        return tuple(
            (run, product)
            for run in self.operations.values()
            for product in run.products
            if product.stream == stream
        )

    def suppliers(self, stream: str) -> tuple[Purchase, ...]:
        """Return the purchases that join a stream."""
        return tuple(one for one in self.purchases.values() if one.stream == stream)

    def specified(self, item: str) -> ProcessUnit | Product:
        """Return the product, or the unit, whose blend or feed carries specifications."""
        return self.products[item] if item in self.products else self.units[item]

    @cached_property
    def contents(self) -> Mapping[str, tuple[str, ...]]:
        """The qualities that each stream must carry for the units and products that take it.

        Raises:
            InputError: a stream needs a quality that its unit or purchase does not give.
        """
        needed: dict[str, tuple[str, ...]] = {}
        for stream in reversed(self.streams):
            asked = self._asked(stream, needed)
            needed[stream] = tuple(dict.fromkeys(name for name, _ in asked))
            self._check_given(stream, asked)
        return needed

    def place_of(self, run: ProcessUnit) -> str:
        """Return where the case file writes a unit or a mode of one."""
        if run.name in self.units:
            return f"units.{run.name}"
        unit = next(unit.name for unit in self.units.values() if run in unit.modes)
        return f"units.{unit}.modes.{run.name.removeprefix(f'{unit}.')}"

    def asks_for(self, stream: str, quality: str) -> str:
        """Return where the case asks for a quality of a stream; empty when nothing asks."""
        asked = self._asked(stream, self.contents)
        return next((place for name, place in asked if name == quality), "")

    def _asked(self, stream: str, needed: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
        """Return the qualities that are asked of a stream, each with the place that asks."""
        asked = [(name, "tanks or transport") for name in self.connections.carried.get(stream, ())]
        for unit in self.units.values():
            for run in unit.operations:
                if stream in run.feeds:
                    asked += [(name, self.place_of(run)) for name in run.asked_of_feed(needed)]
                    asked += _asked_by(unit.specs, f"units.{unit.name}.feed_specs")
        for product in self.products.values():
            if stream in product.components:
                asked += _asked_by(product.specs, f"products.{product.name}.specs")
        return asked

    def _check_given(self, stream: str, asked: Sequence[tuple[str, str]]) -> None:
        sources: list[tuple[str, Mapping[str, object]]] = [
            (f"{self.place_of(run)}.products.{stream}", made.amounts)
            for run, made in self.producers(stream)
        ]
        sources += [(f"purchases.{one.name}", one.contents) for one in self.suppliers(stream)]
        for place, given in sources:
            for name, asks in asked:
                if name not in given:
                    raise InputError(
                        f"{place}: '{name}' is limited or used further on, by {asks}; add it "
                        "under qualities"
                    )

    @cached_property
    def constant_contents(self) -> Mapping[tuple[str, str], float]:
        """Contents by (stream, quality) that no decision changes, per m3.

        All sources of such a stream state the same fixed quality, and neither a tank nor transport
        brings another.
        """
        found = {}
        joined = {*self.connections.arriving, *self.connections.stocked}
        for stream in self.streams:
            if stream in joined:
                continue
            sources = [made.fixed for _, made in self.producers(stream)]
            sources += [one.contents for one in self.suppliers(stream)]
            for name in self.contents[stream] if stream not in self.crude_unit.streams else ():
                values = [source.get(name, math.nan) for source in sources]
                if all(abs(v - values[0]) <= SAME_CONTENT * abs(v) for v in values):
                    found[stream, name] = values[0]
        return found


def _asked_by(specs: Sequence[Spec], place: str) -> list[tuple[str, str]]:
    return [(name, f"{place}.{one.quality.name}") for one in specs for name in one.contents]
