"""The two ways to write a product of two decisions: exactly, or to first order about a point.

The model is authored once. With `Exact` it is the nonlinear plan. With `FirstOrder` it is one pass
of successive linear programming: a content times a flow becomes the flow at the known content plus
the known flow times the change of content, which is what planners call distributive recursion
(the error of a guessed quality is shared out over the destinations in proportion to their flows).
"""

from typing import Any, Protocol

import pyomo.environ as pyo

from operator_agent.planning.cuts import Shift

NEGLIGIBLE = 1e-7  # a factor so small would only bring tiny coefficients, which upset solvers

Expression = Any  # Pyomo has no types
Variable = Any


class Mixing(Protocol):
    """How products of decisions and curves of cut points enter the model."""

    @property
    def chooses(self) -> bool:
        """Whether the model decides whole numbers; otherwise it keeps those of its point."""
        ...

    def product(self, a: Variable, b: Expression) -> Expression:
        """Return a times b."""
        ...

    def curve(self, temp: Variable, shift: Shift) -> Expression:
        """Return what moving a cut point to `temp` [K] adds to the lighter stream."""
        ...


class Exact:
    """Products and curves as they are."""

    chooses = False

    def product(self, a: Variable, b: Expression) -> Expression:
        """Return a times b."""
        return a * b

    def curve(self, temp: Variable, shift: Shift) -> Expression:
        """Return the cubic of the cut point."""
        t = (temp - shift.middle) / shift.half_width
        first, second, third = (float(value) for value in shift.coefficients)
        return t * (first + t * (second + t * third))


class FirstOrder:
    """Products and curves linearised about the present values of the variables."""

    chooses = True

    def product(self, a: Variable, b: Expression) -> Expression:
        """Return a0 b + b0 (a - a0)."""
        a0, b0 = (_clean(pyo.value(factor)) for factor in (a, b))
        return a0 * b + b0 * (a - a0)

    def curve(self, temp: Variable, shift: Shift) -> Expression:
        """Return the tangent of the cubic."""
        t0 = (pyo.value(temp) - shift.middle) / shift.half_width
        first, second, third = (float(value) for value in shift.coefficients)
        height = t0 * (first + t0 * (second + t0 * third))
        slope = (first + t0 * (2.0 * second + t0 * 3.0 * third)) / shift.half_width
        return height + slope * (temp - pyo.value(temp))


def _clean(factor: float) -> float:
    """Return a factor, or zero where it is negligible."""
    return 0.0 if abs(factor) < NEGLIGIBLE else factor
