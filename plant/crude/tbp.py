"""True boiling point of a stream of lumps: a smooth distilled-fraction curve and its inverse.

Each lump spreads its volume over a logistic distribution around its boiling point. The inverse is
damped Newton iteration, either unrolled or as a state: an analyser that relaxes on the curve,

    dT/dt = limit((fraction - distilled(T)) / distilled'(T)) / time,

which reaches the exact point and lags behind it with the analyser's time constant.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.plant.crude.lumps import Lumps

_WIDEST_LUMP_K = 110.0  # the heaviest lump stays in the tail: distillates hold its light end only
_STEP_LIMIT_K = 25.0  # largest Newton step; curves are flat far from the wanted point
_SLOPE_FLOOR = 1e-6  # [1/K], keeps the step finite on a stream without volume near T


@dataclass(frozen=True, slots=True)
class BoilingCurve:
    """Centres and widths of the lumps [K] as CasADi constants."""

    centre: ca.DM
    width: ca.DM

    @classmethod
    def from_lumps(cls, lumps: Lumps, spread: float) -> "BoilingCurve":
        """Return the curve of these lumps.

        Args:
            lumps: pseudo-components.
            spread: logistic scale per width of a lump.
        """
        span = np.minimum(lumps.temp_high - lumps.temp_low, _WIDEST_LUMP_K)
        return cls(ca.DM(lumps.temp_boiling), ca.DM(spread * span))

    def newton_step(self, temp: ca.SX, volumes: ca.SX, fraction: float) -> ca.SX:
        """Return the limited Newton step [K] towards the point where `fraction` has distilled.

        Args:
            temp: present guess [K].
            volumes: volume of each lump, any common unit.
            fraction: wanted distilled volume fraction.
        """
        share = volumes / ca.sum1(volumes)
        logistic = 0.5 * (1.0 + ca.tanh(0.5 * (temp - self.centre) / self.width))
        distilled = ca.dot(share, logistic)
        slope = ca.dot(share, logistic * (1.0 - logistic) / self.width)
        step = (fraction - distilled) / (slope + _SLOPE_FLOOR)
        return _STEP_LIMIT_K * ca.tanh(step / _STEP_LIMIT_K)

    def temperature_at(self, start: ca.SX, volumes: ca.SX, fraction: float, n_steps: int) -> ca.SX:
        """Return the boiling point [K] after `n_steps` Newton steps from a guess [K]."""
        temp = start
        for _ in range(n_steps):
            temp = temp + self.newton_step(temp, volumes, fraction)
        return temp
