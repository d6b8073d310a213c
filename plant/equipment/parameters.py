"""Checks of the sizes that equipment is built with."""

import math
from collections.abc import Sequence

from operator_agent.errors import InputError


def require_range(
    equipment: object, names: Sequence[str], low: float = 0.0, high: float = math.inf
) -> None:
    """Refuse attributes of an equipment that are not above `low` and at most `high`.

    Args:
        equipment: a dataclass; its class names the place in the message.
        names: of its attributes.
        low, high: range in the attributes' SI units; `low` itself is refused.

    Raises:
        InputError: an attribute is outside, or no number.
    """
    for name in names:
        value = float(getattr(equipment, name))
        if not low < value <= high:
            kind = type(equipment).__name__.lower()
            limit = f"above {low:g}" + ("" if math.isinf(high) else f" and at most {high:g}")
            raise InputError(f"{kind}: {name} = {value:g} must be {limit}; correct it in the case")


def require_not_negative(equipment: object, names: Sequence[str]) -> None:
    """Refuse attributes of an equipment that are below zero, infinite or no number.

    Args:
        equipment: a dataclass; its class names the place in the message.
        names: of its attributes.

    Raises:
        InputError: an attribute is below zero or not finite.
    """
    for name in names:
        value = float(getattr(equipment, name))
        if not 0.0 <= value < math.inf:
            kind = type(equipment).__name__.lower()
            raise InputError(
                f"{kind}: {name} = {value:g} must be zero or above and finite; "
                "correct it in the case"
            )
