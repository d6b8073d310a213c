"""What a user says of one variable of a plant: its name, where it rests, how far it moves."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a plant.

    Attributes:
        name: by which it is read and written.
        nominal: value at rest [SI]; for a state of an ODE, a guess from which rest is sought.
        span: how far it typically moves, above zero [SI]; solvers divide by it.
    """

    name: str
    nominal: float = 0.0
    span: float = 1.0

    def __post_init__(self) -> None:
        """Refuse names that are no text, values that are not finite, spans that are not positive.

        Raises:
            InputError: one of them.
        """
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"a variable needs a name, found {self.name!r}")
        if not math.isfinite(self.nominal):
            raise InputError(f"variable {self.name}: nominal value {self.nominal} is not finite")
        if not (math.isfinite(self.span) and self.span > 0.0):
            raise InputError(
                f"variable {self.name}: span {self.span} must be a finite number above zero; "
                "give the distance that the variable moves in normal operation"
            )


def as_variables(given: Sequence["Variable | str"], where: str) -> tuple[Variable, ...]:
    """Return variables; a bare name becomes a deviation: nominal 0 and span 1.

    Args:
        given: variables or names.
        where: what they are, for messages.

    Raises:
        InputError: a name comes twice, or something is neither a variable nor a name.
    """
    if isinstance(given, str):
        raise InputError(f"{where}: give a list of names, not the text {given!r}")
    for item in given:
        if not isinstance(item, Variable | str):
            raise InputError(f"{where}: expected a Variable or a name, found {item!r}")
    found = tuple(item if isinstance(item, Variable) else Variable(item) for item in given)
    twice = [name for name, count in Counter(v.name for v in found).items() if count > 1]
    if twice:
        raise InputError(f"{where}: name '{twice[0]}' comes twice; rename one")
    return found


def check_sources(where: str, inputs: Sequence[Variable], disturbances: Sequence[Variable]) -> None:
    """Refuse a plant without inputs, and a name that is both an input and a disturbance.

    Raises:
        InputError: one of them.
    """
    if not inputs:
        raise InputError(f"{where}: there is no input; a plant needs at least one")
    both = {v.name for v in inputs} & {v.name for v in disturbances}
    if both:
        raise InputError(f"{where}: '{min(both)}' is an input and a disturbance; drop one")


def names_of(found: Sequence[Variable]) -> tuple[str, ...]:
    """Return the names."""
    return tuple(v.name for v in found)


def nominals_of(found: Sequence[Variable]) -> FloatArray:
    """Return the nominal values [SI]."""
    return np.array([v.nominal for v in found], dtype=np.float64)


def spans_of(found: Sequence[Variable]) -> FloatArray:
    """Return the spans [SI]."""
    return np.array([v.span for v in found], dtype=np.float64)


def as_numbers(given: ArrayLike, where: str) -> FloatArray:
    """Return an array of numbers.

    Args:
        given: nested lists of equal length, or an array.
        where: what it is, for messages.

    Raises:
        InputError: rows of unequal length, or something that is no number.
    """
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{where}: no array of numbers ({error}); give rows of equal length, numbers only"
        ) from error
