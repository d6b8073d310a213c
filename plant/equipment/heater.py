"""Fired heater: tubes, coil, hottest skin and coke; its fire with fuel and air stands in `firing`.

Heat goes from the flame to the tubes, a thermal mass, and from these to the crude through the
inner film, the coke and the wall:

    C_t dTt/dt = Q_released - Q_stack - Q_wall - Q_crude
    Q_crude = A (Tt - Tb) / (1/h_i + R_coke + t/k),    h_i ~ F^0.8
    C_o dCOT/dt = Q_crude - (H_out(COT) - H_in)

with the bulk at Tb = (Tin + COT)/2, or at COT when nothing flows.
The hottest skin is at the outlet, Tsk = COT + f q" (1/h_i + R_coke + t/k), with the peak factor f
of the flux (API 530). Coke grows by Arrhenius' law in the film temperature COT + f q"/h_i.
"""

from collections.abc import Callable
from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.equipment.firing import HeaterInputs, add_fire
from operator_agent.plant.equipment.heater_sizes import Heater
from operator_agent.plant.smooth import softplus
from operator_agent.plant.states import States

_FIRE_LEAST = 0.01  # of the design duty: below it the fire makes no hot spot
_DUTY_SOFT = 1e5  # [W], width of the end of the fire: 0.2 % of the nominal
_DUTY_OFF = 1e5  # [W], fired duty at which a heater is off and its efficiency means nothing
_FLOW_STILL = 0.03  # of the design flow: below it the inlet no longer cools the coil
_FLOW_TRIP_SOFT = 0.02  # of the design flow, width of the low-flow trip
_TEMP_SCALE = 5.0  # [K]
_RESISTANCE_SCALE = 1e-4  # [m2 K/W]


@dataclass(frozen=True, slots=True)
class HeaterProcess:
    """The crude that passes the heater.

    Attributes:
        temp_in: [K].
        enthalpy_in: of the whole stream [W].
        flow_vol: [m3/s].
        enthalpy_out: of the whole stream [W] as a function of the coil outlet temperature [K]; it
            is called once and may declare states of its own, such as the vaporised fraction.
    """

    temp_in: ca.SX
    enthalpy_in: ca.SX
    flow_vol: ca.SX
    enthalpy_out: Callable[[ca.SX], ca.SX]


@dataclass(frozen=True, slots=True)
class HeaterResult:
    """Expressions of a heater.

    Attributes:
        temp_out: coil outlet [K].
        enthalpy_out: of the crude there [W].
        duty: heat that the crude takes up [W].
        duty_fired: lower heating value of the fuel [W].
        efficiency: heat to the tubes over fired duty.
        flow_mass_fuel, flow_mass_air: [kg/s].
        fraction_oxygen, fraction_co: of the dry flue gas.
        temp_stack, temp_tube, temp_skin: flue gas, mean of the tubes, hottest skin [K].
        resistance_coke: [m2 K/W].
        power: of the fan [W].
    """

    temp_out: ca.SX
    enthalpy_out: ca.SX
    duty: ca.SX
    duty_fired: ca.SX
    efficiency: ca.SX
    flow_mass_fuel: ca.SX
    flow_mass_air: ca.SX
    fraction_oxygen: ca.SX
    fraction_co: ca.SX
    temp_stack: ca.SX
    temp_tube: ca.SX
    temp_skin: ca.SX
    resistance_coke: ca.SX
    power: ca.SX


def add_heater(
    states: States, heater: Heater, process: HeaterProcess, inputs: HeaterInputs
) -> HeaterResult:
    """Declare the states of a fired heater and return its expressions.

    Args:
        states: of the model, extended by `temp_coil_outlet`, `temp_tube`, `resistance_coke`,
            `flow_mass_fuel`, `flow_mass_air`, `integral_heater` and `integral_oxygen`.
        heater: sizes and tuning.
        process: crude in and out.
        inputs: set points, surroundings and status.
    """
    temp_out = states.add("temp_coil_outlet", _TEMP_SCALE, heater.temp_outlet_guess)
    temp_tube = states.add("temp_tube", _TEMP_SCALE, heater.temp_outlet_guess)
    coke = states.add("resistance_coke", _RESISTANCE_SCALE, heater.resistance_start)
    ratio = process.flow_vol / heater.flow_vol_design
    passing = ratio**2 / (ratio**2 + _FLOW_STILL**2)
    low_flow = ratio - heater.share_flow_trip
    permit = inputs.in_service * 0.5 * (1.0 + ca.tanh(low_flow / _FLOW_TRIP_SOFT))
    fire = add_fire(states, heater, inputs, process.temp_in, temp_out, permit)
    enthalpy_out = process.enthalpy_out(temp_out)

    film = heater.resistance_film(process.flow_vol)
    temp_bulk = temp_out - 0.5 * passing * (temp_out - process.temp_in)
    flux = (temp_tube - temp_bulk) / (film + coke + heater.resistance_wall)
    duty = heater.area * flux
    loss_wall = heater.coefficient_wall * (temp_tube - inputs.temp_ambient)
    to_tubes = fire.duty - loss_wall
    heating = softplus(to_tubes, _DUTY_SOFT)
    peak = heater.factor_flux_peak * heating / heater.area
    burning = heating / (heating + _FIRE_LEAST * heater.duty_design)
    hottest = burning * temp_out + (1.0 - burning) * temp_tube  # stored heat makes no hot spot
    states.rates["temp_tube"] = (to_tubes - duty) / heater.heat_capacity_tubes
    states.rates["temp_coil_outlet"] = (duty - (enthalpy_out - process.enthalpy_in)) / (
        heater.heat_capacity_oil
    )
    states.rates["resistance_coke"] = heater.coking(temp_out + peak * film)
    return HeaterResult(
        temp_out=temp_out,
        enthalpy_out=enthalpy_out,
        duty=duty,
        duty_fired=fire.duty_fired,
        efficiency=to_tubes * fire.duty_fired / (fire.duty_fired**2 + _DUTY_OFF**2),
        flow_mass_fuel=fire.flow_mass_fuel,
        flow_mass_air=fire.flow_mass_air,
        fraction_oxygen=fire.flue.fraction_oxygen,
        fraction_co=fire.flue.fraction_co,
        temp_stack=fire.temp_stack,
        temp_tube=temp_tube,
        temp_skin=heater.temp_skin(hottest, peak, process.flow_vol, coke),
        resistance_coke=coke,
        power=fire.power_fan,
    )
