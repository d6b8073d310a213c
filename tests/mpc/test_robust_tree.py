"""Trees of scenarios: the QP of all paths, an independent NLP, faults, and do-mpc's reactor."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.dense_qp import DenseQp, QpMethod
from operator_agent.mpc.engine.formulation import Formulation, Ranking, Sharing
from operator_agent.mpc.engine.limit_rows import LimitShape
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.peers.catalogue import DO_MPC_TIGHT, OWN, OWN_CONVERGED
from operator_agent.mpc.peers.own_engine import control_variables
from operator_agent.mpc.problem import Problem, SolverStatus
from operator_agent.mpc.published.catalogue import published_case
from operator_agent.mpc.published.closed_loop import run_engine
from operator_agent.mpc.published.control_problem import closed_loop_cost, hard_violation
from operator_agent.mpc.published.reactor import reactor_problem
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.robust.tree_qp import SharedMoves, TreeQp
from operator_agent.mpc.robust.uncertainty import SlackPrice, Uncertain, Uncertainty
from operator_agent.mpc.solve import solve
from operator_agent.plant.process_model import ProcessModel

N_PRED = 5
PUBLISHED = reactor_problem()
TWO = (Uncertain("alpha", (1.0, 0.95)), Uncertain("beta", (1.0, 1.1), (0.7, 0.3)))
WEIGHTS = StageWeights(
    tracking=np.array([0.0, 1.0, 0.0, 0.0]),
    move=np.array([0.05, 0.01]),
    resting=np.zeros(2),
    soft_penalty=10.0,
    hard_penalty=1e3,
    levenberg=0.0,
)


def posed(
    uncertainty: Uncertainty | None,
    model: ProcessModel = PUBLISHED.model,
    rate: float = np.inf,
    n_pred: int = N_PRED,
) -> Problem:
    """Return a step of product B's set point from rest, with the temperature near its limit."""
    variables = replace(control_variables(PUBLISHED), mv_rate=np.full(2, rate) * model.u_scale)
    horizon = Horizon((36.0,) * n_pred, tuple(range(n_pred)))
    formulation = Formulation(
        Scheme.RADAU_2,
        sharing=Sharing.STAGES,
        hard_sharing=Sharing.STAGES,
        ranking=Ranking.AS_GIVEN,
    )
    scaled, shape = ScaledModel.of(model), LimitShape.of(variables)
    tree = uncertainty and ScenarioTree.of(scaled, horizon, shape, formulation, uncertainty)
    return Problem(
        transcription=Transcription(scaled, horizon, shape, formulation),
        variables=variables,
        weights=WEIGHTS,
        x=np.array([1.2344, 0.8998, 138.5, 133.0]),
        u_held=model.u_nominal,
        d=model.d_nominal,
        bias=np.zeros(4),
        y_reference=np.tile([1.2, 1.0, 134.0, 130.0], (n_pred, 1)),
        u_reference=model.u_nominal,
        cycle_s=36.0,
        iterations=40,
        cold_iterations=80,
        tolerance=1e-7,
        scenarios=tree or None,
    )


