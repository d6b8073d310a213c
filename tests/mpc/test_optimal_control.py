"""Problems of a user's own by name: nonlinear, discrete, economic, algebraic, with previews."""

import casadi as ca
import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.generic.equations import (
    algebraic,
    equations_model,
    states_as_outputs,
    with_outputs,
)
from operator_agent.mpc.generic.limits import Soft
from operator_agent.mpc.generic.optimal_control import OptimalControl, optimal_control
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel


def walked(
    control: OptimalControl, x: FloatArray, steps: int, **given: object
) -> tuple[FloatArray, FloatArray]:
    """Return states and inputs of the closed loop with the model as plant."""
    model, u, warm = control.model, control.model.u_nominal, None
    period_s = control.problem.cycle_s
    xs, us = [x], []
    for k in range(steps):
        now = {n: v(k) if callable(v) else v for n, v in given.items()}
        outcome = control.solve(x, u, warm, **now)  # type: ignore[arg-type]
        u, warm = outcome.move, outcome.warm
        if isinstance(model, ProcessModel):
            x = make_integrator(model, 1e-8).step(x, u, model.d_nominal, period_s)
        else:
            x = model.step(x, u, model.d_nominal).full().ravel()
        xs.append(x)
        us.append(np.array(u))
    return np.array(xs), np.array(us)


def test_an_unconstrained_discrete_problem_gives_the_riccati_gain():
    """Over a long horizon the first move of a linear-quadratic problem is that of the regulator."""
    a, b = np.array([[1.0, 0.1], [0.0, 0.9]]), np.array([[0.0], [0.1]])
    model = equations_model(
        "cart", lambda x, u, d: ca.DM(a) @ x + ca.DM(b) @ u, ["place", "speed"], ["force"],
        sample_time_s=0.1,
    )  # fmt: skip
    control = optimal_control(
        model, sample_time_s=0.1, n_pred=120, track={"place": 1.0, "speed": 0.1, "force": 0.01}
    )
    q, r = np.diag([1.0, 0.1]), np.array([[0.01]])
    p = solve_discrete_are(a, b, q, r)
    gain = np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a)
    x = np.array([1.0, -0.5])
    assert control.solve(x).move == pytest.approx(-gain @ x, rel=1e-4)


def test_limits_of_states_and_moves_hold_and_the_goal_is_reached():
    model = equations_model(
        "pendulum", lambda x, u, d: [x[1], u[0] + 0.5 * ca.sin(x[0])], ["angle", "speed"], ["force"]
    )
    control = optimal_control(
        model,
        sample_time_s=0.1,
        n_pred=30,
        track={"angle": 1.0, "speed": 0.1, "force": 0.01},
        limits={"force": (-2.0, 2.0), "speed": (-0.6, 0.6)},
        rates={"force": 10.0},
    )
    xs, us = walked(control, np.array([1.0, 0.0]), 80)
    assert xs[-1] == pytest.approx([0.0, 0.0], abs=1e-4)
    assert np.min(xs[:, 1]) > -0.6 - 1e-3 and np.max(np.abs(us)) <= 2.0
    assert np.max(np.abs(np.diff(us[:, 0]))) <= 1.0 + 1e-9


def test_a_preview_is_followed_without_lag():
    model = equations_model("lag", lambda x, u, d: [u[0] - x[0]], ["y"], ["u"])
    control = optimal_control(model, sample_time_s=0.1, n_pred=20, track={"y": 1.0})
    xs, _ = walked(
        control, np.zeros(1), 60,
        references=lambda k: {"y": np.sin(0.5 * (0.1 * k + control.times_s))},
    )  # fmt: skip
    assert xs[20:, 0] == pytest.approx(np.sin(0.05 * np.arange(20, 61)), abs=2e-3)


