"""Where the search for the nominal steady state starts."""

import numpy as np

from operator_agent.plant.unit.stage import Component

_PRESSURE_GUESS = 1.8e5  # [Pa], at which boiling points are compared with temperatures
_GUESS_WIDTH_K = 60.0  # spread of boiling points on a tray
_SHARE_FLOOR = 1e-3  # of every lump, so that none is missing anywhere


def guess_holdup(component: Component, volume: float, temp: float) -> list[float]:
    """Return moles of lumps that boil near a temperature [K], together of a volume [m3]."""
    a, b, c = (np.array(row).ravel() for row in component.antoine)
    boiling = b / (a - np.log(_PRESSURE_GUESS)) - c
    weight = np.exp(-(((boiling - temp) / _GUESS_WIDTH_K) ** 2)) + _SHARE_FLOOR
    volumes = volume * weight / weight.sum()
    return [float(v) for v in volumes / np.array(component.molar_volume).ravel()]


def guess_temps(top: float, feed: float, n_trays: int, flash_zone: int) -> list[float]:
    """Return temperatures of the trays [K] between those of the top and of the feed [K].

    Args:
        top, feed: [K].
        n_trays: of the column.
        flash_zone: tray of the feed, counted from the top, from 1.
    """
    down = np.linspace(top, feed - 5.0, flash_zone)
    below = [float(feed - 8.0 - 4.0 * n) for n in range(n_trays - flash_zone)]
    return [*map(float, down), *below]
