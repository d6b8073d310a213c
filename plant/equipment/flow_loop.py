"""A flow control loop: pump, line, valve and a PI controller with anti-windup."""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.document import Section
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.equipment.pump import GRAVITY, Pump, add_speed, pumped_flow
from operator_agent.plant.equipment.valve import OPENING_SCALE, Valve, move_stem
from operator_agent.plant.smooth import between
from operator_agent.plant.states import States

SI_OF_FLOW_LOOP = {
    "resistance_line": "s2/m5",
    "density": "kg/m3",
    "flow_vol_span": "m3/s",
    "gain": "1",
    "time_integral_s": "s",
}
SI_OF_SERVICE = {"flow_vol": "m3/s", "head": "m", "density": "kg/m3"}
SI_OF_PRACTICE = {
    "ratio_shutoff": "1",
    "share_falling": "1",
    "share_valve": "1",
    "share_open": "1",
    "rangeability": "1",
    "efficiency": "1",
    "time_start_s": "s",
    "time_stop_s": "s",
    "time_valve_s": "s",
    "rate_per_s": "1/s",
    "gain": "1",
    "time_integral_s": "s",
}
_COMMAND_SOFT = 0.004  # stroke; width of the ends of the controller's range
_SHARE_OPEN_GUESS = 0.4  # of the valve's coefficient


@dataclass(frozen=True, slots=True)
class FlowLoop:
    """A pumped flow under control.

    Attributes:
        pump: with its curves.
        valve: that the controller moves.
        resistance_line: head lost in the line per flow squared [s2/m5].
        density: of the liquid [kg/m3].
        flow_vol_span: span of the flow meter, to which the gain refers [m3/s].
        gain: of the controller, stroke per span.
        time_integral_s: integral time [s].
    """

    pump: Pump
    valve: Valve
    resistance_line: float
    density: float
    flow_vol_span: float
    gain: float
    time_integral_s: float

    def __post_init__(self) -> None:
        """Refuse sizes and tuning that no loop has.

        Raises:
            InputError: a value is out of range.
        """
        require_range(self, ("density", "flow_vol_span", "gain", "time_integral_s"))
        require_not_negative(self, ("resistance_line",))


@dataclass(frozen=True, slots=True)
class Practice:
    """How pumps, valves and flow controllers are sized here, relative to their service.

    Attributes:
        ratio_shutoff: head without flow over head in service, at full speed.
        share_falling: of the pump's curve, see `Pump`.
        share_valve: of the head that the valve takes in service.
        share_open: of the valve's coefficient in use in service.
        rangeability: of the valve.
        efficiency: of the pump in service.
        time_start_s, time_stop_s: of the pump [s].
        time_valve_s: lag of the valve [s].
        rate_per_s: fastest stroke [1/s].
        gain: of the controller, stroke per service flow.
        time_integral_s: of the controller [s].
    """

    ratio_shutoff: float
    share_falling: float
    share_valve: float
    share_open: float
    rangeability: float
    efficiency: float
    time_start_s: float
    time_stop_s: float
    time_valve_s: float
    rate_per_s: float
    gain: float
    time_integral_s: float

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1 and a pump curve that rises; the rest is checked in use.

        Raises:
            InputError: a value is out of range.
        """
        require_range(self, ("share_valve", "share_open"), high=1.0)
        require_range(self, ("ratio_shutoff",), low=1.0)

    @classmethod
    def from_section(cls, section: Section) -> "Practice":
        """Return the practice that a section of a case describes.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        return cls(**section.quantities(SI_OF_PRACTICE))


@dataclass(frozen=True, slots=True)
class Service:
    """What a pump has to deliver at its design point.

    Attributes:
        flow_vol: [m3/s].
        head: over line and valve together [m].
        density: [kg/m3].
    """

    flow_vol: float
    head: float
    density: float

    def __post_init__(self) -> None:
        """Refuse what is not positive.

        Raises:
            InputError: a value is not above zero.
        """
        require_range(self, ("flow_vol", "head", "density"))

    @classmethod
    def from_section(cls, section: Section) -> "Service":
        """Return the service that a section of a case describes.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        return cls(**section.quantities(SI_OF_SERVICE))


def sized_loop(service: Service, practice: Practice) -> FlowLoop:
    """Return the flow loop that a service asks for, its pump at best efficiency there."""
    flow_vol, head = service.flow_vol, service.head
    pump = Pump(
        head_shutoff=practice.ratio_shutoff * head,
        head_best=head,
        share_falling=practice.share_falling,
        flow_vol_best=flow_vol,
        efficiency_best=practice.efficiency,
        time_start_s=practice.time_start_s,
        time_stop_s=practice.time_stop_s,
    )
    full = flow_vol / (GRAVITY * practice.share_valve * head) ** 0.5 / practice.share_open
    valve = Valve(
        flow_coefficient=full,
        rangeability=practice.rangeability,
        time_s=practice.time_valve_s,
        rate_per_s=practice.rate_per_s,
    )
    return FlowLoop(
        pump=pump,
        valve=valve,
        resistance_line=(1.0 - practice.share_valve) * head / flow_vol**2,
        density=service.density,
        flow_vol_span=flow_vol,
        gain=practice.gain,
        time_integral_s=practice.time_integral_s,
    )


@dataclass(frozen=True, slots=True)
class FlowResult:
    """Expressions of a flow loop.

    Attributes:
        flow_vol: [m3/s].
        opening: of the valve, 0 to 1.
        speed: of the pump, relative.
        power: of its motor [W].
    """

    flow_vol: ca.SX
    opening: ca.SX
    speed: ca.SX
    power: ca.SX


def add_flow_loop(
    states: States,
    name: str,
    loop: FlowLoop,
    setpoint: ca.SX,
    running: ca.SX,
    stick_band: ca.SX | float,
    head_static: ca.SX | float = 0.0,
) -> FlowResult:
    """Declare the states of a flow loop and return its flow.

    The integral part is the command's position at zero error; it stops where the command ends.

    Args:
        states: of the model, extended by `speed_`, `opening_`, `integral_` and `slip_<name>`.
        name: of the loop.
        loop: sizes and tuning.
        setpoint: of the flow [m3/s].
        running: 1 while the pump has power and is switched on, 0 while not.
        stick_band: of the valve, share of the stroke; 0 for a stem without friction.
        head_static: height and pressure difference to overcome [m].
    """
    valve = loop.valve
    guess = valve.opening_for(_SHARE_OPEN_GUESS)
    speed = add_speed(states, name, loop.pump, running)
    opening = states.add(f"opening_{name}", OPENING_SCALE, guess)
    integral = states.add(f"integral_{name}", OPENING_SCALE, guess)
    flow_vol = pumped_flow(loop.pump, valve, loop.resistance_line, speed, opening, head_static)
    push = loop.gain * (setpoint - flow_vol) / loop.flow_vol_span
    wanted = integral + push
    command = between(wanted, 0.0, 1.0, _COMMAND_SOFT)
    states.rates[f"integral_{name}"] = (push + command - wanted) / loop.time_integral_s
    move_stem(states, name, valve, opening, command, stick_band)
    power = loop.pump.power(speed, flow_vol, loop.density)
    return FlowResult(flow_vol, opening, speed, power)
