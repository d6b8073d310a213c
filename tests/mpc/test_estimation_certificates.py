"""On a linear plant both estimators must give the one answer of least squares over all readings."""

import casadi as ca
import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.estimation.choice import HorizonChoice, KalmanChoice
from operator_agent.mpc.estimation.disturbances import DisturbanceModel, estimated_model
from operator_agent.mpc.estimation.estimator import Estimator, EstimatorState
from operator_agent.mpc.estimation.kalman import KalmanTuning
from operator_agent.mpc.estimation.moving_horizon import HorizonTuning
from operator_agent.mpc.estimation.noise import NoiseModel, NoiseTuning, noise_model
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights

T_S, CYCLES, LATE = 10.0, 14, 3  # the first output is told three cycles late, each second cycle
A = np.array([[0.9, 0.05], [0.0, 0.8]])
B = np.array([[0.1], [0.2]])
BIASES = DisturbanceModel(outputs=("y0", "y1"))
NOISE = NoiseTuning(time_constant_s=60.0, state_noise=3.0)
F = np.block([[A, np.zeros((2, 2))], [np.zeros((2, 2)), np.eye(2)]])
C = np.hstack([np.eye(2), np.eye(2)])


def plant() -> SampledModel:
    x, u, d = ca.SX.sym("x", 2), ca.SX.sym("u", 1), ca.SX.sym("d", 0)
    return SampledModel(
        "linear", ("x0", "x1"), ("u0",), (), ("y0", "y1"),
        ca.Function("step", [x, u, d], [ca.DM(A) @ x + ca.DM(B) @ u]),
        ca.Function("y", [x, u, d], [x]), T_S,
        np.zeros(2), np.zeros(1), np.zeros(0), np.ones(2), np.ones(1), np.zeros(0), np.ones(2),
    )  # fmt: skip


VARIABLES = ControlVariables(
    ("u0",), ("y0", "y1"), (), -np.ones(1), np.ones(1), np.ones(1),
    np.full(2, -np.inf), np.full(2, np.inf), np.full(2, -np.inf), np.full(2, np.inf),
    np.array([0.02, 0.05]), np.array([True]), np.array([False, False]),
)  # fmt: skip


def variances() -> NoiseModel:
    model = plant()
    return noise_model(model, estimated_model(model, BIASES), BIASES, VARIABLES, NOISE, T_S)


