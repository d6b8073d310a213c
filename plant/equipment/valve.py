"""Control valves: characteristic, flow, and a stem with lag, rate limit and stiction.

The stem follows its command with

    dl/dt = r tanh(g(command - l) / (r T)),

g being the error less the stick band: nothing moves while the error is inside the band. A moving
stem sheds half of the band, so it breaks loose at the band and stops at half of it: the slip jump
without which a flow loop would not hunt (Choudhury, Thornhill and Shah, Control Engineering
Practice 13 (2005) 641). What is shed follows the motion with a lag, the frictional memory of
Armstrong-Helouvry, Dupont and Canudas de Wit (Automatica 30 (1994) 1083). Without a band the
error obeys sinh(e / (r T)) = sinh(e0 / (r T)) exp(-t / T): a ramp at the rate r, then a lag of T.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.plant.document import Section
from operator_agent.plant.equipment.parameters import require_range
from operator_agent.plant.smooth import softplus
from operator_agent.plant.states import States

SI_OF_VALVE = {
    "flow_coefficient": "m2",
    "rangeability": "1",
    "time_s": "s",
    "rate_per_s": "1/s",
}
OPENING_SCALE = 0.1  # stroke
_LINEAR_BELOW = 1.001  # rangeability; equal percentage differs from linear by 0.01 % there
_SHED = 0.5  # of the band, by a moving stem: dynamic friction is about half of the static one
_TIME_SHED_S = 1.0  # well below the lag of a stem, so that a slip ends where it should
_EDGE = 1e-4  # stroke; width of the edge when there is no band, where it cancels exactly
_EDGE_SHARE = 0.005  # of the band: width of its edge; wider ones let a stuck stem creep away
_PRESSURE_SOFT = 100.0  # [Pa], pressure drop below which the flow is laminar and linear


@dataclass(frozen=True, slots=True)
class Valve:
    """A control valve.

    Attributes:
        flow_coefficient: Cv in w = Cv f(l) sqrt(rho dp), fully open [m2].
        rangeability: R of an equal percentage valve, 30 to 50 as a rule; 1 is a linear valve.
        time_s: lag of the stem [s].
        rate_per_s: fastest stroke [1/s].
    """

    flow_coefficient: float
    rangeability: float
    time_s: float
    rate_per_s: float

    def __post_init__(self) -> None:
        """Refuse sizes that no valve has.

        Raises:
            InputError: a size is out of range.
        """
        require_range(self, ("flow_coefficient", "time_s", "rate_per_s"))
        require_range(self, ("rangeability",), low=1.0 - 1e-9)

    @classmethod
    def from_section(cls, section: Section) -> "Valve":
        """Return the valve that a section of a case describes.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        return cls(**section.quantities(SI_OF_VALVE))

    def characteristic(self, opening: ca.SX) -> ca.SX:
        """Return the share f(l) of the full flow coefficient at an opening.

        Equal percentage without its leakage, (R^l - 1)/(R - 1): shut at zero, and within
        1/(R - 1) of R^(l - 1). As R falls to 1 it becomes the straight line of a linear valve.

        Args:
            opening: position of the stem, 0 to 1.
        """
        if self.rangeability < _LINEAR_BELOW:
            return ca.SX(opening)
        log = float(np.log(self.rangeability))
        return ca.expm1(log * opening) / (self.rangeability - 1.0)

    def opening_for(self, share: float) -> float:
        """Return the opening at which the characteristic is a share of the full coefficient."""
        if self.rangeability < _LINEAR_BELOW:
            return share
        return float(np.log1p(share * (self.rangeability - 1.0)) / np.log(self.rangeability))

    def flow_mass(self, opening: ca.SX, density: float, pressure_drop: ca.SX) -> ca.SX:
        """Return the mass flow through the valve [kg/s], against the drop when that is negative.

        Args:
            opening: 0 to 1.
            density: [kg/m3].
            pressure_drop: [Pa]; below 100 Pa the square root gives way to a straight line.
        """
        root = pressure_drop / (pressure_drop**2 + _PRESSURE_SOFT**2) ** 0.25
        return self.flow_coefficient * self.characteristic(opening) * float(np.sqrt(density)) * root


def move_stem(
    states: States, name: str, valve: Valve, opening: ca.SX, command: ca.SX, band: ca.SX | float
) -> None:
    """Give a valve's stem its motion.

    Args:
        states: of the model, extended here by `slip_<name>`, what the moving stem sheds of the
            band [stroke], and by the rate of `opening_<name>`, declared before.
        name: of the valve.
        valve: its sizes.
        opening: position of the stem, 0 to 1.
        command: wanted position, 0 to 1; the caller limits it.
        band: error of the position below which the stem sticks, share of the stroke; 0 is a stem
            without friction.
    """
    slip = states.add(f"slip_{name}", OPENING_SCALE, 0.0)
    error, held = command - opening, band - slip
    edge = _EDGE * ca.sqrt(1.0 + (_EDGE_SHARE / _EDGE * band) ** 2)
    beyond = softplus(error - held, edge) - softplus(-error - held, edge)
    reach = valve.rate_per_s * valve.time_s
    states.rates[f"opening_{name}"] = valve.rate_per_s * ca.tanh(beyond / reach)
    sides = [ca.tanh((error - held) / (2.0 * edge)), ca.tanh((error + held) / (2.0 * edge))]
    moving = 1.0 + 0.5 * (sides[0] - sides[1])
    states.rates[f"slip_{name}"] = (_SHED * band * moving - slip) / _TIME_SHED_S
