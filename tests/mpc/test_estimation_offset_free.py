"""Without offset: each estimator in closed loop, after steps that are measured and that are not."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.choice import HorizonChoice, KalmanChoice
from operator_agent.mpc.estimation.disturbances import DisturbanceModel, planning_model
from operator_agent.mpc.estimation.estimator import EstimatorState
from operator_agent.mpc.estimation.kalman import KalmanTuning
from operator_agent.mpc.estimation.moving_horizon import HorizonTuning
from operator_agent.mpc.estimation.noise import NoiseTuning
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.classics.van_de_vusse import van_de_vusse
from operator_agent.plant.integrate import make_integrator

CYCLE_S = 18.0
SPAN_SHARE = 1e-3
NOISE = NoiseTuning(time_constant_s=90.0)
SHIFTS = DisturbanceModel(inputs=("dilution_feed", "duty_jacket"))
FEED = DisturbanceModel(outputs=("temp_reactor",), parameters=("conc_a_feed",))
LATE = KalmanTuning(noise=NOISE, slow_cvs=("conc_b",), oldest_s=180.0)
ESTIMATORS = {
    "bias": (DisturbanceModel(), BiasObserver),
    "kalman, biases": (DisturbanceModel(), KalmanChoice(tuning=LATE)),
    "kalman, shifts": (SHIFTS, KalmanChoice(SHIFTS, LATE)),
    "kalman, feed": (FEED, KalmanChoice(FEED, LATE)),
    "horizon, biases": (
        DisturbanceModel(),
        HorizonChoice(tuning=HorizonTuning(noise=NOISE, cycles=8)),
    ),
}


@pytest.fixture
def variables() -> ControlVariables:
    model = van_de_vusse()
    wide = np.full(2, np.inf)
    low, high = np.array([3.0, -8.5e6]) / 3600.0, np.array([35.0, 0.0]) / 3600.0
    return ControlVariables(
        model.u_names, model.y_names, model.d_names, low, high, (high - low) / 180.0,
        -wide, wide, -wide, wide, np.array([1.0, 0.1]), np.ones(2, bool), np.zeros(2, bool),
    )  # fmt: skip


@pytest.fixture
def weights(reactor_weights: Weights) -> Weights:
    names = {"dilution_feed": 0.1, "duty_jacket": 0.1}
    resting = dict.fromkeys(names, 1e-3)
    both = {"conc_b": 1.0, "temp_reactor": 0.3}
    return replace(
        reactor_weights, move_suppression=names, resting=resting, cv_tracking=both, target_pull=both
    )


def settled(
    name: str, variables: ControlVariables, weights: Weights, d: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the last true CVs and their targets after a step of the disturbances.

    conc_b is read each third cycle and told two cycles late.
    """
    process = van_de_vusse()
    disturbances, maker = ESTIMATORS[name]
    options = ControllerOptions(estimator=maker)
    model = planning_model(process, disturbances)
    controller = Controller(model, variables, weights, None, CYCLE_S, options)
    start = process.outputs(process.x_nominal, process.u_nominal, process.d_nominal).full().ravel()
    targets = EconomicTargets(
        "r", 0.0, {"a": 1.0}, 1.0, dict(zip(process.y_names, start, strict=True)), {}, 0.0, 0.0
    )
    step = make_integrator(process).step
    x, u, state = process.x_nominal, process.u_nominal, None
    ys = [start] * 6
    for cycle in range(280):
        acting, read = (d, seen) if cycle > 10 else (process.d_nominal, process.d_nominal)
        ys.append(process.outputs(x, u, acting).full().ravel())
        age = 2 + cycle % 3
        scan = Scan(
            np.array([ys[-1 - age][0], ys[-1][1]]), u, read,
            time_s=CYCLE_S * cycle, y_age_s=np.array([CYCLE_S * age, 0.0]),
        )  # fmt: skip
        state = state or controller.start(scan)
        result, state = controller.step(state, scan, targets, None)
        assert result.outcome.accepted, result.outcome.reason
        u = result.outcome.move
        x = step(x, u, acting, CYCLE_S)
    return (ys[-1] - start) / process.y_scale, (result.y_estimate - ys[-1]) / process.y_scale


STEPS = {
    "measured feed": ((150.0, 0.0), True),
    "unmeasured feed": ((150.0, 0.0), False),
    "unmeasured feed temperature": ((0.0, 3.0), False),
}
QUICK = [(name, step) for name in ESTIMATORS for step in STEPS if not name.startswith("horizon")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "step"), [*QUICK, ("horizon, biases", "unmeasured feed")])
def test_no_offset_stays_after_a_step(
    name: str, step: str, variables: ControlVariables, weights: Weights
):
    change, measured = STEPS[step]
    nominal = van_de_vusse().d_nominal
    d = nominal + np.array(change)
    offset, error = settled(name, variables, weights, d, d if measured else nominal)
    assert np.max(np.abs(offset)) < SPAN_SHARE
    assert np.max(np.abs(error)) < SPAN_SHARE


def test_a_window_is_solved_as_far_as_rounding_lets_it(
    variables: ControlVariables, weights: Weights
):
    # Biases that hardly walk weigh so much that no gradient falls below the tolerance.
    model, firm = van_de_vusse(), NoiseTuning(time_constant_s=1e6)
    choice = HorizonChoice(tuning=HorizonTuning(noise=firm, cycles=6))
    estimator = choice(ScaledModel.of(model), variables, weights, CYCLE_S)
    step, x, u, d = make_integrator(model).step, model.x_nominal, model.u_nominal, model.d_nominal
    state = None
    for cycle in range(25):
        u = model.u_nominal + (cycle > 3) * 0.2 * model.u_scale
        y = model.outputs(x, u, d).full().ravel()
        scan = Scan(y, u, d, time_s=CYCLE_S * cycle)
        state = estimator.start(scan) if state is None else estimator.update(state, scan)
        assert isinstance(state, EstimatorState), state
        x = step(x, u, d, CYCLE_S)
    assert np.max(np.abs(state.y - y) / model.y_scale) < 0.01
