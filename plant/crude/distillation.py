"""Laboratory distillation of products: ASTM D86 and true boiling point, one out of the other.

TBP = a D86^b [K] point by point (Riazi and Daubert, Oil and Gas Journal, August 25, 1986, 50; API
procedure 3A1.1). The curve is rebuilt from points at fixed fractions, so it holds for products of
an atmospheric column: D86 temperatures above about 520 K stand for cracked samples.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

D86_FRACTIONS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)
_FACTORS = (0.9177, 0.5564, 0.7617, 0.9013, 0.8821, 0.9552, 0.8177)
_EXPONENTS = (1.0019, 1.09, 1.0425, 1.0176, 1.0226, 1.011, 1.0355)
_CONSTANTS = MappingProxyType(
    dict(zip(D86_FRACTIONS, zip(_FACTORS, _EXPONENTS, strict=True), strict=True))
)


def _constants(fraction: float) -> tuple[float, float]:
    if fraction not in _CONSTANTS:
        known = ", ".join(f"{value:g}" for value in D86_FRACTIONS)
        raise InputError(f"D86 is related to TBP at the fractions {known}, not at {fraction}")
    return _CONSTANTS[fraction]


def tbp_of_d86(temp_d86: float, fraction: float) -> float:
    """Return the true boiling point [K] at a distilled volume fraction.

    Args:
        temp_d86: ASTM D86 temperature at the same fraction [K].
        fraction: one of `D86_FRACTIONS`.

    Raises:
        InputError: there are no constants for the fraction.
    """
    factor, exponent = _constants(fraction)
    return float(factor * temp_d86**exponent)


def d86_of_tbp(temp_tbp: float, fraction: float) -> float:
    """Return the ASTM D86 temperature [K] at a distilled volume fraction.

    Args:
        temp_tbp: true boiling point at the same fraction [K].
        fraction: one of `D86_FRACTIONS`.

    Raises:
        InputError: there are no constants for the fraction.
    """
    factor, exponent = _constants(fraction)
    return float((temp_tbp / factor) ** (1.0 / exponent))


def tbp_curve_of_d86(temps_d86: FloatArray) -> FloatArray:
    """Return the true boiling points [K] at `D86_FRACTIONS` of a D86 curve.

    Args:
        temps_d86: at `D86_FRACTIONS` [K], rising, shape (7,).

    Raises:
        InputError: another number of points, or they do not rise.
    """
    return _converted(temps_d86, tbp_of_d86)


def d86_curve_of_tbp(temps_tbp: FloatArray) -> FloatArray:
    """Return the D86 temperatures [K] at `D86_FRACTIONS` of a true boiling point curve.

    Args:
        temps_tbp: at `D86_FRACTIONS` [K], rising, shape (7,).

    Raises:
        InputError: another number of points, or they do not rise.
    """
    return _converted(temps_tbp, d86_of_tbp)


def _converted(temps: FloatArray, convert: Callable[[float, float], float]) -> FloatArray:
    values = np.asarray(temps, dtype=np.float64)
    if values.shape != (len(D86_FRACTIONS),) or not bool(np.all(np.diff(values) > 0.0)):
        raise InputError(
            f"a distillation curve needs {len(D86_FRACTIONS)} rising temperatures [K] at the "
            f"fractions {D86_FRACTIONS}, found {values.tolist()}"
        )
    return np.array(
        [convert(float(temp), at) for temp, at in zip(values, D86_FRACTIONS, strict=True)]
    )
