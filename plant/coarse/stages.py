"""A stage of the coarse column: liquid outflow, vapour flow, and what the stage above gets.

States of a stage are the volumes of the lumps and one temperature. With N moles in the liquid,
K_i = P_i(T)/P and R = sum(N_i K_i)/N (above one: the liquid would boil by itself), the vapour flow
is a smooth ramp of R - 1,

    v_i = kappa w N_i K_i / N,   w = ((R - 1) + sqrt((R - 1)^2 + 4 v_steam/kappa)) / 2,

which tends to the equilibrium with the steam, v = v_steam R/(1 - R), where R is below one, and to
kappa R (R - 1) above: the superheat drives the boiling. Liquid leaves as the cube of its volume,
so that the holdup hardly follows the flow, a stage is never empty and never stops.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.coarse.lump_laws import LumpLaws
from operator_agent.plant.crude.thermo import HEAT_CAPACITY_STEAM

_STEAM_LEAST = 1.0  # [mol/s], keeps the root smooth without steam: 1 % of the bottom steam
_DRY_FRACTION = 0.05  # of the design volume, where evaporation is down to a half
_VOLUME_LEAST_M3 = 1e-6  # keeps shares finite on a dry stage
_FLOW_TYPICAL_M3_S = 0.05  # scale of `smaller`, against overflow of high powers
_FLOW_LEAST = 1e-3  # of the typical flow: rounds the corner of `smaller` at zero


@dataclass(frozen=True, slots=True)
class Vessel:
    """Size of a stage: outflow = volume/residence (volume/design)^2.

    Attributes:
        volume_design: liquid at the design flow [m3].
        time_residence: volume over flow there [s].
        heat_capacity: of the metal [J/K].
        transfer: kappa [mol/s].
    """

    volume_design: float
    time_residence: float
    heat_capacity: float
    transfer: float

    def outflow(self, volume: ca.SX) -> ca.SX:
        """Return the liquid that leaves [m3/s]."""
        return volume * (volume / self.volume_design) ** 2 / self.time_residence


@dataclass(frozen=True, slots=True)
class CoarseStage:
    """Traffic of a stage as expressions.

    Attributes:
        temp: [K].
        volume: liquid [m3].
        shares: of the lumps in the liquid's volume.
        liquid: flow that leaves, draws included [m3/s].
        moles: per volume of the liquid [mol/m3].
        volatilities: vapour pressures over the reference pressure.
        pressure: [Pa].
        vapour: of each lump, as liquid volume [m3/s].
        latent: heat in the vapour over the liquid at the same temperature [W].
        steam: that passes [mol/s].
    """

    temp: ca.SX
    volume: ca.SX
    shares: ca.SX
    liquid: ca.SX
    moles: ca.SX
    volatilities: ca.SX
    pressure: float
    vapour: ca.SX
    latent: ca.SX
    steam: ca.SX


def make_stage(
    laws: LumpLaws, volumes: ca.SX, temp: ca.SX, pressure: float, steam: ca.SX, vessel: Vessel
) -> CoarseStage:
    """Return the traffic of a stage.

    Args:
        laws: of the lumps.
        volumes: of the lumps in the liquid [m3].
        temp: [K].
        pressure: [Pa].
        steam: through the stage [mol/s].
        vessel: its size.
    """
    volume = ca.sum1(volumes)
    shares = volumes / (volume + _VOLUME_LEAST_M3)
    volatilities = laws.volatility(temp)
    volatile = shares * volatilities
    moles = ca.dot(laws.molar_density, shares)
    relative = laws.pressure_reference / pressure
    over = relative * ca.dot(laws.molar_density, volatile) / moles - 1.0
    wet = volume**2 / (volume**2 + (_DRY_FRACTION * vessel.volume_design) ** 2)
    ramp = over + ca.sqrt(over**2 + (4.0 / vessel.transfer) * (steam + _STEAM_LEAST))
    vapour = (0.5 * vessel.transfer * relative * wet * ramp / moles) * volatile
    return CoarseStage(
        temp=temp,
        volume=volume,
        shares=shares,
        liquid=vessel.outflow(volume),
        moles=moles,
        volatilities=volatilities,
        pressure=pressure,
        vapour=vapour,
        latent=laws.latent_heat(vapour, temp),
        steam=steam,
    )


def smaller(first: ca.SX, second: ca.SX) -> ca.SX:
    """Return a smooth min of two flows that are not negative [m3/s]; never above either.

    ab/(a^8 + b^8)^(1/8): a draw gets what it asks for to 1 % up to three quarters of the liquid.
    """
    a, b = first / _FLOW_TYPICAL_M3_S, second / _FLOW_TYPICAL_M3_S
    sum_of_powers = a**2 * a**2
    sum_of_powers = sum_of_powers**2
    fourth = b**2 * b**2
    sum_of_powers = sum_of_powers + fourth**2 + _FLOW_LEAST**8
    return first * b / ca.sqrt(ca.sqrt(ca.sqrt(sum_of_powers)))


@dataclass(frozen=True, slots=True)
class Inflow:
    """A flow into a stage: lumps and their sum [m3/s], temperature [K], latent heat [W]."""

    flows: ca.SX
    total: ca.SX
    temp: ca.SX
    latent: ca.SX


def stage_rates(
    laws: LumpLaws,
    stage: CoarseStage,
    vessel: Vessel,
    inflows: tuple[Inflow, ...],
    steams: tuple[tuple[ca.SX, ca.SX], ...],
    cooling: ca.SX,
) -> tuple[ca.SX, ca.SX]:
    """Return the rates of the volumes [m3/s] and of the temperature [K/s].

    Args:
        laws: of the lumps.
        stage: its traffic.
        vessel: its size.
        inflows: hydrocarbons that enter.
        steams: steam that enters, flow [mol/s] and temperature [K].
        cooling: heat taken out [W].
    """
    rate = -stage.liquid * stage.shares - stage.vapour
    own = laws.heat(stage.temp)
    heat = -stage.latent - cooling
    for inflow in inflows:
        rate = rate + inflow.flows
        heat = heat + inflow.total * (laws.heat(inflow.temp) - own) + inflow.latent
    for flow, temp in steams:
        heat = heat + HEAT_CAPACITY_STEAM * flow * (temp - stage.temp)
    capacity = vessel.heat_capacity + stage.volume * laws.heat_capacity_at(stage.temp)
    return rate, heat / capacity
