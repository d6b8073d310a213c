"""From the feed pump to the flash zone: preheat train with desalter, fired heater, flash.

| exchanger | hot side |
| --- | --- |
| 1, before the desalter | kerosene, LGO and HGO on their way to the tanks, as one stream |
| 2 | middle pumparound |
| 3 | bottom pumparound |
| 4 | residue |
"""

from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.equipment.desalter import WashWater
from operator_agent.plant.equipment.exchanger import HotSide
from operator_agent.plant.equipment.firing import HeaterInputs
from operator_agent.plant.equipment.heater import HeaterProcess, HeaterResult, add_heater
from operator_agent.plant.equipment.preheat_train import (
    PreheatTrain,
    TrainInputs,
    add_preheat_train,
)
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import Stream
from operator_agent.plant.unit.case import CrudeUnitCase, Layout
from operator_agent.plant.unit.crude_feed import Crude
from operator_agent.plant.unit.flash import add_flash
from operator_agent.plant.unit.stage import Component
from operator_agent.plant.variables import SIDE_PRODUCTS

EXCHANGER_OF_PLACE = {"mid": "exchanger_2", "bottom": "exchanger_3"}
_CAPACITY_FLOOR = 1.0  # [W/K], gives mixed products a temperature when nothing flows


@dataclass(frozen=True, slots=True)
class FeedInputs:
    """What acts on the feed path.

    Attributes:
        crude: that is pumped, per volume.
        flow_vol: [m3/s].
        u, d: set points and disturbances of the plant by name.
        pressure_top: of the column [Pa].
    """

    crude: Crude
    flow_vol: ca.SX
    u: Mapping[str, ca.SX]
    d: Mapping[str, ca.SX]
    pressure_top: ca.SX


@dataclass(frozen=True, slots=True)
class FeedPath:
    """Expressions of the feed path.

    Attributes:
        temp_preheat: of the crude at the heater's inlet [K].
        enthalpy_in: of the crude there [W].
        outlet: crude to the flash zone, liquid and vapour together.
        fraction_vaporised: mole fraction of the outlet that is vapour.
        duties_pumparound: taken by exchangers and trim coolers, by place [W].
        train, heater: parts of it.
    """

    temp_preheat: ca.SX
    enthalpy_in: ca.SX
    outlet: Stream
    fraction_vaporised: ca.SX
    duties_pumparound: Mapping[str, ca.SX]
    train: PreheatTrain
    heater: HeaterResult


def add_feed_path(
    states: States,
    component: Component,
    case: CrudeUnitCase,
    layout: Layout,
    inputs: FeedInputs,
    circulations: Mapping[str, HotSide],
    products: Mapping[str, HotSide],
) -> FeedPath:
    """Declare the states of train, desalter, heater and flash and return their expressions.

    Args:
        states: of the model, extended here.
        component: the lumps.
        case, layout: numbers.
        inputs: crude, set points, disturbances and pressure.
        circulations: of the pumparounds by place.
        products: side products and residue by name.
    """
    crude, flow_vol, u, d = inputs.crude, inputs.flow_vol, inputs.u, inputs.d
    train = _train(states, case, inputs, circulations, products)
    temp_preheat = train.temp_out + d["temp_shift_preheat"]
    enthalpy_in = flow_vol * crude.enthalpy(temp_preheat)
    pressure = (
        inputs.pressure_top
        + case.column.pressure_drop_column
        + case.column.pressure_drop_transfer_line
    )
    feed, flashes = flow_vol * crude.moles, []

    def enthalpy_out(temp: ca.SX) -> ca.SX:
        flashes.append(add_flash(states, component, feed, temp, pressure, layout.time_flash))
        return flashes[0].outlet.enthalpy

    heater = add_heater(
        states,
        case.heater,
        HeaterProcess(temp_preheat, enthalpy_in, flow_vol, enthalpy_out),
        HeaterInputs(
            temp_coil_outlet=u["temp_coil_outlet"],
            fraction_oxygen=u["fraction_oxygen_stack"],
            heating_value=d["heating_value_fuel"],
            temp_ambient=d["temp_ambient"],
            in_service=d["status_heater"],
            power=d["status_power"],
        ),
    )
    return FeedPath(
        temp_preheat=temp_preheat,
        enthalpy_in=enthalpy_in,
        outlet=flashes[0].outlet,
        fraction_vaporised=flashes[0].fraction_vaporised,
        duties_pumparound={place: train.duties[name] for place, name in EXCHANGER_OF_PLACE.items()},
        train=train,
        heater=heater,
    )


def _train(
    states: States,
    case: CrudeUnitCase,
    inputs: FeedInputs,
    circulations: Mapping[str, HotSide],
    products: Mapping[str, HotSide],
) -> PreheatTrain:
    u, d, flow_vol = inputs.u, inputs.d, inputs.flow_vol
    hot_sides = {name: circulations[place] for place, name in EXCHANGER_OF_PLACE.items()}
    hot_sides["exchanger_1"] = _joined([products[name] for name in SIDE_PRODUCTS])
    hot_sides["exchanger_4"] = products["residue"]
    wash = WashWater(
        flow=u["fraction_wash_water"] * flow_vol,
        temp=ca.SX(case.feed.temp_wash),
        conc_salt=ca.SX(case.feed.conc_salt),
        energised=d["status_power"],
    )
    return add_preheat_train(
        states,
        case.train,
        TrainInputs(
            crude=inputs.crude.cold_side(d["temp_crude"], flow_vol),
            hot_sides=hot_sides,
            duties={
                name: u[f"duty_pumparound_{place}"] for place, name in EXCHANGER_OF_PLACE.items()
            },
            in_service={name: d[f"status_{name}"] for name in hot_sides},
            wash=wash,
            temp_coolant=d["temp_cooling_water"],
        ),
    )


def _joined(streams: list[HotSide]) -> HotSide:
    """Return several hot streams as one, at the temperature of their mixture."""
    constant, linear, square = (
        sum((stream.enthalpy_terms[n] for stream in streams), ca.SX(0.0)) for n in range(3)
    )
    flow = sum((stream.flow for stream in streams), ca.SX(0.0))
    temp, terms = streams[0].temp_in, (constant, linear + _CAPACITY_FLOOR, square)
    missing = sum(
        (stream.enthalpy(temp) - stream.enthalpy(stream.temp_in) for stream in streams), ca.SX(0.0)
    )
    return HotSide(HotSide(temp, terms, flow).temp_after(missing), terms, flow)
