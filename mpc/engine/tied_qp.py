"""The QP where an MV stays at the start of some blocks: its changes there are one variable.

The arrays are those of all blocks, with a row that ties each block to the one before. What is
solved has a column for each level that may move, x = T z, and no such rows:

    min 1/2 z'(T'HT)z + (T'g)'z   with   A T z and z in their limits

The prices of the rows that tie follow from the slopes that are left.
"""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.curvature import convex
from operator_agent.mpc.engine.dense_qp import DenseQp, QpSolution
from operator_agent.mpc.engine.limit_rows import IndexArray
from operator_agent.mpc.variables import BoolArray


class Ties:
    """Which changes of MV levels are one and the same."""

    def __init__(self, still: BoolArray) -> None:
        """Number the levels that may move by the first block that has them.

        `later` are the changes that are tied to those of the block before.

        Args:
            still: whether each MV stays where a block begins, of all blocks but the first, shape
                (n_blocks - 1, n_u).
        """
        n_u = still.shape[1]
        self.later: list[int] = (np.flatnonzero(still) + n_u).tolist()
        self.n_u = n_u
        first = np.arange((still.shape[0] + 1) * n_u).reshape(-1, n_u)
        for b, stays in enumerate(still, start=1):
            first[b, stays] = first[b - 1, stays]
        leads, self.level = np.unique(first.ravel(), return_inverse=True)
        self.n_levels: int = leads.size
        self.order: IndexArray = np.argsort(self.level, kind="stable")
        self.starts: IndexArray = np.searchsorted(self.level[self.order], np.arange(leads.size))
        self._sizes = np.diff([*self.starts, self.level.size])

    def summed(self, columns: FloatArray) -> FloatArray:
        """Return sums over what is one level, along the last axis."""
        found: FloatArray = np.add.reduceat(columns[..., self.order], self.starts, axis=-1)
        return found

    def convex(self, hessian: FloatArray) -> FloatArray:
        """Return a matrix that is convex where the levels may go, near a symmetric one.

        Args:
            hessian: of the changes of all blocks, shape (n_moves, n_moves).
        """
        own = self.summed(self.summed(hessian).T)
        more = (convex(own) - own) / np.outer(self._sizes, self._sizes)
        found: FloatArray = hessian + more[np.ix_(self.level, self.level)]
        return found


class TiedQp(DenseQp):
    """A QP with tied changes. Fill the arrays of all blocks, then call `solve`."""

    def __init__(self, ties: Ties, n_variables: int, n_rows: int, tie_rows: IndexArray) -> None:
        """Make the solvers.

        Args:
            ties: of the leading variables.
            n_variables, n_rows: with all blocks and the rows that tie.
            tie_rows: rows x[b] - x[b-1] that tie, in the order of `ties.later`.
        """
        super().__init__(n_variables, n_rows)
        self._ties, self._tie_rows = ties, tie_rows
        self._kept = np.setdiff1d(np.arange(n_rows), tie_rows)
        self._rest = n_variables - ties.level.size
        self._own = DenseQp(ties.n_levels + self._rest, self._kept.size)

    def solve(self, start: FloatArray | None = None, matrices: int = 0) -> QpSolution:
        """Return the answer for the arrays as they stand; see `DenseQp.solve`.

        What is solved is made anew each time, so `matrices` saves nothing.
        """
        ties, own, n_moves = self._ties, self._own, self._ties.level.size
        z = ties.n_levels
        own.hessian[:z, :z] = ties.summed(ties.summed(self.hessian[:n_moves, :n_moves]).T)
        own.hessian[z:, z:] = self.hessian[n_moves:, n_moves:]
        own.gradient[:z], own.gradient[z:] = (
            ties.summed(self.gradient[:n_moves]),
            self.gradient[n_moves:],
        )
        rows = self.rows[self._kept]
        own.rows[:, :z], own.rows[:, z:] = ties.summed(rows[:, :n_moves]), rows[:, n_moves:]
        low, high = self.low[:n_moves][ties.order], self.high[:n_moves][ties.order]
        own.low[:z], own.low[z:] = np.maximum.reduceat(low, ties.starts), self.low[n_moves:]
        own.high[:z], own.high[z:] = np.minimum.reduceat(high, ties.starts), self.high[n_moves:]
        own.row_low[:], own.row_high[:] = self.row_low[self._kept], self.row_high[self._kept]
        return self._spread(own.solve(self._begun(start)))

    def solve_again(self, start: FloatArray) -> QpSolution:
        """Return the answer after row limits alone have changed; see `DenseQp.solve_again`."""
        begun, own = self._begun(start), self._own
        assert begun is not None
        own.row_low[:], own.row_high[:] = self.row_low[self._kept], self.row_high[self._kept]
        return self._spread(own.solve_again(begun))

    def _begun(self, start: FloatArray | None) -> FloatArray | None:
        """Return the working set of the levels from that of all blocks."""
        n, n_moves = self.gradient.size, self._ties.level.size
        if start is None or start.size != n + self.row_low.size:
            return None
        sides = np.sign(self._ties.summed(start[:n_moves]))
        return np.concatenate([sides, start[n_moves:n], start[n + self._kept]])

    def _spread(self, found: QpSolution) -> QpSolution:
        """Return a solution in the changes of all blocks, with the prices of what ties them."""
        ties, z, n_moves = self._ties, self._ties.n_levels, self._ties.level.size
        x = np.concatenate([found.x[:z][ties.level], found.x[z:]])
        m = self.row_low.size
        row_prices, rows_side = np.zeros(m), np.zeros(m)
        row_prices[self._kept] = found.row_prices
        rows_side[self._kept] = found.working_set[x.size - n_moves + z :]
        bound_prices, side = np.zeros(x.size), np.zeros(x.size)
        price, limit = found.bound_prices[:z], found.working_set[:z]
        holds = self._holding(price)
        bound_prices[holds], side[holds] = price, limit
        bound_prices[n_moves:] = found.bound_prices[z:]
        side[n_moves:] = found.working_set[z : x.size - n_moves + z]
        slopes = self.hessian @ x + self.gradient + self.rows.T @ row_prices + bound_prices
        left = slopes.tolist()
        for later in ties.later[::-1]:
            left[later - ties.n_u] += left[later]
        row_prices[self._tie_rows] = [-left[later] for later in ties.later]
        return QpSolution(
            x, row_prices, bound_prices, found.success, found.status,
            np.concatenate([side, rows_side]),
        )  # fmt: skip

    def _holding(self, price: FloatArray) -> IndexArray:
        """Return, of each level, the block whose limit is the closest on the side of its price."""
        ties, n_moves = self._ties, self._ties.level.size
        high = price[ties.level] > 0.0
        room = np.where(high, self.high[:n_moves], -self.low[:n_moves])
        order = np.lexsort((room, ties.level))
        found: IndexArray = order[ties.starts]
        return found
