"""Published optimal control problems, written by names alone: their optima, and IPOPT's."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.generic.equations import equations_model
from operator_agent.mpc.generic.optimal_control import OptimalControl, optimal_control
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.problem import SecondSolver, SolverStatus
from operator_agent.mpc.solve import solve
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel


def ipopt_cost(control: OptimalControl, x: FloatArray, u: FloatArray) -> float:
    """Return the cost that IPOPT converges to from held inputs and a state that stays."""
    problem = replace(control.problem, x=x, u_held=u)
    grid, model = problem.transcription, control.model
    blocks = np.tile(u / model.u_scale, (grid.horizon.n_blocks, 1))
    states = np.tile(x / model.x_scale, (grid.horizon.n_pred + 1, 1))
    best = Reference(grid, grid.scaled.values, 1e-9).solve(problem, (blocks, states))
    assert best.success
    return best.cost


def runaway_reactor(n_pred: int) -> OptimalControl:
    """The exothermic reactor of Jensen (1964): cold inputs let it run away.

    Optimum 0.1330: Luus, "Iterative Dynamic Programming" (2000), section 8.2.
    """

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        made = (x[1] + 0.5) * ca.exp(25.0 * x[0] / (x[0] + 2.0))
        return [-(2.0 + u[0]) * (x[0] + 0.25) + made, 0.5 - x[1] - made]

    model = equations_model(
        "jensen", law, [Variable("heat", 0.0, 0.1), Variable("conc", 0.0, 0.1)], ["cooling"]
    )
    stage = 0.78 / n_pred
    weights = {"heat": stage, "conc": stage, "cooling": 0.1 * stage}
    return optimal_control(model, sample_time_s=stage, n_pred=n_pred, track=weights, tolerance=1e-7)


def test_the_better_of_two_valleys_is_found():
    """From no cooling the own iterations end in the valley where the reactor ignites first."""
    control, x = runaway_reactor(60), np.array([0.09, 0.09])
    outcome = control.solve(x)
    assert outcome.accepted and outcome.status is SolverStatus.RESCUED
    assert outcome.diagnostics.cost_after == pytest.approx(0.1330, rel=3e-3)  # 60 stages
    best = ipopt_cost(control, x, np.zeros(1))
    assert outcome.diagnostics.cost_after == pytest.approx(best, rel=1e-6)
    alone = replace(control.problem, x=x, second_solver=SecondSolver.STALLED)
    assert solve(alone, None).diagnostics.cost_after > 1.5 * best


def test_the_least_time_is_found_by_an_input_that_stretches_the_stages():
    """A free end time: one metre from rest to rest at one metre per second squared takes 2 s."""
    n_pred = 20
    model = equations_model(
        "slide", lambda x, u, d: [x[1] * u[1], u[0] * u[1]], ["place", "speed"],
        ["force", Variable("end_s", 3.0, 1.0)],
    )  # fmt: skip
    control = optimal_control(
        model,
        sample_time_s=1.0 / n_pred,
        n_pred=n_pred,
        stage_cost=lambda x, u, d, p: u["end_s"] / n_pred,
        limits={"force": (-1.0, 1.0), "end_s": (0.5, 6.0)},
        terminal_limits={"place": (1.0, 1.0), "speed": (0.0, 0.0)},
        tolerance=1e-7,
    )
    outcome = control.solve([0.0, 0.0])
    assert outcome.diagnostics.cost_after == pytest.approx(2.0, rel=1e-6)


def test_a_state_limit_of_second_order_costs_what_theory_says():
    """Bryson, Denham, Dreyfus, AIAA J. 1 (1963) 2544: 4 / (9 l) with the limit l at 1/9 is 4."""
    n_pred = 50
    model = equations_model(
        "glide", lambda x, u, d: [x[1], u[0]], ["place", "speed"], [Variable("push", 0.0, 5.0)]
    )
    control = optimal_control(
        model,
        sample_time_s=1.0 / n_pred,
        n_pred=n_pred,
        track={"push": 0.5 / n_pred},
        limits={"place": (None, 1.0 / 9.0)},
        terminal_limits={"place": (0.0, 0.0), "speed": (-1.0, -1.0)},
    )
    outcome = control.solve([0.0, 1.0])
    assert outcome.diagnostics.cost_after == pytest.approx(4.0, rel=1e-3)


def test_a_linear_discrete_problem_is_ipopts():
    """Oscillating masses in steps: IPOPT takes the model's own steps, too."""
    a = np.array([[0.763, 0.460, 0.115, 0.020], [-0.899, 0.763, 0.420, 0.115],
                  [0.115, 0.020, 0.763, 0.460], [0.420, 0.115, -0.899, 0.763]])  # fmt: skip
    b = np.array([0.014, 0.063, 0.221, 0.367])
    model = equations_model(
        "masses", lambda x, u, d: ca.DM(a) @ x + ca.DM(b) * u[0], list("abcd"), ["u"],
        sample_time_s=0.5,
    )  # fmt: skip
    limits = {"u": (-0.5, 0.5), **dict.fromkeys("abcd", (-4.0, 4.0))}
    control = optimal_control(
        model, sample_time_s=0.5, n_pred=7, track=dict.fromkeys("abcd", 1.0), limits=limits
    )
    x = np.array([2.0, 1.3, -1.0, 0.5])
    outcome = control.solve(x)
    best = ipopt_cost(control, x, np.zeros(1))
    assert outcome.diagnostics.cost_after == pytest.approx(best, rel=1e-5)


