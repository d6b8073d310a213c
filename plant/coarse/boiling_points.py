"""Boiling point analysers of the coarse model: a lag on the product's distillation curve.

The volume below a temperature D(T) is the sum of the lumps' logistic curves, U = 1 - D. Newton's
method on ln(D/U), which is nearly a straight line where ends of a curve lie, gives the direction:

    dT/dt = [ln(f/(1 - f)) - ln(D/U)] D U / (dD/dT) / time.

At rest D = f exactly; on the way the reading follows with the analyser's time constant.
"""

import math

import casadi as ca
import numpy as np

from operator_agent.plant.crude.lumps import Lumps

_STEP_LARGEST_K = 40.0  # in one time constant: between two far lumps the curve is flat
_FLOW_LEAST = 1e-12  # [m3/s], keeps logarithms finite without a product


class CurveOfLumps:
    """The distillation curve of a stream of lumps."""

    def __init__(self, divided: Lumps, spread: float, width_high_k: float) -> None:
        """Take centres and widths of the lumps.

        Of a lump that is cut to the widest width only the light end boils: what a distillate holds
        of the heaviest lump. At the middle of the whole lump the curve would be flat before it, and
        a boiling point there would jump.

        Args:
            divided: crudes as lumps.
            spread: logistic scale per width of a lump.
            width_high_k: widest lump [K].
        """
        whole = divided.temp_high - divided.temp_low
        width = np.minimum(whole, width_high_k)
        light_end = divided.temp_low + 0.5 * width
        centre = np.where(whole > width, light_end, divided.temp_boiling)
        self._scale = ca.DM(spread * width)
        self._start = ca.DM(centre / (spread * width))

    def step(self, temp: ca.SX, volumes: ca.SX, fraction: float) -> ca.SX:
        """Return the limited Newton step to the point where a fraction has distilled [K].

        Args:
            temp: reading now [K].
            volumes: flows of the lumps [m3/s].
            fraction: distilled volume fraction.
        """
        below = 1.0 / (1.0 + ca.exp(self._start - temp / self._scale))
        distilling = volumes * below
        distilled = ca.sum1(distilling) + _FLOW_LEAST
        undistilled = ca.sum1(volumes - distilling) + _FLOW_LEAST
        slope = ca.dot(distilling / self._scale, 1.0 - below) + _FLOW_LEAST
        missing = math.log(fraction / (1.0 - fraction)) - ca.log(distilled / undistilled)
        newton = missing * distilled * undistilled / (slope * (distilled + undistilled))
        return newton / ca.sqrt(1.0 + (newton / _STEP_LARGEST_K) ** 2)
