"""Pumparounds: tray liquid that a pump sends through an exchanger and back, colder.

The liquid leaves a tray at the tray's temperature and returns to the same stage. Without pump or
liquid the circulation, and with it the duty, fades.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.equipment.exchanger import HotSide
from operator_agent.plant.equipment.flow_loop import FlowLoop
from operator_agent.plant.equipment.pump import add_speed
from operator_agent.plant.smooth import smaller, softplus
from operator_agent.plant.states import States
from operator_agent.plant.unit.stage import Component, Stage

_APPROACH_SOFT = 0.5  # [K], width of the end of cooling as the liquid gets as cold as the water
_CAPACITY_FLOOR = 10.0  # [W/K], of a circulation at rest, which then divides nothing by zero


@dataclass(frozen=True, slots=True)
class Circulation:
    """The circulating liquid of a pumparound.

    Attributes:
        hot: the liquid as it leaves the tray.
        speed: of the pump, relative.
        power: of the pump [W].
    """

    hot: HotSide
    speed: ca.SX
    power: ca.SX


def add_circulation(
    states: States,
    component: Component,
    name: str,
    loop: FlowLoop,
    volume_dry: float,
    tray: Stage,
    running: ca.SX,
) -> Circulation:
    """Declare the pump of a pumparound and return its circulation.

    Args:
        states: of the model, extended here by the pump's speed.
        component: the lumps.
        name: of the pump.
        loop: whose pump circulates its best flow at full speed.
        volume_dry: liquid on the tray at which half of the flow is lost [m3].
        tray: from which the liquid comes.
        running: 1 while the pump has power and is switched on, 0 while not.
    """
    pump = loop.pump
    speed = add_speed(states, name, pump, running)
    flow_vol = pump.flow_vol_best * speed * tray.volume / (tray.volume + volume_dry)
    flows = flow_vol * tray.molar_density * tray.fractions
    constant, linear, square = component.enthalpy_terms_liquid(flows)
    hot = HotSide(tray.temp, (constant, linear + _CAPACITY_FLOOR, square), flow_vol)
    return Circulation(hot, speed, pump.power(speed, flow_vol, loop.density))


def cooler_duty(hot: HotSide, setpoint: ca.SX, effectiveness: float, temp_water: ca.SX) -> ca.SX:
    """Return what a cooler on water takes of a duty that is set [W].

    Args:
        hot: liquid that enters.
        setpoint: of the duty [W].
        effectiveness: of the cooler, 0 to 1.
        temp_water: [K].
    """
    approach = softplus(hot.temp_in - temp_water, _APPROACH_SOFT)
    capacity = hot.capacity_flow(hot.temp_in, temp_water)
    return smaller(setpoint, effectiveness * capacity * approach)
