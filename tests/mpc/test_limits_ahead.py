"""Limits that change along the horizon, and blocks of moves of each MV's own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.dense_qp import DenseQp
from operator_agent.mpc.engine.limit_rows import LimitsAhead
from operator_agent.mpc.engine.tied_qp import TiedQp, Ties
from operator_agent.mpc.export.c_code import export_c
from operator_agent.mpc.generic.equations import equations_model
from operator_agent.mpc.generic.limits import Soft
from operator_agent.mpc.generic.optimal_control import OptimalControl, optimal_control
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.problem import Outcome
from operator_agent.plant.generic.variable import Variable

N = 20
CART = equations_model("cart", lambda x, u, d: [x[1], u[0]], ["place", "speed"], ["force"])
TANK = equations_model("tank", lambda x, u, d: [u[0] + 0.5 * u[1] - x[0] - 0.2 * x[0] ** 2],
                       ["level"], ["in", "by"])  # fmt: skip


def cart(**more: Any) -> OptimalControl:
    chosen: dict[str, Any] = {"track": {"place": 1.0, "force": 0.01}, **more}
    return optimal_control(CART, sample_time_s=0.2, n_pred=N, tolerance=1e-8, **chosen)


def tank(**more: Any) -> OptimalControl:
    chosen: dict[str, Any] = {"track": {"level": 1.0, "in": 1e-3}, "moves": {"in": 0.1, "by": 0.1}}
    return optimal_control(TANK, sample_time_s=0.2, n_pred=N, tolerance=1e-8,
                           cold_iterations=100, **{**chosen, **more})  # fmt: skip


def plan_of(outcome: Outcome) -> tuple[FloatArray, FloatArray]:
    assert outcome.accepted, outcome.reason
    u, y = outcome.diagnostics.u_planned, outcome.diagnostics.y_predicted
    assert u is not None and y is not None
    return u, y


def optimum_by_ipopt(control: OptimalControl, x: list[float], **now: Any) -> float:
    """Return the cost of the same problem by a solver that shares nothing with ours."""
    grid = control.problem.transcription
    problem = replace(control.problem, x=np.array(x), **now)
    states = np.tile(problem.x / control.model.x_scale, (N + 1, 1))
    blocks = np.tile(problem.u_held / control.model.u_scale, (grid.horizon.n_blocks, 1))
    found = Reference(grid, grid.scaled.values, 1e-10).solve(problem, (blocks, states))
    assert found.success
    return found.cost


def test_a_corridor_that_closes_is_kept_at_every_stage():
    high = np.where(np.arange(N) < 8, 2.0, 0.3)
    control = cart(limits={"force": (-4.0, 4.0), "place": (None, high)},
                   references={"place": 1.0})  # fmt: skip
    outcome = control.solve([0.0, 0.0])
    u, y = plan_of(outcome)
    place = y[:, control.model.y_names.index("place")]
    assert np.all(place <= high + 1e-6)
    assert place[7] > 0.35  # as far out as the way back allows
    assert np.all(np.abs(u) <= 4.0)
    best = optimum_by_ipopt(control, [0.0, 0.0])  # which lets limits give way by 1e-8
    assert outcome.diagnostics.cost_after == pytest.approx(best, rel=1e-4)


def test_limits_of_an_mv_ahead_bind_the_moves_of_their_stages():
    force = np.where((np.arange(N) >= 2) & (np.arange(N) < 6), 0.1, 2.0)
    control = cart(limits={"force": (-2.0, 2.0)})
    outcome = control.solve([1.0, 0.0], limits={"force": (-force, force)})
    u, _ = plan_of(outcome)
    assert np.all(np.abs(u[:, 0]) <= force + 1e-9)
    assert np.all(np.abs(u[2:6, 0]) > 0.1 - 1e-6)  # it would go further
    again = control.solve([1.0, 0.0])
    assert again.diagnostics.cost_after < outcome.diagnostics.cost_after


def test_moves_begin_in_time_where_limits_close_faster_than_an_mv_may_move():
    low = np.where(np.arange(N) < 10, -2.0, 1.0)
    control = cart(limits={"force": (low, 2.0)}, rates={"force": 0.5})
    u, _ = plan_of(control.solve([1.0, 0.0], [0.0]))
    assert np.all(u[:, 0] >= low - 1e-9)
    assert np.all(np.abs(np.diff(u[:, 0], prepend=0.0)) <= 0.5 * 0.2 + 1e-9)
    assert u[9, 0] >= 0.9 - 1e-9 and u[0, 0] <= 1e-9  # no earlier than needed


def test_limits_ahead_that_no_move_can_keep_are_refused_by_name_and_time():
    low = np.where(np.arange(N) < 3, -2.0, 1.0)
    control = cart(limits={"force": (low, 2.0)}, rates={"force": 0.5})
    outcome = control.solve([1.0, 0.0], [0.0])
    assert not outcome.accepted and outcome.status.name == "LIMITS_CONFLICT"
    assert "force stands at 0 and cannot keep its limits ahead: 0 s from now" in outcome.reason
    assert control.solve([1.0, 0.0], [0.9]).accepted


def test_a_soft_limit_may_stand_elsewhere_at_night():
    night = np.where(np.arange(N) < 10, 0.5, np.inf)
    control = cart(track={"place": 1.0}, references={"place": 1.0}, limits={"force": (-9.0, 9.0)},
                   soft={"place": Soft(high=0.5, price=100.0)})  # fmt: skip
    _, day = plan_of(control.solve([0.0, 0.0]))
    _, mixed = plan_of(control.solve([0.0, 0.0], soft={"place": (None, night)}))
    assert np.max(day[:, 0]) <= 0.5 + 1e-6
    assert np.max(mixed[:10, 0]) <= 0.5 + 1e-6 and mixed[12, 0] > 0.8


def test_a_closed_loop_under_a_moving_preview_follows_its_first_plan():
    ahead = np.where(np.arange(3 * N) < 15, 3.0, 0.2)
    control = cart(limits={"force": (-3.0, 3.0), "speed": (-9.0, 9.0)})
    step = np.array([[1.0, 0.2], [0.0, 1.0]]), np.array([0.02, 0.2])
    x, u, warm = np.array([3.0, 0.0]), np.zeros(1), None
    for k in range(2 * N):
        now = ahead[k : k + N]
        outcome = control.solve(x, u, warm, limits={"speed": (-now, now)})
        assert outcome.accepted
        u, warm = outcome.move, outcome.warm
        x = step[0] @ x + step[1] * u[0]
        assert abs(x[1]) <= now[0] + 1e-6
    assert abs(x[0]) < 1.0


def test_each_mv_keeps_its_own_blocks():
    blocks = {"in": (4, 16), "by": (1, 1, 1, 5)}
    control = tank(blocks=blocks, references={"level": 1.5}, limits={"in": (0.0, 3.0)},
                   rates={"by": 2.0})  # fmt: skip
    outcome = control.solve([0.2])
    u, _ = plan_of(outcome)
    assert len(np.unique(u[:, 0])) == 2 and len(np.unique(u[:4, 0])) == 1
    assert len(np.unique(u[:, 1])) == 4 and len(np.unique(u[3:, 1])) == 1
    best = optimum_by_ipopt(control, [0.2])
    assert outcome.diagnostics.cost_after == pytest.approx(best, rel=1e-6)
    free = tank(references={"level": 1.5}, limits={"in": (0.0, 3.0)}, rates={"by": 2.0})
    assert free.solve([0.2]).diagnostics.cost_after < best


def test_blocks_by_mv_that_are_equal_are_those_of_all():
    one = tank(blocks=(2, 3, 15)).solve([0.2])
    other = tank(blocks={"in": (2, 3, 15), "by": (2, 3, 15)}).solve([0.2])
    assert np.array_equal(one.move, other.move)


def test_blocks_by_mv_hold_in_a_closed_loop_with_warm_starts():
    control = tank(blocks={"in": (5, 5, 10)}, limits={"in": (0.0, 3.0), "by": (0.0, 1.0)})
    x, u, warm = np.array([0.2]), np.zeros(2), None
    for _ in range(10):
        outcome = control.solve(x, u, warm, references={"level": 1.5})
        planned, y = plan_of(outcome)
        assert np.ptp(planned[:5, 0]) == 0.0 and np.ptp(planned[5:10, 0]) == 0.0
        x, u, warm = y[0, :1], outcome.move, outcome.warm
    assert x[0] == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"limits": {"place": (None, [1.0, 2.0])}}, "have 2 numbers; give one, or a preview of 20"),
        ({"limits": {"place": (None, [np.nan] * N)}}, "give numbers"),
        ({"limits": {"force": ([2.0] * N, 1.0)}}, "low must not pass high"),
        ({"terminal_limits": {"speed": ([0.0] * N, 1.0)}}, "have 20 numbers; give one"),
        ({"blocks": {"power": (1, 2)}}, "blocks of power: MVs are force"),
        ({"blocks": {"force": (1, 0)}}, "blocks of force are"),
        ({"blocks": []}, "each has one stage at least"),
    ],
)
def test_what_cannot_be_meant_is_refused(more: dict[str, Any], says: str):
    with pytest.raises(InputError, match=says):
        cart(**more)


def test_a_preview_for_what_was_never_limited_is_refused():
    control = cart(limits={"place": (None, 1.0)})
    with pytest.raises(InputError, match="open at the beginning"):
        control.solve([0.0, 0.0], limits={"place": (np.full(N, -1.0), 1.0)})
    assert control.solve([0.0, 0.0], limits={"place": (None, None)}).accepted


def test_limits_ahead_of_another_horizon_are_refused():
    control = cart(limits={"place": (None, np.linspace(1.0, 2.0, N))})
    ahead = control.problem.ahead
    assert ahead is not None
    short = LimitsAhead(*(getattr(ahead, name)[:-1] for name in LimitsAhead.__slots__))
    with pytest.raises(InputError, match="of 19 stages and the horizon has 20"):
        replace(control.problem, ahead=short)


def test_tied_blocks_are_solved_as_the_rows_that_tie_them_say():
    """The smaller QP gives the point and the prices of the whole one."""
    rng, n_u = np.random.default_rng(5), 2
    still = rng.random((5, n_u)) < 0.5
    n, m = 6 * n_u + 3, 4 + int(still.sum())
    later = np.flatnonzero(still) + n_u
    tied = TiedQp(Ties(still), n, m, 4 + np.arange(later.size))
    whole = DenseQp(n, m)
    root = rng.normal(size=(6 * n_u, 6 * n_u))
    for qp in (tied, whole):
        qp.hessian[:] = np.diag(np.ones(n))
        qp.hessian[: 6 * n_u, : 6 * n_u] += root @ root.T
        qp.gradient[:] = 30.0 * np.sin(np.arange(n))
        qp.rows[:] = 0.0
        qp.rows[:4, :] = np.cos(np.arange(4 * n)).reshape(4, n)
        qp.row_high[:4] = 0.1
        for row, place in enumerate(later, start=4):
            qp.rows[row, [place - n_u, place]] = -1.0, 1.0
        qp.row_low[4:] = qp.row_high[4:] = 0.0
        qp.low[:], qp.high[:] = -0.3, np.linspace(0.2, 0.4, n)
    start = None
    for high in (0.1, 0.05):
        tied.row_high[:4] = whole.row_high[:4] = high
        theirs = whole.solve()
        ours = tied.solve(start) if start is None else tied.solve_again(start)
        assert ours.success and theirs.success
        assert ours.x == pytest.approx(theirs.x, abs=1e-8)
        assert tied.kkt_residual(ours) < 1e-8
        assert ours.row_prices[:4] == pytest.approx(theirs.row_prices[:4], abs=1e-6)
        start = ours.working_set


def test_a_free_end_time_is_one_level_for_all_blocks():
    """From rest to rest 300 m away with -2 <= u <= 1 takes 30 s: 20 s up, 10 s down."""
    law = equations_model("dash", lambda x, u, d: [x[1] * u[1], u[0] * u[1]], ["x", "v"],
                          ["u", Variable("time", 25.0, 10.0)])  # fmt: skip
    control = optimal_control(
        law, sample_time_s=1.0 / 30, n_pred=30, blocks={"time": (30,)},
        stage_cost=lambda x, u, d, p: u["time"] / 30,
        limits={"u": (-2.0, 1.0), "time": (1.0, 50.0)},
        terminal_limits={"x": (300.0, 300.0), "v": (0.0, 0.0)},
    )  # fmt: skip
    outcome = control.solve([0.0, 0.0])
    u, _ = plan_of(outcome)
    assert np.ptp(u[:, 1]) == 0.0
    assert u[0, 1] == pytest.approx(30.0, rel=1e-4)


def test_a_hard_limit_that_no_move_can_keep_is_named_with_its_stage():
    gate = np.where(np.arange(N) < 4, 9.0, 0.0)
    outcome = cart(limits={"force": (-1.0, 1.0), "place": (None, gate)}).solve([2.0, 0.0])
    assert outcome.accepted
    assert outcome.diagnostics.unmet_limits == ("place high from stage 5",)
    end = cart(limits={"force": (-1.0, 1.0)}, terminal_limits={"place": (None, -99.0)})
    assert end.solve([2.0, 0.0]).diagnostics.unmet_limits == ("place terminal high from stage 20",)
    assert cart(limits={"place": (None, 3.0)}).solve([2.0, 0.0]).diagnostics.unmet_limits == ()


def test_a_plant_that_runs_out_of_numbers_is_told_what_helps():
    law = equations_model("burst", lambda x, u, d: [x[0] ** 3 + u[0]], ["x"], ["u"])
    control = optimal_control(
        law, sample_time_s=0.5, n_pred=20, track={"x": 1.0}, limits={"u": (-1.0, 1.0)}
    )
    outcome = control.solve([3.0])
    assert not outcome.accepted and "steadies it" in outcome.reason


def test_a_cold_start_whose_plan_ends_outside_looks_from_midway_between_the_limits():
    """Four integrators in least time: held set points lead to a valley with no way out."""
    law = equations_model(
        "four", lambda x, u, d: [u[1] * r for r in (x[1], x[2], x[3], u[0])],
        ["a", "b", "c", "e"], ["u", Variable("time", 4.0, 1.0)],
    )  # fmt: skip
    control = optimal_control(
        law, sample_time_s=1.0 / 30, n_pred=30, blocks={"time": (30,)},
        stage_cost=lambda x, u, d, p: u["time"] / 30,
        limits={"u": (-1.0, 1.0), "time": (1.0, 20.0)},
        terminal_limits=dict.fromkeys(("a", "b", "c", "e"), (0.0, 0.0)),
    )  # fmt: skip
    outcome = control.solve([0.1, 0.2, 0.3, 0.0])
    assert outcome.accepted and outcome.diagnostics.unmet_limits == ()
    assert outcome.diagnostics.cost_after < 5.0


def test_a_guess_chooses_the_valley_of_a_cold_start():
    """A point goes around a disc in its way: above it or below it, as the guess does."""
    flat = equations_model(
        "point", lambda x, u, d: [1.0, u[0]], ["x", "y"], ["up"],
        outputs={"away": lambda x, u, d: (x[0] - 1.0) ** 2 + x[1] ** 2},
    )  # fmt: skip
    control = optimal_control(
        flat, sample_time_s=0.1, n_pred=20, track={"y": 1.0, "up": 0.1},
        limits={"up": (-3.0, 3.0), "away": (0.25, None)},
    )  # fmt: skip
    for sign in (1.0, -1.0):
        rise = sign * np.where(np.arange(20) < 8, 1.0, -0.6)
        outcome = control.solve([0.0, 0.0], guess={"up": rise})
        _, y = plan_of(outcome)
        assert sign * y[9, control.model.y_names.index("y")] > 0.4
        assert outcome.diagnostics.unmet_limits == ()
    for wrong in ({"up": [1.0, 2.0]}, {"away": 1.0}):
        with pytest.raises(InputError, match="guess of"):
            control.solve([0.0, 0.0], guess=wrong)  # type: ignore[arg-type]
    assert "guess" in control.solve([0.0, 0.0], guess={"up": np.nan}).reason


def test_limits_ahead_are_not_exported_as_limits_that_stand_still(tmp_path: Path):
    control = cart(limits={"place": (None, np.linspace(1.0, 2.0, N))})
    with pytest.raises(InputError, match="its limits change along the horizon"):
        export_c(control.problem, "cart", tmp_path)


def test_terminal_limits_may_move_from_solve_to_solve():
    control = cart(limits={"force": (-4.0, 4.0)}, terminal_limits={"speed": (0.0, 0.0)})
    outcome = control.solve([1.0, 0.0], terminal_limits={"speed": (0.2, 0.3)})
    _, y = plan_of(outcome)
    assert 0.2 - 1e-6 <= y[-1, control.model.y_names.index("speed")] <= 0.3 + 1e-6
    for wrong in ("place", "force"):
        with pytest.raises(InputError, match=f"limits of {wrong}"):
            control.solve([1.0, 0.0], terminal_limits={wrong: (0.0, 1.0)})


def test_a_rate_counts_for_as_long_as_an_mv_has_held_its_level():
    """As with blocks of all MVs: what may ramp for four stages may step by as much after them."""
    steps = [
        tank(
            blocks=blocks, rates={"in": 1.0}, references={"level": 4.0}, limits={"by": (0.0, 0.1)}
        ).solve([0.2])
        for blocks in ((4, 4, 12), {"in": (4, 4, 12)})
    ]
    for outcome in steps:
        u, _ = plan_of(outcome)
        assert u[0, 0] == pytest.approx(0.2, abs=1e-6)  # one cycle of 0.2 s
        assert u[4, 0] - u[0, 0] == pytest.approx(0.8, abs=1e-6)


def test_scenarios_with_blocks_of_each_mvs_own_are_refused():
    control = tank(blocks={"in": (4, 16)})
    with pytest.raises(InputError, match="give all MVs the same blocks"):
        replace(control.problem, scenarios=object())  # type: ignore[arg-type]
