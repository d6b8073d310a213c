"""The target with noisy readings: it stands still, follows an upset, and costs no offset."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.generic.controller import make_controller, wanted
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.target.noise_band import NoiseBand, followed
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.plant.generic.transfer_function import first_order
from operator_agent.plant.generic.transfer_matrix import linear_plant, sampled_plant
from operator_agent.plant.generic.variable import Variable

LAW = [
    [first_order(3.0, 1200.0, 300.0), first_order(-1.0, 800.0, 60.0)],
    [first_order(-0.5, 600.0, 60.0), first_order(0.5, 300.0)],
]
MVS = [Variable("fuel", 10.0, 1.0), Variable("air", 20.0, 2.0)]
CVS = [Variable("temp", 350.0, 2.0), Variable("o2", 3.0, 0.5)]
LIMITS = {"fuel": (8.0, 12.0), "air": (15.0, 25.0), "temp": (349.0, 352.0)}
COSTS = {"fuel": -1.0, "air": -0.1}  # as little of both as the two limits below allow
NOISE = np.array([0.2, 0.05])  # a tenth of a span each
CYCLES, UPSET_AT, UPSET = 220, 150, np.array([1.5, 0.0])
EVERY_READING = TargetTuning(pull={}, proximal=1.0, step=1.0, noise_band=0.0, noise_cycles=1.0)


def furnace() -> Controller:
    plant = linear_plant("furnace", LAW, MVS, CVS)
    return make_controller(plant, 60.0, prices=COSTS, limits=LIMITS, soft={"o2": (2.0, 4.0)})


def noisy_run(controller: Controller, cycles: int) -> tuple[np.ndarray, np.ndarray]:
    """Return targets of the MVs and true CVs of each cycle; the upset is a jump of the CVs."""
    rng = np.random.default_rng(1)
    plant = sampled_plant(linear_plant("plant", LAW, MVS, CVS), 60.0)
    u, state, rows = np.array([10.0, 20.0]), None, []
    for cycle in range(cycles):
        y = plant.outputs_now() + (cycle >= UPSET_AT) * UPSET
        scan = Scan(y + NOISE * rng.normal(size=2), u, np.zeros(0), cycle)
        state = state or controller.start(scan)
        result, state = controller.step(state, scan, wanted({}, COSTS), None)
        assert result.outcome.accepted, result.outcome.reason
        u = result.outcome.move
        for name, value in zip(("fuel", "air"), u.tolist(), strict=True):
            plant.write(name, value)
        plant.advance(60.0)
        rows.append((result.u_target, y))
    targets, true = zip(*rows, strict=True)
    return np.array(targets), np.array(true)


def walked(targets: np.ndarray) -> float:
    """Return the path of the targets per hour, MVs added up [spans]."""
    steps = np.abs(np.diff(targets, axis=0)) / np.array([1.0, 2.0])
    return float(steps.sum()) / (targets.shape[0] / 60.0)


def test_noise_does_not_walk_the_target_and_an_upset_moves_it() -> None:
    calm = furnace()
    tuning = replace(calm.targets.tuning, noise_band=0.0, noise_cycles=1.0)
    hasty = calm.retuned(calm.weights, replace(calm.options, target=tuning))
    (quiet, kept), (walking, _) = noisy_run(calm, CYCLES), noisy_run(hasty, UPSET_AT)
    assert walked(quiet[60:UPSET_AT]) < 0.25 * walked(walking[60:UPSET_AT])
    # 1.5 K more by themselves save all the fuel down to its limit.
    before, after = quiet[UPSET_AT - 1, 0], quiet[-30:, 0].mean()
    assert before - after > 0.4
    assert abs(quiet[UPSET_AT + 5, 0] - after) < 0.2 * (before - after)
    assert np.all(kept[60:].min(axis=0) > np.array([349.0, 2.0]) - 2.0 * NOISE)
    assert np.all(np.abs(kept[60:UPSET_AT].mean(axis=0) - np.array([349.0, 2.0])) < NOISE)


def test_noise_makes_a_band_and_what_leaves_it_is_followed_at_once() -> None:
    rng = np.random.default_rng(4)
    tuning = replace(EVERY_READING, noise_band=8.0, noise_cycles=30.0)
    band: NoiseBand | None = None
    levels = []
    for value in rng.normal(size=400):
        band = followed(band, np.array([value]), tuning)
        levels.append(float(band.level[0]))
    assert band is not None
    assert np.abs(np.diff(levels[60:])).sum() < 0.1 * np.sqrt(2.0) * 340.0
    reach = tuning.noise_band * float(np.sqrt(band.noise[0]))
    assert 2.0 < reach < 8.0
    assert followed(band, np.array([100.0]), tuning).level[0] >= 100.0 - 1.1 * reach - 4.0


def test_a_value_without_noise_is_followed_as_it_comes() -> None:
    tuning = replace(EVERY_READING, noise_band=8.0, noise_cycles=30.0)
    band: NoiseBand | None = None
    for value in 1.0 - 0.65 ** np.arange(40.0):  # a bias that runs into its value
        band = followed(band, np.array([value, np.nan]), tuning)
        assert band.level[0] == value and np.isnan(band.level[1])


@pytest.mark.parametrize("wrong", [{"noise_band": -1.0}, {"noise_cycles": 0.5}])
def test_impossible_bands_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="noise_band"):
        replace(EVERY_READING, **wrong)
