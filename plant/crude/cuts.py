"""Cuts of a crude: yields and densities along its boiling curve.

Density over boiling point follows the Watson factor, Kw = (1.8 Tb)^(1/3) / SG (Watson and Nelson,
Ind. Eng. Chem. 25 (1933) 880). Where the record has no densities of cuts, one factor holds for the
whole crude. Where it has, 1/Kw is a broken line over the cuts' mean boiling points whose corners
make the density of each cut that of the record. In both cases one scale makes all cuts together
weigh as much as the crude.
"""

from functools import lru_cache

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import DENSITY_WATER_15C, Assay, AssayCut

_N_QUADRATURE = 400  # per cut; the sum over cuts then agrees with the whole to 1e-6
_CUT_SEEN = 1e-3  # volume fraction; the density of less than this says nothing about the crude
_CLOSURE = 0.02  # cuts that weigh more or less than the crude by this contradict it
_WATSON_LOW, _WATSON_HIGH = 8.0, 16.0  # from condensed aromatics to light paraffins


def _slices(assay: Assay, low_k: float, high_k: float) -> tuple[FloatArray, FloatArray]:
    """Return volume fraction and boiling point [K] of thin slices between two temperatures."""
    low = max(low_k, assay.temperatures_k[0])
    high = min(high_k, assay.temperatures_k[-1])
    if high <= low:
        return np.zeros(1), np.array([low])
    edges = np.linspace(low, high, _N_QUADRATURE + 1)
    return np.diff(assay.fraction_below(edges)), 0.5 * (edges[1:] + edges[:-1])


def cube_root_moment(assay: Assay, low_k: float, high_k: float) -> float:
    """Return the integral of (1.8 T)^(1/3) over the distilled fraction between two temperatures."""
    volume, temp = _slices(assay, low_k, high_k)
    return float(volume @ np.cbrt(1.8 * temp))


def watson_factor(assay: Assay) -> float:
    """Return the one Watson characterisation factor that gives the crude its density."""
    whole = cube_root_moment(assay, assay.temperatures_k[0], assay.temperatures_k[-1])
    return whole / (assay.density_kg_m3 / DENSITY_WATER_15C)


@lru_cache(maxsize=256)
def _gravity_line(assay: Assay) -> tuple[FloatArray, FloatArray]:
    """Return corners [K] and values of the broken line of 1/Kw."""
    cuts = [
        cut
        for cut in assay.cuts
        if _slices(assay, cut.temp_low_k, cut.temp_high_k)[0].sum() > _CUT_SEEN
    ]
    if not cuts:
        return np.array([assay.temperatures_k[0]]), np.array([1.0 / watson_factor(assay)])
    corners, values = _line_through(assay, cuts)
    weights = [_mass(assay, low, high, corners, values) for low, high in _edges(cuts)]
    ratio = assay.density_kg_m3 / sum(weights)
    if abs(ratio - 1.0) > _CLOSURE:
        raise InputError(
            f"assay {assay.key}: its cuts together have a density of {sum(weights):.1f} kg/m3, the "
            f"whole crude {assay.density_kg_m3:.1f}; correct the record or leave out its cuts"
        )
    values = values * ratio
    if not bool(np.all((values > 1.0 / _WATSON_HIGH) & (values < 1.0 / _WATSON_LOW))):
        raise InputError(
            f"assay {assay.key}: densities of neighbouring cuts contradict each other (Watson "
            f"factors from {1 / values.max():.1f} to {1 / values.min():.1f}); correct the record"
        )
    return corners, values


def _edges(cuts: list[AssayCut]) -> list[tuple[float, float]]:
    """Return the edges of the cuts [K], the outer ones open: no part of a crude is left out."""
    lows = [0.0, *(cut.temp_low_k for cut in cuts[1:])]
    return list(zip(lows, [*lows[1:], np.inf], strict=True))


def _line_through(assay: Assay, cuts: list[AssayCut]) -> tuple[FloatArray, FloatArray]:
    slices = [_slices(assay, low, high) for low, high in _edges(cuts)]
    corners = np.array([volume @ temp / volume.sum() for volume, temp in slices])
    hats = np.eye(len(cuts))
    rows = [
        [volume @ (np.cbrt(1.8 * temp) * np.interp(temp, corners, hat)) for hat in hats]
        for volume, temp in slices
    ]
    masses = [
        volume.sum() * cut.density_kg_m3 for (volume, _), cut in zip(slices, cuts, strict=True)
    ]
    solved = np.linalg.solve(rows, np.array(masses) / DENSITY_WATER_15C)
    return corners, np.asarray(solved, dtype=np.float64)


def _mass(
    assay: Assay, low_k: float, high_k: float, corners: FloatArray, values: FloatArray
) -> float:
    volume, temp = _slices(assay, low_k, high_k)
    gravity = np.cbrt(1.8 * temp) * np.interp(temp, corners, values)
    return float(DENSITY_WATER_15C * volume @ gravity)


def density_at(assay: Assay, temp: FloatArray) -> FloatArray:
    """Return the density at 15 C [kg/m3] of what boils at each temperature [K].

    Raises:
        InputError: the densities of the record's cuts contradict each other or the whole.
    """
    corners, values = _gravity_line(assay)
    line = np.interp(temp, corners, values)
    return np.asarray(DENSITY_WATER_15C * np.cbrt(1.8 * temp) * line, dtype=np.float64)


def cut_mass(assay: Assay, low_k: float, high_k: float) -> float:
    """Return the mass of a cut per volume of crude [kg/m3]; zero outside the curve.

    Raises:
        InputError: the densities of the record's cuts contradict each other or the whole.
    """
    return _mass(assay, low_k, high_k, *_gravity_line(assay))


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
    return cut_mass(assay, low_k, high_k) / yielded


def api_gravity(assay: Assay) -> float:
    """Return the API gravity [degrees], 141.5 / SG - 131.5."""
    return 141.5 * DENSITY_WATER_15C / assay.density_kg_m3 - 131.5


def sulphur_of_crude(assay: Assay) -> float:
    """Return the mass fraction of sulphur in the crude: as recorded, or that of all its cuts.

    Raises:
        InputError: the record has neither.
    """
    if assay.sulphur is not None:
        return assay.sulphur
    if not assay.cuts or any(cut.sulphur is None for cut in assay.cuts):
        raise InputError(f"assay {assay.key}: its record holds no sulphur; state it in the case")
    masses = [cut_mass(assay, cut.temp_low_k, cut.temp_high_k) for cut in assay.cuts]
    sulphur = [cut.sulphur or 0.0 for cut in assay.cuts]
    return float(np.dot(masses, sulphur) / sum(masses))
