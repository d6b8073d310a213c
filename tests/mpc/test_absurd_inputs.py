"""Whatever a scan says, a cycle ends in a checked move or in a named reason.

And when the fault goes away, control goes on within a few cycles.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.mpc.checked_loop import ABSURD, CYCLE_S, DAY_S, NAN, Loop

from operator_agent.errors import InputError
from operator_agent.messages import ControllerMode
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.problem import SolverStatus
from operator_agent.mpc.status.mode import ModeState
from operator_agent.mpc.status.states import CvState, DvState, MvState, ServiceRequest


@pytest.mark.parametrize("value", [-1e300, 105.0])
def test_an_absurd_disturbance_is_bridged_then_stops_moves_and_comes_back(
    loop: Loop, value: float
) -> None:
    loop.cycles(3)
    allowed = loop.controller.weights.max_bad_readings
    for _ in range(allowed):
        result = loop.cycle(d=np.array([value]))
        assert result.outcome.accepted and result.service.dvs[0].state is DvState.BAD
        assert result.problem is not None and result.problem.d[0] == loop.plant.d_nominal[0]
    assert f"reads {value:.6g}, valid is -44.9 to 55.1" in result.service.dvs[0].reason
    result = loop.cycle(d=np.array([value]))
    assert result.outcome.status is SolverStatus.BAD_READING
    assert "conc_feed" in result.outcome.reason and "out of service" in result.outcome.reason
    off = ServiceRequest(out_of_service={"conc_feed": "by Kim"})
    assert loop.cycle(off, d=np.array([value])).outcome.accepted  # what the sentence proposes
    loop.recovered()


def test_a_jump_of_a_disturbance_is_believed_when_it_insists(loop: Loop) -> None:
    loop.cycles(3)
    needed = loop.controller.weights.spike_readings
    for count in range(1, needed + 1):
        result = loop.cycle(d=np.array([25.0]))
        assert result.problem is not None
        assert result.problem.d[0] == (25.0 if count >= needed else 5.1)
        assert ("jumped from 5.1 to 25" in str(result.service.unusual())) == (count < needed)
    loop.cycles(8)
    assert loop.cycle(d=np.array([25.0 - 14.0])).service.dvs[0].state is DvState.ON


def test_a_wild_disturbance_is_never_believed(loop: Loop) -> None:
    loop.cycles(3)
    for value in (30.0, -25.0, 40.0, -30.0):
        result = loop.cycle(d=np.array([value]))
        assert result.problem is not None and result.problem.d[0] == 5.1
    loop.recovered()


@pytest.mark.parametrize("value", [*ABSURD, 195504.3])
def test_an_absurd_read_back_costs_its_mv_alone(loop: Loop, value: float) -> None:
    loop.cycles(3)
    for _ in range(4):
        result = loop.cycle(u_readback=np.array([loop.u[0], value]))
        status = result.service.mvs[1]
        assert status.state is MvState.BAD and result.outcome.accepted
        assert status.value == pytest.approx(loop.u[1])
        assert "check the link" in status.reason and "taken to stand at" in status.reason
    loop.recovered()


def test_an_absurd_read_back_of_a_critical_mv_stops_the_move(loop: Loop) -> None:
    loop.cycles(3)
    for value in (*ABSURD, -1e300, 1e6):
        result = loop.cycle(u_readback=np.array([value, loop.u[1]]))
        assert result.outcome.status is SolverStatus.BAD_READING
        assert "critical MV feed_rate" in result.outcome.reason
    loop.recovered()


@pytest.mark.parametrize("value", [1e300, NAN, -50.0])
def test_a_write_that_cannot_be_is_ignored_and_told(loop: Loop, value: float) -> None:
    loop.cycles(3)
    stood = loop.u.copy()
    lie = ServiceRequest(written={"duty_jacket": value})
    result = loop.cycle(lie)
    assert result.service.mvs[1].state is MvState.ON
    assert any("duty_jacket" in note and "ignored" in note for note in result.cuts)
    loop.u = stood
    lost = loop.cycle(lie, u_readback=np.array([stood[0], NAN]))
    reach = loop.controller.variables.mv_rate[1] * CYCLE_S
    assert abs(lost.service.mvs[1].value - stood[1]) <= reach
    loop.recovered()


@pytest.mark.parametrize("value", [*ABSURD, -1e6])
def test_an_absurd_cv_is_predicted_however_often_it_comes(loop: Loop, value: float) -> None:
    loop.cycles(3)
    for _ in range(4):  # more often than a spike must come to be believed
        result = loop.cycle(y=np.array([value, loop.measured()[1]]))
        assert result.outcome.accepted and result.service.cvs[0].state is CvState.BAD
    assert "check its transmitter" in result.service.cvs[0].reason
    loop.recovered()


@pytest.mark.parametrize("value", [NAN, 1e4])
def test_without_any_good_cv_there_is_no_move_and_the_mode_sheds(loop: Loop, value: float) -> None:
    mode = ModeState(max_holds=2).engaged("Kim")
    loop.cycles(3)
    for _ in range(3):
        result = loop.cycle(y=np.array([value, value]))
        assert result.outcome.status is SolverStatus.BAD_READING
        assert "conc_b, temp_reactor" in result.outcome.reason
        mode = mode.after_hold(result.outcome.reason)
    assert mode.mode is ControllerMode.SHED and "all CV readings are bad" in mode.reason
    assert "reset and switch on" in mode.reason
    for _ in range(loop.controller.weights.max_bad_readings):
        result = loop.cycle(y=np.array([value, value]))
    assert "0 CVs are in service" in result.service.obstacle
    assert "0 CVs" in mode.released("Kim").engaged("Kim", result.service.obstacle).reason
    loop.recovered()


@pytest.mark.parametrize("part", ["y", "u", "d"])
def test_a_start_with_absurd_readings_waits_and_names_them(loop: Loop, part: str) -> None:
    absurd = {
        "y": {"y": np.array([1e300, 1e300])},
        "u": {"u_readback": np.array([1e300, -4495.7])},
        "d": {"d": np.array([1e300])},
    }[part]
    for _ in range(3):
        result = loop.cycle(**absurd)
        assert not result.outcome.accepted and "1e+300" in result.outcome.reason
    loop.recovered()


def test_a_lost_disturbance_at_the_start_may_be_taken_out_of_service(loop: Loop) -> None:
    result = loop.cycle(d=np.array([NAN]))
    assert "conc_feed" in result.outcome.reason and "out of service" in result.outcome.reason
    off = ServiceRequest(out_of_service={"conc_feed": "by Kim"})
    assert loop.cycle(off, d=np.array([NAN])).outcome.accepted
    loop.recovered()


@pytest.mark.parametrize(
    "stamp_s", [-DAY_S, 0.0, 3.0 * DAY_S, 1e300, np.inf, NAN], ids=str
)  # fmt: skip
def test_no_time_stamp_stops_the_loop(loop: Loop, stamp_s: float) -> None:
    loop.cycles(3)
    assert all(result.outcome.accepted for result in loop.cycles(4, time_s=stamp_s))
    loop.recovered()


def test_a_long_gap_starts_the_estimate_anew_and_says_so(loop: Loop) -> None:
    loop.cycles(3)
    loop.cycle_number += 5000
    result = loop.cycle()
    assert any("no scan for" in note for note in result.cuts) and result.outcome.accepted
    loop.recovered()


def test_a_frozen_sensor_ends_in_checked_moves_and_thaws(loop: Loop) -> None:
    loop.cycles(3)
    frozen = loop.measured()
    loop.cycles(10, y=frozen)
    loop.cycles(20)
    assert loop.measured()[0] == pytest.approx(0.93, abs=0.01)


def test_a_frozen_sensor_is_found_where_its_time_is_given(reactor_controller: Controller) -> None:
    options = replace(reactor_controller.options, frozen_s={"conc_b": 4.0 * CYCLE_S})
    controller = reactor_controller.retuned(reactor_controller.weights, options)
    loop = Loop(controller, controller.model)
    loop.cycles(3)
    stuck, noise = loop.measured(), np.random.default_rng(1)
    states = []
    for _ in range(8):
        y = np.array([stuck[0], loop.measured()[1] + 0.01 * noise.normal()])
        states.append(loop.cycle(y=y).service.cvs[0])
    assert [cv.state.name for cv in states[:5]] == ["ON"] * 5
    assert states[5].state is CvState.BAD and "frozen at" in states[5].reason
    assert loop.cycle().service.cvs[0].state is CvState.ON  # it thaws
    with pytest.raises(InputError, match="frozen_s of feed_rate"):
        controller.retuned(controller.weights, replace(options, frozen_s={"feed_rate": 60.0}))
    with pytest.raises(InputError, match="frozen_s of conc_b is 0"):
        controller.retuned(controller.weights, replace(options, frozen_s={"conc_b": 0.0}))