def test_an_economic_cost_with_a_price_finds_the_steady_optimum():
    """A stirred tank whose product is worth 4 a and whose feed costs 1: feed 1 pays best."""
    model = equations_model(
        "tank", lambda x, u, d: [u[0] * (1.0 - x[0]) - x[0]], [Variable("a", 0.5, 0.2)],
        [Variable("feed", 1.0, 0.5)],
    )  # fmt: skip
    control = optimal_control(
        model,
        sample_time_s=0.5,
        n_pred=30,
        stage_cost=lambda x, u, d, p: u["feed"] - p["price"] * x["a"],
        parameters=["price"],
        moves={"feed": 0.01},
        limits={"feed": (0.05, 5.0)},
    )
    xs, us = walked(control, np.array([0.5]), 40, parameters={"price": 4.0})
    assert us[-1, 0] == pytest.approx(1.0, abs=0.02)  # d/du (4 u / (1 + u) - u) = 0 at u = 1
    assert xs[-1, 0] == pytest.approx(0.5, abs=0.01)


def test_an_algebraic_state_is_taken_out_and_a_soft_limit_costs_its_price():
    def z(x: ca.SX) -> ca.SX:
        return algebraic(lambda z: z + 0.3 * ca.exp(z) - x[0], ca.vertcat(0.5 * x[0]))[0]

    model = equations_model(
        "implicit", lambda x, u, d: [u[0] - z(x)], [Variable("s", 1.0, 0.5)],
        [Variable("q", 0.6, 0.2)], outputs={"z": lambda x, u, d: z(x)},
    )  # fmt: skip
    point = float(model.outputs(1.7, 0.0, [])[1])
    assert point + 0.3 * np.exp(point) == pytest.approx(1.7, abs=1e-10)
    control = optimal_control(
        model,
        sample_time_s=0.2,
        n_pred=15,
        track={"z": 1.0},
        references={"z": 1.0},
        moves={"q": 0.01},
        soft={"s": Soft(high=1.7, price=1.0)},
    )
    xs, _ = walked(control, np.array([1.0]), 40)
    assert xs[-1, 0] == pytest.approx(1.7, abs=1e-3)  # a price of one outweighs the slope of z


def test_infeasible_and_unknown_are_told_apart_from_solved():
    model = equations_model("lag", lambda x, u, d: [u[0] - x[0]], ["y"], ["u"])
    control = optimal_control(
        model, sample_time_s=0.1, n_pred=5, track={"y": 1.0}, limits={"u": (0.0, 1.0)},
        rates={"u": 0.1},
    )  # fmt: skip
    outcome = control.solve([0.0], [5.0])
    assert not outcome.accepted and "u stands at 5" in outcome.reason
    assert not control.solve([np.nan]).accepted
    for wrong, says in (
        ({"references": {"v": 1.0}}, "'v'"),
        ({"references": {"y": np.zeros(4)}}, "5 numbers"),
        ({"d": [1.0]}, "shape"),
        ({"parameters": {"p": 1.0}}, "p"),
        ({"limits": {"y": (0.0, 1.0)}}, "open at the beginning"),
    ):
        with pytest.raises(InputError, match=says):
            control.solve([0.0], **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="nothing is wanted"):
        optimal_control(model, sample_time_s=0.1, n_pred=5)
    with pytest.raises(InputError, match="the cost asks for 'heat'"):
        optimal_control(model, sample_time_s=0.1, n_pred=5, stage_cost=lambda x, u, d, p: x["heat"])
    with pytest.raises(InputError, match="2 values for 1 states"):
        equations_model("odd", lambda x, u, d: [x[0], u[0]], ["y"], ["u"])
    with pytest.raises(InputError, match="no state z"):
        states_as_outputs(model, ["z"])
    with pytest.raises(InputError, match="output already"):
        with_outputs(model, {"y": lambda x, u, d: x[0]})


