"""Sparse Gaussian elimination on a pattern that is known beforehand.

The unknowns are ordered once for little fill (approximate minimum degree), the fill is found once,
and the numbers then run over fixed index lists, always in the same order. There is no pivoting:
the matrices are 1/(h g) - A with a dissipative A; see `method` for what rounding does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca


@dataclass(frozen=True, slots=True)
class Elimination:
    """Where the entries of a matrix and of its triangular factors stand.

    The factors lie row after row in one list, each row by ascending column: left of the diagonal
    the unit lower factor, then the upper one.

    Attributes:
        order: original index of each row and column in the order of elimination.
        row_starts: position of each row's first entry, and the number of all entries.
        diagonals: position of each row's diagonal entry.
        columns: column of each entry, in the order of elimination.
        places: position of each structural nonzero of the matrix, in CasADi's order.
    """

    order: tuple[int, ...]
    row_starts: tuple[int, ...]
    diagonals: tuple[int, ...]
    columns: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.order)

    @property
    def n_entries(self) -> int:
        """Number of entries of the factors, fill included."""
        return len(self.columns)

    @property
    def runs(self) -> tuple[int, ...]:
        """Number of rows from each on whose patterns right of the diagonal nest without a gap."""
        right = [
            self.columns[diagonal + 1 : end]
            for diagonal, end in zip(self.diagonals, self.row_starts[1:], strict=True)
        ]
        found = [1] * self.size
        for row in range(self.size - 2, -1, -1):
            if right[row] == (row + 1, *right[row + 1]):
                found[row] = found[row + 1] + 1
        return tuple(found)


def plan_elimination(pattern: ca.Sparsity) -> Elimination:
    """Return the elimination of square matrices with a pattern and a full diagonal.

    Args:
        pattern: of the matrix; missing diagonal entries are added.
    """
    size = pattern.size1()
    symmetric = pattern + pattern.T + ca.Sparsity.diag(size)
    order = tuple(symmetric.amd())
    rank = {original: new for new, original in enumerate(order)}
    entries = [
        (rank[row], rank[column]) for row, column in zip(*pattern.get_triplet(), strict=True)
    ]
    rows = _filled(size, entries)
    row_starts, diagonals, columns = [0], [], list[int]()
    position: dict[tuple[int, int], int] = {}
    for row, found in enumerate(rows):
        for column in sorted(found):
            position[row, column] = len(columns)
            columns.append(column)
        row_starts.append(len(columns))
        diagonals.append(position[row, row])
    places = tuple(position[entry] for entry in entries)
    return Elimination(order, tuple(row_starts), tuple(diagonals), tuple(columns), places)


def _filled(size: int, entries: Sequence[tuple[int, int]]) -> list[set[int]]:
    """Return the columns of each row after elimination."""
    rows: list[set[int]] = [{row} for row in range(size)]
    for row, column in entries:
        rows[row].add(column)
    for row, found in enumerate(rows):
        waiting = {column for column in found if column < row}
        while waiting:
            pivot = min(waiting)
            waiting.remove(pivot)
            new = {column for column in rows[pivot] if column > pivot} - found
            found |= new
            waiting |= {column for column in new if column < row}
    return rows


def factor(plan: Elimination, matrix: Sequence[ca.SX]) -> tuple[list[ca.SX], list[ca.SX]]:
    """Return the factors of a symbolic matrix, and the inverses of its pivots.

    Args:
        plan: of the matrix's pattern.
        matrix: entries at the plan's positions, zeros for fill.
    """
    entries, inverses = list(matrix), list[ca.SX]()
    for row in range(plan.size):
        start, end = plan.row_starts[row], plan.row_starts[row + 1]
        work = {plan.columns[p]: entries[p] for p in range(start, end)}
        for p in range(start, plan.diagonals[row]):
            pivot = plan.columns[p]
            entries[p] = work[pivot] * inverses[pivot]
            for q in range(plan.diagonals[pivot] + 1, plan.row_starts[pivot + 1]):
                column = plan.columns[q]
                work[column] = work[column] - entries[p] * entries[q]
        for p in range(plan.diagonals[row], end):
            entries[p] = work[plan.columns[p]]
        inverses.append(1.0 / work[row])
    return entries, inverses


def solve(
    plan: Elimination, factors: Sequence[ca.SX], inverses: Sequence[ca.SX], right: Sequence[ca.SX]
) -> list[ca.SX]:
    """Return the solution for a symbolic right-hand side, in the original order.

    Args:
        plan: of the matrix's pattern.
        factors, inverses: from `factor`.
        right: right-hand side in the original order.
    """
    found = [right[original] for original in plan.order]
    for row in range(plan.size):
        for p in range(plan.row_starts[row], plan.diagonals[row]):
            found[row] = found[row] - factors[p] * found[plan.columns[p]]
    for row in reversed(range(plan.size)):
        for p in range(plan.diagonals[row] + 1, plan.row_starts[row + 1]):
            found[row] = found[row] - factors[p] * found[plan.columns[p]]
        found[row] = found[row] * inverses[row]
    solution = list(found)
    for new, original in enumerate(plan.order):
        solution[original] = found[new]
    return solution
