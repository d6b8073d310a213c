"""Valves: characteristic, flow, stroke times, stick band and slip."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.equipment.valve import OPENING_SCALE, Valve, move_stem
from operator_agent.plant.states import States

from .equipment_bench import Bench, make_bench, number, symbols

VALVE = Valve(flow_coefficient=0.01, rangeability=40.0, time_s=3.0, rate_per_s=0.1)


def stem(valve: Valve, band: float = 0.0) -> Bench:
    states, u = States(), symbols("command")
    opening = states.add("opening_test", OPENING_SCALE, 0.0)
    move_stem(states, "test", valve, opening, u["command"], band)
    return make_bench(states, u, {"opening": opening})


def at(opening: float) -> FloatArray:
    """Return the states of a stem that stands still."""
    return np.array([opening, 0.0])


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
    bench = stem(VALVE)
    times = [0.5, 1.0, 3.0, 6.0, 10.0, 15.0]
    scale = VALVE.rate_per_s * VALVE.time_s
    path = bench.path(at(0.0), {"command": target}, times)[:, 0]
    decay = np.exp(-np.array(times) / VALVE.time_s)
    error = scale * np.arcsinh(np.sinh(target / scale) * decay)
    assert path == pytest.approx(target - error, abs=1e-6)


def test_full_stroke_takes_the_time_of_the_rate_limit() -> None:
    path = stem(VALVE).path(at(0.0), {"command": 1.0}, [1.0, 5.0])[:, 0]
    assert (path[1] - path[0]) / 4.0 == pytest.approx(VALVE.rate_per_s, rel=0.03)


def test_stem_stays_inside_its_band_and_slips_to_half_of_it_beyond() -> None:
    bench = stem(VALVE, 0.05)
    assert bench.after(at(0.5), {"command": 0.54}, 3600.0)[0] == pytest.approx(0.5, abs=1e-4)
    assert bench.after(at(0.5), {"command": 0.70}, 60.0)[0] == pytest.approx(0.675, abs=0.003)
    slipped = bench.after(at(0.5), {"command": 0.552}, 60.0)
    assert slipped[0] == pytest.approx(0.527, abs=0.003)
    held = bench.after(slipped, {"command": 0.52}, 600.0)
    assert held[0] == pytest.approx(slipped[0], abs=1e-4)


def test_stem_that_is_freed_goes_to_its_command() -> None:
    stuck = stem(VALVE, 0.1).after(at(0.5), {"command": 0.58}, 600.0)
    assert stuck[0] == pytest.approx(0.5, abs=1e-3)
    assert stem(VALVE).after(stuck, {"command": 0.58}, 60.0) == pytest.approx([0.58, 0.0], abs=1e-6)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_stem_without_a_band_has_the_speed_of_a_free_one_exactly(start: float, end: float) -> None:
    rate = stem(VALVE).rate(at(start), {"command": end})
    free = VALVE.rate_per_s * np.tanh((end - start) / (VALVE.rate_per_s * VALVE.time_s))
    assert rate["opening_test"] == pytest.approx(free, abs=1e-12)
    assert rate["slip_test"] == 0.0


@given(st.floats(0.0, 0.5), st.floats(-0.6, 0.6), st.floats(0.0, 0.25))
def test_rates_and_slopes_of_a_stem_are_finite(band: float, error: float, slip: float) -> None:
    states, u = States(), symbols("command", "band")
    opening = states.add("opening_test", OPENING_SCALE, 0.0)
    move_stem(states, "test", VALVE, opening, u["command"], u["band"])
    inputs = ca.vertcat(*u.values())
    slopes = ca.jacobian(states.rate_vector(), ca.vertcat(states.vector(), inputs))
    both = ca.Function("f", [states.vector(), inputs], [states.rate_vector(), slopes])
    for value in both([0.5, slip], [0.5 + error, band]):
        assert np.all(np.isfinite(value.full()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flow_coefficient", 0.0),
        ("rangeability", 0.5),
        ("time_s", -1.0),
        ("rate_per_s", float("nan")),
    ],
)
def test_impossible_sizes_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"valve: {name} = .*correct it in the case"):
        replace(VALVE, **{name: value})
