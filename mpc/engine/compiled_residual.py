"""How far a point is from solving a QP, by a compiled kernel; see `compiled_residual.c`.

It shares no line with the solvers, so that their mistakes are not its own.
"""

from collections.abc import Sequence

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_kernels import Kernel, load_kernels

_FILES = ("compiled_vectors.c", "compiled_residual.c")
_SHAPES = {"qp_residual": (11, 2)}


class ResidualKernel:
    """The kernel on the arrays of one QP. Scratch memory inside."""

    def __init__(self, function: ca.Function, arrays: Sequence[FloatArray]) -> None:
        """Bind the arrays of the QP and those that points are copied into."""
        n, m = arrays[1].size, arrays[3].size
        self._point = np.zeros(n), np.zeros(m), np.zeros(n)
        self._found = np.zeros(1)
        sizes = np.array([n, m], dtype=np.float64)
        self._kernel = Kernel(
            function, [sizes, *arrays, *self._point], [self._found, np.zeros(n + m)]
        )

    def measure(self, x: FloatArray, row_prices: FloatArray, bound_prices: FloatArray) -> float:
        """Return the residual of a point; see `DenseQp.kkt_residual`."""
        for place, given in zip(self._point, (x, row_prices, bound_prices), strict=True):
            place[:] = given
        self._kernel.call()
        return float(self._found[0])


def residual_kernel(arrays: Sequence[FloatArray]) -> ResidualKernel | None:
    """Return the kernel for the arrays of a QP, or None where it cannot be compiled.

    Args:
        arrays: H, g, A by column, row_low, row_high, low, high, each flat and contiguous.
    """
    found = load_kernels(_FILES, _SHAPES)
    return None if found is None else ResidualKernel(found[0], arrays)
