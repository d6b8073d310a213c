"""Centrifugal pumps: curves, affinity laws, run-up and run-down, flow through valve and line.

The head falls steadily, H = a0 w^2 - a1 w q - a2 q^2 with the relative speed w; the efficiency is
a parabola in q/w (affinity laws). With line and valve resistances, both quadratic in the flow,
the balance of heads is one quadratic equation whose root is given in closed form.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.document import Section
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.equipment.valve import Valve
from operator_agent.plant.smooth import softplus
from operator_agent.plant.states import States

GRAVITY = 9.80665  # [m/s2], standard
SI_OF_PUMP = {
    "head_shutoff": "m",
    "head_best": "m",
    "share_falling": "1",
    "flow_vol_best": "m3/s",
    "efficiency_best": "1",
    "time_start_s": "s",
    "time_stop_s": "s",
}
_HEAD_SOFT = 0.2  # [m], width of the start of flow against a static head
_HEAD_FLOOR = 1e-3  # [m], keeps the slope finite where flow begins
_SPEED_FLOOR = 1e-2  # relative speed below which q/w loses its meaning
_SPEED_STILL = 1e-4  # relative speed of a pump at rest; its slope must not vanish for the solver
_RUNOUT = 0.2  # least 2 - q/(w q_best): beyond 1.8 times the best flow efficiency falls no more


@dataclass(frozen=True, slots=True)
class Pump:
    """A centrifugal pump at its full speed.

    Attributes:
        head_shutoff: head without flow [m].
        head_best: head at the best efficiency [m].
        share_falling: part of the drop between them that is linear in the flow, 0 to 1.
        flow_vol_best: flow at the best efficiency [m3/s].
        efficiency_best: there, 0 to 1.
        time_start_s: time constant of the run-up [s].
        time_stop_s: time constant of the run-down [s].
    """

    head_shutoff: float
    head_best: float
    share_falling: float
    flow_vol_best: float
    efficiency_best: float
    time_start_s: float
    time_stop_s: float

    def __post_init__(self) -> None:
        """Refuse curves that do not fall, and sizes that no pump has.

        Raises:
            InputError: a size is out of range.
        """
        require_range(self, ("head_best", "flow_vol_best", "time_start_s", "time_stop_s"))
        require_range(self, ("head_shutoff",), low=self.head_best)
        require_range(self, ("efficiency_best",), high=1.0)
        require_not_negative(self, ("share_falling",))
        require_range(self, ("share_falling",), low=-1.0, high=1.0)

    @classmethod
    def from_section(cls, section: Section) -> "Pump":
        """Return the pump that a section of a case describes.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        return cls(**section.quantities(SI_OF_PUMP))

    @property
    def slope(self) -> float:
        """Coefficient a1 of the head [s/m2]."""
        return self.share_falling * (self.head_shutoff - self.head_best) / self.flow_vol_best

    @property
    def curvature(self) -> float:
        """Coefficient a2 of the head [s2/m5]."""
        drop = (1.0 - self.share_falling) * (self.head_shutoff - self.head_best)
        return drop / self.flow_vol_best**2

    def head(self, speed: ca.SX, flow_vol: ca.SX) -> ca.SX:
        """Return the head [m] at a relative speed and a flow [m3/s]."""
        return (
            self.head_shutoff * speed**2
            - self.slope * speed * flow_vol
            - self.curvature * flow_vol**2
        )

    def power(self, speed: ca.SX, flow_vol: ca.SX, density: float) -> ca.SX:
        """Return the shaft power rho g q H / eta [W], not below zero.

        With eta = eta_best r (2 - r) and r = q/(w q_best) the flow cancels, so the power at
        shut-off is finite: rho g H w q_best / (2 eta_best).

        Args:
            speed: relative, 0 to 1.
            flow_vol: [m3/s].
            density: of the liquid [kg/m3].
        """
        ratio = flow_vol * speed / (self.flow_vol_best * (speed**2 + _SPEED_FLOOR**2))
        head = softplus(self.head(speed, flow_vol), _HEAD_SOFT)
        falling = _RUNOUT + softplus(2.0 - _RUNOUT - ratio, 0.1 * _RUNOUT)
        volume = speed * self.flow_vol_best / (self.efficiency_best * falling)
        return density * GRAVITY * head * volume


def add_speed(
    states: States, name: str, pump: Pump, running: ca.SX, speed_guess: float = 1.0
) -> ca.SX:
    """Declare the relative speed of a pump and return it, 0 to 1.

    dw/dt = running (1 - w)/T_start - (1 - running) w/T_stop.

    Args:
        states: of the model, extended here by `speed_<name>`.
        name: of the pump.
        pump: its sizes.
        running: 1 while its motor has power and is switched on, 0 while not.
        speed_guess: speed in the initial guess.
    """
    speed = states.add(f"speed_{name}", 0.1, speed_guess)
    states.rates[f"speed_{name}"] = (
        running * (1.0 - speed) / pump.time_start_s - (1.0 - running) * speed / pump.time_stop_s
    )
    return speed


def pumped_flow(
    pump: Pump,
    valve: Valve,
    resistance_line: float,
    speed: ca.SX,
    opening: ca.SX,
    head_static: ca.SX | float = 0.0,
) -> ca.SX:
    """Return the flow through pump, valve and line [m3/s]; a check valve lets none flow back.

    The root of (a2 + k + 1/(g (Cv f)^2)) q^2 + a1 w q = a0 w^2 - h. The right side is softened
    such that it is zero when the pump stands and h is not negative.

    Args:
        pump, valve: sizes.
        resistance_line: k, head lost in line and equipment per flow squared [s2/m5].
        speed: relative, 0 to 1.
        opening: of the valve, 0 to 1.
        head_static: h, height and pressure difference to overcome [m]; negative where it helps.
    """
    static = ca.SX(head_static)
    helping = ca.fmax(-static, 0.0) ** 2 / (ca.fmax(-static, 0.0) + _HEAD_SOFT)
    shutoff = pump.head_shutoff * speed * ca.sqrt(speed**2 + _SPEED_STILL**2)
    driving = helping + (softplus(shutoff - static, _HEAD_SOFT) - softplus(-static, _HEAD_SOFT))
    conductance = GRAVITY**0.5 * valve.flow_coefficient * valve.characteristic(opening)
    linear = pump.slope * speed * conductance
    resistance = (pump.curvature + resistance_line) * conductance**2 + 1.0
    root = ca.sqrt(linear**2 + 4.0 * resistance * (driving + _HEAD_FLOOR))
    flow_vol: ca.SX = 2.0 * driving * conductance / (linear + root)
    return flow_vol
