"""A planning case as values: what may be bought, run, blended and sold, all in SI.

A `LinearForm` says what one m3 of feed gives, as a base and slopes over the contents of that m3
(see `qualities`). Base yields and their deltas, distribution of sulphur over products, and costs
by sulphur removed all take this shape, so mixed feeds need no averaging: forms add up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.qualities import Basis, Quality
from operator_agent.plant.assay import Assay


@dataclass(frozen=True, slots=True)
class LinearForm:
    """base + sum of slope times content, per m3 of feed.

    Attributes:
        base: for a feed without contents.
        slopes: by quality name.
    """

    base: float
    slopes: Mapping[str, float] = field(default_factory=dict)

    def times(self, factor: float) -> "LinearForm":
        """Return the form multiplied by a number."""
        return LinearForm(
            self.base * factor, {name: slope * factor for name, slope in self.slopes.items()}
        )


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
    """

    name: str
    assay: Assay
    price: float
    low: float
    high: float
    sulphur: float
    tail_viscosity: float


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
    """The atmospheric crude unit.

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
        return (*(cut.upper for cut in self.cuts), self.cuts[-1].lower)


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
class UnitProduct:
    """One product of a process unit.

    Attributes:
        stream: that it feeds.
        yielded: volume per m3 of feed.
        amounts: content of each stated quality, per m3 of feed.
    """

    stream: str
    yielded: LinearForm
    amounts: Mapping[str, LinearForm]


@dataclass(frozen=True, slots=True)
class ProcessUnit:
    """A unit behind the crude unit.

    Attributes:
        name: in reports.
        feeds: streams that it may take.
        low, high: turndown and capacity [m3/s of feed].
        energy: fired duty per feed [J/m3].
        cost: other cost per feed [usd/m3].
        products: what it makes.
    """

    name: str
    feeds: tuple[str, ...]
    low: float
    high: float
    energy: float
    cost: LinearForm
    products: tuple[UnitProduct, ...]

    def asked_of_feed(self, needed: Mapping[str, tuple[str, ...]]) -> list[str]:
        """Return the qualities that the unit asks of its feed.

        Args:
            needed: qualities by stream, for all products of this unit.
        """
        forms = [self.cost]
        for product in self.products:
            kept = [
                product.amounts[name] for name in needed[product.stream] if name in product.amounts
            ]
            forms += [product.yielded, *kept]
        return [name for form in forms for name in form.slopes]


@dataclass(frozen=True, slots=True)
class Spec:
    """A specification of a product.

    Attributes:
        quality: that is limited.
        low, high: value at least, at most [SI]; None is no limit.
        unit: in which the case states it, for reports.
    """

    quality: Quality
    low: float | None
    high: float | None
    unit: str

    @property
    def contents(self) -> tuple[str, ...]:
        """The contents that a component must carry to meet it."""
        if self.quality.basis is Basis.MASS:
            return (self.quality.name, "density")
        return (self.quality.name,)


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its recipe choices, specifications and market.

    Attributes:
        name: in reports.
        components: streams that may go in.
        price: at the gate [usd/m3].
        low, high: must be sold, can be sold [m3/s].
        specs: of the blend.
    """

    name: str
    components: tuple[str, ...]
    price: float
    low: float
    high: float
    specs: tuple[Spec, ...]


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
    """

    name: str
    crudes: Mapping[str, Crude]
    crude_unit: CrudeUnit
    profiles: Mapping[str, Profile]
    units: Mapping[str, ProcessUnit]
    products: Mapping[str, Product]
    utilities: Utilities
    slate: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def streams(self) -> tuple[str, ...]:
        """All streams, each after the streams that it is made from.

        Raises:
            InputError: units feed each other in a ring.
        """
        made = list(self.crude_unit.streams)
        names = (product.stream for unit in self.units.values() for product in unit.products)
        waiting = list(dict.fromkeys(names))
        while waiting:
            ready = [
                stream
                for stream in waiting
                if all(feed in made for unit, _ in self.producers(stream) for feed in unit.feeds)
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
        """Return the units, then the products, that may take a stream."""
        return (
            *(name for name, unit in self.units.items() if stream in unit.feeds),
            *(name for name, product in self.products.items() if stream in product.components),
        )

    def producers(self, stream: str) -> tuple[tuple[ProcessUnit, UnitProduct], ...]:
        """Return the units that make a stream, with their entry for it."""
        return tuple(
            (unit, product)
            for unit in self.units.values()
            for product in unit.products
            if product.stream == stream
        )

    @cached_property
    def contents(self) -> Mapping[str, tuple[str, ...]]:
        """The qualities that each stream must carry for the units and products that take it.

        Raises:
            InputError: a stream needs a quality that its unit does not give.
        """
        needed: dict[str, tuple[str, ...]] = {}
        for stream in reversed(self.streams):
            names: list[str] = []
            for unit in self.units.values():
                if stream in unit.feeds:
                    names += unit.asked_of_feed(needed)
            for product in self.products.values():
                if stream in product.components:
                    names += [name for spec in product.specs for name in spec.contents]
            needed[stream] = tuple(dict.fromkeys(names))
            for unit, made in self.producers(stream):
                for name in needed[stream]:
                    if name not in made.amounts:
                        raise InputError(
                            f"units.{unit.name}.products.{stream}: '{name}' is limited or used "
                            f"further on; add it under qualities"
                        )
        return needed