def readings() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and true outputs with noise of each cycle."""
    rng = np.random.default_rng(5)
    u = np.cumsum(rng.normal(0.0, 0.2, (CYCLES + 1, 1)), axis=0)
    u[0] = 0.0
    x, ys = np.zeros(2), [np.zeros(2)]
    for k in range(1, CYCLES + 1):
        x = A @ x + B @ u[k] + rng.normal(0.0, 0.05, 2)
        ys.append(x + np.array([0.3, -0.2]) + rng.normal(0.0, 0.03, 2))
    return u, np.array(ys)


def least_squares(first: int) -> np.ndarray:
    """Return the last state that explains everything best, when the prior stands at a cycle."""
    noise, (u, y) = variances(), readings()
    n_k = CYCLES - first + 1
    rows, right = [], []

    def add(block: dict[int, np.ndarray], value: np.ndarray, variance: np.ndarray) -> None:
        row = np.zeros((value.size, 4 * n_k))
        for k, matrix in block.items():
            row[:, 4 * (k - first) : 4 * (k - first + 1)] = matrix
        rows.append(row / np.sqrt(variance)[:, None])
        right.append(value / np.sqrt(variance))

    add({first: np.eye(4)}, np.zeros(4), noise.first)
    for k in range(first + 1, CYCLES + 1):
        push = np.append(B @ u[max(k, 0)], np.zeros(2))
        add({k - 1: -F, k: np.eye(4)}, push, noise.walk * T_S)
    for k in range(1, CYCLES + 1):
        add({k: C[1:]}, y[k, 1:], noise.readings[1:])
        if k % 2 == 0 and k + LATE <= CYCLES:
            add({k: C[:1]}, y[k, :1], noise.readings[:1])
    found, *_ = np.linalg.lstsq(np.vstack(rows), np.concatenate(right), rcond=None)
    return found[-4:]


def followed(estimator: Estimator) -> EstimatorState:
    u, y = readings()
    state = estimator.start(Scan(y[0], u[0], np.zeros(0), time_s=0.0))
    assert isinstance(state, EstimatorState)
    for k in range(1, CYCLES + 1):
        shown = (k - LATE) // 2 * 2  # number of the newest sample that is out
        values = np.array([y[shown, 0] if shown > 0 else np.nan, y[k, 1]])
        age = np.array([T_S * (k - shown), 0.0])
        state = estimator.update(
            state, Scan(values, u[k], np.zeros(0), time_s=T_S * k, y_age_s=age)
        )
        assert isinstance(state, EstimatorState), state
    return state


@pytest.mark.parametrize(
    ("choice", "first"),
    [
        (KalmanChoice(BIASES, KalmanTuning(NOISE, ("y0",), 5 * T_S, 1, 1e6)), 0),
        (HorizonChoice(BIASES, HorizonTuning(NOISE, 8, 1e6)), -8),
    ],
    ids=["kalman", "horizon"],
)
def test_late_samples_give_the_least_squares_estimate(choice, first: int, reactor_weights: Weights):
    estimator = choice(ScaledModel.of(plant()), VARIABLES, reactor_weights, T_S)
    state = followed(estimator)
    assert np.append(state.x, state.bias) == pytest.approx(least_squares(first), abs=2e-6)


def test_the_covariance_settles_where_riccatis_equation_says(reactor_weights: Weights):
    choice = KalmanChoice(BIASES, KalmanTuning(NOISE, gate_sigmas=1e6))
    estimator = choice(ScaledModel.of(plant()), VARIABLES, reactor_weights, T_S)
    zero = Scan(np.zeros(2), np.zeros(1), np.zeros(0), time_s=0.0)
    state = estimator.start(zero)
    for k in range(1, 400):
        assert isinstance(state, EstimatorState)
        state = estimator.update(state, Scan(zero.y, zero.u_readback, zero.d, time_s=T_S * k))
    assert isinstance(state, EstimatorState) and state.covariance is not None
    noise = variances()
    ahead = solve_discrete_are(F.T, C.T, np.diag(noise.walk * T_S), np.diag(noise.readings))
    gain = np.linalg.solve(C @ ahead @ C.T + np.diag(noise.readings), C @ ahead).T
    assert state.covariance == pytest.approx(ahead - gain @ C @ ahead, rel=1e-4, abs=1e-9)


def test_limits_hold_what_the_horizon_estimates(reactor_weights: Weights):
    limits = {"x0": (-0.05, 0.05), "bias_y1": (-0.1, 0.1)}
    choice = HorizonChoice(BIASES, HorizonTuning(NOISE, 8, 1e6, limits))
    state = followed(choice(ScaledModel.of(plant()), VARIABLES, reactor_weights, T_S))
    assert abs(state.x[0]) <= 0.05 + 1e-6 and abs(state.bias[1]) <= 0.1 + 1e-6


def test_biases_are_followed_in_time_where_states_blur_them_together():
    lag_s, tau_s = 600.0, 600.0
    x, u, d = ca.SX.sym("x", 1), ca.SX.sym("u", 1), ca.SX.sym("d", 0)
    decay, both = np.array([[np.exp(-T_S / lag_s)]]), np.array([[1.0], [0.8]])
    model = SampledModel(
        "one behind two", ("x0",), ("u0",), (), ("y0", "y1"),
        ca.Function("step", [x, u, d], [ca.DM(decay) @ x + (1.0 - ca.DM(decay)) @ u]),
        ca.Function("y", [x, u, d], [ca.DM(both) @ x]), T_S,
        np.zeros(1), np.zeros(1), np.zeros(0), np.ones(1), np.ones(1), np.zeros(0), np.ones(2),
    )  # fmt: skip
    tuning = NoiseTuning(time_constant_s=tau_s, state_noise=1.0)
    noise = noise_model(model, estimated_model(model, BIASES), BIASES, VARIABLES, tuning, T_S)
    step = np.block([[decay, np.zeros((1, 2))], [np.zeros((2, 1)), np.eye(2)]])
    seen = np.hstack([both, np.eye(2)])
    ahead = solve_discrete_are(step.T, seen.T, np.diag(noise.walk * T_S), np.diag(noise.readings))
    gain = np.linalg.solve(seen @ ahead @ seen.T + np.diag(noise.readings), seen @ ahead).T
    slowest = np.max(np.abs(np.linalg.eigvals(step @ (np.eye(3) - gain @ seen))))
    assert 0.3 * tau_s < -T_S / np.log(slowest) < 2.0 * tau_s
