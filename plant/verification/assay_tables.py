"""What the division into lumps does to a crude: yields and densities of cuts beside its assay."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from operator_agent.plant.crude.assay import DENSITY_WATER_15C, Assay
from operator_agent.plant.crude.cuts import cut_density, cut_yield
from operator_agent.plant.crude.lumps import Lumps
from operator_agent.plant.crude.tbp import BoilingCurve
from operator_agent.plant.verification.reference_row import (
    ReferenceRow,
    absolute_row,
    relative_row,
)

# Cuts of an atmospheric column [K]: naphtha with gas, kerosene, light and heavy gas oil, residue.
CUT_POINTS = (1.0, 438.15, 503.15, 588.15, 643.15, 1700.0)
CUT_NAMES = ("naphtha", "kerosene", "LGO", "HGO", "residue")
_YIELD_ALLOWED = 1.0  # [vol%], assumed: the repeatability of a laboratory's TBP distillation
_DENSITY_ALLOWED = 3.0  # [%], assumed; all crudes share the gravity of a lump


def _distilled(lumps: Lumps, row: int, spread: float, temp: float) -> float:
    """Return the volume fraction of a crude that the plant's boiling curve puts below [K]."""
    curve = BoilingCurve.from_lumps(lumps, spread)
    centre = np.array(curve.centre).ravel()
    width = np.array(curve.width).ravel()
    return float(lumps.fractions[row] @ (0.5 * (1.0 + np.tanh(0.5 * (temp - centre) / width))))


def yield_rows(lumps: Lumps, assays: Sequence[Assay], spread: float) -> list[ReferenceRow]:
    """Return yields of atmospheric cuts by the lumps' boiling curve beside those of the assays.

    Args:
        lumps: of these crudes, in this order.
        assays: crudes.
        spread: logistic scale per width of a lump, as the layout has it.
    """
    found = []
    for row, assay in enumerate(assays):
        for name, (low, high) in zip(CUT_NAMES, pairwise(CUT_POINTS), strict=True):
            ours = _distilled(lumps, row, spread, high) - _distilled(lumps, row, spread, low)
            reference = cut_yield(assay, low, high)
            subject = f"{assay.name}, {name}"
            found.append(
                absolute_row(
                    f"yield of {name}",
                    subject,
                    100.0 * ours,
                    100.0 * reference,
                    "vol%",
                    _YIELD_ALLOWED,
                    f"TBP, {assay.source.split(';')[0]}",
                )
            )
    return found


def density_rows(lumps: Lumps, assays: Sequence[Assay]) -> list[ReferenceRow]:
    """Return the density of each whole crude and of its lumps by cut beside the assays.

    Lumps whose boiling points lie in a cut stand for it.
    """
    found = []
    for row, assay in enumerate(assays):
        volumes = lumps.fractions[row]
        whole = float(volumes @ lumps.specific_gravity)
        found.append(_density_row("density of crude", assay, assay.name, whole, 0.0, np.inf))
        for name, (low, high) in zip(CUT_NAMES, pairwise(CUT_POINTS), strict=True):
            inside = (lumps.temp_boiling > low) & (lumps.temp_boiling <= high)
            if not float(volumes[inside].sum()) > 0.0:
                continue
            gravity = float(volumes[inside] @ lumps.specific_gravity[inside])
            found.append(
                _density_row(
                    "density of cuts",
                    assay,
                    f"{assay.name}, {name}",
                    gravity / float(volumes[inside].sum()),
                    float(lumps.temp_low[inside].min()),
                    float(lumps.temp_high[inside].max()),
                )
            )
    return found


def _density_row(
    topic: str, assay: Assay, subject: str, gravity: float, low: float, high: float
) -> ReferenceRow:
    return relative_row(
        topic,
        subject,
        gravity * DENSITY_WATER_15C,
        cut_density(assay, low, high),
        "kg/m3",
        _DENSITY_ALLOWED,
        assay.source.split(";")[0],
    )
