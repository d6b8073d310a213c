"""Slopes of a plant at rest, from experiments on it: by small steps, or from the moves made anyway.

An experiment is a function `u -> y` that brings the plant to rest and gives its CVs, in SI.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray

Experiment = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class PlantSlopes:
    """Where a plant rested, what it gave and how that moves.

    Attributes:
        u: MVs, shape (n_u,) [SI].
        y: CVs, shape (n_y,) [SI].
        slope: dy/du, shape (n_y, n_u) [SI].
        experiments: made so far.
    """

    u: FloatArray
    y: FloatArray
    slope: FloatArray
    experiments: int


def stepped_slopes(
    experiment: Experiment, u: FloatArray, step: FloatArray, made: int = 0
) -> PlantSlopes:
    """Return slopes by one step of each MV from a point: n_u + 1 experiments.

    Args:
        experiment: on the plant.
        u: the point, shape (n_u,) [SI].
        step: of each MV, shape (n_u,) [SI]; its sign is the direction.
        made: experiments before these.
    """
    y = experiment(u)
    columns = [(experiment(u + np.eye(u.size)[i] * size) - y) / size for i, size in enumerate(step)]
    return PlantSlopes(u, y, np.stack(columns, axis=1), made + 1 + u.size)


def updated_slopes(
    experiment: Experiment, last: PlantSlopes, u: FloatArray, least: FloatArray
) -> PlantSlopes:
    """Return slopes at a new point from one experiment there.

    The last slope is changed only along the move (Broyden, "A class of methods for solving
    nonlinear simultaneous equations", Math. Comput. 19 (1965) 577; for real-time optimization
    Rodger and Chachuat, "Design methodology of modifier adaptation for on-line optimization of
    uncertain processes", IFAC Proc. 44 (2011) 4113). A move shorter than `least` tells more of the
    noise than of the plant: the slope stands.

    Args:
        experiment: on the plant.
        last: at the last point.
        u: the new point, shape (n_u,) [SI].
        least: of each MV, by which moves are measured, shape (n_u,) [SI].
    """
    y = experiment(u)
    move = (u - last.u) / least
    length = float(move @ move)
    if length < 1.0:
        return PlantSlopes(u, y, last.slope, last.experiments + 1)
    missed = y - last.y - last.slope @ (u - last.u)
    slope = last.slope + np.outer(missed, move / length) / least
    return PlantSlopes(u, y, slope, last.experiments + 1)
