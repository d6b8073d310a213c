"""Scenarios: what they hold, what a wrong one is told, and the events of the surroundings."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.simulation.disturbances import Disturbances
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    FuelChange,
    NoiseChange,
    PreheatChange,
    PriceChange,
    SensorFault,
    SetpointChange,
)
from operator_agent.plant.simulation.scenario import (
    ProcessNoise,
    Scenario,
    Weather,
    events_outside,
)
from operator_agent.plant.simulation.scenario_file import load_scenario
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.variables import BOUNDARY, STATUS, fraction_name

KERO = "temp_tbp95_kerosene"
DAY_S = 86_400.0
HEADER = 'description: test\nduration: {value: 9, unit: h}\nnoise_factor: {value: 1, unit: "1"}\n'


def test_demonstration_scenario_has_its_events(cases: Path) -> None:
    scenario = load_scenario(cases / "plants" / "scenario_demo.yaml")
    assert scenario.duration_s >= 8 * 3600.0
    (switch,) = scenario.of(CrudeSwitch)
    assert (switch.at_s, switch.ramp_s) == (7200.0, 1800.0)
    assert switch.slate["maya"] > 0.15
    assert [change.at_s for change in scenario.of(PriceChange)] == [18_000.0]
    stuck = [fault for fault in scenario.of(SensorFault) if fault.kind == "stuck"]
    assert [(fault.variable, fault.duration_s) for fault in stuck] == [(KERO, 2400.0)]


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(HEADER + text, encoding="utf-8")
    return path


EVERY_EVENT = """
weather: {daily_amplitude: {value: 6, unit: delta_K}, noise: {value: 1, unit: delta_K}}
process_noise:
  - variable: temp_shift_preheat
    sd: {value: 1, unit: delta_K}
    time: {value: 20, unit: min}
events:
  - event: equipment
    at: {value: 1, unit: h}
    duration: {value: 9, unit: min}
    equipment: pump_feed
  - event: power_dip
    at: {value: 2, unit: h}
    duration: {value: 20, unit: s}
    remaining: {value: 40, unit: "%"}
  - event: exchanger_cleaning
    at: {value: 3, unit: h}
    duration: {value: 2, unit: h}
    exchanger: 2
  - event: ambient_change
    at: {value: 1, unit: h}
    ramp: {value: 1, unit: h}
    temp_delta: {value: -8, unit: delta_K}
  - event: cooling_water_change
    at: {value: 1, unit: h}
    temp_delta: {value: 3, unit: delta_K}
  - event: fuel_change
    at: {value: 1, unit: h}
    ramp: {value: 1, unit: min}
    factor: {value: 93, unit: "%"}
  - event: setpoint_change
    at: {value: 4, unit: h}
    handle: temp_top
    setpoint: {value: 125, unit: degC}
  - event: sensor_fault
    at: {value: 5, unit: h}
    duration: {value: 1, unit: h}
    variable: flow_vol_reflux
    kind: drift
    size: {value: 3, unit: m3/h}
