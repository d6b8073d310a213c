"""Whatever a scan, a person or planning says, a cycle ends in a checked move or in a named reason.

And when the fault goes away, control goes on within a few cycles.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.messages import ControllerMode, EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.estimation.choice import KalmanChoice
from operator_agent.mpc.generic.controller import make_controller
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.problem import PointWorth, SolverStatus, refused
from operator_agent.mpc.refusals import RESTART_AFTER, after_solve
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.mode import ModeState
from operator_agent.mpc.status.states import CvState, DvState, MvState, ServiceRequest
from operator_agent.mpc.status.validity import FAR_SPANS, Validity
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.generic.transfer_function import first_order
from operator_agent.plant.generic.transfer_matrix import linear_plant
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel
from operator_agent.site import Limits

CYCLE_S, NAN = 18.0, np.nan
ON = ServiceRequest()
DAY_S = 86400.0


def wanted(**goals: float) -> EconomicTargets:
    return EconomicTargets("test", 0.0, {"a": 1.0}, 0.0, goals, {}, 0.0, 0.0)


GOAL = wanted(conc_b=0.93)


@dataclass
class Loop:
    """A reactor that takes what is accepted, and a controller whose every cycle is checked."""

    controller: Controller
    plant: ProcessModel
    state: ControllerState | None = None
    cycle_number: int = 0
    x: np.ndarray = field(init=False)
    u: np.ndarray = field(init=False)
    written: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.x, self.u = self.plant.x_nominal.copy(), self.plant.u_nominal.copy()
        self._integrator = make_integrator(self.plant)

    def measured(self) -> np.ndarray:
        return self.plant.outputs(self.x, self.u, self.plant.d_nominal).full().ravel()

    def cycle(
        self,
        request: ServiceRequest = ON,
        targets: EconomicTargets = GOAL,
        **changed: object,
    ) -> CycleResult:
        """Run one cycle; further keywords replace parts of the scan."""
        d, time_s = self.plant.d_nominal.copy(), CYCLE_S * self.cycle_number
        scan = replace(Scan(self.measured(), self.u.copy(), d, time_s=time_s), **changed)
        request = replace(request, written={**self.written, **request.written})
        state = self.state or self.controller.start(scan)
        result, self.state = self.controller.step(state, scan, targets, None, request)
        self.cycle_number += 1
        self._check(result)
        self.written = {}
        if result.outcome.accepted and request.mode is ControllerMode.ON:
            moved = result.service.moved
            self.u = np.where(moved, result.outcome.move, self.u)
            names = np.array(self.plant.u_names)[moved]
            self.written = dict(zip(names.tolist(), self.u[moved].tolist(), strict=True))
        self.x = self._integrator.step(self.x, self.u, d, CYCLE_S)
        return result

    def cycles(self, count: int, request: ServiceRequest = ON, **changed) -> list[CycleResult]:
        return [self.cycle(request, **changed) for _ in range(count)]

    def _check(self, result: CycleResult) -> None:
        outcome, limits = result.outcome, self.controller.variables
        if not outcome.accepted:
            assert outcome.reason and outcome.warm is None
            assert self.state is not None and self.state.warm is None
            with pytest.raises(SolveFailedError):
                _ = outcome.move
            return
        move, held, moved = outcome.move, result.service.held, result.service.moved
        reach = limits.mv_rate * CYCLE_S * (1.0 + 1e-9)
        assert np.all(np.isfinite(move)) and np.array_equal(move[~moved], held[~moved])
        assert np.all(np.abs(move - held)[moved] <= reach[moved])
        inside = (limits.mv_low <= move) & (move <= limits.mv_high)
        assert np.all(inside[moved])

    def recovered(self) -> None:
        """Check that it controls again, and knows where the plant stands."""
        results = self.cycles(8)
        assert all(result.outcome.accepted for result in results[-4:]), results[-1].outcome
        assert not results[-1].service.unusual()
        off = np.abs(results[-1].y_estimate - results[-1].y_measured) / self.plant.y_scale
        assert off.max() < 0.2


@pytest.fixture
def two(reactor_variables: ControlVariables) -> ControlVariables:
    """Of the MVs only the feed is critical; any CV may be lost."""
    return replace(
        reactor_variables,
        mv_critical=np.array([True, False]),
        cv_critical=np.array([False, False]),
    )


@pytest.fixture(scope="module")
def kept() -> dict[str, Controller]:
    """Where controllers stay: they hold no state between cycles."""
    return {}


@pytest.fixture
def made(
    kept: dict[str, Controller],
    reactor_model: ProcessModel,
    two: ControlVariables,
    reactor_weights: Weights,
) -> dict[str, Controller]:
    """Controllers by estimator."""
    if not kept:
        parts = (reactor_model, two, reactor_weights, None, CYCLE_S)
        kalman = ControllerOptions(estimator=KalmanChoice())
        kept.update(bias=Controller(*parts), kalman=Controller(*parts, kalman))
    return kept


@pytest.fixture(params=["bias", "kalman"])
def loop(
    request: pytest.FixtureRequest, made: dict[str, Controller], reactor_model: ProcessModel
) -> Loop:
    return Loop(made[request.param], reactor_model)


ABSURD = [1e300, np.inf]


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


@pytest.mark.parametrize(
    "poison",
    [
        lambda e: {"x": 1e5 * e.x},
        lambda e: {"x": NAN * e.x},
        lambda e: {"bias": e.bias + 1e5},
        lambda e: {"bias": NAN * e.bias},
    ],
)
def test_a_poisoned_estimate_starts_anew(loop: Loop, poison) -> None:
    loop.cycles(3)
    assert loop.state is not None and loop.state.estimate is not None
    sick = replace(loop.state.estimate, **poison(loop.state.estimate))
    loop.state = replace(loop.state, estimate=sick)
    loop.recovered()


@pytest.mark.parametrize("factor", [1e3, 1e8, NAN])
def test_a_poisoned_plan_or_target_starts_anew(loop: Loop, factor: float) -> None:
    loop.cycles(3)
    assert loop.state is not None
    plan, walk = loop.state.warm, loop.state.target_state
    assert plan is not None and walk is not None
    sick = replace(plan, blocks=factor * plan.blocks, states=factor * plan.states)
    loop.state = replace(loop.state, warm=sick)
    loop.recovered()
    loop.state = replace(loop.state, target_state=replace(walk, x=factor * walk.x))
    loop.recovered()


def test_refused_solves_in_a_row_start_anew_and_harm_no_later_cycle(loop: Loop) -> None:
    loop.cycles(3)
    good = loop.controller
    none = dict.fromkeys(loop.plant.u_names, 0.0)  # nothing is wanted: the QP has no one answer
    loop.controller = good.with_weights(
        replace(good.weights, cv_tracking={}, move_suppression=none, resting={}, levenberg=0.0)
    )
    results = loop.cycles(2 * RESTART_AFTER + 1)
    told = ["starts anew" in result.outcome.reason for result in results]
    assert not any(result.outcome.accepted for result in results)
    assert told == [False, False, True, False, False, True, False]
    loop.controller = good
    assert loop.cycle().outcome.accepted
    loop.recovered()


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        (SolverStatus.QP_FAILED, True),
        (SolverStatus.ITERATION_LIMIT, True),  # of a point that the checks refused
        (SolverStatus.TIME_LIMIT, False),
        (SolverStatus.LIMITS_CONFLICT, False),
    ],
)
def test_only_what_a_new_start_may_cure_makes_one(
    loop: Loop, status: SolverStatus, counts: bool
) -> None:
    loop.cycles(2)
    state = loop.state
    assert state is not None
    for number in range(1, RESTART_AFTER + 1):
        outcome, state = after_solve(state, refused(status, "as said"), ControllerMode.ON)
        anew = counts and number == RESTART_AFTER
        assert (state.estimate is None) == (state.target_state is None) == anew
        assert ("starts anew" in outcome.reason) == anew
        assert outcome.worth is PointWorth.USELESS


def test_a_late_solve_has_no_move_and_control_goes_on(loop: Loop) -> None:
    loop.cycles(3)
    good = loop.controller
    loop.controller = good.retuned(good.weights, replace(good.options, time_limit_s=1e-9))
    for _ in range(2 * RESTART_AFTER):
        result = loop.cycle()
        assert result.outcome.status is SolverStatus.TIME_LIMIT
        assert "starts anew" not in result.outcome.reason  # time is no fault of the estimate
    loop.controller = good
    assert loop.cycle().outcome.accepted
    loop.recovered()


def test_set_points_that_nothing_follows_are_told(loop: Loop) -> None:
    result = loop.cycle(targets=wanted(conc_b=0.93, temp_reactor=130.0))
    (note,) = result.cuts
    assert "set point of temp_reactor is not followed" in note and "target_pull" in note
    result = loop.cycle(targets=wanted(conc_b=1e300))
    (note,) = result.cuts
    assert "1e+300" in note and "conc_b" in note and result.outcome.accepted
    assert loop.cycle().cuts == ()


def test_set_points_of_a_made_controller_that_are_not_tracked_are_told() -> None:
    rows = [[first_order(2.0, 600.0)], [first_order(1.0, 300.0)]]
    oven = linear_plant("oven", rows, ["fuel"], ["temp", "draught"])
    controller = make_controller(oven, 60.0, track=["temp"], limits={"fuel": (-1.0, 1.0)})
    scan = Scan(np.zeros(2), np.zeros(1), np.zeros(0))
    state = controller.start(scan)
    result, _ = controller.step(state, scan, wanted(temp=0.5, draught=1.0), None)
    assert len(result.cuts) == 1 and "draught" in result.cuts[0] and "track" in result.cuts[0]


def test_a_reading_far_from_nominal_that_the_model_explains_is_believed() -> None:
    fuel, temp = Variable("fuel", 0.0, 0.5), Variable("temp", 0.0, 2.0)
    oven = linear_plant("oven", [[first_order(4.0, 600.0)]], [fuel], [temp])
    controller = make_controller(oven, 60.0, track=["temp"], limits={"fuel": (0.0, 200.0)})
    scan = Scan(np.array([405.0]), np.array([100.0]), np.zeros(0))
    result, state = controller.step(controller.start(scan), scan, wanted(temp=420.0), None)
    assert result.outcome.accepted and result.y_estimate[0] == pytest.approx(405.0)
    assert result.cuts == ()
    lie = replace(scan, y=np.array([4050.0]))
    result, _ = controller.step(state, lie, wanted(temp=420.0), None)
    assert result.outcome.status is SolverStatus.BAD_READING and "4050" in result.outcome.reason


@pytest.mark.parametrize("price", [1e6, 1e12, 1e100, -1e300])
def test_absurd_prices_give_a_target_inside_limits_or_none(price: float) -> None:
    oven = linear_plant("oven", [[first_order(2.0, 600.0)]], ["fuel"], ["temp"])
    costs = {"fuel": -1.0}
    controller = make_controller(
        oven, 60.0, limits={"fuel": (-1.0, 1.0), "temp": (-1.0, 1.0)}, prices=costs
    )
    scan = Scan(np.zeros(1), np.zeros(1), np.zeros(0))
    state = controller.start(scan)
    for paid in (-1.0, price, price, -1.0):
        message = EconomicTargets("t", 0.0, {"a": 1.0}, 0.0, {}, {"fuel": paid}, 0.0, 0.0)
        result, state = controller.step(state, scan, message, None)
        assert result.outcome.accepted and -1.0 <= result.u_target[0] <= 1.0
        renewed = result.target is not None and not result.target.reason
        assert renewed or any("not renewed" in note for note in result.cuts)
    assert renewed


def test_mv_limits_that_cross_hold_the_mv_and_are_named(
    loop: Loop, reactor_model: ProcessModel, two: ControlVariables, reactor_weights: Weights
) -> None:
    for low, state in (([5.0, 10.0], "accepted"), ([101.0, -8500.0], "OUT_OF_SERVICE")):
        crossed = replace(two, mv_low=np.array(low), mv_high=np.array([100.0, 0.0]))
        controller = Controller(reactor_model, crossed, reactor_weights, None, CYCLE_S)
        scan = Scan(loop.measured(), loop.u, reactor_model.d_nominal)
        result, _ = controller.step(controller.start(scan), scan, GOAL, None)
        outcome = result.outcome
        assert state == ("accepted" if outcome.accepted else outcome.status.name)
        assert "limits cross" in str(result.service.unusual())
        assert np.isfinite(result.service.held).all()


def test_optimizer_limits_outside_of_the_operators_are_refused(loop: Loop) -> None:
    outside = ServiceRequest(optimizer_limits={"feed_rate": Limits(200.0, 300.0)})
    with pytest.raises(InputError, match=r"feed_rate.*5 to 100.*inside"):
        loop.cycle(outside)
    loop.recovered()


def test_hard_limits_that_no_move_can_keep_are_named_and_the_moves_checked(
    loop: Loop, reactor_model: ProcessModel, two: ControlVariables, reactor_weights: Weights
) -> None:
    cold = replace(two, cv_hard_high=np.array([np.inf, 101.0]))
    loop.controller = Controller(reactor_model, cold, reactor_weights, None, CYCLE_S)
    results = loop.cycles(5)
    assert all(result.unmet_limits == ("temp_reactor high",) for result in results)


@pytest.mark.parametrize("values", [["a", 1.0], [[1.0, 2.0]], object()])
def test_a_scan_that_is_no_row_of_numbers_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="scan: y"):
        Scan(values, np.zeros(1), np.zeros(1))  # type: ignore[arg-type]


def test_a_scan_takes_whole_numbers_and_what_is_missing() -> None:
    scan = Scan([1, None], np.array([1, 2]), ())  # type: ignore[arg-type, list-item]
    assert scan.y.dtype == scan.u_readback.dtype == np.float64
    assert scan.y[0] == 1.0 and np.isnan(scan.y[1]) and scan.d.shape == (0,)


@given(spans=st.floats(-1e9, 1e9), last=st.floats(-40.0, 40.0))
def test_validity_believes_what_is_near_limits_or_last_value_and_nothing_else(
    spans: float, last: float
) -> None:
    one = np.ones(1)
    valid = Validity(
        names=("y",),
        nominal=0.0 * one,
        room=FAR_SPANS * one,
        low=-FAR_SPANS * one,
        high=FAR_SPANS * one,
        scale=one,
        jump=np.inf * one,
        inner_low=np.inf * one,
        inner_high=-np.inf * one,
        readings=3,
    )
    scan = Scan(np.array([spans]), np.zeros(0), np.zeros(0))
    empty = np.zeros(0)
    state = ControllerState()
    seen, _, why = valid.believed(state.validity, scan, (np.array([last]), empty, empty))
    near = abs(spans) <= FAR_SPANS or abs(spans - last) <= FAR_SPANS
    assert np.isfinite(seen.y[0]) == near and ("y" in why) == (not near)


WRONG = st.sampled_from([None, NAN, np.inf, 1e300, -1e300, 1e5, -1e5])
STAMPS = st.sampled_from([None, NAN, -1e9, 0.0, 1e300, 10.0 * DAY_S])
FAULTS = st.lists(st.tuples(WRONG, WRONG, WRONG, WRONG, WRONG, STAMPS), min_size=1, max_size=5)


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # controllers hold no state
)
@given(faults=FAULTS, kalman=st.booleans(), first=st.integers(0, 2))
def test_after_any_faults_control_goes_on(
    made: dict[str, Controller],
    reactor_model: ProcessModel,
    faults: list[tuple[float | None, ...]],
    kalman: bool,
    first: int,
) -> None:
    loop = Loop(made["kalman" if kalman else "bias"], reactor_model)
    loop.cycles(first)
    for *values, stamp_s in faults:
        good = np.concatenate([loop.measured(), loop.u, reactor_model.d_nominal])
        given_ = [g if v is None else v for g, v in zip(good, values, strict=True)]
        y, u, d = np.split(np.array(given_), [2, 4])
        stamped = {} if stamp_s is None else {"time_s": stamp_s}
        loop.cycle(y=y, u_readback=u, d=d, **stamped)
    loop.recovered()
