"""Disturbance models: what can be told apart, what is refused with its name, and the default."""

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.choice import KalmanChoice
from operator_agent.mpc.estimation.detectability import (
    blind_combination,
    check_detectable,
    default_disturbances,
)
from operator_agent.mpc.estimation.disturbances import (
    DisturbanceModel,
    planning_economics,
    planning_model,
)
from operator_agent.mpc.estimation.kalman import KalmanTuning
from operator_agent.mpc.estimation.moving_horizon import HorizonTuning
from operator_agent.mpc.estimation.noise import NoiseTuning
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel


def linear(name: str, a: list, b: list, c: list) -> ProcessModel:
    """Return x' = A x + B u with y = C x, all with a nominal of zero and scales of one."""
    matrices = [np.array(part, dtype=float) for part in (a, b, c)]
    n_x, n_u, n_y = matrices[0].shape[0], matrices[1].shape[1], matrices[2].shape[0]
    x, u, d = ca.SX.sym("x", n_x), ca.SX.sym("u", n_u), ca.SX.sym("d", 0)
    rates = ca.DM(matrices[0]) @ x + ca.DM(matrices[1]) @ u
    return ProcessModel(
        name,
        tuple(f"x{i}" for i in range(n_x)),
        tuple(f"u{i}" for i in range(n_u)),
        (),
        tuple(f"y{i}" for i in range(n_y)),
        ca.Function("rhs", [x, u, d], [rates]),
        ca.Function("y", [x, u, d], [ca.DM(matrices[2]) @ x]),
        np.zeros(n_x), np.zeros(n_u), np.zeros(0),
        np.ones(n_x), np.ones(n_u), np.zeros(0), np.ones(n_y),
    )  # fmt: skip


LEVEL = linear("level", [[0.0]], [[0.01]], [[1.0]])
LEVEL_AND_TEMP = linear(
    "tank", [[0.0, 0.0], [0.0, -0.01]], [[0.01, 0.0], [0.0, 0.01]], [[1.0, 0.0], [0.0, 1.0]]
)
UNSTABLE = linear("unstable", [[0.002, 0.0], [0.01, -0.01]], [[0.01], [0.0]], [[0.0, 1.0]])
# The effects of both inputs on the outputs are in proportion: rank one at rest.
ALIKE = linear(
    "alike", [[-0.01, 0.0], [0.0, -0.02]], [[0.01, 0.02], [0.02, 0.04]], [[1.0, 0.0], [0.0, 1.0]]
)


def test_the_default_is_a_bias_on_each_output_of_a_stable_plant(reactor_model: ProcessModel):
    assert default_disturbances(reactor_model) == DisturbanceModel(outputs=reactor_model.y_names)


def test_a_bias_on_an_integrating_level_cannot_be_told_from_the_level():
    """Muske and Badgwell (2002): output disturbances fail where the plant integrates."""
    with pytest.raises(InputError, match="no trace of a combination of bias_y0"):
        check_detectable(LEVEL, DisturbanceModel(outputs=("y0",)))
    assert default_disturbances(LEVEL) == DisturbanceModel(inputs=("u0",))
    mixed = default_disturbances(LEVEL_AND_TEMP)
    assert mixed.outputs == ("y1",) and mixed.inputs == ("u0",)


def test_an_unstable_plant_takes_a_disturbance_that_its_output_shows():
    chosen = default_disturbances(UNSTABLE)
    assert len(chosen.names) == 1
    check_detectable(planning_model(UNSTABLE, chosen), chosen)


@pytest.mark.parametrize(
    ("disturbances", "words"),
    [
        (DisturbanceModel(inputs=("u0", "u1")), ("shift_u0", "shift_u1")),
        (DisturbanceModel(outputs=("y0", "y1"), states=("x1",)), ("bias_y1", "rate_x1")),
        (DisturbanceModel(outputs=("y0",)), ("2 measured CVs", "1 integrated")),
        (DisturbanceModel(outputs=("y0", "y7")), ("y7", "y0, y1")),
        (DisturbanceModel(inputs=("u0", "u0")), ("twice",)),
    ],
)
def test_what_cannot_be_estimated_is_named(disturbances: DisturbanceModel, words: tuple):
    with pytest.raises(InputError) as error:
        check_detectable(planning_model(ALIKE, disturbances), disturbances)
    for word in words:
        assert word in str(error.value)


