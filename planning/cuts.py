"""Crudes cut at movable temperatures: what a boundary's move adds to a stream.

A crude is a fine row of slices along its boiling point curve. Each slice has a volume and contents
(see `qualities`), so everything that a cut carries is a sum over slices. Around each cut point the
running sum is fitted by a cubic that vanishes in the middle of the window:

    stream(T_low, T_high) = core + shift_high(T_high) - shift_low(T_low)

with `core` the stream cut at both middles. All of it is per m3 of crude.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.case import Crude, CrudeUnit, CutPoint, Profile
from operator_agent.planning.qualities import (
    QUALITIES,
    Basis,
    cetane_of_slices,
    cloud_of_slices,
    flash_of_slices,
)
from operator_agent.plant.crude.cuts import density_at

SLICE_WIDTH_K = 2.0  # halving it moves no yield by more than 1e-5
CUBIC = 3  # degree of the window fit; the fit error is tested against the assay
VOLUME = "volume"  # the content of one m3 that is the m3 itself
COMPUTED = frozenset(
    {
        "density",
        "cetane",
        "flash",
        "cloud",
        "over_360c",
        "vgo_volume",
        "vgo_mass",
        "vgo_sulphur",
        "vgo_viscosity",
    }
)
"""Contents that a crude unit gives its streams from the assay alone; others need a profile."""


@dataclass(frozen=True, slots=True)
class Shift:
    """What moving one cut point adds to the lighter stream, per m3 of crude.

    Attributes:
        middle, half_width: of the window [K].
        coefficients: of t, t^2, t^3 with t = (T - middle) / half_width, shape (3,).
    """

    middle: float
    half_width: float
    coefficients: FloatArray


@dataclass(frozen=True, slots=True)
class CrudeCuts:
    """One crude, cut.

    Attributes:
        core: amount by (stream, content) with all cut points in the middle of their windows.
        shifts: by (cut point index, content).
    """

    core: Mapping[tuple[str, str], float]
    shifts: Mapping[tuple[int, str], Shift]


def cut_crude(crude: Crude, unit: CrudeUnit, profiles: Mapping[str, Profile]) -> CrudeCuts:
    """Return a crude's streams and their change with the cut points.

    Args:
        crude: with its assay.
        unit: with the windows of its cut points.
        profiles: of sulphur (relative), and of blending indices over boiling point.
    """
    edges = _edges(crude)
    running = {
        name: np.concatenate(([0.0], np.cumsum(amount)))
        for name, amount in _slices(crude, unit, profiles, edges).items()
    }
    bounds = [edges[0], *(cut.middle for cut in unit.cuts), edges[-1]]
    core = {
        (stream, name): float(np.interp(high, edges, sums) - np.interp(low, edges, sums))
        for name, sums in running.items()
        for stream, low, high in zip(unit.streams, bounds[:-1], bounds[1:], strict=True)
    }
    shifts = {
        (index, name): _fit(cut, edges, sums)
        for name, sums in running.items()
        for index, cut in enumerate(unit.cuts)
    }
    return CrudeCuts(core, shifts)


def _edges(crude: Crude) -> FloatArray:
    first, last = crude.assay.temperatures_k[0], crude.assay.temperatures_k[-1]
    return np.linspace(first, last, int((last - first) / SLICE_WIDTH_K) + 2)


def _slices(
    crude: Crude, unit: CrudeUnit, profiles: Mapping[str, Profile], edges: FloatArray
) -> dict[str, FloatArray]:
    """Return volume and contents of each slice, per m3 of crude, each of shape (n,)."""
    temp = 0.5 * (edges[1:] + edges[:-1])
    volume = np.diff(crude.assay.fraction_below(edges))
    density = density_at(crude.assay, temp)
    mass = volume * density
    lifted = _step(unit.vacuum_cut - temp, SLICE_WIDTH_K)
    sulphur = mass * _along(profiles["sulphur"], temp)
    sulphur *= crude.sulphur * mass.sum() / sulphur.sum()
    tail = QUALITIES["viscosity"].to_index(crude.tail_viscosity)
    viscosity = lifted * _along(profiles["viscosity"], temp) + (1.0 - lifted) * tail
    further = {
        name: (mass if QUALITIES[name].basis is Basis.MASS else volume) * _along(profile, temp)
        for name, profile in profiles.items()
    }
    return further | {
        VOLUME: volume,
        "density": mass,
        "sulphur": sulphur,
        "cetane": volume * cetane_of_slices(temp, density),
        "flash": volume * flash_of_slices(temp - unit.flash_front),
        "cloud": volume * cloud_of_slices(temp, density),
        "over_360c": volume * _step(temp - unit.diesel_end, unit.diesel_tail),
        "viscosity": mass * viscosity,
        "vgo_volume": volume * lifted,
        "vgo_mass": mass * lifted,
        "vgo_sulphur": sulphur * lifted,
        "vgo_viscosity": mass * viscosity * lifted,
    }


def _step(distance_k: FloatArray, width_k: float) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * distance_k / width_k)))


def _along(profile: Profile, temp: FloatArray) -> FloatArray:
    return np.interp(temp, profile.temps, profile.values)


def _fit(cut: CutPoint, edges: FloatArray, sums: FloatArray) -> Shift:
    half = 0.5 * (cut.high - cut.low)
    t = np.linspace(-1.0, 1.0, 41)
    rise = np.interp(cut.middle + half * t, edges, sums) - np.interp(cut.middle, edges, sums)
    powers = np.stack([t**n for n in range(1, CUBIC + 1)], axis=1)
    coefficients, *_ = np.linalg.lstsq(powers, rise, rcond=None)
    return Shift(cut.middle, half, np.asarray(coefficients, dtype=np.float64))
