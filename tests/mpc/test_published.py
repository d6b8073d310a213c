"""The published problems, their converged solutions, and the comparison of engines on them."""

import json
from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.peers.catalogue import (
    DO_MPC,
    ENGINES,
    FATROP,
    OWN,
    OWN_CONVERGED,
    REFERENCE,
    SHOWN_ENGINES,
    engine_named,
)
from operator_agent.mpc.peers.do_mpc_engine import do_mpc_module
from operator_agent.mpc.peers.engine import EngineMove, EngineRun, Reading
from operator_agent.mpc.published.bench import bench_case
from operator_agent.mpc.published.bioreactor import bioreactor_problem
from operator_agent.mpc.published.case import Case, Goal
from operator_agent.mpc.published.catalogue import CASE_NAMES, published_case
from operator_agent.mpc.published.closed_loop import run_engine
from operator_agent.mpc.published.control_problem import (
    ClosedLoop,
    ControlProblem,
    closed_loop_cost,
    hard_violation,
)
from operator_agent.mpc.published.polymerisation import polymerisation_problem
from operator_agent.mpc.published.reactor import reactor_problem
from operator_agent.plant.integrate import make_integrator

PROBLEMS = [reactor_problem(), polymerisation_problem(), bioreactor_problem()]


def silent(sentence: str) -> None:
    """Say nothing."""


@pytest.mark.slow
def test_converged_reactor_costs_what_was_measured_with_do_mpc_at_a_tight_tolerance():
    case = published_case("reactor")
    record = run_engine(case, REFERENCE, 0)
    assert not record.failures
    assert closed_loop_cost(case.problem, record.loop) == pytest.approx(0.01507885, abs=5e-9)
    assert hard_violation(case.problem, record.loop) == 0.0


def test_reactor_rests_where_klatt_and_engell_say():
    """F = 18.83 / h and Q = -4495.7 kJ/h hold cB = 0.8998 mol/l at 134.15 degC."""
    model = reactor_problem().model
    x = np.array([1.2344, 0.8998, 134.15, 128.96])
    end = make_integrator(model, 1e-9).step(x, model.u_nominal, model.d_nominal, 3600.0)
    assert end == pytest.approx(x, rel=2e-3)


def test_polymerisation_conserves_mass_and_its_adiabatic_temperature_follows_from_the_others():
    model = polymerisation_problem().model
    u = np.array([2e4, 350.0, 345.0])
    end = make_integrator(model, 1e-10).step(model.x_nominal, u, model.d_nominal, 900.0)
    before, after = (dict(zip(model.x_names, x, strict=True)) for x in (model.x_nominal, end))
    masses = ("mass_water", "mass_monomer", "mass_polymer")
    fed = 2e4 * 900.0 / 3600.0
    assert sum(after[m] - before[m] for m in masses) == pytest.approx(fed, rel=1e-8)
    assert after["mass_fed"] - before["mass_fed"] == pytest.approx(fed, rel=1e-8)
    rise = after["mass_monomer"] * 950.0 / (5.0 * sum(after[m] for m in masses))
    assert after["temp_adiabatic"] == pytest.approx(after["temp_reactor"] + rise, abs=1e-4)


