"""The QP of an iteration, and the cost of a plan, written by compiled kernels.

See `compiled_cost.c` for the kernels and `cost` for their twins in numpy.
"""

from collections.abc import Sequence
from typing import NamedTuple

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_kernels import Kernel, load_kernels
from operator_agent.mpc.engine.limit_rows import IndexArray, LimitRows

_FILES = ("compiled_vectors.c", "compiled_cost.c")
_SHAPES = {"plan_cost": (6, 2), "write_qp": (8, 8), "qp_measure": (4, 1)}


class GridShape(NamedTuple):
    """What the kernels know of a grid.

    Attributes:
        n_pred, n_blocks, n_u, n_y: numbers of stages, blocks, MVs and CVs.
        first: column of the first MV of each stage's block, shape (N,).
        rated: MVs with a rate limit.
        shares: lengths of the blocks by that of the longest stage, shape (n_blocks,).
        counts: moves that touch each block, shape (n_blocks,).
    """

    n_pred: int
    n_blocks: int
    n_u: int
    n_y: int
    first: IndexArray
    rated: IndexArray
    shares: FloatArray
    counts: FloatArray


class CostKernels:
    """The kernels on the arrays of one grid's QP. Scratch memory inside."""

    def __init__(
        self,
        kernels: Sequence[ca.Function],
        shape: GridShape,
        limits: LimitRows,
        qp_arrays: Sequence[FloatArray],
    ) -> None:
        """Bind the arrays of the QP and those that the problem is copied into."""
        cost, write, measure = kernels
        n_pred, n_blocks, n_u, n_y = shape[:4]
        n_moves, n_slacks = n_blocks * n_u, limits.n_slacks
        counts = (*shape[:4], limits.n_rows, n_slacks, shape.rated.size)
        sizes = np.array(counts, dtype=np.float64)
        places = (limits.stage, limits.cv, limits.slack, limits.sign, shape.rated,
                  shape.first, shape.shares, shape.counts)  # fmt: skip
        indices: FloatArray = np.concatenate([part.astype(np.float64) for part in places])
        n_fixed = n_pred * n_y + 2 * n_u + (3 * n_blocks - 1) * n_u + limits.n_rows
        self._fixed = np.zeros(n_fixed + 2 * n_slacks + 1)
        self._now = np.zeros(4 * n_u + n_y + n_pred * n_y)
        self._blocks, self._outputs = np.zeros((n_blocks, n_u)), np.zeros((n_pred, n_y))
        self._reach, self._found = np.zeros(2), np.zeros(2)
        self._held: FloatArray | None = None  # that `_fixed` is a copy of
        self._written_for: tuple[FloatArray, FloatArray] | None = None
        self.matrices = 0  # how often they have been written
        known = [sizes, indices, self._fixed, self._now, self._blocks, self._outputs]
        self._cost = Kernel(cost, known, [self._found, np.zeros(n_slacks)])
        response = np.zeros((n_pred, n_y, n_moves))
        width = -(-n_moves // 8) * 8
        memory = np.zeros((n_moves + 9) * width)
        self._write = Kernel(write, [*known, response, self._reach], [*qp_arrays, memory])
        self._solution, self._measured = np.zeros(n_moves + n_slacks), np.zeros(5)
        lengths = np.array([n_moves + n_slacks, n_moves], dtype=np.float64)
        known = [lengths, *qp_arrays[:2], self._solution]
        self._measure = Kernel(measure, known, [self._measured])

    def _fill(
        self, parts: Sequence[FloatArray], blocks: FloatArray | None, outputs: FloatArray
    ) -> None:
        fixed, now = parts
        if self._held is not fixed:
            self._fixed[:] = fixed
            self._held = fixed
        self._now[:] = now
        if blocks is not None:
            self._blocks[:] = blocks
        self._outputs[:] = outputs

    def cost(
        self, parts: Sequence[FloatArray], blocks: FloatArray | None, y: FloatArray
    ) -> tuple[float, float]:
        """Return the cost of a plan without a stage cost, and the part of it that slacks cost.

        Args:
            parts: of the problem: those that are read-only and seldom change, those that always do;
                see `ScaledProblem.parts`.
            blocks: MV levels, scaled, shape (n_blocks, n_u); None where the part alone counts.
            y: outputs with bias, scaled, shape (N, n_y).
        """
        self._fill(parts, blocks, y)
        self._cost.call()
        cost, slacks = self._found.tolist()
        return cost, slacks

    def write(
        self,
        parts: Sequence[FloatArray],
        blocks: FloatArray,
        outputs: FloatArray,
        response: FloatArray,
        reach: float,
        constant: bool,
    ) -> None:
        """Write the QP for changes of the blocks.

        Args:
            parts, blocks: as in `cost`.
            outputs: without bias when the blocks stay, shape (N, n_y).
            response: of the outputs to the blocks, shape (N, n_y, n_moves).
            reach: how far one MV may go [spans].
            constant: whether the numbers in the response never change; Hessian and rows are then
                left as they are if they were written last for the same limits and weights.
        """
        self._fill(parts, blocks, outputs)
        last = self._written_for
        stay = constant and last is not None and last[0] is parts[0] and last[1] is response
        self._reach[:] = reach, stay
        if not stay:
            self._write.bind_argument(6, np.ascontiguousarray(response))
            self._written_for, self.matrices = None, self.matrices + 1  # until that is done
        self._write.call()
        self._written_for = parts[0], response

    def measure(self, x: FloatArray) -> list[float]:
        """Return five numbers of the QP as it stands and its solution, shape (n,).

        They are g'x + x'Hx / 2, the largest entries of Hx, of the gradient and of x among the
        moves, and the sum of the squares of the moves.
        """
        self._solution[:] = x
        self._measure.call()
        found: list[float] = self._measured.tolist()
        return found


def cost_kernels(
    shape: GridShape, limits: LimitRows, qp_arrays: Sequence[FloatArray]
) -> CostKernels | None:
    """Return the kernels of a grid, or None where they cannot be compiled.

    Args:
        shape: of the grid.
        limits: rows of the QP.
        qp_arrays: H, g, A by column, row_low, row_high, low, high, each flat and contiguous.
    """
    found = load_kernels(_FILES, _SHAPES)
    return None if found is None else CostKernels(found, shape, limits, qp_arrays)
