"""Units at the boundary: conversion between the units of tags and files and SI.

Inside the package everything is SI and carries its unit in its name. Here, and only here, stand
the factors. A barrel is the oil barrel (42 US gallons).
"""

from dataclasses import dataclass

from operator_agent.errors import InputError

OIL_BARREL_M3 = 0.158987294928  # 42 US gal of 231 in3 each, exact
DAY_S = 86_400.0
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: `si = value * factor + offset`.

    Attributes:
        symbol: as written in tag lists and files.
        dimension: name of the physical quantity; conversions stay inside one dimension.
        factor: SI units per unit.
        offset: SI value of zero in this unit.
    """

    symbol: str
    dimension: str
    factor: float
    offset: float = 0.0


_UNITS = {
    unit.symbol: unit
    for unit in (
        Unit("1", "fraction", 1.0),
        Unit("%", "fraction", 0.01),
        Unit("vol%", "fraction", 0.01),
        Unit("wt%", "fraction", 0.01),
        Unit("K", "temperature", 1.0),
        Unit("degC", "temperature", 1.0, 273.15),
        Unit("degF", "temperature", 5.0 / 9.0, 459.67 * 5.0 / 9.0),
        Unit("delta_K", "temperature difference", 1.0),
        Unit("delta_degC", "temperature difference", 1.0),
        Unit("Pa", "pressure", 1.0),
        Unit("kPa", "pressure", 1e3),
        Unit("bar", "pressure", 1e5),
        Unit("m3/s", "volume flow", 1.0),
        Unit("m3/h", "volume flow", 1.0 / HOUR_S),
        Unit("m3/d", "volume flow", 1.0 / DAY_S),
        Unit("bbl/d", "volume flow", OIL_BARREL_M3 / DAY_S),
        Unit("kbbl/d", "volume flow", 1e3 * OIL_BARREL_M3 / DAY_S),
        Unit("kg/s", "mass flow", 1.0),
        Unit("t/h", "mass flow", 1e3 / HOUR_S),
        Unit("W", "power", 1.0),
        Unit("MW", "power", 1e6),
        Unit("kg/m3", "density", 1.0),
        Unit("s", "time", 1.0),
        Unit("min", "time", 60.0),
        Unit("h", "time", HOUR_S),
        Unit("d", "time", DAY_S),
        Unit("usd/m3", "price by volume", 1.0),
        Unit("usd/bbl", "price by volume", 1.0 / OIL_BARREL_M3),
        Unit("usd/kg", "price by mass", 1.0),
        Unit("usd/t", "price by mass", 1e-3),
        Unit("usd/J", "price by energy", 1.0),
        Unit("usd/GJ", "price by energy", 1e-9),
        Unit("usd/MWh", "price by energy", 1.0 / 3.6e9),
    )
}

SI_OF_DIMENSION = {
    "fraction": "1",
    "temperature": "K",
    "temperature difference": "delta_K",
    "pressure": "Pa",
    "volume flow": "m3/s",
    "mass flow": "kg/s",
    "power": "W",
    "density": "kg/m3",
    "time": "s",
    "price by volume": "usd/m3",
    "price by mass": "usd/kg",
    "price by energy": "usd/J",
}


def unit(symbol: str) -> Unit:
    """Return the unit with this symbol.

    Raises:
        InputError: the symbol is not known.
    """
    try:
        return _UNITS[symbol]
    except KeyError:
        known = ", ".join(sorted(_UNITS))
        raise InputError(f"unit '{symbol}' is not known; use one of: {known}") from None


def known_units() -> tuple[Unit, ...]:
    """Return all units, those of one dimension side by side."""
    return tuple(_UNITS.values())


def to_si(value: float, symbol: str) -> float:
    """Convert a value in the named unit to SI.

    Example:
        >>> to_si(360.0, "degC")
        633.15
        >>> round(to_si(100.0, "kbbl/d") * 3600, 1)  # m3/h
        662.4
    """
    found = unit(symbol)
    return value * found.factor + found.offset


def from_si(value_si: float, symbol: str) -> float:
    """Convert an SI value to the named unit.

    Example:
        >>> round(from_si(633.15, "degC"), 6)
        360.0
    """
    found = unit(symbol)
    return (value_si - found.offset) / found.factor


def span_to_si(span: float, symbol: str) -> float:
    """Convert a difference or a rate in the named unit to SI: the offset plays no part.

    Example:
        >>> span_to_si(2.0, "degC")
        2.0
    """
    return span * unit(symbol).factor


def si_symbol(symbol: str) -> str:
    """Return the SI unit of the dimension of the named unit.

    Example:
        >>> si_symbol("m3/h")
        'm3/s'
    """
    return SI_OF_DIMENSION[unit(symbol).dimension]
