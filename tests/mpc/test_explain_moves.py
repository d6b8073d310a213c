"""The parts of a move: they add up, and each is what a change of its cause does on its own."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.engine.dense_qp import DenseQp, QpMethod
from operator_agent.mpc.explain.causes import CauseKind, right_sides
from operator_agent.mpc.explain.explanation import explain
from operator_agent.mpc.explain.last_program import LastProgram, last_program
from operator_agent.mpc.explain.moves import Sensitivity, explained, limit_effects
from operator_agent.mpc.generic.controller import make_controller
from operator_agent.mpc.generic.controller import wanted as set_points
from operator_agent.mpc.generic.equations import equations_model
from operator_agent.mpc.robust.uncertainty import Uncertain, Uncertainty
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.solve import solve
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel


def wanted(conc_b: float) -> EconomicTargets:
    return EconomicTargets("test", 0.0, {"a": 1.0}, 0.0, {"conc_b": conc_b}, {}, 0.0, 0.0)


def cycle(
    controller: Controller, goal: float = 0.95, request: ServiceRequest | None = None
) -> tuple[CycleResult, ControllerState]:
    model = controller.model
    y = model.outputs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    scan = Scan(y, model.u_nominal, model.d_nominal)
    state = controller.start(scan)
    for _ in range(3):
        result, state = controller.step(
            state, scan, wanted(goal), None, request or ServiceRequest()
        )
        assert result.outcome.accepted, result.outcome.reason
    return result, state


@pytest.fixture
def limited(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
) -> Controller:
    """The reactor beside a soft temperature limit, with a slow feed valve and a clear goal."""
    y = reactor_model.outputs(
        reactor_model.x_nominal, reactor_model.u_nominal, reactor_model.d_nominal
    )
    near = replace(
        reactor_variables,
        cv_soft_high=np.array([np.inf, float(y[1]) + 0.2]),
        mv_rate=np.array([0.02, 50.0]),
        mv_critical=np.array([True, False]),
    )
    brisk = replace(reactor_weights, target_step=2.0, target_proximal=1e-3)
    return Controller(reactor_model, near, brisk, None, 18.0)


def program_of(controller: Controller) -> tuple[CycleResult, LastProgram]:
    result, state = cycle(controller)
    assert result.problem is not None and state.warm is not None
    return result, last_program(result.problem, state.warm)


def solved(program: LastProgram, gradient, row_high, high, low) -> np.ndarray:
    """Return w of the program with other numbers, by the other QP solver."""
    qp = DenseQp(program.gradient.size, program.row_low.size, QpMethod.DAQP)
    qp.hessian[:], qp.gradient[:], qp.rows[:] = program.hessian, gradient, program.rows
    qp.low[:], qp.high[:] = low, high
    qp.row_low[:], qp.row_high[:] = program.row_low, row_high
    answer = qp.solve()
    assert answer.success
    return answer.x


@pytest.mark.parametrize("held", [False, True])
def test_parts_add_up_to_the_move(limited: Controller, held: bool) -> None:
    request = ServiceRequest(out_of_service={"duty_jacket": "by Kim"} if held else {})
    result, state = cycle(limited, request=request)
    program = last_program(result.problem, state.warm)
    parts = explained(Sensitivity(program), result.outcome.move)
    scale = limited.model.u_scale
    assert np.max(np.abs(parts.parts.sum(axis=0) - parts.moves) / scale) < 1e-9
    assert np.allclose(parts.moves, result.outcome.move - program.problem.u_held, atol=0.0)
    if held:
        assert parts.moves[1] == 0.0
        assert np.max(np.abs(parts.parts[:, 1])) == 0.0
    else:
        assert np.max(np.abs(parts.parts[-1]) / scale) < 0.01  # left by the iterations


def test_a_converged_solve_leaves_nothing_unexplained(limited: Controller) -> None:
    result, _ = cycle(limited)
    tight = replace(result.problem, tolerance=1e-9, cold_iterations=60)
    outcome = solve(tight, None)
    assert outcome.accepted and outcome.warm is not None
    parts = explained(Sensitivity(last_program(tight, outcome.warm)), outcome.move)
    assert np.max(np.abs(parts.parts[-1]) / limited.model.u_scale) < 1e-6


def test_slopes_of_all_causes_are_the_gradient(limited: Controller) -> None:
    _, program = program_of(limited)
    sensitivity = Sensitivity(program)
    sides = right_sides(program, sensitivity.found)
    moves = slice(0, program.n_moves)
    total = sum(slope[moves] for slope in sides.slopes.values())
    assert np.max(np.abs(total - program.gradient[moves])) < 1e-9
    assert not [c for c in sides.causes() if c.kind is CauseKind.ECONOMICS]


def test_each_part_is_what_a_change_of_its_cause_does(limited: Controller) -> None:
    result, program = program_of(limited)
    sensitivity = Sensitivity(program)
    parts = explained(sensitivity, result.outcome.move)
    sides = right_sides(program, sensitivity.found)
    base = solved(program, program.gradient, program.row_high, program.high, program.low)
    kinds = {cause.kind for cause in parts.causes}
    assert {CauseKind.TRACKING, CauseKind.RESTING, CauseKind.DAMPING, CauseKind.LIMIT} <= kinds
    share, scale, n_u = 1e-3, limited.model.u_scale, limited.model.n_u
    for cause, part in zip(parts.causes[:-1], parts.parts, strict=False):
        gradient = program.gradient + share * sides.slopes.get(cause, 0.0)
        row_high = program.row_high + share * sides.rows.get(cause, 0.0)
        bound = share * sides.bounds.get(cause, np.zeros(program.gradient.size))
        more = solved(program, gradient, row_high, program.high + bound, program.low + bound)
        found = (more - base)[:n_u] * scale / share
        assert np.allclose(found, part, rtol=2e-3, atol=2e-3 * scale), cause


def test_price_and_effect_of_a_limit_against_a_re_solve(limited: Controller) -> None:
    free = replace(
        limited.variables,
        mv_rate=np.array([1.0, 500.0]),
        cv_soft_high=limited.variables.cv_soft_high - np.array([0.0, 0.15]),
    )
    result, program = program_of(Controller(limited.model, free, limited.weights, None, 18.0))
    sensitivity = Sensitivity(program)
    effects = {effect.name: effect for effect in limit_effects(sensitivity)}
    name = "temp_reactor soft high"
    assert name in effects and name in result.active_limits
    limits, model = program.problem.transcription.limits, limited.model
    own = np.flatnonzero((limits.cv == 1) & (limits.sign > 0.0) & ~limits.slack_hard[limits.slack])

    def at(room: float) -> tuple[float, np.ndarray]:
        row_high = program.row_high.copy()
        row_high[own] += room / model.y_scale[1]
        v = solved(program, program.gradient, row_high, program.high, program.low)
        return float(v @ (0.5 * program.hessian @ v + program.gradient)), v[: model.n_u]

    room = 1e-3  # [K]
    (low_cost, low), (high_cost, high) = at(-room), at(room)
    assert effects[name].price == pytest.approx((low_cost - high_cost) / (2.0 * room), rel=1e-3)
    moved = (high - low) * model.u_scale / (2.0 * room)
    assert np.allclose(moved, effects[name].first_move, rtol=1e-2, atol=1e-5 * model.u_scale)


def test_a_rate_that_holds_is_pressed_by_its_causes(limited: Controller) -> None:
    result, program = program_of(limited)
    parts = explained(Sensitivity(program), result.outcome.move)
    rates = [c for c in parts.causes if c.name.startswith("feed_rate rate")]
    assert rates, parts.causes
    own = parts.causes.index(rates[0])
    assert parts.parts[own, 0] == pytest.approx(parts.moves[0])
    total = float(parts.pressing[:, 0].sum()) * limited.model.u_scale[0]
    assert total == pytest.approx(program.solution.bound_prices[0], rel=1e-6)
    assert np.all(parts.pressing[:, 1] == 0.0) or program.solution.bound_prices[1] != 0.0


LEVEL_HIGH = ("level soft high", "level hard high")  # the soft one is drawn inside the hard one


def test_each_path_of_a_robust_plan_tells_which_limits_it_presses() -> None:
    """A tank that may drain less than thought: only that path rests on the level's limit."""
    law = [Variable("level", 1.0, 0.2)], [Variable("flow", 1.0, 0.2)], [Variable("drain", 1.0)]
    tank = equations_model("tank", lambda x, u, d: [0.01 * (u[0] - d[0] * x[0])], *law)
    room = {"level": (None, 1.0), "flow": (0.0, 3.0)}
    bold = make_controller(tank, 20.0, track=["level"], limits=room)
    unsure = Uncertainty((Uncertain("drain", (1.0, 0.8, 1.2)),))
    careful = bold.retuned(bold.weights, replace(bold.options, uncertainty=unsure))
    low, state = Scan(np.array([0.9]), np.array([1.0]), np.ones(1)), None
    state = careful.start(low)
    for _ in range(3):
        result, state = careful.step(state, low, set_points({"level": 1.0}), None)
    why = explain(result, state, careful.targets)
    assert not why.unexplained
    by_drain = {path.values["drain"][0]: path for path in why.paths}
    assert sorted(by_drain) == [0.8, 1.0, 1.2]
    assert sum(path.probability for path in why.paths) == pytest.approx(1.0)
    assert all(name in LEVEL_HIGH for name, _ in by_drain[0.8].limits)
    assert by_drain[0.8].limits[0][1] > 0.0 and by_drain[1.2].limits == ()
    told = why.payload(("flow",), ("level",))["paths"]
    assert isinstance(told, list) and len(told) == 3
    assert explain(*cycle_of(bold, low), bold.targets).paths == ()


def cycle_of(controller: Controller, scan: Scan) -> tuple[CycleResult, ControllerState]:
    return controller.step(controller.start(scan), scan, set_points({"level": 1.0}), None)
