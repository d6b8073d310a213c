"""Steady gains of a transfer matrix and how its loops interact."""

import numpy as np
from numpy.typing import ArrayLike

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.generic.transfer_matrix import Elements
from operator_agent.plant.generic.variable import as_numbers


def steady_gains(elements: Elements) -> FloatArray:
    """Return the steady gains of a transfer matrix, shape (n_y, n_inputs)."""
    return np.array([[0.0 if g is None else g.gain for g in row] for row in elements])


def relative_gains(gains: ArrayLike) -> FloatArray:
    """Return the relative gain array of a square matrix of gains.

    Gains times, entry by entry, the transposed inverse. Source: Bristol, "On a new measure of
    interaction for multivariable process control", IEEE Trans. Automat. Control 11 (1966) 133.

    Args:
        gains: shape (n, n).

    Raises:
        InputError: the matrix is none of numbers, is not square or is singular.

    Example:
        >>> round(float(relative_gains([[12.8, -18.9], [6.6, -19.4]])[0, 0]), 4)
        2.0094
    """
    matrix = as_numbers(gains, "relative gains")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"relative gains need a square matrix, found shape {matrix.shape}")
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        raise InputError("relative gains: the matrix of gains is singular") from None
    relative: FloatArray = matrix * inverse.T
    return relative
