"""Whatever is wrong, no move can be read and the reason is named."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import SolveFailedError
from operator_agent.mpc.controller import Controller, CycleResult
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.estimator import Estimator, EstimatorState, Rejected
from operator_agent.mpc.explain.explanation import explain
from operator_agent.mpc.generic.controller import wanted
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.problem import PointWorth, SolverStatus
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.states import CvState, ServiceRequest
from operator_agent.mpc.target.wishes import Economics
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel
from operator_agent.site import Limits

NAN = np.nan


def good_scan(model: ProcessModel) -> Scan:
    y = model.outputs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    return Scan(y, model.u_nominal, model.d_nominal)


def refused(result: CycleResult, status: SolverStatus, *words: str) -> None:
    assert result.outcome.status is status, result.outcome
    assert result.outcome.worth is not PointWorth.ACCEPTED
    for word in words:
        assert word in result.outcome.reason
    with pytest.raises(SolveFailedError, match=status.name):
        _ = result.outcome.move


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"y": np.array([NAN, NAN])}, "all CV readings"),
        ({"u_readback": np.array([NAN, -4495.7])}, "feed_rate"),
        ({"u_readback": np.array([np.inf, -4495.7])}, "feed_rate"),
    ],
)
def test_readings_that_cannot_be_done_without(
    reactor_model: ProcessModel, reactor_controller: Controller, change: dict, word: str
):
    scan = good_scan(reactor_model)
    state = reactor_controller.start(scan)
    _, state = reactor_controller.step(state, scan, None, None)
    bad = replace(scan, **change)
    result, state = reactor_controller.step(state, bad, None, None)
    refused(result, SolverStatus.BAD_READING, word)
    assert state.warm is None
    result, state = reactor_controller.step(state, scan, None, None)
    assert result.outcome.accepted


def test_start_with_bad_readings_waits_for_good_ones(
    reactor_model: ProcessModel, reactor_controller: Controller
):
    scan = good_scan(reactor_model)
    blind = replace(scan, y=np.array([NAN, NAN]))
    state = reactor_controller.start(blind)
    result, state = reactor_controller.step(state, blind, None, None)
    refused(result, SolverStatus.BAD_READING)
    result, state = reactor_controller.step(state, scan, None, None)
    assert result.outcome.accepted


def test_bad_disturbance_is_bridged_for_a_while_only(
    reactor_model: ProcessModel, reactor_controller: Controller
):
    scan = good_scan(reactor_model)
    state = reactor_controller.start(scan)
    _, state = reactor_controller.step(state, scan, None, None)
    lost = replace(scan, d=np.array([NAN]))
    worth = []
    for _ in range(7):
        result, state = reactor_controller.step(state, lost, None, None)
        worth.append(result.outcome.accepted)
    assert worth == [True] * 5 + [False] * 2
    refused(result, SolverStatus.BAD_READING, "conc_feed")


def test_held_value_outside_limits_names_variable_and_limits(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    far = reactor_variables.with_mv_limits({"feed_rate": 60.0}, {})
    controller = Controller(reactor_model, far, reactor_weights, None, 18.0)
    scan = good_scan(reactor_model)
    result, _ = controller.step(controller.start(scan), scan, None, None)
    refused(result, SolverStatus.OUT_OF_SERVICE, "feed_rate", "60", "18.83")


@pytest.mark.parametrize(
    ("rank", "low", "state"),
    [("soft", 141.0, CvState.LOOSE), ("hard", 150.0, CvState.CROSSED)],
)
def test_crossed_cv_limits_cost_these_limits_alone(
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
    rank: str,
    low: float,
    state: CvState,
):
    crossed = replace(reactor_variables, **{f"cv_{rank}_low": np.array([-np.inf, low])})
    controller = Controller(reactor_model, crossed, reactor_weights, None, 18.0)
    scan, goal = good_scan(reactor_model), wanted({"conc_b": 0.95})
    result, _ = controller.step(controller.start(scan), scan, goal, None)
    assert result.outcome.accepted, result.outcome.reason
    assert np.any(result.outcome.move != scan.u_readback)  # the other CV is controlled
    told = result.service.unusual()
    assert set(told) == {"temp_reactor"} and told["temp_reactor"].startswith(state.name)
    for word in (rank, f"{low:.6g}", "corrected"):
        assert word in told["temp_reactor"]
    assert result.problem is not None
    kept = result.problem.variables
    assert np.isinf(kept.cv_soft_low[1]) and kept.cv_hard_high[1] == (
        142.0 if rank == "soft" else np.inf
    )


def test_crossed_limits_of_a_critical_cv_are_an_obstacle(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    crossed = replace(
        reactor_variables,
        cv_hard_low=np.array([1.0, -np.inf]),
        cv_hard_high=np.array([0.9, 142.0]),
    )
    controller = Controller(reactor_model, crossed, reactor_weights, None, 18.0)
    scan = good_scan(reactor_model)
    result, _ = controller.step(controller.start(scan), scan, None, None)
    refused(result, SolverStatus.OUT_OF_SERVICE, "critical CV conc_b", "CROSSED", "1 to 0.9")


def test_soft_limits_outside_of_narrowed_hard_ones_lie_on_their_edge(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    margin = replace(reactor_weights, hard_margin=0.02)
    controller = Controller(reactor_model, reactor_variables, margin, None, 18.0)
    scan = good_scan(reactor_model)
    asked = ServiceRequest(optimizer_limits={"temp_reactor": Limits(141.0, 142.0)})
    result, _ = controller.step(controller.start(scan), scan, None, None, asked)
    assert result.outcome.accepted, result.outcome.reason
    assert result.problem is not None and result.service.unusual() == {}
    kept = result.problem.variables
    assert 141.0 <= kept.cv_soft_low[1] <= kept.cv_soft_high[1] <= 142.0


@pytest.mark.parametrize("weight", [NAN, np.inf, -1.0])
def test_absurd_weights_give_no_move(
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
    weight: float,
):
    absurd = replace(reactor_weights, cv_tracking={"conc_b": weight})
    controller = Controller(reactor_model, reactor_variables, absurd, None, 18.0)
    scan = good_scan(reactor_model)
    result, _ = controller.step(controller.start(scan), scan, None, None)
    refused(result, SolverStatus.NOT_FINITE, "weights")


def nan_beyond(model: ProcessModel, temp: float) -> ProcessModel:
    """Return the model with rates that are NaN above a temperature."""
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", 4), ("u", 2), ("d", 1)))
    rhs = model.rhs(x, u, d) + ca.if_else(x[2] > temp, ca.SX(np.nan), ca.SX(0.0))
    return replace(model, rhs=ca.Function("rhs", [x, u, d], [rhs]))


def test_nan_in_the_model_gives_no_move(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    broken = nan_beyond(reactor_model, 130.0)  # the steady state lies above
    controller = Controller(broken, reactor_variables, reactor_weights, None, 18.0)
    scan = good_scan(reactor_model)
    result, state = controller.step(controller.start(scan), scan, None, None)
    refused(result, SolverStatus.NOT_FINITE)
    assert state.warm is None and state.estimate is None


def test_nan_ahead_of_the_plan_gives_no_move_or_a_checked_one(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    edge = nan_beyond(reactor_model, 134.2)
    controller = Controller(edge, reactor_variables, reactor_weights, None, 18.0)
    scan = good_scan(reactor_model)
    state = controller.start(scan)
    for _ in range(5):
        result, state = controller.step(state, scan, None, None)
        if result.outcome.accepted:
            assert np.all(np.isfinite(result.outcome.move))
            assert result.outcome.diagnostics.residual < 1e-3
        else:
            assert state.warm is None


def test_control_comes_back_when_the_plant_leaves_what_the_model_cannot_compute(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    edge = nan_beyond(reactor_model, 134.6)
    quick = ControllerOptions(time_limit_s=0.2)
    controller = Controller(edge, reactor_variables, reactor_weights, None, 18.0, quick)
    scan, plant = good_scan(reactor_model), make_integrator(reactor_model)
    state, x, u = controller.start(scan), reactor_model.x_nominal, scan.u_readback
    statuses = []
    for cycle in range(60):
        by_hand = np.array([0.0, 400.0 if 3 <= cycle < 13 else -400.0 if 13 <= cycle < 23 else 0.0])
        u = u + by_hand
        x = plant.step(x, u, scan.d, 18.0)
        y = reactor_model.outputs(x, u, scan.d).full().ravel()
        result, state = controller.step(state, replace(scan, y=y, u_readback=u), None, None)
        statuses.append(result.outcome.status)
        if not result.outcome.accepted:
            refused(result, result.outcome.status)
    assert SolverStatus.NOT_FINITE in statuses[8:25]
    assert result.outcome.accepted and SolverStatus.NOT_FINITE not in statuses[-10:]


def test_move_of_an_accepted_outcome_cannot_be_edited(
    reactor_model: ProcessModel, reactor_controller: Controller
):
    scan = good_scan(reactor_model)
    result, _ = reactor_controller.step(reactor_controller.start(scan), scan, None, None)
    with pytest.raises(ValueError, match="read-only"):
        result.outcome.move[0] = 99.0


class Shortened:
    """An estimator of somebody else's that forgets a part of what it knows in two scans."""

    def __init__(self, made: Estimator, part: str) -> None:
        self._made, self._part, self.scans = made, part, 0

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        return self._made.start(scan)

    def update(self, state: EstimatorState, scan: Scan) -> EstimatorState | Rejected:
        self.scans += 1
        found = self._made.update(state, scan)
        if isinstance(found, Rejected) or not 3 <= self.scans < 5:
            return found
        return replace(found, **{self._part: getattr(found, self._part)[1:]})


