"""Division of crudes into pseudo-components with one common set of properties."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import DENSITY_WATER_15C, Assay
from operator_agent.plant.crude.cuts import cube_root_moment, cut_mass


@dataclass(frozen=True, slots=True)
class Lumps:
    """Crudes divided into pseudo-components with one common set of properties.

    Attributes:
        crude_keys: of the crudes, in order.
        temp_boiling: volume-average boiling point [K], shape (n,).
        temp_low, temp_high: edges of each lump [K], shape (n,).
        specific_gravity: at 60 F, shape (n,).
        watson_factor: shape (n,).
        fractions: volume fraction of each lump in each crude, shape (n_crudes, n).
    """

    crude_keys: tuple[str, ...]
    temp_boiling: FloatArray
    temp_low: FloatArray
    temp_high: FloatArray
    specific_gravity: FloatArray
    watson_factor: FloatArray
    fractions: FloatArray

    @property
    def n(self) -> int:
        """Number of lumps."""
        return len(self.temp_boiling)


def lumps(
    assays: Sequence[Assay], edges: Sequence[float], weights: Sequence[float] | None = None
) -> Lumps:
    """Return the crudes divided at the given temperatures.

    Properties are averages over the slate, so that a change of crude changes amounts only. The
    lumps of the slate weigh as much as the slate.

    Args:
        assays: crudes.
        edges: inner edges between lumps, rising [K]; the outer ends are those of the curves.
        weights: volume fraction of each crude in the average; equal when not given.

    Raises:
        InputError: edges do not rise or leave a lump empty.
    """
    if not assays or len(edges) < 2 or not bool(np.all(np.diff(edges) > 0.0)):
        raise InputError("lumps need a crude and two or more rising edges [K]")
    first = min(assay.temperatures_k[0] for assay in assays)
    last = max(assay.temperatures_k[-1] for assay in assays)
    bounds = np.array([first, *edges, last], dtype=np.float64)
    if not bool(np.all(np.diff(bounds) > 0.0)):
        raise InputError(f"lump edges must lie between {first:.0f} K and {last:.0f} K")
    share = np.full(len(assays), 1.0 / len(assays)) if weights is None else np.asarray(weights)
    share = share / share.sum()
    fractions = np.array([np.diff(assay.fraction_below(bounds)) for assay in assays])
    moments = np.array(
        [[cube_root_moment(assay, low, high) for low, high in pairwise(bounds)] for assay in assays]
    )
    volumes = share @ fractions
    if not bool(np.all(volumes > 0.0)):
        raise InputError("a lump holds nothing of the slate; move or remove edges")
    boiling = (share @ moments / volumes) ** 3 / 1.8
    masses = np.array(
        [[cut_mass(assay, low, high) for low, high in pairwise(bounds)] for assay in assays]
    )
    gravity = share @ masses / volumes / DENSITY_WATER_15C
    return Lumps(
        crude_keys=tuple(assay.key for assay in assays),
        temp_boiling=boiling,
        temp_low=bounds[:-1],
        temp_high=bounds[1:],
        specific_gravity=gravity,
        watson_factor=np.cbrt(1.8 * boiling) / gravity,
        fractions=fractions,
    )
