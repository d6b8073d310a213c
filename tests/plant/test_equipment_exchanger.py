"""Exchangers: effectiveness against the textbook, balances, limits, fouling, bypass."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.crude.thermo import GAS_CONSTANT
from operator_agent.plant.equipment.exchanger import (
    ColdSide,
    Exchanger,
    HotSide,
    add_exchanger,
    duty_available,
    duty_per_approach,
)
from operator_agent.plant.equipment.fouling import Fouling, film_temperature
from operator_agent.plant.states import States

from .equipment_bench import Bench, make_bench, number, symbols

FOULING = Fouling(
    deposition=8.39,
    reynolds_design=4e4,
    prandtl=20.0,
    energy_activation=68_000.0,
    removal=4e-12,
    shear_design=10.0,
    time_cleaning_s=21_600.0,
)
EXCHANGER = Exchanger(
    area=900.0,
    coefficient_clean=380.0,
    share_hot=0.4,
    flow_hot_design=0.12,
    flow_cold_design=0.19,
    heat_capacity=2e7,
    resistance_start=4e-4,
    temp_cold_guess=430.0,
    fouling=FOULING,
)
YEAR_S = 3.15e7
NOMINAL = {
    "temp_hot": 488.0,
    "hot": 2.2e5,
    "flow_hot": 0.12,
    "temp_cold": 390.0,
    "cold": 3.5e5,
    "flow_cold": 0.184,
    "in_service": 1.0,
}
flows = st.floats(1e3, 1e6)


def bench(exchanger: Exchanger = EXCHANGER, *, controlled: bool = False) -> Bench:
    states = States()
    u = symbols(*NOMINAL, *(["duty_high"] if controlled else []))
    result = add_exchanger(
        states,
        "test",
        exchanger,
        HotSide(u["temp_hot"], (ca.SX(0.0), u["hot"], ca.SX(0.0)), u["flow_hot"]),
        ColdSide(u["temp_cold"], lambda _: u["cold"], u["flow_cold"]),
        u["in_service"],
        u.get("duty_high"),
    )
    names = ("duty", "duty_cold", "temp_hot_out", "temp_cold_out", "resistance_fouling")
    return make_bench(states, u, {name: getattr(result, name) for name in names})


def textbook(conductance: float, hot: float, cold: float) -> float:
    """Return Q/(Th - Tc) by effectiveness and NTU with the smaller side (Kays and London)."""
    low, high = min(hot, cold), max(hot, cold)
    ratio, units = low / high, conductance / low
    if abs(1.0 - ratio) < 1e-6:
        return low * units / (1.0 + units)
    gone = np.exp(-units * (1.0 - ratio))
    return float(low * (1.0 - gone) / (1.0 - ratio * gone))


@given(st.floats(1e3, 1e6), flows, flows)
def test_duty_agrees_with_the_textbook(conductance: float, hot: float, cold: float) -> None:
    found = number(duty_per_approach(ca.SX(conductance), ca.SX(hot), ca.SX(cold)))
    assert found == pytest.approx(textbook(conductance, hot, cold), rel=3e-3)


@given(st.floats(1e3, 1e7), st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_duty_never_exceeds_the_smaller_capacity_flow(
    conductance: float, hot: float, cold: float
) -> None:
    found = number(duty_per_approach(ca.SX(conductance), ca.SX(hot), ca.SX(cold)))
    assert 0.0 <= found <= min(hot, cold) * (1.0 + 1e-12)


def test_duty_and_its_slope_are_continuous_at_equal_capacity_flows() -> None:
    hot = ca.SX.sym("hot")
    duty = duty_per_approach(ca.SX(2e5), hot, ca.SX(3e5))
    both = ca.Function("d", [hot], [duty, ca.jacobian(duty, hot)])
    values = np.array([[float(v) for v in both(3e5 + step)] for step in (-30.0, 0.0, 30.0)])
    assert np.all(np.isfinite(values))
    assert values[1, 0] == pytest.approx(3e5 * (2 / 3) / (1 + 2 / 3), rel=1e-5)
    assert values[1] == pytest.approx(0.5 * (values[0] + values[2]), rel=1e-4)


@pytest.mark.parametrize(("hot", "cold"), [(0.0, 3e5), (3e5, 0.0), (0.0, 0.0)])
def test_duty_is_zero_without_flow(hot: float, cold: float) -> None:
    u = ca.SX.sym("u", 2)
    duty = duty_per_approach(ca.SX(2e5), u[0], u[1])
    both = ca.Function("d", [u], [duty, ca.jacobian(duty, u)])
    value, slope = both([hot, cold])
    assert float(value) == 0.0
    assert np.all(np.isfinite(slope.full()))


@given(flows, flows, st.floats(1.01, 2.0))
def test_duty_rises_with_either_flow_and_with_the_area(
    hot: float, cold: float, factor: float
) -> None:
    def duty(conductance: float, hot: float, cold: float) -> float:
        return number(duty_per_approach(ca.SX(conductance), ca.SX(hot), ca.SX(cold)))

    base = duty(2e5, hot, cold) * (1.0 - 1e-9)
    assert duty(2e5 * factor, hot, cold) >= base
    assert duty(2e5, hot * factor, cold) >= base
    assert duty(2e5, hot, cold * factor) >= base


def test_heat_is_conserved_at_every_moment() -> None:
    plant = bench()
    x = plant.guess() + np.array([15.0, 0.0])
    told, rate = plant.read(x, NOMINAL), plant.rate(x, NOMINAL)
    stored = EXCHANGER.heat_capacity * rate["temp_cold_test"]
    assert told["duty"] == pytest.approx(told["duty_cold"] + stored, rel=1e-12)
    hot_side = NOMINAL["hot"] * (NOMINAL["temp_hot"] - told["temp_hot_out"])
    assert told["duty"] == pytest.approx(hot_side, rel=1e-7)


def test_exchanger_rests_where_both_sides_balance_in_a_minute_or_two() -> None:
    plant = bench()
    path = plant.path(plant.guess(), NOMINAL, [180.0, 2000.0])
    told = plant.read(path[1], NOMINAL)
    assert told["duty"] == pytest.approx(told["duty_cold"], rel=1e-6)
    conductance = number(
        EXCHANGER.conductance(ca.SX(0.12), ca.SX(0.184), ca.SX(told["resistance_fouling"]))
    )
    expected = textbook(conductance, NOMINAL["hot"], NOMINAL["cold"]) * (488.0 - 390.0)
    assert told["duty"] == pytest.approx(expected, rel=1e-4)
    assert abs(path[0, 0] - path[1, 0]) < 0.05 * abs(plant.guess()[0] - path[1, 0])


def oil(flow: float, temp: float) -> HotSide:
    """Return a hot stream whose capacity flow rises by 560 W/K2, as of 158 kg/s of crude."""
    terms = (ca.SX(0.0), ca.SX(flow * 1.5e5), ca.SX(flow * 280.0))
    return HotSide(ca.SX(temp), terms, ca.SX(flow * 0.2))


@given(st.floats(0.0, 1.0), st.floats(300.0, 620.0), st.floats(0.0, 0.999))
def test_hot_outlet_is_the_root_of_its_enthalpy(flow: float, temp: float, share: float) -> None:
    hot = oil(flow, temp)
    duty = share * (number(hot.enthalpy(ca.SX(temp))) - number(hot.enthalpy(ca.SX(290.0))))
    outlet = number(hot.temp_after(ca.SX(duty)))
    left = number(hot.enthalpy(ca.SX(temp))) - duty
    assert number(hot.enthalpy(ca.SX(outlet))) == pytest.approx(left, abs=0.5)
    assert 290.0 - 1e-3 <= outlet <= temp + 1e-9


@given(st.floats(1e3, 1e8), st.floats(0.01, 1.0), st.floats(300.0, 620.0), st.floats(1e4, 1e6))
def test_no_area_takes_more_than_lies_above_the_cold_inlet(
    conductance: float, flow: float, temp: float, cold: float
) -> None:
    hot = oil(flow, temp)
    slope = number(duty_available(ca.SX(conductance), hot, ca.SX(cold), ca.SX(290.0)))
    above = number(hot.enthalpy(ca.SX(temp))) - number(hot.enthalpy(ca.SX(290.0)))
    assert 0.0 <= slope * (temp - 290.0) <= above * (1.0 + 1e-9)


@given(st.floats(1e4, 1e6), st.floats(0.05, 1.0), st.floats(320.0, 620.0), st.floats(1e4, 1e6))
def test_hot_secant_reaches_from_inlet_to_outlet(
    conductance: float, flow: float, temp: float, cold: float
) -> None:
    hot = oil(flow, temp)
    duty = number(duty_available(ca.SX(conductance), hot, ca.SX(cold), ca.SX(290.0)))
    duty *= temp - 290.0
    fall = temp - number(hot.temp_after(ca.SX(duty)))
    expected = textbook(conductance, duty / fall, cold) * (temp - 290.0)
    assert duty == pytest.approx(expected, rel=5e-3)


def test_hot_stream_at_rest_keeps_its_temperature_smoothly() -> None:
    flow, duty = ca.SX.sym("flow"), ca.SX.sym("duty")
    hot = HotSide(ca.SX(500.0), (ca.SX(0.0), flow * 1.5e5, flow * 280.0), flow)
    outlet = hot.temp_after(duty * flow)
    both = ca.Function("t", [flow, duty], [outlet, ca.jacobian(outlet, ca.vertcat(flow, duty))])
    value, slope = both(0.0, 1e7)
    assert float(value) == 500.0
    assert np.all(np.isfinite(slope.full()))


def test_clean_coefficient_holds_at_the_design_flows_and_falls_with_flow_to_the_power() -> None:
    def conductance(share: float, resistance: float = 0.0) -> float:
        return number(
            EXCHANGER.conductance(ca.SX(0.12 * share), ca.SX(0.19 * share), ca.SX(resistance))
        )

    assert conductance(1.0) == pytest.approx(900.0 * 380.0, rel=1e-4)
    assert conductance(0.5) == pytest.approx(900.0 * 380.0 * 0.5**0.8, rel=1e-3)
    assert conductance(1.0, 1e-3) == pytest.approx(900.0 / (1.0 / 380.0 + 1e-3), rel=1e-4)


def test_exchanger_out_of_service_exchanges_nothing() -> None:
    plant = bench()
    inputs = NOMINAL | {"in_service": 0.0}
    told = plant.read(plant.after(plant.guess(), inputs, 3600.0), inputs)
    assert told["duty"] == 0.0
    assert told["temp_cold_out"] == pytest.approx(390.0, abs=1e-3)
    assert told["temp_hot_out"] == pytest.approx(488.0)


@pytest.mark.parametrize(("side", "flow"), [("hot", "flow_hot"), ("cold", "flow_cold")])
def test_stopped_stream_stays_between_the_temperatures(side: str, flow: str) -> None:
    plant = bench()
    inputs = NOMINAL | {side: 0.0, flow: 0.0}
    x = plant.after(plant.guess(), inputs, 3600.0)
    told = plant.read(x, inputs)
    assert told["duty"] == 0.0
    assert 390.0 - 1e-6 <= told["temp_cold_out"] <= 488.0
    assert 390.0 - 1e-6 <= told["temp_hot_out"] <= 488.0


@given(st.floats(1e5, 4e7))
def test_controlled_duty_is_the_smaller_of_set_point_and_ability(setpoint: float) -> None:
    plant, x = CONTROLLED, CONTROLLED.guess()
    told = plant.read(x, NOMINAL | {"duty_high": setpoint})["duty"]
    able = plant.read(x, NOMINAL | {"duty_high": 1e12})["duty"]
    assert told <= min(setpoint, able) * (1.0 + 1e-9)
    assert told >= 0.98 * min(setpoint, able)


CONTROLLED = bench(controlled=True)


def test_controlled_exchanger_lets_no_heat_flow_back() -> None:
    inputs = NOMINAL | {"temp_hot": 350.0, "duty_high": 1e7}
    assert CONTROLLED.read(CONTROLLED.guess(), inputs)["duty"] == pytest.approx(0.0, abs=1.0)


def test_growth_agrees_with_the_threshold_equation() -> None:
    rate = number(FOULING.rate(ca.SX(1e-3), ca.SX(1.0), ca.SX(500.0), ca.SX(1.0)))
    grown = 8.39 * 4e4**-0.66 * 20.0**-0.33 * np.exp(-68_000.0 / (GAS_CONSTANT * 500.0))
    assert rate == pytest.approx(grown - 4e-12 * 10.0, rel=5e-3)
    # a hot exchanger's resistance doubles that of a clean one (about 2.6e-3) within a year or so
    assert 5e-4 < rate * YEAR_S < 1e-2


def threshold_temp() -> float:
    """Return the film temperature at which growth and removal balance at the design flow [K]."""
    factor = 8.39 * 4e4**-0.66 * 20.0**-0.33
    return float(68_000.0 / GAS_CONSTANT / np.log(factor / (4e-12 * 10.0)))


@pytest.mark.parametrize(("shift", "grows"), [(-15.0, False), (15.0, True)])
def test_deposit_grows_above_the_threshold_only(shift: float, grows: bool) -> None:
    temp = ca.SX(threshold_temp() + shift)
    thick = number(FOULING.rate(ca.SX(5e-4), ca.SX(1.0), temp, ca.SX(1.0)))
    assert (thick > 0.0) is grows
    if not grows:
        trace = number(FOULING.rate(ca.SX(1e-5), ca.SX(1.0), temp, ca.SX(1.0)))
        assert trace < 0.0


def test_faster_flow_fouls_less() -> None:
    rates = [
        number(FOULING.rate(ca.SX(5e-4), ca.SX(ratio), ca.SX(500.0), ca.SX(1.0)))
        for ratio in (0.6, 0.8, 1.0, 1.2)
    ]
    assert rates == sorted(rates, reverse=True)


def test_deposit_under_strong_shear_ends_at_a_trace_above_zero() -> None:
    strong = replace(EXCHANGER, fouling=replace(FOULING, removal=1e-10))
    plant = bench(strong)
    path = plant.path(plant.guess(), NOMINAL, list(np.linspace(1e4, YEAR_S, 20)))[:, 1]
    assert np.all(path > 0.0)
    assert path[-1] < 1e-6


def test_cleaning_out_of_service_takes_the_deposit_away_with_its_time_constant() -> None:
    plant = bench()
    inputs = NOMINAL | {"in_service": 0.0}
    path = plant.path(plant.guess(), inputs, [21_600.0, 86_400.0])[:, 1]
    assert path == pytest.approx(4e-4 * np.exp([-1.0, -4.0]), rel=1e-4)


def test_film_lies_nearer_to_the_wall() -> None:
    assert number(film_temperature(ca.SX(400.0), ca.SX(500.0))) == pytest.approx(455.0)


@given(
    st.floats(250.0, 700.0),
    st.floats(250.0, 700.0),
    st.floats(0.0, 5e5),
    st.floats(0.0, 5e5),
    st.floats(0.0, 1.0),
)
def test_rates_and_outputs_are_finite_everywhere(
    hot: float, cold: float, flow_hot: float, flow_cold: float, in_service: float
) -> None:
    inputs = {
        "temp_hot": hot,
        "hot": flow_hot,
        "flow_hot": flow_hot * 5e-7,
        "temp_cold": cold,
        "cold": flow_cold,
        "flow_cold": flow_cold * 5e-7,
        "in_service": in_service,
    }
    values = [*PLAIN.rate(PLAIN.guess(), inputs).values()]
    values += PLAIN.read(PLAIN.guess(), inputs).values()
    assert np.all(np.isfinite(values))


PLAIN = bench()


@pytest.mark.parametrize(
    ("name", "value"),
    [("area", 0.0), ("share_hot", 1.0), ("resistance_start", -1e-5), ("heat_capacity", -1.0)],
)
def test_impossible_exchangers_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"exchanger: {name} = .*correct it in the case"):
        replace(EXCHANGER, **{name: value})


def test_impossible_fouling_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="fouling: removal = -1 must be zero or above"):
        replace(FOULING, removal=-1.0)
