"""Condensing with sparse factors by a compiled kernel; see `compiled_condense.c` for how it works.

The Jacobian of a process is mostly zeros: 3,400 of the crude unit's 13,500 entries are not, and an
elimination in the right order adds 90 to them.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_kernels import Kernel, load_kernels
from operator_agent.mpc.engine.condense import Condensed, Horizon, condense
from operator_agent.mpc.engine.linearise import Linearisation, Pattern
from operator_agent.mpc.engine.sparse_solve import FILES, MAX_ERROR, SHAPES, layout


@dataclass(frozen=True, slots=True)
class SparseFactors:
    """Sparse factors of all stages.

    Attributes:
        values: shape (N, entries).
        inverse_pivots: shape (N, n_x).
        kernel: of the propagation.
        scratch: its arguments and results: defects, change.
    """

    values: FloatArray
    inverse_pivots: FloatArray
    kernel: Kernel
    scratch: tuple[FloatArray, FloatArray]

    def propagate(self, defects: FloatArray) -> FloatArray:
        """Return the change of the states; see `StageFactors`."""
        given, change = self.scratch
        self.kernel.bind_argument(2, self.values)
        self.kernel.bind_argument(3, self.inverse_pivots)
        given[:] = defects
        self.kernel.call()
        return change.copy()


class Condenser:
    """Condenses one shape. Scratch memory inside; results are new arrays each time."""

    def __init__(self, pattern: Pattern, horizon: Horizon, n_u: int, n_y: int) -> None:
        """Plan the elimination and load the kernels where there are some."""
        self._pattern, self._horizon = pattern, horizon
        found = load_kernels(FILES, SHAPES)
        self._kernel: Kernel | None = None
        if found is None:
            return
        n_x, n_pred = pattern.shape[0], horizon.n_pred
        places = pattern.rows.tolist(), pattern.columns.tolist()
        plan, indices = layout(ca.Sparsity.triplet(n_x, n_x, *places), horizon.block_of_stage)
        n_columns = horizon.n_blocks * n_u
        counts = (n_pred, n_x, n_u, n_y, len(plan.places), plan.n_entries, n_columns)
        sizes = np.array(counts, dtype=np.float64)
        width = -(-(n_columns + 1) // 8) * 8
        work = max((plan.n_entries + 2 * n_x) * 8, 4 * n_x * 8)
        memory = np.empty(n_pred * n_x + 8 + (n_x + n_y) * width + work)
        self._shapes = (
            (n_pred, plan.n_entries),
            (n_pred, n_x),
            (n_pred, n_x, n_columns),
            (n_pred, n_y, n_columns),
        )
        self._error = np.zeros(1)
        lengths = np.array(horizon.lengths_s)
        results = [np.empty(shape) for shape in self._shapes]
        self._kernel = Kernel(
            found[0], [sizes, indices, lengths, *[sizes] * 4], [*results, self._error, memory]
        )
        self._scratch = (np.zeros((n_pred, n_x)), np.zeros((n_pred, n_x)))
        self._propagation = Kernel(
            found[1],
            [sizes, indices, *results[:2], self._scratch[0]],
            [self._scratch[1], np.zeros(n_x)],
        )

    def condense(self, linear: Linearisation) -> Condensed:
        """Return factors and responses along a trajectory, see `condense.condense`.

        A stage whose sparse factors do not give a known solution sends all to LAPACK.
        """
        if self._kernel is not None:
            results = [np.empty(shape) for shape in self._shapes]
            for position, array in enumerate(results):
                self._kernel.bind_result(position, array)
            parts = (linear.rhs_x, linear.rhs_u, linear.outputs_x, linear.outputs_u)
            for position, part in enumerate(parts, start=3):
                self._kernel.bind_argument(position, part)
            self._kernel.call()
            if self._error[0] <= MAX_ERROR:
                values, inverse_pivots, states, outputs = results
                factors = SparseFactors(values, inverse_pivots, self._propagation, self._scratch)
                return Condensed(factors, states, outputs, linear.outputs_x)
        return condense(linear, self._pattern, self._horizon)
