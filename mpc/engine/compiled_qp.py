"""The compiled active-set method on the arrays of one QP; see `compiled_qp_data.c` for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

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
_STATE = 128  # numbers in memory for the state of the method, as `compiled_qp_data.c` has it


class Same(IntEnum):
    """What is that of the last call, as `compiled_qp.c` counts it."""

    NOTHING = 0
    MATRICES = 1
    ALL_BUT_ROW_LIMITS = 2


@dataclass(frozen=True, slots=True)
class ActiveSet:
    """The method with its arrays.

    Attributes:
        kernel: bound to the QP's arrays and to those below.
        same: what is that of the last call, see `Same`; shape (1,).
        start: side of each bound and row, shape (n + m,).
        results: x, row and bound prices, working set and report, one behind the other.
        ends: of these parts.
    """

    kernel: Kernel
    same: FloatArray
    start: FloatArray
    results: FloatArray
    ends: tuple[int, int, int, int]

    def solve(
        self, start: FloatArray | None, same: Same = Same.NOTHING
    ) -> tuple[int, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return status code, x, row prices, bound prices and working set; see `DenseQp.solve`."""
        self.same[0] = same
        if start is not None and start.shape == self.start.shape:
            self.start[:] = start  # the kernel looks at signs alone
        else:
            self.start[:] = 0.0
        self.kernel.call()
        found, (a, b, c, d) = self.results.copy(), self.ends
        return int(found[d]), found[:a], found[a:b], found[b:c], found[c:d]


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
    sizes = np.array([n, m, _CHANGES * n, room, 0], dtype=np.float64)
    start = np.zeros(n + m)
    ends = (n, n + m, 2 * n + m, 3 * n + 2 * m)
    results = np.zeros(ends[-1] + 3)
    memory = np.zeros(_STATE + room)
    kernel = Kernel(found[0], [sizes, *arrays, start], [*np.split(results, ends), memory])
    return ActiveSet(kernel, sizes[4:], start, results, ends)
