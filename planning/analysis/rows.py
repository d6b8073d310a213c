"""The rows of a linear or bilinear program as one list of entries, for looking at its numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.linear import LinearProgram

NEAR = 1e-6  # relative: rows whose coefficients differ by less say nearly the same


@dataclass(frozen=True, slots=True)
class ProgramRows:
    """All entries of all rows, and what limits rows and columns.

    Attributes:
        names, columns: of rows (m) and columns (n).
        row, left, right: of each entry; `right` is -1 for a linear one, shape (k,).
        value: coefficient of each entry, shape (k,).
        scaled: the same with columns measured by their bounds, over the largest of its row.
        low, high: of the rows, shape (m,).
        column_low, column_high, cost: shape (n,).
        integers: number of whole columns.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    row: Any
    left: Any
    right: Any
    value: FloatArray
    scaled: FloatArray
    low: FloatArray
    high: FloatArray
    column_low: FloatArray
    column_high: FloatArray
    cost: FloatArray
    integers: int

    def entry_name(self, entry: int) -> str:
        """Return the column of an entry, or the two columns of its product."""
        left, right = self.columns[self.left[entry]], int(self.right[entry])
        return left if right < 0 else f"{left} * {self.columns[right]}"


def program_rows(program: LinearProgram | BilinearProgram) -> ProgramRows:
    """Return the entries of a program; explicit zeros are left out."""
    if isinstance(program, LinearProgram):
        names = tuple(str(row.name) for row in program.rows)
        columns = tuple(str(variable.name) for variable in program.variables)
        linear = sparse.coo_array(program.matrix)
        none = np.zeros(0, dtype=np.int64)
        terms, coef = (none, none, none), np.zeros(0)
        integers = len(program.integer)
    else:
        names, columns = program.rows, program.columns
        linear = sparse.coo_array(program.linear)
        terms = (program.term_row, program.term_left, program.term_right)
        coef, integers = program.term_coef, int(np.sum(program.integer))
    row = np.concatenate([linear.row, terms[0]]).astype(np.int64)
    left = np.concatenate([linear.col, terms[1]]).astype(np.int64)
    right = np.concatenate([np.full(len(linear.col), -1), terms[2]]).astype(np.int64)
    value = np.concatenate([linear.data, coef]).astype(np.float64)
    kept = value != 0.0
    row, left, right, value = row[kept], left[kept], right[kept], value[kept]
    size = _sizes(program.low, program.high)
    term = np.abs(value) * size[left] * np.where(right < 0, 1.0, size[right])
    largest = np.zeros(len(names))
    np.maximum.at(largest, row, term)
    return ProgramRows(
        names,
        columns,
        row,
        left,
        right,
        value,
        term / largest[row],
        program.row_low,
        program.row_high,
        program.low,
        program.high,
        program.cost,
        integers,
    )


def _sizes(low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the largest finite bound of each column, one where there is none."""
    bounds = np.abs(np.stack([low, high]))
    size = np.max(np.where(np.isfinite(bounds), bounds, 0.0), axis=0)
    return np.asarray(np.where(size > 0.0, size, 1.0))


def activity_range(rows: ProgramRows) -> tuple[FloatArray, FloatArray]:
    """Return between which values each row can lie while its columns keep their bounds."""
    low, high = rows.column_low[rows.left], rows.column_high[rows.left]
    product = rows.right >= 0
    other_low, other_high = np.ones(len(low)), np.ones(len(low))
    other_low[product] = rows.column_low[rows.right[product]]
    other_high[product] = rows.column_high[rows.right[product]]
    corners = np.stack([_times(a, b) for a in (low, high) for b in (other_low, other_high)])
    ends = np.stack([rows.value * corners.min(axis=0), rows.value * corners.max(axis=0)])
    least, most = np.zeros(len(rows.names)), np.zeros(len(rows.names))
    np.add.at(least, rows.row, ends.min(axis=0))
    np.add.at(most, rows.row, ends.max(axis=0))
    return least, most


def _times(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return products in which zero times infinity is zero, as for bounds."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where((a == 0.0) | (b == 0.0), 0.0, a * b))


def parallel_rows(rows: ProgramRows) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of rows on the same columns, limited on the same side, nearly proportional.

    Each row is paired with the first that it repeats. A minimum and a maximum of one quantity are
    no such pair.

    Yields:
        Both rows, and the largest relative difference of their coefficients.
    """
    order = np.lexsort((rows.right, rows.left, rows.row))
    ends = np.searchsorted(rows.row[order], np.arange(len(rows.names) + 1))
    seen: dict[tuple[bytes, bytes], list[tuple[int, FloatArray, frozenset[str]]]] = {}
    for index in range(len(rows.names)):
        entries = order[ends[index] : ends[index + 1]]
        if not len(entries):
            continue
        values = rows.value[entries]
        shape, sides = values / values[0], _sides(rows, index, bool(values[0] > 0.0))
        key = (rows.left[entries].tobytes(), rows.right[entries].tobytes())
        before = seen.setdefault(key, [])
        for other, known, limited in before:
            distance = float(np.max(np.abs(shape - known) / np.abs(known)))
            if distance <= NEAR and sides & limited:
                yield other, index, distance
                break
        else:
            before.append((index, shape, sides))


def _sides(rows: ProgramRows, index: int, upright: bool) -> frozenset[str]:
    """Return which sides a row limits once its first coefficient is made positive."""
    low, high = np.isfinite(rows.low[index]), np.isfinite(rows.high[index])
    if not upright:
        low, high = high, low
    return frozenset(name for name, finite in (("low", low), ("high", high)) if finite)
