"""Fired heater: stoichiometry, Siegert, CO, skin and coke by hand; loops, trips, power."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.equipment.combustion import (
    air_ratio_for,
    air_stoichiometric,
    burn,
    loss_siegert,
)
from operator_agent.plant.equipment.firing import HeaterInputs
from operator_agent.plant.equipment.heater import HeaterProcess, add_heater
from operator_agent.plant.equipment.heater_sizes import Heater
from operator_agent.plant.states import States

from .equipment_bench import Bench, make_bench, number, symbols

METHANE = 4.0  # hydrogen atoms per carbon atom
HEATING_VALUE = 50.0e6  # [J/kg], methane, lower
HEATER = Heater(
    duty_design=68e6,
    duty_high=95e6,
    heating_value_design=48e6,
    ratio_hydrogen=3.6,
    flow_mass_air_high=45.0,
    flow_mass_air_tramp=0.4,
    time_fuel_s=4.0,
    time_fan_s=6.0,
    gain=1e6,
    time_integral_s=120.0,
    time_oxygen_s=60.0,
    siegert_a2=0.66,
    siegert_b=0.009,
    temp_approach_flue=90.0,
    effectiveness_air=0.45,
    coefficient_wall=3e3,
    heat_capacity_tubes=3.5e7,
    heat_capacity_oil=2.5e7,
    area=1700.0,
    coefficient_inside=1200.0,
    flow_vol_design=0.184,
    share_flow_trip=0.25,
    resistance_wall=2.5e-4,
    factor_flux_peak=1.8,
    resistance_start=1e-4,
    coking_rate=6e4,
    coking_energy=2e5,
    power_fan=3e5,
    temp_outlet_guess=627.0,
)
CAPACITY = 537e3  # [W/K], crude of 158 kg/s with its evaporation
NORMAL = {
    "temp_coil_outlet": 635.0,
    "fraction_oxygen": 0.03,
    "heating_value": 48e6,
    "temp_ambient": 288.0,
    "in_service": 1.0,
    "power": 1.0,
    "feed": 1.0,
}
OUTPUTS = (
    "temp_out",
    "enthalpy_out",
    "duty",
    "duty_fired",
    "efficiency",
    "flow_mass_fuel",
    "flow_mass_air",
    "fraction_oxygen",
    "fraction_co",
    "temp_stack",
    "temp_tube",
    "temp_skin",
    "resistance_coke",
    "power",
)


def heater_bench(heater: Heater = HEATER) -> Bench:
    states, u = States(), symbols(*NORMAL)
    flow = CAPACITY * u["feed"]
    result = add_heater(
        states,
        heater,
        HeaterProcess(ca.SX(535.0), flow * 535.0, 0.184 * u["feed"], lambda temp: flow * temp),
        HeaterInputs(*(u[name] for name in list(NORMAL)[:-1])),
    )
    return make_bench(states, u, {name: getattr(result, name) for name in OUTPUTS})


@pytest.fixture(scope="module")
def bench() -> Bench:
    return heater_bench()


@pytest.fixture(scope="module")
def rest(bench: Bench) -> FloatArray:
    return bench.after(bench.guess(), NORMAL, 7200.0)


def flue(ratio: float) -> tuple[float, float, float]:
    """Return dry O2, dry CO and released share of methane at an air ratio."""
    air = ratio * air_stoichiometric(METHANE)
    found = burn(ca.SX(1.0), ca.SX(air), 0.0, ca.SX(HEATING_VALUE), METHANE)
    released = number(found.duty_released) / HEATING_VALUE
    return number(found.fraction_oxygen), number(found.fraction_co), released


def test_methane_needs_its_textbook_air() -> None:
    # CH4 + 2 O2: 2 / 0.2095 mol of air of 28.96 g on 16.04 g of methane
    assert air_stoichiometric(METHANE) == pytest.approx(2 / 0.2095 * 28.96 / 16.04, rel=1e-3)


@pytest.mark.parametrize("excess", [0.15, 0.3, 1.0, 3.0])
def test_dry_oxygen_agrees_with_the_stoichiometry_of_methane(excess: float) -> None:
    # 1 CO2 + 2 excess O2 + nitrogen of all air, water condensed
    air = 2.0 * (1.0 + excess) / 0.20946
    expected = 2.0 * excess / (1.0 + 2.0 * excess + (1.0 - 0.20946) * air)
    assert flue(1.0 + excess)[0] == pytest.approx(expected, rel=3e-3)


@given(st.floats(0.0, 0.15))
def test_air_ratio_is_the_inverse_of_dry_oxygen(fraction: float) -> None:
    ratio = number(air_ratio_for(ca.SX(fraction), METHANE))
    air = 2.0 * ratio / 0.20946
    found = 2.0 * (ratio - 1.0) / (air - 1.0)  # dry moles: air, less 2 O2, plus 1 CO2
    assert found == pytest.approx(fraction, abs=1e-12)


@given(st.floats(0.0, 5.0), st.floats(0.0, 80.0))
def test_flue_gas_is_physical_at_every_fuel_and_air(fuel: float, air: float) -> None:
    found = burn(ca.SX(fuel), ca.SX(air), 0.3, ca.SX(HEATING_VALUE), METHANE)
    assert 0.0 <= number(found.fraction_oxygen) <= 0.2096
    assert 0.0 <= number(found.fraction_co) < 0.01
    assert 0.0 <= number(found.share_burned) <= 1.0
    air_heat = air / air_stoichiometric(METHANE) * HEATING_VALUE
    assert number(found.duty_released) <= min(fuel * HEATING_VALUE, air_heat) * 1.001 + 5e3


def test_heat_of_co_agrees_with_a_hand_calculation() -> None:
    # 1 kg of CH4 is 62.33 mol; at 1.05 of its air: 595.2 * 1.05 = 625.0 mol of dry air, of which
    # 2 * 62.33 = 124.7 mol burn and 62.33 mol of CO2 come: 562.6 mol of dry flue gas
    _, co, released = flue(1.05)
    share = (1.0 + (1.0 / 1.05) ** 40.0) ** (-1.0 / 40.0)
    lost = 283_000.0 * co * 562.6 / HEATING_VALUE
    assert released == pytest.approx(share - lost, abs=2e-5)
    assert 0.002 < lost < 0.01


def test_lack_of_air_makes_co_and_leaves_fuel_unburnt() -> None:
    oxygen, co, released = zip(*(flue(ratio) for ratio in (1.2, 1.1, 1.05, 1.0, 0.9)), strict=True)
    assert list(oxygen) == sorted(oxygen, reverse=True)
    assert list(co) == sorted(co)
    assert list(released) == sorted(released, reverse=True)
    assert co[0] < 1e-5
    assert 5e-4 < co[2] < 5e-3
    assert released[0] > 0.999
    assert released[-1] == pytest.approx(0.9 * (1.0 - 0.0), abs=0.03)


def test_siegert_agrees_with_a_hand_calculation() -> None:
    # gas, 200 degC at the stack, 15 degC outside, 3 % O2: 185 (0.66/18 + 0.009) = 8.448 %
    loss = loss_siegert(ca.SX(473.15), ca.SX(288.15), ca.SX(0.03), 0.66, 0.009)
    assert number(loss) == pytest.approx(0.08448, abs=5e-6)


def test_skin_agrees_with_a_hand_calculation() -> None:
    # 370 degC + 60 kW/m2 (1/1200 + 1e-4 + 2.5e-4) = 370 + 50 + 6 + 15
    skin = HEATER.temp_skin(ca.SX(643.15), ca.SX(60e3), ca.SX(0.184), ca.SX(1e-4))
    assert number(skin) == pytest.approx(643.15 + 71.0, abs=0.05)
    half = HEATER.temp_skin(ca.SX(643.15), ca.SX(60e3), ca.SX(0.092), ca.SX(1e-4))
    assert number(half) == pytest.approx(643.15 + 50.0 * 2.0**0.8 + 21.0, abs=0.1)


def test_coke_grows_by_arrhenius_and_raises_the_skin(bench: Bench, rest: FloatArray) -> None:
    ratio = number(HEATER.coking(ca.SX(700.0))) / number(HEATER.coking(ca.SX(680.0)))
    assert ratio == pytest.approx(np.exp(2e5 / 8.314462618 * (1 / 680.0 - 1 / 700.0)))
    rate = bench.rate(rest, NORMAL)["resistance_coke"]
    flux_peak = 1.8 * bench.read(rest, NORMAL)["duty"] / 1700.0
    assert 10.0 < rate * 3.15e7 * flux_peak < 100.0  # kelvin of skin in a year
    coked = rest.copy()
    coked[bench.index("resistance_coke")] += 5e-4
    coked = bench.after(coked, NORMAL, 3600.0)
    assert bench.read(coked, NORMAL)["temp_skin"] > bench.read(rest, NORMAL)["temp_skin"] + 20.0
    assert bench.read(coked, NORMAL)["temp_out"] == pytest.approx(635.0, abs=0.05)


def test_heater_at_rest_holds_set_points_and_balances(bench: Bench, rest: FloatArray) -> None:
    told = bench.read(rest, NORMAL)
    assert told["temp_out"] == pytest.approx(635.0, abs=1e-3)
    assert told["fraction_oxygen"] == pytest.approx(0.03, abs=1e-5)
    assert told["duty"] == pytest.approx(CAPACITY * 100.0, rel=1e-5)
    over_ambient = 535.0 + 90.0 * told["duty_fired"] / 68e6 - 288.0
    loss = 0.01 * 0.55 * over_ambient * (0.66 / 18.0 + 0.009)
    wall = 3e3 * (told["temp_tube"] - 288.0)
    expected = 1.0 - loss - wall / told["duty_fired"]
    assert told["efficiency"] == pytest.approx(expected, abs=5e-4)
    assert told["duty"] == pytest.approx(expected * told["duty_fired"], rel=1e-3)
    assert 0.85 < told["efficiency"] < 0.93  # usual for a balanced draught heater


def test_coil_outlet_follows_its_set_point(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"temp_coil_outlet": 640.0}
    path = bench.path(rest, inputs, list(np.linspace(10.0, 3600.0, 360)))[:, 0]
    assert path[-1] == pytest.approx(640.0, abs=0.01)
    assert max(path) < 641.5
    assert abs(path[60] - 640.0) < 0.5  # ten minutes


@pytest.mark.parametrize(
    ("change", "sign"),
    [
        ({"fraction_oxygen": 0.06}, -1),
        ({"fraction_oxygen": 0.008}, -1),
        ({"temp_ambient": 268.0}, -1),
        ({"temp_ambient": 308.0}, 1),
    ],
)
def test_efficiency_falls_with_air_lack_of_air_and_cold(
    bench: Bench, rest: FloatArray, change: dict[str, float], sign: int
) -> None:
    inputs = NORMAL | change
    told = bench.read(bench.after(rest, inputs, 7200.0), inputs)
    before = bench.read(rest, NORMAL)["efficiency"]
    assert sign * (told["efficiency"] - before) > 1e-3
    assert told["temp_out"] == pytest.approx(635.0, abs=0.01)


def test_leaner_fuel_gas_takes_more_fuel(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"heating_value": 40e6}
    told = bench.read(bench.after(rest, inputs, 7200.0), inputs)
    fuel = bench.read(rest, NORMAL)["flow_mass_fuel"]
    assert told["flow_mass_fuel"] == pytest.approx(1.2 * fuel, rel=0.01)
    assert told["temp_out"] == pytest.approx(635.0, abs=0.01)


def test_leaner_fuel_gas_leaves_oxygen_at_once_and_takes_no_more_air(
    bench: Bench, rest: FloatArray
) -> None:
    inputs = NORMAL | {"heating_value": 0.95 * NORMAL["heating_value"]}
    before, at_once = bench.read(rest, NORMAL), bench.read(rest, inputs)
    # Less oxygen by 5 % of the stoichiometric need in nearly the same flue gas.
    burned = before["flow_mass_air"] * (1.0 - 0.03 / 0.2095)
    freed = 0.2095 * 0.05 * burned / before["flow_mass_air"]
    assert at_once["fraction_oxygen"] - 0.03 == pytest.approx(freed, rel=0.1)
    told = bench.read(bench.after(rest, inputs, 7200.0), inputs)
    assert told["fraction_oxygen"] == pytest.approx(0.03, abs=1e-4)
    assert told["flow_mass_air"] == pytest.approx(before["flow_mass_air"], rel=1e-3)


def test_cold_feed_cools_tubes_without_a_fire(bench: Bench, rest: FloatArray) -> None:
    out = NORMAL | {"in_service": 0.0, "feed": 0.0}
    hot = bench.after(rest, out, 600.0)
    skin = bench.read(hot, out)["temp_skin"]
    returned = NORMAL | {"in_service": 0.0}
    for point in bench.path(hot, returned, [1.0, 5.0, 20.0, 120.0]):
        told = bench.read(point, returned)
        assert told["temp_skin"] < skin + 1.0
        assert told["temp_skin"] < told["temp_tube"] + 1.0


def test_fuel_ends_at_its_high_limit(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"temp_coil_outlet": 800.0}
    told = bench.read(bench.after(rest, inputs, 7200.0), inputs)
    assert told["duty_fired"] <= 95e6 * 1.001
    assert told["duty_fired"] == pytest.approx(95e6, rel=0.02)
    assert told["temp_out"] < 800.0
    back = bench.path(bench.after(rest, inputs, 7200.0), NORMAL, [600.0, 3600.0])
    assert back[1, 0] == pytest.approx(635.0, abs=0.05)  # the integral did not wind up
    assert abs(back[0, 0] - 635.0) < 5.0


def test_trip_ends_the_fire_in_seconds_and_cools_the_outlet(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"in_service": 0.0}
    path = bench.path(rest, inputs, [30.0, 300.0, 1800.0])
    told = [bench.read(x, inputs) for x in path]
    assert told[0]["duty_fired"] < 0.01 * bench.read(rest, NORMAL)["duty_fired"]
    outlets = [one["temp_out"] for one in told]
    assert outlets == sorted(outlets, reverse=True)
    assert outlets[-1] == pytest.approx(535.0, abs=3.0)
    assert told[-1]["fraction_oxygen"] == pytest.approx(0.2095, abs=1e-3)
    assert told[-1]["efficiency"] == pytest.approx(0.0, abs=1e-3)
    relit = bench.read(bench.after(path[-1], NORMAL, 3600.0), NORMAL)
    assert relit["temp_out"] == pytest.approx(635.0, abs=0.1)


@pytest.mark.parametrize("dip_s", [1.0, 10.0, 60.0])
def test_power_dip_takes_air_then_fuel_and_both_come_back(
    bench: Bench, rest: FloatArray, dip_s: float
) -> None:
    inputs = NORMAL | {"power": 0.0}
    x = bench.after(rest, inputs, dip_s)
    told = bench.read(x, inputs)
    assert told["flow_mass_air"] < bench.read(rest, NORMAL)["flow_mass_air"]
    assert told["flow_mass_fuel"] < bench.read(rest, NORMAL)["flow_mass_fuel"]
    back = bench.path(x, NORMAL, list(np.linspace(5.0, 3600.0, 300)))
    ends = bench.read(back[-1], NORMAL)
    assert ends["temp_out"] == pytest.approx(635.0, abs=0.1)
    need = air_stoichiometric(3.6)
    for point in back:  # the cross limit holds the fuel to the air on the way up
        one = bench.read(point, NORMAL)
        assert one["flow_mass_air"] > 0.92 * need * one["flow_mass_fuel"]


def test_failing_fan_alone_takes_the_fuel_down_by_the_cross_limit() -> None:
    weak = heater_bench(replace(HEATER, flow_mass_air_high=15.0))
    told = weak.read(weak.after(weak.guess(), NORMAL, 7200.0), NORMAL)
    assert told["duty_fired"] < 15.1 / 0.92 / air_stoichiometric(3.6) * 48e6
    assert told["temp_out"] < 620.0
    assert told["fraction_oxygen"] < 0.02


def test_lost_feed_trips_the_fuel_and_spares_the_tubes(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"feed": 0.0}
    path = bench.path(rest, inputs, list(np.linspace(10.0, 7200.0, 200)))
    skins = [bench.read(x, inputs)["temp_skin"] for x in path]
    assert max(skins) < 800.0
    assert bench.read(path[-1], inputs)["duty_fired"] < 1e4


@given(
    st.floats(0.0, 1.2),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.005, 0.1),
    st.floats(400.0, 750.0),
)
def test_rates_are_finite_everywhere(
    feed: float, in_service: float, power: float, oxygen: float, temp: float
) -> None:
    inputs = NORMAL | {
        "feed": feed,
        "in_service": in_service,
        "power": power,
        "fraction_oxygen": oxygen,
    }
    x = PLAIN.guess()
    x[0] = temp
    assert np.all(np.isfinite(list(PLAIN.rate(x, inputs).values())))
    assert np.all(np.isfinite(list(PLAIN.read(x, inputs).values())))


PLAIN = heater_bench()


@pytest.mark.parametrize(
    ("name", "value"), [("area", 0.0), ("effectiveness_air", 1.5), ("duty_high", 60e6)]
)
def test_impossible_heaters_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"heater: {name} = .*correct it in the case"):
        replace(HEATER, **{name: value})
