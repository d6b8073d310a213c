"""The furnace coil as the controller sees it: a lag, a duty by feed-forward, a flash by two steps.

The coil outlet follows its set point like a first-order lag, because a feed-forward of crude flow
and preheat sets the firing; the duty is what that takes, up to the largest. The part of each lump
that has evaporated, K/(K + liquid/vapour), comes from two steps of successive substitution instead
of a solved flash.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.coarse.lump_laws import LumpLaws
from operator_agent.plant.coarse.parameters import CoarseParameters
from operator_agent.plant.coarse.stages import Inflow

_VAPORISED_FIRST = 0.75  # mole fraction from which the substitution starts
_N_SUBSTITUTIONS = 2
_DUTY_ROUND_W = 3e5  # width of the corner at the largest duty


@dataclass(frozen=True, slots=True)
class Coil:
    """Expressions of the coil.

    Attributes:
        outlet: crude to the column.
        duty: absorbed [W].
        rate: of the coil outlet temperature [K/s].
    """

    outlet: Inflow
    duty: ca.SX
    rate: ca.SX


def make_coil(
    laws: LumpLaws,
    parameters: CoarseParameters,
    feed: ca.SX,
    temp: ca.SX,
    temp_setpoint: ca.SX,
    temp_preheat: ca.SX,
) -> Coil:
    """Return the coil.

    Args:
        laws: of the lumps.
        parameters: of the model.
        feed: crude, volume of each lump [m3/s].
        temp: coil outlet, a state [K].
        temp_setpoint: of the coil outlet [K].
        temp_preheat: crude at the inlet [K].
    """
    relative = laws.pressure_reference / parameters.pressure_coil_outlet
    volatilities = relative * laws.volatility(temp)
    total = ca.sum1(feed)
    moles = laws.molar_density * feed
    vaporised: float | ca.SX = _VAPORISED_FIRST
    evaporated = ca.SX(feed)
    for _ in range(_N_SUBSTITUTIONS):
        evaporated = volatilities * vaporised / (1.0 - vaporised + volatilities * vaporised)
        vaporised = ca.dot(moles, evaporated) / ca.sum1(moles)
    latent = laws.latent_heat(feed * evaporated, temp)
    needed = total * (laws.heat(temp) - laws.heat(temp_preheat)) + latent
    lag = parameters.heat_capacity_coil / parameters.time_coil_outlet
    wanted = needed + lag * (temp_setpoint - temp)
    spare = parameters.duty_furnace_high - wanted
    duty = parameters.duty_furnace_high - 0.5 * (spare + ca.sqrt(spare**2 + _DUTY_ROUND_W**2))
    rate = (duty - needed) / parameters.heat_capacity_coil
    return Coil(Inflow(feed, total, temp, latent), duty, rate)
