"""Disturbances that the MVs move, too: the model takes what is left of them."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.mpc.controller import Controller
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.choice import KalmanChoice
from operator_agent.mpc.estimation.detectability import default_disturbances
from operator_agent.mpc.generic.controller import make_controller, wanted
from operator_agent.mpc.generic.equations import equations_model
from operator_agent.mpc.options import EstimatorMaker
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel

SHARE = 5.0  # of the duty that comes back to the feed [K/MW]
GOAL = {"temp": 114.0}


@pytest.fixture(scope="module")
def oven() -> ProcessModel:
    """Return an oven whose duty warms its own feed, by a lag."""

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        return [
            (10.0 * u[0] + d[0] + x[1] - x[0]) / 300.0,
            (SHARE * (u[0] - 1.0) - x[1]) / 600.0,
        ]

    model = equations_model(
        "oven", law, [Variable("temp", 110.0, 5.0), Variable("recovered", 0.0, 1.0)],
        [Variable("duty", 1.0, 0.2)], [Variable("feed", 100.0, 2.0)],
    )  # fmt: skip
    assert isinstance(model, ProcessModel)
    x = ca.SX.sym("x", 2)
    return replace(model, made=ca.Function("made", [x], [x[1]]))


def controller_of(oven: ProcessModel, maker: EstimatorMaker) -> Controller:
    made = make_controller(
        oven, 60.0, track=["temp"], limits={"duty": (0.0, 3.0), "recovered": (-20.0, 20.0)}
    )
    return Controller(
        oven, made.variables, made.weights, None, 60.0, replace(made.options, estimator=maker)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bias", "kalman"])
def test_what_the_mvs_make_is_not_taken_for_a_disturbance(oven: ProcessModel, name: str):
    maker: EstimatorMaker = BiasObserver
    if name == "kalman":
        maker = KalmanChoice(default_disturbances(oven))
    controller = controller_of(oven, maker)
    integrator, x, u, state = make_integrator(oven), oven.x_nominal, oven.u_nominal, None
    off_in_the_middle = ServiceRequest(out_of_service={"feed": "thermocouple broken"})
    for cycle in range(110):
        feed = 100.0 if cycle < 70 else 103.0
        y = oven.outputs(x, u, [feed]).full().ravel()
        scan = Scan(y, u, np.array([feed + x[1]]), read_id=cycle, time_s=60.0 * cycle)
        state = state or controller.start(scan)
        request = off_in_the_middle if 30 <= cycle < 50 else ServiceRequest()
        result, state = controller.step(state, scan, wanted(GOAL), None, request)
        assert state.estimate is not None
        near = 0.02 if cycle % 70 > 25 else 0.4  # a cycle late while the MV moves
        assert state.estimate.d[0] == pytest.approx(feed, abs=near)
        u = result.outcome.move
        x = integrator.step(x, u, np.array([feed]), 60.0)
    assert x[0] == pytest.approx(GOAL["temp"], abs=0.02)
    assert abs(x[1]) > 0.1


def test_a_start_away_from_the_nominal_point_knows_what_was_made(oven: ProcessModel):
    controller = controller_of(oven, BiasObserver)
    u = np.array([1.5])
    x = np.array([10.0 * 1.5 + 100.0 + 0.5 * SHARE, 0.5 * SHARE])
    state = controller.start(Scan(x, u, np.array([100.0 + x[1]])))
    assert state.estimate is not None
    assert state.estimate.d[0] == pytest.approx(100.0, abs=1e-4)
    assert state.estimate.bias == pytest.approx(0.0, abs=1e-4)
