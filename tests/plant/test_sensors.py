"""Instruments: streams of chance, lag, drift, range, dead time, and what a wrong file is told."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.simulation.events import FAULT_KINDS, NoiseChange, SensorFault
from operator_agent.plant.simulation.instruments import (
    Analyser,
    Instrument,
    Instruments,
    Transmitter,
    load_instruments,
)
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.sensors import Measurement, Sensors
from operator_agent.plant.simulation.slow_noise import autocorrelated, bounded_walk
from operator_agent.plant.simulation.streams import generator, philox, streams

DAY_S = 86_400.0
EXACT = Instrument(0.0)
LONG = Scenario(10.0 * DAY_S)


def words(*values: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint64]], ...]:
    return tuple(np.array([value], dtype=np.uint64) for value in values)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0xFFFFFFFF,) * 4,
            (0xFFFFFFFF,) * 2,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_generator_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, ...], answer: tuple[int, ...]
) -> None:
    """The known answers of philox4x32-10 in Random123 (Salmon et al., SC11, 2011)."""
    found = philox(words(*counter), words(*key))
    assert tuple(int(word[0]) for word in found) == answer


def test_draws_are_standard_normal_and_independent() -> None:
    several = streams(5, ["a", "b", "c"])
    draws = np.array([several.normals(n) for n in range(4000)])
    assert np.all(np.abs(draws.mean(axis=0)) < 0.06)
    np.testing.assert_allclose(draws.std(axis=0), 1.0, atol=0.04)
    assert np.max(np.abs(np.corrcoef(draws.T) - np.eye(3))) < 0.06
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.06
    others = streams(6, ["a"])
    assert abs(np.corrcoef(draws[:, 0], [others.normals(n)[0] for n in range(4000)])[0, 1]) < 0.06


@given(seed=st.integers(0, 2**40), index=st.integers(-(2**40), 2**40))
def test_a_source_keeps_its_draws_whatever_stands_beside_it(seed: int, index: int) -> None:
    alone, beside = streams(seed, ["flow"]), streams(seed, ["temp", "flow", "new"])
    assert alone.normals(index)[0] == beside.normals(index)[1]
    many = beside.normals(np.array([0, index, 1], dtype=np.int64))
    assert many[1] == alone.normals(index)[0]
    assert math.isfinite(float(many[1]))


def test_generators_of_sources_differ() -> None:
    first = generator(1, "market").random(4)
    np.testing.assert_array_equal(first, generator(1, "market").random(4))
    assert not np.any(first == generator(1, "weather").random(4))
    assert not np.any(first == generator(2, "market").random(4))


def test_autocorrelated_noise_is_forgotten_at_its_rate() -> None:
    path = autocorrelated(1, "weather", 2.0, 600.0)
    values = np.array([path.at(120.0 * n) for n in range(20_000)])
    assert values.std() == pytest.approx(2.0, rel=0.08)
    found = np.corrcoef(values[:-5], values[5:])[0, 1]
    assert found == pytest.approx(math.exp(-1.0), abs=0.05)


def test_drift_begins_at_zero_and_stays_inside_its_bound() -> None:
    path = bounded_walk(3, "sensor", 0.5, 10.0 * DAY_S)
    values = np.array([path.at(3600.0 * n) for n in range(24 * 365)])
    assert values[0] == 0.0
    assert np.max(np.abs(values)) <= 0.5
    assert values.min() < -0.3
    assert values.max() > 0.3


@settings(max_examples=25)
@given(times=st.lists(st.floats(0.0, 3.0 * DAY_S), min_size=1, max_size=8))
def test_slow_chance_is_the_same_in_any_order_of_reading(times: list[float]) -> None:
    forward = autocorrelated(2, "x", 1.0, 3600.0)
    in_order = {time: forward.at(time) for time in sorted(times)}
    for time in times:
        assert autocorrelated(2, "x", 1.0, 3600.0).at(time) == in_order[time]


def read_all(
    instruments: Instruments, scenario: Scenario, step_s: float, end_s: float
) -> dict[float, dict[str, Measurement]]:
    """Readings of a plant in which each variable rises by 1 in a second from its letter's rank."""
    names = instruments.names

    def truth(time_s: float) -> dict[str, float]:
        return {name: 100.0 * rank + time_s for rank, name in enumerate(sorted(names))}

    sensors = Sensors(instruments, scenario, 4, truth(0.0), 0.0)
    found, time_s = {}, 0.0
    while time_s < end_s - 1e-6:
        stop = min(time_s + step_s, sensors.next_sample_s(time_s))
        sensors.record(truth(stop), stop, stop - time_s)
        time_s = stop
        sensors.hold(truth(time_s), time_s)
        found[time_s] = sensors.read(truth(time_s), time_s)
    return found


