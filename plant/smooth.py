"""Smooth stand-ins for the limits of equipment: what has a corner on paper has none in a model.

A derivative-based integrator or optimiser needs continuous slopes, so a limit becomes a curve
whose width is an argument in the unit of the quantity.
"""

import casadi as ca

_MINIMUM_ROUNDING = 1e-3  # `smaller` lies sqrt(1e-3)/2 = 1.6 % below where both are equal
_MINIMUM_FLOOR = 1e-3  # [W], for heat flows
FLOW_FLOOR = 1e-5  # [m3/s], for flows: 0.005 % of the feed
_COTH_FLOOR = 1e-3  # error of x coth x at zero: 3e-7


def softplus(value: ca.SX, width: ca.SX | float) -> ca.SX:
    """Return a smooth max(value, 0) that is `width * log 2` at zero, without overflow."""
    scaled = value / width
    return width * (ca.fmax(scaled, 0.0) + ca.log1p(ca.exp(-ca.fabs(scaled))))


def limited(wanted: ca.SX, available: ca.SX, width: float) -> ca.SX:
    """Return a smooth min(wanted, available): a draw never takes more than there is."""
    return available - softplus(available - wanted, width)


def between(value: ca.SX, low: float, high: float, width: float) -> ca.SX:
    """Return a value inside two limits; further than a few widths from both it is unchanged."""
    return low + softplus(value - low, width) - softplus(value - high, width)


def smaller(first: ca.SX, second: ca.SX, floor: float = _MINIMUM_FLOOR) -> ca.SX:
    """Return a smooth minimum of two quantities above zero: zero with either, never below.

    The smaller root of m^2 - (a + b) m + (1 - k/4) a b = 0 with k = 1e-3, written as the product
    of the roots over the larger one.

    Args:
        first, second: not negative, in one unit.
        floor: in that unit, far below usual values; keeps the slope finite where both are zero.
    """
    gap = (first - second) ** 2 + _MINIMUM_ROUNDING * first * second + floor**2
    product = (1.0 - 0.25 * _MINIMUM_ROUNDING) * first * second
    return 2.0 * product / (first + second + ca.sqrt(gap))


def times_coth(value: ca.SX) -> ca.SX:
    """Return x coth x, which is 1 at zero and |x| far from it."""
    size = ca.sqrt(value**2 + _COTH_FLOOR**2)
    return size / ca.tanh(size)


def power_of(ratio: ca.SX, exponent: float, floor: float) -> ca.SX:
    """Return ratio**exponent with a finite slope at zero, where it is floor**exponent.

    Args:
        ratio: not negative.
        exponent: any.
        floor: ratio below which the curve flattens.
    """
    return (ratio**2 + floor**2) ** (0.5 * exponent)
