"""The SI unit of a variable, told by the first words of its name."""

from operator_agent.errors import InputError

_SI_OF_WORD = {
    "temp": "K",
    "flow_vol": "m3/s",
    "flow_mass": "kg/s",
    "duty": "W",
    "power": "W",
    "fraction": "1",
    "status": "1",
    "opening": "1",
    "level": "1",
    "efficiency": "1",
    "heating_value": "J/kg",
    "pressure": "Pa",
}


def si_of(variable: str, where: str) -> str:
    """Return the SI unit of a variable.

    Args:
        variable: name in the form `{property}_{basis}_{place}`.
        where: words that say where the name stands, for the error.

    Raises:
        InputError: no property is called so.
    """
    start = next((word for word in _SI_OF_WORD if variable.startswith(f"{word}_")), None)
    if start is None:
        known = ", ".join(_SI_OF_WORD)
        raise InputError(f"{where}: unknown key '{variable}'; variables begin with one of: {known}")
    return _SI_OF_WORD[start]


def si_of_span(variable: str, where: str) -> str:
    """Return the SI unit of a difference of a variable.

    Raises:
        InputError: no property is called so.
    """
    si = si_of(variable, where)
    return "delta_K" if si == "K" else si
