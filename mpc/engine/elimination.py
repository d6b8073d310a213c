"""Gaussian elimination of small symbolic matrices, for equations that a stage solves inside.

Matrices I - h A (x) df/dx of collocation are dominated by their diagonal at stage lengths that
follow the plant, so that no pivots are chosen; a zero pivot gives a number that is not finite, and
such a prediction is refused.
"""

import casadi as ca


class Elimination:
    """L U = M of a square symbolic matrix with its zeros kept."""

    def __init__(self, matrix: ca.SX) -> None:
        """Eliminate."""
        self._size = matrix.size1()
        upper = ca.sparsify(ca.SX(matrix))
        self._lower: list[list[tuple[int, ca.SX]]] = [[] for _ in range(self._size)]
        rows = [upper[i, :] for i in range(self._size)]
        for pivot in range(self._size):
            head = rows[pivot]
            for i in range(pivot + 1, self._size):
                if not rows[i].sparsity().has_nz(0, pivot):
                    continue
                factor = rows[i][pivot] / head[pivot]
                self._lower[i].append((pivot, factor))
                kept = rows[i][pivot + 1 :] - factor * head[pivot + 1 :]
                rows[i] = ca.horzcat(ca.SX(1, pivot + 1), kept)
        self._rows = rows

    def solve(self, right: ca.SX) -> ca.SX:
        """Return M^-1 right, shape of `right`."""
        rows = [right[i, :] for i in range(self._size)]
        for i in range(self._size):
            for j, factor in self._lower[i]:
                rows[i] = rows[i] - factor * rows[j]
        for i in reversed(range(self._size)):
            head = self._rows[i]
            for j in range(i + 1, self._size):
                if head.sparsity().has_nz(0, j):
                    rows[i] = rows[i] - head[j] * rows[j]
            rows[i] = rows[i] / head[i]
        return ca.vertcat(*rows)

    def solve_transposed(self, right: ca.SX) -> ca.SX:
        """Return M'^-1 right, shape of `right`."""
        rows = [right[i, :] for i in range(self._size)]
        for i in range(self._size):
            head = self._rows[i]
            rows[i] = rows[i] / head[i]
            for j in range(i + 1, self._size):
                if head.sparsity().has_nz(0, j):
                    rows[j] = rows[j] - head[j] * rows[i]
        for i in reversed(range(self._size)):
            for j, factor in self._lower[i]:
                rows[j] = rows[j] - factor * rows[i]
        return ca.vertcat(*rows)
