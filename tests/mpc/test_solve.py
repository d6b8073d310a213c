"""One solve against certificates: a converged IPOPT solution, optimality, limits, NaN."""

import gc
from dataclasses import replace

import numpy as np
import pytest

from operator_agent.mpc.engine.acceptance import check_point
from operator_agent.mpc.engine.condense import Horizon, condense
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.dense_qp import DenseQp
from operator_agent.mpc.engine.euler_stages import EulerStages
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.rollout import rollout
from operator_agent.mpc.engine.stage_weights import stage_weights
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.engine.warm_start import warm_start
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.problem import PointWorth, Problem, SolverStatus
from operator_agent.mpc.solve import solve
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel


@pytest.fixture
def problem(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
) -> Problem:
    w, m = reactor_weights, reactor_model
    horizon = Horizon.of(w.first_stages_s, w.stage_s, w.move_blocks, w.n_pred)
    grid = Transcription(ScaledModel.of(m), horizon, LimitShape.of(reactor_variables))
    return Problem(
        transcription=grid,
        variables=reactor_variables,
        weights=stage_weights(w, m, None),
        x=m.x_nominal,
        u_held=m.u_nominal,
        d=m.d_nominal,
        bias=np.zeros(2),
        y_reference=np.tile([0.7, 134.0], (w.n_pred, 1)),
        u_reference=m.u_nominal,
        cycle_s=18.0,
        iterations=2,
        cold_iterations=30,
    )


@pytest.mark.parametrize("target", [0.5, 0.7, 0.9, 1.0])
def test_cold_solve_costs_what_converged_ipopt_finds(problem: Problem, target: float):
    wanted = np.tile([target, 134.0], (problem.y_reference.shape[0], 1))
    problem = replace(problem, y_reference=wanted)
    outcome = solve(problem, None)
    assert outcome.accepted and outcome.warm is not None
    scaled = ScaledModel.of(problem.transcription.model)
    reference = Reference(problem.transcription, scaled.values, tolerance=1e-9)
    best = reference.solve(problem, (outcome.warm.blocks, outcome.warm.states))
    assert best.success
    assert outcome.diagnostics.cost_after == pytest.approx(best.cost, rel=2e-3, abs=2e-5)
    assert outcome.diagnostics.cost_after >= best.cost - 1e-5


def test_warm_iterations_come_near_ipopt_along_a_large_change(problem: Problem):
    scaled = ScaledModel.of(problem.transcription.model)
    reference = Reference(problem.transcription, scaled.values)
    rest = np.tile([0.8998, 134.0], (problem.y_reference.shape[0], 1))
    warm = solve(replace(problem, y_reference=rest), None).warm
    costs, best = [], []
    for _ in range(6):
        outcome = solve(problem, warm)
        assert outcome.accepted and outcome.warm is not None
        best.append(reference.solve(problem, (outcome.warm.blocks, outcome.warm.states)).cost)
        costs.append(outcome.diagnostics.cost_after)
        warm = outcome.warm
        scaled_x = warm.states[0] + 0.5 * (warm.states[1] - warm.states[0])
        problem = replace(
            problem,
            x=scaled_x * problem.transcription.model.x_scale,
            u_held=np.array(outcome.move),
        )
    assert sum(costs) == pytest.approx(sum(best), rel=0.06)


def test_condensed_response_is_that_of_the_nonlinear_prediction(problem: Problem):
    grid, scaled = problem.transcription, ScaledProblem.of(problem)
    blocks = np.tile(scaled.u_held, (grid.horizon.n_blocks, 1))
    inputs, stages = grid.stage_inputs(blocks), grid.stages
    assert isinstance(stages, EulerStages)
    states = rollout(stages.point, grid.horizon, scaled.d, scaled.x, inputs, None)
    assert states is not None
    linear = stages.many.linearise(states[1:], inputs, scaled.d)
    response = condense(linear, stages.many.rhs_x_pattern, grid.horizon).outputs_of_blocks
    base = stages.many.values(states[1:], inputs, scaled.d)[1]
    step = 1e-3  # the prediction itself is solved to 1e-7
    for column in range(blocks.size):
        moved = blocks.copy()
        moved.flat[column] += step
        other = grid.stage_inputs(moved)
        there = rollout(stages.point, grid.horizon, scaled.d, scaled.x, other, None)
        assert there is not None
        change = (stages.many.values(there[1:], other, scaled.d)[1] - base) / step
        assert change == pytest.approx(response[:, :, column], abs=5e-3)


