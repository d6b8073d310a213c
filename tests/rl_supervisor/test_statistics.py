import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.rl_supervisor.statistics import bootstrap_interval, compare


def test_equal_controllers_are_not_promoted() -> None:
    result = compare(np.arange(8.0), np.arange(8.0))
    assert (result.mean, result.low, result.share_better) == (0.0, 0.0, 0.5)
    assert not result.warranted


def test_clear_gain_is_promoted_and_its_reverse_is_not() -> None:
    base = np.random.default_rng(0).normal(size=20)
    gain = 1.0 + 0.3 * np.random.default_rng(1).normal(size=20)
    assert compare(base + gain, base).warranted
    assert not compare(base, base + gain).warranted


def test_one_lucky_episode_does_not_pass_the_gate() -> None:
    policy = np.array([10.0, -0.1, -0.1, -0.1, -0.1, -0.1])
    result = compare(policy, np.zeros(6))
    assert result.mean > 0.0
    assert not result.warranted


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        low, high = bootstrap_interval(rng.normal(size=40), trial)
        covered += low <= 0.0 <= high
    assert 0.88 <= covered / 200 <= 0.99


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=12), st.integers(0, 100))
def test_interval_contains_the_mean_of_the_data(values: list[float], seed: int) -> None:
    array = np.array(values)
    result = compare(array, np.zeros_like(array), seed)
    slack = 1e-9 * (1.0 + float(np.abs(array).max()))
    assert array.min() - slack <= result.low <= result.high <= array.max() + slack


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.ones(2), np.ones(2)),
        (np.ones(4), np.ones(3)),
        (np.array([1.0, np.nan, 2.0]), np.ones(3)),
    ],
)
def test_unusable_results_are_refused(first: np.ndarray, second: np.ndarray) -> None:
    with pytest.raises(InputError):
        compare(first, second)
