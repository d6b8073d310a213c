"""Solutions of (I - h df/dx) v = b at one point, by sparse factors where there is a compiler.

The kernels are those of `compiled_condense`, with one stage and no inputs. There is no pivoting: a
known solution is solved beside the wanted one, and where it is not found LAPACK factorises.
"""

from collections.abc import Sequence
from functools import lru_cache

import casadi as ca
import numpy as np
from scipy.linalg import lapack

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_kernels import Kernel, load_kernels
from operator_agent.plant.vector.elimination import Elimination, plan_elimination

MAX_ERROR = 1e-7  # of a known solution; above it elimination without pivots is not trusted
FILES = ("compiled_vectors.c", "compiled_condense.c")
SHAPES = {"euler_condense": (7, 6), "euler_propagate": (5, 2)}


def layout(pattern: ca.Sparsity, blocks: Sequence[int]) -> tuple[Elimination, FloatArray]:
    """Return the elimination of a pattern, and it as indices in the memory of the kernels.

    Args:
        pattern: of df/dx.
        blocks: of the stages.
    """
    plan = _planned(pattern.size1(), *map(tuple, pattern.get_triplet()))
    lists = (plan.order, plan.row_starts, plan.diagonals, plan.columns, plan.places)
    numbers = np.concatenate([*lists, blocks]).astype(np.int32)
    even = np.append(numbers, np.zeros(numbers.size % 2, np.int32))
    return plan, even.view(np.float64)  # CasADi passes the memory on as it is


@lru_cache(maxsize=16)  # a horizon of another length has the same pattern
def _planned(size: int, rows: tuple[int, ...], columns: tuple[int, ...]) -> Elimination:
    return plan_elimination(ca.Sparsity.triplet(size, size, rows, columns))


class SparseSolver:
    """Solves for one pattern of df/dx. Scratch memory inside."""

    def __init__(self, pattern: ca.Sparsity) -> None:
        """Plan the elimination and load the kernels where there are some."""
        rows, columns = pattern.get_triplet()
        self._rows, self._columns = np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp)
        self._n_x = pattern.size1()
        found = load_kernels(FILES, SHAPES)
        self._factorise: Kernel | None = None
        if found is None:
            return
        n_x = self._n_x
        plan, indices = layout(pattern, (0,))
        sizes = np.array([1, n_x, 0, 0, len(rows), plan.n_entries, 0], dtype=np.float64)
        factors, pivots, nothing = np.empty(plan.n_entries), np.empty(n_x), np.zeros(1)
        self._length, self._nonzeros, self._error = np.zeros(1), np.zeros(len(rows)), np.zeros(1)
        work = max((plan.n_entries + 2 * n_x) * 8, 4 * n_x * 8)
        memory = np.empty(2 * n_x + 16 + n_x * 8 + work)
        self._factorise = Kernel(
            found[0],
            [sizes, indices, self._length, self._nonzeros, nothing, nothing, nothing],
            [factors, pivots, nothing, np.zeros(1), self._error, memory],
        )
        self._right, self._found = np.zeros(n_x), np.zeros(n_x)
        self._propagate = Kernel(
            found[1], [sizes, indices, factors, pivots, self._right], [self._found, np.zeros(n_x)]
        )

    def solve(self, nonzeros: FloatArray, step_s: float, right: FloatArray) -> FloatArray:
        """Return (I - step df/dx)^-1 right, shape (n_x,).

        A singular or non-finite matrix gives numbers that are not finite.

        Args:
            nonzeros: of df/dx, shape (nnz,) [1/s].
            step_s: length of the step [s].
            right: shape (n_x,).
        """
        if self._factorise is not None:
            self._length[0] = step_s
            self._nonzeros[:] = nonzeros
            self._factorise.call()
            if self._error[0] <= MAX_ERROR:
                np.negative(right, out=self._right)  # the kernel takes defects, which it closes
                self._propagate.call()
                return self._found.copy()
        return self._by_lapack(nonzeros, step_s, right)

    def _by_lapack(self, nonzeros: FloatArray, step_s: float, right: FloatArray) -> FloatArray:
        matrix = np.zeros((self._n_x, self._n_x), order="F")
        matrix[self._rows, self._columns] = -step_s * nonzeros
        np.einsum("ii->i", matrix)[:] += 1.0
        _, _, found, info = lapack.dgesv(matrix, right)
        result: FloatArray = found if info == 0 else np.full(self._n_x, np.nan)
        return result
