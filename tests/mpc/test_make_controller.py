"""A controller for any plant by one call: no offset, limits kept, clear errors."""

from collections.abc import Callable

import casadi as ca
import numpy as np
import pytest
from tests.mpc.advancing import Advance, by_samples

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.controller import Controller, ControllerState
from operator_agent.mpc.generic.controller import make_controller, wanted
from operator_agent.mpc.generic.equations import equations_model
from operator_agent.mpc.scan import Scan
from operator_agent.plant.classics.quadruple_tank import MINIMUM_PHASE, quadruple_tank
from operator_agent.plant.classics.van_de_vusse import KLATT_ENGELL, van_de_vusse
from operator_agent.plant.classics.wood_berry import wood_berry_sampled
from operator_agent.plant.generic.sampled_plant import delayed_plant
from operator_agent.plant.generic.transfer_function import first_order, integrator
from operator_agent.plant.generic.transfer_matrix import linear_plant, sampled_transfer_matrix
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel


def by_ode(model: ProcessModel, cycle_s: float) -> Advance:
    """Return a plant that is integrated: (u, d) -> y a cycle later."""
    step, states = make_integrator(model, 1e-8).step, [model.x_nominal]

    def advance(u: FloatArray, d: FloatArray) -> FloatArray:
        states.append(step(states[-1], u, d, cycle_s))
        return model.outputs(states[-1], u, d).full().ravel()

    return advance


