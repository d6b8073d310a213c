"""One element of a transfer matrix: a ratio of polynomials in s with a dead time."""

import cmath
import math
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError


@dataclass(frozen=True, slots=True)
class TransferFunction:
    """G(s) = numerator(s) / denominator(s) exp(-dead_time_s s), with s in 1/s.

    Attributes:
        numerator: coefficients, highest power of s first.
        denominator: the same; the first is not zero.
        dead_time_s: time before anything happens, from zero [s].

    Example:
        >>> first_order(2.0, 60.0, 30.0).gain
        2.0
        >>> TransferFunction((5.0,), (60.0, 1.0)).at(0j)
        (5+0j)
    """

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]
    dead_time_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse elements that are not causal or not finite.

        Raises:
            InputError: one of them.
        """
        if not self.numerator or not self.denominator:
            raise InputError("transfer function: numerator and denominator need coefficients")
        if not all(math.isfinite(c) for c in (*self.numerator, *self.denominator)):
            raise InputError(
                f"transfer function {self.numerator}/{self.denominator}: a coefficient is not "
                "finite"
            )
        if self.denominator[0] == 0.0 or (len(self.numerator) > 1 and self.numerator[0] == 0.0):
            raise InputError(
                f"transfer function {self.numerator}/{self.denominator}: the first coefficient is "
                "zero; leave it out"
            )
        if len(self.numerator) > len(self.denominator):
            raise InputError(
                f"transfer function {self.numerator}/{self.denominator} is not causal: the "
                "numerator has the higher power of s; add the lag that the real plant has"
            )
        if not (math.isfinite(self.dead_time_s) and self.dead_time_s >= 0.0):
            raise InputError(
                f"transfer function: dead time {self.dead_time_s} s must be finite and not "
                "negative: no plant answers before it is asked"
            )

    @property
    def order(self) -> int:
        """Number of states that it needs beside its dead time."""
        return len(self.denominator) - 1

    @property
    def gain(self) -> float:
        """Steady output per unit of input; infinite with its sign when it integrates."""
        if self.denominator[-1] == 0.0:
            return math.copysign(math.inf, self.numerator[-1] * self.denominator[-2])
        return self.numerator[-1] / self.denominator[-1]

    def at(self, s: complex) -> complex:
        """Return G(s), the dead time exact.

        Args:
            s: complex frequency [1/s]; `1j * w` gives the frequency response.
        """
        ratio = complex(np.polyval(self.numerator, s)) / complex(np.polyval(self.denominator, s))
        return ratio * cmath.exp(-self.dead_time_s * s)

    def realisation(self) -> tuple[FloatArray, FloatArray, FloatArray, float]:
        """Return matrices (A, b, c, d) of the part without dead time.

        Controllable canonical form in a scaled time, so that the states are of the order of the
        input. Shapes (n, n) [1/s], (n,) [1/s], (n,), and a number; n is the order.
        """
        n = self.order
        den = np.array(self.denominator, dtype=np.float64)
        num = np.zeros(n + 1)
        num[n + 1 - len(self.numerator) :] = self.numerator
        time_s = _typical_time(den)
        powers = time_s ** -np.arange(n, -1.0, -1.0)
        den, num = den * powers, num * powers
        num, den = num / den[0], den / den[0]
        feedthrough = float(num[0])
        a = np.diag(np.ones(n - 1), 1) if n > 1 else np.zeros((n, n))
        b = np.zeros(n)
        if n:
            a[-1] = -den[:0:-1]
            b[-1] = 1.0
        c = (num[1:] - feedthrough * den[1:])[::-1]
        return a / time_s, b / time_s, c, feedthrough


def _typical_time(denominator: FloatArray) -> float:
    """Return the geometric mean of the time constants [s]; 1 s when there is none."""
    rest = np.flatnonzero(denominator)
    lags = int(rest[-1] - rest[0])
    if lags == 0:
        return 1.0
    return float(abs(denominator[rest[0]] / denominator[rest[-1]]) ** (1.0 / lags))


def _positive_time(time_s: float, what: str) -> float:
    if not (math.isfinite(time_s) and time_s > 0.0):
        raise InputError(
            f"{what} {time_s} s must be finite and above zero; an unstable element is written "
            "as TransferFunction(numerator, denominator)"
        )
    return float(time_s)


def first_order(gain: float, time_constant_s: float, dead_time_s: float = 0.0) -> TransferFunction:
    """Return gain exp(-dead_time_s s) / (time_constant_s s + 1).

    Args:
        gain: steady output per unit of input.
        time_constant_s: above zero [s].
        dead_time_s: from zero [s].

    Raises:
        InputError: a time is not positive or a number not finite.
    """
    lag = _positive_time(time_constant_s, "time constant")
    return TransferFunction((float(gain),), (lag, 1.0), dead_time_s)


def second_order(
    gain: float,
    time_constants_s: tuple[float, float],
    lead_s: float = 0.0,
    dead_time_s: float = 0.0,
) -> TransferFunction:
    """Return gain (lead_s s + 1) exp(-dead_time_s s) / ((t1 s + 1)(t2 s + 1)).

    Args:
        gain: steady output per unit of input.
        time_constants_s: both above zero [s].
        lead_s: of the numerator [s]; below zero gives an inverse response.
        dead_time_s: from zero [s].

    Raises:
        InputError: a time constant is not positive or a number not finite.
    """
    first, second = (_positive_time(t, "time constant") for t in time_constants_s)
    numerator = (float(gain),) if lead_s == 0.0 else (gain * lead_s, float(gain))
    return TransferFunction(numerator, (first * second, first + second, 1.0), dead_time_s)


def oscillating(
    gain: float, period_s: float, damping: float, dead_time_s: float = 0.0
) -> TransferFunction:
    """Return gain exp(-dead_time_s s) / (t^2 s^2 + 2 damping t s + 1), t = period_s / 2 pi.

    Args:
        gain: steady output per unit of input.
        period_s: of the undamped oscillation, above zero [s].
        damping: ratio, above zero; below 1 it swings.
        dead_time_s: from zero [s].

    Raises:
        InputError: the period or the damping is not positive, or a number not finite.
    """
    time_s = _positive_time(period_s, "period") / (2.0 * math.pi)
    if not (math.isfinite(damping) and damping > 0.0):
        raise InputError(f"damping {damping} must be finite and above zero")
    return TransferFunction((float(gain),), (time_s**2, 2.0 * damping * time_s, 1.0), dead_time_s)


def integrator(
    rate_gain: float, time_constant_s: float = 0.0, dead_time_s: float = 0.0
) -> TransferFunction:
    """Return rate_gain exp(-dead_time_s s) / (s (time_constant_s s + 1)).

    Args:
        rate_gain: rate of the output per unit of input [1/s].
        time_constant_s: of the lag before it, from zero [s].
        dead_time_s: from zero [s].

    Raises:
        InputError: a time is negative or a number not finite.
    """
    if time_constant_s == 0.0:
        return TransferFunction((float(rate_gain),), (1.0, 0.0), dead_time_s)
    lag = _positive_time(time_constant_s, "time constant")
    return TransferFunction((float(rate_gain),), (lag, 1.0, 0.0), dead_time_s)
