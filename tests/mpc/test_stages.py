"""How models advance over a stage: exact integration, finite differences, measured order."""

from collections.abc import Callable
from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from scipy.linalg import expm

from operator_agent.errors import InputError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.map_stages import MapStages
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.scheme_curvature import stage_curvature
from operator_agent.mpc.engine.schemes import Scheme, StageMap, choose_scheme, stage_map
from operator_agent.plant.process_model import ProcessModel

LENGTH_S = 18.0
MAPS = (Scheme.RADAU_2, Scheme.RADAU_3, Scheme.RUNGE_KUTTA_4)


def integrated(model: ProcessModel, x: np.ndarray, u: np.ndarray, length_s: float) -> np.ndarray:
    """Return the state after a stage by CVODES at tight tolerance, independent of all schemes."""
    symbol = ca.SX.sym("x", model.n_x)
    problem = {"x": symbol, "ode": model.rhs(symbol, u, model.d_nominal)}
    tight = {"abstol": 1e-12, "reltol": 1e-12}
    return ca.integrator("i", "cvodes", problem, 0.0, length_s, tight)(x0=x)["xf"].full().ravel()


def advanced(stage: StageMap, *point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the next state and the solved unknowns of one stage."""
    w = np.zeros(stage.n_w)
    for _ in range(6):
        x_next, w, left = (a.full().ravel() for a in stage.advance(*point, w))
    assert left[0] < 1e-12
    return x_next, w


@pytest.fixture
def point(reactor_model: ProcessModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m = reactor_model
    return m.x_nominal / m.x_scale + 0.1, 1.2 * m.u_nominal / m.u_scale, m.d_nominal


@pytest.mark.parametrize(("scheme", "order"), [*zip(MAPS, (3, 5, 4), strict=True)])
def test_schemes_converge_to_the_integral_with_their_order(
    reactor_model: ProcessModel, point, scheme: Scheme, order: int
):
    """Orders: Hairer and Wanner (1996), section IV.5: 2s - 1 for Radau IIA; RK4 has 4."""
    m, scaled, errors = reactor_model, ScaledModel.of(reactor_model), []
    for length in (12.0, 6.0):
        there = integrated(m, point[0] * m.x_scale, point[1] * m.u_scale, length) / m.x_scale
        found, _ = advanced(stage_map(scaled, scheme, length, 1), *point)
        errors.append(np.max(np.abs(found - there)))
    assert errors[0] < 1e-3
    assert np.log2(errors[0] / errors[1]) > order + 0.4  # of one stage: a power more


@pytest.mark.parametrize("scheme", MAPS)
def test_first_and_second_derivatives_are_those_of_the_map(
    reactor_model: ProcessModel, point, scheme: Scheme
):
    scaled = ScaledModel.of(reactor_model)
    stage = stage_map(scaled, scheme, LENGTH_S, 2)
    curvature = stage_curvature(scaled, scheme, LENGTH_S, stage)
    x, u, d = point
    adjoint = np.array([0.3, 1.0, -2.0, 0.7])

    def slope(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        there, w = advanced(stage, z[:4], z[4:], d)
        both = np.hstack([a.full() for a in stage.sensitivity(z[:4], z[4:], d, w)])
        return there, both

    z, step = np.concatenate([x, u]), 1e-5
    _, w = advanced(stage, x, u, d)
    exact, first = curvature(x, u, d, w, adjoint).full(), slope(z)[1]
    for i in range(z.size):
        high, low = (slope(z + s * step * np.eye(z.size)[i]) for s in (1.0, -1.0))
        assert (high[0] - low[0]) / (2 * step) == pytest.approx(first[:, i], abs=1e-6)
        bent = adjoint @ (high[1] - low[1]) / (2 * step)
        assert bent == pytest.approx(exact[:, i], abs=1e-6)


def test_plan_of_another_model_has_defects(
    reactor: Callable[..., ProcessModel], reactor_model: ProcessModel
):
    m, horizon = reactor_model, Horizon.of((9.0,), LENGTH_S, (1, 2, 2), 5)
    here, other = (
        MapStages(ScaledModel.of(model), horizon, Scheme.RADAU_2, 1, False)
        for model in (m, reactor(alpha=1.05))
    )
    inputs = np.tile(m.u_nominal / m.u_scale, (5, 1))
    plan = here.first(m.x_nominal / m.x_scale, inputs, m.d_nominal, inputs[:3])
    assert plan is not None
    x, u = plan.states * m.x_scale, inputs * m.u_scale
    assert np.max(np.abs(here.defects(x, u, m.d_nominal, plan.inner))) < 1e-6
    assert np.max(np.abs(other.defects(x, u, m.d_nominal, plan.inner))) > 1e-3
    x[3, 1] += 1e-2
    assert np.max(np.abs(here.defects(x, u, m.d_nominal, plan.inner))) > 5e-3


def linear_sampled(sample_time_s: float) -> SampledModel:
    """Return x' = -x/30 + u/30 sampled exactly, y = x; its answer is known in closed form."""
    x, u, d = ca.SX.sym("x"), ca.SX.sym("u"), ca.SX.sym("d", 0)
    part = float(expm(np.array([[-sample_time_s / 30.0]]))[0, 0])
    one, none = np.ones(1), np.zeros(0)
    step = ca.Function("step", [x, u, d], [part * x + (1.0 - part) * u])
    return SampledModel("lag", ("x",), ("u",), (), ("y",), step,
                        ca.Function("outputs", [x, u, d], [x]), sample_time_s,
                        0.0 * one, 0.0 * one, none, one, one, none, one)  # fmt: skip


def test_sampled_model_takes_its_own_steps():
    horizon = Horizon.of((10.0,), 20.0, (1, 1, 1), 4)
    stages = MapStages(ScaledModel.of(linear_sampled(5.0)), horizon, Scheme.SAMPLED, 1, False)
    plan = stages.first(np.zeros(1), np.ones((4, 1)), np.zeros(0), np.ones((3, 1)))
    assert plan is not None
    times = np.array([10.0, 30.0, 50.0, 70.0])
    assert plan.states[1:, 0] == pytest.approx(1.0 - np.exp(-times / 30.0), abs=1e-12)


def test_stage_that_is_no_multiple_of_the_sample_time_is_refused():
    with pytest.raises(InputError, match=r"12 s.*5 s"):
        stage_map(ScaledModel.of(linear_sampled(5.0)), Scheme.SAMPLED, 12.0, 1)
    with pytest.raises(InputError, match="sample_time_s"):
        replace(linear_sampled(5.0), sample_time_s=0.0)


def test_scheme_is_chosen_by_size_and_stiffness(reactor_model: ProcessModel):
    assert choose_scheme(ScaledModel.of(reactor_model), 36.0) is Scheme.RADAU_2
    assert choose_scheme(ScaledModel.of(linear_sampled(5.0)), 10.0) is Scheme.SAMPLED
    for rate, scheme in ((0.01, Scheme.RUNGE_KUTTA_4), (10.0, Scheme.IMPLICIT_EULER)):
        chain = lags(20, rate)
        assert choose_scheme(ScaledModel.of(chain), 36.0) is scheme


def lags(count: int, rate: float) -> ProcessModel:
    """Return so many first-order lags in a row."""
    x, u, d = ca.SX.sym("x", count), ca.SX.sym("u"), ca.SX.sym("d", 0)
    rhs = rate * (ca.vertcat(u, x[:-1]) - x)
    return ProcessModel(
        name="lags",
        x_names=tuple(f"x{i}" for i in range(count)),
        u_names=("u",),
        d_names=(),
        y_names=("y",),
        rhs=ca.Function("rhs", [x, u, d], [rhs]),
        outputs=ca.Function("outputs", [x, u, d], [x[-1]]),
        x_nominal=np.zeros(count),
        u_nominal=np.zeros(1),
        d_nominal=np.zeros(0),
        x_scale=np.ones(count),
        u_scale=np.ones(1),
        d_scale=np.zeros(0),
        y_scale=np.ones(1),
    )