def test_noise_survives_added_sensors_and_other_reading_times() -> None:
    noisy = Transmitter(
        Instrument(1.0, drift=0.5, drift_time=DAY_S, share_slow=0.4, slow_time=60.0)
    )
    analyser = Analyser(Instrument(1.0), 300.0, 200.0, 60.0)
    few = Instruments({"temp_b": noisy}, {"temp_c": analyser})
    more = Instruments(
        {"temp_a0": noisy, "temp_b": noisy}, {"temp_a1": analyser, "temp_c": analyser}
    )
    rank = {"temp_b": (0, 2), "temp_c": (1, 3)}
    first, second = read_all(few, LONG, 60.0, 3600.0), read_all(more, LONG, 20.0, 3600.0)
    for time_s, readings in first.items():
        for name, (here, there) in rank.items():
            gap = readings[name].value - 100.0 * here
            assert gap == pytest.approx(second[time_s][name].value - 100.0 * there, abs=1e-9)


def test_lag_follows_a_ramp_by_its_time_constant() -> None:
    slow = Instruments({"temp_a": Transmitter(EXACT, 20.0)}, {})
    for step_s in (7.0, 60.0):
        readings = read_all(slow, LONG, step_s, 600.0)
        for time_s, reading in readings.items():
            behind = 20.0 * (1.0 - math.exp(-time_s / 20.0))
            assert reading["temp_a"].value == pytest.approx(time_s - behind, abs=1e-9)


def test_analyser_samples_and_tells_later() -> None:
    analyser = Analyser(EXACT, period=300.0, dead_time=240.0, phase=60.0)
    readings = read_all(Instruments({}, {"temp_a": analyser}), LONG, 60.0, 1800.0)
    for time_s, found in readings.items():
        number = math.floor((time_s - 240.0 - 60.0) / 300.0)
        expected = 60.0 + 300.0 * number if number >= 0 else 0.0  # at rest before the start
        assert found["temp_a"].value == expected
        assert found["temp_a"].age_s == pytest.approx(time_s - 60.0 - 300.0 * number)
        assert found["temp_a"].status == "good"


def test_analysers_noise_belongs_to_the_sample() -> None:
    analyser = Analyser(Instrument(1.0), 300.0, 240.0)
    readings = read_all(Instruments({}, {"temp_a": analyser}), LONG, 60.0, DAY_S)
    by_sample: dict[float, set[float]] = {}
    for time_s, found in readings.items():
        taken = round(time_s - found["temp_a"].age_s, 3)
        by_sample.setdefault(taken, set()).add(found["temp_a"].value - max(taken, 0.0))
    assert all(len({round(v, 9) for v in values}) == 1 for values in by_sample.values())
    assert np.std([min(values) for values in by_sample.values()]) == pytest.approx(1.0, rel=0.15)


def test_range_and_resolution_of_a_transmitter() -> None:
    item = Transmitter(Instrument(0.0, low=0.0, high=100.0, resolution=0.5))
    readings = read_all(Instruments({"temp_a": item}, {}), LONG, 0.7, 200.0)
    for time_s, found in readings.items():
        reading = found["temp_a"]
        if time_s > 100.3:
            assert (reading.value, reading.status) == (100.0, "uncertain")
        else:
            assert abs(reading.value - time_s) <= 0.25 + 1e-9
            assert reading.value % 0.5 == 0.0


