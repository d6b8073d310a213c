"""Furnace and flash of the crude at the coil outlet, with the coil outlet temperature loop."""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.smooth import softplus
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import Stream
from operator_agent.plant.unit.case import CrudeUnitCase, Layout
from operator_agent.plant.unit.stage import Component

_DUTY_SOFT = 1e5  # [W], width of the smooth limits on the duty: 0.2 % of the nominal
_VAPORISED_GUESS = 0.6
_SLOPE_FLOOR = 1e-9  # keeps the Rachford-Rice step finite when nothing separates


@dataclass(frozen=True, slots=True)
class Furnace:
    """Expressions of the furnace.

    Attributes:
        outlet: crude to the flash zone, liquid and vapour together.
        enthalpy_in: of the crude at the inlet [W].
        duty: absorbed [W].
        fraction_vaporised: mole fraction of the outlet that is vapour.
    """

    outlet: Stream
    enthalpy_in: ca.SX
    duty: ca.SX
    fraction_vaporised: ca.SX


def add_furnace(
    states: States,
    component: Component,
    case: CrudeUnitCase,
    layout: Layout,
    feed: ca.SX,
    temp_preheat: ca.SX,
    temp_setpoint: ca.SX,
) -> Furnace:
    """Declare the furnace's states and rates and return its expressions.

    The vaporised fraction is a state that relaxes on the Rachford-Rice equation (Ind. Eng. Chem.
    44 (1952) 1108) by a Newton step per `time_flash`.

    Args:
        states: of the model, extended here.
        component: the lumps.
        case, layout: numbers.
        feed: crude, molar flow of each lump [mol/s].
        temp_preheat: crude at the inlet [K].
        temp_setpoint: of the coil outlet [K].
    """
    unit, loops = case.equipment, case.loops
    temp = states.add("temp_coil_outlet", 5.0, case.setpoints["temp_coil_outlet"])
    vaporised = states.add("fraction_vaporised", 0.05, _VAPORISED_GUESS)
    integral = states.add("integral_furnace", 2e6, 0.0)
    pressure = unit.pressure_top + unit.pressure_drop_column + unit.pressure_drop_transfer_line
    ratio = component.vapour_pressure(temp) / pressure
    share = feed / ca.sum1(feed)
    denominator = 1.0 + vaporised * (ratio - 1.0)
    residual = ca.sum1(share * (ratio - 1.0) / denominator)
    slope = ca.sum1(share * ((ratio - 1.0) / denominator) ** 2)
    states.rates["fraction_vaporised"] = residual / (slope + _SLOPE_FLOOR) / layout.time_flash
    liquid = component.enthalpy_liquid(temp)
    vapour = vaporised * feed * ratio / denominator
    enthalpy = ca.dot(feed, liquid) + ca.dot(vapour, component.enthalpy_vapour(temp) - liquid)
    enthalpy_in = ca.dot(feed, component.enthalpy_liquid(temp_preheat))

    error = temp_setpoint - temp
    raw = loops.duty_furnace + loops.gain_furnace * error + integral
    duty = softplus(raw, _DUTY_SOFT) - softplus(raw - unit.duty_furnace_high, _DUTY_SOFT)
    states.rates["integral_furnace"] = (
        loops.gain_furnace * error + (duty - raw)
    ) / loops.time_furnace
    states.rates["temp_coil_outlet"] = (duty - (enthalpy - enthalpy_in)) / (
        unit.heat_capacity_furnace
    )
    return Furnace(Stream(feed, enthalpy), enthalpy_in, duty, vaporised)