def test_a_reactor_that_ignites_within_a_stage_is_predicted():
    """Held inputs let the reactor of Pannocchia and Rawlings (AIChE J. 49, 2003, 426) ignite."""

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        made = 7.2e10 * ca.exp(-8750.0 / x[1]) * x[0]
        area = np.pi * 0.219**2
        flow = 0.1 / (area * x[2])
        heat = flow * (350.0 - x[1]) + 5e4 / 239.0 * made
        return [flow * (1.0 - x[0]) - made, heat + 2.0 * 54.94 / (0.219 * 239.0) * (u[0] - x[1]),
                (0.1 - u[1]) / area]  # fmt: skip

    states = [Variable("c", 0.878, 0.1), Variable("t", 324.5, 10.0), Variable("h", 0.659, 0.1)]
    model = equations_model(
        "reactor", law, states, [Variable("jacket", 300.0, 5.0), Variable("out", 0.1, 0.02)]
    )
    control = optimal_control(
        model,
        sample_time_s=0.25,
        n_pred=20,
        track={"c": 1.3, "t": 9.5e-6, "h": 2.3, "jacket": 1.1e-5, "out": 100.0},
        limits={"jacket": (285.0, 315.0), "out": (0.085, 0.115)},
        tolerance=1e-7,
    )
    x = np.array([0.0439, 243.375, 0.3295])
    outcome = control.solve(x)
    assert outcome.accepted
    best = ipopt_cost(control, x, model.u_nominal)
    assert outcome.diagnostics.cost_after == pytest.approx(best, rel=1e-6)


def test_a_plan_along_which_the_plant_runs_away_is_kept_on_course():
    """Pendulum on a cart, 3 s ahead: a difference now is ten thousand times as large at the end.

    The law is that of Verschueren and others, "acados", Math. Prog. Comp. 14 (2022) 147.
    """

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        sine, cosine = ca.sin(x[1]), ca.cos(x[1])
        spin, weight = 0.08 * sine * x[3] ** 2, 1.1 - 0.1 * cosine**2
        return [x[2], x[3], (0.981 * cosine * sine - spin + u[0]) / weight,
                (u[0] * cosine - spin * cosine + 10.791 * sine) / (0.8 * weight)]  # fmt: skip

    model = equations_model("cart", law, ["place", "angle", "speed", "spin"], ["force"])
    assert isinstance(model, ProcessModel)
    control = optimal_control(
        model,
        sample_time_s=0.05,
        n_pred=60,
        track={"place": 1.0, "angle": 10.0, "speed": 0.1, "spin": 0.1, "force": 0.01},
        limits={"force": (-30.0, 30.0)},
        scheme=Scheme.RUNGE_KUTTA_4,
        substeps=1,
    )
    step = make_integrator(model, 1e-8).step
    x, u, warm, last = np.array([0.0, np.pi, 0.0, 0.0]), np.zeros(1), None, np.inf
    for _ in range(80):
        outcome = control.solve(x, u, warm)
        told = outcome.diagnostics
        assert outcome.accepted and told.cost_before < 1.02 * last
        u, warm, last = outcome.move, outcome.warm, told.cost_after
        x = step(x, u, np.zeros(0), 0.05) + np.array([0.0, 1e-3, 0.0, -1e-3])
    assert abs(x[1]) < 0.02
