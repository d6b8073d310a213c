"""The target layer on linear plants: what it gives, gives up, holds and answers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from operator_agent.errors import InputError
from operator_agent.mpc.target.gain_rest import GainRest
from operator_agent.mpc.target.inputs import Present, TargetInputs
from operator_agent.mpc.target.limits import LimitMove, Side
from operator_agent.mpc.target.steady_optimum import settled
from operator_agent.mpc.target.table import Kind, target_table
from operator_agent.mpc.target.target import (
    NotRenewed,
    SteadyTarget,
    TargetOptimizer,
    TargetState,
)
from operator_agent.mpc.target.target_tuning import CvRank, TargetTuning
from operator_agent.mpc.target.what_if import what_if, worth_of_limits
from operator_agent.mpc.target.wishes import Wishes
from operator_agent.mpc.variables import ControlVariables

LEAP = TargetTuning(pull={}, proximal=1e-6, step=np.inf, leave_cycles=1)


def plant(gain: np.ndarray, integrating: tuple[str, ...] = ()) -> GainRest:
    n_y, n_u = gain.shape
    return GainRest(
        name="linear",
        u_names=tuple(f"u{i}" for i in range(n_u)),
        d_names=("d",),
        y_names=tuple(f"y{i}" for i in range(n_y)),
        gain=gain,
        gain_d=np.zeros((n_y, 1)),
        u_nominal=np.zeros(n_u),
        d_nominal=np.zeros(1),
        y_nominal=np.zeros(n_y),
        u_scale=np.full(n_u, 2.0),
        y_scale=np.full(n_y, 5.0),
        integrating=integrating,
    )


def limits(model: GainRest, y_high: object, y_low: object = -np.inf) -> ControlVariables:
    n_u, n_y = len(model.u_names), len(model.y_names)
    return ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=-np.ones(n_u),
        mv_high=np.ones(n_u),
        mv_rate=np.ones(n_u),
        cv_hard_low=np.full(n_y, -np.inf),
        cv_hard_high=np.full(n_y, np.inf),
        cv_soft_low=np.broadcast_to(np.asarray(y_low, np.float64), n_y).copy(),
        cv_soft_high=np.broadcast_to(np.asarray(y_high, np.float64), n_y).copy(),
        cv_noise=np.zeros(n_y),
        mv_critical=np.ones(n_u, np.bool_),
        cv_critical=np.zeros(n_y, np.bool_),
    )


def inputs(variables: ControlVariables, wishes: Wishes | None = None) -> TargetInputs:
    return TargetInputs(variables, np.zeros(1), np.zeros(len(variables.cv_names)),
                        wishes or Wishes())  # fmt: skip


def renewed(
    model: GainRest, told: TargetInputs, tuning: TargetTuning = LEAP
) -> tuple[SteadyTarget, TargetState]:
    optimizer = TargetOptimizer(model, tuning, None)
    target, state = optimizer.renew(start(optimizer), told)
    assert isinstance(target, SteadyTarget), target
    return target, state


def start(optimizer: TargetOptimizer) -> TargetState:
    return optimizer.start(np.empty(0), np.zeros(len(optimizer.model.u_names)))


# --- economics ---------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(12))
def test_linear_economics_give_the_corner_and_the_duals_of_a_linear_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_u, n_y = 4, 6
    model = plant(rng.normal(size=(n_y, n_u)))
    high = rng.random(n_y) + 0.2
    u_price, y_price = rng.normal(size=n_u), 0.3 * rng.normal(size=n_y)
    prices = {f"u{i}": p for i, p in enumerate(u_price)} | {
        f"y{i}": p for i, p in enumerate(y_price)
    }
    target, _ = renewed(model, inputs(limits(model, high), Wishes(variable_prices=prices)))
    cost = -(u_price + model.gain.T @ y_price)
    found = linprog(cost, A_ub=model.gain, b_ub=high, bounds=[(-1.0, 1.0)] * n_u, method="highs")
    assert target.u == pytest.approx(found.x, abs=1e-3)
    assert target.profit == pytest.approx(-found.fun, rel=1e-4)
    worth = {f"y{i} high": -m for i, m in enumerate(found.ineqlin.marginals)}
    worth |= {f"u{i} high": -m for i, m in enumerate(found.upper.marginals)}
    worth |= {f"u{i} low": m for i, m in enumerate(found.lower.marginals)}
    told = dict(zip(target.active, target.prices, strict=True))
    for name, value in worth.items():
        assert told.get(name, 0.0) == pytest.approx(value, abs=1e-3)
    assert target.freedom == 0


def test_goals_pull_by_their_weight_and_resting_values_settle_what_nothing_sees() -> None:
    model = plant(np.array([[1.0, 1.0]]))  # the difference of the MVs is a null direction
    wishes = Wishes(goals={"y0": 0.6, "u0": 0.0})
    tuning = replace(LEAP, pull={"y0": 10.0, "u0": 0.01})
    target = settled_target(model, tuning, inputs(limits(model, np.inf), wishes))
    assert target.u == pytest.approx([0.0, 0.6], abs=2e-3)
    given = replace(tuning, resting={"u0": 0.4, "y0": -9.0})  # planning's goal of y0 stands
    target = settled_target(model, given, inputs(limits(model, np.inf), Wishes(goals={"y0": 0.6})))
    assert target.u == pytest.approx([0.4, 0.2], abs=2e-3)


def settled_target(model: GainRest, tuning: TargetTuning, told: TargetInputs) -> SteadyTarget:
    optimizer = TargetOptimizer(model, tuning, None)
    found = settled(optimizer, start(optimizer), told)
    assert found.converged
    return found.target


def test_the_ramp_holds_the_target_back_and_is_no_active_limit() -> None:
    model = plant(np.eye(2))
    wishes = Wishes(variable_prices={"u0": 1.0})
    target, _ = renewed(model, inputs(limits(model, np.inf), wishes), replace(LEAP, step=0.1))
    assert target.u == pytest.approx([0.2, 0.0], abs=1e-6)  # a tenth of a span of two
    assert target.active == ()


# --- ranks -------------------------------------------------------------------------------------
def test_what_is_given_up_is_told_with_its_reason() -> None:
    model = plant(np.array([[1.0], [1.0]]))
    variables = limits(model, [0.2, np.inf], [-np.inf, 0.5])
    ranks = {"y0": CvRank(soft=2), "y1": CvRank(soft=3)}
    target, _ = renewed(model, inputs(variables), replace(LEAP, ranks=ranks))
    assert target.y == pytest.approx([0.2, 0.2], abs=1e-4)
    (given,) = target.given_up
    assert (given.limit, given.rank, given.because) == ("y1 low", 3, ("y0 high",))
    assert given.by == pytest.approx(0.3, abs=1e-4)
    assert target.violation == pytest.approx(0.06, abs=1e-5)  # spans of 5
    turned, _ = renewed(
        model, inputs(variables), replace(LEAP, ranks={"y0": CvRank(soft=3), "y1": CvRank(soft=2)})
    )
    assert turned.y == pytest.approx([0.5, 0.5], abs=1e-4)
    assert turned.given_up[0].because == ("y1 low",)


def test_within_a_rank_the_smaller_concern_is_broken_less() -> None:
    model = plant(np.array([[1.0], [1.0]]))
    variables = limits(model, [0.2, np.inf], [-np.inf, 0.5])
    ranks = {"y0": CvRank(concern_high=0.5), "y1": CvRank(concern_low=1.0)}
    target, _ = renewed(model, inputs(variables), replace(LEAP, ranks=ranks))
    broken = {given.limit: given.by for given in target.given_up}
    assert broken["y1 low"] / broken["y0 high"] == pytest.approx(4.0, rel=1e-2)  # 1 / 0.5^2


def test_a_ranked_goal_outranks_money() -> None:
    model = plant(np.eye(2))
    wishes = Wishes(goals={"y0": 0.3}, variable_prices={"u0": 5.0, "u1": 5.0})
    tuning = replace(LEAP, ranks={"y0": CvRank(goal=7)})
    target, _ = renewed(model, inputs(limits(model, np.inf), wishes), tuning)
    assert target.u == pytest.approx([0.3, 1.0], abs=1e-4)


def test_a_limit_out_of_reach_for_now_names_the_ramp() -> None:
    model = plant(np.array([[1.0]]))
    target, _ = renewed(model, inputs(limits(model, np.inf, 0.8)), replace(LEAP, step=0.05))
    (given,) = target.given_up
    assert given.because == ("u0 ramp",)
    assert target.u == pytest.approx([0.1], abs=1e-5)


# --- states of MVs and CVs ---------------------------------------------------------------------
def test_a_held_mv_stays_where_it_is_read_even_outside_its_limits() -> None:
    model = plant(np.array([[1.0, 1.0]]))
    told = replace(
        inputs(limits(model, 1.5), Wishes(variable_prices={"u0": 1.0, "u1": 1.0})),
        mv_free=np.array([False, True]),
        present=Present(np.empty(0), np.array([1.2, 0.0]), np.zeros(1)),
    )
    target, state = renewed(model, told)
    assert target.u == pytest.approx([1.2, 0.3], abs=1e-4)
    assert state.u[0] == pytest.approx(0.6)
    assert target.freedom == 0
    held = replace(told, variables=limits(model, 0.1))
    lost, _ = renewed(model, held)
    assert "u0 held" in lost.given_up[0].because and "u1 low" in lost.given_up[0].because


def test_a_held_mv_without_read_back_gives_no_target() -> None:
    model = plant(np.eye(2))
    told = replace(
        inputs(limits(model, 1.0)),
        mv_free=np.array([False, True]),
        present=Present(np.empty(0), np.array([np.nan, 0.0]), np.zeros(2)),
    )
    optimizer = TargetOptimizer(model, LEAP, None)
    first = start(optimizer)
    target, state = optimizer.renew(first, told)
    assert isinstance(target, NotRenewed) and "u0 is held" in target.reason
    assert state is first


def test_a_cv_that_is_off_has_no_limit_and_may_have_no_bias() -> None:
    model = plant(np.eye(2))
    wishes = Wishes(variable_prices={"u0": 1.0, "u1": 1.0})
    told = replace(
        inputs(limits(model, 0.5), wishes),
        cv_on=np.array([False, True]),
        bias=np.array([np.nan, 0.1]),
    )
    target, _ = renewed(model, told)
    assert target.u == pytest.approx([1.0, 0.4], abs=1e-4)
    on = TargetOptimizer(model, LEAP, None)
    refused, _ = on.renew(start(on), replace(told, cv_on=None))
    assert isinstance(refused, NotRenewed) and "y0" in refused.reason


@pytest.mark.parametrize("broken", ["d", "gain"])
def test_numbers_that_are_not_finite_give_no_target_and_a_reason(broken: str) -> None:
    model = plant(np.eye(2))
    told = inputs(limits(model, 1.0))
    if broken == "d":
        told = replace(told, d=np.array([np.nan]))
    else:
        object.__setattr__(model, "gain", np.array([[np.nan, 0.0], [0.0, 1.0]]))
    optimizer = TargetOptimizer(model, LEAP, None)
    first = start(optimizer)
    target, state = optimizer.renew(first, told)
    assert isinstance(target, NotRenewed) and "not finite" in target.reason
    assert state is first


def test_infinite_gains_are_refused_when_the_plant_is_made() -> None:
    with pytest.raises(InputError, match="gain needs finite numbers"):
        plant(np.array([[np.inf, 1.0]]))


# --- integrating variables ---------------------------------------------------------------------
def test_the_rate_of_a_level_is_balanced_before_anything_else() -> None:
    model = plant(np.array([[0.01, -0.01], [1.0, 1.0]]), integrating=("y0",))
    wishes = Wishes(goals={"y0": 40.0}, variable_prices={"u0": 1.0})
    variables = limits(model, [50.0, 1.0], [30.0, -np.inf])
    told = replace(
        inputs(variables, wishes), present=Present(np.empty(0), np.zeros(2), np.array([35.0, 0.0]))
    )
    target, _ = renewed(model, told)
    assert target.u == pytest.approx([0.5, 0.5], abs=1e-4)  # in equals out, y1 at its limit
    assert target.y == pytest.approx([40.0, 1.0], abs=1e-3)
    assert "y1 high" in target.active
    leak = replace(told, rate_bias=np.array([-0.004]))  # something flows out unmeasured
    made_up, _ = renewed(model, leak)
    assert made_up.u == pytest.approx([0.7, 0.3], abs=1e-4)
    shut = replace(
        told, mv_free=np.array([True, False]),
        present=Present(np.empty(0), np.array([0.0, -1.5]), np.zeros(2)),
    )  # fmt: skip
    lost, _ = renewed(model, shut)
    assert lost.given_up[0].limit == "balance of y0" and lost.given_up[0].rank == 0
    assert lost.given_up[0].by == pytest.approx(0.005, rel=1e-3)  # SI per second


# --- hysteresis --------------------------------------------------------------------------------
def noisy_corners(tuning: TargetTuning, cycles: int) -> tuple[list[float], list[tuple[str, ...]]]:
    """Return u0 and the active sets while prices flicker about a tie of two corners."""
    model = plant(np.array([[1.0, 1.0]]))
    variables = limits(model, 1.0)
    variables = variables.with_mv_limits({"u0": 0.0, "u1": 0.0}, {})
    optimizer = TargetOptimizer(model, tuning, None)
    state, rng = start(optimizer), np.random.default_rng(4)
    first: list[float] = []
    sets: list[tuple[str, ...]] = []
    for cycle in range(cycles):
        lean = 0.05 if cycle == 0 else 0.05 * rng.normal()
        wishes = Wishes(variable_prices={"u0": 1.0 + lean, "u1": 1.0})
        target, state = optimizer.renew(state, inputs(variables, wishes))
        assert isinstance(target, SteadyTarget)
        first.append(float(target.u[0]))
        sets.append(target.active)
    return first, sets


def test_noise_around_a_tie_of_corners_does_not_move_the_target() -> None:
    calm, sets = noisy_corners(replace(LEAP, leave_cycles=12), 60)
    assert np.ptp(calm) < 1e-4
    assert len({frozenset(active) for active in sets}) == 1
    nervous, _ = noisy_corners(LEAP, 60)
    assert np.sum(np.abs(np.diff(nervous)) > 0.5) > 10  # without it the corner flips


def test_a_change_that_pays_enough_or_lasts_is_made() -> None:
    model = plant(np.array([[1.0, 1.0]]))
    variables = limits(model, 1.0).with_mv_limits({"u0": 0.0, "u1": 0.0}, {})
    left = inputs(variables, Wishes(variable_prices={"u0": 1.1, "u1": 1.0}))
    right = inputs(variables, Wishes(variable_prices={"u0": 1.0, "u1": 1.1}))
    patient = replace(LEAP, leave_cycles=4)
    optimizer = TargetOptimizer(model, patient, None)
    _, state = optimizer.renew(start(optimizer), left)
    seen = []
    for _ in range(5):
        target, state = optimizer.renew(state, right)
        assert isinstance(target, SteadyTarget)
        seen.append(round(float(target.u[0]), 3))
        if seen[-1] > 0.5:
            assert target.kept_by_hysteresis in (("u0 high",), ("u1 low",))
    assert seen == [1.0, 1.0, 1.0, 0.0, 0.0]
    for worth, moved in ((0.05, True), (0.2, False)):  # the change pays 0.1
        eager = TargetOptimizer(model, replace(patient, leave_worth=worth), None)
        _, state = eager.renew(start(eager), left)
        target, _ = eager.renew(state, right)
        assert isinstance(target, SteadyTarget)
        assert bool(target.u[0] < 0.5) is moved


def test_a_held_limit_never_keeps_a_more_important_one_broken() -> None:
    model = plant(np.array([[1.0]]))
    wishes = Wishes(variable_prices={"u0": 1.0})
    patient = TargetOptimizer(model, replace(LEAP, leave_cycles=50), None)
    target, state = patient.renew(start(patient), inputs(limits(model, np.inf), wishes))
    assert isinstance(target, SteadyTarget) and target.active == ("u0 high",)
    target, _ = patient.renew(state, inputs(limits(model, 0.3), wishes))
    assert isinstance(target, SteadyTarget)
    assert target.u == pytest.approx([0.3], abs=1e-4)


# --- questions ---------------------------------------------------------------------------------
def question() -> tuple[TargetOptimizer, TargetInputs]:
    model = plant(np.array([[1.0, 0.5], [0.2, 1.0]]))
    told = replace(
        inputs(limits(model, [0.8, 0.5]), Wishes(variable_prices={"u0": 2.0, "u1": 1.0})),
        present=Present(np.empty(0), np.zeros(2), np.zeros(2)),
    )
    return TargetOptimizer(model, LEAP, None), told


def test_a_moved_limit_is_answered_by_solving_again() -> None:
    optimizer, told = question()
    answer = what_if(optimizer, start(optimizer), told, LimitMove("y0", Side.HIGH, 0.1))
    assert answer.converged
    assert answer.profit_change == pytest.approx(answer.expected_change, rel=1e-2)
    assert answer.profit_change > 0.0
    assert answer.cv_change[0] == pytest.approx(0.1, abs=1e-3)
    far = what_if(optimizer, start(optimizer), told, LimitMove("y0", Side.HIGH, 5.0))
    assert "y0 high" in far.released and "u0 high" in far.reached
    assert far.profit_change < far.expected_change  # another limit is met on the way
    for worth in worth_of_limits(optimizer, start(optimizer), told, 0.01):
        assert worth.profit_change == pytest.approx(worth.expected_change, rel=2e-2)


@pytest.mark.parametrize(
    ("move", "text"),
    [
        (LimitMove("y9", Side.HIGH, 1.0), "neither an MV nor a CV"),
        (LimitMove("y0", Side.LOW, 1.0), "no low limit"),
        (LimitMove("u0", Side.LOW, 3.0), "would cross"),
        (LimitMove("u0", Side.LOW, np.nan), "cannot move"),
    ],
)
def test_a_limit_that_cannot_move_so_is_refused(move: LimitMove, text: str) -> None:
    optimizer, told = question()
    with pytest.raises(InputError, match=text):
        what_if(optimizer, start(optimizer), told, move)


def test_the_table_has_what_the_target_has() -> None:
    optimizer, told = question()
    target, _ = optimizer.renew(start(optimizer), told)
    assert isinstance(target, SteadyTarget)
    table = target_table(target, told, None)
    assert [row.name for row in table.rows] == ["u0", "u1", "y0", "y1"]
    assert [row.kind for row in table.rows] == [Kind.MV, Kind.MV, Kind.CV, Kind.CV]
    assert table.profit == pytest.approx(2.0 * target.u[0] + target.u[1])
    assert table.profit_now == 0.0
    told_prices = {
        f"{row.name} {side}": limit.price
        for row in table.rows
        for side, limit in (("low", row.low), ("high", row.high))
        if limit.active
    }
    assert told_prices == dict(zip(target.active, target.prices, strict=True))


# --- names -------------------------------------------------------------------------------------
def test_names_that_the_model_does_not_know_are_refused() -> None:
    model = plant(np.eye(2))
    with pytest.raises(InputError, match="neither a CV nor an MV"):
        TargetOptimizer(model, replace(LEAP, pull={"level": 1.0}), None)
    with pytest.raises(InputError, match="resting value of flow"):
        TargetOptimizer(model, replace(LEAP, resting={"flow": 1.0}), None)
    with pytest.raises(InputError, match="not a CV"):
        TargetOptimizer(model, replace(LEAP, ranks={"u0": CvRank()}), None)
    with pytest.raises(InputError, match="concern"):
        CvRank(concern_low=0.0)