def test_options_that_cannot_be_meant_are_refused():
    model = equations_model("cart", lambda x, u, d: [x[1], u[0]], ["place", "speed"], ["force"])
    given: dict[str, object] = {"sample_time_s": 0.1, "n_pred": 5, "track": {"place": 1.0}}
    for wrong, says in (
        ({"track": {"place": 1.0, "speed": -1.0}}, "track of 'speed' is -1"),
        ({"moves": {"force": np.nan}}, "moves of 'force'"),
        ({"n_pred": 5.0}, "n_pred is 5.0"),
        ({"iterations": 0}, "iterations is 0"),
        ({"tolerance": -1e-6}, "tolerance"),
        ({"second_limit_s": 0.0}, "second_limit_s"),
        ({"blocks": [1.5, 1]}, "whole stages"),
        ({"scheme": "rk4"}, "Scheme.RADAU_2"),
        ({"limits": {"force": 2.0}}, "give \\(low, high\\)"),
        ({"limits": {"force": (np.nan, 1.0)}}, "give numbers"),
    ):
        with pytest.raises(InputError, match=says):
            optimal_control(model, **{**given, **wrong})  # type: ignore[arg-type]
    control = optimal_control(model, **given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"outcome\.warm"):
        control.solve([1.0, 0.0], None, control.solve([1.0, 0.0]))  # type: ignore[arg-type]
    lag = equations_model("lag", lambda x, u, d: [u[0] - x[0]], ["y"], ["u"])
    other = optimal_control(lag, sample_time_s=0.1, n_pred=5, track={"y": 1.0})
    with pytest.raises(InputError, match="warm has 2 states"):
        other.solve([1.0], None, control.solve([1.0, 0.0]).warm)
    with pytest.raises(InputError, match="give 2 numbers"):
        control.solve("place")
    with pytest.raises(InputError, match="is a state and an input"):
        equations_model("odd", lambda x, u, d: [u[0]], ["y"], ["y"])
    with pytest.raises(InputError, match="x of 1, u of 1, d of 0"):
        equations_model("odd", lambda x, u, d: [x[3]], ["y"], ["u"])


def test_a_cost_that_is_no_number_gives_no_move():
    model = equations_model("lag", lambda x, u, d: [u[0] - x[0]], ["y"], ["u"])
    control = optimal_control(
        model, sample_time_s=0.1, n_pred=5, track={"y": 1.0},
        final_cost=lambda x, p: ca.log(x["y"] - 10.0),
    )  # fmt: skip
    outcome = control.solve([0.0])
    assert not outcome.accepted and "cost of the plan" in outcome.reason


def test_parameters_are_found_from_data_by_one_block_and_previews_of_readings():
    """Catalytic cracking of gas oil; the least squares are 5.23664e-3 (Dolan, More, Munson,
    "Benchmarking Optimization Software with COPS 3.0" (2004), problem 15)."""
    times = [0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.3, 0.35, 0.4, 0.45,
             0.5, 0.55, 0.65, 0.75, 0.85, 0.95]  # fmt: skip
    oil = [0.8105, 0.6208, 0.5258, 0.4345, 0.3903, 0.3342, 0.3034, 0.2735, 0.2405, 0.2283, 0.2071,
           0.1669, 0.1530, 0.1339, 0.1265, 0.12, 0.099, 0.087, 0.077, 0.069]  # fmt: skip
    fuel = [0.2, 0.2886, 0.301, 0.3215, 0.3123, 0.2716, 0.2551, 0.2258, 0.1959, 0.1789, 0.1457,
            0.1198, 0.0909, 0.0719, 0.0561, 0.046, 0.028, 0.019, 0.014, 0.01]  # fmt: skip
    model = equations_model(
        "cracking",
        lambda x, u, d: [-(u[0] + u[2]) * x[0] ** 2, u[0] * x[0] ** 2 - u[1] * x[1]],
        [Variable("oil", 1.0, 0.5), Variable("fuel", 0.0, 0.3)],
        [Variable("k1", 10.0, 5.0), Variable("k2", 8.0, 5.0), Variable("k3", 2.0, 2.0)],
        ["read", "oil_read", "fuel_read"],
    )
    readings = np.zeros((38, 3))
    for t, a, b in zip(times, oil, fuel, strict=True):
        readings[round(t / 0.025) - 1] = 1.0, a, b
    control = optimal_control(
        model, sample_time_s=0.025, n_pred=38, blocks=(38,), tolerance=1e-7, scheme=Scheme.RADAU_3,
        stage_cost=lambda x, u, d, p: d["read"] * ((x["oil"] - d["oil_read"]) ** 2
                                                   + (x["fuel"] - d["fuel_read"]) ** 2),
        limits=dict.fromkeys(("k1", "k2", "k3"), (0.0, 50.0)),
    )  # fmt: skip
    outcome = control.solve([1.0, 0.0], d=readings)
    assert outcome.diagnostics.cost_after == pytest.approx(5.23664e-3, rel=1e-4)
