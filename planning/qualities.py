"""The qualities of streams: how each blends, and how a narrow slice of crude gets it.

A planning model blends *contents*: amounts per m3 that add up when volumes add up. A quality on a
volume basis has its blending index as content; one on a mass basis has index times density. So
every mixing rule of the model is a sum, and only this file and `blending_indices` know more.

Sources:
    Flash point from the 10 % point: M. R. Riazi, "Characterization and Properties of Petroleum
    Fractions", ASTM MNL50 (2005), eq. 3.117.
    Cloud point of a fraction (temperatures in degrees Rankine): API Technical Data Book, procedure
    2B13.1.
    Cetane index: ASTM D976, the form with density and mid-boiling temperature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.blending_indices import (
    CLOUD_EXPONENT,
    REFERENCE_K,
    bar_of,
    cloud_index,
    cloud_point,
    flash_index,
    flash_point,
    octane_index,
    octane_of,
    pour_index,
    pour_point,
    pressure_of,
    vapour_pressure,
    vapour_pressure_index,
    viscosity_index,
    viscosity_of,
)
from operator_agent.planning.nearest import choice_of

CETANE_RANGE_C = (100.0, 450.0)  # slices outside never reach diesel; keeps the formula in its range
WATER_DENSITY = 999.016  # [kg/m3] at 60 degF: density of specific gravity one
RANKINE_PER_K = 1.8
FIT_ROOM = 1e-3  # fitted cubics of the cuts may pass zero or one by this much
HEAVIEST = 1200.0  # [kg/m3] no stream of a refinery is denser


class Basis(Enum):
    """What the index of a quality is averaged by."""

    VOLUME = "volume"
    MASS = "mass"


def _same(value: float) -> float:
    return value


@dataclass(frozen=True, slots=True)
class Quality:
    """A quality that streams carry and specifications limit.

    Attributes:
        name: in the case file.
        words: for reports.
        dimension: of its values.
        basis: of the average.
        low, high: physical bounds of the index: no solver may leave them.
        to_index, from_index: value [SI] to blending index and back.
        falling: whether the index falls when the value rises.
    """

    name: str
    words: str
    dimension: str
    basis: Basis
    low: float
    high: float
    to_index: Callable[[float], float] = _same
    from_index: Callable[[float], float] = _same
    falling: bool = False

    @property
    def content_range(self) -> tuple[float, float]:
        """Physical bounds of the content of one m3."""
        if self.basis is Basis.MASS:
            return min(self.low * HEAVIEST, 0.0), self.high * HEAVIEST
        return self.low, self.high

    def content(self, value: float, density: float) -> float:
        """Return the amount per m3 of a stream with this value [SI] and density [kg/m3]."""
        index = self.to_index(value)
        return index * density if self.basis is Basis.MASS else index


_V, _M = Basis.VOLUME, Basis.MASS
QUALITIES = {
    quality.name: quality
    for quality in (
        Quality("density", "density", "density", _V, 450.0, HEAVIEST),
        Quality("sulphur", "sulphur", "fraction", _M, 0.0, 0.12),
        Quality("octane", "research octane", "number", _V, 0.0, 125.0),
        Quality(
            "ron", "research octane by index", "number", _V, 0.0, 170.0, octane_index, octane_of
        ),
        Quality("mon", "motor octane", "number", _V, 0.0, 125.0),
        Quality(
            "rvp",
            "Reid vapour pressure",
            "pressure",
            _V,
            0.0,
            20.0,
            vapour_pressure_index,
            vapour_pressure,
        ),
        Quality(
            "vapour_pressure",
            "vapour pressure by volume",
            "pressure",
            _V,
            0.0,
            20.0,
            bar_of,
            pressure_of,
        ),
        Quality("aromatics", "aromatics", "fraction", _V, 0.0, 1.0),
        Quality("olefins", "olefins", "fraction", _V, 0.0, 1.0),
        Quality("benzene", "benzene", "fraction", _V, 0.0, 1.0),
        Quality("oxygen", "oxygen", "fraction", _M, 0.0, 0.6),
        Quality("nitrogen", "nitrogen", "fraction", _M, 0.0, 0.1),
        Quality("metals", "nickel and vanadium", "fraction", _M, 0.0, 0.01),
        Quality("carbon_residue", "carbon residue", "fraction", _M, 0.0, 0.6),
        Quality("cetane", "cetane index", "number", _V, 0.0, 90.0),
        Quality(
            "flash",
            "flash point",
            "temperature",
            _V,
            1e-3,
            1e6,
            flash_index,
            flash_point,
            falling=True,
        ),
        Quality("cloud", "cloud point", "temperature", _V, 0.0, 5e3, cloud_index, cloud_point),
        Quality("freeze", "freezing point", "temperature", _V, 0.0, 5e3, cloud_index, cloud_point),
        Quality("pour", "pour point", "temperature", _V, 0.0, 5e2, pour_index, pour_point),
        Quality("over_360c", "boiling over 360 degC", "fraction", _V, -FIT_ROOM, 1.0 + FIT_ROOM),
        Quality(
            "viscosity",
            "viscosity at 50 degC",
            "kinematic viscosity",
            _M,
            -20.0,
            80.0,
            viscosity_index,
            viscosity_of,
        ),
        Quality(
            "vgo_volume", "vacuum gas oil by volume", "fraction", _V, -FIT_ROOM, 1.0 + FIT_ROOM
        ),
        Quality("vgo_mass", "vacuum gas oil by mass", "density", _V, 0.0, HEAVIEST),
        Quality("vgo_sulphur", "sulphur in vacuum gas oil", "density", _V, 0.0, 120.0),
        Quality("vgo_viscosity", "viscosity in vacuum gas oil", "number", _V, -2e4, 9e4),
    )
}


def quality(name: str, place: str) -> Quality:
    """Return the quality with this name.

    Raises:
        InputError: it is not known.
    """
    if name not in QUALITIES:
        raise InputError(f"{place}: quality '{name}' is not known{choice_of(name, QUALITIES)}")
    return QUALITIES[name]


def flash_of_slices(temp_k: FloatArray) -> FloatArray:
    """Return the flash index of slices that boil at these temperatures [K], shape (n,).

    Flash point = 15.48 + 0.70704 T10 [K], a slice's own boiling point taken as its T10.
    """
    return np.asarray(10.0 ** (-6.1188 + 2414.0 / (15.48 + 0.70704 * temp_k - 42.6)))


def cloud_of_slices(temp_k: FloatArray, density: FloatArray) -> FloatArray:
    """Return the cloud index of slices from boiling point [K] and density [kg/m3], shape (n,)."""
    boiling_r = RANKINE_PER_K * temp_k
    log_cloud = (
        -7.41 + 5.49 * np.log10(boiling_r) - 0.712 * boiling_r**0.315 - 0.133 * _gravity(density)
    )
    return np.asarray((10.0**log_cloud / RANKINE_PER_K / REFERENCE_K) ** CLOUD_EXPONENT)


def cetane_of_slices(temp_k: FloatArray, density: FloatArray) -> FloatArray:
    """Return the cetane index of slices from boiling point [K] and density [kg/m3], shape (n,).

    CI = 454.74 - 1641.416 D + 774.74 D^2 - 0.554 B + 97.803 (log10 B)^2, D [g/mL], B [degC].
    """
    boiling_c = np.clip(temp_k - 273.15, *CETANE_RANGE_C)
    grams = density / 1e3
    return np.asarray(
        454.74
        - 1641.416 * grams
        + 774.74 * grams**2
        - 0.554 * boiling_c
        + 97.803 * np.log10(boiling_c) ** 2
    )


def _gravity(density: FloatArray) -> FloatArray:
    return density / WATER_DENSITY