def test_bioreactor_keeps_its_balance_of_biomass_and_product():
    """With the feed's dilution taken out: d(V P) = 0.004 V X, and the volume is what was fed."""
    model = bioreactor_problem().model
    x, u, d = ca.SX.sym("x", 4), ca.SX.sym("u", 1), ca.SX.sym("d", 2)
    rate = model.rhs(x, u, d)
    made = ca.Function("made", [x, u, d], [rate[2] * x[3] + x[2] * rate[3], rate[3]])
    product, volume = made([1.3, 0.4, 0.2, 121.0], 0.15, model.d_nominal)
    assert float(product) == pytest.approx(0.004 * 1.3 * 121.0)
    assert float(volume) == 0.15


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_score_is_the_sum_of_what_the_controllers_minimise(problem: ControlProblem):
    rng = np.random.default_rng(3)
    model = problem.model
    x = problem.x_start + model.x_scale * rng.normal(size=(6, model.n_x))
    u = problem.u_low + rng.random((5, model.n_u)) * (problem.u_high - problem.u_low)
    p = np.tile(problem.p_nominal, (5, 1))
    total, before = 0.0, problem.u_start
    for k in range(5):
        total += float(problem.stage_cost(x[k], p[k]))
        total += float(problem.move_weight @ ((u[k] - before) / problem.move_scale) ** 2)
        for soft in problem.soft:
            place = model.x_names.index(soft.state)
            total += soft.penalty * max(0.0, soft.sign * (x[k, place] - soft.limit))
        before = u[k]
    assert closed_loop_cost(problem, ClosedLoop(x, u, p)) == pytest.approx(total, rel=1e-12)


def test_hard_violation_is_counted_in_scales_and_only_outside():
    problem = reactor_problem()
    x = np.tile(problem.x_start, (3, 1))
    u = np.tile([20.0, -4000.0], (2, 1))
    p = np.tile(problem.p_nominal, (2, 1))
    assert hard_violation(problem, ClosedLoop(x, u, p)) == 0.0
    x[2, 3] = 141.0  # the jacket's limit is 140 degC, its scale 10
    assert hard_violation(problem, ClosedLoop(x, u, p)) == pytest.approx(0.1)
    u[1, 0] = 102.0  # the inflow's limit is 100 / h, its scale 20
    assert hard_violation(problem, ClosedLoop(x, u, p)) == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reactor", "reactor-alpha-low"])
def test_own_iterations_to_convergence_cost_what_ipopt_costs(name: str):
    case = published_case(name, 30)
    found = [run_engine(case, engine, 0) for engine in (OWN_CONVERGED, REFERENCE)]
    costs = [closed_loop_cost(case.problem, record.loop) for record in found]
    assert costs[0] == pytest.approx(costs[1], rel=1e-5)
    assert not found[0].failures
    assert hard_violation(case.problem, found[0].loop) <= 1e-9


UPSETS = [name for name in CASE_NAMES if name.startswith("reactor") and name != "reactor-robust"]


@pytest.mark.parametrize("name", UPSETS)
def test_few_iterations_cost_what_many_cost(name: str):
    case = published_case(name)
    few, many = (run_engine(case, engine, 0) for engine in (OWN, OWN_CONVERGED))
    costs = [closed_loop_cost(case.problem, record.loop) for record in (few, many)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-4)
    assert not few.failures and hard_violation(case.problem, few.loop) <= 1e-9
    assert few.iterations.sum() < many.iterations.sum()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["polymerisation", "bioreactor"])
def test_batches_run_to_their_end_within_limits(name: str):
    case = published_case(name)
    record = run_engine(case, OWN, 0)
    assert not record.failures and not record.ended
    assert hard_violation(case.problem, record.loop) <= 1e-9
    if case.goal is not None:
        finished = case.finished(record.loop.x)
        assert finished is not None and finished < case.cycles
        before, after = (record.loop.x[finished + k] for k in (0, 1))
        place = case.problem.model.x_names.index(case.goal.state)
        assert before[place] < case.goal.value <= after[place]


def test_an_unfinished_batch_has_no_last_cycle():
    case = published_case("polymerisation", 3)
    assert case.finished(np.tile(case.problem.x_start, (4, 1))) is None
    with pytest.raises(InputError, match="no state gold"):
        replace(case, goal=Goal("gold", 1.0))


