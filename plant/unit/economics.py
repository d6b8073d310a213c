"""What the unit earns: products at plan prices, less feed, energy and off-specification losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.plant.unit.case import Specification
from operator_agent.plant.variables import PRODUCTS

FEED = "feed"
_LEAST_FEED_KG_S = 1.0  # below it, under 1 % of any unit's feed, energy per crude says nothing


@dataclass(frozen=True, slots=True)
class ProfitRate:
    """Money per time, and energy per feed.

    Attributes:
        profit_usd_s: product value less all costs.
        product_value_usd_s: as if all products met their specifications.
        feed_cost_usd_s, energy_cost_usd_s: crude that really flows; fuel and steam.
        off_spec_cost_usd_s: value lost by products outside their specifications.
        energy_j_per_kg_crude: fired duty per mass of crude; 0 while no crude flows, as after a trip
            of the feed pump.
    """

    profit_usd_s: float
    product_value_usd_s: float
    feed_cost_usd_s: float
    energy_cost_usd_s: float
    off_spec_cost_usd_s: float
    energy_j_per_kg_crude: float


def profit_rate(
    truth: Mapping[str, float],
    prices: EconomicTargets,
    specifications: Sequence[Specification],
) -> ProfitRate:
    """Return what the unit earns at a moment.

    A product outside a limit loses value in proportion to the exceedance, down to the price of the
    stream below it at `span`: the cost of correcting it by blending or reprocessing. Of several
    broken limits the worst counts.

    Args:
        truth: variables of the unit by name [SI], as `Simulator.truth` gives them.
        prices: of the streams [usd/m3], energy [usd/J] and steam [usd/kg].
        specifications: limits on the products, from the case.

    Raises:
        InputError: a price or a variable is missing.
    """
    value = sum(
        _of(truth, f"flow_vol_product_{product}") * _price(prices, product) for product in PRODUCTS
    )
    feed = _of(truth, "flow_vol_feed_actual") * _price(prices, FEED)
    feed_kg_s = _of(truth, "flow_mass_feed")
    fired = _of(truth, "duty_fired")
    energy = fired * prices.energy_price + _of(truth, "flow_mass_steam") * prices.steam_price
    lost = sum(_lost(truth, prices, product, specifications) for product in PRODUCTS)
    return ProfitRate(
        profit_usd_s=value - feed - energy - lost,
        product_value_usd_s=value,
        feed_cost_usd_s=feed,
        energy_cost_usd_s=energy,
        off_spec_cost_usd_s=lost,
        energy_j_per_kg_crude=fired / feed_kg_s if feed_kg_s > _LEAST_FEED_KG_S else 0.0,
    )


def _lost(
    truth: Mapping[str, float],
    prices: EconomicTargets,
    product: str,
    specifications: Sequence[Specification],
) -> float:
    losses = [0.0]
    for spec in specifications:
        if spec.product != product:
            continue
        drop = max(_price(prices, product) - _price(prices, spec.next_product), 0.0)
        losses.append(drop * min(exceedance(truth, spec) / spec.span, 1.0))
    return max(losses) * _of(truth, f"flow_vol_product_{product}")


def exceedance(truth: Mapping[str, float], spec: Specification) -> float:
    """Return how far the product itself, ahead of any analyser lag, is outside a limit [K]."""
    value = _of(truth, f"{spec.variable}_product")
    return max(spec.low - value, value - spec.high, 0.0)


def prices_with(prices: EconomicTargets, factors: Mapping[str, float]) -> EconomicTargets:
    """Return prices with a factor on some streams, as after a `PriceChange`.

    Raises:
        InputError: a factor names a stream that has no price.
    """
    for name in factors:
        _price(prices, name)
    changed = {name: price * factors.get(name, 1.0) for name, price in prices.stream_prices.items()}
    return replace(prices, stream_prices=changed)


def _price(prices: EconomicTargets, stream: str) -> float:
    if stream not in prices.stream_prices:
        known = ", ".join(prices.stream_prices)
        raise InputError(f"no price for stream '{stream}'; there are prices for: {known}")
    return prices.stream_prices[stream]


def _of(truth: Mapping[str, float], name: str) -> float:
    if name not in truth:
        raise InputError(f"variable '{name}' is needed for the profit and is missing")
    return truth[name]
