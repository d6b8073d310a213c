"""Predictions against what came: means and spreads, recomputed from all errors at once."""

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.explain.accuracy import PredictionLog

AHEAD_S = np.array([10.0, 25.0, 60.0])


def test_errors_are_those_of_each_stage_when_it_ends() -> None:
    rng = np.random.default_rng(3)
    times = 10.0 * np.arange(40)
    truth = np.column_stack([np.sin(times / 90.0), 0.01 * times])
    log = PredictionLog.empty(("a", "b"), AHEAD_S)
    made = [rng.normal(size=(3, 2)) for _ in times]
    for time_s, y, plan in zip(times, truth, made, strict=True):
        log = log.measured(time_s, y).predicted(time_s, plan)
    accuracy = log.accuracy()
    for k, ahead in enumerate(AHEAD_S):
        for i in range(2):
            errors = [
                np.interp(t + ahead, times, truth[:, i]) - plan[k, i]
                for t, plan in zip(times, made, strict=True)
                if t + ahead <= times[-1]
            ]
            assert accuracy.count[k, i] == len(errors)
            assert accuracy.mean[k, i] == pytest.approx(np.mean(errors), abs=1e-12)
            assert accuracy.std[k, i] == pytest.approx(np.std(errors, ddof=1), abs=1e-12)


def test_bad_readings_count_for_nothing_and_the_log_stays_small() -> None:
    log = PredictionLog.empty(("a", "b"), AHEAD_S)
    for cycle in range(50):
        y = np.array([1.0, np.nan])
        log = log.measured(10.0 * cycle, y).predicted(10.0 * cycle, np.ones((3, 2)))
    accuracy = log.accuracy()
    assert accuracy.count[0].tolist() == [49, 0]
    assert accuracy.mean[0, 0] == 0.0 and np.isnan(accuracy.mean[0, 1])
    assert len(log.waiting) <= 1 + AHEAD_S[-1] / 10.0
    cvs = accuracy.payload()["cvs"]
    assert cvs["b"]["mean"] == [None, None, None]


def test_a_shorter_prediction_leaves_the_late_stages_alone() -> None:
    log = PredictionLog.empty(("a",), AHEAD_S).predicted(0.0, np.zeros((2, 1)))
    for time_s in (10.0, 30.0, 70.0):
        log = log.measured(time_s, np.ones(1))
    assert log.accuracy().count.ravel().tolist() == [1, 1, 0]


def test_time_that_does_not_go_on_is_refused() -> None:
    log = PredictionLog.empty(("a",), AHEAD_S).measured(5.0, np.ones(1))
    with pytest.raises(InputError, match="follow"):
        log.measured(5.0, np.ones(1))
    with pytest.raises(InputError, match="2 CVs"):
        log.predicted(6.0, np.ones((3, 2)))
