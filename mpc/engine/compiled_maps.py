"""Condensing of stages that are maps by a compiled kernel; see `compiled_maps.c`."""

from collections.abc import Sequence

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_kernels import Kernel, load_kernels

_FILES = ("compiled_vectors.c", "compiled_maps.c")
_SHAPES = {"map_condense": (6, 3)}


def map_function() -> ca.Function | None:
    """Return the kernel, or None where it cannot be compiled."""
    found = load_kernels(_FILES, _SHAPES)
    return None if found is None else found[0]


class CompiledMaps:
    """The kernel for one shape. Scratch memory inside; results are new arrays each time."""

    def __init__(
        self,
        function: ca.Function,
        first: Sequence[int],
        shape: tuple[int, int, int, int],
        n_columns: int,
    ) -> None:
        """Allocate.

        Args:
            function: the kernel.
            first: column of the first MV of each stage's block.
            shape: number of stages, states, MVs and CVs.
            n_columns: number of all MVs of all blocks.
        """
        n_pred, n_x, _, n_y = shape
        sizes = np.array([*shape, n_columns], dtype=np.float64)
        starts = np.array(first, dtype=np.float64)
        self._shapes = (n_pred, n_x, n_columns), (n_pred, n_y, n_columns)
        self._bound: list[FloatArray | None] = [None] * 4
        memory = np.zeros((2 * n_x + n_y) * -(-n_columns // 8) * 8)
        results = [np.empty(found) for found in self._shapes]
        self._kernel = Kernel(function, [sizes, starts, *[sizes] * 4], [*results, memory])

    def condense(self, matrices: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Return the responses of states and outputs.

        Args:
            matrices: A, B, C, D of all stages, contiguous and each transposed.
        """
        for position, array in enumerate(matrices):
            if array is not self._bound[position]:
                whole = np.ascontiguousarray(array)
                self._kernel.bind_argument(position + 2, whole)
                self._bound[position] = whole  # a copy is not `array`, and made anew next time
        states, outputs = (np.empty(shape) for shape in self._shapes)
        self._kernel.bind_result(0, states)
        self._kernel.bind_result(1, outputs)
        self._kernel.call()
        return states, outputs
