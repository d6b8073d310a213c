"""Plants of the literature under `make_controller` with nothing tuned, each for one difficulty.

Reactor with ignition and its task: PC-Gym 0.1.8, after Hedengren; three steady states: Bequette,
"Process Dynamics" (1998), module 8; drum with inverse response: Luyben, "Process Modeling,
Simulation and Control" (1990), 11.5; integrator with dead time: Skogestad, J. Process Control 13
(2003) 291; cart with pendulum: Astrom and Murray, "Feedback Systems" (2008), 2.2.
"""

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
from operator_agent.mpc.generic.open_loop import open_loop
from operator_agent.mpc.scan import Scan
from operator_agent.plant.generic.transfer_function import (
    TransferFunction,
    first_order,
    integrator,
)
from operator_agent.plant.generic.transfer_matrix import linear_plant, sampled_transfer_matrix
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel

Law = Callable[[ca.SX, ca.SX, ca.SX], list[ca.SX]]


def by_ode(model: object, cycle_s: float, x0: list[float]) -> Advance:
    """Return a plant whose states are all read, from a state that need not be at rest."""
    assert isinstance(model, ProcessModel)
    step, states = make_integrator(model, 1e-8).step, [np.array(x0)]

    def advance(u: FloatArray, d: FloatArray) -> FloatArray:
        states.append(step(states[-1], u, d, cycle_s))
        return states[-1]

    return advance


