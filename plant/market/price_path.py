"""One seeded course of prices and demands, day by day.

Each source of chance has a stream of its own, and its draw depends on the seed, the source's name
and the day alone: a path may be continued, an action or a further product changes no draw.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.plant.market.market_scenario import (
    Chance,
    MarketScenario,
    Season,
    differential_mean,
)
from operator_agent.plant.simulation.streams import Streams, streams
from operator_agent.units import DAY_S

_MARKER = "market/marker"


@dataclass(frozen=True, slots=True)
class MarketState:
    """Where the wandering parts stand at the end of a day.

    Attributes:
        day: number of the day since the start of the market.
        deviations: of each source from its mean [unit of the source], by source.
    """

    day: int
    deviations: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PricePath:
    """Prices and demands on consecutive days.

    Attributes:
        days: numbers of the days, shape (n,).
        marker: price of the marker crude [usd/m3], shape (n,).
        crudes: price by crude [usd/m3], shape (n,) each.
        products: price by product [usd/m3], shape (n,) each.
        demands: by product [m3/s], shape (n,) each.
        cracks: price above the marker by product before prices are kept positive [usd/m3].
        end: state after the last day, from which a path may go on.
    """

    days: FloatArray
    marker: FloatArray
    crudes: Mapping[str, FloatArray]
    products: Mapping[str, FloatArray]
    demands: Mapping[str, FloatArray]
    cracks: Mapping[str, FloatArray]
    end: MarketState


def sources(market: MarketScenario) -> Mapping[str, Chance]:
    """Return all sources of chance beside the marker, by name of their stream."""
    found: dict[str, Chance] = {}
    for product in market.products:
        found[f"market/crack/{product.key}"] = product.crack
        found[f"market/demand/{product.key}"] = product.demand
    for crude in market.crudes:
        found[f"market/differential/{crude.key}"] = crude.differential
    return FrozenMapping(found)


def start_state(market: MarketScenario, seed: int) -> MarketState:
    """Return a state drawn from the long run, before day 0."""
    state = {
        name: chance.process.sd * float(_draws(chance, seed, name, np.array([-1]))[0])
        for name, chance in sources(market).items()
    }
    state[_MARKER] = market.marker.process.sd * float(_own(seed, _MARKER, np.array([-1]))[0])
    return MarketState(0, FrozenMapping(state))


def mean_state(market: MarketScenario) -> MarketState:
    """Return the state in which everything stands at its mean, before day 0."""
    return MarketState(0, FrozenMapping(dict.fromkeys((_MARKER, *sources(market)), 0.0)))


def price_path(
    market: MarketScenario, seed: int, days: int, state: MarketState | None = None
) -> PricePath:
    """Return prices and demands for a number of days.

    Args:
        market: parameters.
        seed: of all chance.
        days: how many, from 1.
        state: end of an earlier path with the same seed, or another start; a draw from the long
            run when not given. Day 0 is January 1.

    Raises:
        InputError: no days are asked for, or the state lacks a source of this market.
    """
    if days < 1:
        raise InputError(f"a price path of {days} days is empty; ask for one day or more")
    before = start_state(market, seed) if state is None else state
    missing = sorted({_MARKER, *sources(market)} - set(before.deviations))
    if missing:
        raise InputError(
            f"the state of the market lacks {missing[0]}; start from mean_state or start_state"
        )
    numbers = before.day + np.arange(days)
    paths = {
        name: chance.process.path(
            before.deviations[name], _draws(chance, seed, name, numbers), DAY_S
        )
        for name, chance in sources(market).items()
    }
    own = _own(seed, _MARKER, numbers)
    paths[_MARKER] = market.marker.process.path(before.deviations[_MARKER], own, DAY_S)
    end = {name: float(path[-1]) for name, path in paths.items()}
    return _assembled(market, numbers, paths, MarketState(before.day + days, FrozenMapping(end)))


def _assembled(
    market: MarketScenario,
    numbers: np.ndarray,
    paths: Mapping[str, FloatArray],
    end: MarketState,
) -> PricePath:
    year_s = numbers * DAY_S
    marker = market.marker.price_median * np.exp(paths[_MARKER])
    cracks, demands, crudes = {}, {}, {}
    for product in market.products:
        season = _season(product.crack_season, year_s)
        cracks[product.key] = product.crack_mean + season + paths[f"market/crack/{product.key}"]
        # The logarithm is shifted so that the mean of the demand is the stated one.
        wander = paths[f"market/demand/{product.key}"] - 0.5 * product.demand.process.sd**2
        cycle = 1.0 + _season(product.demand_season, year_s)
        demands[product.key] = product.demand_mean * cycle * np.exp(wander)
    for crude in market.crudes:
        shift = differential_mean(market, crude) + paths[f"market/differential/{crude.key}"]
        crudes[crude.key] = kept_positive(marker + shift, market.price_floor)
    products = {
        key: kept_positive(marker + crack, market.price_floor) for key, crack in cracks.items()
    }
    return PricePath(
        days=numbers.astype(np.float64),
        marker=marker,
        crudes=FrozenMapping(crudes),
        products=FrozenMapping(products),
        demands=FrozenMapping(demands),
        cracks=FrozenMapping(cracks),
        end=end,
    )


def kept_positive(price: FloatArray, floor: float) -> FloatArray:
    """Return prices bent to stay above zero: floor * ln(1 + exp(price / floor)).

    A price of five floors moves by 0.2 % of itself, one of ten floors not at all.
    """
    return np.asarray(floor * np.logaddexp(0.0, price / floor), dtype=np.float64)


def _season(season: Season, year_s: FloatArray) -> FloatArray:
    angles = np.array([season.angle(float(at)) for at in year_s])
    return np.asarray(season.amplitude * np.cos(angles))


def _own(seed: int, name: str, days: np.ndarray) -> FloatArray:
    """Return the independent standard normal draws of a stream, one for each day."""
    one = streams(seed, [name])
    n = len(days)
    keys = (np.repeat(one.keys[0], n), np.repeat(one.keys[1], n))
    normals = Streams((name,) * n, keys).normals(days.astype(np.int64))
    return np.asarray(normals, dtype=np.float64)


def _draws(chance: Chance, seed: int, name: str, days: np.ndarray) -> FloatArray:
    """Return the draws of a source: the part that it shares with others, and its own."""
    total = chance.loading_marker * _own(seed, _MARKER, days)
    for factor, loading in chance.loadings.items():
        total = total + loading * _own(seed, f"market/factor/{factor}", days)
    return total + math.sqrt(1.0 - chance.explained) * _own(seed, name, days)
