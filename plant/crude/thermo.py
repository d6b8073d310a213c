"""Thermodynamic properties of petroleum fractions from boiling point and specific gravity.

| property | method |
|---|---|
| molar mass | Riazi and Daubert, Ind. Eng. Chem. Res. 26 (1987) 755 |
| critical point, acentric factor, vapour pressure | Lee and Kesler, AIChE J. 21 (1975) 510; \
Kesler and Lee, Hydrocarbon Processing 55(3) (1976) 153 |
| heat capacity of the ideal gas and the liquid | Kesler and Lee (1976), forms in SI |
| heat of vaporisation at the boiling point | Riazi and Daubert (1987) |

Vapour pressures enter the model as one Antoine equation per lump. Enthalpies are polynomials in
temperature; the vapour's follows the path liquid, boiling point, vaporisation, ideal gas, which
has no singularity above the critical point.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import DENSITY_WATER_15C
from operator_agent.plant.crude.lumps import Lumps

GAS_CONSTANT = 8.314462618  # [J/(mol K)], exact
ATMOSPHERE_PA = 101_325.0
MOLAR_MASS_WATER = 0.018015268  # [kg/mol]
HEAT_CAPACITY_STEAM = 35.2  # [J/(mol K)], ideal gas between 320 and 640 K; Shomate, NIST WebBook
HEAT_VAPORISATION_WATER = 43_000.0  # [J/mol] at 320 K; steam tables
WATSON_CAP = 12.75  # above it the correlations leave their range: heats of 2 MJ/kg for gases
TEMP_REFERENCE = 288.15  # [K], liquid enthalpy is zero here
_FIT_BELOW, _FIT_ABOVE, _N_FIT = 130.0, 110.0, 60  # [K] around the boiling point


def molar_mass(temp_boiling: FloatArray, gravity: FloatArray) -> FloatArray:
    """Return the molar mass [kg/mol]; Riazi and Daubert (1987).

    Args:
        temp_boiling: [K].
        gravity: specific gravity at 60 F.
    """
    exponent = 2.097e-4 * temp_boiling - 7.78712 * gravity + 2.08476e-3 * temp_boiling * gravity
    value = 42.965 * np.exp(exponent) * temp_boiling**1.26007 * gravity**4.98308
    return np.asarray(1e-3 * value)


def critical_point(temp_boiling: FloatArray, gravity: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return critical temperature [K] and pressure [Pa]; Kesler and Lee (1976)."""
    tb, sg = temp_boiling, gravity
    temp = 189.8 + 450.6 * sg + (0.4244 + 0.1174 * sg) * tb + (0.1441 - 1.0069 * sg) * 1e5 / tb
    log_bar = (
        5.689
        - 0.0566 / sg
        - (0.43639 + 4.1216 / sg + 0.21343 / sg**2) * 1e-3 * tb
        + (0.47579 + 1.182 / sg + 0.15302 / sg**2) * 1e-6 * tb**2
        - (2.4505 + 9.9099 / sg**2) * 1e-10 * tb**3
    )
    return temp, 1e5 * np.exp(log_bar)


def _simple_and_deviation(reduced: FloatArray) -> tuple[FloatArray, FloatArray]:
    log, sixth = np.log(reduced), reduced**6
    simple = 5.92714 - 6.09648 / reduced - 1.28862 * log + 0.169347 * sixth
    deviation = 15.2518 - 15.6875 / reduced - 13.4721 * log + 0.43577 * sixth
    return simple, deviation


def acentric_factor(temp_boiling: FloatArray, gravity: FloatArray) -> FloatArray:
    """Return the acentric factor at which a fraction boils at its boiling point.

    Lee and Kesler (1975). Kesler and Lee (1976) give another form above Tb/Tc = 0.8, made for
    enthalpies; with it a fraction of 900 K boils at 894 K, and at 0.1 bar 17 K instead of 7 K
    below the temperature of Maxwell and Bonnell.
    """
    temp, pressure = critical_point(temp_boiling, gravity)
    simple, deviation = _simple_and_deviation(temp_boiling / temp)
    return np.asarray((np.log(ATMOSPHERE_PA / pressure) - simple) / deviation)


def vapour_pressure(temp: FloatArray, temp_boiling: FloatArray, gravity: FloatArray) -> FloatArray:
    """Return the vapour pressure [Pa] by Lee and Kesler (1975).

    Args:
        temp: [K], broadcasts against the lumps.
        temp_boiling: of the lumps [K].
        gravity: of the lumps.
    """
    critical_temp, critical_pressure = critical_point(temp_boiling, gravity)
    simple, deviation = _simple_and_deviation(temp / critical_temp)
    omega = acentric_factor(temp_boiling, gravity)
    return np.asarray(critical_pressure * np.exp(simple + omega * deviation))


