"""The simulator: events, sensors, determinism, common random numbers, refusals."""

import json
import math
from dataclasses import replace
from pathlib import Path

import casadi as ca
import numpy as np
import pytest

from operator_agent.clock import ManualClock
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    PreheatChange,
    PriceChange,
    SensorFault,
    SetpointChange,
)
from operator_agent.plant.simulation.instruments import Instrument, Instruments, Transmitter
from operator_agent.plant.simulation.random_scenario import random_scenario
from operator_agent.plant.simulation.scenario import ProcessNoise, Scenario, Weather, fingerprint
from operator_agent.plant.simulation.scenario_file import load_scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.simulation.snapshot import Snapshot
from operator_agent.plant.simulation.wall_clock import run as run_paced
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.unit.recipe import recipe_setpoints
from operator_agent.plant.variables import CV_NAMES, MV_NAMES

QUIET = Scenario(duration_s=7200.0, noise_factor=0.0)
KERO = "temp_tbp95_kerosene"
MAYA_RICH = {"arabian_light": 0.4, "maya": 0.4, "bonny_light": 0.2}


def plain(case: CrudeUnitCase) -> CrudeUnitCase:
    """The case with instruments that do nothing but add their noise."""
    bare = {name: Transmitter(Instrument(sd)) for name, sd in case.noise.items()}
    return replace(case, instruments=Instruments(bare, {}))


def started(
    small: CrudeUnit, case: CrudeUnitCase, scenario: Scenario = QUIET, seed: int = 7
) -> Simulator:
    """A simulator of the coarse layout: the same code with fewer states."""
    return Simulator(small, case, scenario, seed)


def test_nothing_moves_without_events(small: CrudeUnit, case: CrudeUnitCase) -> None:
    simulator = started(small, case)
    before = simulator.truth()
    simulator.advance(1800.0)
    assert simulator.time_s == 1800.0
    for name, value in simulator.truth().items():
        assert value == pytest.approx(before[name], rel=1e-4, abs=1e-6), name  # fouling goes on


def test_measurements_cover_all_variables(small: CrudeUnit, case: CrudeUnitCase) -> None:
    simulator = started(small, case, Scenario(7200.0))
    readings = simulator.measure()
    names = {*small.model.u_names, *small.model.d_names, *CV_NAMES, *small.information_names}
    assert set(readings) == names
    assert all(math.isfinite(r.value) and r.status == "good" for r in readings.values())
    for mv in MV_NAMES:
        assert readings[mv].value == simulator.setpoints[mv]


def run(simulator: Simulator) -> list[float]:
    values = []
    for minute in range(20):
        if minute == 5:
            simulator.write("temp_top", simulator.setpoints["temp_top"] + 1.5)
        simulator.advance(60.0)
        values += [reading.value for reading in simulator.measure().values()]
    return values


def test_the_same_seed_gives_the_same_run(small: CrudeUnit, case: CrudeUnitCase) -> None:
    scenario = random_scenario(np.random.default_rng(3), case, 3600.0)
    first = run(started(small, case, scenario))
    assert first == run(started(small, case, scenario))
    assert first != run(started(small, case, scenario, seed=8))


def test_restored_snapshot_continues_the_same(small: CrudeUnit, case: CrudeUnitCase) -> None:
    fault = SensorFault(600.0, 1800.0, KERO, "stuck")
    simulator = started(small, case, Scenario(7200.0, events=(fault,)))
    simulator.write("flow_vol_lgo", 0.043)
    simulator.advance(900.0)
    snapshot = simulator.snapshot()
    first = run(simulator)
    simulator.restore(snapshot)
    assert run(simulator) == first
    other = started(small, case, simulator.scenario)
    other.restore(snapshot)
    assert run(other) == first
    with pytest.raises(InputError, match="3 states"):
        other.restore(replace(snapshot, x=(1.0, 2.0, 3.0)))
    with pytest.raises(InputError, match="of model 'another'"):
        other.restore(replace(snapshot, model="another"))
    with pytest.raises(InputError, match="of case 'another', this is 'crude_unit'"):
        other.restore(replace(snapshot, case="another"))
    eventful = started(small, case, Scenario(7200.0))
    with pytest.raises(InputError, match="of another scenario; restore it with the events"):
        eventful.restore(snapshot)
    fewer = {name: 1.0 for name in small.model.u_names if name != "temp_top"}
    with pytest.raises(InputError, match="other set points than this simulator: 'temp_top'"):
        other.restore(replace(snapshot, setpoints=fewer))