def loop(
    controller: Controller,
    plant: Advance,
    y: FloatArray,
    cycles: int,
    wish: Callable[[int], dict[str, float]],
    hidden: Callable[[int], FloatArray] | None = None,
    u: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return CVs and MVs; disturbances of the plant are not those that are read."""
    model = controller.model
    d = model.d_nominal[: len(controller.variables.dv_names)]
    u = model.u_nominal if u is None else u
    state, ys, us = ControllerState(), [], []
    for k in range(cycles):
        scan = Scan(y, u, d)
        state = controller.start(scan) if k == 0 else state
        result, state = controller.step(state, scan, wanted(wish(k)), None)
        assert result.outcome.accepted, result.outcome.reason
        u = np.array(result.outcome.move)
        y = plant(u, d if hidden is None else hidden(k))
        ys.append(y)
        us.append(u)
    return np.array(ys), np.array(us)


def reactor(rate: float = 7.2e10, exchange: float = 5e4) -> Law:
    """Concentration and temperature [K] over minutes; the MV is the coolant [K], d the feed."""

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        reacted = rate * ca.exp(-8750.0 / x[1]) * x[0]
        heat = 5e4 / 239.0 * reacted + exchange / 23_900.0 * (u[0] - x[1])
        return [d[1] - x[0] - reacted, d[0] - x[1] + heat]

    return law


REACTOR = (
    [Variable("conc", 0.8, 0.1), Variable("temp", 330.0, 10.0)],
    [Variable("coolant", 298.0, 3.0)],
    [Variable("temp_feed", 350.0, 5.0), Variable("conc_feed", 1.0, 0.1)],
)


def test_a_reactor_far_from_rest_goes_straight_to_its_set_points():
    model = equations_model("reactor", reactor(), *REACTOR)
    controller = make_controller(model, 0.25, track=["conc"], limits={"coolant": (295.0, 302.0)})
    plant, start = by_ode(model, 0.25, [0.8, 330.0]), np.array([0.8, 330.0])
    ys, us = loop(controller, plant, start, 60, lambda k: {"conc": 0.85 if k < 30 else 0.9})
    assert np.max(np.abs(ys[12:30, 0] - 0.85)) < 2e-3 and np.max(ys[:30, 0]) < 0.851
    assert np.max(np.abs(ys[48:, 0] - 0.9)) < 2e-3 and np.max(ys[:, 0]) < 0.901
    assert np.min(us) >= 295.0 and np.max(us) <= 302.0


def test_a_target_beyond_the_fold_does_not_ignite_the_reactor():
    model = equations_model("reactor", reactor(), *REACTOR)
    limits = {"coolant": (290.0, 310.0), "temp": (None, 335.0)}
    controller = make_controller(model, 0.25, track=["conc"], limits=limits)
    plant, start = by_ode(model, 0.25, [0.9, 325.0]), np.array([0.9, 325.0])
    ys, _ = loop(
        controller,
        plant,
        start,
        60,
        lambda k: {"conc": 0.9 if k < 20 else 0.8},
        lambda k: np.array([353.0, 1.03]),
    )
    assert np.max(ys[:, 1]) < 336.0
    assert ys[-1, 0] == pytest.approx(0.8, abs=2e-3)


def test_a_reactor_is_held_where_it_runs_away_by_itself():
    places = ([Variable("conc", 0.5, 0.1), Variable("temp", 350.0, 5.0)],
              [Variable("coolant", 300.0, 5.0)], REACTOR[2])  # fmt: skip
    model = equations_model("reactor", reactor(), *places)
    hotter = equations_model("plant", reactor(7.2e10 * 1.1, 4.7e4), *places)
    controller = make_controller(model, 0.05, track=["temp"], limits={"coolant": (250.0, 350.0)})
    plant, start = by_ode(hotter, 0.05, [0.5, 350.0]), np.array([0.5, 350.0])
    ys, _ = loop(controller, plant, start, 90, lambda k: {"temp": 345.0 if k < 40 else 360.0})
    assert np.max(np.abs(ys[30:40, 1] - 345.0)) < 0.1
    assert np.max(np.abs(ys[55:, 1] - 360.0)) < 0.5 and np.max(ys[:, 1]) < 361.0


def test_only_the_level_of_a_reactor_integrates_though_its_heat_moves_with_it():
    """Pannocchia and Rawlings, AIChE J. 49 (2003) 426, in minutes; a draw moves the level."""

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        fed, reacted = d[0] / 0.1507 / x[2], 7.2e10 * ca.exp(-8750.0 / x[1]) * x[0]
        heat = 5e4 / 239.0 * reacted + 2.1 * (u[0] - x[1])
        rate = (d[0] - u[1]) / 0.1507
        return [fed * (1.0 - x[0]) - reacted, fed * (350.0 - x[1]) + heat, rate]

    states = [Variable("conc", 0.878, 0.05), Variable("temp", 324.5, 5.0)]
    moved = [REACTOR[1][0], Variable("draw", 0.1, 0.02)]
    model = equations_model(
        "reactor",
        law,
        [*states, Variable("level", 0.659, 0.1)],
        moved,
        [Variable("feed", 0.1, 0.01)],
    )
    assert open_loop(model, 1.0).integrating == ("level",)


def test_a_level_shown_beside_what_integrates_reaches_its_set_point_when_all_states_are_read():
    """The mass in a drum integrates; its level depends on pressure and firing, too."""

    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        return [(u[0] - x[0] + d[0]) / 40.0, (u[1] - x[0]) / 100.0]

    swell = {"level": lambda x, u, d: x[1] + 0.5 * x[0] + 0.2 * u[0]}
    model = equations_model("drum", law, ["pressure", "mass"], ["fuel", "water"], ["heat"], swell)
    limits = {"fuel": (-3.0, 3.0), "water": (-3.0, 3.0)}
    controller = make_controller(model, 5.0, track=["pressure", "level"], limits=limits)
    assert isinstance(model, ProcessModel)
    step, states = make_integrator(model, 1e-8).step, [np.zeros(2)]

    def plant(u: FloatArray, d: FloatArray) -> FloatArray:
        states.append(step(states[-1], u, d, 5.0))
        return model.outputs(states[-1], u, d).full().ravel()

    wish = {"pressure": 1.0, "level": 0.0}
    ys, _ = loop(controller, plant, np.zeros(3), 120, lambda k: wish, lambda k: np.array([0.2]))
    assert ys[-1, [0, 2]] == pytest.approx([1.0, 0.0], abs=1e-2)


def test_what_integrates_and_nobody_asks_for_does_not_forbid_a_set_point():
    cart = equations_model("cart", lambda x, u, d: [x[1], u[0] + d[0] - 0.1 * x[1]],
                           ["place", "speed"], ["force"], ["wind"])  # fmt: skip
    limits = {"force": (-1.0, 1.0)}
    controller = make_controller(cart, 0.2, track=["speed"], limits=limits)
    ys, _ = loop(controller, by_ode(cart, 0.2, [0.0, 0.0]), np.zeros(2), 160,
                 lambda k: {"speed": 0.5}, lambda k: np.array([0.1]))  # fmt: skip
    assert ys[-1, 1] == pytest.approx(0.5, abs=5e-3)
    both = make_controller(cart, 0.2, track=["place"], limits={**limits, "speed": (-0.5, 0.5)})
    assert both.options.integrating == ("place",) and both.model.drifting == ()
    behind = equations_model("behind", lambda x, u, d: [u[0], x[0] - x[1]], ["sum", "lag"], ["u"])
    kept = make_controller(behind, 0.2, track=["lag"], limits={"u": (-1.0, 1.0)})
    assert kept.options.integrating == ("sum",)  # the lag has no other rest without it


def test_a_fed_batch_follows_its_substrate_while_cells_and_volume_grow():
    """Penicillin: Bajpai and Reuss, J. Chem. Technol. Biotechnol. 30 (1980) 332; in hours."""

    def growing(rate: float) -> Law:
        def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
            food = ca.fmax(x[1], 0.0)
            grown = rate * food / (0.15 * x[0] + food + 1e-6) * x[0]
            made = 0.005 * food / (2e-4 + food + food**2 / 0.1) * x[0]
            eaten = grown / 0.45 + made / 0.9 + 0.014 * x[0]
            thinner = u[0] / x[2]
            return [grown - x[0] * thinner, (500.0 - food) * thinner - eaten, u[0]]

        return law

    names = ([Variable("cells", 10.0, 5.0), Variable("food", 0.5, 0.2), Variable("volume", 7.0)],
             [Variable("feed", 0.03, 0.02)])  # fmt: skip
    model = equations_model("batch", growing(0.092), *names)
    slower = equations_model("plant", growing(0.08), *names)
    controller = make_controller(
        model, 0.25, track=["food"], limits={"feed": (0.0, 0.3)}, horizon_s=5.0
    )
    start = [1.5, 1.0, 7.0]
    ys, _ = loop(controller, by_ode(slower, 0.25, start), np.array(start), 60,
                 lambda k: {"food": 0.5})  # fmt: skip
    assert np.max(np.abs(ys[30:, 1] - 0.5)) < 0.02


def test_a_plan_that_ignites_is_left_for_another_one():
    """A small error ignites the prediction; its moves would then ignite the reactor."""
    model = equations_model("reactor", reactor(), *REACTOR)
    faster = equations_model("plant", reactor(7.2e10 * 1.1, 4.25e4), *REACTOR)
    controller = make_controller(model, 0.25, track=["conc"], limits={"coolant": (290.0, 310.0)})
    plant, rng = by_ode(faster, 0.25, [0.8, 330.0]), np.random.default_rng(1)
    ys, _ = loop(
        controller,
        lambda u, d: plant(u, d) + rng.normal(size=2) * [1e-3, 0.1],
        np.array([0.8, 330.0]),
        100,
        lambda k: {"conc": 0.9 if k < 50 else 0.8},
        lambda k: np.array([353.0, 1.03]),
    )
    assert np.max(ys[20:, 1]) < 336.0
    assert np.mean(ys[-20:, 0]) == pytest.approx(0.8, abs=3e-3)


def test_a_loop_of_tenths_of_a_second_uses_every_reading():
    lag = equations_model("lag", lambda x, u, d: [2.0 * (u[0] + d[0] - x[0])],
                          ["y"], ["u"], ["d"])  # fmt: skip
    controller = make_controller(lag, 0.1, track=["y"], limits={"u": (0.0, 10.0)})
    ys, _ = loop(controller, by_ode(lag, 0.1, [0.0]), np.zeros(1), 30, lambda k: {"y": 1.0},
                 lambda k: np.array([0.3]))  # fmt: skip
    assert np.max(np.abs(ys[15:, 0] - 1.0)) < 1e-2


def test_variables_given_by_name_alone_are_believed_wherever_they_are():
    tank = equations_model("tank", lambda x, u, d: [(u[0] - 0.1 * x[0] + d[0]) / 5.0],
                           ["level"], ["inflow"], ["rain"])  # fmt: skip
    controller = make_controller(tank, 1.0, track=["level"], limits={"inflow": (0.0, 50.0)})
    plant, start, filling = by_ode(tank, 1.0, [80.0]), np.array([80.0]), np.array([8.0])
    wish, rain = {"level": 100.0}, np.array([0.5])
    ys, _ = loop(controller, plant, start, 150, lambda k: wish, lambda k: rain, filling)
    assert ys[-1, 0] == pytest.approx(100.0, abs=0.1)


def test_a_surge_tank_alone_lets_its_level_float_between_limits():
    tank = equations_model("surge", lambda x, u, d: [(d[0] - u[0]) / 100.0],
                           [Variable("level", 50.0, 20.0)], [Variable("out", 10.0, 3.0)],
                           [Variable("into", 10.0, 3.0)])  # fmt: skip
    limits = {"out": (0.0, 20.0), "level": (20.0, 80.0)}
    controller = make_controller(tank, 10.0, limits=limits)
    ys, us = loop(controller, by_ode(tank, 10.0, [50.0]), np.array([50.0]), 120, lambda k: {},
                  lambda k: np.array([13.0]))  # fmt: skip
    assert np.max(ys) < 80.0 and us[-1] == pytest.approx(13.0, abs=1e-3)


def test_a_mass_is_moved_within_its_speed_under_a_force_nobody_measures():
    mass = equations_model("mass", lambda x, u, d: [x[1], u[0] + d[0]], ["place", "speed"],
                           ["push"], ["wind"])  # fmt: skip
    limits = {"push": (-1.0, 1.0), "speed": (-0.5, 0.5)}
    controller = make_controller(mass, 0.1, track=["place"], limits=limits)
    ys, _ = loop(controller, by_ode(mass, 0.1, [0.0, 0.0]), np.zeros(2), 120,
                 lambda k: {"place": 1.0}, lambda k: np.array([0.2 * (k > 60)]))  # fmt: skip
    assert np.max(ys[:60, 0]) < 1.02 and np.max(ys[:60, 1]) < 0.51
    assert ys[-1, 0] == pytest.approx(1.0, abs=1e-3)


def test_a_pendulum_stays_up_while_its_cart_moves():
    def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
        sine, cosine = ca.sin(x[2]), ca.cos(x[2])
        mass = 1.0 + 0.1 * sine**2
        pushed = u[0] + 0.1 * sine * (0.5 * x[3] ** 2 - 9.81 * cosine)
        turned = -u[0] * cosine - 0.05 * x[3] ** 2 * sine * cosine + 1.1 * 9.81 * sine
        return [x[1], pushed / mass, x[3], turned / (0.5 * mass)]

    states = [Variable("place", 0.0, 1.0), Variable("speed", 0.0, 1.0),
              Variable("angle", 0.0, 0.2), Variable("turn", 0.0, 0.5)]  # fmt: skip
    model = equations_model("pendulum", law, states, [Variable("push", 0.0, 5.0)])
    limits = {"push": (-10.0, 10.0), "angle": (-0.3, 0.3)}
    controller = make_controller(model, 0.05, track=["place"], limits=limits)
    ys, _ = loop(controller, by_ode(model, 0.05, [0.0] * 4), np.zeros(4), 100,
                 lambda k: {"place": 1.0})  # fmt: skip
    assert ys[-1, 0] == pytest.approx(1.0, abs=0.02)  # the horizon of what falls is short
    assert np.max(np.abs(ys[:, 2])) < 0.31


@pytest.mark.parametrize(
    ("numerator", "denominator", "dead_time_s"),
    [((0.05,), (1.0, 0.0), 5.0), ((-2.0, 0.25), (10.0, 1.0, 0.0), 0.0)],
    ids=["dead time", "inverse response behind a lag"],
)
def test_an_integrator_does_not_swing_when_its_gain_is_a_fifth_larger(
    numerator: tuple[float, ...], denominator: tuple[float, ...], dead_time_s: float
):
    known = TransferFunction(numerator, denominator, dead_time_s)
    real = TransferFunction(tuple(1.2 * n for n in numerator), denominator, dead_time_s)
    load = integrator(0.05)
    names = (["feed"], [Variable("level", 0.0, 0.5)], ["steam"])
    controller = make_controller(
        linear_plant("drum", [[known, load]], *names),
        1.0,
        track=["level"],
        limits={"feed": (-3.0, 3.0)},
    )  # fmt: skip
    plant = sampled_transfer_matrix("drum", [[real, load]], *names, sample_time_s=0.5)
    ys, us = loop(controller, by_samples(plant, 1.0), np.zeros(1), 260, lambda k: {"level": 0.5},
                  lambda k: np.array([-0.3 * (k > 100)]))  # fmt: skip
    assert np.max(np.abs(ys[-20:, 0] - 0.5)) < 5e-3
    assert float(np.sum(np.abs(np.diff(us[:, 0])))) < 20.0


def test_a_load_named_by_its_cv_or_mv_is_met_several_times_sooner_than_a_bias():
    """Lag-dominant process of Skogestad (2003); its load enters where its MV does."""
    lag = first_order(1.0, 100.0, 2.0)
    wrong = [[first_order(1.2, 100.0, 2.0)] * 2]
    model, errors = linear_plant("lag", [[lag] * 2], ["u"], ["y"], ["load"]), {}
    for named in ((), ("y",), ("u",)):
        controller = make_controller(
            model, 1.0, track=["y"], limits={"u": (-5.0, 5.0)}, unmeasured=named
        )
        plant = by_samples(
            sampled_transfer_matrix("plant", wrong, ["u"], ["y"], ["load"], sample_time_s=1.0), 1.0
        )
        ys, _ = loop(controller, plant, np.zeros(1), 120, lambda k: {"y": 0.0},
                     lambda k: np.array([0.5]))  # fmt: skip
        errors[named] = float(np.mean(np.abs(ys)))
    assert errors["y",] < 0.2 * errors[()] and errors["u",] < 0.35 * errors[()]
    with pytest.raises(InputError, match="level has no time constant of its own"):
        make_controller(linear_plant("tank", [[integrator(1.0)]], ["u"], ["level"]), 1.0,
                        track=["level"], unmeasured=["level"])  # fmt: skip


def test_the_first_scan_of_a_moving_plant_goes_into_its_state_not_into_biases():
    model = equations_model(
        "batch", lambda x, u, d: [-0.2 * x[0] * u[0]], [Variable("left", 8.0, 2.0)],
        [Variable("heat", 1.0, 0.5)], outputs={"made": lambda x, u, d: 10.0 - x[0]},
    )  # fmt: skip
    controller = make_controller(model, 0.5, track=["made"], limits={"heat": (0.0, 3.0)})
    scan = Scan(np.array([7.0, 3.0]), np.ones(1), np.zeros(0))
    estimate = controller.start(scan).estimate
    assert estimate is not None
    assert estimate.x == pytest.approx([7.0], abs=1e-2)
    assert estimate.bias == pytest.approx([0.0, 0.0], abs=1e-2)


def test_a_plant_that_runs_away_within_a_cycle_is_refused():
    fast = equations_model("fast", lambda x, u, d: [x[0] + u[0]], ["y"], ["u"])
    with pytest.raises(InputError, match="runs away"):
        make_controller(fast, 10.0, track=["y"])


def test_what_runs_away_out_of_reach_and_what_no_mv_moves_is_refused_by_name():
    model = equations_model(
        "two", lambda x, u, d: [x[0] / 10.0, u[0] - x[1], -x[2]], ["hot", "level", "far"], ["feed"]
    )
    with pytest.raises(InputError, match="hot run away"):
        make_controller(model, 1.0, track=["level"])
    with pytest.raises(InputError, match="track of far"):
        make_controller(model, 1.0, track=["level", "far"])