"""


def test_every_event_is_read_from_a_file(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, EVERY_EVENT))
    assert scenario.weather == Weather(6.0, temp_k_noise=1.0)
    assert scenario.process_noise == (ProcessNoise("temp_shift_preheat", 1.0, 1200.0),)
    assert scenario.of(EquipmentTrip) == (
        EquipmentTrip(3600.0, 540.0, "pump_feed"),
        EquipmentTrip(7200.0, 20.0, "power", 0.4),
        EquipmentTrip(10_800.0, 7200.0, "exchanger_2"),
    )
    assert scenario.of(DisturbanceChange) == (
        DisturbanceChange(3600.0, 3600.0, "temp_ambient", -8.0),
        DisturbanceChange(3600.0, 0.0, "temp_cooling_water", 3.0),
    )
    assert scenario.of(FuelChange) == (FuelChange(3600.0, 60.0, pytest.approx(0.93)),)
    assert scenario.of(SetpointChange) == (SetpointChange(14_400.0, "temp_top", 398.15),)
    (fault,) = scenario.of(SensorFault)
    assert (fault.kind, fault.size * 3600.0) == ("drift", pytest.approx(3.0))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("event: power_dip", "event: power_dipp", r"events\[1\]: unknown event 'power_dipp'"),
        ("exchanger: 2", "exchanger: two", r"events\[2\].exchanger: expected a whole number"),
        ("equipment: pump_feed", "equipment: pump_feed\n    sice: 3", "unknown key 'sice'"),
        ("value: -8, unit: delta_K", "value: -8, unit: bar", "unit 'bar' is a pressure"),
        ("value: 4, unit: h", "value: 400, unit: h", "begins at 1440000 s, but the scenario ends"),
        ("handle: temp_top", "handle: tmp_top", "unknown key 'tmp_top'; variables begin with"),
        ("kind: drift", "kind: drifting", "kind 'drifting'; use one of: stuck"),
        ("daily_amplitude: {value: 6", "daily_amplitude: {value: -6", "temp_k_amplitude is -6"),
        ("noise: {value: 1,", "nois: {value: 1,", "unknown key 'nois'"),
        ("sd: {value: 1,", "sd: {value: -1,", "process noise of temp_shift_preheat: sd -1"),
        ("remaining: {value: 40", "remaining: {value: 140", "above 1, which is full service"),
        ("at: {value: 5, unit: h}", "at: {value: .nan, unit: h}", "expected a finite number"),
        ("at: {value: 5, unit: h}", "at: {value: -5, unit: h}", "event sensor_fault: at_s is -18"),
    ],
)
def test_wrong_scenario_files_are_refused_with_the_place(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in EVERY_EVENT
    with pytest.raises(InputError, match=message):
        load_scenario(written(tmp_path, EVERY_EVENT.replace(old, new, 1)))


def test_missing_and_unknown_keys_of_a_scenario_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="key 'events' is missing"):
        load_scenario(written(tmp_path, ""))
    with pytest.raises(InputError, match="unknown key 'wether'"):
        load_scenario(written(tmp_path, "events: []\nwether: 3\n"))
    with pytest.raises(InputError, match="does not exist"):
        load_scenario(tmp_path / "none.yaml")


def test_wrong_scenarios_are_refused() -> None:
    with pytest.raises(InputError, match="kind 'broken'"):
        SensorFault(0.0, 1.0, KERO, "broken")
    with pytest.raises(InputError, match=r"event price_change: factors\.kerosene is nan"):
        Scenario(60.0, events=(PriceChange(0.0, {"kerosene": math.nan}),))
    with pytest.raises(InputError, match="lasts nan s"):
        Scenario(math.nan)
    with pytest.raises(InputError, match="must not be negative"):
        Scenario(60.0, events=(NoiseChange(-1.0, 1.0),))
    with pytest.raises(InputError, match="add up to zero"):
        Scenario(60.0, slate_error={"maya": 0.1})
    with pytest.raises(InputError, match="noise factor -1"):
        Scenario(60.0, -1.0)
    with pytest.raises(InputError, match="fouling is nan"):
        Scenario(60.0, fouling=math.nan)
    with pytest.raises(InputError, match="names a variable twice"):
        Scenario(60.0, process_noise=(ProcessNoise("a", 1.0, 1.0), ProcessNoise("a", 2.0, 1.0)))
    with pytest.raises(InputError, match="noise_time_s is 0"):
        Weather(noise_time_s=0.0)


def test_events_outside_the_duration_are_told_with_their_time() -> None:
    events = (NoiseChange(900.0, 1.0), NoiseChange(7200.0, 1.0), PreheatChange(3600.0, 9.0, 1.0))
    told = events_outside(Scenario(3600.0, events=events))
    assert [sentence.split(",")[0] for sentence in told] == [
        "event preheat_change begins at 3600 s",
        "event noise_change begins at 7200 s",
    ]


def surroundings(case: CrudeUnitCase, small: CrudeUnit) -> ProcessModel:
    """The coarse layout with the disturbances of a whole unit; only their names are used."""
    model = small.model
    names = (*map(fraction_name, case.crude_keys), *BOUNDARY, *STATUS)
    nominal = [
        *case.slate_vector(case.slate),
        288.0,
        295.0,
        300.0,
        4.6e7,
        0.0,
        *[1.0] * len(STATUS),
    ]
    values = {
        name: getattr(model, name)
        for name in ProcessModel.__dataclass_fields__
        if not name.startswith("d_")
    }
    return ProcessModel(
        **values,
        d_names=names,
        d_nominal=np.array(nominal),
        d_scale=np.ones(len(names)),
    )


def acting(model: ProcessModel, case: CrudeUnitCase, scenario: Scenario) -> Disturbances:
    return Disturbances(model, case, scenario, 3)


def value(disturbances: Disturbances, model: ProcessModel, name: str, time_s: float) -> float:
    return float(disturbances.vector(time_s)[model.d_names.index(name)])


def test_equipment_goes_out_of_service_and_returns(case: CrudeUnitCase, small: CrudeUnit) -> None:
    model = surroundings(case, small)
    events = (
        EquipmentTrip(600.0, 300.0, "pump_feed"),
        EquipmentTrip(700.0, 20.0, "power", 0.4),
        EquipmentTrip(650.0, 100.0, "pump_feed", 0.5),
    )
    now = acting(model, case, Scenario(3600.0, events=events))
    pump = [value(now, model, "status_pump_feed", t) for t in (599.0, 600.0, 899.0, 900.0)]
    assert pump == [1.0, 0.0, 0.0, 1.0]
    power = [value(now, model, "status_power", t) for t in (699.0, 705.0, 720.0)]
    assert power == [1.0, 0.4, 1.0]
    assert {600.0, 900.0, 700.0, 720.0} <= set(now.breaks)
    assert value(now, model, "status_condenser", 705.0) == 1.0


def test_surroundings_move_by_their_events(case: CrudeUnitCase, small: CrudeUnit) -> None:
    model = surroundings(case, small)
    events = (
        DisturbanceChange(600.0, 1200.0, "temp_ambient", -8.0),
        FuelChange(600.0, 0.0, 0.9),
        FuelChange(1200.0, 100.0, 1.1),
        PreheatChange(0.0, 100.0, -6.0),
    )
    now = acting(model, case, Scenario(3600.0, events=events, fouling=1e-3))
    assert value(now, model, "temp_ambient", 1200.0) == pytest.approx(288.0 - 4.0)
    assert value(now, model, "heating_value_fuel", 700.0) == pytest.approx(0.9 * 4.6e7)
    assert value(now, model, "heating_value_fuel", 1250.0) == pytest.approx(1.0 * 4.6e7)
    assert value(now, model, "heating_value_fuel", 1300.0) == pytest.approx(1.1 * 4.6e7)
    assert value(now, model, "temp_shift_preheat", 1000.0) == pytest.approx(-7.0)
    assert now.cell(50.0) == (0.0, 60.0)
    assert now.cell(60.0) == (60.0, 100.0)
    assert now.cell(100.0) == now.cell(119.0) == (100.0, 120.0)
    assert now.cell(1e4) == (9960.0, 10020.0)


def test_weather_has_a_daily_cycle_and_chance(case: CrudeUnitCase, small: CrudeUnit) -> None:
    model = surroundings(case, small)
    calm = acting(model, case, Scenario(DAY_S, weather=Weather(6.0, share_cooling_water=0.5)))
    assert value(calm, model, "temp_ambient", 0.625 * DAY_S) == pytest.approx(294.0)
    assert value(calm, model, "temp_ambient", 1.125 * DAY_S) == pytest.approx(282.0)
    assert value(calm, model, "temp_cooling_water", 0.625 * DAY_S) == pytest.approx(298.0)
    wild = acting(model, case, Scenario(DAY_S, weather=Weather(temp_k_noise=2.0)))
    days = [value(wild, model, "temp_ambient", DAY_S * n) - 288.0 for n in range(400)]
    assert np.std(days) == pytest.approx(2.0, rel=0.15)


def test_process_noise_is_common_to_all_scenarios_of_a_seed(
    case: CrudeUnitCase, small: CrudeUnit
) -> None:
    model = surroundings(case, small)
    noise = ProcessNoise("temp_shift_preheat", 1.5, 900.0)
    alone = acting(model, case, Scenario(DAY_S, process_noise=(noise,)))
    other = ProcessNoise("heating_value_fuel", 1e5, 900.0)
    event = PreheatChange(0.0, 0.0, 3.0)
    beside = acting(model, case, Scenario(DAY_S, events=(event,), process_noise=(other, noise)))
    for time_s in (0.0, 333.0, 5e4):
        first = value(alone, model, "temp_shift_preheat", time_s)
        assert value(beside, model, "temp_shift_preheat", time_s) == pytest.approx(first + 3.0)


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (Scenario(9.0, weather=Weather(3.0)), "weather: this unit has no variable 'temp_ambient'"),
        (Scenario(9.0, events=(FuelChange(0.0, 0.0, 0.9),)), "fuel_change: this unit has no"),
    ],
)
def test_surroundings_that_a_unit_does_not_have_are_refused(
    scenario: Scenario, message: str, case: CrudeUnitCase, small: CrudeUnit
) -> None:
    model, fewer = small.model, len(case.crude_keys)
    bare = replace(
        model,
        d_names=model.d_names[:fewer],
        d_nominal=model.d_nominal[:fewer],
        d_scale=model.d_scale[:fewer],
    )
    with pytest.raises(InputError, match=message):
        acting(bare, case, scenario)
