"""Control valves: characteristic, flow, and a stem with lag, rate limit and stick band.

The stem follows its command with

    dl/dt = r tanh(g(command - l) / (r T)),

g being the error less the stick band: nothing moves while the error is inside the band, but for
a slow creep that keeps the equation solvable at rest. Without a band the error obeys
sinh(e / (r T)) = sinh(e0 / (r T)) exp(-t / T): a ramp at the rate r, then a lag of T.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.plant.document import Section
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.smooth import softplus
from operator_agent.plant.states import States

SI_OF_VALVE = {
    "flow_coefficient": "m2",
    "rangeability": "1",
    "time_s": "s",
    "rate_per_s": "1/s",
    "stick_band": "1",
}
OPENING_SCALE = 0.1  # stroke
_LINEAR_BELOW = 1.001  # rangeability; equal percentage differs from linear by 0.01 % there
_CREEP = 2e-3  # of the free speed: inside the band a stem of 3 s creeps in 25 min
_BAND_ROUNDING = 0.05  # of the band: width of the edge of the band
_BAND_FLOOR = 1e-4  # stroke; width of the edge when there is no band, where it cancels exactly
_PRESSURE_SOFT = 100.0  # [Pa], pressure drop below which the flow is laminar and linear


@dataclass(frozen=True, slots=True)
class Valve:
    """A control valve.

    Attributes:
        flow_coefficient: Cv in w = Cv f(l) sqrt(rho dp), fully open [m2].
        rangeability: R of an equal percentage valve, 30 to 50 as a rule; 1 is a linear valve.
        time_s: lag of the stem [s].
        rate_per_s: fastest stroke [1/s].
        stick_band: error of the position below which the stem sticks, share of the stroke.
    """

    flow_coefficient: float
    rangeability: float
    time_s: float
    rate_per_s: float
    stick_band: float

    def __post_init__(self) -> None:
        """Refuse sizes that no valve has.

        Raises:
            InputError: a size is out of range.
        """
        require_range(self, ("flow_coefficient", "time_s", "rate_per_s"))
        require_range(self, ("rangeability",), low=1.0 - 1e-9)
        require_not_negative(self, ("stick_band",))
        require_range(self, ("stick_band",), low=-1.0, high=0.5)

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

    def stem_rate(self, opening: ca.SX, command: ca.SX) -> ca.SX:
        """Return the speed of the stem [1/s].

        Args:
            opening: position of the stem, 0 to 1.
            command: wanted position, 0 to 1; the caller limits it.
        """
        error, band = command - opening, self.stick_band
        width = max(_BAND_ROUNDING * band, _BAND_FLOOR)
        beyond = softplus(error - band, width) - softplus(-error - band, width)
        drive = (1.0 - _CREEP) * beyond + _CREEP * error
        return self.rate_per_s * ca.tanh(drive / (self.rate_per_s * self.time_s))


def add_valve(
    states: States, name: str, valve: Valve, command: ca.SX, opening_guess: float = 0.5
) -> ca.SX:
    """Declare the position of a valve's stem and return it, 0 to 1.

    Args:
        states: of the model, extended here by `opening_<name>`.
        name: of the valve.
        valve: its sizes.
        command: wanted position, 0 to 1; the caller limits it.
        opening_guess: position in the initial guess.
    """
    opening = states.add(f"opening_{name}", OPENING_SCALE, opening_guess)
    states.rates[f"opening_{name}"] = valve.stem_rate(opening, command)
    return opening
