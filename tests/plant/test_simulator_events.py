"""What scenarios do to a simulated unit: crude, faults, hands, and whole episodes."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    PreheatChange,
    PriceChange,
    SensorFault,
    SetpointChange,
)
from operator_agent.plant.simulation.random_scenario import random_scenario
from operator_agent.plant.simulation.scenario import ProcessNoise, Scenario
from operator_agent.plant.simulation.scenario_file import load_scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.unit.recipe import recipe_setpoints
from operator_agent.plant.variables import CV_NAMES, MV_NAMES

from .simulator_bench import KERO, MAYA_RICH, QUIET, plain, started


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


def write_card(simulator: Simulator) -> None:
    """Write the operators' card of the declared slate."""
    for mv, value in recipe_setpoints(simulator.case, simulator.declared_slate).items():
        simulator.write(mv, value)


def test_recipe_follows_the_slate(small: CrudeUnit, case: CrudeUnitCase) -> None:
    simulator = started(small, case, replace(QUIET, events=(CrudeSwitch(0.0, 0.0, MAYA_RICH),)))
    write_card(simulator)
    by_name = {recipe.name: recipe.setpoints for recipe in case.recipes}
    assert {mv: simulator.setpoints[mv] for mv in MV_NAMES} == by_name["Maya rich"]


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
