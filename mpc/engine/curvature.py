"""The second derivatives of the Lagrangian, condensed on the move blocks and made convex.

With adjoints a[k] = A[k]' a[k+1] + slopes of everything at the end of stage k-1, the reduced
Hessian is the sum over stages of S' (d2 a[k+1]'F[k]) S at (x[k], u[k]) and of S' (d2 l[k]) S at
(x[k+1], u[k]), S being the responses of these points to the blocks. Eigenvalues below zero are
mirrored: a step along such a direction goes as far as one against the same curvature upwards.
Source: Nocedal and Wright, "Numerical Optimization", 2nd ed. (2006), section 3.4, on modifying
indefinite Hessians by their spectral decomposition.
"""

import numpy as np

from operator_agent.arrays import FloatArray

LEAST_CURVATURE = 1e-5  # of the largest eigenvalue: below it a direction counts as flat


def adjoints(matrices_x: FloatArray, end_slopes: FloatArray) -> FloatArray:
    """Return the slope of the cost by each x[k+1], shape (N, n_x).

    Args:
        matrices_x: A transposed, shape (N, n_x, n_x).
        end_slopes: of what stage k itself costs by x[k+1], shape (N, n_x).
    """
    found = end_slopes.copy()
    for k in range(found.shape[0] - 2, -1, -1):
        found[k] += matrices_x[k + 1] @ found[k + 1]
    return found


def reduced(
    states_of_blocks: FloatArray,
    columns: FloatArray,
    ends: FloatArray,
    stages: FloatArray | None,
) -> FloatArray:
    """Return the Hessian on the blocks, shape (n_moves, n_moves).

    Args:
        states_of_blocks: responses of x[k+1], shape (N, n_x, n_moves).
        columns: response of each stage's inputs, shape (N, n_moves, n_u), ones and zeros.
        ends: second derivatives by (x[k+1], u[k]), shape (N, n_x + n_u, n_x + n_u).
        stages: the same by (x[k], u[k]); None to leave them out.
    """
    after = states_of_blocks.transpose(0, 2, 1)
    found = _projected(np.concatenate([after, columns], axis=2), ends)
    if stages is not None:
        before = np.zeros_like(after)
        before[1:] = after[:-1]
        found += _projected(np.concatenate([before, columns], axis=2), stages)
    return found


def _projected(points: FloatArray, bent: FloatArray) -> FloatArray:
    n_moves = points.shape[1]
    weighted = np.matmul(points, bent).transpose(1, 0, 2).reshape(n_moves, -1)
    result: FloatArray = weighted @ points.transpose(1, 0, 2).reshape(n_moves, -1).T
    return result


def convex(hessian: FloatArray) -> FloatArray:
    """Return a positive definite matrix near a symmetric one: itself where it is one already.

    Where nothing but flat directions is in the way, they get the least curvature, with all others,
    for a tenth of the time of the eigenvalues.
    """
    symmetric = 0.5 * (hessian + hessian.T)
    least = LEAST_CURVATURE * float(np.abs(symmetric.diagonal()).max())
    floor = least * np.eye(symmetric.shape[0])
    if _is_definite(symmetric - floor):
        return symmetric
    if _is_definite(symmetric + 0.5 * floor):
        flat: FloatArray = symmetric + floor
        return flat
    values, vectors = np.linalg.eigh(symmetric)
    mirrored: FloatArray = (vectors * np.maximum(np.abs(values), least)) @ vectors.T
    return mirrored


def _is_definite(matrix: FloatArray) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
