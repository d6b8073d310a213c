"""The compiled active-set method on the arrays of one QP; see `compiled_qp_data.c` for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_kernels import Kernel, load_kernels

_FILES = (
    "compiled_vectors.c",
    "compiled_qp_data.c",
    "compiled_working_set.c",
    "compiled_qp.c",
)
_SHAPES = {"dense_qp": (9, 6)}
_CHANGES = 20  # of the working set for each variable; a cold start takes less than two


@dataclass(frozen=True, slots=True)
class ActiveSet:
    """The method with its arrays.

    Attributes:
        kernel: bound to the QP's arrays and to those below.
        start: side of each bound and row, shape (n + m,).
        results: x, row and bound prices, working set, report.
    """

    kernel: Kernel
    start: FloatArray
    results: Sequence[FloatArray]

    def solve(
        self, start: FloatArray | None
    ) -> tuple[int, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return status code, x, row prices, bound prices and working set; see `DenseQp.solve`."""
        self.start[:] = 0.0
        if start is not None and start.shape == self.start.shape:
            self.start[start > 0.0] = 1.0
            self.start[start < 0.0] = -1.0
        self.kernel.call()
        x, row_prices, bound_prices, working_set, report = (r.copy() for r in self.results)
        return int(report[0]), x, row_prices, bound_prices, working_set


def active_set(arrays: Sequence[FloatArray]) -> ActiveSet | None:
    """Return the method for the arrays of a QP, or None where it cannot be compiled.

    Args:
        arrays: H, g, A by column, row_low, row_high, low, high, each flat and contiguous.
    """
    found = load_kernels(_FILES, _SHAPES)
    if found is None:
        return None
    n, m = arrays[1].size, arrays[3].size
    padded = -(-n // 8) * 8
    room = 4 * n * padded + 17 * padded + 4 * m * n + 10 * (n + m) + 400
    sizes = np.array([n, m, _CHANGES * n, room], dtype=np.float64)
    start = np.zeros(n + m)
    results = (np.zeros(n), np.zeros(m), np.zeros(n), np.zeros(n + m), np.zeros(3))
    kernel = Kernel(found[0], [sizes, *arrays, start], [*results, np.empty(room)])
    return ActiveSet(kernel, start, results)
