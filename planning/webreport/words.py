"""How the page writes names and numbers: planner units, as in the tables of `planning.report`."""

import math
import textwrap

from operator_agent.planning.quantities import in_unit, planning_unit

FLOW, PRICE, MASS = "kbbl/d", "usd/bbl", "t/h"
SMALLEST_MARGINAL = 1e-3  # [usd/h] interior-point solvers leave traces on limits that do not hold
NO_VALUE = "–"


def words(name: str) -> str:
    """Return a name of the case as words.

    Example:
        >>> words("light_cycle_oil")
        'light cycle oil'
    """
    return name.replace("_", " ")


def wrapped(name: str, width: int) -> tuple[str, ...]:
    """Return a name in at most two lines of so many characters, cut with an ellipsis."""
    lines = textwrap.wrap(name, max(width, 4), max_lines=2, placeholder="…")
    return tuple(lines) or (" ",)


def fixed(value: float, decimals: int) -> str:
    """Return a number with so many decimals; what rounds to zero has no sign.

    Example:
        >>> fixed(-0.001, 2), fixed(-1234.5, 1)
        ('0.00', '-1,234.5')
    """
    shown = f"{value:,.{decimals}f}"
    return shown.removeprefix("-") if float(shown.replace(",", "")) == 0.0 else shown


def flow(value: float) -> str:
    """Return a volume flow [m3/s] in kbbl/d."""
    return fixed(in_unit(value, FLOW), 2)


def mass_flow(value: float) -> str:
    """Return a mass flow [kg/s] in t/h; a dash when it is unknown."""
    return fixed(in_unit(value, MASS), 1) if math.isfinite(value) else NO_VALUE


def price(value: float) -> str:
    """Return a price by volume [usd/m3] in usd/bbl."""
    return fixed(in_unit(value, PRICE), 2)


def money(value: float) -> str:
    """Return money by time [usd/h] in whole units."""
    return fixed(value, 0)


def percent(share: float, decimals: int = 1) -> str:
    """Return a fraction in percent; a dash when it is not finite."""
    return fixed(100.0 * share, decimals) if math.isfinite(share) else NO_VALUE


def marginal(value: float) -> str:
    """Return a gain of profit per unit [usd/h]; traces that solvers leave are zero."""
    return f"{value:,.4g}" if abs(value) >= SMALLEST_MARGINAL else "0"


def celsius(temp_k: float) -> str:
    """Return a temperature [K] in degC."""
    return fixed(in_unit(temp_k, "degC"), 1)


def quality_value(value: float, unit: str) -> str:
    """Return a quality [SI] in the unit of the case; a dash when it is not finite."""
    return f"{in_unit(value, unit):.4g}" if math.isfinite(value) else NO_VALUE


def quality_step(value: float, unit: str) -> str:
    """Return a difference of a quality [SI] in the unit of the case: no offset plays a part."""
    return f"{value / planning_unit(unit).factor:.4g}" if math.isfinite(value) else NO_VALUE
