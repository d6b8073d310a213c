"""Condensing for stages that are maps: responses of states and outputs to the move blocks.

With A = dx_next/dx, B = dx_next/du at (x[k], u[k]) and C, D of the outputs at the stage's end:

    G[k+1] = A[k] G[k] + B[k] E[k],    R[k] = C[k] G[k+1] + D[k] E[k]

where E picks the block of stage k. Matrices come transposed, as CasADi lays them out.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_maps import CompiledMaps, map_function
from operator_agent.mpc.engine.condense import Horizon


@dataclass(frozen=True, slots=True)
class StageMatrices:
    """Jacobians of all stages, scaled and transposed.

    Attributes:
        x_x: dx_next/dx, shape (N, n_x, n_x).
        x_u: dx_next/du, shape (N, n_u, n_x).
        y_x: dy/dx_next, shape (N, n_x, n_y).
        y_u: dy/du, shape (N, n_u, n_y).
    """

    x_x: FloatArray
    x_u: FloatArray
    y_x: FloatArray
    y_u: FloatArray

    def copied(self) -> "StageMatrices":
        """Return copies of all."""
        return StageMatrices(self.x_x.copy(), self.x_u.copy(), self.y_x.copy(), self.y_u.copy())

    def later(self) -> "StageMatrices":
        """Return those of a stage later; the last ones stay."""
        parts = (self.x_x, self.x_u, self.y_x, self.y_u)
        return StageMatrices(*(np.concatenate([part[1:], part[-1:]]) for part in parts))


@dataclass(frozen=True, slots=True)
class CondensedMaps:
    """Responses of one linearisation, all scaled.

    Attributes:
        states_of_blocks: dx[k+1]/dblocks, shape (N, n_x, n_blocks * n_u).
        outputs_of_blocks: dy[k+1]/dblocks, shape (N, n_y, n_blocks * n_u).
        stages: the Jacobians of which they are made.
    """

    states_of_blocks: FloatArray
    outputs_of_blocks: FloatArray
    stages: StageMatrices


class MapCondenser:
    """Condenses the matrices of one horizon: by a compiled kernel, by numpy where there is none."""

    def __init__(self, horizon: Horizon, n_u: int) -> None:
        """Lay out which columns each stage moves."""
        self._n_columns = horizon.n_blocks * n_u
        self._first = [block * n_u for block in horizon.block_of_stage]
        self._n_u = n_u
        self._stage = np.arange(horizon.n_pred)[:, None]
        self._columns = np.array(self._first)[:, None] + np.arange(n_u)[None, :]
        self._function = map_function()
        self._compiled: CompiledMaps | None = None

    def condense(self, matrices: StageMatrices) -> CondensedMaps:
        """Return the responses, with copies of the matrices."""
        if self._function is None:
            return self._by_numpy(matrices)
        if self._compiled is None:
            n_pred, n_x, n_y = matrices.y_x.shape
            shape = (n_pred, n_x, self._n_u, n_y)
            self._compiled = CompiledMaps(self._function, self._first, shape, self._n_columns)
        parts = (matrices.x_x, matrices.x_u, matrices.y_x, matrices.y_u)
        return CondensedMaps(*self._compiled.condense(parts), matrices.copied())

    def _by_numpy(self, matrices: StageMatrices) -> CondensedMaps:
        n_pred, n_x = matrices.y_x.shape[:2]
        states = np.zeros((n_pred, self._n_columns, n_x))
        n_u, x_x, x_u, before = self._n_u, matrices.x_x, matrices.x_u, None
        for k, first in enumerate(self._first):
            here = states[k]
            if before is not None:
                np.dot(before[: first + n_u], x_x[k], out=here[: first + n_u])
            here[first : first + n_u] += x_u[k]
            before = here
        outputs = np.matmul(states, matrices.y_x)
        outputs[self._stage, self._columns] += matrices.y_u
        responses = states.transpose(0, 2, 1), outputs.transpose(0, 2, 1)
        return CondensedMaps(*responses, matrices.copied())
