"""What other tools for model predictive control get wrong without a word, tried here.

Each was seen in do-mpc 5.1.2 or in the oracle of PC-Gym 0.1.8. Answers come from paper or from
linear algebra.
"""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.transcription import LimitShape
from operator_agent.mpc.generic.equations import equations_model
from operator_agent.mpc.generic.limits import Soft
from operator_agent.mpc.generic.optimal_control import OptimalControl, optimal_control
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.problem import Outcome, SolverStatus
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.robust.uncertainty import SlackPrice, Uncertain, Uncertainty
from operator_agent.mpc.solve import solve
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel


def leaky(span: float = 1.0, nominal: float = 0.0) -> SampledModel | ProcessModel:
    """Return x+ = 0.9 x + u - nominal + d, with u divided by a span of its own."""
    return equations_model(
        "leaky",
        lambda x, u, d: 0.9 * x + u - nominal + d,
        ["level"],
        [Variable("flow", nominal, span)],
        ["inflow"],
        sample_time_s=1.0,
    )


def accepted(outcome: Outcome) -> Outcome:
    assert outcome.accepted, outcome.reason
    return outcome


@pytest.mark.parametrize("start", [10.0, -10.0, 50.0])
def test_a_limit_out_of_reach_gives_a_move_exactly_inside_its_bounds(start: float):
    """do-mpc: IPOPT fails, make_step returns -1.00000001 for |u| <= 1 and says nothing."""
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=3, track={"level": 1.0},
        limits={"flow": (-1.0, 1.0), "level": (-1.0, 1.0)},
    )  # fmt: skip
    outcome = accepted(control.solve([start]))
    assert outcome.move[0] == -np.sign(start)
    side = "high" if start > 0.0 else "low"
    assert f"level hard {side}" in outcome.diagnostics.active_limits


def test_bounds_that_leave_no_move_give_none():
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=3, track={"level": 1.0},
        limits={"flow": (-1.0, 1.0)}, rates={"flow": 0.1},
    )  # fmt: skip
    outcome = control.solve([0.0], u_held=[2.0])
    assert outcome.status is SolverStatus.LIMITS_CONFLICT and "flow" in outcome.reason
    with pytest.raises(SolveFailedError, match="LIMITS_CONFLICT"):
        _ = outcome.move


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_limit_holds_at_the_last_stage_too_and_not_where_the_plant_was_measured(sign: float):
    """do-mpc: no nonlinear limit at the last point, but one at the measured first point."""
    edge = (None, 1.0) if sign > 0.0 else (-1.0, None)
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=4, track={"level": 1.0},
        references={"level": 3.0 * sign}, limits={"level": edge, "flow": (-5.0, 5.0)},
    )  # fmt: skip
    plan = accepted(control.solve([2.0 * sign])).diagnostics.y_predicted
    assert plan is not None
    assert plan[:, 0] == pytest.approx(np.full(4, sign), abs=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_soft_limit_works_on_both_sides(sign: float):
    """PC-Gym: the lower side of a limit never acts.

    One stage, x = u: minimise (u - 3)^2 + 2 max(u - 1, 0), so u = 2.
    """
    soft = Soft(high=1.0, price=2.0) if sign > 0.0 else Soft(low=-1.0, price=2.0)
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=1, track={"level": 1.0},
        references={"level": 3.0 * sign}, soft={"level": soft},
    )  # fmt: skip
    assert accepted(control.solve([0.0])).move[0] == pytest.approx(2.0 * sign, abs=1e-3)


@pytest.mark.parametrize("span", [1.0, 100.0])
def test_a_weight_on_moves_means_the_same_whatever_the_span(span: float):
    """do-mpc: rterm acts on scaled moves, the same weight with scaling 100 costs 10,000 times less.

    One stage, x = u: minimise (u - 1)^2 + 3 u^2, so u = 1/4.
    """
    control = optimal_control(
        leaky(span), sample_time_s=1.0, n_pred=1, track={"level": 1.0},
        references={"level": 1.0}, moves={"flow": 3.0},
    )  # fmt: skip
    assert accepted(control.solve([0.0])).move[0] == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("span", [1.0, 100.0])
def test_a_constant_input_costs_no_move(span: float):
    """do-mpc: a custom rterm mixes scaled and unscaled inputs; a constant one costs 12,251."""
    control = optimal_control(
        leaky(span, 50.0), sample_time_s=1.0, n_pred=5, track={"level": 1.0},
        references={"level": 0.0}, moves={"flow": 3.0},
    )  # fmt: skip
    outcome = accepted(control.solve([0.0], u_held=[50.0]))
    assert outcome.move[0] == pytest.approx(50.0, abs=1e-9)
    assert outcome.diagnostics.cost_after == pytest.approx(0.0, abs=1e-12)


def test_moves_count_from_stage_to_stage():
    """PC-Gym: u_prev is one constant over the horizon, and the weight enters twice."""
    n, weight = 4, 0.7
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=n, track={"level": 1.0},
        references={"level": 2.0}, moves={"flow": weight},
    )  # fmt: skip
    response = np.array([[0.9 ** (i - j) if i >= j else 0.0 for j in range(n)] for i in range(n)])
    steps = np.eye(n) - np.eye(n, k=-1)
    held = np.eye(n)[0]  # it was 1 before
    normal = response.T @ response + weight * steps.T @ steps
    right = response.T @ np.full(n, 2.0) + weight * steps.T @ held
    outcome = accepted(control.solve([0.0], u_held=[1.0]))
    assert outcome.diagnostics.u_planned is not None
    planned = outcome.diagnostics.u_planned[:, 0]
    assert planned == pytest.approx(np.linalg.solve(normal, right), abs=1e-5)


