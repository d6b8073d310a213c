"""What the simulator refuses: writes, times, scenarios and ranges that do not fit the unit."""

import math
from dataclasses import replace

import pytest

from operator_agent.errors import InputError
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    SensorFault,
    SetpointChange,
)
from operator_agent.plant.simulation.scenario import ProcessNoise
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

from .simulator_bench import QUIET, started


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
