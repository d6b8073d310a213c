"""The target layer on nonlinear, integrating and sampled models, and with given economics."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.target.inputs import Modifiers, Present, TargetInputs
from operator_agent.mpc.target.steady_model import ModelRest
from operator_agent.mpc.target.steady_optimum import best_steady_state, settled
from operator_agent.mpc.target.target import NotRenewed, SteadyTarget, TargetOptimizer
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.wishes import Economics, Wishes
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.process_model import ProcessModel

LEAP = TargetTuning(pull={}, proximal=1e-4, step=0.5, leave_cycles=1)


def tank(closed: bool = True) -> ProcessModel:
    """Return a tank that integrates (closed) or drains by gravity, with a stirred concentration.

    u = (inflow, outflow or feed of salt) [kg/s]; states: level [m], concentration [-].
    """
    x, u, d = (ca.SX.sym(letter, n) for letter, n in (("x", 2), ("u", 2), ("d", 1)))
    out = u[1] if closed else 2.0 * ca.sqrt(x[0])
    rhs = ca.vertcat((u[0] + d[0] - out) / 100.0, u[0] * (0.4 - x[1]) / 500.0 - 0.001 * x[1])
    return ProcessModel(
        name="tank",
        x_names=("level", "conc"),
        u_names=("flow_in", "flow_out"),
        d_names=("flow_wild",),
        y_names=("level", "conc"),
        rhs=ca.Function("rhs", [x, u, d], [rhs]),
        outputs=ca.Function("outputs", [x, u, d], [x]),
        x_nominal=np.array([1.0, 0.4 * 2.0 / 2.5]),
        u_nominal=np.array([2.0, 2.0]),
        d_nominal=np.array([0.0]),
        x_scale=np.array([0.5, 0.1]),
        u_scale=np.array([1.0, 1.0]),
        d_scale=np.array([1.0]),
        y_scale=np.array([0.5, 0.1]),
    )


def limits(model: ProcessModel) -> ControlVariables:
    n_u, n_y = model.n_u, model.n_y
    return ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=np.zeros(n_u),
        mv_high=np.full(n_u, 4.0),
        mv_rate=np.ones(n_u),
        cv_hard_low=np.full(n_y, -np.inf),
        cv_hard_high=np.full(n_y, np.inf),
        cv_soft_low=np.array([0.5, -np.inf]),
        cv_soft_high=np.array([1.5, 0.3]),
        cv_noise=np.zeros(n_y),
        mv_critical=np.ones(n_u, np.bool_),
        cv_critical=np.zeros(n_y, np.bool_),
    )


def test_a_model_without_steady_state_is_refused_by_the_name_of_what_drifts() -> None:
    with pytest.raises(InputError, match="no steady state: level keep drifting"):
        ModelRest(ScaledModel.of(tank()))
    with pytest.raises(InputError, match="no state volume"):
        ModelRest(ScaledModel.of(tank()), ("volume",))


def test_the_balance_of_a_level_holds_while_another_cv_meets_its_limit() -> None:
    model = tank()
    rest = ModelRest(ScaledModel.of(model), ("level",))
    assert rest.floating.tolist() == [True, False]
    optimizer = TargetOptimizer(rest, LEAP, None)
    now = Present(np.array([1.2, 0.32]), model.u_nominal, np.array([1.2, 0.32]))
    told = TargetInputs(
        limits(model), np.array([0.3]), np.zeros(2),
        Wishes(variable_prices={"flow_in": 1.0}), now,
    )  # fmt: skip
    found = settled(optimizer, optimizer.start(model.x_nominal, model.u_nominal), told)
    u = found.target.u
    assert u[0] + 0.3 == pytest.approx(u[1], abs=1e-4)
    conc = 0.4 * u[0] / (u[0] + 0.5)  # at rest: u (0.4 - c) / 500 = 0.001 c
    assert conc == pytest.approx(0.3, abs=1e-4)
    assert found.target.y == pytest.approx([1.2, 0.3], abs=1e-4)
    assert found.state.x[0] == pytest.approx(2.4)
    assert "conc high" in found.target.active


def test_drifting_states_are_held_without_a_balance() -> None:
    model = replace(tank(), drifting=("level",))
    rest = ModelRest(ScaledModel.of(model))
    assert rest.balances == () and rest.held == (0,)
    point = rest.at(np.array([2.4, 3.2]), np.array([3.0, 1.0]), np.zeros(1))
    assert point is not None
    assert point.x[0] == 2.4
    assert point.rows[1] == pytest.approx(10.0 * 0.4 * 3.0 / 3.5, abs=1e-4)


def test_gains_are_those_of_finite_steps_of_the_rest() -> None:
    rest = ModelRest(ScaledModel.of(tank(closed=False)))
    x, u, d = np.array([2.0, 3.2]), np.array([2.0, 2.0]), np.zeros(1)
    point = rest.at(x, u, d)
    assert point is not None
    for i, step in enumerate(1e-4 * np.eye(2)):
        up, down = rest.at(x, u + step, d), rest.at(x, u - step, d)
        assert up is not None and down is not None
        slope = (up.rows - down.rows) / 2e-4
        assert point.row_gain[:, i] == pytest.approx(slope, abs=1e-5)


def test_a_rest_beside_lies_on_the_curve_of_rests_closest_to_where_it_is_asked_for() -> None:
    """The rests are u = d + x^2: below u = d there is none."""
    x, u, d = (ca.SX.sym(letter, 1) for letter in "xud")
    model = ProcessModel(
        name="fold",
        x_names=("x",), u_names=("u",), d_names=("d",), y_names=("y",),
        rhs=ca.Function("rhs", [x, u, d], [u - x**2 - d]),
        outputs=ca.Function("outputs", [x, u, d], [x]),
        x_nominal=np.ones(1), u_nominal=np.array([2.0]), d_nominal=np.ones(1),
        x_scale=np.ones(1), u_scale=np.ones(1), d_scale=np.ones(1), y_scale=np.ones(1),
    )  # fmt: skip
    rest, free = ModelRest(ScaledModel.of(model)), np.ones(1, np.bool_)
    assert rest.at(np.array([0.1]), np.array([0.9]), np.ones(1)) is None  # beyond the fold
    found = rest.beside(np.array([0.1]), np.array([0.9]), np.ones(1), free)
    assert found is not None
    u_beside, point = found
    assert u_beside[0] == pytest.approx(1.0 + point.x[0] ** 2, abs=1e-7)
    assert abs(point.x[0] - 0.1) < 0.05 and abs(u_beside[0] - 0.9) < 0.12
    assert rest.beside(np.array([0.1]), np.array([0.9]), np.ones(1), ~free) is None


def test_a_sampled_model_rests_where_it_maps_to_itself() -> None:
    x, u, d = (ca.SX.sym(letter, 1) for letter in "xud")
    model = SampledModel(
        name="sampled",
        x_names=("x",), u_names=("u",), d_names=("d",), y_names=("y",),
        step=ca.Function("step", [x, u, d], [0.9 * x + 0.2 * u]),
        outputs=ca.Function("outputs", [x, u, d], [3.0 * x]),
        sample_time_s=60.0,
        x_nominal=np.zeros(1), u_nominal=np.zeros(1), d_nominal=np.zeros(1),
        x_scale=np.ones(1), u_scale=np.ones(1), d_scale=np.ones(1), y_scale=np.ones(1),
    )  # fmt: skip
    point = ModelRest(ScaledModel.of(model)).at(np.zeros(1), np.ones(1), np.zeros(1))
    assert point is not None
    assert point.rows == pytest.approx([6.0]) and point.row_gain == pytest.approx(np.array([[6.0]]))


def economics(model: ProcessModel) -> Economics:
    """Return a profit with its best point inside: salt sold less a square of the flow."""
    x, u = ca.SX.sym("x", model.n_x), ca.SX.sym("u", model.n_u)
    d, p = ca.SX.sym("d", model.n_d), ca.SX.sym("p", 2)
    profit = p[0] * u[0] * x[1] - p[1] * u[0] ** 2 - (u[1] - 1.0) ** 2
    return Economics(ca.Function("profit", [x, u, d, p], [profit]), ("salt", "pumping"))


def test_the_walk_ends_at_the_optimum_inside_the_limits() -> None:
    model = tank(closed=False)
    variables = replace(limits(model), cv_soft_high=np.full(2, np.inf))
    told = TargetInputs(variables, np.zeros(1), np.zeros(2),
                        Wishes(prices={"salt": 8.0, "pumping": 1.0}))  # fmt: skip
    found = best_steady_state(model, LEAP, economics(model), told)
    flows = np.linspace(0.0, 4.0, 400_001)
    worth = 8.0 * flows * 0.4 * flows / (flows + 0.5) - flows**2
    assert found.converged
    assert found.target.u == pytest.approx([flows[np.argmax(worth)], 1.0], abs=2e-3)
    assert found.target.profit == pytest.approx(np.max(worth), rel=1e-5)
    assert found.target.freedom == 2


def test_a_missing_price_is_named() -> None:
    model = tank(closed=False)
    told = TargetInputs(limits(model), np.zeros(1), np.zeros(2), Wishes(prices={"salt": 8.0}))
    with pytest.raises(InputError, match="no price for pumping"):
        best_steady_state(model, LEAP, economics(model), told)


def test_a_slope_that_is_not_finite_gives_no_target() -> None:
    model = tank(closed=False)
    optimizer = TargetOptimizer(ModelRest(ScaledModel.of(model)), LEAP, None)
    told = TargetInputs(
        limits(model), np.zeros(1), np.zeros(2),
        modifiers=Modifiers(model.u_nominal, np.zeros((2, 2)), np.array([np.nan, 0.0])),
    )  # fmt: skip
    target, _ = optimizer.renew(optimizer.start(model.x_nominal, model.u_nominal), told)
    assert isinstance(target, NotRenewed) and "slope" in target.reason


def test_where_the_model_has_no_rest_there_is_no_target() -> None:
    model = tank(closed=False)
    optimizer = TargetOptimizer(ModelRest(ScaledModel.of(model)), LEAP, None)
    told = TargetInputs(limits(model), np.array([-50.0]), np.zeros(2))  # more out than in
    start = optimizer.start(model.x_nominal, model.u_nominal)
    target, state = optimizer.renew(start, told)
    assert isinstance(target, NotRenewed) and state is start
    with pytest.raises(SolveFailedError, match="model tank"):
        settled(optimizer, start, told)


def test_the_present_profit_stands_beside_the_targets() -> None:
    model = tank(closed=False)
    optimizer = TargetOptimizer(ModelRest(ScaledModel.of(model)), LEAP, economics(model))
    now = Present(np.array([1.0, 0.25]), np.array([2.0, 1.5]), np.array([1.0, 0.25]))
    told = TargetInputs(limits(model), np.zeros(1), np.zeros(2),
                        Wishes(prices={"salt": 8.0, "pumping": 1.0}), now)  # fmt: skip
    target, _ = optimizer.renew(optimizer.start(model.x_nominal, model.u_nominal), told)
    assert isinstance(target, SteadyTarget)
    assert target.profit_now == pytest.approx(8.0 * 2.0 * 0.25 - 4.0 - 0.25)
