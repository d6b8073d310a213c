"""Crude assays: the true boiling point curve of a crude, and what is known of its cuts.

The curve is a monotone piecewise cubic (Fritsch and Carlson, SIAM J. Numer. Anal. 17 (1980) 238)
of the distilled volume fraction over temperature, from the initial point to a stated end point.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.document import quantity_si, read_document

DENSITY_WATER_15C = 999.016  # [kg/m3], reference of the specific gravity 60/60 F
_DENSITY_LOW, _DENSITY_HIGH = 600.0, 1100.0  # [kg/m3], crudes and condensates lie between
_CUT_DENSITY_LOW, _CUT_DENSITY_HIGH = 400.0, 1300.0  # [kg/m3], from propane to asphalt
_CUT_GAP_K = 0.01  # rounding of 1000 F written as 537.78 C


@dataclass(frozen=True, slots=True)
class AssayCut:
    """What a laboratory says about one cut of a crude.

    Attributes:
        temp_low_k, temp_high_k: edges [K]; 0 and infinity where the cut has none.
        density_kg_m3: at 15 C.
        sulphur: mass fraction; None where the record has none.
    """

    temp_low_k: float
    temp_high_k: float
    density_kg_m3: float
    sulphur: float | None = None

    def __post_init__(self) -> None:
        """Refuse cuts turned round, and densities and sulphur that no cut has."""
        where = f"cut from {self.temp_low_k:.0f} K to {self.temp_high_k:.0f} K"
        if not self.temp_low_k < self.temp_high_k:
            raise InputError(f"{where} is empty; give low below high")
        if not _CUT_DENSITY_LOW < self.density_kg_m3 < _CUT_DENSITY_HIGH:
            raise InputError(
                f"{where}: density {self.density_kg_m3} kg/m3 is outside "
                f"{_CUT_DENSITY_LOW:.0f} to {_CUT_DENSITY_HIGH:.0f}"
            )
        if self.sulphur is not None and not 0.0 <= self.sulphur < 1.0:
            raise InputError(f"{where}: sulphur {self.sulphur} is no mass fraction")


@dataclass(frozen=True, slots=True)
class Assay:
    """What a laboratory says about one crude.

    Attributes:
        key: name in cases (`arabian_light`).
        name: in words.
        density_kg_m3: at 15 C.
        fractions: cumulative volume fraction distilled, from 0 to 1, shape (n,).
        temperatures_k: true boiling point at each fraction [K], shape (n,).
        source: of the record.
        cuts: from light to heavy, without gaps; empty where the record has none.
        sulphur: mass fraction in the whole crude; None where the record has none.
    """

    key: str
    name: str
    density_kg_m3: float
    fractions: tuple[float, ...]
    temperatures_k: tuple[float, ...]
    source: str
    cuts: tuple[AssayCut, ...] = ()
    sulphur: float | None = None

    def __post_init__(self) -> None:
        """Refuse curves that do not rise from 0 to 1, cuts with gaps, and impossible densities."""
        if len(self.fractions) != len(self.temperatures_k) or len(self.fractions) < 4:
            raise InputError(
                f"assay {self.key}: {len(self.fractions)} fractions and "
                f"{len(self.temperatures_k)} temperatures; give four points or more, in pairs"
            )
        if self.fractions[0] != 0.0 or self.fractions[-1] != 1.0:
            raise InputError(f"assay {self.key}: the curve must run from fraction 0 to 1")
        steps = np.concatenate((np.diff(self.fractions), np.diff(self.temperatures_k)))
        if not bool(np.all(steps > 0.0)):
            raise InputError(
                f"assay {self.key}: fractions and temperatures must rise from point to point; "
                "put the points in order and remove doubles"
            )
        if not _DENSITY_LOW < self.density_kg_m3 < _DENSITY_HIGH:
            raise InputError(
                f"assay {self.key}: density {self.density_kg_m3} kg/m3 is outside "
                f"{_DENSITY_LOW:.0f} to {_DENSITY_HIGH:.0f}"
            )
        if self.sulphur is not None and not 0.0 <= self.sulphur < 1.0:
            raise InputError(f"assay {self.key}: sulphur {self.sulphur} is no mass fraction")
        for low, high in pairwise(self.cuts):
            if not math.isclose(low.temp_high_k, high.temp_low_k, abs_tol=_CUT_GAP_K):
                raise InputError(
                    f"assay {self.key}: between the cuts that end at {low.temp_high_k:.1f} K and "
                    f"begin at {high.temp_low_k:.1f} K is a gap; put the cuts in order"
                )

    def _curve(self) -> PchipInterpolator:
        return PchipInterpolator(self.temperatures_k, self.fractions)

    def fraction_below(self, temp_k: float | FloatArray) -> FloatArray:
        """Return the volume fraction that boils below a temperature [K].

        It is 0 below the initial point and 1 above the end point.
        """
        clipped = np.clip(temp_k, self.temperatures_k[0], self.temperatures_k[-1])
        # The cubic may miss 0 and 1 by a rounding error.
        return np.asarray(np.clip(self._curve()(clipped), 0.0, 1.0), dtype=np.float64)

    def temperature_at(self, fraction: float) -> float:
        """Return the true boiling point [K] at a distilled volume fraction.

        Raises:
            InputError: the fraction is outside 0 to 1.
        """
        if not 0.0 <= fraction <= 1.0:
            raise InputError(f"assay {self.key}: fraction {fraction} is outside 0 to 1")
        if fraction in (0.0, 1.0):
            return self.temperatures_k[0 if fraction == 0.0 else -1]
        roots = self._curve().solve(fraction, extrapolate=False)
        return float(roots[0])


def load_assay(path: Path) -> Assay:
    """Return the assay in a YAML file.

    Raises:
        InputError: the file is missing, or a key, unit or value in it is wrong.
    """
    document = read_document(Path(path))
    curve = document.section("distillation")
    curve.text("source")
    fraction_unit, temperature_unit = curve.text("fraction_unit"), curve.text("temperature_unit")
    points = curve.value("points")
    where = f"{curve.where}.points"
    if not isinstance(points, list) or any(
        not isinstance(point, list) or len(point) != 2 for point in points
    ):
        raise InputError(f"{where}: expected a list of [fraction, temperature]")
    curve.close()
    fractions = [quantity_si(point[0], fraction_unit, "1", where) for point in points]
    temperatures = [quantity_si(point[1], temperature_unit, "K", where) for point in points]
    first = document.quantity("initial_point", "K")
    last = document.quantity("end_point", "K")
    assay = Assay(
        key=document.text("key"),
        name=document.text("name"),
        density_kg_m3=document.quantity("density", "kg/m3"),
        fractions=(0.0, *fractions, 1.0),
        temperatures_k=(first, *temperatures, last),
        source=document.text("source"),
    )
    document.close()
    return assay
