"""Blending indices: numbers that average where the qualities themselves do not.

Sources:
    Flash point: M. R. Riazi, "Characterization and Properties of Petroleum Fractions", ASTM MNL50
    (2005), eq. 3.118; cloud and freezing point T^(1/0.05) and pour point T^(1/0.08): the same,
    section 3.6.2. All of them after J. Hu, A. M. Burns, "Index predicts cloud, pour and flash
    points of distillates fuel blends", Oil & Gas Journal 68(45), 1970. The pour point index is
    also written 3262000 (T/1000)^12.5, T in degrees Rankine (C. T. Baird, "Guide to Petroleum
    Product Blending", 1989).
    Viscosity blending number (Refutas): R. E. Maples, "Petroleum Refinery Process Economics",
    2nd ed. (2000).
    Vapour pressure, RVP^1.25 (Chevron): J. H. Gary, G. E. Handwerk, M. J. Kaiser, "Petroleum
    Refining: Technology and Economics", 5th ed. (2007), chapter on product blending.
    Research octane: Riazi (2005), the index in three ranges of octane number from 11 to 106. The
    ranges meet within 0.2 of the index at 76 and 0.06 at 103.
"""

import math

CLOUD_EXPONENT = 20.0  # 1/0.05, see the source above
POUR_EXPONENT = 12.5  # 1/0.08
REFERENCE_K = 250.0  # only keeps the indices of cloud, freezing and pour point near one
RVP_EXPONENT = 1.25
REFERENCE_PA = 1e5  # only keeps the indices of vapour pressures near one
OCTANE_RANGES = (
    (76.0, (36.01, 38.33, -99.8, 341.3, -507.2, 268.64)),
    (103.0, (-299.5, 1272.0, -1552.9, 651.0)),
    (math.inf, (2206.3, -4313.64, 2178.57)),
)
"""Upper end of each range of octane number, and coefficients of powers of octane number / 100."""
LOWEST_OCTANE, HIGHEST_OCTANE = 11.0, 120.0  # between which an index is turned back
HALVINGS = 60  # of that span: to the last digit


def flash_index(temp_k: float) -> float:
    """Return the blending index of a flash point [K]; lower flash points have higher indices.

    Example:
        >>> round(flash_index(311.15))
        742
    """
    return float(10.0 ** (-6.1188 + 2414.0 / (temp_k - 42.6)))


def flash_point(index: float) -> float:
    """Return the flash point [K] of a blending index.

    Example:
        >>> round(flash_point(flash_index(311.15)), 9)
        311.15
    """
    return 42.6 + 2414.0 / (math.log10(index) + 6.1188)


def cloud_index(temp_k: float) -> float:
    """Return the blending index of a cloud point [K]."""
    return float((temp_k / REFERENCE_K) ** CLOUD_EXPONENT)


def cloud_point(index: float) -> float:
    """Return the cloud point [K] of a blending index."""
    return float(REFERENCE_K * index ** (1.0 / CLOUD_EXPONENT))


def viscosity_index(viscosity: float) -> float:
    """Return the Refutas blending number of a kinematic viscosity [m2/s].

    Example:
        >>> round(viscosity_index(380e-6), 2)
        36.88
    """
    return 14.534 * math.log(math.log(viscosity * 1e6 + 0.8)) + 10.975


def viscosity_of(index: float) -> float:
    """Return the kinematic viscosity [m2/s] of a Refutas blending number."""
    return (math.exp(math.exp((index - 10.975) / 14.534)) - 0.8) * 1e-6


def pour_index(temp_k: float) -> float:
    """Return the blending index of a pour point [K]."""
    return float((temp_k / REFERENCE_K) ** POUR_EXPONENT)


def pour_point(index: float) -> float:
    """Return the pour point [K] of a blending index."""
    return float(REFERENCE_K * index ** (1.0 / POUR_EXPONENT))


def vapour_pressure_index(pressure: float) -> float:
    """Return the blending index of a Reid vapour pressure [Pa].

    Example:
        >>> round(vapour_pressure_index(60e3), 4)
        0.5281
    """
    return float((pressure / REFERENCE_PA) ** RVP_EXPONENT)


def vapour_pressure(index: float) -> float:
    """Return the Reid vapour pressure [Pa] of a blending index; fits may pass zero by a digit."""
    return float(REFERENCE_PA * max(index, 0.0) ** (1.0 / RVP_EXPONENT))


def bar_of(pressure: float) -> float:
    """Return a pressure [Pa] in bar, which keeps linear pressures near one."""
    return pressure / REFERENCE_PA


def pressure_of(bar: float) -> float:
    """Return a pressure in bar in Pa."""
    return bar * REFERENCE_PA


def octane_index(octane: float) -> float:
    """Return the blending index of a research octane number.

    Example:
        >>> round(octane_index(95.0), 2)
        65.56
    """
    x = octane / 100.0
    coefficients = next(c for top, c in OCTANE_RANGES if octane <= top)
    return float(sum(c * x**n for n, c in enumerate(coefficients)))


def octane_of(index: float) -> float:
    """Return the research octane number of a blending index, by bisection."""
    low, high = LOWEST_OCTANE, HIGHEST_OCTANE
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if octane_index(middle) < index else (low, middle)
    return 0.5 * (low + high)
