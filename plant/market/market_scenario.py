"""What a refinery's market consists of: a marker crude, differentials, cracks, demands.

All prices hang on one marker crude. A product's price is the marker plus a crack, a crude's price
the marker plus a premium for its quality plus a differential; crack and differential wander around
their means. Sources of chance move together through loadings,

    draw = a * marker + sum(b_k * factor_k) + sqrt(1 - a^2 - sum(b_k^2)) * own

with independent standard normal draws on the right; so a further product or crude changes no draw
of the others.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from operator_agent.errors import InputError
from operator_agent.plant.market.mean_reverting import MeanReverting
from operator_agent.units import DAY_S

YEAR_S = 365.25 * DAY_S


@dataclass(frozen=True, slots=True)
class Season:
    """A yearly cycle: amplitude times the cosine of the time since its peak.

    Attributes:
        amplitude: [unit of what it is added to].
        peak_s: time of the year with the maximum [s].
    """

    amplitude: float = 0.0
    peak_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse cycles that are not finite."""
        if not (math.isfinite(self.amplitude) and math.isfinite(self.peak_s)):
            raise InputError(f"season {self.amplitude}, {self.peak_s} s: give finite numbers")

    def angle(self, year_s: float) -> float:
        """Return the phase at a time of the year [s]; the maximum is at zero."""
        return 2.0 * math.pi * (year_s - self.peak_s) / YEAR_S


@dataclass(frozen=True, slots=True)
class Chance:
    """How a source of chance moves, and with what it moves together.

    Attributes:
        process: of the deviation.
        loading_marker: correlation of its draws with those of the marker.
        loadings: correlation with common factors, by the factor's name.
    """

    process: MeanReverting
    loading_marker: float
    loadings: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse loadings that explain more than everything."""
        if not self.explained <= 1.0:
            raise InputError(
                f"loadings {self.loading_marker}, {dict(self.loadings)} have a sum of squares of "
                f"{self.explained:.3f}; it must stay below 1"
            )

    @property
    def explained(self) -> float:
        """Share of the variance of a draw that is common to others."""
        return self.loading_marker**2 + sum(value**2 for value in self.loadings.values())


@dataclass(frozen=True, slots=True)
class Marker:
    """The marker crude: its median price [usd/m3], the process of its logarithm, its quality.

    Attributes:
        price_median: [usd/m3].
        process: of ln(price / median).
        gravity_api: [degrees API].
        sulphur: mass fraction.
    """

    price_median: float
    process: MeanReverting
    gravity_api: float
    sulphur: float


@dataclass(frozen=True, slots=True)
class ProductMarket:
    """Price and demand of one product.

    Attributes:
        key: name in cases.
        crack_mean: price above the marker [usd/m3].
        crack_season: yearly cycle of the crack [usd/m3].
        crack: chance of the crack [usd/m3].
        demand_mean: [m3/s].
        demand_season: yearly cycle, as a fraction of the mean.
        demand: chance of the logarithm of the demand.
    """

    key: str
    crack_mean: float
    crack_season: Season
    crack: Chance
    demand_mean: float
    demand_season: Season
    demand: Chance

    def __post_init__(self) -> None:
        """Refuse demands that are not positive all year."""
        if not (math.isfinite(self.demand_mean) and self.demand_mean > 0.0):
            raise InputError(f"product {self.key}: demand {self.demand_mean} m3/s must be positive")
        if not abs(self.demand_season.amplitude) < 1.0:
            raise InputError(f"product {self.key}: a season of demand must stay below 100 %")
        if not math.isfinite(self.crack_mean):
            raise InputError(f"product {self.key}: crack {self.crack_mean} usd/m3 is not finite")


@dataclass(frozen=True, slots=True)
class CrudeMarket:
    """Quality and differential of one crude.

    Attributes:
        key: name of the crude.
        gravity_api: [degrees API].
        sulphur: mass fraction.
        other_mean: differential beside that for quality: freight and custom [usd/m3].
        differential: chance of the differential [usd/m3].
    """

    key: str
    gravity_api: float
    sulphur: float
    other_mean: float
    differential: Chance

    def __post_init__(self) -> None:
        """Refuse qualities that no crude has."""
        if not (0.0 < self.gravity_api < 100.0 and 0.0 <= self.sulphur < 0.2):
            raise InputError(
                f"crude {self.key}: gravity {self.gravity_api} API and sulphur {self.sulphur} "
                "are no crude's"
            )


@dataclass(frozen=True, slots=True)
class Premiums:
    """What quality is worth.

    Attributes:
        gravity: per degree API [usd/m3].
        sulphur: per mass fraction of sulphur less [usd/m3].
    """

    gravity: float
    sulphur: float


@dataclass(frozen=True, slots=True)
class MarketScenario:
    """A market, ready to be drawn from.

    Attributes:
        key: name of the case.
        marker: crude that all prices hang on.
        price_floor: below a few times this, prices bend and stay above zero [usd/m3].
        premiums: for quality.
        products: in order.
        crudes: in order.
        streams: product whose price moves each stream of the crude unit, by stream.
    """

    key: str
    marker: Marker
    price_floor: float
    premiums: Premiums
    products: tuple[ProductMarket, ...]
    crudes: tuple[CrudeMarket, ...]
    streams: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse doubles, unknown products and prices that are not positive."""
        for names in (self.product_keys, self.crude_keys):
            double = next((name for name in names if names.count(name) > 1), None)
            if double is not None:
                raise InputError(f"market {self.key}: '{double}' stands there twice; remove one")
        for stream, product in self.streams.items():
            if product not in self.product_keys:
                known = ", ".join(self.product_keys)
                raise InputError(
                    f"market {self.key}: stream '{stream}' follows unknown product '{product}'; "
                    f"the products are: {known}"
                )
        if not (self.marker.price_median > self.price_floor > 0.0):
            raise InputError(
                f"market {self.key}: the floor {self.price_floor} usd/m3 must be positive and "
                f"below the marker's median {self.marker.price_median} usd/m3"
            )

    @property
    def product_keys(self) -> tuple[str, ...]:
        """Names of the products in order."""
        return tuple(product.key for product in self.products)

    @property
    def crude_keys(self) -> tuple[str, ...]:
        """Names of the crudes in order."""
        return tuple(crude.key for crude in self.crudes)

    def crude(self, key: str) -> CrudeMarket:
        """Return a crude.

        Raises:
            InputError: there is none of this name.
        """
        for crude in self.crudes:
            if crude.key == key:
                return crude
        raise InputError(
            f"market {self.key} has no crude '{key}'; it has: {', '.join(self.crude_keys)}"
        )


def quality_premium(market: MarketScenario, crude: CrudeMarket) -> float:
    """Return what a crude's gravity and sulphur make it worth above the marker [usd/m3]."""
    lighter = crude.gravity_api - market.marker.gravity_api
    sweeter = market.marker.sulphur - crude.sulphur
    return market.premiums.gravity * lighter + market.premiums.sulphur * sweeter


def differential_mean(market: MarketScenario, crude: CrudeMarket) -> float:
    """Return the mean price of a crude above the marker [usd/m3]."""
    return quality_premium(market, crude) + crude.other_mean
