"""Crude assays: the true boiling point curve of a crude and its cuts.

The curve is a monotone piecewise cubic (Fritsch and Carlson, SIAM J. Numer. Anal. 17 (1980) 238)
of the distilled volume fraction over temperature, from the initial point to a stated end point.
The records hold no densities of cuts, so the density of a cut follows from one Watson factor per
crude, fitted so that all cuts together have the density of the whole crude.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.document import quantity_si, read_document

DENSITY_WATER_15C = 999.016  # [kg/m3], reference of the specific gravity 60/60 F
_N_QUADRATURE = 400  # per cut; the sum over cuts then agrees with the whole to 1e-6


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
    """

    key: str
    name: str
    density_kg_m3: float
    fractions: tuple[float, ...]
    temperatures_k: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        """Refuse curves that do not rise from 0 to 1 and densities that are no liquid's."""
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
        if not 600.0 < self.density_kg_m3 < 1100.0:
            raise InputError(
                f"assay {self.key}: density {self.density_kg_m3} kg/m3 is outside 600 to 1100"
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


def cube_root_moment(assay: Assay, low_k: float, high_k: float) -> float:
    """Return the integral of (1.8 T)^(1/3) over the distilled fraction between two temperatures."""
    low = max(low_k, assay.temperatures_k[0])
    high = min(high_k, assay.temperatures_k[-1])
    if high <= low:
        return 0.0
    edges = np.linspace(low, high, _N_QUADRATURE + 1)
    below = assay.fraction_below(edges)
    middles = 0.5 * (edges[1:] + edges[:-1])
    return float(np.sum(np.diff(below) * np.cbrt(1.8 * middles)))


def watson_factor(assay: Assay) -> float:
    """Return the Watson characterisation factor that gives the crude its density.

    Kw = (1.8 Tb)^(1/3) / SG (Watson and Nelson, Ind. Eng. Chem. 25 (1933) 880).
    """
    whole = cube_root_moment(assay, assay.temperatures_k[0], assay.temperatures_k[-1])
    return whole / (assay.density_kg_m3 / DENSITY_WATER_15C)


def cut_yield(assay: Assay, low_k: float, high_k: float) -> float:
    """Return the volume fraction of a crude that boils between two temperatures [K].

    Raises:
        InputError: the cut is empty or turned round.
    """
    if not low_k < high_k:
        raise InputError(f"a cut from {low_k} K to {high_k} K is empty; give low below high")
    return float(assay.fraction_below(high_k) - assay.fraction_below(low_k))


def cut_density(assay: Assay, low_k: float, high_k: float) -> float:
    """Return the density at 15 C of a cut [kg/m3].

    Raises:
        InputError: nothing of the crude boils between the two temperatures [K].
    """
    yielded = cut_yield(assay, low_k, high_k)
    if yielded <= 0.0:
        raise InputError(f"nothing of {assay.key} boils between {low_k} K and {high_k} K")
    moment = cube_root_moment(assay, low_k, high_k)
    return DENSITY_WATER_15C * moment / (watson_factor(assay) * yielded)