@pytest.mark.parametrize(
    ("part", "status", "word"),
    [
        ("d", SolverStatus.FAILED, "broke off"),
        ("x", SolverStatus.NOT_FINITE, "the estimator failed"),
    ],
)
def test_what_breaks_off_inside_a_cycle_is_an_outcome_without_a_move(
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
    part: str,
    status: SolverStatus,
    word: str,
):
    options = ControllerOptions(estimator=lambda *made: Shortened(BiasObserver(*made), part))
    controller = Controller(reactor_model, reactor_variables, reactor_weights, None, 18.0, options)
    scan, told = good_scan(reactor_model), []
    state = controller.start(scan)
    for cycle in range(7):
        now = replace(scan, read_id=cycle, time_s=18.0 * cycle)
        result, state = controller.step(state, now, wanted({"conc_b": 0.95}), None)
        told.append(result.outcome.status)
        if not result.outcome.accepted:
            refused(result, status, word)
            assert state.warm is None
            assert explain(result, state, controller.targets).moves is None
    assert status in told
    assert result.outcome.accepted  # what broke does not stay


def test_a_target_layer_that_breaks_off_leaves_its_last_target(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    x, u, d, p = (ca.SX.sym(n, k) for n, k in (("x", 4), ("u", 2), ("d", 1), ("p", 1)))
    earns = Economics(ca.Function("profit", [x, u, d, p], [p[0] * x[1] * u[0]]), ("product",))
    controller = Controller(reactor_model, reactor_variables, reactor_weights, earns, 18.0)
    scan = good_scan(reactor_model)
    state = controller.start(scan)
    result, state = controller.step(state, scan, wanted({}, {"product": 1.0}), None)
    last = result.u_target
    result, state = controller.step(state, scan, wanted({}, {"products": 1.0}), None)
    assert result.outcome.accepted, result.outcome.reason
    assert np.array_equal(result.u_target, last)
    assert any("no price for product" in note for note in result.cuts)
    result, state = controller.step(state, scan, wanted({}, {"product": 1.0}), None)
    assert not any("not renewed" in note for note in result.cuts)


@pytest.mark.parametrize(("cycle_s", "allowed_s"), [(60.0, 6.0), (5.0, 1.0), (0.2, 0.1)])
def test_the_second_solver_gets_a_small_part_of_a_cycle(
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
    cycle_s: float,
    allowed_s: float,
):
    weights = replace(reactor_weights, first_stages_s=(cycle_s,))
    controller = Controller(reactor_model, reactor_variables, weights, None, cycle_s)
    scan = good_scan(reactor_model)
    result, _ = controller.step(controller.start(scan), scan, None, None)
    assert result.problem is not None
    assert result.problem.second_limit_s == pytest.approx(allowed_s)