def test_the_rank_condition_at_rest_decides_for_a_stable_plant(reactor_model: ProcessModel):
    """Pannocchia and Rawlings (2003): [A B_d; C D_d] has full rank; here by gains instead."""
    scaled = ScaledModel.of(reactor_model)
    point = (
        reactor_model.x_nominal / reactor_model.x_scale,
        reactor_model.u_nominal / reactor_model.u_scale,
        reactor_model.d_nominal,
    )
    _, _, a, b, c, _ = (part.full() for part in scaled.jacobians(*point))
    gains = -c @ np.linalg.solve(a, b)
    assert np.linalg.matrix_rank(gains) == 2
    both = DisturbanceModel(inputs=reactor_model.u_names)
    assert blind_combination(planning_model(reactor_model, both), both) == ()


def test_the_planning_model_feels_its_disturbances(reactor_model: ProcessModel):
    chosen = DisturbanceModel(
        inputs=("duty_jacket",), states=("conc_a",), parameters=("conc_feed",)
    )
    model = planning_model(reactor_model, chosen)
    assert model.d_names == ("conc_feed", "shift_duty_jacket", "rate_conc_a", "shift_conc_feed")
    x, u = reactor_model.x_nominal, reactor_model.u_nominal
    felt = model.rhs(x, u, np.array([5.0, -20.0, 1e-4, 0.3])).full().ravel()
    plain = reactor_model.rhs(x, u + np.array([0.0, -20.0]), np.array([5.3])).full().ravel()
    assert felt == pytest.approx(plain + np.array([1e-4, 0.0, 0.0, 0.0]))
    s = [ca.SX.sym(name, size) for name, size in (("x", 4), ("u", 2), ("d", 1))]
    flow = planning_economics(ca.Function("flow", s, [s[1][1] * s[2]]), reactor_model, chosen)
    assert float(flow(x, u, np.array([5.0, -20.0, 1e-4, 0.3]))) == pytest.approx(
        (u[1] - 20.0) * 5.3
    )


def test_a_plant_that_does_not_settle_needs_a_corrected_state(reactor_weights: Weights):
    variables = ControlVariables(
        ("u0",), ("y0",), (), -np.ones(1), np.ones(1), np.ones(1), np.full(1, -np.inf),
        np.full(1, np.inf), np.full(1, -np.inf), np.full(1, np.inf), np.full(1, 0.01),
        np.array([True]), np.array([False]),
    )  # fmt: skip
    for model in (LEVEL, UNSTABLE):
        with pytest.raises(InputError, match="KalmanChoice"):
            BiasObserver(ScaledModel.of(model), variables, reactor_weights, 10.0)
    with pytest.raises(InputError, match="planning_model"):
        KalmanChoice(DisturbanceModel(inputs=("u0",)))(
            ScaledModel.of(LEVEL), variables, reactor_weights, 10.0
        )


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: NoiseTuning(time_constant_s=0.0), "time_constant_s"),
        (lambda: NoiseTuning(first_spread=0.0), "first_spread"),
        (lambda: KalmanTuning(gate_sigmas=0.0), "gate"),
        (lambda: KalmanTuning(covariance_every=0), "covariance_every"),
        (lambda: HorizonTuning(cycles=0), "window"),
        (lambda: HorizonTuning(limits={"x": (1.0, 1.0)}), "empty"),
    ],
)
def test_tuning_that_makes_no_estimator_is_refused(make, word: str):
    with pytest.raises(InputError, match=word):
        make()


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (KalmanChoice(tuning=KalmanTuning(slow_cvs=("smell",))), "smell"),
        (KalmanChoice(tuning=KalmanTuning(noise=NoiseTuning(time_constants_s={"bias_u": 1.0}))),
         "bias_u"),
    ],
)  # fmt: skip
def test_unknown_names_are_refused(
    choice: KalmanChoice,
    word: str,
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
):
    with pytest.raises(InputError, match=word):
        choice(ScaledModel.of(reactor_model), reactor_variables, reactor_weights, 18.0)