def faulty(kind: str, size: float = 0.0) -> list[tuple[float, Measurement, Measurement]]:
    """Time, reading and reading without the fault, every minute of an hour with a fault."""
    item = Instruments({"temp_a": Transmitter(Instrument(0.1))}, {})
    fault = SensorFault(600.0, 3600.0, "temp_a", kind, size)
    with_fault = read_all(item, Scenario(DAY_S, events=(fault,)), 60.0, 6000.0)
    without = read_all(item, LONG, 60.0, 6000.0)
    return [(t, with_fault[t]["temp_a"], without[t]["temp_a"]) for t in without]


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_faults_leave_no_trace_outside_their_time(kind: str) -> None:
    for time_s, reading, clean in faulty(kind, 5.0):
        if not 600.0 <= time_s < 4200.0:
            assert reading == clean


def test_each_fault_does_what_its_name_says() -> None:
    def during(kind: str, size: float = 0.0) -> list[tuple[float, Measurement, Measurement]]:
        return [row for row in faulty(kind, size) if 600.0 <= row[0] < 4200.0]

    assert {reading.value for _, reading, _ in during("stuck")} == {during("stuck")[0][2].value}
    assert {reading.status for _, reading, _ in during("stuck")} == {"good"}
    assert {reading.status for _, reading, _ in during("bad")} == {"bad"}
    assert {reading.status for _, reading, _ in during("uncertain")} == {"uncertain"}
    for time_s, reading, clean in during("drift", 3.0):
        assert reading.value - clean.value == pytest.approx(3.0 * (time_s - 600.0) / 3600.0)
    assert all(r.value - c.value == pytest.approx(-4.0) for _, r, c in during("bias", -4.0))
    spikes = [reading.value - clean.value for _, reading, clean in during("spike", 50.0)]
    assert {round(gap, 6) for gap in spikes} == {0.0, 50.0}
    assert 0.02 < np.mean(np.array(spikes) > 1.0) < 0.4
    burst = [reading.value - clean.value for _, reading, clean in during("noise", 2.0)]
    assert np.std(burst) == pytest.approx(2.0, rel=0.35)
    lost = [reading.status == "bad" for _, reading, _ in during("dropout")]
    assert 0.15 < np.mean(lost) < 0.65


def test_nothing_but_the_value_tells_a_frozen_instrument() -> None:
    """It calls itself good, and is as old as one that works."""
    item = Instruments(
        {"temp_a": Transmitter(Instrument(0.1))}, {"temp_b": Analyser(EXACT, 300.0, 200.0)}
    )
    faults = tuple(SensorFault(600.0, 3600.0, name, "stuck") for name in item.names)
    frozen = read_all(item, Scenario(DAY_S, events=faults), 60.0, 6000.0)
    works = read_all(item, LONG, 60.0, 6000.0)
    for time_s, readings in frozen.items():
        for name, reading in readings.items():
            clean = works[time_s][name]
            assert (reading.age_s, reading.status) == (clean.age_s, clean.status)
            if 600.0 <= time_s < 4200.0:
                assert reading.value == frozen[600.0][name].value


def test_overlapping_faults_hold_a_value_each() -> None:
    """The truth rises by 1 in a second; the second fault begins and ends within the first."""
    item = Instruments({"temp_a": Transmitter(EXACT)}, {})
    faults = (
        SensorFault(600.0, 2400.0, "temp_a", "bias", 5.0),
        SensorFault(1200.0, 600.0, "temp_a", "stuck"),
        SensorFault(1500.0, 900.0, "temp_a", "bad"),
    )
    found = read_all(item, Scenario(DAY_S, events=faults), 60.0, 3600.0)
    values = {time_s: readings["temp_a"] for time_s, readings in found.items()}
    assert (values[900.0].value, values[900.0].status) == (905.0, "good")
    assert (values[1440.0].value, values[1440.0].status) == (1205.0, "good")
    assert (values[1560.0].value, values[1560.0].status) == (1205.0, "bad")
    assert (values[2040.0].value, values[2040.0].status) == (1205.0, "bad")
    assert (values[2460.0].value, values[2460.0].status) == (2465.0, "good")
    assert values[3060.0].value == 3060.0


