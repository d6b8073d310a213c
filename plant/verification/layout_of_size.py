"""Layouts of any number of lumps and trays, scaled from one that the case describes."""

from dataclasses import replace

import numpy as np

from operator_agent.errors import InputError
from operator_agent.plant.unit.case import Layout

_PLACES = (
    "tray_pumparound_top",
    "tray_kerosene",
    "tray_pumparound_mid",
    "tray_lgo",
    "tray_pumparound_bottom",
    "tray_hgo",
    "tray_flash_zone",
)
_DRAWS = ("tray_kerosene", "tray_lgo", "tray_hgo", "tray_flash_zone")


def layout_of_size(base: Layout, n_lumps: int, n_trays: int) -> Layout:
    """Return a layout with another resolution and the same equipment.

    Edges of lumps are read off the base's edges at even steps, so they stay dense where the base
    is dense. Places on the trays keep their relative height; the liquid on all trays together and
    its residence time stay the same.

    Args:
        base: layout that is scaled.
        n_lumps: pseudo-components, three or more.
        n_trays: of the column, ten or more.

    Raises:
        InputError: too few lumps or trays.
    """
    if n_lumps < 3 or n_trays < 10:
        raise InputError(
            f"a layout of {n_lumps} lumps and {n_trays} trays does not resolve five products and "
            "three pumparounds; take 3 lumps and 10 trays or more"
        )
    places = np.linspace(0.0, len(base.lump_edges) - 1.0, n_lumps - 1)
    edges = np.interp(places, np.arange(len(base.lump_edges)), base.lump_edges)
    ratio = base.n_trays / n_trays
    return replace(
        base,
        key=f"lumps_{n_lumps}_trays_{n_trays}",
        lump_edges=tuple(map(float, edges)),
        n_trays=n_trays,
        volume_tray=base.volume_tray * ratio,
        time_tray=base.time_tray * ratio,
        **_trays(base, n_trays),
    )


def _trays(base: Layout, n_trays: int) -> dict[str, int]:
    scale = (n_trays - 1) / (base.n_trays - 1)
    found = {name: 1 + round((getattr(base, name) - 1) * scale) for name in _PLACES}
    found["tray_flash_zone"] = min(found["tray_flash_zone"], n_trays - 1)
    last = 1
    for name in _DRAWS:  # draws and feed stay apart
        found[name] = last = max(found[name], last + 1)
    found["tray_flash_zone"] = min(found["tray_flash_zone"], n_trays - 1)
    for name in ("tray_pumparound_top", "tray_pumparound_mid", "tray_pumparound_bottom"):
        found[name] = min(max(found[name], 2), found["tray_flash_zone"] - 1)
    return found
