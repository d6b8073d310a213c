"""What months of operation bring: crudes, weather, failures, set-point tests; all from one seed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.errors import InputError
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    EquipmentTrip,
    Event,
    SensorFault,
    ValveSticks,
)
from operator_agent.plant.simulation.instruments import Instruments
from operator_agent.plant.simulation.scenario import ProcessNoise, Scenario, Weather
from operator_agent.plant.simulation.streams import generator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.variables import MV_NAMES
from operator_agent.units import DAY_S, HOUR_S

# How often things happen at a unit and how much: assumed, as usual for a well-kept unit.
_CRUDE_DAYS = (1.0, 3.0)  # between two crudes
_TANK_SWITCH_S = (1800.0, 5400.0)
_CARD_SHARE = 0.85  # of a slate that is like one of the cards; the rest is whatever is in tank
_CLEANING_DAYS = (18.0, 32.0)  # between two cleanings of an exchanger
_CLEANING_S = (6.0 * HOUR_S, 18.0 * HOUR_S)
_PUMP_TRIPS_PER_DAY = 1.0 / 30.0
_PUMP_TRIP_S = (300.0, 1200.0)
_POWER_DIPS_PER_DAY = 1.0 / 60.0
_POWER_DIP_S, _POWER_LEFT = (2.0, 20.0), (0.3, 0.8)  # its length and what is left of the voltage
_STICKING_PER_DAY = 1.0 / 90.0  # a valve that hunts until its packing is put right
_STICKING_BAND, _STICKING_S = (0.01, 0.05), (0.5 * DAY_S, 3.0 * DAY_S)  # [stroke], [s]
_TRANSMITTER_FAULTS_PER_DAY = 1.0 / 150.0  # of each
_ANALYSER_FAULTS_PER_DAY = 1.0 / 12.0  # of each
_FAULT_S = (1800.0, 12.0 * HOUR_S)
_FAULT_SIZES = {"spike": 30.0, "bias": 8.0, "drift": 3.0, "noise": 5.0}  # in standard deviations
_TRANSMITTER_FAULTS = ("stuck", "bad", "uncertain", "spike", "bias", "drift", "noise", "dropout")
_ANALYSER_FAULTS = ("bad", "bad", "bad", "stuck", "bias", "drift", "dropout")  # mostly outages
_TEST_DAYS = (0.7, 1.8)  # between two set-point tests
_TEST_SEGMENTS = (4, 8)
_TEST_SEGMENT_S = (2400.0, 6000.0)
_TEST_SPANS = (0.4, 0.9)
_FIRST_TEST_HOUR, _LAST_TEST_HOUR = 8.0, 13.0  # begun by the day shift
_PREHEAT_SD_K, _PREHEAT_TIME_S = 0.8, 2400.0
_FEED_SD, _FEED_TIME_S = 0.002, 300.0  # of the feed, around its set point
_FUEL_SD, _FUEL_TIME_S = 0.01, 8.0 * HOUR_S  # of the heating value
_WEATHER = Weather(6.0, 0.625 * DAY_S, 3.0, DAY_S, 0.5)  # an inland site in summer
_SLATE_ERROR = 0.03  # largest share that is declared as another crude


@dataclass(frozen=True, slots=True)
class SetpointTest:
    """A step that is made for identification.

    Attributes:
        at_s, end_s: when [s].
        handle: that is stepped.
        delta: from the set point before the test [SI].
    """

    at_s: float
    end_s: float
    handle: str
    delta: float


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """What happens in a history, whatever the operators do.

    Attributes:
        scenario: events, weather and noise.
        tests: set-point tests in order of time.
    """

    scenario: Scenario
    tests: tuple[SetpointTest, ...]


def check_days(days: float) -> None:
    """Check the length of a history.

    Raises:
        InputError: it is not positive.
    """
    if not (math.isfinite(days) and days > 0.0):
        raise InputError(f"a history lasts {days} days; give a positive number")


def history_plan(unit: CrudeUnit, case: CrudeUnitCase, days: float, seed: int) -> HistoryPlan:
    """Return the plan of so many days of operation.

    Each kind of event has a stream of its own, so more days only add to fewer days' events.

    Args:
        unit: whose disturbances take part.
        case: crudes, cards and instruments.
        days: length [d].
        seed: of all chance.

    Raises:
        InputError: the number of days is not positive, or the case has no cards.
    """
    check_days(days)
    if not case.recipes:
        raise InputError(f"case {case.key} has no recipe cards, so nobody can operate it")
    end_s = days * DAY_S
    names = unit.model.d_names
    scenario = Scenario(
        duration_s=end_s,
        events=(
            *_crudes(case, end_s, seed),
            *_trips(names, end_s, seed),
            *_power_dips(end_s, seed),
            *_cleanings(names, end_s, seed),
            *_sticking(names, end_s, seed),
            *_faults(case.instruments, end_s, seed),
        ),
        slate_error=_slate_error(case, seed),
        slate_error_ramp_s=DAY_S,
        weather=_WEATHER,
        process_noise=_process_noise(unit),
    )
    return HistoryPlan(scenario, tuple(_tests(unit, end_s, seed)))


def _crudes(case: CrudeUnitCase, end_s: float, seed: int) -> Iterator[Event]:
    rng = generator(seed, "history:crude")
    cards = [np.array(case.slate_vector(recipe.slate)) for recipe in case.recipes]
    at_s = 0.5 * rng.uniform(*_CRUDE_DAYS) * DAY_S
    while at_s < end_s:
        other = rng.dirichlet(np.ones(len(case.crude_keys)))
        slate = _CARD_SHARE * cards[int(rng.integers(len(cards)))] + (1.0 - _CARD_SHARE) * other
        shares = zip(case.crude_keys, (slate / slate.sum()).tolist(), strict=True)
        yield CrudeSwitch(at_s, rng.uniform(*_TANK_SWITCH_S), dict(shares))
        at_s += rng.uniform(*_CRUDE_DAYS) * DAY_S


def _trips(names: Sequence[str], end_s: float, seed: int) -> Iterator[Event]:
    pumps = [name.removeprefix("status_") for name in names if name.startswith("status_pump_")]
    rng = generator(seed, "history:trip")
    at_s = rng.exponential(DAY_S / _PUMP_TRIPS_PER_DAY)
    while at_s < end_s:
        pump = pumps[int(rng.integers(len(pumps)))]
        yield EquipmentTrip(at_s, rng.uniform(*_PUMP_TRIP_S), pump)
        at_s += rng.exponential(DAY_S / _PUMP_TRIPS_PER_DAY)


def _power_dips(end_s: float, seed: int) -> Iterator[Event]:
    rng = generator(seed, "history:power")
    at_s = rng.exponential(DAY_S / _POWER_DIPS_PER_DAY)
    while at_s < end_s:
        yield EquipmentTrip(at_s, rng.uniform(*_POWER_DIP_S), "power", rng.uniform(*_POWER_LEFT))
        at_s += rng.exponential(DAY_S / _POWER_DIPS_PER_DAY)


def _cleanings(names: Sequence[str], end_s: float, seed: int) -> Iterator[Event]:
    trains = [n.removeprefix("status_") for n in names if n.startswith("status_exchanger_")]
    rng = generator(seed, "history:cleaning")
    at_s, number = rng.uniform(*_CLEANING_DAYS) * DAY_S, 0
    while at_s < end_s:
        duration_s = rng.uniform(*_CLEANING_S)
        yield EquipmentTrip(at_s, duration_s, trains[number % len(trains)])
        at_s, number = at_s + rng.uniform(*_CLEANING_DAYS) * DAY_S, number + 1


def _sticking(names: Sequence[str], end_s: float, seed: int) -> Iterator[Event]:
    valves = [n.removeprefix("stick_band_") for n in names if n.startswith("stick_band_")]
    rng = generator(seed, "history:sticking")
    at_s = rng.exponential(DAY_S / _STICKING_PER_DAY)
    while at_s < end_s:
        valve = valves[int(rng.integers(len(valves)))]
        yield ValveSticks(at_s, valve, rng.uniform(*_STICKING_BAND))
        at_s += rng.uniform(*_STICKING_S)
        if at_s < end_s:
            yield ValveSticks(at_s, valve, 0.0)
        at_s += rng.exponential(DAY_S / _STICKING_PER_DAY)


def _faults(instruments: Instruments, end_s: float, seed: int) -> Iterator[Event]:
    for name, sd in instruments.noise.items():
        rng = generator(seed, f"history:fault:{name}")
        analyser = name in instruments.analysers
        kinds = _ANALYSER_FAULTS if analyser else _TRANSMITTER_FAULTS
        mean_s = DAY_S / (_ANALYSER_FAULTS_PER_DAY if analyser else _TRANSMITTER_FAULTS_PER_DAY)
        at_s = rng.exponential(mean_s)
        while at_s < end_s:
            kind, duration_s = kinds[int(rng.integers(len(kinds)))], rng.uniform(*_FAULT_S)
            size = rng.choice((-1.0, 1.0)) * _FAULT_SIZES.get(kind, 0.0) * sd
            yield SensorFault(at_s, duration_s, name, kind, abs(size) if kind == "noise" else size)
            at_s += duration_s + rng.exponential(mean_s)


def _slate_error(case: CrudeUnitCase, seed: int) -> dict[str, float]:
    rng = generator(seed, "history:slate_error")
    first, second = rng.choice(len(case.crude_keys), size=2, replace=False)
    size = rng.uniform(0.0, _SLATE_ERROR)
    return {case.crude_keys[int(first)]: size, case.crude_keys[int(second)]: -size}


def _process_noise(unit: CrudeUnit) -> tuple[ProcessNoise, ...]:
    model = unit.model
    fuel = float(model.d_nominal[model.d_names.index("heating_value_fuel")])
    feed = float(model.u_nominal[model.u_names.index("flow_vol_feed")])
    return (
        ProcessNoise("temp_shift_preheat", _PREHEAT_SD_K, _PREHEAT_TIME_S),
        ProcessNoise("flow_vol_feed", _FEED_SD * feed, _FEED_TIME_S),
        ProcessNoise("heating_value_fuel", _FUEL_SD * fuel, _FUEL_TIME_S),
    )


def _tests(unit: CrudeUnit, end_s: float, seed: int) -> Iterator[SetpointTest]:
    """Yield the segments of tests that go round all handles, the controller's twice as often."""
    rng = generator(seed, "history:tests")
    model = unit.model
    round_of_tests = (*MV_NAMES, *model.u_names)
    day, order = 0.3, list(rng.permutation(len(round_of_tests)))
    while day * DAY_S < end_s:
        if not order:
            order = list(rng.permutation(len(round_of_tests)))
        place = model.u_names.index(round_of_tests[int(order.pop())])
        size = rng.uniform(*_TEST_SPANS) * float(model.u_scale[place])
        sign = float(rng.choice((-1.0, 1.0)))
        at_s = (math.floor(day) * 24.0 + rng.uniform(_FIRST_TEST_HOUR, _LAST_TEST_HOUR)) * HOUR_S
        for _ in range(int(rng.integers(*_TEST_SEGMENTS))):
            segment_s = rng.uniform(*_TEST_SEGMENT_S)
            if at_s + segment_s < end_s:
                yield SetpointTest(at_s, at_s + segment_s, model.u_names[place], sign * size)
            at_s, sign = at_s + segment_s, -sign
        day = max(at_s / DAY_S, day + rng.uniform(*_TEST_DAYS))