def test_an_engine_that_fails_on_a_problem_says_so_and_is_not_tried():
    assert "converge" in FATROP.refusal(published_case("polymerisation"))
    assert not FATROP.refusal(published_case("bioreactor"))
    assert set(SHOWN_ENGINES) < set(ENGINES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reactor-limit", "polymerisation", "bioreactor"])
def test_own_reference_agrees_with_do_mpc_converged(name: str):
    pytest.importorskip("do_mpc", reason="do-mpc is not installed")
    case = published_case(name, 4)
    costs = [
        closed_loop_cost(case.problem, run_engine(case, engine_named(e), 0).loop)
        for e in ("do_mpc_tight", "ipopt_tight")
    ]
    assert costs[0] == pytest.approx(costs[1], rel=1e-7)


def test_every_case_is_built_and_its_upset_reaches_the_plant_or_the_controller():
    calm = published_case("reactor")
    for name in CASE_NAMES:
        case = published_case(name)
        assert case.name == name and case.story
        if name.startswith("reactor-") and not case.robust:
            changed = np.any(case.p != calm.p[0]) or np.any(case.noise > 0.0)
            assert changed or np.any(case.d_plant != calm.d_plant[0])


class _Failing:
    """An engine that gives a good move, then NaN, then a move that it calls a failure."""

    name, story = "failing", "for the test"

    def refusal(self, case: Case) -> str:
        return ""

    def start(self, case: Case) -> EngineRun:
        return self

    def move(self, reading: Reading) -> EngineMove:
        good = np.array([20.0, -4000.0])
        u = np.full(2, np.nan) if reading.cycle == 1 else good
        return EngineMove(u, reading.cycle < 2, 1, "infeasible" if reading.cycle == 2 else "")


def test_harness_holds_on_nan_and_counts_what_failed():
    case = published_case("reactor", 3)
    (row,) = bench_case(case, [_Failing()], 0, 1, silent)
    found = row.payload()
    assert found["failed_cycles"] == 2
    assert found["failures"] == ["1: inputs are not finite", "2: infeasible"]
    assert np.array_equal(row.records[0].loop.u, np.tile([20.0, -4000.0], (3, 1)))
    assert found["reference_cost"] < found["cost"]


def test_noise_is_the_same_for_every_engine_and_every_run_with_one_seed():
    case = replace(published_case("reactor-noise", 3))
    seen: list[np.ndarray] = []

    class Listening(_Failing):
        def move(self, reading: Reading) -> EngineMove:
            seen.append(reading.x)
            return EngineMove(np.array([20.0, -4000.0]), True, 1)

    for seed in (4, 4, 5):
        run_engine(case, Listening(), seed)
    assert np.array_equal(seen[:3], seen[3:6])
    assert not np.allclose(seen[:3], seen[6:])


def test_rows_have_the_agreed_keys_and_are_json():
    case = published_case("reactor", 3)
    rows = [row.payload() for row in bench_case(case, [FATROP, REFERENCE], 0, 2, silent)]
    keys = {"case", "engine", "median_ms", "p99_ms", "cost", "reference_cost", "hard_violation",
            "failed_cycles"}  # fmt: skip
    assert [row["engine"] for row in rows] == ["fatrop", "ipopt_tight"]
    for row in rows:
        assert keys <= set(row)
        assert 0.0 < row["median_ms"] <= row["p99_ms"]
        assert row["cost"] == pytest.approx(row["reference_cost"], rel=1e-6)
        assert row["repeats"] == 2 and row["cycles"] == 3
    json.dumps(rows, allow_nan=False)


def test_without_do_mpc_the_others_run_and_its_row_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "do_mpc", None)
    with pytest.raises(InputError, match=r"operator-agent\[robust\]"):
        do_mpc_module()
    rows = bench_case(published_case("reactor", 2), [DO_MPC, FATROP], 0, 1, silent)
    assert rows[0].payload()["cost"] is None
    assert "robust" in rows[0].payload()["reason"]
    assert rows[1].payload()["failed_cycles"] == 0


def test_unknown_names_and_lengths_are_refused_with_what_there_is():
    with pytest.raises(InputError, match="cases are reactor"):
        published_case("reactor-nowhere")
    with pytest.raises(InputError, match="engines are"):
        engine_named("magic")
    with pytest.raises(InputError, match="the first is cold"):
        published_case("reactor", 1)
    assert len({engine.name for engine in ENGINES}) == len(ENGINES)
