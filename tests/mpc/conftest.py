"""Models for the tests: the van de Vusse reactor of Klatt and Engell."""

from collections.abc import Callable
from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from tests.mpc.checked_loop import Loop

from operator_agent.mpc.controller import Controller
from operator_agent.mpc.estimation.choice import KalmanChoice
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel

HOUR_S = 3600.0
CYCLE_S = 18.0


def make_reactor(alpha: float = 1.0, beta: float = 1.0, feed: float = 5.1) -> ProcessModel:
    """Return the reactor with uncertain rates; u = (F [1/h], Q [kJ/h]), d = feed concentration.

    Klatt and Engell, "Gain-scheduling trajectory control of a continuous stirred tank reactor",
    Comput. Chem. Eng. 22 (1998) 491. Steady state at F = 18.83, Q = -4495.7: cB = 0.8998.
    """
    x, u, d = ca.SX.sym("x", 4), ca.SX.sym("u", 2), ca.SX.sym("d", 1)
    conc_a, conc_b, temp, jacket = x[0], x[1], x[2], x[3]
    k1 = beta * 1.287e12 * ca.exp(-9758.3 / (temp + 273.15))
    k2 = 1.287e12 * ca.exp(-9758.3 / (temp + 273.15))
    k3 = 9.043e9 * ca.exp(-alpha * 8560.0 / (temp + 273.15))
    rho_cp, exchange = 0.9342 * 3.01, 4032.0 * 0.215
    heat = k1 * conc_a * 4.2 + k2 * conc_b * (-11.0) + k3 * conc_a**2 * (-41.85)
    cooling = exchange * (temp - jacket)
    rhs = ca.vertcat(
        u[0] * (d[0] - conc_a) - k1 * conc_a - k3 * conc_a**2,
        -u[0] * conc_b + k1 * conc_a - k2 * conc_b,
        -heat / rho_cp + u[0] * (130.0 - temp) - cooling / (rho_cp * 10.01),
        (u[1] + cooling) / (5.0 * 2.0),
    )
    return ProcessModel(
        name="reactor",
        x_names=("conc_a", "conc_b", "temp_reactor", "temp_jacket"),
        u_names=("feed_rate", "duty_jacket"),
        d_names=("conc_feed",),
        y_names=("conc_b", "temp_reactor"),
        rhs=ca.Function("rhs", [x, u, d], [rhs / HOUR_S]),
        outputs=ca.Function("outputs", [x, u, d], [ca.vertcat(conc_b, temp)]),
        x_nominal=np.array([1.2344, 0.8998, 134.15, 128.96]),
        u_nominal=np.array([18.83, -4495.7]),
        d_nominal=np.array([feed]),
        x_scale=np.array([1.0, 0.5, 10.0, 10.0]),
        u_scale=np.array([20.0, 2000.0]),
        d_scale=np.array([1.0]),
        y_scale=np.array([0.1, 10.0]),
    )


@pytest.fixture(scope="session")
def reactor() -> Callable[..., ProcessModel]:
    return make_reactor


@pytest.fixture(scope="session")
def reactor_model() -> ProcessModel:
    return make_reactor()


@pytest.fixture
def reactor_variables(reactor_model: ProcessModel) -> ControlVariables:
    return ControlVariables(
        mv_names=reactor_model.u_names,
        cv_names=reactor_model.y_names,
        dv_names=reactor_model.d_names,
        mv_low=np.array([5.0, -8500.0]),
        mv_high=np.array([100.0, 0.0]),
        mv_rate=np.array([0.5, 50.0]),
        cv_hard_low=np.array([-np.inf, -np.inf]),
        cv_hard_high=np.array([np.inf, 142.0]),
        cv_soft_low=np.array([-np.inf, 100.0]),
        cv_soft_high=np.array([np.inf, 140.0]),
        cv_noise=np.array([0.001, 0.1]),
        mv_critical=np.array([True, True]),
        cv_critical=np.array([True, False]),
    )


@pytest.fixture
def reactor_weights() -> Weights:
    return Weights(
        cv_tracking={"conc_b": 1.0},
        move_suppression={"feed_rate": 0.1, "duty_jacket": 0.1},
        resting={"feed_rate": 0.001, "duty_jacket": 0.001},
        target_pull={"conc_b": 1.0},
        soft_penalty=10.0,
        hard_penalty=1000.0,
        levenberg=0.01,
        reference_s=0.0,
        bias_filter=0.4,
        spike_spans=3.0,
        spike_readings=3,
        max_bad_readings=5,
        target_proximal=0.01,
        target_step=0.2,
        target_margin=0.0,
        hard_margin=0.0,
        n_pred=20,
        first_stages_s=(CYCLE_S,),
        stage_s=36.0,
        move_blocks=(1, 1, 2, 2, 4, 10),
        iterations=2,
        cold_iterations=20,
        relinearise_every=1,
        target_every=1,
    )


@pytest.fixture
def reactor_controller(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
) -> Controller:
    return Controller(reactor_model, reactor_variables, reactor_weights, None, CYCLE_S)


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
