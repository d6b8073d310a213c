"""What is bought ready, what is sold, and what planners watch: streams, products, rows, alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from operator_agent.planning.spec import Spec


@dataclass(frozen=True, slots=True)
class Purchase:
    """A stream that is bought ready, as a feedstock or a blend component.

    Attributes:
        name: in reports.
        stream: that it joins.
        price: delivered [usd/m3].
        low, high: must be bought, may be bought [m3/s].
        contents: of one m3, by quality.
        lot: flow that one parcel gives [m3/s]: whole lots are bought; 0 is any flow.
        at_least_if_any: least flow if any is bought [m3/s].
    """

    name: str
    stream: str
    price: float
    low: float
    high: float
    contents: Mapping[str, float]
    lot: float = 0.0
    at_least_if_any: float = 0.0


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its recipe choices, specifications and market.

    Attributes:
        name: in reports.
        components: streams that may go in.
        price: at the gate [usd/m3].
        low, high: must be sold, can be sold [m3/s].
        specs: of the blend.
        recipe: volume parts by component; empty when the plan may choose.
    """

    name: str
    components: tuple[str, ...]
    price: float
    low: float
    high: float
    specs: tuple[Spec, ...]
    recipe: Mapping[str, float] = field(default_factory=dict)

    @property
    def draws(self) -> tuple[tuple[str, str], ...]:
        """The draws that are blended, as (stream, use)."""
        return tuple((stream, self.name) for stream in self.components)


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A limit on a weighted sum of flows, such as a ratio of two sales.

    Attributes:
        name: in reports.
        of: weight by path of a flow (see `flow_paths`).
        low, high: of the sum [m3/s]; None is no limit.
        unit: in which the case states it, for reports.
    """

    name: str
    of: Mapping[str, float]
    low: float | None
    high: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A range that is reported when it is left, but not enforced.

    Attributes:
        of: path of a flow or a quality (see `flow_paths`).
        warn_below, warn_above: where a warning begins [SI]; None is no bound.
        error_below, error_above: where it becomes an error [SI]; None is no bound.
        unit: in which the case states it, for reports.
    """

    of: str
    warn_below: float | None
    warn_above: float | None
    error_below: float | None
    error_above: float | None
    unit: str
