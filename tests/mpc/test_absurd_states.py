"""Poisoned plans, refused solves, absurd wishes and limits: a checked move or a named reason."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.mpc.checked_loop import CYCLE_S, DAY_S, GOAL, NAN, Loop, wanted

from operator_agent.errors import InputError
from operator_agent.messages import ControllerMode, EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState
from operator_agent.mpc.generic.controller import make_controller
from operator_agent.mpc.problem import PointWorth, SolverStatus, refused
from operator_agent.mpc.refusals import RESTART_AFTER, after_solve
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.mpc.status.validity import FAR_SPANS, Validity
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.generic.transfer_function import first_order
from operator_agent.plant.generic.transfer_matrix import linear_plant
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel
from operator_agent.site import Limits


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
