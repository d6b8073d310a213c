"""Process units: what they may take, what each of their modes makes of it, and at what cost.

A `LinearForm` says what one m3 of feed gives, as a base and slopes over the contents of that m3
(see `qualities`). Base yields and their deltas, distribution of sulphur over products, and costs
by sulphur removed all take this shape, so mixed feeds need no averaging: forms add up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from operator_agent.planning.spec import Spec


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
class UnitProduct:
    """One product of a process unit.

    Attributes:
        stream: that it feeds.
        yielded: volume per m3 of feed.
        amounts: content of each stated quality, per m3 of feed.
        fixed: contents that do not depend on the feed, per m3 of product.
    """

    stream: str
    yielded: LinearForm
    amounts: Mapping[str, LinearForm]
    fixed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessUnit:
    """A unit behind the crude unit, or one of the modes in which it may run.

    Attributes:
        name: in reports; of a mode, `unit.mode`.
        feeds: streams that it may take.
        low, high: turndown and capacity [m3/s of feed]; modes share those of their unit.
        energy: fired duty per feed [J/m3].
        cost: other cost per feed [usd/m3].
        products: what it makes; empty when the modes say it.
        specs: limits on the quality of its mixed feed.
        modes: ways to run it, in shares of time; empty for a unit that runs in one way.
        exclusive: whether only one mode may run in the period.
    """

    name: str
    feeds: tuple[str, ...]
    low: float
    high: float
    energy: float
    cost: LinearForm
    products: tuple[UnitProduct, ...]
    specs: tuple[Spec, ...] = ()
    modes: tuple["ProcessUnit", ...] = ()
    exclusive: bool = False

    @property
    def operations(self) -> tuple["ProcessUnit", ...]:
        """The modes, or the unit itself when it has none."""
        return self.modes or (self,)

    @property
    def draws(self) -> tuple[tuple[str, str], ...]:
        """The draws that feed it, as (stream, use)."""
        return tuple((feed, run.name) for run in self.operations for feed in run.feeds)

    def asked_of_feed(self, needed: Mapping[str, tuple[str, ...]]) -> list[str]:
        """Return the qualities on which yields, qualities and cost of this operation depend.

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
