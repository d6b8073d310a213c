"""The fractionator and the column in closed loop: limits, scores, and who is better than whom."""

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.published.column_a import (
    PUBLISHED_LOOPS,
    column_case,
    column_pi,
    detuned,
)
from operator_agent.mpc.published.pi_baseline import FirstOrder, PiControl, searched, simc
from operator_agent.mpc.published.scored import SCORED_CASES, scored_rows
from operator_agent.mpc.published.shell_fractionator import (
    CASES,
    SETPOINT_CASE,
    TUNED_LOOPS,
    Y,
    shell_case,
    shell_mpc,
    shell_pi,
    simc_loops,
    tuning_score,
)
from operator_agent.mpc.published.tracking_case import TrackingCase, run_tracking
from operator_agent.plant.classics.loops import PiLoop, run_loops
from operator_agent.plant.classics.wood_berry import wood_berry_sampled


def test_simc_gives_the_published_settings():
    loop = simc(FirstOrder("u", "y", 2.0, 100.0, 5.0), 5.0)
    assert (loop.gain, loop.reset_s) == (100.0 / (2.0 * 10.0), 40.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shell-1", "shell-3"])
def test_the_controller_beats_tuned_pi_within_its_limits(name: str):
    case = shell_case(name)
    ours = run_tracking(case, shell_mpc(name))
    theirs = run_tracking(case, shell_pi(name, TUNED_LOOPS, "pi"))
    assert not ours.failures
    assert ours.cost < 0.7 * theirs.cost
    assert sum(ours.violation.values()) <= sum(theirs.violation.values()) + 0.2
    assert ours.depth[Y[0]] == 0.0


@pytest.mark.slow
def test_set_points_are_followed_without_offset():
    score = run_tracking(shell_case(SETPOINT_CASE), shell_mpc(SETPOINT_CASE))
    assert score.end_error < 2e-3 and not score.failures


def test_settings_found_by_search_are_better_than_simc():
    assert tuning_score(tuple(CASES)[:2], TUNED_LOOPS) < tuning_score(
        tuple(CASES)[:2], simc_loops()
    )


def test_a_search_finds_the_lower_score():
    elements = (FirstOrder("u", "y", 1.0, 10.0, 2.0),)
    best = searched(elements, lambda loops: (np.log(loops[0].gain) - np.log(1.0)) ** 2)
    assert best[0].gain == pytest.approx(1.0, rel=0.05)


@pytest.mark.slow
def test_published_loops_hold_the_column_and_search_improves_them():
    case = column_case()
    published = run_tracking(case, column_pi(PUBLISHED_LOOPS, "published"))
    tuned = run_tracking(case, column_pi(detuned((0.675, 0.727)), "tuned"))
    assert published.end_error < 1e-3
    assert tuned.cost < published.cost


def test_scores_are_those_of_the_plain_loops():
    plant = wood_berry_sampled(1.2)
    loops = [PiLoop("flow_reflux", "percent_distillate", 0.375, 8.29 * 60.0)]
    plain = run_loops(plant, loops, [1.0], 3000.0)
    case = TrackingCase(
        "wood-berry", "", lambda: wood_berry_sampled(1.2), 3000.0,
        lambda t: {"percent_distillate": 97.0}, lambda t: {}, {},
    )  # fmt: skip
    names = ("flow_reflux", "flow_steam"), ("percent_distillate", "percent_bottoms")
    open_limits = np.full(2, -1e9), np.full(2, 1e9), np.full(2, 1e9)
    score = run_tracking(case, PiControl("pi", loops, 1.2, names, open_limits))
    found = score.absolute_error["percent_distillate"]
    assert found == pytest.approx(plain.absolute_error[0] / 60.0, rel=0.01)


def test_an_unknown_case_is_refused_by_name():
    assert "column-a" in SCORED_CASES
    with pytest.raises(InputError, match="shell-9"):
        scored_rows("shell-9", lambda sentence: None)
