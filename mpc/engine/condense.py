"""Condensing: from stage Jacobians to the response of all outputs to the move blocks.

Stages are implicit Euler steps of lengths h[k]:

    x[k+1] = x[k] + h[k] f(x[k+1], u[k], d),    k = 0..N-1

so that with M = I - h df/dx at stage k a change follows

    M dx[k+1] = dx[k] + h df/du du[k] - defect[k].

One dense LU per stage serves the responses to all blocks at once, the propagation of defects, and
the chord iterations of the rollout.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.linalg import lapack

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import Linearisation, Pattern


@dataclass(frozen=True)
class Horizon:
    """Lengths of the stages, and which block of moves each one belongs to.

    Attributes:
        lengths_s: of the stages, shape (N,) [s].
        starts: first stage of each block, shape (n_blocks,); the first is 0.
        still: whether each MV stays where a block begins, of all blocks but the first, shape
            (n_blocks - 1, n_u); empty where all of them may move.
    """

    lengths_s: tuple[float, ...]
    starts: tuple[int, ...]
    still: tuple[tuple[bool, ...], ...] = ()

    @classmethod
    def of(
        cls, first_s: tuple[float, ...], stage_s: float, blocks: tuple[int, ...], n_pred: int
    ) -> "Horizon":
        """Return a horizon: short first stages, then equal ones; the last block runs to the end.

        Args:
            first_s: lengths of the first stages [s].
            stage_s: length of all others [s].
            blocks: number of stages of each block of moves.
            n_pred: number of stages.
        """
        lengths = (*first_s, *[stage_s] * n_pred)[:n_pred]
        starts = np.concatenate([[0], np.cumsum(blocks)[:-1]])
        return cls(lengths, tuple(int(s) for s in starts if s < n_pred))

    @property
    def n_pred(self) -> int:
        """Number of stages."""
        return len(self.lengths_s)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.starts)

    @cached_property
    def block_of_stage(self) -> tuple[int, ...]:
        """Block number of each stage."""
        counts = np.diff([*self.starts, self.n_pred])
        return tuple(int(b) for b in np.repeat(np.arange(self.n_blocks), counts))

    @cached_property
    def block_lengths_s(self) -> FloatArray:
        """Length of each block, shape (n_blocks,) [s]."""
        lengths: FloatArray = np.add.reduceat(np.array(self.lengths_s), list(self.starts))
        return lengths

    @cached_property
    def borders_s(self) -> FloatArray:
        """Times of the stage borders from now, shape (N + 1,) [s]."""
        return np.concatenate([[0.0], np.cumsum(self.lengths_s)])


@dataclass(frozen=True, slots=True)
class Factors:
    """LU factors of I - h df/dx at one stage, as LAPACK gives them."""

    lu: FloatArray
    pivots: object

    def solve(self, right: FloatArray) -> FloatArray:
        """Return the solution; `right` has shape (n_x,) or (n_x, columns)."""
        solution, _ = lapack.dgetrs(self.lu, self.pivots, right)
        result: FloatArray = solution
        return result


class StageFactors(Protocol):
    """Factors of all stages."""

    def propagate(self, defects: FloatArray) -> FloatArray:
        """Return the change of the states, shape (N, n_x), that closes the defects (N, n_x)."""
        ...


@dataclass(frozen=True, slots=True)
class DenseFactors:
    """Factors of all stages by LAPACK."""

    stages: tuple[Factors, ...]

    def propagate(self, defects: FloatArray) -> FloatArray:
        """Return the change of the states; see `StageFactors`."""
        change = np.empty_like(defects)
        running = np.zeros(defects.shape[1])
        for k, factors in enumerate(self.stages):
            running = factors.solve(running - defects[k])
            change[k] = running
        return change


@dataclass(frozen=True, slots=True)
class Condensed:
    """Responses of one linearisation, all scaled.

    Attributes:
        factors: of all stages.
        states_of_blocks: dx[k+1]/dblocks, shape (N, n_x, n_blocks * n_u).
        outputs_of_blocks: dy[k+1]/dblocks, shape (N, n_y, n_blocks * n_u).
        outputs_x: dy/dx, shape (N, n_y, n_x).
    """

    factors: StageFactors
    states_of_blocks: FloatArray
    outputs_of_blocks: FloatArray
    outputs_x: FloatArray

    def propagate(self, defects: FloatArray) -> FloatArray:
        """Return the change of the states, shape (N, n_x), that closes the defects (N, n_x)."""
        return self.factors.propagate(defects)


def factorise(nonzeros: FloatArray, pattern: Pattern, stage_s: float) -> Factors:
    """Return the LU factors of I - h df/dx from the nonzeros of df/dx, shape (nnz,).

    A singular or non-finite matrix gives non-finite solutions, which acceptance refuses.
    """
    n_x = pattern.shape[0]
    matrix = np.zeros((n_x, n_x), order="F")
    matrix[pattern.rows, pattern.columns] = -stage_s * nonzeros
    np.einsum("ii->i", matrix)[:] += 1.0
    lu, pivots, info = lapack.dgetrf(matrix, overwrite_a=True)
    if info > 0:
        lu[:] = np.nan
    return Factors(lu, pivots)


def condense(linear: Linearisation, pattern: Pattern, horizon: Horizon) -> Condensed:
    """Return factors and responses along a trajectory, by LAPACK.

    Args:
        linear: at (x[k+1], u[k]) of all stages.
        pattern: of df/dx.
        horizon: lengths of the stages and blocks of moves.
    """
    n_pred, n_x, n_u = linear.rhs_u.shape
    n_columns = horizon.n_blocks * n_u
    states = np.zeros((n_pred, n_x, n_columns))
    outputs = np.empty((n_pred, linear.outputs.shape[1], n_columns))
    factors = []
    running = np.zeros((n_x, n_columns), order="F")
    for k, (block, stage_s) in enumerate(
        zip(horizon.block_of_stage, horizon.lengths_s, strict=True)
    ):
        factor = factorise(linear.rhs_x[k], pattern, stage_s)
        factors.append(factor)
        first, last = block * n_u, (block + 1) * n_u
        running[:, first:last] += stage_s * linear.rhs_u[k]
        running[:, :last] = factor.solve(running[:, :last])
        states[k, :, :last] = running[:, :last]
        outputs[k] = linear.outputs_x[k] @ states[k]
        outputs[k, :, first:last] += linear.outputs_u[k]
    return Condensed(DenseFactors(tuple(factors)), states, outputs, linear.outputs_x)