def test_noise_changes_at_its_time() -> None:
    item = Instruments({"temp_a": Transmitter(Instrument(1.0))}, {})
    scenario = Scenario(DAY_S, 0.0, events=(NoiseChange(DAY_S / 2, 3.0),))
    readings = read_all(item, scenario, 60.0, DAY_S)
    early = [r["temp_a"].value - t for t, r in readings.items() if t < DAY_S / 2]
    late = [r["temp_a"].value - t for t, r in readings.items() if t >= DAY_S / 2]
    assert np.max(np.abs(early)) < 1e-9
    assert np.std(late) == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Instrument(-1.0), "noise is -1.0"),
        (lambda: Instrument(1.0, low=5.0, high=5.0), "range from 5.0 to 5.0 is empty"),
        (lambda: Instrument(1.0, drift=1.0), "drift needs a positive drift_time"),
        (lambda: Instrument(1.0, share_slow=2.0, slow_time=1.0), "share_slow is 2.0"),
        (lambda: Transmitter(EXACT, math.nan), "time constant nan"),
        (lambda: Analyser(EXACT, 0.0, 60.0), "period 0.0 s"),
        (lambda: Analyser(EXACT, 60.0, -1.0), "dead time -1.0 s"),
        (lambda: Analyser(EXACT, 60.0, 60.0, 60.0), "phase 60.0 s"),
    ],
)
def test_wrong_instruments_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kind: thermocouple",
            "kind: thermometer",
            "unknown kind 'thermometer'; use one of: therm",
        ),
        ("  temp_preheat:", "  tmp_preheat:", "unknown key 'tmp_preheat'; variables begin with"),
        ("values: [0, 500]", "values: [500, 0]", "temp_preheat.range: range from"),
        ("values: [0, 500]", "values: [0]", "give two values, low and high"),
        ("values: [0.5, 10]", "values: [10, 0.5]", "ranges.fraction_oxygen_stack: range from 0.1 "),
        ("  temp_top: {values: [80", "  tmp_top: {values: [80", "ranges: unknown key 'tmp_top'"),
        ("phase: {value: 4,", "phase: {value: 6,", "it lies between 0 and the period"),
        ("    phase: {value: 4", "    phace: {value: 4", "unknown key 'phace'; the nearest valid"),
        ("noise: {value: 0.5, unit: delta_K", "noise: {value: 0.5, unit: bar", "'bar' is a press"),
        ("    kind: orifice", "    kind: boiling_point_analyser", "list it under 'analysers'"),
    ],
)
def test_wrong_instrument_files_are_refused_with_the_place(
    old: str, new: str, message: str, cases: Path, tmp_path: Path
) -> None:
    text = (cases / "plants" / "instruments.yaml").read_text(encoding="utf-8")
    assert old in text
    wrong = tmp_path / "instruments.yaml"
    wrong.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_instruments(wrong)


def test_shipped_transmitters_tell_a_little_beyond_their_range(cases: Path) -> None:
    """NAMUR NE 43: 3.8 to 20.5 mA of 4 to 20 are measured values."""
    shipped = load_instruments(cases / "plants" / "instruments.yaml")
    overflash = shipped.transmitters["fraction_overflash"].instrument
    assert (overflash.low, overflash.high) == pytest.approx((-0.2 / 40.0, 0.4 * 16.5 / 16.0))
    phases = [item.phase for item in shipped.analysers.values()]
    assert len(set(phases)) == len(phases) == 5
    assert set(shipped.noise) == set(shipped.names)
