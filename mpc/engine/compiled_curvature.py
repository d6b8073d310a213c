"""The condensed second derivatives of stages that are maps; see `compiled_curvature.c`."""

from collections.abc import Sequence

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_kernels import Kernel, load_kernels
from operator_agent.mpc.engine.condense_maps import CondensedMaps

_FILES = ("compiled_vectors.c", "compiled_curvature.c")
_SHAPES = {"reduced_hessian": (7, 2)}


class ReducedHessian:
    """The kernel for one horizon. Scratch memory inside."""

    def __init__(self, function: ca.Function, blocks: Sequence[int], shape: Sequence[int]) -> None:
        """Allocate.

        Args:
            function: the kernel.
            blocks: number of each stage's block.
            shape: number of stages, states, MVs and columns.
        """
        _, n_x, n_u, n_columns = shape
        sizes = np.array(shape, dtype=np.float64)
        starts = n_u * np.array(blocks, dtype=np.float64)
        self._found = np.zeros((n_columns, n_columns))
        memory = np.zeros(2 * n_x * n_columns)
        self._kernel = Kernel(function, [sizes, starts, *[sizes] * 5], [self._found, memory])

    def of(self, condensed: CondensedMaps, ends: FloatArray, inside: FloatArray) -> FloatArray:
        """Return the Hessian on the blocks, shape (n_moves, n_moves), until the next call.

        Args:
            condensed: responses along the plan.
            ends: second derivatives by (x[k+1], u[k]), shape (N, n_x + n_u, n_x + n_u).
            inside: the same by (x[k], u[k]).
        """
        stages = condensed.stages
        parts = (stages.x_x, stages.x_u, condensed.states_of_blocks, ends, inside)
        for position, part in enumerate(parts, start=2):
            self._kernel.bind_argument(position, np.ascontiguousarray(part))
        self._kernel.call()
        return self._found


def reduced_hessian(blocks: Sequence[int], shape: Sequence[int]) -> ReducedHessian | None:
    """Return the kernel of a horizon, or None where it cannot be compiled; see `ReducedHessian`."""
    found = load_kernels(_FILES, _SHAPES)
    return None if found is None else ReducedHessian(found[0], blocks, shape)
