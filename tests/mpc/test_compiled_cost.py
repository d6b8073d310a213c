"""The compiled QP, cost and residual against their twins in numpy, and NaN through all of them."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.cost import ScaledProblem, measure, plan_cost, write_qp
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.formulation import Formulation, Sharing
from operator_agent.mpc.engine.limit_rows import LimitsAhead, TerminalLimits
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.seldom_parts import seldom_parts
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.stages import Response
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.problem import Problem
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.compiled import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

N_PRED = 9


@pytest.fixture(scope="module")
def scaled_model(reactor_model: ProcessModel) -> ScaledModel:
    return ScaledModel.of(reactor_model)


def random_problem(
    scaled: ScaledModel, variables: ControlVariables, seed: int
) -> tuple[Transcription, Problem, Response]:
    """Return a problem with all kinds of limits and weights at a random plan."""
    rng = np.random.default_rng(seed)
    rate = np.where(rng.random(2) < 0.5, np.inf, variables.mv_rate)
    own = replace(variables, mv_rate=rate)
    terminal = TerminalLimits(np.array([0.5, -np.inf]), np.array([np.inf, 135.0]))
    sharing = [Sharing.GROUPS, Sharing.STAGES, Sharing.HORIZON][seed % 3]
    horizon = Horizon.of((9.0, 18.0), 36.0, (1, 1, 2, 3, 4), N_PRED)
    ahead = None
    if seed % 2:  # limits that change along the horizon, and blocks of each MV's own
        horizon = replace(horizon, still=tuple(map(tuple, rng.random((4, 2)) < 0.4)))
        lower, upper = 1.0 - 0.05 * rng.random((N_PRED, 2)), 1.0 + 0.05 * rng.random((N_PRED, 2))
        ahead = LimitsAhead(
            own.mv_low * lower, own.mv_high * upper, own.cv_hard_low * lower,
            own.cv_hard_high * upper, own.cv_soft_low * upper, own.cv_soft_high * lower,
        )  # fmt: skip
    grid = Transcription(
        scaled,
        horizon,
        LimitShape.of(own, terminal, ahead),
        Formulation(scheme=Scheme.RADAU_2, sharing=sharing),
    )
    weights = StageWeights(
        tracking=np.array([rng.random(), 0.0]),
        move=rng.random(2),
        resting=rng.random(2),
        soft_penalty=10.0,
        hard_penalty=100.0,
        levenberg=0.01,
        terminal=rng.random(2) if seed % 2 else None,
        soft_linear=rng.random(2),
    )
    model = scaled.model
    x = model.x_nominal * (1.0 + 0.01 * rng.normal(size=4))
    u_held = model.u_nominal * (1.0 + 0.05 * rng.normal(size=2))
    problem = Problem(
        transcription=grid,
        variables=own,
        weights=weights,
        x=x,
        u_held=u_held,
        d=model.d_nominal,
        bias=0.01 * rng.normal(size=2),
        y_reference=np.array([0.9, 134.0]) + rng.normal(size=(N_PRED, 2)),
        u_reference=model.u_nominal,
        cycle_s=18.0,
        iterations=1,
        cold_iterations=10,
        terminal=terminal,
        ahead=ahead,
    )
    own_scaled = ScaledProblem.of(problem)
    blocks = own_scaled.fit(u_held / model.u_scale + 0.1 * rng.normal(size=(5, 2)))
    inputs = grid.stage_inputs(blocks)
    plan = grid.stages.first(own_scaled.x, inputs, own_scaled.d, blocks)
    assert plan is not None
    response = grid.stages.respond(plan, inputs, own_scaled.d, None)
    assert response is not None
    return grid, problem, response


@pytest.mark.parametrize("seed", range(6))
def test_the_qp_is_that_of_numpy(
    scaled_model: ScaledModel, reactor_variables: ControlVariables, seed: int
):
    grid, problem, response = random_problem(scaled_model, reactor_variables, seed)
    scaled = ScaledProblem.of(problem)
    scaled.reach = 0.3
    kernels, n = grid.kernels, grid.n_moves
    assert kernels is not None
    hessian = grid.qp.hessian
    hessian[:] = 0.0
    write_qp(grid, scaled, response)
    ours = [array.copy() for array in grid.qp.arrays]
    grid.kernels = None
    hessian[:] = 0.0
    write_qp(grid, scaled, response)
    for mine, theirs in zip(ours, grid.qp.arrays, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    assert np.all(grid.qp.high[:n] <= 0.3)


@pytest.mark.parametrize("seed", range(6))
def test_the_cost_is_that_of_numpy(
    scaled_model: ScaledModel, reactor_variables: ControlVariables, seed: int
):
    grid, problem, response = random_problem(scaled_model, reactor_variables, seed)
    scaled, plan = ScaledProblem.of(problem), response.plan
    assert plan.outputs is not None
    y = plan.outputs + scaled.bias
    ours = plan_cost(grid, scaled, plan.blocks, y, plan.states)
    broken = y.copy()
    broken[3, 1] = np.nan
    assert np.isnan(plan_cost(grid, scaled, plan.blocks, broken, plan.states))
    grid.kernels = None
    theirs = plan_cost(grid, scaled, plan.blocks, y, plan.states)
    assert ours == pytest.approx(theirs, rel=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_what_a_qp_promises_is_that_of_numpy(
    scaled_model: ScaledModel, reactor_variables: ControlVariables, seed: int
):
    grid, problem, response = random_problem(scaled_model, reactor_variables, seed)
    scaled = ScaledProblem.of(problem)
    write_qp(grid, scaled, response)
    x = np.random.default_rng(seed).normal(size=grid.qp.gradient.size)
    compiled = measure(grid, scaled, response, x)
    grid.kernels = None
    assert np.allclose(compiled, measure(grid, scaled, response, x), rtol=1e-12)
    x[3] = np.nan
    assert np.isnan(measure(grid, scaled, response, x).gain)


def test_other_limits_and_weights_are_never_taken_for_the_old_ones(
    scaled_model: ScaledModel, reactor_variables: ControlVariables
):
    grid, problem, response = random_problem(scaled_model, reactor_variables, 1)
    scaled = ScaledProblem.of(problem)
    y = response.free + scaled.bias
    first = plan_cost(grid, scaled, response.plan.blocks, y, response.plan.states)
    again = ScaledProblem.of(problem)
    assert again.seldom is scaled.seldom
    problem.weights.tracking[:] *= 2.0  # a caller's array, changed where it stands
    problem.variables.cv_soft_high[:] -= 5.0
    changed = ScaledProblem.of(problem)
    assert changed.seldom is not scaled.seldom
    assert changed.stage_tracking[0] == pytest.approx(2.0 * scaled.stage_tracking[0])
    other = plan_cost(grid, changed, response.plan.blocks, y, response.plan.states)
    back = plan_cost(grid, scaled, response.plan.blocks, y, response.plan.states)
    assert other > first and back == first
    with pytest.raises(ValueError, match="read-only"):
        seldom_parts(problem).linear[:] = 0.0


@pytest.mark.parametrize("seed", range(3))
def test_the_residual_is_that_of_numpy(
    scaled_model: ScaledModel, reactor_variables: ControlVariables, seed: int
):
    grid, problem, response = random_problem(scaled_model, reactor_variables, seed)
    write_qp(grid, ScaledProblem.of(problem), response)
    rng, solved = np.random.default_rng(seed), grid.qp.solve()
    exact = (solved.x, solved.row_prices, solved.bound_prices)
    for power in range(10):
        off = [part + 10.0**-power * rng.normal(size=part.size) * (rng.random(part.size) < 0.2)
               for part in exact]  # fmt: skip
        point = QpSolution(off[0], off[1], off[2], True, "", solved.working_set)
        expected = grid.qp.residual_by_numpy(point)
        assert grid.qp.kkt_residual(point) == pytest.approx(expected, rel=1e-9, abs=1e-13)
    assert grid.qp.kkt_residual(solved) < 1e-9
    for part in (*exact, grid.qp.gradient):
        place = int(rng.integers(part.size))
        was, part[place] = part[place], np.nan
        assert np.isnan(grid.qp.kkt_residual(solved))
        assert np.isnan(grid.qp.residual_by_numpy(solved))
        part[place] = was


def test_a_response_that_is_not_finite_is_not_hidden_in_the_qp(
    scaled_model: ScaledModel, reactor_variables: ControlVariables
):
    grid, problem, response = random_problem(scaled_model, reactor_variables, 0)
    response.condensed.outputs_of_blocks[4, 0, 0] = np.nan
    write_qp(grid, ScaledProblem.of(problem), response)
    assert np.isnan(grid.qp.hessian).any()
    assert not grid.qp.solve().success