def robust(price: float, charged: SlackPrice) -> float:
    """Return u for min (u - 1)^2 + price of level > 1, with level = u + d, d = 0 or, 1 in 10, 1."""
    control: OptimalControl = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=1, track={"flow": 1.0}, references={"flow": 1.0},
        soft={"level": Soft(high=1.0, price=price)}, iterations=20,
    )  # fmt: skip
    problem, grid = control.problem, control.problem.transcription
    unsure = Uncertainty((Uncertain("inflow", (0.0, 1.0), (0.9, 0.1)),), slack_price=charged)
    tree = ScenarioTree.of(
        ScaledModel.of(control.model), grid.horizon, LimitShape.of(problem.variables),
        grid.formulation, unsure,
    )  # fmt: skip
    posed = replace(problem, scenarios=tree, cold_iterations=20, x=np.zeros(1))
    return float(accepted(solve(posed, None)).move[0])


def test_a_violation_counts_as_much_as_its_scenario_is_probable():
    """do-mpc: slack costs are the only ones that are not weighed.

    Weighed: 2 (u - 1) + 0.1 price = 0; in full: 2 (u - 1) + price = 0.
    """
    assert robust(1.0, SlackPrice.PROBABLE) == pytest.approx(0.95, abs=1e-3)
    assert robust(1.0, SlackPrice.FULL) == pytest.approx(0.5, abs=1e-3)
    assert robust(4.0, SlackPrice.FULL) == pytest.approx(0.0, abs=1e-6)  # just inside in both


def test_a_cost_without_its_prices_is_refused_and_never_free():
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=2, track={"level": 1.0},
        stage_cost=lambda x, u, d, p: p["worth"] * u["flow"], parameters=["worth"],
    )  # fmt: skip
    with pytest.raises(InputError, match="1 prices"):
        replace(control.problem, prices=None)
    with pytest.raises(InputError, match="no cycle gives"):
        ControllerOptions(formulation=control.problem.transcription.formulation)


@pytest.mark.parametrize("blocks", [(1, 2, 3), (4, 6), (20,)])
def test_moves_are_blocked_and_the_horizon_goes_on(blocks: tuple[int, ...]):
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=10, blocks=blocks, track={"level": 1.0},
        references={"level": 1.0}, moves={"flow": 0.1},
    )  # fmt: skip
    planned = accepted(control.solve([0.0])).diagnostics.u_planned
    assert planned is not None
    borders = np.flatnonzero(np.abs(np.diff(planned[:, 0])) > 1e-9) + 1
    assert set(borders) == {b for b in np.cumsum(blocks)[:-1] if b < 10}


def test_every_solve_leaves_its_times():
    """do-mpc: with the output of IPOPT suppressed the record of times stays empty."""
    control = optimal_control(leaky(), sample_time_s=1.0, n_pred=3, track={"level": 1.0})
    first = accepted(control.solve([1.0]))
    second = accepted(control.solve([0.5], first.move, first.warm))
    for outcome in (first, second):
        times = outcome.diagnostics.timings_ms
        assert {"linearise", "qp", "check"} <= set(times)
        assert all(np.isfinite(t) and t >= 0.0 for t in times.values())


def test_limits_and_references_change_from_solve_to_solve_and_along_the_horizon():
    """do-mpc: no limits that vary; a cost with a varying reference needs a template of its own."""
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=4, track={"level": 1.0},
        limits={"level": (None, 10.0), "flow": (-20.0, 20.0)},
    )  # fmt: skip
    wanted = np.array([1.0, 3.0, -2.0, 5.0])
    plan = accepted(control.solve([0.0], references={"level": wanted})).diagnostics.y_predicted
    assert plan is not None and plan[:, 0] == pytest.approx(wanted, abs=1e-5)
    cut = control.solve([0.0], references={"level": wanted}, limits={"level": (None, 2.0)})
    plan = accepted(cut).diagnostics.y_predicted
    assert plan is not None and plan[:, 0] == pytest.approx(np.minimum(wanted, 2.0), abs=1e-4)


def test_a_cost_of_ones_own_follows_a_preview():
    """The disturbance carries the reference: (level - inflow)^2, inflow also drives the level."""
    control = optimal_control(
        leaky(), sample_time_s=1.0, n_pred=4, tolerance=1e-8,
        stage_cost=lambda x, u, d, p: p["worth"] * (x["level"] - 3.0 * d["inflow"]) ** 2,
        parameters=["worth"],
    )  # fmt: skip
    ahead = np.array([[1.0], [0.5], [-1.0], [2.0]])
    plan = accepted(control.solve([0.0], d=ahead, parameters={"worth": 2.0})).diagnostics
    assert plan.y_predicted is not None
    assert plan.y_predicted[:, 0] == pytest.approx(3.0 * ahead[:, 0], abs=1e-5)
