"""Quantities as a planner writes them: a number and its unit in one text, such as `60 kbbl/d`.

The units of the root package come first; those that only planning needs stand here.
"""

import math

from operator_agent.errors import InputError
from operator_agent.planning.nearest import choice_of
from operator_agent.units import DAY_S, OIL_BARREL_M3, Unit, known_units

PLANNING_UNITS = {
    known.symbol: known
    for known in (
        Unit("wt ppm", "fraction", 1e-6),
        Unit("mm2/s", "kinematic viscosity", 1e-6),
        Unit("psi", "pressure", 6894.757),
        Unit("MJ/m3", "energy by volume", 1e6),
        Unit("GJ/m3", "energy by volume", 1e9),
        Unit("number", "number", 1.0),
        Unit("d", "time", DAY_S),
        Unit("m3", "volume", 1.0),
        Unit("bbl", "volume", OIL_BARREL_M3),
        Unit("kbbl", "volume", 1e3 * OIL_BARREL_M3),
        Unit("usd/m3/d", "price by volume and time", 1.0 / DAY_S),
        Unit("usd/bbl/d", "price by volume and time", 1.0 / OIL_BARREL_M3 / DAY_S),
    )
}


def planning_unit(symbol: str) -> Unit:
    """Return the unit with this symbol.

    Raises:
        InputError: neither the root package nor planning knows it.
    """
    found = next((known for known in every_unit() if known.symbol == symbol), None)
    if found is None:
        known = choice_of(symbol, (one.symbol for one in every_unit()))
        raise InputError(f"unit '{symbol}' is not known{known}")
    return found


def every_unit() -> tuple[Unit, ...]:
    """Return the units that quantities of a case may have."""
    return (*known_units(), *PLANNING_UNITS.values())


def units_of(dimension: str) -> tuple[str, ...]:
    """Return the symbols of the units of a dimension."""
    return tuple(known.symbol for known in every_unit() if known.dimension == dimension)


def parse_quantity(text: str | float, dimension: str, place: str) -> float:
    """Return the SI value of a number with its unit.

    Args:
        text: for example `72.5 usd/bbl`; a bare number only for the dimension `number`.
        dimension: that the unit must have, as in `operator_agent.units`.
        place: where it stands in the case, for the message.

    Raises:
        InputError: no number, not finite, no unit, or a unit of another dimension.

    Example:
        >>> parse_quantity("15 degC", "temperature", "crude_unit.cuts[0].low")
        288.15
    """
    words = str(text).split(maxsplit=1)
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        raise InputError(
            f"{place} is '{text}'; write a number and its unit, such as '72.5 usd/bbl'"
        ) from None
    if not math.isfinite(value):
        raise InputError(f"{place} is '{text}'; give a finite number")
    if len(words) == 1 and dimension != "number":
        raise InputError(
            f"{place} is '{text}' without a unit; write the {dimension} with its unit, one of "
            f"{', '.join(units_of(dimension))}"
        )
    symbol = words[1].strip() if len(words) == 2 else "number"
    try:
        found = planning_unit(symbol)
    except InputError:
        known = choice_of(symbol, units_of(dimension))
        raise InputError(
            f"{place} is '{text}': unit '{symbol}' is not known{known} ({dimension})"
        ) from None
    if found.dimension != dimension:
        raise InputError(
            f"{place} is '{text}', which is a {found.dimension}; give a {dimension} there, in one "
            f"of {', '.join(units_of(dimension))}"
        )
    return value * found.factor + found.offset


def in_unit(value_si: float, symbol: str) -> float:
    """Return an SI value in the named unit.

    Example:
        >>> round(in_unit(1e-5, "wt ppm"), 6)
        10.0
    """
    found = planning_unit(symbol)
    return (value_si - found.offset) / found.factor
