"""Quality rules and the heartbeat watchdog: pure functions."""

import math
from dataclasses import replace

import pytest
from example_site import START_S, cv
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.io.tag_quality import (
    QualityRules,
    RawReading,
    accepted_range,
    judge,
)
from operator_agent.io.watchdog import Watchdog
from operator_agent.messages import Quality
from operator_agent.site import Limits
from operator_agent.tag_memory import TagMemory

TAG = cv(1)
RULES = QualityRules(max_age_s=120.0)


def raw(value=500.0, quality=Quality.GOOD, time_s=START_S):
    return RawReading(value, quality, quality.value, time_s)


def judged(reading, plant_time_s=START_S, memory=TagMemory(), rules=RULES, tag=TAG):  # noqa: B008
    return judge(tag, reading, plant_time_s, memory, rules)[0]


@pytest.mark.parametrize(
    ("reading", "quality", "word"),
    [
        (raw(), Quality.GOOD, ""),
        (raw(quality=Quality.BAD), Quality.BAD, "device says"),
        (raw(quality=Quality.UNCERTAIN), Quality.UNCERTAIN, "device says"),
        (raw(math.nan), Quality.BAD, "not a finite number"),
        (raw(math.inf), Quality.BAD, "not a finite number"),
        (raw(1e4), Quality.BAD, "outside of what it can measure"),
        (raw(time_s=START_S - 121.0), Quality.BAD, "121 s old"),
        (raw(time_s=START_S + 121.0), Quality.BAD, "ahead of the plant"),
        (raw(time_s=math.nan), Quality.BAD, "no source time"),
    ],
)
def test_the_first_fault_names_the_reason(reading, quality, word):
    found = judged(reading)
    assert found.quality is quality
    assert word in found.reason
    assert found.good == (quality is Quality.GOOD)


def test_uncertain_counts_as_good_only_when_the_site_says_so():
    rules = replace(RULES, uncertain_is_good=True)
    assert judged(raw(quality=Quality.UNCERTAIN), rules=rules).good


def test_an_unknown_plant_time_makes_everything_stale():
    assert "plant's time is not known" in judged(raw(), plant_time_s=math.nan).reason


def test_a_frozen_value_is_found_and_recovers_with_the_first_change():
    memory = TagMemory()
    for minute in range(12):
        now_s = START_S + 60.0 * minute
        reading, memory = judge(TAG, raw(time_s=now_s), now_s, memory, RULES)
        assert reading.good == (60.0 * minute <= TAG.frozen_s)
    assert "frozen" in reading.reason
    reading, memory = judge(TAG, raw(500.1, time_s=now_s), now_s, memory, RULES)
    assert reading.good


@given(st.floats(allow_nan=True), st.sampled_from(Quality), st.floats(-1e4, 1e4))
def test_good_means_finite_fresh_and_in_range(value, quality, age_s):
    found = judged(raw(value, quality, START_S - age_s))
    if found.good:
        assert quality is Quality.GOOD
        assert math.isfinite(value)
        assert abs(age_s) <= RULES.max_age_s
        assert accepted_range(TAG).inside(value)
    else:
        assert found.reason


def test_a_tag_without_limits_has_no_range():
    free = replace(TAG, engineering=Limits(), operator=Limits())
    assert judged(raw(1e9), tag=free).good


def test_the_watchdog_waits_for_the_first_heartbeat_and_latches():
    dog = Watchdog(timeout_s=180.0)
    assert not dog.step(0, 1e6).tripped
    dog = dog.step(1, 1e6)
    assert not dog.step(1, 1e6 + 180.0).tripped
    tripped = dog.step(1, 1e6 + 181.0)
    assert tripped.tripped
    assert tripped.step(2, 1e6 + 182.0).tripped
    assert not tripped.rearmed().step(1, 1e6 + 999.0).tripped
