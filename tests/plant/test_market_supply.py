"""Cargoes, tanks and the way from the market to the unit."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.market.arrivals import Cargo, CargoProgramme, arrivals
from operator_agent.plant.market.market_file import load_market, load_supply
from operator_agent.plant.market.price_path import price_path
from operator_agent.plant.market.scenario_bridge import (
    FEED,
    crude_cost,
    crude_switches,
    mean_slate_error,
    price_changes,
    price_factors,
    scenario_of,
    start_slate,
)
from operator_agent.plant.market.supply import CrudeSupply, run_supply, standing_order
from operator_agent.plant.market.tank_farm import TankFarm
from operator_agent.plant.market.tank_state import (
    FarmOrder,
    FarmState,
    FarmStatus,
    Tank,
    mixed,
)
from operator_agent.plant.simulation.events import CrudeSwitch, PriceChange
from operator_agent.plant.simulation.scenario import check_slates
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.units import DAY_S, HOUR_S, to_si

FILE = Path(__file__).parents[2] / "cases" / "market" / "us_gulf.yaml"
MARKET, SUPPLY = load_market(FILE), load_supply(FILE)
FEED_FLOW = to_si(100.0, "kbbl/d")
MONTH = run_supply(SUPPLY, 1, 30 * DAY_S, FEED_FLOW)
SMALL = TankFarm(
    crude_keys=("light", "heavy"),
    tanks=(
        Tank("A", 1000.0, 100.0, 600.0, "light", "heavy"),
        Tank("B", 1000.0, 100.0, 500.0, "heavy", "heavy"),
        Tank("C", 1000.0, 100.0, 100.0, "light", "heavy"),
    ),
    flow_vol_unload=0.1,
    settling_s=4.0 * HOUR_S,
)


def ship(arrival_s: float, volume_m3: float = 600.0, crude: str = "light") -> Cargo:
    return Cargo(crude, 0, volume_m3, volume_m3, (0.0, arrival_s), arrival_s)


def held(state: FarmState) -> np.ndarray:
    """Volume of each crude in tanks and ships [m3]."""
    keys = SMALL.crude_keys
    tanks = sum(np.array(tank.true) * tank.volume_m3 for tank in state.tanks)
    ships = sum(
        (np.array([one.cargo.crude == key for key in keys]) * one.left_m3 for one in state.ships),
        np.zeros(len(keys)),
    )
    return np.asarray(tanks + ships)


orders = st.tuples(
    st.permutations(["A", "B", "C"]),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.05),
    st.booleans(),
    st.floats(60.0, 6.0 * HOUR_S),
)
ships = st.lists(
    st.tuples(st.floats(0.0, DAY_S), st.floats(10.0, 900.0), st.sampled_from(["light", "heavy"])),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(orders, min_size=1, max_size=8), ships)
def test_volume_and_composition_are_conserved(
    steps: list[tuple[list[str], float, float, bool, float]],
    due: list[tuple[float, float, str]],
) -> None:
    cargoes = [ship(*one) for one in due]
    state = SMALL.start()
    before, came, fed = held(state), np.zeros(2), np.zeros(2)
    for keys, share, flow, receives, duration_s in steps:
        order = FarmOrder(keys[0], keys[1], share, flow, keys[2] if receives else None)
        known = {id(one.cargo) for one in state.ships}
        start_s = state.time_s
        state, output = SMALL.step(state, order, cargoes, duration_s)
        for cargo in cargoes:
            at_start = start_s == 0.0 and cargo.arrival_s == 0.0
            if (start_s < cargo.arrival_s <= state.time_s or at_start) and id(cargo) not in known:
                came += cargo.volume_m3 * np.array([cargo.crude == key for key in SMALL.crude_keys])
        fed += output.volume_m3 * np.array(output.true)
        assert output.volume_m3 <= flow * duration_s * (1.0 + 1e-9)
        assert sum(output.true) == pytest.approx(1.0)
        assert sum(output.declared) == pytest.approx(1.0)
        for tank, now in zip(SMALL.tanks, state.tanks, strict=True):
            assert tank.heel_m3 - 1e-6 <= now.volume_m3 <= tank.capacity_m3 + 1e-6
            assert sum(now.true) == pytest.approx(1.0)
    np.testing.assert_allclose(before + came - fed, held(state), atol=1e-5)


def test_books_do_not_know_the_bottoms() -> None:
    # 500 of 600 m3 are light; 100 m3 of heavy lie below the outlet and mix in.
    state = SMALL.start()
    assert state.tanks[0].declared == (1.0, 0.0)
    assert state.tanks[0].true == pytest.approx((5.0 / 6.0, 1.0 / 6.0))
    _, output = SMALL.step(state, FarmOrder("A", "B", 1.0, 0.01, None), [], HOUR_S)
    assert output.declared == (1.0, 0.0)
    assert output.true == pytest.approx((5.0 / 6.0, 1.0 / 6.0))


def test_blend_header_mixes_two_tanks() -> None:
    order = FarmOrder("A", "B", 0.25, 0.01, None)
    state, output = SMALL.step(SMALL.start(), order, [], 2.0 * HOUR_S)
    assert output.status is FarmStatus.DELIVERED
    assert output.declared == pytest.approx((0.25, 0.75))
    assert state.tanks[0].volume_m3 == pytest.approx(600.0 - 0.25 * 72.0)
    assert state.tanks[1].volume_m3 == pytest.approx(500.0 - 0.75 * 72.0)


def test_a_tank_that_runs_out_says_so_and_keeps_its_heel() -> None:
    order = FarmOrder("A", "B", 0.5, 0.05, None)
    state, output = SMALL.step(SMALL.start(), order, [], 6.0 * HOUR_S)
    assert output.status is FarmStatus.RUN_OUT
    assert "tank B ran out" in output.reason
    assert state.tanks[1].volume_m3 == pytest.approx(100.0)
    assert output.volume_m3 == pytest.approx(400.0 + 500.0)


def test_a_tank_settles_before_it_feeds() -> None:
    cargoes = [ship(0.0, 300.0)]
    fill = FarmOrder("A", "B", 1.0, 0.01, "C")
    state, output = SMALL.step(SMALL.start(), fill, cargoes, HOUR_S)
    assert output.received_m3 == pytest.approx(300.0)
    assert state.ships == ()
    early, output = SMALL.step(state, FarmOrder("C", "B", 1.0, 0.01, None), [], HOUR_S)
    assert output.status is FarmStatus.NOT_SETTLED
    assert "may feed from 5.0 h on" in output.reason
    assert early.tanks[2].volume_m3 == pytest.approx(400.0)
    later, _ = SMALL.step(early, fill, [], 4.0 * HOUR_S)
    _, output = SMALL.step(later, FarmOrder("C", "B", 1.0, 0.01, None), [], HOUR_S)
    assert output.status is FarmStatus.DELIVERED


def test_a_ship_without_a_tank_waits() -> None:
    order = FarmOrder("A", "B", 0.5, 0.001, None)
    state, _ = SMALL.step(SMALL.start(), order, [ship(HOUR_S)], 3.0 * HOUR_S)
    assert state.waited_s == pytest.approx(2.0 * HOUR_S)
    assert state.ships[0].left_m3 == 600.0
    assert ship(2.0).late_s == 0.0


def test_a_full_tank_takes_no_more() -> None:
    order = FarmOrder("A", "B", 0.5, 0.0, "C")
    state, output = SMALL.step(SMALL.start(), order, [ship(0.0, 2000.0)], DAY_S)
    assert output.received_m3 == pytest.approx(900.0)
    assert state.ships[0].left_m3 == pytest.approx(1100.0)
    assert state.waited_s > 0.0


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (FarmOrder("A", "A", 0.5, 0.01, None), "tank A twice"),
        (FarmOrder("A", "D", 0.5, 0.01, None), "no tank 'D'"),
        (FarmOrder("A", "B", 1.5, 0.01, None), "give 0 to 1"),
        (FarmOrder("A", "B", 0.5, math.nan, None), "zero or more"),
        (FarmOrder("A", "B", 0.5, 0.01, "B"), "cannot receive and feed"),
    ],
)
def test_impossible_orders_are_refused(order: FarmOrder, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SMALL.step(SMALL.start(), order, [], HOUR_S)


def test_impossible_farms_and_steps_are_refused() -> None:
    with pytest.raises(InputError, match="must rise in this order"):
        Tank("A", 100.0, 200.0, 150.0, "light", "light")
    with pytest.raises(InputError, match="two or more tanks"):
        replace(SMALL, tanks=SMALL.tanks[:1])
    with pytest.raises(InputError, match="knows no crude 'light'"):
        replace(SMALL, crude_keys=("sweet", "heavy"))
    with pytest.raises(InputError, match="unloading at"):
        replace(SMALL, flow_vol_unload=0.0)
    with pytest.raises(InputError, match="settling time"):
        replace(SMALL, settling_s=-1.0)
    with pytest.raises(InputError, match="positive time"):
        SMALL.step(SMALL.start(), FarmOrder("A", "B", 0.5, 0.01, None), [], 0.0)
    assert mixed((1.0,), 0.0, (1.0,), 0.0) == (1.0,)


def test_cargoes_come_in_or_after_their_window() -> None:
    cargoes = arrivals(SUPPLY.programmes, 3, 200 * DAY_S)
    assert [cargo.arrival_s for cargo in cargoes] == sorted(cargo.arrival_s for cargo in cargoes)
    for cargo in cargoes:
        assert cargo.arrival_s >= 0.5 * sum(cargo.window)
    light = [cargo for cargo in cargoes if cargo.crude == "arabian_light"]
    # One every 8.33 days from day 3 on: 24 windows open before day 200.
    assert len(light) == 24


def test_delays_have_the_stated_mean() -> None:
    programme = CargoProgramme("light", 1.0, 10.0, 0.0, 0.0, 5.0, 0.01)
    cargoes = arrivals([programme], 2, 20_000.0)
    delays = np.array([cargo.arrival_s - cargo.window[0] for cargo in cargoes])
    assert len(delays) == 2000
    assert abs(delays.mean() - 5.0) < 4.0 * 5.0 / math.sqrt(2000.0)
    landed = np.log([cargo.volume_m3 for cargo in cargoes])
    assert landed.std() == pytest.approx(0.01, rel=4.0 / math.sqrt(4000.0))


def test_a_further_programme_moves_no_cargo() -> None:
    more = (CargoProgramme("brent", 1e4, DAY_S, 0.0, 0.0, DAY_S, 0.0), *SUPPLY.programmes)
    before = arrivals(SUPPLY.programmes, 5, 60 * DAY_S)
    after = [cargo for cargo in arrivals(more, 5, 60 * DAY_S) if cargo.crude != "brent"]
    assert list(before) == after


def test_impossible_programmes_are_refused() -> None:
    programme = SUPPLY.programmes[0]
    with pytest.raises(InputError, match="finite and not negative"):
        replace(programme, delay_mean_s=-1.0)
    with pytest.raises(InputError, match="must be positive"):
        replace(programme, interval_s=0.0)
    with pytest.raises(InputError, match="stay below 20 %"):
        replace(programme, off_volume=0.5)
    with pytest.raises(InputError, match="two cargo programmes"):
        CrudeSupply((programme, programme), SUPPLY.farm)
    with pytest.raises(InputError, match="knows no crude 'brent'"):
        CrudeSupply((replace(programme, crude="brent"),), SUPPLY.farm)
    with pytest.raises(InputError, match="give a positive time"):
        arrivals(SUPPLY.programmes, 1, 0.0)


def test_standing_rule_keeps_the_unit_fed_for_a_month() -> None:
    assert MONTH.delivered
    assert MONTH.volumes.sum() == pytest.approx(FEED_FLOW * 30 * DAY_S)
    np.testing.assert_allclose(MONTH.true.sum(axis=1), 1.0)
    assert float(np.abs(MONTH.true - MONTH.declared).max()) > 0.02


def test_without_ships_the_farm_runs_out_and_says_when() -> None:
    dry = CrudeSupply((), SUPPLY.farm)
    history = run_supply(dry, 1, 20 * DAY_S, FEED_FLOW)
    assert not history.delivered
    first = next(reason for reason in history.reasons if reason)
    assert "ran out at" in first
    # All that stood above the heels was fed, except what the header could not take alone.
    stock = sum(tank.start_m3 - tank.heel_m3 for tank in SUPPLY.farm.tanks)
    assert 0.85 * stock < history.volumes.sum() <= stock


def test_the_rule_is_a_choice() -> None:
    def first_two(
        farm: TankFarm, state: FarmState, flow: float, share: float, last: FarmOrder | None
    ) -> FarmOrder:
        ordered = standing_order(farm, state, flow, share, last)
        return replace(ordered, first="T1", second="T2", receiving=None)

    history = run_supply(SUPPLY, 1, DAY_S, FEED_FLOW, rule=first_two)
    assert history.declared[0] == pytest.approx([0.5, 0.5, 0.0, 0.0])
    with pytest.raises(InputError, match="do not fit"):
        run_supply(SUPPLY, 1, 100.0, FEED_FLOW)


def test_price_factors_are_those_of_the_market_since_the_reference_day() -> None:
    path, slate = price_path(MARKET, 2, 10), {"arabian_light": 0.6, "maya": 0.4}
    assert set(price_factors(MARKET, path, slate, 4, 4).values()) == {1.0}
    factors = price_factors(MARKET, path, slate, 9)
    assert set(factors) == {FEED, *MARKET.streams}
    jet, (light, maya) = path.products["jet"], (path.crudes[key] for key in slate)
    assert factors["kerosene"] == pytest.approx(jet[9] / jet[0])
    cost = [0.6 * light[day] + 0.4 * maya[day] for day in (0, 9)]
    assert factors[FEED] == pytest.approx(cost[1] / cost[0])
    assert crude_cost(path, slate, 9) == pytest.approx(cost[1])


def test_market_and_tanks_make_a_scenario_of_the_unit(case: CrudeUnitCase) -> None:
    scenario = scenario_of(MARKET, price_path(MARKET, 1, 40), MONTH)
    check_slates(scenario, case.crude_keys)
    assert scenario.duration_s == 30 * DAY_S
    assert len(scenario.of(PriceChange)) == 29
    switches = scenario.of(CrudeSwitch)
    assert 3 < len(switches) < 60
    for switch in switches:
        assert sum(switch.slate.values()) == pytest.approx(1.0)
    assert sum(scenario.slate_error.values()) == pytest.approx(0.0, abs=1e-12)
    assert start_slate(MONTH) != switches[0].slate


def test_switches_follow_the_declared_slate() -> None:
    switches = crude_switches(MONTH, threshold=0.01)
    slate = np.array([start_slate(MONTH)[key] for key in MONTH.crude_keys])
    at = iter([*switches, None])
    coming = next(at)
    for time_s, declared in zip(MONTH.times, MONTH.declared, strict=True):
        if coming is not None and time_s >= coming.at_s:
            slate = np.array([coming.slate[key] for key in MONTH.crude_keys])
            coming = next(at)
        assert float(np.abs(slate - declared).max()) <= 0.01 + 1e-12


def test_mean_error_is_that_of_the_feed() -> None:
    error = mean_slate_error(MONTH)
    fed = MONTH.volumes @ (MONTH.true - MONTH.declared) / MONTH.volumes.sum()
    assert list(error.values()) == pytest.approx(fed, abs=1e-12)


def test_wrong_bridges_are_refused() -> None:
    path = price_path(MARKET, 1, 5)
    with pytest.raises(InputError, match="no price for crude 'brent'"):
        crude_cost(path, {"brent": 1.0}, 0)
    with pytest.raises(InputError, match="day 5 is outside"):
        price_factors(MARKET, path, {"maya": 1.0}, 5)
    with pytest.raises(InputError, match="every 0 days"):
        price_changes(MARKET, path, {"maya": 1.0}, 0)
    short = run_supply(SUPPLY, 1, HOUR_S, FEED_FLOW)
    with pytest.raises(InputError, match="two steps or more"):
        scenario_of(MARKET, path, short)


def test_wrong_supply_is_refused_with_the_place(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    path = tmp_path / "market.yaml"
    path.write_text(text.replace("    - crude: maya", "    - crude: brent"), encoding="utf-8")
    with pytest.raises(InputError, match="has no crude 'brent'"):
        load_supply(path)
    path.write_text(text.replace("settling:", "setling:"), encoding="utf-8")
    with pytest.raises(InputError, match="'settling' is missing"):
        load_supply(path)