def test_snapshot_survives_json_to_the_last_digit(small: CrudeUnit, case: CrudeUnitCase) -> None:
    fault = SensorFault(600.0, 1800.0, KERO, "stuck")
    simulator = started(small, case, Scenario(7200.0, events=(fault,)))
    simulator.advance(930.0)
    snapshot = simulator.snapshot()
    text = json.dumps(snapshot.to_dict())
    assert Snapshot.from_dict(json.loads(text)) == snapshot
    values = json.loads(text)
    for wrong, message in (
        ({**values, "format": 9}, "has format 9"),
        ({**values, "extra": 1}, "key 'extra' is unknown"),
        ({key: value for key, value in values.items() if key != "x"}, "key 'x' is missing"),
        ({**values, "x": "no"}, "wrong kind"),
        ({**values, "sensors": []}, "expected a mapping"),
    ):
        with pytest.raises(InputError, match=message):
            Snapshot.from_dict(wrong)


def test_other_seeds_from_one_snapshot_share_the_past_only(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    scenario = Scenario(7200.0)
    simulator = started(small, case, scenario)
    simulator.advance(600.0)
    other = started(small, case, scenario, seed=8)
    other.restore(simulator.snapshot())
    assert other.truth() == simulator.truth()
    assert other.measure() != simulator.measure()


def test_noise_is_common_to_runs_with_different_actions(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    noise = []
    for moved in (0.0, 2.0):
        simulator = started(small, plain(case), Scenario(7200.0))
        simulator.write("temp_coil_outlet", simulator.setpoints["temp_coil_outlet"] - moved)
        simulator.advance(600.0)
        truth, readings = simulator.truth(), simulator.measure()
        assert simulator.measure() == readings
        noise.append([readings[name].value - truth[name] for name in case.noise])
    np.testing.assert_allclose(noise[0], noise[1], rtol=0.0, atol=1e-6)
    assert np.std(np.array(noise[0]) / np.array(list(case.noise.values()))) > 0.5


def test_faults_show_what_they_should(small: CrudeUnit, case: CrudeUnitCase) -> None:
    faults = (
        SensorFault(600.0, 1800.0, KERO, "stuck"),
        SensorFault(600.0, 1800.0, "duty_condenser", "bad"),
        SensorFault(600.0, 1800.0, "temp_tbp95_lgo", "uncertain"),
        SensorFault(600.0, 1800.0, "temp_tbp95_hgo", "bias", 6.0),
        SensorFault(600.0, 1800.0, "temp_bottom", "spike", 50.0),
    )
    simulator = started(small, plain(case), Scenario(7200.0, events=faults))
    simulator.advance(600.0)
    stuck = simulator.measure()[KERO]
    simulator.write("temp_top", simulator.setpoints["temp_top"] + 3.0)
    spikes = 0
    for _ in range(29):
        simulator.advance(60.0)
        readings, truth = simulator.measure(), simulator.truth()
        assert readings[KERO].value == stuck.value
        assert readings["duty_condenser"].status == "bad"
        assert readings["temp_tbp95_lgo"].status == "uncertain"
        assert abs(readings["temp_tbp95_hgo"].value - truth["temp_tbp95_hgo"] - 6.0) < 6.0
        spikes += readings["temp_bottom"].value - truth["temp_bottom"] > 40.0
    assert 0 < spikes < 29
    simulator.advance(120.0)
    after = simulator.measure()
    assert after[KERO] != stuck
    assert {reading.status for reading in after.values()} == {"good"}


def test_events_act_at_their_times(small: CrudeUnit, case: CrudeUnitCase) -> None:
    events = (
        CrudeSwitch(600.0, 1200.0, MAYA_RICH),
        PreheatChange(600.0, 0.0, -5.0),
        PriceChange(900.0, {"kerosene": 1.1}),
    )
    simulator = started(small, plain(case), replace(QUIET, events=events))
    simulator.advance(600.0 + 600.0)
    readings = simulator.measure()
    assert readings["fraction_maya"].value == pytest.approx(0.5 * (0.15 + 0.4))
    assert readings["temp_shift_preheat"].value == pytest.approx(-5.0)
    assert simulator.price_factors == {"kerosene": 1.1}
    simulator.advance(3600.0)
    assert simulator.declared_slate["maya"] == pytest.approx(0.4)
    nominal = dict(
        zip(
            CV_NAMES,
            small.model.outputs(small.model.x_nominal, small.model.u_nominal, small.model.d_nominal)
            .full()
            .ravel(),
            strict=True,
        )
    )
    assert simulator.truth()["fraction_overflash"] < float(nominal["fraction_overflash"])


def test_declared_slate_hides_the_error(small: CrudeUnit, case: CrudeUnitCase) -> None:
    error = {"maya": 0.05, "bonny_light": -0.05}
    simulator = started(small, plain(case), replace(QUIET, slate_error=error, fouling=1e-4))
    simulator.advance(7200.0)
    assert simulator.measure()["fraction_maya"].value == pytest.approx(0.15)
    assert simulator.truth()["fraction_maya"] == pytest.approx(0.20)
    assert simulator.truth()["temp_shift_preheat"] == pytest.approx(-0.72)


def test_time_is_cut_alike_into_any_calls(small: CrudeUnit, case: CrudeUnitCase) -> None:
    scenario = replace(QUIET, events=(CrudeSwitch(300.0, 600.0, MAYA_RICH),))
    ends = []
    for step_s in (30.0, 600.0):
        simulator = started(small, case, scenario)
        for _ in range(round(1800.0 / step_s)):
            simulator.advance(step_s)
        ends.append(simulator.truth())
    assert ends[0][KERO] == pytest.approx(ends[1][KERO], abs=0.1)
    assert ends[0]["fraction_overflash"] == pytest.approx(ends[1]["fraction_overflash"], abs=5e-4)


def test_weather_and_noise_do_not_know_how_time_is_cut(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    scenario = Scenario(
        7200.0,
        events=(EquipmentTrip(610.0, 15.0, "power", 0.9), PreheatChange(300.0, 400.0, -5.0)),
        weather=Weather(6.0, temp_k_noise=3.0, noise_time_s=1800.0),
        process_noise=(
            ProcessNoise("flow_vol_feed", 2e-3, 300.0),
            ProcessNoise("temp_shift_preheat", 2.0, 600.0),
        ),
    )
    ends = []
    for step_s in (30.0, 7.5, 1800.0):
        simulator = started(small, plain(case), scenario)
        for _ in range(round(1800.0 / step_s)):
            simulator.advance(step_s)
        ends.append(simulator.truth())
    spans = case.spans
    for name in CV_NAMES:
        for end in ends[:2]:
            assert end[name] == pytest.approx(ends[2][name], abs=0.01 * spans[name]), name


def test_operators_write_in_the_scenario(small: CrudeUnit, case: CrudeUnitCase) -> None:
    events = (SetpointChange(0.0, "temp_top", 398.0), SetpointChange(90.0, "temp_top", 400.5))
    simulator = started(small, case, replace(QUIET, events=events))
    assert simulator.setpoints["temp_top"] == 398.0
    simulator.advance(60.0)
    assert simulator.setpoints["temp_top"] == 398.0
    simulator.advance(60.0)
    assert simulator.setpoints["temp_top"] == 400.5
    simulator.write("temp_top", 399.0)
    simulator.advance(60.0)
    assert simulator.setpoints["temp_top"] == 399.0


def test_process_noise_moves_the_plant_and_not_the_set_points(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    noise = ProcessNoise("flow_vol_kerosene", 5.6e-4, 600.0)
    simulator = started(small, case, replace(QUIET, process_noise=(noise,)))
    before = dict(simulator.setpoints)
    values = []
    for _ in range(60):
        simulator.advance(60.0)
        values.append(simulator.truth()["temp_tbp95_kerosene"])
    assert simulator.setpoints == before
    assert 0.05 < float(np.std(values)) < 5.0


def test_a_new_start_keeps_fouling_and_finds_the_crude_of_its_time(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    events = (
        CrudeSwitch(3600.0, 600.0, MAYA_RICH),
        SetpointChange(300.0, "temp_top", 398.0),
        SetpointChange(5400.0, "pressure_top", 1.75e5),
        SetpointChange(9000.0, "pressure_top", 1.85e5),
    )
    error = {"maya": 0.05, "bonny_light": -0.05}
    scenario = replace(QUIET, events=events, slate_error=error)
    simulator = started(small, case, scenario)
    names = small.model.x_names
    place = names.index(small.model.drifting[0])
    snapshot = simulator.snapshot()
    fouled = list(snapshot.x)
    for name in small.model.drifting:
        fouled[names.index(name)] *= 1.5
    simulator.restore(replace(snapshot, x=tuple(fouled)))
    simulator.advance(600.0)
    before = simulator.snapshot()
    simulator.start_again(7200.0)
    after = simulator.snapshot()
    at = dict(zip(names, after.x, strict=True))
    for name in small.model.drifting:
        assert at[name] == before.x[names.index(name)]
    assert at[names[place]] > small.model.x_nominal[place]
    assert at["mixed_fraction_maya"] == pytest.approx(0.45)
    assert at["mixed_fraction_bonny_light"] == pytest.approx(0.15)
    assert after.setpoints["pressure_top"] == 1.75e5
    assert (
        after.setpoints["temp_top"] == small.model.u_nominal[small.model.u_names.index("temp_top")]
    )
    simulator.advance(600.0)
    with pytest.raises(InputError, match="cannot start again at 60"):
        simulator.start_again(60.0)


def test_an_analyser_that_reads_high_does_not_stop_the_plant(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    simulator = started(small, case)
    snapshot = simulator.snapshot()
    heavy = list(snapshot.x)
    heavy[small.model.x_names.index("analyser_temp_tbp95_hgo")] = 960.0
    simulator.restore(replace(snapshot, x=tuple(heavy)))
    simulator.advance(1.0)
    assert simulator.truth()["temp_tbp95_hgo"] > 900.0
    shown = []
    for _ in range(12):
        simulator.advance(60.0)
        shown.append(simulator.measure()["temp_tbp95_hgo"])
    highest = max(shown, key=lambda reading: reading.value)
    top = case.instruments.analysers["temp_tbp95_hgo"].instrument.high
    assert (highest.value, highest.status) == (pytest.approx(top), "uncertain")


def test_a_value_that_is_not_finite_leaves_the_simulator_at_the_last_good_moment(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    """A unit whose outputs have no value while the line-up holds much Maya."""
    model = small.model
    x, u, d = (
        ca.SX.sym(letter, n)
        for letter, n in zip("xud", (model.n_x, model.n_u, model.n_d), strict=True)
    )
    maya = x[model.x_names.index("mixed_fraction_maya")]
    outputs = model.outputs(x, u, d) + 1e-9 * ca.sqrt(0.2 - maya)
    fragile = replace(model, outputs=ca.Function("fragile", [x, u, d], [outputs]))
    switch = CrudeSwitch(0.0, 0.0, MAYA_RICH)
    simulator = Simulator(replace(small, model=fragile), case, replace(QUIET, events=(switch,)), 1)
    with pytest.raises(PlantError, match=r"is nan at .* check the set points"):
        simulator.advance(3600.0)
    stands = simulator.snapshot()
    assert 0.0 < simulator.time_s < 3600.0
    assert simulator.truth()["temp_tbp95_hgo"] > 0.0
    assert math.isfinite(simulator.measure()["temp_tbp95_hgo"].value)
    with pytest.raises(PlantError, match="is nan"):
        simulator.advance(60.0)
    assert simulator.snapshot() == stands


def write_card(simulator: Simulator) -> None:
    """Write the operators' card of the declared slate."""
    for mv, value in recipe_setpoints(simulator.case, simulator.declared_slate).items():
        simulator.write(mv, value)


def test_recipe_follows_the_slate(small: CrudeUnit, case: CrudeUnitCase) -> None:
    simulator = started(small, case, replace(QUIET, events=(CrudeSwitch(0.0, 0.0, MAYA_RICH),)))
    write_card(simulator)
    by_name = {recipe.name: recipe.setpoints for recipe in case.recipes}
    assert {mv: simulator.setpoints[mv] for mv in MV_NAMES} == by_name["Maya rich"]


def test_wrong_writes_and_times_are_refused(small: CrudeUnit, case: CrudeUnitCase) -> None:
    simulator = started(small, case)
    with pytest.raises(InputError, match="nearest is 'temp_coil_outlet'"):
        simulator.write("temp_coil_outlett", 620.0)
    for value in (math.nan, math.inf, -1.0):
        with pytest.raises(InputError, match="finite positive"):
            simulator.write("temp_top", value)
    for mv, value, range_ in (
        ("fraction_oxygen_stack", 0.25, "0.005 to 0.1$"),
        ("temp_coil_outlet", 900.0, r"523.15 to 673.15 K"),
        ("flow_vol_feed", 1.0, "0 to 0.25 m3/s"),
    ):
        held = simulator.setpoints
        with pytest.raises(InputError, match=f"set point of {mv} .*accepts {range_}"):
            simulator.write(mv, value)
        assert simulator.setpoints == held
    for duration_s in (0.0, -60.0, math.nan):
        with pytest.raises(InputError, match="positive time"):
            simulator.advance(duration_s)


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ({"events": (CrudeSwitch(0.0, 0.0, {"brent": 1.0}),)}, "unknown crude 'brent'"),
        ({"events": (CrudeSwitch(0.0, 0.0, {"maya": 0.9}),)}, "adds up to 0.9"),
        (
            {"events": (SensorFault(0.0, 9.0, "temp_tbp95_kero", "bad"),)},
            "nearest is 'temp_tbp95_k",
        ),
        ({"slate_error": {"brent": 0.0}}, "unknown crude 'brent'"),
        (
            {"events": (EquipmentTrip(0.0, 9.0, "pump_fed"),)},
            "equipment: this unit has no variable 'status_pump_fed'",
        ),
        (
            {"events": (DisturbanceChange(0.0, 9.0, "temp_ambeint", 3.0),)},
            "disturbance_change: this unit has no variable 'temp_ambeint'",
        ),
        ({"events": (SetpointChange(0.0, "temp_tob", 400.0),)}, "the nearest is 'temp_top'"),
        (
            {"events": (SetpointChange(9.0, "fraction_oxygen_stack", 0.25),)},
            "set point of fraction_oxygen_stack is 0.25; the control system accepts",
        ),
        (
            {"events": (DisturbanceChange(0.0, 9.0, "fraction_maya", 0.1),)},
            "add up to 1; move the slate by crude_switch, or .* by slate_error",
        ),
        (
            {"events": (DisturbanceChange(0.0, 9.0, "status_condenser", 0.5),)},
            "use the event equipment with 'condenser'",
        ),
        (
            {"process_noise": (ProcessNoise("status_pump_feed", 0.1, 60.0),)},
            "use the event equipment with 'pump_feed'",
        ),
        (
            {"process_noise": (ProcessNoise("fraction_maya", 0.1, 60.0),)},
            "fractions add up to 1",
        ),
    ],
)
def test_scenario_that_does_not_fit_the_unit_is_refused(
    scenario: dict[str, object], message: str, small: CrudeUnit, case: CrudeUnitCase
) -> None:
    with pytest.raises(InputError, match=message):
        started(small, case, replace(QUIET, **scenario))  # type: ignore[arg-type]


def test_a_range_of_a_handle_that_is_not_there_is_refused(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    strange = replace(case.instruments, ranges={"temp_tob": (300.0, 400.0)})
    with pytest.raises(InputError, match="no such handle; the nearest is 'temp_top'"):
        started(small, replace(case, instruments=strange))
    cold = replace(case.instruments, ranges={"temp_top": (300.0, 350.0)})
    with pytest.raises(InputError, match=r"temp_top is 399\.\d* K; .* accepts 300 to 350 K"):
        started(small, replace(case, instruments=cold))


def test_a_fingerprint_tells_what_happens_and_not_how_it_was_written() -> None:
    first = Scenario(60.0, events=(CrudeSwitch(0, 9.0, {"maya": 0.4, "bonny_light": 0.6}),))
    same = Scenario(90.0, events=(CrudeSwitch(0.0, 9.0, {"bonny_light": 0.6, "maya": 0.4}),))
    assert fingerprint(first) == fingerprint(same)
    others = (
        replace(first, noise_factor=2.0),
        replace(first, events=()),
        replace(first, weather=Weather(3.0)),
        replace(first, events=(CrudeSwitch(0.0, 8.0, {"maya": 0.4, "bonny_light": 0.6}),)),
    )
    assert len({fingerprint(first), *map(fingerprint, others)}) == 5


@pytest.mark.slow
def test_demonstration_runs_on_the_plant(
    plant: CrudeUnit, case: CrudeUnitCase, cases: Path
) -> None:
    scenario = load_scenario(cases / "plants" / "scenario_demo.yaml")
    simulator = Simulator(plant, case, scenario, 1)
    while simulator.time_s < scenario.duration_s:
        simulator.advance(300.0)
        if simulator.time_s == 9000.0:
            write_card(simulator)
        assert all(math.isfinite(reading.value) for reading in simulator.measure().values())
    truth = simulator.truth()
    assert 0.03 < truth["fraction_overflash"] < 0.07


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_scenarios_run_with_recipes(
    seed: int, small: CrudeUnit, case: CrudeUnitCase
) -> None:
    scenario = random_scenario(np.random.default_rng(seed), case, 3 * 3600.0)
    simulator = Simulator(small, case, scenario, seed)
    while simulator.time_s < scenario.duration_s:
        write_card(simulator)
        simulator.advance(1800.0)
        simulator.measure()


def test_wall_clock_paces_and_reports_being_late(small: CrudeUnit, case: CrudeUnitCase) -> None:
    clock, waits, seen = ManualClock(), [], []

    def wait(duration_s: float) -> None:
        waits.append(duration_s)
        clock.advance(duration_s)

    def busy(simulator: Simulator) -> None:
        seen.append(simulator.time_s)
        if simulator.time_s == 120.0:
            clock.advance(1.6)  # the reader of the second step takes as long as three steps

    pace = run_paced(started(small, case), 120.0, clock, wait, 630.0, 60.0, busy)
    assert seen == [60.0 * n for n in range(1, 11)] + [630.0]
    np.testing.assert_allclose(waits, [0.5, 0.5, 0.4, *[0.5] * 4, 0.25], atol=1e-9)
    assert (pace.steps, pace.late_steps) == (11, 3)
    assert pace.latest_s == pytest.approx(1.1)
    assert pace.speed == pytest.approx(120.0)
    for wrong in ((0.0, 60.0), (math.nan, 60.0), (1.0, 0.0)):
        with pytest.raises(InputError, match="give a positive number"):
            run_paced(started(small, case), wrong[0], clock, wait, wrong[1])


@pytest.mark.slow
def test_upsets_act_on_the_unit_and_pass(
    small: CrudeUnit, case: CrudeUnitCase, cases: Path
) -> None:
    scenario = load_scenario(cases / "plants" / "scenario_upsets.yaml")
    simulator = Simulator(small, case, scenario, 1)
    seen: list[dict[str, float]] = []
    bad = 0
    while simulator.time_s < scenario.duration_s:
        simulator.advance(300.0)
        seen.append(simulator.truth())
        readings = simulator.measure()
        assert all(math.isfinite(reading.value) for reading in readings.values())
        bad += readings["temp_flash_zone"].status == "bad"
    at = {hour: seen[round(hour * 12.0) - 1] for hour in (0.9, 1.15, 1.9, 3.9, 4.5, 6.5, 9.0)}
    assert at[1.15]["duty_pumparound_mid_actual"] < 0.1 * at[0.9]["duty_pumparound_mid_actual"]
    assert at[1.9]["duty_pumparound_mid_actual"] > 0.9 * at[0.9]["duty_pumparound_mid_actual"]
    assert at[3.9]["pressure_top"] == pytest.approx(1.76e5, rel=0.01)
    assert at[4.5]["temp_preheat"] < at[3.9]["temp_preheat"] - 3.0
    assert at[9.0]["resistance_fouling_2"] < at[3.9]["resistance_fouling_2"]
    assert at[6.5]["flow_mass_fuel"] > at[3.9]["flow_mass_fuel"]
    assert at[9.0]["temp_ambient"] < at[4.5]["temp_ambient"] - 5.0
    assert 1 <= bad <= 10
    assert 0.015 < seen[-1]["fraction_overflash"] < 0.1
