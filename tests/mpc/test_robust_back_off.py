"""Back-off from mispredictions: its numbers, its bounds, and how often limits are passed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.generic.controller import make_controller, wanted
from operator_agent.mpc.robust.back_off import FEWEST, BackOffRule, Spread
from operator_agent.mpc.robust.uncertainty import Uncertain, Uncertainty
from operator_agent.mpc.scan import Scan
from operator_agent.plant.classics.van_de_vusse import KLATT_ENGELL, van_de_vusse
from operator_agent.plant.generic.transfer_function import first_order
from operator_agent.plant.generic.transfer_matrix import linear_plant
from operator_agent.plant.integrate import make_integrator

CYCLE_S = 60.0
NOISE = 0.02
WALK = 0.05  # of the oven's unmeasured load, in each cycle


def oven(options: BackOffRule | None) -> Controller:
    """Return a controller whose set point lies far above a limit: it rides on the limit."""
    controller = make_controller(
        linear_plant("oven", [[first_order(2.0, 600.0)]], ["fuel"], ["temp"]),
        CYCLE_S,
        track=["temp"],
        limits={"temp": (None, 1.0), "fuel": (-5.0, 5.0)},
        noise={"temp": NOISE},
        response_s=120.0,
    )
    return controller.retuned(controller.weights, replace(controller.options, back_off=options))


def ridden(controller: Controller, cycles: int, seed: int = 1) -> tuple[np.ndarray, Spread]:
    """Return the true temperatures of the oven with a load that wanders, and what was learnt."""
    rng = np.random.default_rng(seed)
    keep, x, load, u, state = np.exp(-CYCLE_S / 600.0), 0.0, 0.0, np.zeros(1), None
    found = []
    for k in range(cycles):
        found.append(x + load)
        y = np.array([x + load + NOISE * rng.standard_normal()])
        scan = Scan(y=y, u_readback=u, d=np.zeros(0), time_s=CYCLE_S * k)
        state = controller.start(scan) if state is None else state
        result, state = controller.step(state, scan, wanted({"temp": 3.0}), None)
        u = result.outcome.move
        x = keep * x + 2.0 * (1.0 - keep) * u[0]
        load = 0.98 * load + WALK * rng.standard_normal()
    assert state is not None
    return np.array(found), state.spread


def fed(innovations: Sequence[float], rule: BackOffRule) -> Spread:
    spread = Spread()
    for e in innovations:
        spread = spread.with_innovation(np.array([e]), rule)
    return spread


def test_back_off_is_the_quantile_of_what_the_prediction_misses():
    rule = BackOffRule(quantile=0.9, memory_cycles=2000.0, largest={"temp": 10.0})
    errors = 0.5 * np.random.default_rng(2).standard_normal(4000)
    found, cut = fed(errors, rule).back_offs(rule, oven(None).variables, np.ones(1))
    expected = NormalDist().inv_cdf(0.9) * np.sqrt(0.25 - NOISE**2)
    assert found["temp"] == pytest.approx(expected, rel=0.05)
    assert cut == []


def test_a_cv_that_moves_reach_late_is_kept_further_off():
    near, far = (
        BackOffRule(recovery_cycles={"temp": n}, gain=0.5, largest={"temp": 10.0}) for n in (1, 5)
    )
    spread = fed([0.3, -0.3] * 20, near)
    variables = oven(None).variables
    offs = [spread.back_offs(rule, variables, np.ones(1))[0]["temp"] for rule in (near, far)]
    ratio = np.sqrt((0.09 * (1.0 + 4.0 * 0.25) - NOISE**2) / (0.09 - NOISE**2))
    assert offs[1] / offs[0] == pytest.approx(ratio)


def test_few_or_lost_readings_draw_no_back_off_and_large_ones_are_cut():
    rule, variables = BackOffRule(), oven(None).variables
    few = fed([1.0] * int(FEWEST - 1) + [np.nan] * 50, rule)
    assert few.back_offs(rule, variables, np.ones(1)) == ({}, [])
    found, cut = fed([5.0, -5.0] * 20, rule).back_offs(rule, variables, np.ones(1))
    assert found == {"temp": 1.0}
    assert "cut to 1" in cut[0]
    quiet = fed([0.5 * NOISE] * 40, rule).back_offs(rule, variables, np.ones(1))
    assert quiet == ({"temp": 0.0}, [])


def test_the_larger_of_advice_and_own_back_off_counts():
    rule, variables = BackOffRule(), oven(None).variables
    spread = fed([0.1, -0.1] * 20, rule)
    own = spread.back_offs(rule, variables, np.ones(1))[0]["temp"]
    assert spread.larger(rule, variables, np.ones(1), {"temp": 0.01})[0]["temp"] == own
    assert spread.larger(rule, variables, np.ones(1), {"temp": 0.7})[0]["temp"] == 0.7
    assert spread.larger(None, variables, np.ones(1), {"temp": 0.7})[0] == {"temp": 0.7}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: BackOffRule(quantile=1.0), "quantile"),
        (lambda: BackOffRule(quantile=np.nan), "quantile"),
        (lambda: BackOffRule(memory_cycles=0.0), "memory_cycles"),
        (lambda: BackOffRule(gain=2.0), "gain"),
        (lambda: BackOffRule(recovery_cycles={"temp": 0.0}), "recovery_cycles of temp"),
        (lambda: BackOffRule(largest={"temp": np.inf}), "largest of temp"),
        (lambda: oven(BackOffRule(largest={"pressure": 1.0})), "pressure: no CV"),
    ],
)
def test_impossible_rules_are_refused(make: Callable[[], object], sentence: str):
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.slow
def test_a_limit_that_is_ridden_on_is_passed_at_most_as_often_as_wanted():
    """A plan goes down at once where it must and up with its weights: that is learned, too."""
    wanted_shares = (0.2, 0.05)
    plain, _ = ridden(oven(None), 400)
    for allowed in wanted_shares:
        kept, spread = ridden(oven(BackOffRule(1.0 - allowed, memory_cycles=300.0)), 400)
        share = float(np.mean(kept[100:] > 1.0))
        assert float(np.mean(plain[100:] > 1.0)) > 1.2 * allowed
        assert 0.7 * allowed < share < 1.3 * allowed
        std = float(np.sqrt(spread.squares[0] / spread.weights[0]))
        assert std == pytest.approx(np.hypot(WALK, NOISE * np.sqrt(1.8)), rel=0.15)


def reactor(back_off: BackOffRule | None, uncertainty: Uncertainty | None = None) -> Controller:
    """Return a controller of the van de Vusse reactor that rides on its temperature limit."""
    model = van_de_vusse(KLATT_ENGELL)
    hot = float(model.x_nominal[2]) + 1.0
    controller = make_controller(
        model,
        36.0,
        track=["conc_b"],
        limits={"dilution_feed": (1e-3, 2e-2), "duty_jacket": (-6000.0, 0.0),
                "temp_reactor": (None, hot)},
        noise={"temp_reactor": 0.02},
    )  # fmt: skip
    options = replace(controller.options, back_off=back_off, uncertainty=uncertainty)
    return controller.retuned(controller.weights, options)


def reacted(controller: Controller, cycles: int, seed: int = 3) -> np.ndarray:
    """Return true temperatures above the limit; feed concentration and temperature wander."""
    rng = np.random.default_rng(seed)
    model = controller.model
    step, x, u = (
        make_integrator(van_de_vusse(KLATT_ENGELL), 1e-7).step,
        model.x_nominal,
        model.u_nominal,
    )
    d, feed, state = model.d_nominal, 0.0, None
    above = []
    for k in range(cycles):
        y = model.outputs(x, u, d).full().ravel()
        above.append(y[1] - controller.variables.cv_hard_high[1])
        seen = y + np.array([0.0, 0.02]) * rng.standard_normal(2)
        scan = Scan(y=seen, u_readback=u, d=d, time_s=36.0 * k)
        state = controller.start(scan) if state is None else state
        result, state = controller.step(state, scan, wanted({"conc_b": 1200.0}), None)
        u = result.outcome.move
        feed = 0.9 * feed + 0.01 * float(d[0]) * rng.standard_normal()
        x = step(x, u, d + feed * np.eye(d.size)[0], 36.0)
        x = x + np.array([0.0, 0.0, 0.1, 0.0]) * rng.standard_normal(4)
    return np.array(above)


@pytest.mark.slow
def test_the_reactors_temperature_passes_its_limit_as_seldom_as_wanted():
    plain, kept = (reacted(reactor(rule), 220) for rule in (None, BackOffRule(0.95)))
    shares = [float(np.mean(above[60:] > 0.0)) for above in (plain, kept)]
    assert shares[0] > 0.06
    assert shares[1] < 0.05
    assert np.mean(kept) < np.mean(plain)


@pytest.mark.slow
def test_a_controller_of_a_tree_moves_for_all_values_of_its_feed():
    model = van_de_vusse(KLATT_ENGELL)
    feed = Uncertain("conc_a_feed", tuple(float(model.d_nominal[0]) * f for f in (1.0, 1.05, 0.95)))
    controller = reactor(None, Uncertainty((feed,)))
    above = reacted(controller, 40)
    assert float(np.max(above)) < 1.0
    wide = reacted(controller.retuned(controller.weights, reactor(None).options), 40)
    assert np.abs(above - wide).max() > 1e-3
