"""Vapour pressure of petroleum fractions by Maxwell and Bonnell: the reference for ours.

Maxwell and Bonnell, Derivation and Precision of a New Vapor Pressure Correlation for Petroleum
Hydrocarbons, Esso 1955; Ind. Eng. Chem. 49 (1957) 1187; API procedure 5A1.19.
"""

import math

from scipy.optimize import brentq

MMHG_PA = 133.322
WATSON_OF_CHART = 12.0  # the equations hold for it; other fractions are corrected
_CORRECTION = 1.3889  # [K] per unit of Watson factor and decade of pressure: 2.5 F in kelvin
_CORRECTED_ABOVE_K, _CORRECTED_FULLY_K = 366.5, 477.6  # 200 F and 400 F


def vapour_pressure(temp: float, boiling: float) -> float:
    """Return the vapour pressure [Pa] of a fraction of Watson factor 12.

    Args:
        temp: [K].
        boiling: normal boiling point [K].
    """
    q = (boiling / temp - 5.1606e-4 * boiling) / (748.1 - 0.3861 * boiling)
    if q > 0.0022:
        log = (3000.538 * q - 6.761560) / (43.0 * q - 0.987672)
    elif q >= 0.0013:
        log = (2663.129 * q - 5.994296) / (95.76 * q - 0.972546)
    else:
        log = (2770.085 * q - 6.412631) / (36.0 * q - 0.989679)
    return float(10.0**log * MMHG_PA)


def boiling_temperature(pressure: float, boiling: float, watson: float = WATSON_OF_CHART) -> float:
    """Return the temperature [K] at which a fraction boils under a pressure.

    Args:
        pressure: [Pa].
        boiling: normal boiling point [K].
        watson: Watson factor; away from 12 the boiling point is corrected.
    """
    weight = (boiling - _CORRECTED_ABOVE_K) / (_CORRECTED_FULLY_K - _CORRECTED_ABOVE_K)
    weight = min(max(weight, 0.0), 1.0)
    decades = math.log10(pressure / (760.0 * MMHG_PA))
    shifted = boiling - _CORRECTION * weight * (watson - WATSON_OF_CHART) * decades
    return float(
        brentq(lambda temp: vapour_pressure(temp, shifted) - pressure, 0.5 * boiling, 1.4 * boiling)
    )