def random_qps(seed: int, n: int, m: int, rates: int) -> list[DenseQp]:
    """Return QPs with a slack in each row; first variables may have limited changes.

    The last row of each path is one of the first variables alone: a kink.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(4):
        qp = DenseQp(n + m, m + rates)
        root = rng.normal(size=(n, n))
        qp.hessian[:n, :n] = root @ root.T + 0.1 * np.eye(n)
        qp.hessian[range(n, n + m), range(n, n + m)] = 0.1
        qp.gradient[:] = [*(3.0 * rng.normal(size=n)), *[5.0] * m]
        qp.rows[:m, :n] = rng.normal(size=(m, n))
        qp.rows[m - 1, 2 if rates == 0 else 4 : n] = 0.0
        qp.rows[range(m), range(n, n + m)] = -1.0
        qp.row_high[:m] = rng.random(m) - 0.5
        qp.low[:], qp.high[:n] = [*[-1.0] * n, *[0.0] * m], 1.0
        for i in range(rates):
            qp.rows[m + i, [i, i + 2]] = -1.0, 1.0
        qp.row_low[m:], qp.row_high[m:] = -0.2, 0.2
        found.append(qp)
    return found


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), nested=st.booleans())
def test_paths_together_are_solved_like_one_dense_qp(seed: int, nested: bool):
    n, m, rates = 8, 6, 2 if nested else 0
    place = np.array([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 4, 5], [0, 1, 4, 5]])[
        :, : 4 if nested else 2
    ]
    shared = SharedMoves(place, m + np.arange(rates), n + m - place.shape[1])
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    qps = random_qps(seed, n, m, rates)
    found = TreeQp(qps, shared, weights).solve([None] * 4)
    whole = DenseQp(shared.count + 4 * shared.n_own, 4 * (m + rates), QpMethod.DAQP)
    for i, qp in enumerate(qps):
        own = shared.count + shared.n_own * i + np.arange(shared.n_own)
        columns = np.concatenate([place[i], own])
        rows = (m + rates) * i + np.arange(m + rates)
        whole.hessian[np.ix_(columns, columns)] += weights[i] * qp.hessian
        whole.gradient[columns] += weights[i] * qp.gradient
        whole.rows[np.ix_(rows, columns)] = qp.rows
        whole.row_low[rows], whole.row_high[rows] = qp.row_low, qp.row_high
        whole.low[columns], whole.high[columns] = qp.low, qp.high
    expected = whole.solve()
    assert expected.success and found.success
    assert found.residual < 1e-7
    for i, path in enumerate(found.paths):
        own = shared.count + shared.n_own * i + np.arange(shared.n_own)
        assert path.x == pytest.approx(expected.x[np.concatenate([place[i], own])], abs=2e-5)


def test_a_path_that_has_no_solution_is_no_success():
    qps = random_qps(1, 8, 6, 0)
    qps[2].hessian[:] = np.nan  # what a solver may call solved
    shared = SharedMoves(np.array([[0, 1]] * 4), np.zeros(0, dtype=np.intp), 12)
    found = TreeQp(qps, shared, np.full(4, 0.25)).solve([None] * 4)
    assert not found.success
    assert not found.residual < np.inf


def tree_optimum(problem: Problem) -> np.ndarray:
    """Return the first move by IPOPT on one NLP of all scenarios, written for this test."""
    model, v = problem.transcription.model, problem.variables
    assert problem.scenarios is not None
    values, weights = problem.scenarios.uncertainty.combinations()
    first = ca.MX.sym("first", 2)
    variables, rows, low, high = (
        [first],
        [],
        [v.mv_low / model.u_scale],
        [v.mv_high / model.u_scale],
    )
    row_high: list[np.ndarray] = []
    cost = ca.MX(0.0)
    for d_values, weight in zip(values, weights, strict=True):
        d = problem.d.copy()
        d[problem.scenarios.columns] = d_values
        x, before = ca.DM(problem.x), ca.DM(problem.u_held / model.u_scale)
        for k in range(N_PRED):
            u = first if k == 0 else ca.MX.sym("u", 2)
            inner, end, slack = (ca.MX.sym(n, s) for n, s in (("i", 4), ("e", 4), ("s", 9)))
            variables += [*([] if k == 0 else [u]), inner, end, slack]
            if k:
                low, high = [*low, low[0]], [*high, high[0]]
            low += [np.full(8, -np.inf), np.zeros(9)]
            high += [np.full(8, np.inf), np.full(9, np.inf)]
            scale = ca.DM(model.x_scale)
            slopes = [
                model.rhs(point * scale, u * ca.DM(model.u_scale), d) / scale
                for point in (inner, end)
            ]
            for a, b, point in ((5 / 12, -1 / 12, inner), (3 / 4, 1 / 4, end)):
                rows.append(
                    point - x / (1.0 if k else scale) - 36.0 * (a * slopes[0] + b * slopes[1])
                )
                row_high.append(np.zeros(4))
            gap = end - problem.y_reference[k] / model.y_scale
            move = u - before
            hard, soft = slack[:8], slack[8]
            cost += weight * (
                ca.dot(WEIGHTS.tracking, gap**2) + ca.dot(WEIGHTS.move, move**2)
                + 1e3 * ca.sum1(hard + hard**2) + 10.0 * (soft + soft**2)
            )  # fmt: skip
            sides = []
            for i, limit in enumerate((v.cv_hard_low, v.cv_hard_high)):
                sign = (-1.0, 1.0)[i]
                bound = np.where(np.isfinite(limit), limit, sign * 1e6) / model.y_scale
                sides.append(sign * (end - bound) - hard[:4])
            rows += [*sides, end[2] - v.cv_soft_high[2] / model.y_scale[2] - soft]
            row_high += [np.full(4, np.nan)] * 2 + [np.full(1, np.nan)]
            x, before = end, u
    right = np.concatenate(row_high)
    lbg, ubg = np.where(np.isnan(right), -np.inf, 0.0), np.zeros(right.size)
    nlp = {"x": ca.vertcat(*variables), "f": cost, "g": ca.vertcat(*rows)}
    options = {"print_time": 0, "ipopt.print_level": 0, "ipopt.sb": "yes", "ipopt.tol": 1e-11}
    solver = ca.nlpsol("tree", "ipopt", nlp, options)
    stage = [*problem.x / model.x_scale] * 2 + [0.0] * 9
    held = (problem.u_held / model.u_scale).tolist()
    start = held + stage + (held + stage) * (N_PRED - 1)
    guess = start + ((stage + (held + stage) * (N_PRED - 1)) * (len(values) - 1))
    found = solver(x0=guess, lbx=np.concatenate(low), ubx=np.concatenate(high), lbg=lbg, ubg=ubg)
    assert solver.stats()["success"]
    return np.asarray(found["x"]).ravel()[:2] * model.u_scale


def test_converged_tree_moves_like_ipopt_on_one_nlp_of_all_scenarios():
    problem = posed(Uncertainty(TWO))
    outcome = solve(problem, None)
    assert outcome.accepted
    scale = problem.transcription.model.u_scale
    assert outcome.move / scale == pytest.approx(tree_optimum(problem) / scale, abs=2e-5)
    nominal = solve(posed(None), None)
    assert np.abs((outcome.move - nominal.move) / scale).max() > 1e-3


def test_one_scenario_is_the_ordinary_problem():
    model = PUBLISHED.model
    one = Uncertainty((Uncertain("alpha", (model.d_nominal[1],)),))
    found, plain = solve(posed(one), None), solve(posed(None), None)
    assert found.move / model.u_scale == pytest.approx(plain.move / model.u_scale, abs=1e-6)
    assert found.diagnostics.cost_after == pytest.approx(plain.diagnostics.cost_after, rel=1e-6)


def test_moves_are_shared_until_the_values_have_been_seen():
    outcome = solve(posed(Uncertainty(TWO[:1], 2), rate=0.01), None)
    assert outcome.accepted and outcome.warm is not None
    plans = np.array([outcome.warm.blocks, *[path.blocks for path in outcome.warm.paths]])
    assert plans.shape[0] == 4  # alpha in stage 0, alpha in stage 1 and after
    assert np.ptp(plans[:, 0], axis=0) == pytest.approx(np.zeros(2), abs=1e-9)
    assert plans[0, 1] == pytest.approx(plans[1, 1], abs=1e-9)
    assert plans[2, 1] == pytest.approx(plans[3, 1], abs=1e-9)
    assert np.abs(plans[0, 1] - plans[2, 1]).max() > 1e-4
    assert np.abs(plans[0, 2] - plans[1, 2]).max() > 1e-4
    assert np.abs(np.diff(plans, axis=1)).max() <= 0.36 + 1e-6


def test_full_price_of_slacks_multiplies_by_the_inverse_probability():
    problem = posed(Uncertainty(TWO, slack_price=SlackPrice.FULL))
    assert problem.scenarios is not None
    assert problem.scenarios.slack_factors * problem.scenarios.probabilities == pytest.approx(1.0)
    probable = posed(Uncertainty(TWO))
    assert probable.scenarios is not None
    assert probable.scenarios.probabilities == pytest.approx([0.35, 0.15, 0.35, 0.15])
    assert np.all(probable.scenarios.slack_factors == 1.0)


def test_next_cycle_starts_from_all_plans_and_another_tree_from_nothing():
    problem = posed(Uncertainty(TWO))
    first = solve(problem, None)
    again = solve(replace(problem, tolerance=None, iterations=3), first.warm)
    assert again.accepted and again.diagnostics.iterations <= 3
    other = solve(posed(Uncertainty(TWO[:1])), first.warm)
    assert other.accepted


def faulty(name: str) -> ProcessModel:
    """Return the reactor that has no rate where the feed lies above 6 mol/l."""
    model = PUBLISHED.model
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", 4), ("u", 2), ("d", 3)))
    bad = 1e-12 * ca.sqrt(6.0 - d[0])
    return replace(model, name=name, rhs=ca.Function("rhs", [x, u, d], [model.rhs(x, u, d) + bad]))


@pytest.mark.parametrize("field", ["x", "u_held", "d", "y_reference"])
def test_nan_in_a_robust_problem_gives_no_move(field: str):
    problem = posed(Uncertainty(TWO[:1]))
    broken = getattr(problem, field).copy()
    broken.flat[0] = np.nan
    outcome = solve(replace(problem, **{field: broken}), None)
    assert outcome.status is SolverStatus.NOT_FINITE
    with pytest.raises(SolveFailedError, match=field):
        _ = outcome.move


def test_one_scenario_whose_model_fails_gives_no_move():
    values = Uncertain("conc_feed", (5.1, 7.0))
    outcome = solve(posed(Uncertainty((values,)), faulty("faulty")), None)
    assert not outcome.accepted
    assert outcome.status is SolverStatus.NOT_FINITE
    assert outcome.warm is None


def test_a_late_tree_gives_no_move():
    outcome = solve(replace(posed(Uncertainty(TWO)), time_limit_s=1e-9), None)
    assert outcome.status is SolverStatus.TIME_LIMIT
    assert not outcome.accepted


def test_limits_that_no_move_keeps_are_named():
    problem = posed(Uncertainty(TWO[:1]), rate=1e-4)
    outcome = solve(replace(problem, u_held=np.array([200.0, -4000.0])), None)
    assert outcome.status is SolverStatus.LIMITS_CONFLICT
    assert "inflow" in outcome.reason


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Uncertain("a", ()), "give finite numbers"),
        (lambda: Uncertain("a", (1.0, np.nan)), "give finite numbers"),
        (lambda: Uncertain("a", (1.0, 2.0), (1.0,)), "one above zero for each"),
        (lambda: Uncertain("a", (1.0, 2.0), (1.0, -1.0)), "one above zero for each"),
        (lambda: Uncertainty(()), "name each of them once"),
        (lambda: Uncertainty(TWO, 0), "at least the first stage"),
        (lambda: Uncertainty(TWO, 5), "smaller n_robust"),
        (lambda: posed(Uncertainty((Uncertain("weather", (1.0,)),))), "has no disturbance weather"),
    ],
)
def test_impossible_trees_are_refused(make: Callable[[], object], sentence: str):
    with pytest.raises(InputError, match=sentence):
        make()


def test_every_combination_is_a_scenario():
    unc = Uncertainty(TWO, 2)
    values, weights = unc.combinations()
    assert values.tolist() == [list(pair) for pair in product((1.0, 0.95), (1.0, 1.1))]
    assert weights.sum() == pytest.approx(1.0)
    assert unc.n_scenarios == len(unc.histories()) == 16


@pytest.mark.slow
def test_nine_scenarios_cost_what_do_mpc_converged_costs():
    pytest.importorskip("do_mpc", reason="do-mpc is not installed")
    case = published_case("reactor-robust", 5)
    tight, own, converged = (run_engine(case, e, 0) for e in (DO_MPC_TIGHT, OWN, OWN_CONVERGED))
    cost = closed_loop_cost(case.problem, tight.loop)
    assert closed_loop_cost(case.problem, converged.loop) == pytest.approx(cost, rel=1e-6)
    assert closed_loop_cost(case.problem, own.loop) == pytest.approx(cost, rel=1e-3)
    for record in (own, converged):
        assert not record.failures
        assert hard_violation(case.problem, record.loop) == 0.0
