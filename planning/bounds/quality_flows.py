"""Where qualities meet flows in a program, and which columns vanish with which flows."""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bounds.lifted_rows import LiftedRows, Product


@dataclass(frozen=True)
class QualityFlow:
    """A quality times a sum of flows, as one row of the program has it.

    Attributes:
        quality: column.
        flows: columns.
        products: lifted columns of quality * flow.
        weights: positive, shape (len(flows),).
    """

    quality: int
    flows: tuple[int, ...]
    products: tuple[int, ...]
    weights: FloatArray


class Reach(Enum):
    """What a range found where a flow is positive says of the quality."""

    NOTHING = "the quality may matter although the flow is zero"
    RANGE_OR_ZERO = "without the flow, the quality matters only if it is zero"
    RANGE = "the quality matters only with the flow"


class ZeroRows:
    """The equations without constant among lifted rows, as lists."""

    def __init__(self, rows: LiftedRows) -> None:
        """Collect them.

        Args:
            rows: over columns and products.
        """
        chosen = np.flatnonzero((rows.row_low == 0.0) & (rows.row_high == 0.0))
        self.matrix = rows.matrix[chosen].tocsr()
        self.count = rows.count
        start = self.matrix.indptr.tolist()
        index, data = self.matrix.indices.tolist(), self.matrix.data.tolist()
        self.entries = [list(zip(index[a:b], data[a:b], strict=True)) for a, b in pairwise(start)]
        self.rows_of: list[list[int]] = [[] for _ in range(self.matrix.shape[1])]
        self._present = (self.matrix != 0.0).astype(np.float64)
        negative = np.asarray((self.matrix < 0.0).sum(axis=1)).ravel()
        self._signs = negative.tolist(), (np.diff(self.matrix.indptr) - negative).tolist()
        self._kinds: list[list[int]] = [[] for _ in range(self.matrix.shape[1])]
        for row, entries in enumerate(self.entries):
            for column, value in entries:
                self.rows_of[column].append(row)
                self._kinds[column].append(int(value > 0.0))
        self.factors: list[Product] = list(
            zip(rows.left.tolist(), rows.right.tolist(), strict=True)
        )
        self.products_of: list[list[int]] = [[] for _ in range(rows.count)]
        for place, pair in enumerate(self.factors):
            for column in set(pair):
                self.products_of[column].append(rows.count + place)

    def vanishing(self, flows: tuple[int, ...], low: FloatArray) -> set[int]:
        """Return the columns and products that are zero when these flows are.

        Args:
            flows: columns.
            low: bounds of columns and products, shape (n + k,).
        """
        # for each row, how many entries are not known to be zero: negative, positive, of any sign
        anysign = (self._present @ (low < 0.0)).tolist()
        counts = [list(row) for row in zip(*self._signs, anysign, strict=True)]
        found: set[int] = set()
        queue = deque(flows)
        while queue:
            column = queue.popleft()
            if column in found:
                continue
            found.add(column)
            if column < self.count:
                queue.extend(self.products_of[column])
            else:  # a zero product has a zero factor
                one, other = self.factors[column - self.count]
                queue.extend(a for a, b in ((one, other), (other, one)) if low[b] > 0.0)
            for row, kind in zip(self.rows_of[column], self._kinds[column], strict=True):
                left = counts[row]
                left[kind] -= 1
                left[2] -= low[column] < 0.0
                if left[2] == 0 and (left[0] == 0) != (left[1] == 0):
                    queue.extend(k for k, _ in self.entries[row] if k not in found)
        return found


class Occurrences:
    """Where the columns of a program occur."""

    def __init__(self, program: BilinearProgram, zero_rows: ZeroRows) -> None:
        """Collect.

        Args:
            program: as it is to be bounded.
            zero_rows: of its lifted rows.
        """
        self._zero_rows = zero_rows
        self._partners: list[set[int]] = [set() for _ in program.columns]
        left, right = program.term_left.tolist(), program.term_right.tolist()
        for one, other in zip(left, right, strict=True):
            self._partners[one].add(other)
            self._partners[other].add(one)
        linear = np.asarray(abs(program.linear).sum(axis=0)).ravel()
        self._only_products = (linear == 0.0) & (program.cost == 0.0) & ~program.integer
        self._place = {pair: zero_rows.count + k for k, pair in enumerate(zero_rows.factors)}
        self._known: dict[tuple[int, tuple[int, ...]], Reach] = {}

    def reach(self, flow: QualityFlow, low: FloatArray) -> Reach:
        """Return what a range of a quality where a flow is positive says of the quality.

        Args:
            flow: with its quality.
            low: bounds of columns and products.
        """
        if np.any(low[list(flow.flows)] > 0.0):
            return Reach.RANGE
        if not self._only_products[flow.quality]:
            return Reach.NOTHING
        key = flow.quality, flow.flows
        if key not in self._known:
            self._known[key] = self._without(flow, low)
        return self._known[key]

    def _without(self, flow: QualityFlow, low: FloatArray) -> Reach:
        gone = self._zero_rows.vanishing(flow.flows, low)
        quality = flow.quality
        rest = self._partners[quality] - gone
        if not rest:
            return Reach.RANGE
        products = {self._place[min(quality, k), max(quality, k)] for k in rest}
        return Reach.RANGE_OR_ZERO if products <= gone else Reach.NOTHING

    def quality_flows(self, program: BilinearProgram, low: FloatArray) -> list[QualityFlow]:
        """Return, for each row of a program, its products by quality where weights have one sign.

        Args:
            program: the same.
            low: bounds of columns and products.
        """
        groups: dict[tuple[int, int], list[tuple[int, float]]] = {}
        terms = (program.term_row, program.term_left, program.term_right, program.term_coef)
        for row, left, right, value in zip(*(part.tolist() for part in terms), strict=True):
            if program.row_low[row] == 0.0 and program.row_high[row] == 0.0 and left != right:
                groups.setdefault((row, left), []).append((right, value))
                groups.setdefault((row, right), []).append((left, value))
        found: dict[object, QualityFlow] = {}
        for (_, quality), parts in groups.items():
            flows = tuple(flow for flow, _ in parts)
            weights = np.abs(np.array([value for _, value in parts]))
            if len({value > 0.0 for _, value in parts}) == 1 and np.all(low[list(flows)] >= 0.0):
                products = tuple(self._place[min(quality, k), max(quality, k)] for k in flows)
                shares = tuple((weights / weights[0]).round(9).tolist())
                key = quality, flows, shares
                found.setdefault(key, QualityFlow(quality, flows, products, weights))
        return list(found.values())
