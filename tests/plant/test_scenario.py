"""Scenarios: what their files hold, and what a wrong one is told."""

import math
from pathlib import Path

import pytest

from operator_agent.errors import InputError
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
    ValveSticks,
)
from operator_agent.plant.simulation.scenario import (
    ProcessNoise,
    Scenario,
    Weather,
    events_outside,
)
from operator_agent.plant.simulation.scenario_file import load_scenario
from operator_agent.plant.unit.case import CrudeUnitCase

KERO = "temp_tbp95_kerosene"
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
  - event: valve_sticks
    at: {value: 2, unit: h}
    valve: reflux
    stick_band: {value: 5, unit: "%"}
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
    assert scenario.of(ValveSticks) == (ValveSticks(7200.0, "reflux", pytest.approx(0.05)),)
    assert scenario.of(SetpointChange) == (SetpointChange(14_400.0, "temp_top", 398.15),)
    (fault,) = scenario.of(SensorFault)
    assert (fault.kind, fault.size * 3600.0) == ("drift", pytest.approx(3.0))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "event: power_dip",
            "event: power_dipp",
            r"events\[1\].event: unknown event 'power_dipp'; the nearest is 'power_dip'; use",
        ),
        ("exchanger: 2", "exchanger: two", r"events\[2\].exchanger: expected a whole number"),
        ("equipment: pump_feed", "equipment: pump_feed\n    sice: 3", "unknown key 'sice'"),
        ("value: -8, unit: delta_K", "value: -8, unit: bar", "unit 'bar' is a pressure"),
        ("value: 4, unit: h", "value: 400, unit: h", "begins at 1440000 s, but the scenario ends"),
        (
            "handle: temp_top",
            "handle: tmp_top",
            r"events\[7\].handle: unknown .*nearest is 'temp_top'; use one",
        ),
        (
            "kind: drift",
            "kind: drifting",
            r"events\[8\].kind: unknown kind 'drifting'.* use one of: stuck",
        ),
        (
            "daily_amplitude: {value: 6",
            "daily_amplitude: {value: -6",
            r"yaml\.weather\.daily_amplitude is -6 K; give 0 to 50 K",
        ),
        ("noise: {value: 1,", "nois: {value: 1,", "unknown key 'nois'"),
        ("sd: {value: 1,", "sd: {value: -1,", "process noise of temp_shift_preheat: sd -1"),
        (
            "remaining: {value: 40",
            "remaining: {value: 140",
            r"events\[1\].remaining is 1.4; give 0 to 1",
        ),
        ("at: {value: 5, unit: h}", "at: {value: .nan, unit: h}", "expected a finite number"),
        (
            "at: {value: 5, unit: h}",
            "at: {value: -5, unit: h}",
            r"events\[8\].at is -18000 s; it must not",
        ),
        ("equipment: pump_feed", "equipment: pump_fed", r"\.equipment: .*nearest is 'pump_feed'"),
        ("valve: reflux", "valve: refux", r"events\[6\].valve: .*the nearest is 'reflux'; use one"),
        (
            "stick_band: {value: 5,",
            "stick_band: {value: 60,",
            r"scenario.yaml.events\[6\].stick_band is 0.6; give 0 to 0.5",
        ),
        (
            "stick_band: {value: 5,",
            "stick_band: {value: -5,",
            r"events\[6\].stick_band is -0.05; give 0 to 0.5",
        ),
        ("exchanger: 2", "exchanger: 5", r"events\[2\].exchanger: there is no .* 5; give 1 to 4"),
        ("value: -8, unit", "value: -400, unit", r"\.temp_delta is -400 K; give -150 to 150 K"),
        ("value: 93, unit", "value: 0, unit", r"events\[5\].factor is 0; give 0.05 to 3"),
        ("value: 93, unit", "value: -10, unit", r"events\[5\].factor is -0.1; give 0.05 to 3"),
        (
            "variable: temp_shift_p",
            "variable: temp_shft_p",
            r"process_noise\[0\].variable: unknown",
        ),
        ("sd: {value: 1,", "sd: {value: 90,", r"temp_shift_preheat: sd is 90 K; give 0 to 50 K"),
    ],
)
def test_wrong_scenario_files_are_refused_with_the_place(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in EVERY_EVENT
    with pytest.raises(InputError, match=message):
        load_scenario(written(tmp_path, EVERY_EVENT.replace(old, new, 1)))


SWITCH = """
events:
  - event: noise_change
    at: {value: 1, unit: h}
    factor: {value: 2, unit: "1"}
  - event: crude_switch
    at: {value: 2, unit: h}
    slate: {unit: "vol%", source: test, arabian_light: 60, maya: 40}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "light: 60, maya: 40",
            "light: 110, maya: -10",
            r"events\[1\].slate.arabian_light is 1.1;",
        ),
        ("maya: 40", "maya: -40", r"scenario.yaml.events\[1\].slate.maya is -0.4; give 0 to 1"),
        ("maya: 40", "maya: 30", r"events\[1\].slate is wrong: slate adds up to 0.9"),
        ("maya: 40", "maia: 40", r"events\[1\].slate: no crude 'maia'; the unit runs: arabian"),
    ],
)
def test_wrong_slates_are_refused_with_their_place_and_what_is_allowed(
    old: str, new: str, message: str, tmp_path: Path, case: CrudeUnitCase
) -> None:
    with pytest.raises(InputError, match=message):
        load_scenario(written(tmp_path, SWITCH.replace(old, new)), case.crude_keys)


def test_a_wrong_slate_error_is_refused_with_its_place(tmp_path: Path, case: CrudeUnitCase) -> None:
    line = 'slate_error: {unit: "vol%", source: test, maya: 200, arabian_light: -200}\nevents: []\n'
    with pytest.raises(InputError, match=r"scenario.yaml: slate_error.maya is 2; give -1 to 1"):
        load_scenario(written(tmp_path, line), case.crude_keys)
    small = line.replace("200", "2").replace("maya", "brent")
    with pytest.raises(InputError, match=r"yaml.slate_error: no crude 'brent'; the unit runs: "):
        load_scenario(written(tmp_path, small), case.crude_keys)


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
    with pytest.raises(InputError, match="noise_factor is -1; give 0 to 1000"):
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
