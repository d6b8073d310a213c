"""Firing of a heater: fuel on the coil outlet temperature, air with O2 trim, flue gas, stack.

The fuel's controller is a PI on the coil outlet; a cross limit holds its fuel below what the air
at hand can burn. The air follows the fuel's demand at a ratio that an integral O2 controller
corrects. The flue gas leaves the convection bank over the crude inlet by an approach that is
proportional to the fired duty, warms the air, and takes Siegert's loss to the stack.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.equipment.combustion import (
    Flue,
    air_ratio_for,
    air_stoichiometric,
    burn,
    loss_siegert,
)
from operator_agent.plant.equipment.heater_sizes import Heater
from operator_agent.plant.smooth import between, smaller, softplus
from operator_agent.plant.states import States

_DUTY_SOFT = 1e5  # [W], width of the limits of the fuel demand: 0.2 % of the nominal
_TRIM_HIGH = 0.25  # of the air ratio, by which the O2 controller may correct
_TRIM_SOFT = 0.02  # width of the ends of that correction
_OXYGEN_SPAN = 0.05  # of the O2 meter, to which the controller's integral time refers
_LEAN_LEAST = 0.92  # air over stoichiometric air below which the cross limit holds the fuel
_PURGE = 0.05  # of the fan's capacity, air that always flows while the fan runs
_AIR_SOFT = 0.01  # of the fan's capacity, width of both limits of the air
_DUTY_START = 0.9  # of the design duty, fired in the initial guess and at zero integral


@dataclass(frozen=True, slots=True)
class HeaterInputs:
    """Set points, surroundings and status.

    Attributes:
        temp_coil_outlet: set point [K].
        fraction_oxygen: set point, dry.
        heating_value: lower, of the fuel at hand [J/kg].
        temp_ambient: [K].
        in_service: 1, or 0 while its fuel is tripped.
        power: 1 while the fan has power, 0 while not.
    """

    temp_coil_outlet: ca.SX
    fraction_oxygen: ca.SX
    heating_value: ca.SX
    temp_ambient: ca.SX
    in_service: ca.SX
    power: ca.SX


@dataclass(frozen=True, slots=True)
class Fire:
    """Expressions of a fire.

    Attributes:
        flow_mass_fuel, flow_mass_air: [kg/s].
        flue: its gas before the stack.
        duty_fired: lower heating value of the fuel [W].
        temp_stack: flue gas behind the air preheater [K].
        duty: released and not lost to the stack [W].
        power_fan: [W].
    """

    flow_mass_fuel: ca.SX
    flow_mass_air: ca.SX
    flue: Flue
    duty_fired: ca.SX
    temp_stack: ca.SX
    duty: ca.SX
    power_fan: ca.SX


def add_fire(
    states: States,
    heater: Heater,
    inputs: HeaterInputs,
    temp_in: ca.SX,
    temp_out: ca.SX,
    permit: ca.SX,
) -> Fire:
    """Declare the states of a fire with its controllers and return its expressions.

    Args:
        states: of the model, extended by `flow_mass_fuel`, `flow_mass_air`, `integral_heater` and
            `integral_oxygen`.
        heater: sizes and tuning.
        inputs: set points, surroundings and status.
        temp_in: crude inlet, which cools the flue gas last [K].
        temp_out: coil outlet, which the fuel holds [K].
        permit: 1, or 0 while the fuel is tripped.
    """
    fuel, air, flue = _burning(states, heater, inputs, temp_out, permit)
    fired = fuel * inputs.heating_value
    flue_over_inlet = heater.temp_approach_flue * fired / heater.duty_design
    over_ambient = temp_in + flue_over_inlet - inputs.temp_ambient
    temp_stack = inputs.temp_ambient + (1.0 - heater.effectiveness_air) * over_ambient
    loss_stack = fired * loss_siegert(
        temp_stack,
        inputs.temp_ambient,
        flue.fraction_oxygen,
        heater.siegert_a2,
        heater.siegert_b,
    )
    return Fire(
        flow_mass_fuel=fuel,
        flow_mass_air=air,
        flue=flue,
        duty_fired=fired,
        temp_stack=temp_stack,
        duty=flue.duty_released - loss_stack,
        power_fan=heater.power_fan * (air / heater.flow_mass_air_high) ** 3,
    )


def _burning(
    states: States, heater: Heater, inputs: HeaterInputs, temp_out: ca.SX, permit: ca.SX
) -> tuple[ca.SX, ca.SX, Flue]:
    """Return fuel [kg/s], air [kg/s] and flue gas; controllers, valve and fan inside.

    The fuel follows the smaller of its demand and what the air at hand can burn (cross limit), so
    a failing fan takes the fuel down with it. While the fuel is tripped the integral part of the
    temperature controller returns to zero demand.
    """
    value = heater.heating_value_design
    need = air_stoichiometric(heater.ratio_hydrogen)
    start = _DUTY_START * heater.duty_design / value
    fuel = states.add("flow_mass_fuel", 0.05, start)
    air = states.add("flow_mass_air", 1.0, 1.15 * need * start)
    integral = states.add("integral_heater", 2e6, 0.0)
    trim = states.add("integral_oxygen", 0.1, 0.0)

    allowed = permit * inputs.power
    push = heater.gain * (inputs.temp_coil_outlet - temp_out)
    wanted = _DUTY_START * heater.duty_design + push + integral
    # Burners that are lost lower the limit, so that the coil outlet holds while fuel is left.
    above = softplus(wanted - allowed * heater.duty_high, _DUTY_SOFT)
    demand = softplus(wanted, _DUTY_SOFT) - above
    states.rates["integral_heater"] = (push + demand - wanted) / heater.time_integral_s
    admitted = smaller(demand, air * value / (_LEAN_LEAST * need))
    states.rates["flow_mass_fuel"] = (admitted / value - fuel) / heater.time_fuel_s

    # A fuel of another heating value is this one with more or less inert gas in it.
    burnable = fuel * inputs.heating_value / value
    flue = burn(burnable, air, heater.flow_mass_air_tramp, ca.SX(value), heater.ratio_hydrogen)
    trimmed = between(trim, -1.0, 1.0, _TRIM_SOFT)
    ratio = air_ratio_for(inputs.fraction_oxygen, heater.ratio_hydrogen) + _TRIM_HIGH * trimmed
    high = heater.flow_mass_air_high
    needed = demand * ratio * need / value
    asked = between(needed, _PURGE * high, high, _AIR_SOFT * high)
    states.rates["flow_mass_air"] = (inputs.power * asked - air) / heater.time_fan_s
    missing = (inputs.fraction_oxygen - flue.fraction_oxygen) / _OXYGEN_SPAN
    states.rates["integral_oxygen"] = (
        (fuel / start) * missing + (trimmed - trim)
    ) / heater.time_oxygen_s
    return fuel, air, flue
