"""Flash of the crude at the coil outlet: its vaporised fraction relaxes on equilibrium."""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.smooth import between
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import Stream
from operator_agent.plant.unit.stage import Component

_VAPORISED_GUESS = 0.6
_SLOPE_FLOOR = 1e-9  # keeps the Rachford-Rice step finite when nothing separates
_FLOW_FLOOR = 1e-3  # [mol/s], keeps the shares finite without feed; it scales out of the step
_ENDS_SOFT = 0.005  # width of the ends of the vaporised fraction, all liquid and all vapour


@dataclass(frozen=True, slots=True)
class Flash:
    """Expressions of a flash.

    Attributes:
        outlet: crude, liquid and vapour together.
        fraction_vaporised: mole fraction of the outlet that is vapour.
    """

    outlet: Stream
    fraction_vaporised: ca.SX


def add_flash(
    states: States,
    component: Component,
    feed: ca.SX,
    temp: ca.SX,
    pressure: ca.SX | float,
    time_s: float,
) -> Flash:
    """Declare the vaporised fraction of a stream and return its enthalpy.

    The fraction relaxes on the Rachford-Rice equation (Ind. Eng. Chem. 44 (1952) 1108) by a Newton
    step per time constant; the step ends at all liquid and at all vapour.

    Args:
        states: of the model, extended here by `fraction_vaporised`.
        component: the lumps.
        feed: molar flow of each lump [mol/s].
        temp: [K].
        pressure: [Pa].
        time_s: of the relaxation [s].
    """
    vaporised = states.add("fraction_vaporised", 0.05, _VAPORISED_GUESS)
    ratio = component.vapour_pressure(temp) / pressure
    share = feed / (ca.sum1(feed) + _FLOW_FLOOR)
    denominator = 1.0 + vaporised * (ratio - 1.0)
    residual = ca.sum1(share * (ratio - 1.0) / denominator)
    slope = ca.sum1(share * ((ratio - 1.0) / denominator) ** 2)
    target = between(vaporised + residual / (slope + _SLOPE_FLOOR), 0.0, 1.0, _ENDS_SOFT)
    states.rates["fraction_vaporised"] = (target - vaporised) / time_s
    liquid = component.enthalpy_liquid(temp)
    vapour = vaporised * feed * ratio / denominator
    enthalpy = ca.dot(feed, liquid) + ca.dot(vapour, component.enthalpy_vapour(temp) - liquid)
    return Flash(Stream(feed, enthalpy), vaporised)
