"""Physical laws of the coarse model's lumps, per volume of liquid at 15 C.

The control engineer's choice of simplicity, all on a volume basis, because refinery meters read
volumes:

- vapour pressure with two parameters, ln(P/P_ref) = slope (1 - T_ref/T) (Clausius and Clapeyron);
- one volumetric heat capacity for all liquids, linear in T: heavy oils are denser and have less
  heat capacity per mass, so that their product differs by 5 % only;
- a heat of vaporisation per volume, linear in T, for each lump.

The constants are fitted to the correlations of `plant.crude.thermo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.crude.lumps import Lumps
from operator_agent.plant.crude.thermo import Properties, properties

_FIT_FROM_K, _FIT_TO_K, _N_FIT = -80.0, 40.0, 25  # around each lump's T_ref: where it matters
_HEAT_CAPACITY_AT_K = (400.0, 600.0)  # between which the liquid's heat capacity is a line


@dataclass(frozen=True, slots=True)
class LumpLaws:
    """Constants of the lumps as CasADi columns.

    Attributes:
        temp_reference: boiling point at the reference pressure [K].
        slope: of the vapour pressure.
        molar_density: [mol/m3].
        density: [kg/m3].
        latent: coefficients of 1 and T of the heat of vaporisation [J/m3].
        heat_capacity: coefficients of 1 and T of the liquid's heat capacity [J/(m3 K)].
        pressure_reference: [Pa].
    """

    temp_reference: ca.DM
    slope: ca.DM
    molar_density: ca.DM
    density: ca.DM
    latent: tuple[ca.DM, ca.DM]
    heat_capacity: tuple[float, float]
    pressure_reference: float

    @classmethod
    def fit(
        cls,
        divided: Lumps,
        slate: Sequence[float],
        pressure_reference: float,
        sharpness: float,
    ) -> "LumpLaws":
        """Return the laws of these lumps.

        Args:
            divided: crudes as lumps.
            slate: volume fraction of each crude, weights of the common heat capacity.
            pressure_reference: [Pa].
            sharpness: factor on the slopes of the vapour pressures.
        """
        constants = properties(divided)
        a, b, c = constants.antoine
        boiling = b / (a - np.log(pressure_reference)) - c
        temps = boiling + np.linspace(_FIT_FROM_K, _FIT_TO_K, _N_FIT)[:, None]
        logs = a - b / (temps + c) - np.log(pressure_reference)
        reduced = 1.0 - boiling / temps
        latent = [
            np.polynomial.polynomial.polyfit(temps[:, n], _latent(constants, temps)[:, n], 1)
            for n in range(divided.n)
        ]
        return cls(
            temp_reference=ca.DM(boiling),
            slope=sharpness * ca.DM(np.sum(logs * reduced, axis=0) / np.sum(reduced**2, axis=0)),
            molar_density=ca.DM(1.0 / constants.molar_volume),
            density=ca.DM(constants.density),
            latent=(ca.DM([line[0] for line in latent]), ca.DM([line[1] for line in latent])),
            heat_capacity=_heat_capacity(constants, np.asarray(slate) @ divided.fractions),
            pressure_reference=pressure_reference,
        )

    def volatility(self, temp: ca.SX) -> ca.SX:
        """Return the vapour pressures over the reference pressure at a temperature [K]."""
        ratios: ca.SX = ca.exp(self.slope - (self.slope * self.temp_reference) / temp)
        return ratios

    def heat(self, temp: ca.SX) -> ca.SX:
        """Return the heat in a volume of liquid above 0 K by the linear law [J/m3]."""
        constant, linear = self.heat_capacity
        return temp * (constant + 0.5 * linear * temp)

    def heat_capacity_at(self, temp: ca.SX) -> ca.SX:
        """Return the liquid's heat capacity [J/(m3 K)]."""
        constant, linear = self.heat_capacity
        return constant + linear * temp

    def latent_heat(self, flows: ca.SX, temp: ca.SX) -> ca.SX:
        """Return the heat that evaporates liquid volumes of the lumps [W for m3/s]."""
        heat: ca.SX = ca.dot(self.latent[0], flows) + temp * ca.dot(self.latent[1], flows)
        return heat


def _latent(constants: Properties, temps: FloatArray) -> FloatArray:
    """Return heats of vaporisation at temperatures (k, n) [J/m3]."""
    vapour = sum(row * temps**power for power, row in enumerate(constants.vapour))
    liquid = sum(row * temps**power for power, row in enumerate(constants.liquid))
    return np.asarray((vapour - liquid) / constants.molar_volume)


def _heat_capacity(constants: Properties, shares: FloatArray) -> tuple[float, float]:
    """Return the line through the distillates' mean heat capacity at two temperatures.

    Without the heaviest lump, which stays a liquid below the feed.
    """
    weights = shares[:-1] / shares[:-1].sum()
    slopes, curvatures = (row[:-1] / constants.molar_volume[:-1] for row in constants.liquid[1:])
    low, high = (float(weights @ (slopes + 2.0 * at * curvatures)) for at in _HEAT_CAPACITY_AT_K)
    linear = (high - low) / (_HEAT_CAPACITY_AT_K[1] - _HEAT_CAPACITY_AT_K[0])
    return low - linear * _HEAT_CAPACITY_AT_K[0], linear
