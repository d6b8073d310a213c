"""The controller around faults and orders: each has a defined state, and a way back."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.messages import ControllerMode, EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.problem import SolverStatus
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.rules import ServiceRules
from operator_agent.mpc.status.states import CvState, DvState, MvState, ServiceRequest
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel
from operator_agent.site import Limits

CYCLE_S, NAN = 18.0, np.nan
STANDBY = ServiceRequest(mode=ControllerMode.STANDBY)
ON = ServiceRequest()
BY_KIM = {"duty_jacket": "by Kim"}


def wanted(conc_b: float) -> EconomicTargets:
    return EconomicTargets("test", 0.0, {"a": 1.0}, 0.0, {"conc_b": conc_b}, {}, 0.0, 0.0)


@dataclass
class Unit:
    """A reactor that takes only what is written, and a controller before it."""

    controller: Controller
    plant: ProcessModel
    goal: float = 0.95
    state: ControllerState | None = None
    least: float = -np.inf  # what the valve of the jacket can bring about
    x: np.ndarray = field(init=False)
    u: np.ndarray = field(init=False)
    d: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.x, self.u = self.plant.x_nominal.copy(), self.plant.u_nominal.copy()
        self.d = self.plant.d_nominal.copy()
        self._integrator = make_integrator(self.plant)

    def measured(self) -> np.ndarray:
        return self.plant.outputs(self.x, self.u, self.d).full().ravel()

    def cycle(self, request: ServiceRequest = ON, **changed: np.ndarray) -> CycleResult:
        """Run one cycle; keywords replace parts of the scan."""
        scan = replace(Scan(self.measured(), self.u.copy(), self.d.copy()), **changed)
        state = self.state or self.controller.start(scan)
        result, self.state = self.controller.step(state, scan, wanted(self.goal), None, request)
        if request.mode is ControllerMode.ON and result.outcome.accepted:
            moved = result.service.moved
            assert np.array_equal(result.outcome.move[~moved], result.service.held[~moved])
            self.u = np.where(moved, result.outcome.move, self.u)
        self.x = self._integrator.step(self.x, self.process(), self.d, CYCLE_S)
        return result

    def process(self) -> np.ndarray:
        return np.maximum(self.u, [-np.inf, self.least])

    def cycles(self, count: int, request: ServiceRequest = ON, **changed) -> list[CycleResult]:
        return [self.cycle(request, **changed) for _ in range(count)]


@pytest.fixture
def two(reactor_variables: ControlVariables) -> ControlVariables:
    """Of the MVs only the feed is critical; the temperature may be lost."""
    return replace(reactor_variables, mv_critical=np.array([True, False]))


@pytest.fixture
def controller(
    reactor_model: ProcessModel, two: ControlVariables, reactor_weights: Weights
) -> Controller:
    ramped = replace(reactor_weights, target_step=0.02, target_proximal=1e-3)
    return Controller(reactor_model, two, ramped, None, CYCLE_S)


@pytest.fixture
def unit(controller: Controller) -> Unit:
    return Unit(controller, controller.model)


def test_switching_on_after_a_long_standby_is_bumpless(unit: Unit) -> None:
    model, step = unit.controller.model, unit.controller.weights.target_step
    waiting = unit.cycles(30, STANDBY)
    assert np.array_equal(unit.u, model.u_nominal)
    drift = max(np.max(np.abs(r.u_target - unit.u) / model.u_scale) for r in waiting)
    assert drift <= step * 1.001  # the target has not run away while nobody followed it
    standing = unit.measured()
    first = unit.cycle(ON)
    rate = unit.controller.variables.mv_rate * CYCLE_S
    assert np.all(np.abs(first.outcome.move - model.u_nominal) <= rate)
    assert np.max(np.abs(first.u_target - model.u_nominal) / model.u_scale) <= step * 1.001
    last = first.y_target
    assert np.max(np.abs(last - standing) / model.y_scale) < 0.1
    for _ in range(30):
        target = unit.cycle(ON).y_target
        assert np.max(np.abs(target - last) / model.y_scale) < 0.1  # it ramps, it does not jump
        last = target
    assert abs(last[0] - standing[0]) > 0.01  # and it gets somewhere


def test_the_bias_follows_in_standby_and_does_not_wind_up(controller: Controller, reactor) -> None:
    unit = Unit(controller, reactor(beta=1.05))
    unit.cycles(5, STANDBY)
    unit.u = unit.u + np.array([1.0, 100.0])  # an operator moves by hand
    unit.cycles(40, STANDBY)
    assert unit.state is not None and unit.state.estimate is not None
    gap = unit.state.estimate.y - unit.measured()
    assert np.max(np.abs(gap) / controller.model.y_scale) < 1e-2
    before = unit.state.estimate.bias
    unit.cycles(40, STANDBY)
    assert unit.state.estimate is not None
    grown = unit.state.estimate.bias - before
    assert np.max(np.abs(grown) / controller.model.y_scale) < 0.01
    first = unit.cycle(ON)
    assert first.outcome.accepted and np.allclose(first.y_estimate, unit.measured(), atol=0.3)


@pytest.mark.parametrize(
    "request_",
    [ServiceRequest(out_of_service=BY_KIM), ServiceRequest(not_remote={"duty_jacket": "MAN"})],
)
def test_a_held_mv_stays_is_predicted_and_comes_back_without_a_bump(
    unit: Unit, request_: ServiceRequest
) -> None:
    model, step = unit.controller.model, unit.controller.weights.target_step
    unit.cycles(3)
    for _ in range(25):  # a person moves it by hand meanwhile
        unit.u = unit.u + np.array([0.0, 20.0])
        result = unit.cycle(request_)
        assert result.service.mvs[1].state is MvState.HELD
        assert result.outcome.accepted
        assert result.problem is not None and result.problem.u_held[1] == unit.u[1]
        assert result.outcome.diagnostics.u_planned is not None
        assert np.allclose(result.outcome.diagnostics.u_planned[:, 1], unit.u[1], rtol=1e-12)
        assert not [limit for limit in result.active_limits if limit.startswith("duty_jacket")]
    stood = unit.u.copy()
    back = unit.cycle(ON)
    assert back.service.mvs[1].state is MvState.ON
    assert abs(back.outcome.move[1] - stood[1]) <= unit.controller.variables.mv_rate[1] * CYCLE_S
    assert abs(back.u_target[1] - stood[1]) / model.u_scale[1] <= step * 1.001
    assert unit.cycles(30)[-1].outcome.accepted


def test_one_mv_alone_still_brings_the_product_to_its_goal(unit: Unit) -> None:
    unit.goal = 0.90
    unit.cycles(80, ServiceRequest(out_of_service=BY_KIM))
    assert unit.measured()[0] == pytest.approx(0.90, abs=5e-3)


def test_a_cv_out_of_service_is_neither_tracked_nor_limited(
    reactor_model: ProcessModel, two: ControlVariables, reactor_weights: Weights
) -> None:
    free = replace(two, cv_critical=np.array([False, False]))
    controller = Controller(reactor_model, free, reactor_weights, None, CYCLE_S)
    unit = Unit(controller, reactor_model, goal=0.85)
    off = ServiceRequest(out_of_service={"conc_b": "by Kim", "temp_reactor": "by Kim"})
    few = unit.cycle(off)
    assert few.outcome.status is SolverStatus.OUT_OF_SERVICE
    assert "0 CVs are in service" in few.service.obstacle
    result = unit.cycle(ServiceRequest(out_of_service={"conc_b": "by Kim"}))
    assert result.service.cvs[0].state is CvState.OFF
    assert result.problem is not None and result.problem.weights.tracking[0] == 0.0
    before = unit.u.copy()
    unit.cycles(20, ServiceRequest(out_of_service={"conc_b": "by Kim"}))
    assert np.max(np.abs(unit.u - before) / reactor_model.u_scale) < 1e-3  # nothing to do
    assert unit.cycle(ON).service.cvs[0].state is CvState.ON


def test_a_lost_cv_is_predicted_then_dropped_and_taken_back(unit: Unit) -> None:
    unit.cycles(3)
    allowed = unit.controller.weights.max_bad_readings
    states = []
    for _ in range(allowed + 3):
        result = unit.cycle(y=np.array([unit.measured()[0], NAN]))
        assert result.outcome.accepted
        states.append(result.service.cvs[1].state)
        assert result.problem is not None
        limited = np.isfinite(result.problem.variables.cv_hard_high[1])
        assert limited == (states[-1] is CvState.BAD)
    assert states == [CvState.BAD] * allowed + [CvState.DROPPED] * 3
    result = unit.cycle()
    assert result.service.cvs[1].state is CvState.ON
    assert np.isfinite(result.problem.variables.cv_hard_high[1])


def test_a_critical_cv_that_stays_lost_is_an_obstacle(unit: Unit) -> None:
    unit.cycles(3)
    allowed = unit.controller.weights.max_bad_readings
    for _ in range(allowed):
        assert unit.cycle(y=np.array([NAN, unit.measured()[1]])).outcome.accepted
    result = unit.cycle(y=np.array([NAN, unit.measured()[1]]))
    assert result.outcome.status is SolverStatus.BAD_READING
    assert "critical CV conc_b is DROPPED" in result.service.obstacle


def test_a_spike_is_rejected_and_said(unit: Unit) -> None:
    unit.cycles(3)
    result = unit.cycle(y=unit.measured() + np.array([2.0, 0.0]))
    assert result.service.cvs[0].state is CvState.REJECTED
    assert "conc_b" in result.service.unusual()
    assert unit.cycle().service.cvs[0].state is CvState.ON


def test_an_mv_that_does_not_follow_is_planned_from_its_read_back(unit: Unit) -> None:
    unit.cycles(2)
    stuck_at = float(unit.u[1])
    for _ in range(12):  # the device clips what is written to where it stands
        asked = unit.u.copy()
        result = unit.cycle(ServiceRequest(written={"duty_jacket": float(unit.u[1]) + 200.0}))
        assert result.service.mvs[1].state is MvState.WOUND_UP
        assert result.problem is not None and result.problem.u_held[1] == asked[1]
        assert result.outcome.move[1] <= asked[1]  # not further into the stop
        unit.u = np.array([unit.u[0], min(unit.u[1], stuck_at)])
    assert unit.cycle().service.mvs[1].state is MvState.ON


@pytest.mark.parametrize("output", [NAN, 1.0])
def test_a_loop_at_the_end_of_its_valve_is_not_wound_up_further(unit: Unit, output: float) -> None:
    """The set point is written and read back; the valve below it is open and gives no more."""
    unit.cycles(2)
    unit.least, unit.goal = float(unit.u[1]) - 60.0, 1.05  # wants more cooling than there is
    asked, states = [], []
    for _ in range(25):
        opening = output if unit.u[1] <= unit.least else 0.4 + 0.0 * output
        result = unit.cycle(mv_process=unit.process(), mv_output=np.array([NAN, opening]))
        asked.append(float(unit.u[1]))
        states.append(result.service.mvs[1])
    first = next(i for i, mv in enumerate(states) if mv.state is MvState.WOUND_UP)
    assert min(asked[first:]) >= asked[first] - 1e-6  # no further into the stop
    assert "above its set point" in states[first].reason and states[first].stuck == -1
    assert states[-1].state is MvState.WOUND_UP
    unit.goal = 0.85  # wants less cooling: the way back is open
    back = [unit.cycle(mv_process=unit.process()) for _ in range(40)]
    assert unit.u[1] > unit.least and back[-1].service.mvs[1].state is MvState.ON


def test_a_loop_that_lags_behind_a_ramp_has_not_wound_up(unit: Unit) -> None:
    unit.goal, process = 1.0, unit.u.copy()
    for _ in range(30):
        result = unit.cycle(mv_process=process.copy())
        process = process + 0.15 * (unit.u - process)
        assert all(mv.state is not MvState.WOUND_UP for mv in result.service.mvs)


def test_a_read_back_that_is_lost_costs_its_mv_alone(unit: Unit) -> None:
    unit.cycles(2)
    stood = unit.u.copy()
    written = ServiceRequest(written={"duty_jacket": float(stood[1])})
    result = unit.cycle(written, u_readback=np.array([stood[0], NAN]))
    assert result.service.mvs[1].state is MvState.BAD and result.outcome.accepted
    assert result.outcome.move[1] == stood[1]
    lost = unit.cycle(u_readback=np.array([NAN, unit.u[1]]))
    assert lost.outcome.status is SolverStatus.BAD_READING
    assert "critical MV feed_rate" in lost.outcome.reason and lost.service.obstacle == ""


def test_a_critical_mv_out_of_reach_is_an_obstacle_and_the_estimate_goes_on(unit: Unit) -> None:
    unit.cycles(3)
    for _ in range(5):
        unit.u = unit.u + np.array([1.0, 0.0])
        result = unit.cycle(ServiceRequest(not_remote={"feed_rate": "AUTO"}))
        assert result.outcome.status is SolverStatus.OUT_OF_SERVICE
        assert "critical MV feed_rate is HELD: its loop is in AUTO" in result.service.obstacle
    assert np.max(np.abs(result.y_estimate - unit.measured()) / [0.1, 10.0]) < 0.1
    assert unit.cycle().outcome.accepted


def test_too_few_mvs_are_no_control(
    reactor_model: ProcessModel, two: ControlVariables, reactor_weights: Weights
) -> None:
    options = ControllerOptions(service=ServiceRules(min_mvs=2))
    controller = Controller(reactor_model, two, reactor_weights, None, CYCLE_S, options)
    unit = Unit(controller, reactor_model)
    assert unit.cycle().outcome.accepted
    result = unit.cycle(ServiceRequest(out_of_service=BY_KIM))
    assert result.outcome.status is SolverStatus.OUT_OF_SERVICE
    assert "1 MVs are in service" in result.outcome.reason


def test_a_disturbance_out_of_service_keeps_its_last_value(unit: Unit) -> None:
    unit.cycles(2)
    off = ServiceRequest(out_of_service={"conc_feed": "by Kim"})
    for _ in range(10):  # longer than a bad one would be bridged
        result = unit.cycle(off, d=np.array([NAN]))
        assert result.outcome.accepted and result.service.dvs[0].state is DvState.OFF
        assert result.problem is not None and result.problem.d[0] == unit.plant.d_nominal[0]
    assert unit.cycle(d=np.array([NAN])).service.dvs[0].state is DvState.BAD


def test_optimizer_limits_hold_inside_the_operators(unit: Unit) -> None:
    top = float(unit.u[0]) + 2.0
    request = ServiceRequest(optimizer_limits={"feed_rate": Limits(5.0, top)})
    moves = [unit.cycle(request).outcome.move[0] for _ in range(15)]
    assert max(moves) <= top
    assert max(moves) == pytest.approx(top)
    lower = ServiceRequest(optimizer_limits={"feed_rate": Limits(5.0, top - 10.0)})
    down = [unit.cycle(lower).outcome.move[0] for _ in range(3)]
    rate = unit.controller.variables.mv_rate[0] * CYCLE_S
    assert np.all(np.diff([moves[-1], *down]) <= 0.0)
    assert np.max(np.abs(np.diff([moves[-1], *down]))) <= rate * (1.0 + 1e-9)


def test_names_that_nobody_knows_are_refused(unit: Unit) -> None:
    with pytest.raises(InputError, match="nonsense"):
        unit.cycle(ServiceRequest(out_of_service={"nonsense": "by Kim"}))


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"time_limit_s": -1.0}])
def test_options_that_nothing_can_keep_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        ControllerOptions(**wrong)


def test_iterations_to_convergence_are_an_option(unit: Unit) -> None:
    tight = unit.controller.retuned(
        replace(unit.controller.weights, cold_iterations=60),
        ControllerOptions(tolerance=1e-8),
    )
    result = Unit(tight, tight.model).cycle()
    assert result.outcome.status is SolverStatus.CONVERGED
    assert result.outcome.diagnostics.kkt_residual < 1e-8
