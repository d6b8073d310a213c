"""The controller in closed loop with the van de Vusse reactor, with and without mismatch."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.problem import SolverStatus
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel

CYCLE_S = 18.0
Reactor = Callable[..., ProcessModel]


def wanting(conc_b: float) -> EconomicTargets:
    return EconomicTargets("reactor", 0.0, {"a": 1.0}, 1.0, {"conc_b": conc_b}, {}, 0.0, 0.0)


@dataclass
class Bench:
    """A reactor beside its controller."""

    plant: ProcessModel
    controller: Controller
    x: np.ndarray
    u: np.ndarray
    state: ControllerState | None = None

    @classmethod
    def of(cls, plant: ProcessModel, controller: Controller) -> "Bench":
        return cls(plant, controller, plant.x_nominal.copy(), plant.u_nominal.copy())

    def scan(self) -> Scan:
        y = self.plant.outputs(self.x, self.u, self.plant.d_nominal).full().ravel()
        return Scan(y, self.u, np.array([5.1]))

    def run(
        self,
        cycles: int,
        target: float | EconomicTargets,
        change: Callable[[Scan], Scan] = lambda scan: scan,
    ):
        step = make_integrator(self.plant).step
        results: list[CycleResult] = []
        ys = []
        targets = target if isinstance(target, EconomicTargets) else wanting(target)
        for _ in range(cycles):
            scan = change(self.scan())
            self.state = self.state or self.controller.start(scan)
            result, self.state = self.controller.step(self.state, scan, targets, None)
            if result.outcome.accepted:
                self.u = result.outcome.move
            self.x = step(self.x, self.u, self.plant.d_nominal, CYCLE_S)
            results.append(result)
            ys.append(self.scan().y)
        return np.array(ys), results


def test_setpoint_change_is_followed_without_offset(
    reactor_model: ProcessModel, reactor_controller: Controller
):
    bench = Bench.of(reactor_model, reactor_controller)
    ys, results = bench.run(150, 0.7)
    assert all(result.outcome.accepted for result in results)
    assert ys[-1, 0] == pytest.approx(0.7, abs=1e-3)
    assert np.max(np.abs(ys[60:, 0] - 0.7)) < 0.02


def test_offset_free_under_unmeasured_disturbance_and_wrong_rates(
    reactor: Reactor, reactor_controller: Controller
):
    plant = reactor(alpha=1.02, beta=1.05, feed=5.3)  # the controller reads a feed of 5.1
    bench = Bench.of(plant, reactor_controller)
    ys, results = bench.run(250, 0.9)
    assert ys[-1, 0] == pytest.approx(0.9, abs=5e-4)
    assert results[-1].y_estimate == pytest.approx(ys[-2], rel=1e-3)


def test_temperature_limit_is_kept_while_the_target_would_break_it(
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
):
    both = {"conc_b": 1.0, "temp_reactor": 1.0}
    weights = replace(reactor_weights, cv_tracking=both, target_pull=both)
    wanted = replace(wanting(0.9), targets={"conc_b": 0.9, "temp_reactor": 138.0})
    high = np.array([np.inf, 135.0])
    limited = replace(reactor_variables, cv_soft_high=high, cv_hard_high=high)
    runs = []
    for variables in (reactor_variables, limited):
        controller = Controller(reactor_model, variables, weights, None, CYCLE_S)
        runs.append(Bench.of(reactor_model, controller).run(150, wanted))
    (free, _), (tied, results) = runs
    assert np.max(free[:, 1]) > 136.0
    assert np.max(tied[:, 1]) < 135.02
    assert tied[-1, 1] == pytest.approx(135.0, abs=0.05)
    target = results[-1].target
    assert target is not None and "temp_reactor high" in target.active
    assert target.prices[target.active.index("temp_reactor high")] > 0.0


def test_every_move_keeps_limits_and_rates_exactly(
    reactor_model: ProcessModel, reactor_controller: Controller
):
    bench = Bench.of(reactor_model, reactor_controller)
    limits = reactor_controller.variables
    before = bench.u
    _, results = bench.run(40, 0.5)
    for result in results:
        move = result.outcome.move
        assert np.all(move >= limits.mv_low) and np.all(move <= limits.mv_high)
        assert np.all(np.abs(move - before) <= limits.mv_rate * CYCLE_S * (1.0 + 1e-12))
        before = move


def test_two_runs_are_the_same_to_the_last_bit(
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
):
    runs = []
    for _ in range(2):
        controller = Controller(reactor_model, reactor_variables, reactor_weights, None, CYCLE_S)
        ys, results = Bench.of(reactor_model, controller).run(25, 0.75)
        runs.append((ys, np.array([result.outcome.move for result in results])))
    assert np.array_equal(runs[0][0], runs[1][0])
    assert np.array_equal(runs[0][1], runs[1][1])


def test_lost_and_returned_reading_ends_at_the_target(
    reactor: Reactor, reactor_controller: Controller
):
    bench = Bench.of(reactor(beta=1.03), reactor_controller)
    bench.run(60, 0.85)

    def lost(scan: Scan) -> Scan:
        return replace(scan, y=np.array([np.nan, scan.y[1]]))

    _, results = bench.run(8, 0.85, lost)
    assert [result.outcome.accepted for result in results] == [True] * 5 + [False] * 3
    assert results[-1].outcome.status is SolverStatus.BAD_READING
    assert "conc_b" in results[-1].outcome.reason
    assert results[4].bad_readings["conc_b"] == 5
    ys, results = bench.run(80, 0.85)
    assert all(result.outcome.accepted for result in results)
    assert ys[-1, 0] == pytest.approx(0.85, abs=2e-3)


def test_reused_jacobians_control_nearly_as_well(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    quick = replace(reactor_weights, relinearise_every=5)
    controller = Controller(reactor_model, reactor_variables, quick, None, CYCLE_S)
    ys, results = Bench.of(reactor_model, controller).run(150, 0.75)
    assert all(result.outcome.accepted for result in results)
    assert ys[-1, 0] == pytest.approx(0.75, abs=2e-3)
