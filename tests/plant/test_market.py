"""Prices and demands: moments, positivity, streams of chance that do not disturb each other."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.market.market_file import load_market
from operator_agent.plant.market.market_scenario import (
    Chance,
    CrudeMarket,
    MarketScenario,
    ProductMarket,
    Season,
    differential_mean,
    quality_premium,
)
from operator_agent.plant.market.mean_reverting import MeanReverting
from operator_agent.plant.market.price_path import (
    MarketState,
    kept_positive,
    mean_state,
    price_path,
    start_state,
)
from operator_agent.units import DAY_S, OIL_BARREL_M3

FILE = Path(__file__).parents[2] / "cases" / "market" / "us_gulf.yaml"
MARKET = load_market(FILE)
LONG = price_path(MARKET, 7, 40_000)
_SIGMAS = 4.0  # of a confidence bound; with a fixed seed it holds or does not, for good


def effective(n: int, process: MeanReverting) -> float:
    """Number of independent values in a path of n days."""
    memory = process.memory(DAY_S)
    return n * (1.0 - memory) / (1.0 + memory)


def deviation(product: ProductMarket) -> np.ndarray:
    """The wandering part of a crack [usd/m3]."""
    season = [
        product.crack_season.amplitude * math.cos(product.crack_season.angle(day * DAY_S))
        for day in LONG.days
    ]
    return np.asarray(LONG.cracks[product.key] - np.array(season) - product.crack_mean)


def innovation(product: ProductMarket) -> np.ndarray:
    values = deviation(product)
    return np.asarray(values[1:] - product.crack.process.memory(DAY_S) * values[:-1])


@pytest.mark.parametrize("product", MARKET.products, ids=MARKET.product_keys)
def test_cracks_have_the_stated_mean_and_spread(product: ProductMarket) -> None:
    values, process = deviation(product), product.crack.process
    independent = effective(len(values), process)
    assert abs(values.mean()) < _SIGMAS * process.sd / math.sqrt(independent)
    assert values.std() == pytest.approx(process.sd, rel=_SIGMAS / math.sqrt(independent))


@pytest.mark.parametrize("product", MARKET.products, ids=MARKET.product_keys)
def test_cracks_have_the_stated_half_life(product: ProductMarket) -> None:
    values = deviation(product)
    memory = float(values[1:] @ values[:-1] / (values[:-1] @ values[:-1]))
    stated = product.crack.process.memory(DAY_S)
    # Standard error of a lag-one correlation: sqrt((1 - memory^2) / n).
    assert abs(memory - stated) < _SIGMAS * math.sqrt((1.0 - stated**2) / len(values))


def test_cracks_move_together_as_their_loadings_say() -> None:
    jet, diesel = MARKET.products[1], MARKET.products[2]
    stated = jet.crack.loading_marker * diesel.crack.loading_marker
    stated += jet.crack.loadings["distillate"] * diesel.crack.loadings["distillate"]
    found = float(np.corrcoef(innovation(jet), innovation(diesel))[0, 1])
    assert stated > 0.5
    assert abs(found - stated) < _SIGMAS * (1.0 - stated**2) / math.sqrt(len(LONG.days))


def test_marker_has_the_stated_median_and_volatility() -> None:
    logs = np.log(LONG.marker / MARKET.marker.price_median)
    process = MARKET.marker.process
    independent = effective(len(logs), process)
    assert abs(logs.mean()) < _SIGMAS * process.sd / math.sqrt(independent)
    # 0.36 per root year: the volatility of monthly prices since 2010 (see the case).
    daily = np.diff(logs).std() * math.sqrt(365.25)
    assert daily == pytest.approx(0.36, abs=0.01)


def test_many_seeds_agree_with_one_long_path() -> None:
    process = MARKET.products[0].crack.process
    starts = [start_state(MARKET, seed).deviations["market/crack/gasoline"] for seed in range(150)]
    assert abs(np.mean(starts)) < _SIGMAS * process.sd / math.sqrt(150.0)
    assert np.std(starts) == pytest.approx(process.sd, rel=_SIGMAS / math.sqrt(300.0))


@pytest.mark.parametrize("product", MARKET.products, ids=MARKET.product_keys)
def test_demand_has_the_stated_mean_and_season(product: ProductMarket) -> None:
    values = LONG.demands[product.key]
    n = effective(len(values), product.demand.process)
    spread = product.demand_mean * product.demand.process.sd
    assert abs(values.mean() - product.demand_mean) < _SIGMAS * spread / math.sqrt(n)
    assert bool(np.all(values > 0.0))
    cycle = np.array([math.cos(product.demand_season.angle(day * DAY_S)) for day in LONG.days])
    found = 2.0 * float(np.mean(values * cycle)) / product.demand_mean
    assert found == pytest.approx(product.demand_season.amplitude, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 3.0), st.floats(0.0, 5e3))
def test_prices_never_fall_to_zero(seed: int, wild: float, crack_sd: float) -> None:
    marker = replace(MARKET.marker, process=MeanReverting(60.0 * DAY_S, wild))
    product = MARKET.products[4]
    crack = replace(product.crack, process=MeanReverting(20.0 * DAY_S, crack_sd))
    market = replace(MARKET, marker=marker, products=(replace(product, crack=crack),), streams={})
    path = price_path(market, seed, 60)
    for prices in (path.marker, *path.products.values(), *path.crudes.values()):
        assert bool(np.all(np.isfinite(prices) & (prices > 0.0)))


def test_the_floor_leaves_usual_prices_alone() -> None:
    floor = MARKET.price_floor
    usual = np.array([5.0, 10.0, 20.0]) * floor
    bent = kept_positive(usual, floor)
    assert bent[0] == pytest.approx(usual[0], rel=2e-3)
    assert bent[1:] == pytest.approx(usual[1:], rel=1e-5)
    assert bool(np.all(np.diff(kept_positive(np.linspace(-500.0, 500.0, 99), floor)) > 0.0))


def test_same_seed_same_path_and_other_seed_another() -> None:
    one, two, other = (price_path(MARKET, seed, 30) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.products["jet"], two.products["jet"])
    assert not np.allclose(one.products["jet"], other.products["jet"])


def test_a_path_goes_on_where_it_stopped() -> None:
    whole = price_path(MARKET, 5, 40)
    first = price_path(MARKET, 5, 15)
    rest = price_path(MARKET, 5, 25, first.end)
    joined = np.concatenate((first.products["diesel"], rest.products["diesel"]))
    np.testing.assert_allclose(joined, whole.products["diesel"], rtol=1e-12)
    assert rest.end.day == whole.end.day == 40


def added(market: MarketScenario) -> MarketScenario:
    product = replace(market.products[0], key="asphalt")
    crude = replace(market.crudes[0], key="brent")
    return replace(market, products=(product, *market.products), crudes=(crude, *market.crudes))


def dropped(market: MarketScenario) -> MarketScenario:
    return replace(market, products=market.products[:3], crudes=market.crudes[1:], streams={})


@pytest.mark.parametrize("change", [added, dropped])
def test_other_products_and_crudes_change_no_draw(
    change: Callable[[MarketScenario], MarketScenario],
) -> None:
    before, after = price_path(MARKET, 11, 50), price_path(change(MARKET), 11, 50)
    np.testing.assert_array_equal(before.marker, after.marker)
    for key in ("gasoline", "jet", "diesel"):
        np.testing.assert_array_equal(before.products[key], after.products[key])
        np.testing.assert_array_equal(before.demands[key], after.demands[key])
    for key in ("maya", "bonny_light"):
        np.testing.assert_array_equal(before.crudes[key], after.crudes[key])


def test_without_chance_prices_stand_at_their_means() -> None:
    still = MeanReverting(30.0 * DAY_S, 0.0)
    market = replace(
        MARKET,
        marker=replace(MARKET.marker, process=still),
        crudes=tuple(replace(c, differential=Chance(still, 0.0, {})) for c in MARKET.crudes),
    )
    path = price_path(market, 1, 3, mean_state(market))
    expected = MARKET.marker.price_median + differential_mean(MARKET, MARKET.crude("maya"))
    assert path.crudes["maya"] == pytest.approx(expected, rel=1e-4)


def test_quality_spreads_the_crudes_as_the_planning_cases_price_them() -> None:
    # cases/refinery/coastal_refinery.yaml: Bonny 76.2, Arabian 71.4, Maya 64.0 usd/bbl.
    premium = {crude.key: quality_premium(MARKET, crude) * OIL_BARREL_M3 for crude in MARKET.crudes}
    assert premium["arabian_light"] - premium["maya"] == pytest.approx(7.4, abs=1.0)
    assert premium["bonny_light"] - premium["arabian_light"] == pytest.approx(4.8, abs=1.0)


def test_impossible_markets_are_refused() -> None:
    product, crude = MARKET.products[0], MARKET.crudes[0]
    with pytest.raises(InputError, match="half-life"):
        MeanReverting(0.0, 1.0)
    with pytest.raises(InputError, match="standard deviation"):
        MeanReverting(1.0, math.nan)
    with pytest.raises(InputError, match=r"sum of squares of 1\.280"):
        Chance(MeanReverting(1.0, 1.0), 0.8, MappingProxyType({"x": 0.8}))
    with pytest.raises(InputError, match="must be positive"):
        replace(product, demand_mean=0.0)
    with pytest.raises(InputError, match="stay below 100 %"):
        replace(product, demand_season=Season(1.2))
    with pytest.raises(InputError, match="is not finite"):
        replace(product, crack_mean=math.inf)
    with pytest.raises(InputError, match="finite numbers"):
        Season(math.nan)
    with pytest.raises(InputError, match="no crude's"):
        CrudeMarket("x", -3.0, 0.01, 0.0, crude.differential)
    with pytest.raises(InputError, match="'gasoline' stands there twice"):
        replace(MARKET, products=(product, product), streams={})
    with pytest.raises(InputError, match="unknown product 'petrol'"):
        replace(MARKET, streams={"naphtha": "petrol"})
    with pytest.raises(InputError, match="below the marker's median"):
        replace(MARKET, price_floor=1e4)
    with pytest.raises(InputError, match="has no crude 'brent'"):
        MARKET.crude("brent")


def test_impossible_paths_are_refused() -> None:
    with pytest.raises(InputError, match="0 days is empty"):
        price_path(MARKET, 1, 0)
    with pytest.raises(InputError, match="lacks market/crack/diesel"):
        price_path(MARKET, 1, 3, MarketState(0, MappingProxyType({})))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("price_floor:", "price_flor:", "'price_floor' is missing; 'price_flor' is there"),
        ("value: 72.0, unit: usd/bbl", "value: 72.0, unit: degC", "unit 'degC' is a temperature"),
        ("naphtha: gasoline", "naphtha: petrol", "unknown product 'petrol'"),
        ("value: 0.75", "value: .nan", "expected a finite number"),
        ("price_floor:", "price_ceiling: 3\nprice_floor:", "unknown key 'price_ceiling'"),
    ],
)
def test_wrong_case_is_refused_with_the_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "market.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_market(path)
