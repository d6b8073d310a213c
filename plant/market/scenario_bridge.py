"""From the market to the unit: price paths and fed slates as factors, prices and events."""

from collections.abc import Mapping

import numpy as np

from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.plant.market.market_scenario import MarketScenario
from operator_agent.plant.market.price_path import PricePath
from operator_agent.plant.market.supply import SupplyHistory
from operator_agent.plant.simulation.events import CrudeSwitch, Event, PriceChange
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.units import DAY_S

FEED = "feed"  # name of the crude among the priced streams


def crude_cost(path: PricePath, slate: Mapping[str, float], index: int) -> float:
    """Return the price of a slate on a day of a path [usd/m3].

    Args:
        path: prices.
        slate: volume fraction by crude.
        index: of the day in the path.

    Raises:
        InputError: the slate names a crude that has no price.
    """
    for crude in slate:
        if crude not in path.crudes:
            known = ", ".join(path.crudes)
            raise InputError(f"no price for crude '{crude}'; there are prices for: {known}")
    return float(sum(share * path.crudes[crude][index] for crude, share in slate.items()))


def price_factors(
    market: MarketScenario,
    path: PricePath,
    slate: Mapping[str, float],
    index: int,
    reference: int = 0,
) -> Mapping[str, float]:
    """Return by which factor each stream's price has moved since a reference day.

    A stream of the unit moves with the product that it becomes; `feed` with the slate's crudes.

    Args:
        market: says which product a stream follows.
        path: prices.
        slate: volume fraction by crude.
        index: of the day in the path.
        reference: of the day for which the plan's prices hold.

    Raises:
        InputError: a day is outside the path, or the slate names a crude without a price.
    """
    for day in (index, reference):
        if not 0 <= day < len(path.days):
            raise InputError(f"day {day} is outside the price path of {len(path.days)} days")
    factors = {
        stream: float(path.products[product][index] / path.products[product][reference])
        for stream, product in market.streams.items()
    }
    factors[FEED] = crude_cost(path, slate, index) / crude_cost(path, slate, reference)
    return FrozenMapping(factors)


def price_changes(
    market: MarketScenario, path: PricePath, slate: Mapping[str, float], every_days: int = 1
) -> tuple[PriceChange, ...]:
    """Return the path as events; the first day is the reference and time zero.

    Args:
        market: says which product a stream follows.
        path: prices.
        slate: volume fraction by crude, for the price of the feed.
        every_days: between two events.

    Raises:
        InputError: `every_days` is below 1, or the slate names a crude without a price.
    """
    if every_days < 1:
        raise InputError(f"price changes every {every_days} days; give 1 or more")
    return tuple(
        PriceChange(index * DAY_S, price_factors(market, path, slate, index))
        for index in range(every_days, len(path.days), every_days)
    )


def crude_switches(
    history: SupplyHistory, ramp_s: float = 3600.0, threshold: float = 0.01
) -> tuple[CrudeSwitch, ...]:
    """Return the declared slates of a tank farm as events.

    An event comes when a fraction has moved by more than the threshold since the last one. The
    slate of the first step is none: the unit starts with it (see `start_slate`).

    Args:
        history: of the tank farm.
        ramp_s: in which the unit's feed line passes from one slate to the next [s].
        threshold: change of a volume fraction.
    """
    found = []
    last = history.declared[0]
    for time_s, declared in zip(history.times[1:], history.declared[1:], strict=True):
        if float(np.max(np.abs(declared - last))) > threshold:
            slate = _slate(history.crude_keys, declared)
            found.append(CrudeSwitch(float(time_s), ramp_s, slate))
            last = declared
    return tuple(found)


def start_slate(history: SupplyHistory) -> Mapping[str, float]:
    """Return the declared slate of the first step."""
    return _slate(history.crude_keys, history.declared[0])


def mean_slate_error(history: SupplyHistory) -> Mapping[str, float]:
    """Return true minus declared fraction by crude, averaged over the feed."""
    difference = history.true - history.declared
    mean = history.volumes @ difference / max(float(history.volumes.sum()), 1e-9)
    mean = mean - mean.sum() / len(mean)  # adds up to zero to the last digit
    return FrozenMapping(
        {key: float(value) for key, value in zip(history.crude_keys, mean, strict=True)}
    )


def scenario_of(
    market: MarketScenario,
    path: PricePath,
    history: SupplyHistory,
    ramp_s: float = 3600.0,
    every_days: int = 1,
) -> Scenario:
    """Return the episode that a price path and a tank farm make for the unit.

    The price of the feed follows the slate of the start. The error of the declared slate enters as
    its mean over the feed: a scenario has one.

    Args:
        market: says which product a stream follows.
        path: prices, day 0 at time zero.
        history: of the tank farm, from time zero.
        ramp_s: of a change of crude [s].
        every_days: between two changes of prices.

    Raises:
        InputError: the history is shorter than two steps, or as for `price_changes`.
    """
    if len(history.times) < 2:
        raise InputError("a scenario needs a history of the tank farm of two steps or more")
    step_s = float(history.times[1] - history.times[0])
    duration_s = float(history.times[-1]) + step_s
    changes = price_changes(market, path, start_slate(history), every_days)
    events: list[Event] = [change for change in changes if change.at_s < duration_s]
    events += crude_switches(history, ramp_s)
    return Scenario(
        duration_s=duration_s,
        events=tuple(sorted(events, key=lambda event: event.at_s)),
        slate_error=mean_slate_error(history),
        slate_error_ramp_s=ramp_s,
    )


def _slate(crude_keys: tuple[str, ...], fractions: np.ndarray) -> Mapping[str, float]:
    return FrozenMapping(
        {key: float(value) for key, value in zip(crude_keys, fractions, strict=True)}
    )
