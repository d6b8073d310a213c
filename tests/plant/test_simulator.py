"""The simulator: time, what is shown of the plant, and where it stands after a stop."""

import math
from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.clock import ManualClock
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    EquipmentTrip,
    PreheatChange,
    SetpointChange,
)
from operator_agent.plant.simulation.scenario import ProcessNoise, Scenario, Weather
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.simulation.wall_clock import run as run_paced
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.variables import CV_NAMES, MV_NAMES

from .simulator_bench import KERO, MAYA_RICH, QUIET, plain, started


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
