"""How much operation data tell about the inputs: moves, sizes, and whether they move apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

_STILL = 1e-9  # spans: rounding of set points in SI


@dataclass(frozen=True, slots=True)
class HandleExcitation:
    """How one manipulated variable was moved.

    Attributes:
        moves: number of changes.
        move_spans: mean size of a change [spans].
        sd_spans: standard deviation of the set point [spans].
    """

    moves: int
    move_spans: float
    sd_spans: float


@dataclass(frozen=True, slots=True)
class Excitation:
    """How the inputs moved.

    Attributes:
        handles: by name.
        still: handles that never moved; they tell nothing and are left out below.
        condition: of the covariance of the set points in spans; 1 is best; infinite when some
            always moved together.
        condition_moves: the same of their changes from sample to sample.
    """

    handles: Mapping[str, HandleExcitation]
    still: tuple[str, ...]
    condition: float
    condition_moves: float


def excitation(names: Sequence[str], setpoints: FloatArray, spans: FloatArray) -> Excitation:
    """Return how set points moved over time.

    Args:
        names: of the handles.
        setpoints: one row for each sample, shape (n, n_u) [SI].
        spans: typical span of each, shape (n_u,) [SI].

    Raises:
        InputError: shapes do not fit, or fewer than two samples.
    """
    if setpoints.ndim != 2 or setpoints.shape[1] != len(names) or spans.shape != (len(names),):
        raise InputError(
            f"excitation: set points of shape {setpoints.shape} and {spans.shape[0]} spans do not "
            f"fit {len(names)} names"
        )
    if setpoints.shape[0] < 2:
        raise InputError("excitation: one sample tells nothing; give at least two")
    scaled = setpoints / spans
    moves = np.diff(scaled, axis=0)
    moved = np.abs(moves) > _STILL
    handles = {
        name: HandleExcitation(
            moves=int(moved[:, n].sum()),
            move_spans=float(np.abs(moves[moved[:, n], n]).mean()) if moved[:, n].any() else 0.0,
            sd_spans=float(scaled[:, n].std()),
        )
        for n, name in enumerate(names)
    }
    still = tuple(name for name, moves_of in handles.items() if moves_of.moves == 0)
    moving = np.array([name not in still for name in names])
    return Excitation(handles, still, _condition(scaled[:, moving]), _condition(moves[:, moving]))


def _condition(values: FloatArray) -> float:
    if values.shape[1] == 0:
        return float("inf")
    covariance = np.atleast_2d(np.cov(values.T))
    sizes = np.linalg.eigvalsh(covariance)
    return float(sizes[-1] / sizes[0]) if sizes[0] > _STILL**2 else float("inf")
