"""The nonlinear classics give the numbers that their papers print, and keep their balances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.plant.classics import column_a as column
from operator_agent.plant.classics import williams_otto as reactor
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.classics.quadruple_tank import (
    MINIMUM_PHASE,
    NONMINIMUM_PHASE,
    OperatingPoint,
    quadruple_tank,
)
from operator_agent.plant.classics.van_de_vusse import CHEN, HOUR_S, KLATT_ENGELL, van_de_vusse
from operator_agent.plant.generic.gains import relative_gains
from operator_agent.plant.integrate import make_integrator, make_steady_state_solver
from operator_agent.plant.process_model import ProcessModel


@pytest.fixture(scope="module")
def column_a() -> ProcessModel:
    return column.column_a()


@pytest.fixture(scope="module")
def plant() -> ProcessModel:
    return reactor.williams_otto()


def outputs(model: ProcessModel, x: np.ndarray, u: np.ndarray) -> np.ndarray:
    return model.outputs(x, u, model.d_nominal).full().ravel()


def test_column_a_as_published(column_a: ProcessModel) -> None:
    # Skogestad and Postlethwaite, Multivariable Feedback Control, 2005, section 12.4; gains and
    # feed gains of its model colamod.
    linear = Linearised.of(column_a)
    y = outputs(column_a, column_a.x_nominal, column_a.u_nominal)
    assert y == pytest.approx([0.99, 0.01], abs=1e-6)
    flows = linear.gains[:, :3] * column.KMOL_MIN
    assert flows == pytest.approx(
        np.array([[0.8754, -0.8618, 0.3939], [1.0846, -1.0982, 0.5861]]), abs=1e-4
    )
    assert linear.gains[:, 3] == pytest.approx([0.8812, 1.1188], abs=1e-4)
    assert relative_gains(linear.gains[:, :2])[0, 0] == pytest.approx(35.9, abs=0.05)
    minutes = linear.time_constants_s / 60.0
    assert minutes[0] == pytest.approx(194.0, abs=0.1)
    assert minutes[-1] == pytest.approx(0.03, abs=0.002)
    assert column_a.n_x == 82


def test_simplified_column_a_is_as_ill_conditioned_as_published() -> None:
    # Skogestad, Morari and Doyle, IEEE Trans. Automat. Control 33 (1988) 1092: condition number
    # 141.7 and relative gain 35.1.
    gains = Linearised.of(column.column_a_simplified()).gains * column.KMOL_MIN
    assert relative_gains(gains)[0, 0] == pytest.approx(35.1, abs=0.05)
    assert np.linalg.cond(gains) == pytest.approx(141.7, abs=0.05)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_column_a_makes_no_matter(column_a: ProcessModel, seed: int) -> None:
    model = column_a
    rng = np.random.default_rng(seed)
    n = column.N_STAGES
    light, holdup = rng.uniform(0.01, 0.99, n), column.HOLDUP * rng.uniform(0.8, 1.2, n)
    u = model.u_nominal * rng.uniform(0.9, 1.1, 2)
    d = np.array([column.FEED * rng.uniform(0.8, 1.2), rng.uniform(0.3, 0.7), rng.uniform(0, 1)])
    rates = model.rhs(np.concatenate((light, holdup)), u, d).full().ravel()
    bottoms = column.PRODUCT + column.LEVEL_GAIN * (holdup[0] - column.HOLDUP)
    distillate = column.PRODUCT + column.LEVEL_GAIN * (holdup[-1] - column.HOLDUP)
    assert np.sum(rates[n:]) == pytest.approx(d[0] - bottoms - distillate, abs=1e-9)
    moles = np.sum(rates[:n] * holdup + light * rates[n:])
    expected = d[0] * d[1] - bottoms * light[0] - distillate * light[-1]
    assert moles == pytest.approx(expected, abs=1e-8)


# Johansson, IEEE Trans. Control Syst. Technol. 8 (2000) 456, table I, equations 8 to 11: levels
# [cm], time constants [s], zeros [1/s], relative gain. He measured the levels: 1.8 cm is 1.63 cm
# by his own equations, so levels are compared within 10 %.
TANKS = (
    (MINIMUM_PHASE, (12.4, 12.7, 1.8, 1.4), (62, 90, 23, 30), (-0.060, -0.018), 1.40),
    (NONMINIMUM_PHASE, (12.6, 13.0, 4.8, 4.9), (63, 91, 39, 56), (-0.057, 0.013), -0.64),
)


@pytest.mark.parametrize(("point", "levels", "times", "zeros", "relative"), TANKS)
def test_quadruple_tank_as_published(
    point: OperatingPoint,
    levels: tuple[float, ...],
    times: tuple[float, ...],
    zeros: tuple[float, ...],
    relative: float,
) -> None:
    model = quadruple_tank(point)
    linear = Linearised.of(model)
    assert 100.0 * model.x_nominal == pytest.approx(levels, rel=0.1)
    assert -1.0 / np.diag(linear.a) == pytest.approx(times, abs=1.0)
    assert linear.zeros() == pytest.approx(zeros, abs=1e-3)
    assert relative_gains(linear.gains[:, :2])[0, 0] == pytest.approx(relative, abs=5e-3)


def test_quadruple_tank_levels_follow_from_torricelli() -> None:
    point = MINIMUM_PHASE
    pumped = np.array(point.pump_gains_m3_sv) * np.array(point.volts)
    upper = np.array([(1 - point.splits[1]) * pumped[1], (1 - point.splits[0]) * pumped[0]])
    flows = np.concatenate((upper + np.array(point.splits) * pumped, upper))
    areas = 1e-4 * np.array([0.071, 0.057, 0.071, 0.057])
    expected = (flows / areas) ** 2 / (2.0 * 9.81)
    assert quadruple_tank(point).x_nominal == pytest.approx(expected, rel=1e-6)


def test_quadruple_tank_runs_empty_without_harm() -> None:
    model = quadruple_tank()
    step = make_integrator(model).step
    x = model.x_nominal
    for _ in range(60):
        x = step(x, np.zeros(2), np.zeros(2), 60.0)
    assert np.all(np.abs(x) < 1e-4)
    with_leak = step(x, np.zeros(2), model.d_scale, 60.0)
    assert np.all(np.isfinite(with_leak))


def test_van_de_vusse_as_published() -> None:
    # Klatt and Engell, Comput. Chem. Eng. 22 (1998) 491: cA 1.235, cB 0.9 mol/l, 134.14 and
    # 128.95 C. Chen, Kremling and Allgöwer, ECC 1995: 2.14, 1.09 mol/l, 114.2 and 112.9 C.
    zero = np.array([0.0, 0.0, 273.15, 273.15])
    factor = np.array([1e-3, 1e-3, 1.0, 1.0])
    x = factor * (van_de_vusse(KLATT_ENGELL).x_nominal - zero)
    assert x == pytest.approx([1.235, 0.900, 134.14, 128.95], abs=0.015)
    x = factor * (van_de_vusse(CHEN).x_nominal - zero)
    assert x == pytest.approx([2.14, 1.09, 114.2, 112.9], abs=0.015)


def test_van_de_vusse_gain_changes_its_sign() -> None:
    # The reason for this benchmark: the product concentration has a maximum over the feed rate.
    model = van_de_vusse(CHEN)
    solver = make_steady_state_solver(model)
    dilutions = np.linspace(8.0, 35.0, 10) / HOUR_S
    conc, x = [], model.x_nominal
    for dilution in dilutions:
        x = solver.solve(np.array([dilution, model.u_nominal[1]]), model.d_nominal, x)
        conc.append(x[1])
    slopes = np.diff(conc)
    assert slopes[0] > 0.0 > slopes[-1]
    assert np.sum(np.diff(np.sign(slopes)) != 0) == 1


def test_williams_otto_optimum_as_published(plant: ProcessModel) -> None:
    # Marchetti, Chachuat and Bonvin, Ind. Eng. Chem. Res. 48 (2009) 6022: feed of B 4.787 kg/s,
    # 89.70 C, profit 190.98; computed apart: 4.7875, 89.703, 190.991.
    best = reactor.steady_optimum(plant)
    assert best.flow_b == pytest.approx(4.7875, abs=1e-3)
    assert best.temp - 273.15 == pytest.approx(89.703, abs=1e-2)
    assert best.profit == pytest.approx(190.991, abs=1e-3)


def test_williams_otto_optimum_is_certified_by_its_neighbours(plant: ProcessModel) -> None:
    best = reactor.steady_optimum(plant)
    solver = make_steady_state_solver(plant)
    for move in ((0.02, 0.0), (-0.02, 0.0), (0.0, 0.2), (0.0, -0.2)):
        u = np.array([best.flow_b, best.temp]) + move
        x = solver.solve(u, plant.d_nominal, best.fractions)
        assert outputs(plant, x, u)[0] < best.profit


@pytest.mark.parametrize("build", [reactor.williams_otto, reactor.williams_otto_approximate])
def test_williams_otto_fractions_stay_a_whole(build) -> None:
    model = build()
    assert np.sum(model.x_nominal) == pytest.approx(1.0, abs=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.dirichlet(np.ones(model.n_x))
        rates = model.rhs(x, model.u_nominal * rng.uniform(0.9, 1.1, 2), model.d_nominal)
        assert np.sum(rates.full()) == pytest.approx(0.0, abs=1e-12)


def test_the_approximate_reactor_misleads_the_optimiser(plant: ProcessModel) -> None:
    # What model adaptation is tested on: the best point of the wrong model costs the plant money.
    model = reactor.williams_otto_approximate()
    believed = reactor.steady_optimum(model)
    u = np.array([believed.flow_b, believed.temp])
    x = make_steady_state_solver(plant).solve(u, plant.d_nominal, plant.x_nominal)
    earned = outputs(plant, x, u)[0]
    best = reactor.steady_optimum(plant)
    assert abs(believed.temp - best.temp) > 5.0
    assert earned < best.profit - 10.0
    assert abs(believed.profit - earned) > 5.0