def heat_capacity_gas(kw: FloatArray, omega: FloatArray) -> FloatArray:
    """Return coefficients of 1, T, T^2 of the ideal gas heat capacity [J/(kg K)], shape (3, n).

    Kesler and Lee (1976), with their correction for stock between aromatic and paraffinic, which
    lifts cyclohexane by 11 %, lumps of 400 K by 3 % and heavy lumps by less than 1 %.

    Args:
        kw: Watson factor.
        omega: acentric factor.
    """
    mixed = np.where((kw > 10.0) & (kw < 12.8), (12.8 - kw) * (10.0 - kw) / (10.0 * omega), 0.0)
    factor = mixed**2
    constant = -1.41779 + 0.11828 * kw - factor * (1.09223 - 2.48245 * omega)
    linear = -1e-4 * (6.99724 - 8.69326 * kw + 0.27715 * kw**2)
    linear = linear + factor * 1e-3 * (3.434 - 7.14 * omega)
    square = -2.2582e-6 + factor * 1e-7 * (7.2661 - 9.2561 * omega)
    return 1e3 * np.array([constant, linear, square])


def heat_capacity_liquid(kw: FloatArray, gravity: FloatArray) -> FloatArray:
    """Return coefficients of 1, T of the liquid heat capacity [J/(kg K)], shape (2, n)."""
    factor = 1e3 * (1.4651 + 0.2302 * kw)
    return np.array(
        [factor * (0.306469 - 0.16734 * gravity), factor * (1.467e-3 - 5.51e-4 * gravity)]
    )


def heat_vaporisation(temp_boiling: FloatArray, gravity: FloatArray) -> FloatArray:
    """Return the molar heat of vaporisation at the boiling point [J/mol]; Riazi, Daubert (1987)."""
    return np.asarray(37.32315 * temp_boiling**1.14086 * gravity**0.0097709)


def antoine(temp_boiling: FloatArray, gravity: FloatArray) -> FloatArray:
    """Return A, B, C of ln(P/Pa) = A - B/(T + C) fitted to Lee and Kesler, shape (3, n).

    T ln P = A T - C ln P + (A C - B) is linear in its three unknowns.
    """
    columns = []
    for tb, sg in zip(temp_boiling, gravity, strict=True):
        temp = np.linspace(tb - _FIT_BELOW, tb + _FIT_ABOVE, _N_FIT)
        log = np.log(vapour_pressure(temp, np.array([tb]), np.array([sg])))
        rows = np.column_stack((temp, -log, np.ones(_N_FIT)))
        (a, c, rest), *_ = np.linalg.lstsq(rows, temp * log, rcond=None)
        columns.append((a, a * c - rest, c))
    return np.array(columns, dtype=np.float64).T


@dataclass(frozen=True, slots=True)
class Properties:
    """Constants of the lumps, ready for the model.

    Attributes:
        molar_mass: [kg/mol], shape (n,).
        density: at 15 C [kg/m3], shape (n,).
        antoine: A, B, C with pressure in Pa and T in K, shape (3, n).
        liquid: coefficients of T^0, T^1, T^2 of the liquid enthalpy [J/mol], shape (3, n).
        vapour: coefficients of T^0 to T^3 of the vapour enthalpy [J/mol], shape (4, n).
    """

    molar_mass: FloatArray
    density: FloatArray
    antoine: FloatArray
    liquid: FloatArray
    vapour: FloatArray

    @property
    def molar_volume(self) -> FloatArray:
        """Volume at 15 C per mole [m3/mol], shape (n,)."""
        return self.molar_mass / self.density


def _enthalpy_polynomials(
    temp_boiling: FloatArray, gravity: FloatArray, mass: FloatArray
) -> tuple[FloatArray, FloatArray]:
    kw = np.minimum(np.cbrt(1.8 * temp_boiling) / gravity, WATSON_CAP)
    cp_liquid = mass * heat_capacity_liquid(kw, gravity)
    cp_gas = mass * heat_capacity_gas(kw, acentric_factor(temp_boiling, gravity))
    liquid = np.array([np.zeros_like(kw), cp_liquid[0], cp_liquid[1] / 2.0])
    liquid[0] = -_polynomial(liquid, np.full_like(kw, TEMP_REFERENCE))
    vapour = np.array([np.zeros_like(kw), cp_gas[0], cp_gas[1] / 2.0, cp_gas[2] / 3.0])
    at_boiling = _polynomial(liquid, temp_boiling) + heat_vaporisation(temp_boiling, gravity)
    vapour[0] = at_boiling - _polynomial(vapour, temp_boiling)
    return liquid, vapour


def _polynomial(coefficients: FloatArray, temp: FloatArray) -> FloatArray:
    value: FloatArray = np.zeros_like(coefficients[0])
    for row in coefficients[::-1]:
        value = value * temp + row
    return value


def properties(lumps: Lumps) -> Properties:
    """Return the constants of all lumps.

    Raises:
        InputError: a correlation leaves its range and gives a value that is not positive.
    """
    tb, sg = lumps.temp_boiling, lumps.specific_gravity
    mass = molar_mass(tb, sg)
    liquid, vapour = _enthalpy_polynomials(tb, sg, mass)
    coefficients = antoine(tb, sg)
    if not bool(np.all(mass > 0.0) and np.all(coefficients[1] > 0.0)):
        raise InputError("a lump is outside the range of the correlations; merge or move its edges")
    return Properties(mass, DENSITY_WATER_15C * sg, coefficients, liquid, vapour)