def loop(
    controller: Controller,
    plant: Advance,
    cycles: int,
    wishes: Callable[[int], dict[str, float]],
    d_true: Callable[[int, FloatArray], FloatArray] = lambda k, d: d,
    prices: dict[str, float] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return CVs and MVs of a closed loop from rest; disturbances are not measured right."""
    model = controller.model
    u, d = model.u_nominal, model.d_nominal[: len(controller.variables.dv_names)]
    y, state, ys, us = plant(u, d), ControllerState(), [], []
    for k in range(cycles):
        scan = Scan(y, u, d)
        state = controller.start(scan) if k == 0 else state
        result, state = controller.step(state, scan, wanted(wishes(k), prices or {}), None)
        assert result.outcome.accepted, result.outcome.reason
        u = np.array(result.outcome.move)
        y = plant(u, d_true(k, d))
        ys.append(y)
        us.append(u)
    return np.array(ys), np.array(us)


def test_a_nonlinear_reactor_reaches_a_set_point_and_keeps_its_limit():
    model = van_de_vusse(KLATT_ENGELL)
    hot = float(model.x_nominal[2]) + 2.0
    controller = make_controller(
        model,
        36.0,
        track=["conc_b"],
        limits={"dilution_feed": (1e-3, 2e-2), "duty_jacket": (-2400.0, 0.0),
                "temp_reactor": (None, hot)},
    )  # fmt: skip
    ys, us = loop(controller, by_ode(model, 36.0), 100, lambda k: {"conc_b": 950.0})
    assert ys[-1, 0] == pytest.approx(950.0, abs=0.05)
    assert float(np.max(ys[:, 1])) < hot + 0.01
    assert float(np.min(us[:, 1])) >= -2400.0 and float(np.max(us[:, 1])) <= 0.0


def test_a_column_with_dead_times_has_no_offset_after_an_unmeasured_feed():
    plant = wood_berry_sampled()
    names = [v.name for v in plant.outputs]
    controller = make_controller(
        plant, 60.0, track=names, limits={v.name: (v.nominal - 1, v.nominal + 1)
                                          for v in plant.inputs},
    )  # fmt: skip
    ys, _ = loop(
        controller,
        by_samples(wood_berry_sampled(), 60.0),
        240,
        lambda k: dict(zip(names, (97.0, 0.5), strict=True)),
        lambda k, d: d + 0.34 * (k > 90),
    )
    assert ys[90] == pytest.approx([97.0, 0.5], abs=1e-3)
    assert ys[-1] == pytest.approx([97.0, 0.5], abs=1e-3)  # 0.1 % of span


def test_what_a_cv_does_long_after_the_horizon_makes_no_move_dearer():
    """A jacket in a minute, its insulation over days: only the first is steered by."""

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        return [(u[0] - x[0]) / 10.0, (300.0 * u[0] - x[1]) / 1e5]

    outputs = {"temp": lambda x, u, d: x[0] + x[1]}
    model = equations_model("jacket", law, ["fast", "slow"], ["heat"], outputs=outputs)
    controller = make_controller(
        model, 2.0, track=["temp"], limits={"heat": (-5.0, 5.0)}, response_s=10.0, horizon_s=100.0
    )
    step, states = make_integrator(model, 1e-8).step, [np.zeros(2)]

    def plant(u: FloatArray, d: FloatArray) -> FloatArray:
        states.append(step(states[-1], u, d, 2.0))
        return model.outputs(states[-1], u, d).full().ravel()

    ys, _ = loop(controller, plant, 40, lambda k: {"temp": 1.0})
    assert np.max(np.abs(ys[25:, 2] - 1.0)) < 0.05


def test_a_level_that_integrates_is_held_and_balanced():
    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        heat = u[0] * (300.0 - x[1]) + d[0] * (350.0 - x[1])
        return [(u[0] + d[0] - u[1]) / 10.0, heat / 10.0 / x[0]]

    model = equations_model(
        "tank",
        law,
        [Variable("level", 2.0, 0.5), Variable("temp", 320.0, 5.0)],
        [Variable("inflow", 0.6, 0.2), Variable("draw", 1.0, 0.3)],
        [Variable("hot", 0.4, 0.1)],
    )
    assert isinstance(model, ProcessModel)
    limits = {"inflow": (0.0, 2.0), "draw": (0.0, 3.0), "level": (0.5, 3.0)}
    controller = make_controller(model, 5.0, track=["level", "temp"], limits=limits)
    ys, us = loop(
        controller,
        by_ode(model, 5.0),
        160,
        lambda k: {"level": 2.3, "temp": 322.0},
        lambda k, d: d + 0.1 * (k > 60),
    )
    assert ys[-1] == pytest.approx([2.3, 322.0], abs=5e-4 * 0.5)
    assert us[-1, 0] + 0.5 == pytest.approx(us[-1, 1], abs=1e-3)


def test_integrators_of_several_elements_are_one_level():
    elements = [
        [first_order(4.0, 600.0, 120.0), first_order(-2.0, 900.0, 75.0)],
        [integrator(0.004, dead_time_s=30.0), integrator(-0.01, dead_time_s=60.0)],
    ]
    names = (["fuel", "draw"], ["temp", "level"])
    controller = make_controller(
        linear_plant("oven", elements, *names),
        30.0,
        track=["temp", "level"],
        limits={"fuel": (-2.0, 2.0), "draw": (-2.0, 2.0)},
    )
    plant = sampled_transfer_matrix("oven", elements, *names, sample_time_s=15.0)
    ys, us = loop(controller, by_samples(plant, 30.0), 200, lambda k: {"temp": 1.0, "level": 2.0})
    assert ys[-1] == pytest.approx([1.0, 2.0], abs=5e-3)
    assert 0.004 * us[-1, 0] == pytest.approx(0.01 * us[-1, 1], abs=1e-5)


def test_prices_drive_the_plant_to_the_best_corner_of_its_limits():
    model = quadruple_tank(MINIMUM_PHASE)
    prices = {"volts_pump_1": 1.0, "volts_pump_2": -0.5}
    controller = make_controller(
        model,
        5.0,
        prices=prices,
        limits={"volts_pump_1": (0.0, 10.0), "volts_pump_2": (1.0, 10.0)},
        soft={"volts_level_1": (None, 8.0), "volts_level_2": (4.0, 9.0)},
    )
    ys, us = loop(controller, by_ode(model, 5.0), 220, lambda k: {}, prices=prices)
    assert ys[-1] == pytest.approx([8.0, 4.0], abs=1e-3)
    moved = np.array([[0.05, 0.0], [0.0, -0.05]])
    for change in moved:  # what pays more breaks a limit: no better corner is near
        step, x, u = make_integrator(model).step, model.x_nominal, us[-1] + change
        x = step(x, u, model.d_nominal, 20_000.0)
        y = model.outputs(x, u, model.d_nominal).full().ravel()
        assert y[0] > 8.0 or y[1] < 4.0


def test_dead_times_around_equations_are_exact():
    model = quadruple_tank(MINIMUM_PHASE)
    late = {"volts_pump_1": 20.0, "volts_level_2": 15.0}
    controller = make_controller(
        model,
        5.0,
        track=["volts_level_1", "volts_level_2"],
        limits=dict.fromkeys(model.u_names, (0.0, 10.0)),
        dead_times_s=late,
    )
    plant = delayed_plant(model, 5.0, {"volts_pump_1": 20.0}, {"volts_level_2": 15.0})
    wish = {"volts_level_1": 6.5, "volts_level_2": 6.0}
    ys, _ = loop(controller, by_samples(plant, 5.0), 100, lambda k: wish)
    assert ys[-1] == pytest.approx([6.5, 6.0], abs=1e-3)
    assert float(np.max(ys[:, 0])) < 6.6


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"track": ["temperature"]}, "temperature"),
        ({"limits": {"fuell": (0.0, 1.0)}}, "fuell"),
        ({"limits": {"fuel": (1.0, 0.0)}}, "low must not pass high"),
        ({"rates": {"fuel": -1.0}}, "above zero"),
        ({"prices": {"steam": 1.0}}, "steam"),
        ({"noise": {"level": 1.0}}, "level"),
        ({"critical": ["level"]}, "level"),
        ({"move_suppression": {"draw": 1.0}}, "draw"),
        ({"horizon_s": 1.0}, "horizon"),
        ({"track": {"temp": -1.0}}, "temp -1.0"),
        ({"track": {"temp": np.nan}}, "temp nan"),
        ({"spare": ["temp"]}, "temp"),
        ({"reading_ages_s": {"level": 60.0}}, "level"),
        ({"reading_ages_s": {"temp": -60.0}}, "temp is -60"),
        ({"track": "temp"}, "give a list of names"),
        ({"limits": [("fuel", 0.0, 1.0)]}, "give a mapping"),
        ({"response_s": 0.0}, "response_s is 0.0"),
        ({"horizon_s": np.inf}, "horizon_s is inf"),
        ({"move_suppression": {"fuel": 0.0}}, "factor above zero"),
        ({"noise": {"temp": -1.0}}, "noise of temp"),
    ],
)
def test_what_the_plant_does_not_know_is_refused_by_name(keywords: dict[str, object], says: str):
    oven = linear_plant("oven", [[first_order(2.0, 600.0, 90.0)]], ["fuel"], ["temp"])
    with pytest.raises(InputError, match=says):
        make_controller(oven, 60.0, **keywords)  # type: ignore[arg-type]


def test_a_set_point_or_scan_that_does_not_fit_is_refused_by_name():
    oven = linear_plant("oven", [[first_order(2.0, 600.0, 90.0)]], ["fuel"], ["temp"])
    controller = make_controller(oven, 60.0, track=["temp"])
    scan = Scan(np.zeros(1), np.zeros(1), np.zeros(0))
    state = controller.start(scan)
    with pytest.raises(InputError, match="tmp"):
        controller.step(state, scan, wanted({"tmp": 1.0}), None)
    with pytest.raises(InputError, match="u_readback"):
        controller.step(state, Scan(np.zeros(1), np.zeros(2), np.zeros(0)), None, None)


@pytest.mark.parametrize("name", ["fuel", "steam", "fired_duty"])
def test_a_price_counts_whatever_its_variable_is_called(name: str):
    still = linear_plant("still", [[first_order(1.0, 600.0)]], [name], ["purity"])
    controller = make_controller(
        still, 60.0, limits={name: (-1.0, 1.0), "purity": (-0.5, 0.5)}, prices={name: -1.0}
    )
    scan = Scan(np.zeros(1), np.zeros(1), np.zeros(0))
    result, _ = controller.step(controller.start(scan), scan, wanted({}, {name: -1.0}), None)
    assert result.u_target == pytest.approx([-0.5], abs=1e-6)


def test_a_cv_called_like_the_throughput_stays_without_a_set_point():
    drum = linear_plant("drum", [[first_order(1.0, 600.0)]], ["pump"],
                        [Variable("flow_vol_feed", 10.0, 1.0)])  # fmt: skip
    controller = make_controller(drum, 60.0, track=["flow_vol_feed"])
    scan = Scan(np.array([10.0]), np.zeros(1), np.zeros(0))
    result, _ = controller.step(controller.start(scan), scan, wanted(), None)
    assert result.outcome.move == pytest.approx([0.0], abs=1e-9)


def test_a_spare_mv_that_is_lost_is_planned_around():
    oven = linear_plant("oven", [[first_order(2.0, 600.0), first_order(1.0, 300.0)]],
                        ["fuel", "air"], ["temp"])  # fmt: skip
    controller = make_controller(oven, 60.0, track=["temp"], spare=["air"])
    scan = Scan(np.zeros(1), np.zeros(2), np.zeros(0))
    _, state = controller.step(controller.start(scan), scan, wanted({"temp": 0.0}), None)
    lost = Scan(np.zeros(1), np.array([0.0, np.nan]), np.zeros(0))
    result, _ = controller.step(state, lost, wanted({"temp": 1.0}), None)
    assert result.outcome.move[0] > 0.1 and result.outcome.move[1] == 0.0
    assert not result.service.moved[1]


def test_wanted_speed_and_factor_change_how_fast_the_loop_is():
    oven = linear_plant("oven", [[first_order(2.0, 600.0, 90.0)]], ["fuel"], ["temp"])

    def rise(**keywords: object) -> float:
        controller = make_controller(oven, 30.0, track=["temp"], **keywords)  # type: ignore[arg-type]
        plant = sampled_transfer_matrix(
            "oven", [[first_order(2.0, 600.0, 90.0)]], ["fuel"], ["temp"], sample_time_s=30.0
        )
        ys, _ = loop(controller, by_samples(plant, 30.0), 60, lambda k: {"temp": 1.0})
        return float(np.argmax(ys[:, 0] > 0.632))

    assert rise(response_s=120.0) < rise(response_s=600.0)
    assert rise() < rise(move_suppression={"fuel": 30.0})
