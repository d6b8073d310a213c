"""Pumps and flow loops: affinity laws, head balance, run-down, control of flow."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.equipment.flow_loop import (
    FlowLoop,
    Practice,
    Service,
    add_flow_loop,
    sized_loop,
)
from operator_agent.plant.equipment.pump import GRAVITY, Pump, add_speed, pumped_flow
from operator_agent.plant.equipment.valve import Valve
from operator_agent.plant.states import States

from .equipment_bench import Bench, make_bench, number, symbols

PUMP = Pump(
    head_shutoff=250.0,
    head_best=200.0,
    share_falling=0.3,
    flow_vol_best=0.2,
    efficiency_best=0.75,
    time_start_s=3.0,
    time_stop_s=8.0,
)
VALVE = Valve(flow_coefficient=0.02, rangeability=30.0, time_s=2.0, rate_per_s=0.2)
RESISTANCE = 3000.0  # [s2/m5]
PRACTICE = Practice(
    ratio_shutoff=1.25,
    share_falling=0.2,
    share_valve=0.35,
    share_open=0.4,
    rangeability=30.0,
    efficiency=0.75,
    time_start_s=3.0,
    time_stop_s=8.0,
    time_valve_s=2.0,
    rate_per_s=0.2,
    gain=0.5,
    time_integral_s=2.5,
)
LOOP = sized_loop(Service(flow_vol=0.19, head=250.0, density=860.0), PRACTICE)


def flow(speed: float, opening: float, head_static: float = 0.0) -> float:
    return number(pumped_flow(PUMP, VALVE, RESISTANCE, ca.SX(speed), ca.SX(opening), head_static))


def test_curve_passes_shutoff_and_best_point() -> None:
    assert number(PUMP.head(ca.SX(1.0), ca.SX(0.0))) == pytest.approx(250.0)
    assert number(PUMP.head(ca.SX(1.0), ca.SX(0.2))) == pytest.approx(200.0)


@given(st.floats(0.3, 1.0), st.floats(0.2, 1.0))
def test_affinity_laws_hold_along_a_line_without_static_head(speed: float, opening: float) -> None:
    full, slow = flow(1.0, opening), flow(speed, opening)
    assert slow == pytest.approx(speed * full, rel=1e-2)  # softened start of flow
    head = number(PUMP.head(ca.SX(speed), ca.SX(speed * full)))
    assert head == pytest.approx(speed**2 * number(PUMP.head(ca.SX(1.0), ca.SX(full))))
    power = number(PUMP.power(ca.SX(speed), ca.SX(speed * full), 860.0))
    assert power == pytest.approx(
        speed**3 * number(PUMP.power(ca.SX(1.0), ca.SX(full), 860.0)), rel=2e-3
    )


def test_power_at_the_best_point_is_hydraulic_power_over_efficiency() -> None:
    power = number(PUMP.power(ca.SX(1.0), ca.SX(0.2), 860.0))
    assert power == pytest.approx(860.0 * GRAVITY * 0.2 * 200.0 / 0.75, rel=2e-4)


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.4))
def test_power_is_finite_and_not_negative_everywhere(speed: float, flow_vol: float) -> None:
    power = number(PUMP.power(ca.SX(speed), ca.SX(flow_vol), 860.0))
    assert 0.0 <= power < 5e6


@given(st.floats(0.4, 1.0), st.floats(0.05, 1.0), st.floats(-20.0, 30.0))
def test_flow_balances_the_heads(speed: float, opening: float, head_static: float) -> None:
    if PUMP.head_shutoff * speed**2 < head_static + 5.0:
        return
    q = flow(speed, opening, head_static)
    share = number(VALVE.characteristic(ca.SX(opening)))
    lost = q**2 * (RESISTANCE + 1.0 / (GRAVITY * (VALVE.flow_coefficient * share) ** 2))
    head = number(PUMP.head(ca.SX(speed), ca.SX(q)))
    assert head == pytest.approx(head_static + lost, rel=2e-3, abs=0.25)  # softened over 0.2 m


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(-50.0, 400.0))
def test_flow_never_turns_back(speed: float, opening: float, head_static: float) -> None:
    q = flow(speed, opening, head_static)
    assert np.isfinite(q)
    assert q >= -1e-12


def test_standing_pump_gives_no_flow_against_a_head_and_lets_a_helping_head_through() -> None:
    assert flow(0.0, 1.0, 0.0) == 0.0
    assert flow(0.0, 1.0, 20.0) == pytest.approx(0.0, abs=1e-15)
    share = VALVE.flow_coefficient
    alone = np.sqrt(20.0 / (RESISTANCE + PUMP.curvature + 1.0 / (GRAVITY * share**2)))
    assert flow(0.0, 1.0, -20.0) == pytest.approx(alone, rel=1e-2)


def test_shut_valve_stops_the_flow_with_a_finite_slope() -> None:
    opening = ca.SX.sym("l")
    q = pumped_flow(PUMP, VALVE, RESISTANCE, ca.SX(1.0), opening)
    both = ca.Function("q", [opening], [q, ca.jacobian(q, opening)])
    value, slope = (float(v) for v in both(0.0))
    assert value == 0.0
    assert 0.0 < slope < 1.0


def test_speed_runs_up_and_down_with_its_time_constants() -> None:
    states, u = States(), symbols("running")
    speed = add_speed(states, "test", PUMP, u["running"])
    bench = make_bench(states, u, {"speed": speed})
    down = bench.after(np.array([1.0]), {"running": 0.0}, 12.0)[0]
    assert down == pytest.approx(np.exp(-12.0 / 8.0), rel=1e-5)
    up = bench.after(np.array([0.0]), {"running": 1.0}, 4.0)[0]
    assert up == pytest.approx(1.0 - np.exp(-4.0 / 3.0), rel=1e-5)


def flow_bench(loop: FlowLoop = LOOP) -> Bench:
    states, u = States(), symbols("setpoint", "running")
    result = add_flow_loop(states, "feed", loop, u["setpoint"], u["running"], 0.0)
    outputs = {"flow_vol": result.flow_vol, "opening": result.opening, "power": result.power}
    return make_bench(states, u, outputs)


def at_rest(bench: Bench, setpoint: float) -> np.ndarray:
    return bench.after(bench.guess(), {"setpoint": setpoint, "running": 1.0}, 600.0)


def test_sized_loop_delivers_its_service_at_its_opening() -> None:
    opening = LOOP.valve.opening_for(PRACTICE.share_open)
    q = number(pumped_flow(LOOP.pump, LOOP.valve, LOOP.resistance_line, ca.SX(1.0), ca.SX(opening)))
    assert q == pytest.approx(0.19, rel=1e-3)
    assert number(LOOP.pump.head(ca.SX(1.0), ca.SX(q))) == pytest.approx(250.0, rel=1e-3)


@pytest.mark.parametrize("target", [0.10, 0.15, 0.195])
def test_flow_reaches_its_set_point_within_half_a_minute_without_offset(target: float) -> None:
    bench = flow_bench()
    x, inputs = at_rest(bench, 0.18), {"setpoint": target, "running": 1.0}
    path = bench.path(x, inputs, [2.0, 30.0, 600.0])
    early, settled, end = (bench.read(point, inputs)["flow_vol"] for point in path)
    assert abs(early - target) > 0.2 * abs(0.18 - target)
    assert abs(settled - target) < 0.05 * abs(0.18 - target) + 1e-5
    assert end == pytest.approx(target, rel=1e-6)


def test_pump_trip_ends_the_flow_and_the_loop_restarts_by_itself() -> None:
    bench = flow_bench()
    x = at_rest(bench, 0.18)
    off, on = {"setpoint": 0.18, "running": 0.0}, {"setpoint": 0.18, "running": 1.0}
    path = bench.path(x, off, [1.0, 5.0, 20.0, 120.0])
    flows = [bench.read(point, off)["flow_vol"] for point in path]
    assert flows == sorted(flows, reverse=True)
    assert flows[-1] < 1e-6
    assert bench.read(path[-1], off)["power"] < 1.0
    back = bench.path(path[-1], on, list(np.linspace(1.0, 120.0, 60)))
    flows = [bench.read(point, on)["flow_vol"] for point in back]
    assert max(flows) < 1.25 * 0.18  # anti-windup: the valve's end is as far as it goes
    assert flows[-1] == pytest.approx(0.18, rel=1e-3)


def test_set_point_beyond_the_pump_opens_the_valve_fully_and_comes_back() -> None:
    bench = flow_bench()
    x = at_rest(bench, 0.5)
    far = bench.read(x, {"setpoint": 0.5, "running": 1.0})
    assert far["opening"] == pytest.approx(1.0, abs=1e-2)
    assert far["flow_vol"] < 0.3
    inputs = {"setpoint": 0.15, "running": 1.0}
    x = bench.after(x, inputs, 60.0)
    assert bench.read(x, inputs)["flow_vol"] == pytest.approx(0.15, rel=2e-3)


def sticking(band: float) -> Bench:
    states, u = States(), symbols("setpoint", "running")
    result = add_flow_loop(states, "feed", LOOP, u["setpoint"], u["running"], band)
    return make_bench(states, u, {"flow_vol": result.flow_vol})


@pytest.mark.slow
def test_sticking_valve_makes_the_flow_hunt_around_its_set_point() -> None:
    """A self-regulating loop hunts with a slip jump only (Choudhury et al. 2005, section 5)."""
    setpoint, swings = 0.12, []
    inputs = {"setpoint": setpoint, "running": 1.0}
    times = list(np.arange(5.0, 2001.0, 5.0))
    for band in (0.0, 0.04, 0.08):
        bench = sticking(band)
        path = bench.path(bench.guess(), inputs, times)
        flows = np.array([bench.read(x, inputs)["flow_vol"] for x in path])
        earlier, late = flows[-320:-160], flows[-160:]
        swings.append(float(np.ptp(late)))
        assert swings[-1] >= 0.9 * np.ptp(earlier) - 1e-6  # it does not die out
        assert late.min() - 1e-6 <= setpoint <= late.max() + 1e-6
    assert swings[0] < 1e-6
    assert swings[1] > 0.01 * setpoint
    assert swings[2] == pytest.approx(2.0 * swings[1], rel=0.1)
    bench = sticking(0.0)
    freed = bench.after(path[-1], inputs, 300.0)
    assert bench.read(freed, inputs)["flow_vol"] == pytest.approx(setpoint, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("head_shutoff", 150.0), ("efficiency_best", 1.2), ("share_falling", -0.1), ("head_best", 0)],
)
def test_impossible_pumps_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=r"pump: \w+ = .* must be .*correct it in the case"):
        replace(PUMP, **{name: value})


def test_impossible_loops_and_services_are_refused() -> None:
    with pytest.raises(InputError, match="flowloop: gain = 0 must be above 0"):
        replace(LOOP, gain=0.0)
    with pytest.raises(InputError, match="service: head = -1 must be above 0"):
        Service(flow_vol=0.1, head=-1.0, density=800.0)
    with pytest.raises(
        InputError, match=r"practice: share_open = 1\.5 must be above 0 and at most"
    ):
        replace(PRACTICE, share_open=1.5)
