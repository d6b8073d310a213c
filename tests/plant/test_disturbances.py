"""What acts on the unit at a time: equipment, surroundings, weather and chance."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.simulation.disturbances import Disturbances
from operator_agent.plant.simulation.events import (
    DisturbanceChange,
    EquipmentTrip,
    Event,
    FuelChange,
    PreheatChange,
    ValveSticks,
)
from operator_agent.plant.simulation.scenario import (
    ProcessNoise,
    Scenario,
    Weather,
)
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.variables import BOUNDARY, STATUS, STICTION, fraction_name

DAY_S = 86_400.0


def surroundings(case: CrudeUnitCase, small: CrudeUnit) -> ProcessModel:
    """The coarse layout with the disturbances of a whole unit; only their names are used."""
    model = small.model
    names = (*map(fraction_name, case.crude_keys), *BOUNDARY, *STATUS, *STICTION)
    nominal = [
        *case.slate_vector(case.slate),
        288.0,
        295.0,
        300.0,
        4.6e7,
        0.0,
        *[1.0] * len(STATUS),
        *[0.0] * len(STICTION),
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


def test_valve_sticks_from_its_event_until_the_next_one(
    case: CrudeUnitCase, small: CrudeUnit
) -> None:
    events = (
        ValveSticks(3600.0, "feed", 0.0),
        ValveSticks(60.0, "feed", 0.05),
        ValveSticks(120.0, "feed", 0.1),
    )
    model = surroundings(case, small)
    disturbances = acting(model, case, Scenario(7200.0, events=events))
    for time_s, band in ((0.0, 0.0), (60.0, 0.05), (119.0, 0.05), (120.0, 0.1), (3600.0, 0.0)):
        assert value(disturbances, model, "stick_band_feed", time_s) == band
        assert value(disturbances, model, "stick_band_reflux", time_s) == 0.0


def test_stick_bands_move_by_their_own_event_only(case: CrudeUnitCase, small: CrudeUnit) -> None:
    model = surroundings(case, small)
    ramp = Scenario(60.0, events=(DisturbanceChange(0.0, 9.0, "stick_band_feed", 0.1),))
    with pytest.raises(InputError, match="a share of the stroke; use the event valve_sticks with"):
        acting(model, case, ramp)
    missing = Scenario(60.0, events=(ValveSticks(0.0, "refux", 0.1),))
    with pytest.raises(InputError, match=r"valve_sticks: .*the nearest is 'stick_band_reflux'"):
        acting(model, case, missing)
    with pytest.raises(InputError, match=r"valve_sticks: band is 0\.6; give 0 to 0\.5"):
        Scenario(60.0, events=(ValveSticks(0.0, "feed", 0.6),))


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
    ("events", "message"),
    [
        (
            (DisturbanceChange(0.0, 9.0, "temp_ambient", -120.0),),
            r"temp_ambient is 168 K; give 183.15 to 333.15 K; it is so at 9 s",
        ),
        ((DisturbanceChange(0.0, 9.0, "temp_cooling_water", 45.0),), "temp_cooling_water is 340 K"),
        ((FuelChange(0.0, 9.0, 0.05),), r"heating_value_fuel is 2.3e\+06 J/kg; give 2.5e\+06 to"),
        (
            (PreheatChange(5.0, 0.0, -90.0), PreheatChange(7.0, 0.0, -90.0)),
            "temp_shift_preheat is -180 K; give -150 to 150 K; it is so at 7 s",
        ),
        (
            (
                PreheatChange(0.0, 8.0, 140.0),
                PreheatChange(0.0, 8.0, 60.0),
                PreheatChange(7, 0, -99),
            ),
            "temp_shift_preheat is 175 K",
        ),
    ],
)
def test_surroundings_that_no_unit_meets_are_refused(
    events: tuple[Event, ...], message: str, case: CrudeUnitCase, small: CrudeUnit
) -> None:
    with pytest.raises(InputError, match=message):
        acting(surroundings(case, small), case, Scenario(60.0, events=events))


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
