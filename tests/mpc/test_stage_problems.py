"""Stage costs, prices, previews, terminal limits, time limits, faults: on collocated stages."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.formulation import Curvature, Formulation, Ranking, Sharing
from operator_agent.mpc.engine.limit_rows import LimitShape, TerminalLimits
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.stage_cost import StageCost
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.peers.own_engine import control_variables
from operator_agent.mpc.problem import Outcome, Problem, SolverStatus
from operator_agent.mpc.published.catalogue import published_case
from operator_agent.mpc.solve import solve
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.process_model import ProcessModel

N_PRED = 8
STAGE_S = 36.0
RELAXED = 1e-4  # IPOPT relaxes bounds by 1e-8: eight slacks at a price of 1e3
ALONE = Formulation(
    Scheme.RADAU_2, sharing=Sharing.STAGES, hard_sharing=Sharing.STAGES, ranking=Ranking.AS_GIVEN
)
WEIGHTS = StageWeights(np.array([1.0, 0.0]), np.full(2, 0.05), np.full(2, 1e-3), 10.0, 1e3, 0.0)


def yield_cost() -> StageCost:
    """Return the loss per second: feed at its price less product at its own; heat costs, too."""
    x, u, d, p = (ca.SX.sym(n, k) for n, k in (("x", 4), ("u", 2), ("d", 1), ("p", 2)))
    made = p[0] * u[0] * x[1] - p[1] * u[0] * d[0]
    return StageCost(ca.Function("rate", [x, u, d, p], [-made / STAGE_S]),
                     ca.Function("final", [x, p], [-p[0] * x[1]]), 2)  # fmt: skip


def posed(
    model: ProcessModel,
    variables: ControlVariables,
    formulation: Formulation = ALONE,
    terminal: TerminalLimits | None = None,
    n_pred: int = N_PRED,
) -> Problem:
    horizon = Horizon.of((), STAGE_S, (1,) * n_pred, n_pred)
    shape = LimitShape.of(variables, terminal)
    grid = Transcription(ScaledModel.of(model), horizon, shape, formulation)
    return Problem(
        transcription=grid,
        variables=variables,
        weights=WEIGHTS,
        x=model.x_nominal,
        u_held=model.u_nominal,
        d=model.d_nominal,
        bias=np.zeros(2),
        y_reference=np.tile([0.8, 134.0], (n_pred, 1)),
        u_reference=model.u_nominal,
        cycle_s=STAGE_S,
        iterations=3,
        cold_iterations=80,
        terminal=terminal,
        prices=None if formulation.stage_cost is None else np.array([1.0, 0.1]),
        tolerance=1e-6,
    )


def ipopt_cost(problem: Problem, outcome: Outcome) -> float:
    """Return the cost that IPOPT converges to, from the plan found."""
    grid = problem.transcription
    assert outcome.warm is not None
    best = Reference(grid, grid.scaled.values, 1e-9).solve(
        problem, (outcome.warm.blocks, outcome.warm.states)
    )
    assert best.success
    return best.cost


@pytest.mark.parametrize("scheme", [Scheme.RADAU_2, Scheme.RADAU_3, Scheme.RUNGE_KUTTA_4])
@pytest.mark.parametrize("curvature", Curvature)
def test_tracking_converges_to_ipopts_optimum(
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    scheme: Scheme,
    curvature: Curvature,
):
    formulation = replace(ALONE, scheme=scheme, curvature=curvature, substeps=2)
    problem = posed(reactor_model, reactor_variables, formulation)
    outcome = solve(problem, None)
    assert outcome.status is SolverStatus.CONVERGED
    assert outcome.diagnostics.kkt_residual < 1e-6
    best = ipopt_cost(problem, outcome)
    assert outcome.diagnostics.cost_after == pytest.approx(best, rel=1e-5, abs=RELAXED)


@pytest.mark.parametrize("price", [0.5, 2.0])
def test_stage_cost_converges_to_ipopts_optimum(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, price: float
):
    formulation = replace(ALONE, stage_cost=yield_cost())
    problem = replace(
        posed(reactor_model, reactor_variables, formulation), prices=np.array([price, 0.1])
    )
    outcome = solve(problem, None)
    assert outcome.accepted
    best = ipopt_cost(problem, outcome)
    assert outcome.diagnostics.cost_after == pytest.approx(best, rel=1e-5, abs=RELAXED)


def test_dearer_product_is_made_more_of(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    base = posed(reactor_model, reactor_variables, replace(ALONE, stage_cost=yield_cost()))
    low, high = (solve(replace(base, prices=np.array([p, 0.1])), None) for p in (0.5, 2.0))
    assert high.move[0] > low.move[0] + 1.0  # feed rate [1/h]


def test_cold_start_that_stalls_is_rescued_by_ipopt(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    """The most of B lies inside the limits: without second derivatives steps overshoot it."""
    x, u, d, p = (ca.SX.sym(n, k) for n, k in (("x", 4), ("u", 2), ("d", 1), ("p", 0)))
    most = StageCost(ca.Function("rate", [x, u, d, p], [-x[1] / STAGE_S]), None, 0)
    light = replace(WEIGHTS, tracking=np.zeros(2), move=np.full(2, 1e-3), resting=np.zeros(2))
    free = replace(reactor_variables, mv_rate=np.full(2, np.inf))
    found = {}
    for curvature in Curvature:
        formulation = replace(ALONE, stage_cost=most, curvature=curvature)
        problem = posed(reactor_model, free, formulation)
        given = replace(problem, weights=light, tolerance=None, prices=np.zeros(0))
        found[curvature] = solve(given, None)
    blind, exact = found[Curvature.GAUSS_NEWTON], found[Curvature.EXACT]
    assert exact.status is SolverStatus.CONVERGED
    assert blind.accepted and blind.status is SolverStatus.RESCUED
    cost = exact.diagnostics.cost_after
    assert blind.diagnostics.cost_after == pytest.approx(cost, rel=1e-4)


def test_jump_along_a_curved_limit_does_not_stall(reactor_model: ProcessModel):
    """On its way down the reactor goes along its temperature limit; straight steps leave it."""
    case = published_case("reactor")
    published, variables = case.problem, control_variables(case.problem)
    model = published.model
    stages = (published.sample_time_s,) * published.n_pred
    grid = Transcription(
        ScaledModel.of(model), Horizon(stages, tuple(range(published.n_pred))),
        LimitShape.of(variables), ALONE,
    )  # fmt: skip
    weights = StageWeights(
        np.array([0.0, model.y_scale[1] ** 2, 0.0, 0.0]), np.array([0.1, 1e-3]), np.zeros(2),
        100.0, 1e4, 0.0,
    )  # fmt: skip
    high, low = (np.tile([0.0, b, 0.0, 0.0], (published.n_pred, 1)) for b in (0.85, 0.5))
    problem = Problem(
        grid, variables, weights, model.x_nominal, model.u_nominal, model.d_nominal,
        np.zeros(4), high, model.u_nominal, published.sample_time_s, 6, 80,
    )  # fmt: skip
    warm = None
    for _ in range(12):
        outcome = solve(problem, warm)
        assert outcome.accepted and outcome.warm is not None
        warm = outcome.warm
        problem = replace(problem, x=warm.states[1] * model.x_scale, u_held=outcome.move)
    down = replace(problem, y_reference=low)
    outcome = solve(down, warm)
    assert outcome.accepted and outcome.status is not SolverStatus.STALLED
    assert any("soft high" in limit for limit in outcome.diagnostics.active_limits)
    assert outcome.diagnostics.cost_after < 1.05 * ipopt_cost(down, outcome)


def test_preview_acts_before_the_disturbance_comes(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    problem = posed(reactor_model, reactor_variables)
    rest = np.tile(reactor_model.d_nominal, (N_PRED, 1))
    coming = rest.copy()
    coming[3:] = 4.6
    calm = solve(replace(problem, d=rest), None)
    same = solve(problem, None)
    assert calm.move == pytest.approx(same.move, rel=1e-9)
    ahead = solve(replace(problem, d=coming), None)
    assert not np.allclose(ahead.move, calm.move, rtol=1e-4)
    best = ipopt_cost(replace(problem, d=coming), ahead)
    assert ahead.diagnostics.cost_after == pytest.approx(best, rel=1e-5, abs=RELAXED)


def test_terminal_limit_holds_at_the_end_alone(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    end = TerminalLimits(np.array([-np.inf, -np.inf]), np.array([0.86, np.inf]))
    free = replace(WEIGHTS, tracking=np.zeros(2))
    problem = replace(posed(reactor_model, reactor_variables, ALONE, end), weights=free)
    outcome = solve(problem, None)
    assert outcome.diagnostics.y_predicted is not None
    assert outcome.diagnostics.y_predicted[-1, 0] == pytest.approx(0.86, abs=1e-4)
    assert outcome.diagnostics.y_predicted[0, 0] > 0.88
    assert "conc_b terminal high" in outcome.diagnostics.active_limits


def test_terminal_weight_pulls_the_end(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    problem = posed(reactor_model, reactor_variables)
    plain = solve(problem, None).diagnostics.y_predicted
    heavy = replace(WEIGHTS, terminal=np.array([50.0, 0.0]))
    pulled = solve(replace(problem, weights=heavy), None).diagnostics.y_predicted
    assert plain is not None and pulled is not None
    assert abs(pulled[-1, 0] - 0.8) < 0.3 * abs(plain[-1, 0] - 0.8)


def test_dearer_limit_is_broken_less(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    variables = replace(reactor_variables, cv_soft_high=np.array([0.7, 130.0]))
    problem = posed(reactor_model, variables)
    depth = []
    for price in (0.01, 1.0):
        weights = replace(WEIGHTS, soft_linear=np.array([price, 0.01]),
                          soft_quadratic=np.full(2, 1e-4))  # fmt: skip
        y = solve(replace(problem, weights=weights), None).diagnostics.y_predicted
        assert y is not None
        depth.append(float(np.sum(np.maximum(y[:, 0] - 0.7, 0.0))))
    assert depth[1] < depth[0] - 0.01


@pytest.mark.parametrize("sharing", Sharing)
def test_sharing_only_changes_who_pays(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, sharing: Sharing
):
    shared = replace(ALONE, sharing=sharing, hard_sharing=sharing, ranking=Ranking.DOUBLED)
    problem = posed(reactor_model, reactor_variables, shared)
    hot = replace(problem, x=problem.x + np.array([0.0, 0.0, 9.0, 9.0]))
    outcome = solve(hot, None)
    assert outcome.accepted
    assert outcome.diagnostics.cost_after == pytest.approx(
        ipopt_cost(hot, outcome), rel=1e-5, abs=RELAXED
    )


def test_longer_horizon_takes_over_the_plan(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    warm = solve(posed(reactor_model, reactor_variables), None).warm
    longer = replace(posed(reactor_model, reactor_variables, n_pred=11), tolerance=None)
    outcome = solve(longer, warm)
    assert outcome.accepted and outcome.diagnostics.iterations <= 3


# --- faults ------------------------------------------------------------------------------------
def test_time_that_is_used_up_gives_no_move(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    outcome = solve(replace(posed(reactor_model, reactor_variables), time_limit_s=1e-9), None)
    assert outcome.status is SolverStatus.TIME_LIMIT and outcome.warm is None
    with pytest.raises(SolveFailedError, match="TIME_LIMIT"):
        _ = outcome.move


def test_plan_of_the_last_iteration_in_time_is_used(
    reactor_model: ProcessModel, reactor_variables: ControlVariables
):
    problem = posed(reactor_model, reactor_variables)
    endless = replace(problem, tolerance=0.0, cold_iterations=10**9, time_limit_s=0.5)
    outcome = solve(endless, None)
    assert outcome.accepted and outcome.status is SolverStatus.TIME_LIMIT
    assert outcome.move == pytest.approx(solve(problem, None).move, rel=1e-4)


@pytest.mark.parametrize("name", ["x", "u_held", "d", "bias", "y_reference", "prices"])
def test_nan_in_a_problem_is_named(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, name: str
):
    problem = posed(reactor_model, reactor_variables, replace(ALONE, stage_cost=yield_cost()))
    problem = replace(problem, d=np.tile(problem.d, (N_PRED, 1)))
    broken = np.array(getattr(problem, name))
    broken.flat[-1] = np.nan
    outcome = solve(replace(problem, **{name: broken}), None)
    assert outcome.status is SolverStatus.NOT_FINITE and name in outcome.reason


@pytest.mark.parametrize("field", ["tracking", "terminal", "soft_linear", "hard_quadratic"])
def test_weights_that_are_no_weights_give_no_move(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, field: str
):
    bad = replace(WEIGHTS, **{field: np.array([1.0, np.nan])})
    outcome = solve(replace(posed(reactor_model, reactor_variables), weights=bad), None)
    assert outcome.status is SolverStatus.NOT_FINITE and "weights" in outcome.reason


@pytest.mark.parametrize("flaw", ["nan", "blow_up"])
@pytest.mark.parametrize("warm", ["cold", "warm"])
def test_model_that_fails_gives_no_move_and_no_warm_start(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, flaw: str, warm: str
):
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", 4), ("u", 2), ("d", 1)))
    good = posed(reactor_model, reactor_variables)
    start = solve(good, None).warm if warm == "warm" else None
    bad = ca.SX(np.nan) if flaw == "nan" else ca.exp(100.0 * x[2])
    rhs = reactor_model.rhs(x, u, d) + bad
    broken = replace(reactor_model, rhs=ca.Function("rhs", [x, u, d], [rhs]))
    outcome = solve(posed(broken, reactor_variables), start)
    assert not outcome.accepted and outcome.warm is None
    assert outcome.status is SolverStatus.NOT_FINITE


def test_cost_function_of_other_arguments_is_refused():
    x, u = ca.SX.sym("x", 4), ca.SX.sym("u", 2)
    with pytest.raises(InputError, match="rate"):
        StageCost(ca.Function("rate", [x, u], [x[0]]), None, 0)
