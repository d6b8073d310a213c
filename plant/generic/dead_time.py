"""Dead time as an ordinary differential equation, of a stated order."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

DELAY_ORDER = 4  # phase right to 1 degree up to 4 rad per dead time, size to 0.3 % up to 3 rad
_HIGHEST_ORDER = 20  # beyond it the fastest state is faster than any plant needs


def legendre_delay(
    dead_time_s: float, order: int = DELAY_ORDER
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (A, b, c) of a linear system whose output is its input, a dead time later.

    Its transfer function is the Padé approximation of exp(-dead_time_s s) with a numerator of
    one degree less than the denominator, so a step does not jump through. The states are the
    Legendre coefficients of the input's past, of the order of the input at any order. Source:
    Voelker, Kajic and Eliasmith, "Legendre Memory Units", NeurIPS 2019, equations 2 and 3.

    Args:
        dead_time_s: above zero [s].
        order: number of states.

    Returns:
        A, shape (order, order) [1/s]; b, shape (order,) [1/s]; c, shape (order,).

    Raises:
        InputError: the dead time or the order is out of range.
    """
    if not (np.isfinite(dead_time_s) and dead_time_s > 0.0):
        raise InputError(f"dead time {dead_time_s} s must be finite and above zero")
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= _HIGHEST_ORDER:
        raise InputError(f"order {order} of a dead time must be a whole number 1 to 20")
    rows, columns = np.arange(order)[:, None], np.arange(order)[None, :]
    sign = np.where(rows < columns, -1.0, (-1.0) ** (rows - columns + 1)).astype(np.float64)
    weight: FloatArray = (2.0 * np.arange(order, dtype=np.float64) + 1.0) / dead_time_s
    b: FloatArray = weight * (-1.0) ** np.arange(order)
    a: FloatArray = weight[:, None] * sign
    return a, b, np.ones(order)
