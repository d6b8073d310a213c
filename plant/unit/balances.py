"""Material and energy balances of a stage.

The energy balance uses component enthalpies,

    (C + sum(n cp)) dT/dt = sum_in(H - sum n_in h_L(T)) - sum v (h_V - h_L)(T) + steam - Q,

with C the heat capacity of the metal, which is exact and needs no derivative of the composition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.thermo import HEAT_CAPACITY_STEAM
from operator_agent.plant.unit.stage import Component, Stage


@dataclass(frozen=True, slots=True)
class Stream:
    """A flow of lumps with its enthalpy.

    Attributes:
        flows: of each lump [mol/s].
        enthalpy: of the whole stream [W].
    """

    flows: ca.SX
    enthalpy: ca.SX


@dataclass(frozen=True, slots=True)
class Steam:
    """Steam that enters a stage: flow [mol/s] and temperature [K]."""

    flow: ca.SX
    temp: ca.SX


def liquid_stream(component: Component, stage: Stage, flow_vol: ca.SX) -> Stream:
    """Return a liquid flow [m3/s] from a stage."""
    flows = stage.liquid(flow_vol)
    return Stream(flows, ca.dot(flows, component.enthalpy_liquid(stage.temp)))


def vapour_stream(component: Component, stage: Stage) -> Stream:
    """Return the hydrocarbon vapour that leaves a stage."""
    return Stream(stage.vapour, ca.dot(stage.vapour, component.enthalpy_vapour(stage.temp)))


def stage_rates(
    component: Component,
    stage: Stage,
    holdup: ca.SX,
    inflows: Sequence[Stream],
    steams: Sequence[Steam],
    duty_cooling: ca.SX,
    heat_capacity_metal: float,
) -> tuple[ca.SX, ca.SX]:
    """Return the rates of the holdup [mol/s] and the temperature [K/s] of a stage.

    Args:
        component: the lumps.
        stage: its traffic; all its liquid outflow leaves, be it as draw or to the stage below.
        holdup: its moles [mol].
        inflows: hydrocarbons that enter.
        steams: steam that enters; all of it leaves with the vapour.
        duty_cooling: heat taken out [W].
        heat_capacity_metal: of trays and shell, which follow the liquid's temperature [J/K].
    """
    liquid = component.enthalpy_liquid(stage.temp)
    evaporation = component.enthalpy_vapour(stage.temp) - liquid
    rate = -stage.liquid(stage.flow_vol_liquid) - stage.vapour
    heat = -ca.dot(stage.vapour, evaporation) - duty_cooling
    for stream in inflows:
        rate = rate + stream.flows
        heat = heat + stream.enthalpy - ca.dot(stream.flows, liquid)
    for steam in steams:
        heat = heat + HEAT_CAPACITY_STEAM * steam.flow * (steam.temp - stage.temp)
    capacity = heat_capacity_metal + ca.dot(holdup, component.heat_capacity_liquid(stage.temp))
    return rate, heat / capacity
