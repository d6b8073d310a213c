"""Valves: characteristic, flow, stroke times, stick band and the limit cycle it makes."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.equipment.valve import Valve, add_valve
from operator_agent.plant.states import States

from .equipment_bench import Bench, make_bench, number, symbols

VALVE = Valve(flow_coefficient=0.01, rangeability=40.0, time_s=3.0, rate_per_s=0.1, stick_band=0.0)


def stem(valve: Valve, start: float) -> Bench:
    states, u = States(), symbols("command")
    opening = add_valve(states, "test", valve, u["command"], start)
    return make_bench(states, u, {"opening": opening})


@given(st.floats(0.0, 1.0), st.floats(1.0, 100.0))
def test_characteristic_is_equal_percentage_but_shuts(opening: float, rangeability: float) -> None:
    share = number(replace(VALVE, rangeability=rangeability).characteristic(ca.SX(opening)))
    textbook = rangeability ** (opening - 1.0)
    leakage = 1.0 / (rangeability - 1.0) if rangeability > 1.001 else 1.0
    assert abs(share - textbook) <= leakage + 1e-12
    assert -1e-12 <= share <= opening + 1e-12


def test_valve_is_shut_at_zero_and_open_at_one() -> None:
    for rangeability in (1.0, 30.0):
        valve = replace(VALVE, rangeability=rangeability)
        assert number(valve.characteristic(ca.SX(0.0))) == 0.0
        assert number(valve.characteristic(ca.SX(1.0))) == pytest.approx(1.0, abs=1e-12)


def test_linear_valve_is_the_limit_of_equal_percentage() -> None:
    nearly = replace(VALVE, rangeability=1.0011)
    for opening in (0.2, 0.5, 0.9):
        assert number(nearly.characteristic(ca.SX(opening))) == pytest.approx(opening, abs=2e-4)


@given(st.floats(0.0, 1.0), st.sampled_from([1.0, 30.0, 50.0]))
def test_opening_for_a_share_gives_the_share(share: float, rangeability: float) -> None:
    valve = replace(VALVE, rangeability=rangeability)
    found = number(valve.characteristic(ca.SX(valve.opening_for(share))))
    assert found == pytest.approx(share, abs=1e-12)


def test_flow_follows_the_square_root_of_the_drop() -> None:
    flow = number(VALVE.flow_mass(ca.SX(1.0), 800.0, ca.SX(2e5)))
    assert flow == pytest.approx(0.01 * np.sqrt(800.0 * 2e5), rel=1e-6)
    back = number(VALVE.flow_mass(ca.SX(1.0), 800.0, ca.SX(-2e5)))
    assert back == pytest.approx(-flow)


def test_flow_has_a_finite_slope_without_a_drop() -> None:
    drop = ca.SX.sym("drop")
    slope = ca.Function("s", [drop], [ca.jacobian(VALVE.flow_mass(ca.SX(0.5), 800.0, drop), drop)])
    assert 0.0 < float(slope(0.0)) < 1.0


@pytest.mark.parametrize("target", [0.05, 0.4, 1.0])
def test_stroke_agrees_with_its_closed_form(target: float) -> None:
    bench = stem(VALVE, 0.0)
    times = [0.5, 1.0, 3.0, 6.0, 10.0, 15.0]
    scale = VALVE.rate_per_s * VALVE.time_s
    path = bench.path(np.array([0.0]), {"command": target}, times)[:, 0]
    decay = np.exp(-np.array(times) / VALVE.time_s)
    error = scale * np.arcsinh(np.sinh(target / scale) * decay)
    assert path == pytest.approx(target - error, abs=1e-6)


def test_full_stroke_takes_the_time_of_the_rate_limit() -> None:
    path = stem(VALVE, 0.0).path(np.array([0.0]), {"command": 1.0}, [1.0, 5.0])[:, 0]
    assert (path[1] - path[0]) / 4.0 == pytest.approx(VALVE.rate_per_s, rel=0.03)


def test_stem_sticks_inside_its_band_and_stops_at_its_edge() -> None:
    bench = stem(replace(VALVE, stick_band=0.05), 0.5)
    inside = bench.after(np.array([0.5]), {"command": 0.53}, 60.0)[0]
    assert inside == pytest.approx(0.5, abs=0.002)
    outside = bench.after(np.array([0.5]), {"command": 0.70}, 60.0)[0]
    assert outside == pytest.approx(0.65, abs=0.02)


def test_stuck_stem_creeps_to_its_command_in_the_end() -> None:
    bench = stem(replace(VALVE, stick_band=0.05), 0.5)
    assert bench.after(np.array([0.5]), {"command": 0.53}, 4e4)[0] == pytest.approx(0.53, abs=1e-4)


def level_loop(stick_band: float) -> FloatArray:
    """Return the level of a drum, 0 to 1, over four hours behind a disturbance; PI on its outlet.

    A drum integrates, so a valve that sticks makes the loop hunt (Choudhury, Thornhill and Shah,
    Control Engineering Practice 13 (2005) 641).
    """
    states, u = States(), symbols("inflow")
    level = states.add("level", 0.1, 0.5)
    integral = states.add("integral", 0.1, 0.5)
    error = level - 0.5
    valve = replace(VALVE, stick_band=stick_band, rangeability=1.0)
    opening = add_valve(states, "level", valve, integral + 2.0 * error)
    states.rates["level"] = (u["inflow"] - opening) / 300.0
    states.rates["integral"] = 2.0 * error / 300.0
    bench = make_bench(states, u, {"level": level})
    times = list(np.arange(60.0, 14_401.0, 60.0))
    return bench.path(np.array([0.5, 0.5, 0.5]), {"inflow": 0.6}, times)[:, 0]


def test_sticking_valve_makes_a_limit_cycle_and_a_free_one_does_not() -> None:
    free, stuck = level_loop(0.0), level_loop(0.05)
    late = slice(-90, None)
    assert np.ptp(free[late]) < 1e-4
    assert np.ptp(stuck[late]) > 0.005
    earlier = np.ptp(stuck[-180:-90])
    assert np.ptp(stuck[late]) > 0.7 * earlier  # it does not die out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flow_coefficient", 0.0),
        ("rangeability", 0.5),
        ("time_s", -1.0),
        ("rate_per_s", float("nan")),
        ("stick_band", -0.01),
        ("stick_band", 0.7),
    ],
)
def test_impossible_sizes_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"valve: {name} = .*correct it in the case"):
        replace(VALVE, **{name: value})