def test_qp_residual_sees_nan_infeasible_and_wrong_points():
    qp = DenseQp(3, 2)
    qp.hessian[:] = np.eye(3)
    qp.gradient[:] = [1.0, -2.0, 0.5]
    qp.rows[:] = [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    qp.row_high[:] = 0.5
    good = qp.solve()
    assert good.success and qp.kkt_residual(good) < 1e-9
    assert qp.kkt_residual(replace(good, x=good.x + 0.1)) > 1e-2
    assert qp.kkt_residual(replace(good, row_prices=good.row_prices + 0.1)) > 1e-3
    qp.hessian[0, 0] = np.nan  # DAQP calls this a success
    assert not qp.kkt_residual(qp.solve()) < 1e9
    qp.hessian[0, 0] = 1.0
    qp.row_high[0], qp.low[:], qp.high[:] = -100.0, -1.0, 1.0
    assert not qp.solve().success


def test_acceptance_refuses_plans_that_are_not_of_the_model(problem: Problem):
    outcome = solve(problem, None)
    assert outcome.warm is not None
    warm, grid = outcome.warm, problem.transcription
    scaled = ScaledProblem.of(problem)
    assert isinstance(grid.stages, EulerStages)
    inputs = grid.stage_inputs(warm.blocks)
    outputs = grid.stages.many.values(warm.states[1:], inputs, scaled.d)[1]
    assert check_point(problem, warm.blocks, warm.states, outputs, 0.0).worth is PointWorth.ACCEPTED
    bent = warm.states.copy()
    bent[3, 1] += 0.05
    verdict = check_point(problem, warm.blocks, bent, outputs, 0.0)
    assert verdict.worth is PointWorth.DOUBTFUL and verdict.move is None
    assert verdict.residual > 0.01
    assert check_point(problem, warm.blocks, warm.states, outputs, np.nan).move is None
    holed = warm.states.copy()
    holed[2, 0] = np.nan
    verdict = check_point(problem, warm.blocks, holed, outputs, 0.0)
    assert verdict.worth is PointWorth.USELESS and verdict.status is SolverStatus.NOT_FINITE
    elsewhere = replace(problem, x=problem.x + np.array([0.1, 0.0, 0.0, 0.0]))
    assert check_point(elsewhere, warm.blocks, warm.states, outputs, 0.0).move is None


def test_acceptance_refuses_a_first_move_outside_its_limits(problem: Problem):
    outcome = solve(problem, None)
    assert outcome.warm is not None
    warm = outcome.warm
    tight = problem.variables.with_mv_limits({}, {"feed_rate": float(outcome.move[0]) - 0.01})
    verdict = check_point(
        replace(problem, variables=tight), warm.blocks, warm.states, np.zeros((20, 2)), 0.0
    )
    assert verdict.move is None
    assert verdict.status is SolverStatus.LIMITS_CONFLICT
    assert "feed_rate" in verdict.reason


@pytest.mark.parametrize("name", ["x", "u_held", "d", "bias", "y_reference", "u_reference"])
def test_nan_anywhere_in_the_problem_is_named(problem: Problem, name: str):
    broken = getattr(problem, name).copy()
    broken.flat[0] = np.nan
    outcome = solve(replace(problem, **{name: broken}), None)
    assert outcome.status is SolverStatus.NOT_FINITE
    assert name in outcome.reason and outcome.warm is None


def test_poisoned_warm_start_is_set_aside_for_a_cold_start(problem: Problem):
    cold = solve(problem, None)
    assert cold.warm is not None
    bad = cold.warm.states.copy()
    bad[4] = np.nan
    outcome = solve(problem, replace(cold.warm, states=bad))
    assert np.array_equal(outcome.move, cold.move)
    assert outcome.warm is not None and bool(np.all(np.isfinite(outcome.warm.states)))


def test_violation_that_cannot_be_avoided_still_gives_the_best_move(problem: Problem):
    model = problem.transcription.model
    hot = replace(problem, x=model.x_nominal + np.array([0.0, 0.0, 10.0, 10.0]))
    outcome = solve(hot, None)
    assert outcome.accepted
    assert "temp_reactor hard high" in outcome.diagnostics.active_limits
    assert outcome.move[1] < model.u_nominal[1]  # it cools as fast as it may


def test_a_solve_leaves_nothing_to_the_garbage_collector(problem: Problem):
    outcome = solve(problem, None)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            outcome = solve(problem, outcome.warm)
            assert outcome.accepted
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_warm_solve_crosses_many_spans_in_few_iterations(problem: Problem):
    model = problem.transcription.model
    near = replace(model, u_scale=model.u_scale / 8.0)
    grid = Transcription(
        ScaledModel.of(near), problem.transcription.horizon, problem.transcription.shape
    )
    rest = np.tile([0.8998, 134.0], (problem.y_reference.shape[0], 1))
    problem = replace(problem, transcription=grid, iterations=3)
    warm = solve(replace(problem, y_reference=rest), None).warm
    best, found = solve(problem, None).diagnostics, solve(problem, warm).diagnostics
    assert best.u_planned is not None
    assert np.max(np.abs(best.u_planned - model.u_nominal) / near.u_scale) > 3.0
    assert found.cost_after < found.cost_before
    assert found.cost_after == pytest.approx(best.cost_after, rel=2e-2)


@pytest.mark.parametrize(("second_s", "moved"), [(18.0, True), (90.0, False)])
def test_limits_that_hold_move_on_only_where_a_stage_has_passed(
    problem: Problem, second_s: float, moved: bool
):
    n_pred = problem.transcription.horizon.n_pred
    grid = Transcription(
        ScaledModel.of(problem.transcription.model),
        Horizon((18.0, *[second_s] * (n_pred - 1)), tuple(range(n_pred))),
        problem.transcription.shape,
    )
    problem = replace(problem, transcription=grid)
    first = solve(problem, None).warm
    assert first is not None and first.working_set is not None
    assert first.working_set[: grid.n_moves].any()
    known = warm_start(problem, ScaledProblem.of(problem), first)
    assert known.working_set is not None
    expected = first.working_set[grid.next_constraint] if moved else first.working_set
    assert known.working_set.tolist() == expected.tolist()
