"""Branch and bound over the columns whose products are not true: the bound of the worst leaf.

Each node is a box with the safe bound of its relaxation. The best node is split next, so the least
bound of all leaves, which is the bound of the program, rises as fast as it can.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.bounds.box import Box, narrowed
from operator_agent.planning.bounds.branching import (
    Split,
    SplitGains,
    candidates,
    least_widths,
    split_at,
    split_score,
)
from operator_agent.planning.bounds.lifted_rows import LiftedRows
from operator_agent.planning.bounds.linear_relaxation import (
    RelaxationStop,
    relaxation_within,
    solve_relaxation,
)

NODE_ROUNDS = 15  # of interval arithmetic in a node
TRIALS = 8  # splits that a node tries before it chooses
DRY_TRIALS = 4  # trials without a better score after which it chooses
PROBED = 1e-2  # of a value: a range that is narrower is not probed
CLOSED = 1e-7  # relative: a node this near to the cutoff is closed


@dataclass(frozen=True)
class Node:
    """A box that may hold better plans.

    Attributes:
        bound: safe lower bound of the cost in it, without offset.
        box: of columns and products.
        point: solution of its relaxation; empty when the solver gave none.
        basis: of its relaxation.
    """

    bound: float
    box: Box
    point: FloatArray
    basis: Any


@dataclass(frozen=True)
class TreeResult:
    """What the search proved.

    Attributes:
        bound: safe lower bound of the cost of every point below the cutoff, without offset.
        nodes: relaxations solved.
        complete: whether no leaf is left that could be split.
    """

    bound: float
    nodes: int
    complete: bool


def closed_at(cutoff: float) -> float:
    """Return the bound from which a node is of no interest."""
    return cutoff - CLOSED * abs(cutoff) if np.isfinite(cutoff) else np.inf


class Tree:
    """The search: rows, cutoff and deadline, and what splits have been worth."""

    def __init__(
        self,
        rows: LiftedRows,
        box: Box,
        cutoff: float,
        deadline: float,
        report: Callable[[float], None],
    ) -> None:
        """Start.

        Args:
            rows: over columns and products.
            box: that holds all nodes.
            cutoff: cost without offset; points that cost more are of no interest.
            deadline: on the monotonic clock.
            report: called with a bound of the whole program, without offset, when one is found.
        """
        self._rows, self._cutoff, self._deadline = rows, cutoff, deadline
        self._report = report
        self._least = least_widths(rows, box)
        self._gains = SplitGains(rows.count)
        self._solved = itertools.count()
        self._nodes = 0

    def node(self, box: Box, least: float, basis: Any = None) -> Node | None:
        """Return the node of a box, or nothing when it holds no point of interest.

        Args:
            box: of columns and products.
            least: bound that is known already.
            basis: to start from.
        """
        box = narrowed(self._rows, _whole(self._rows, box), self._cutoff, NODE_ROUNDS)
        if box.is_empty():
            return None
        self._nodes = next(self._solved) + 1
        left = self._deadline - time.monotonic()
        if left <= 0.0:
            return Node(least, box, np.zeros(0), basis)
        found = solve_relaxation(relaxation_within(self._rows, box), left, basis)
        if found.stop is RelaxationStop.EMPTY or self._is_closed(found.bound):
            return None
        if found.stop is RelaxationStop.UNKNOWN:
            return Node(least, box, np.zeros(0), None)
        return Node(max(least, found.bound), box, found.x, found.basis)

    def search(self, root: Node, workers: int) -> TreeResult:
        """Return the bound of the worst leaf when time is over or no leaf can be split.

        Args:
            root: first node.
            workers: threads.
        """
        order = itertools.count()
        heap: list[tuple[float, int, Node]] = [(root.bound, next(order), root)]
        finished, best = np.inf, root.bound
        with ThreadPoolExecutor(workers) as pool:
            while heap and time.monotonic() < self._deadline:
                batch = [heapq.heappop(heap)[2] for _ in range(min(workers, len(heap)))]
                if batch[0].bound >= finished:
                    break
                for node, children in zip(batch, pool.map(self._expanded, batch), strict=True):
                    if children is None:
                        finished = min(finished, node.bound)
                        continue
                    for child in children:
                        heapq.heappush(heap, (child.bound, next(order), child))
                bound = self._worst(heap, finished)
                if bound > best + CLOSED * abs(best):
                    best = bound
                    self._report(bound)
        bound = max(self._worst(heap, finished), root.bound)
        return TreeResult(bound, self._nodes, not heap)

    def _worst(self, heap: list[tuple[float, int, Node]], finished: float) -> float:
        """Return the bound of the worst leaf; closed ones may be as low as the cutoff's margin."""
        closed = closed_at(self._cutoff)
        return min(finished, closed, heap[0][0]) if heap else min(finished, closed)

    def probed(self, node: Node, workers: int, until: float) -> Node | None:
        """Return a node narrowed by halves of interest to nobody.

        Each split is tried; those columns that gave way are tried again with what is left of them.

        Args:
            node: to be narrowed.
            workers: threads.
            until: when to stop, on the monotonic clock.
        """
        columns = [split.column for split in self._splits(node)]
        with ThreadPoolExecutor(workers) as pool:
            while columns:
                moved = []
                for start in range(0, len(columns), workers):
                    if time.monotonic() > until:
                        break
                    narrower = self._probe(node, columns[start : start + workers], pool)
                    if narrower is None:
                        return None
                    node, gave_way = narrower
                    self._report(node.bound)
                    moved += gave_way
                again = self.node(node.box, node.bound, node.basis)
                if again is None or time.monotonic() > until:
                    return again
                node, columns = again, moved
        return node

    def _probe(
        self, node: Node, columns: list[int], pool: ThreadPoolExecutor
    ) -> tuple[Node, list[int]] | None:
        """Return a node without the closed halves of some columns, and which columns had one."""
        splits = [
            split_at(self._rows, node.box, k, float(node.point[k]))
            for k in columns
            if len(node.point) and node.box.high[k] - node.box.low[k] > PROBED * abs(node.point[k])
        ]
        moved = []
        box, best = node.box, node
        for split, children in zip(
            splits, pool.map(lambda split: self._children(node, split), splits), strict=True
        ):
            left = [child for child in children if child is not None]
            if not left:
                return None
            if len(left) == 1:
                moved.append(split.column)
                box = box.shared_with(left[0].box)
                best = max(best, left[0], key=lambda found: found.bound)
            elif min(child.bound for child in left) > best.bound:
                best = min(left, key=lambda found: found.bound)
        if box is node.box:
            return replace(node, bound=best.bound), moved
        return Node(best.bound, box, best.point, best.basis), moved

    def _is_closed(self, bound: float) -> bool:
        return bound >= closed_at(self._cutoff)

    def _expanded(self, node: Node) -> list[Node] | None:
        """Return the halves of a node that are of interest; None when it cannot be split."""
        while True:
            split, children = self._best_split(node)
            if split is None:
                return None
            if len(children) != 1 or children[0].bound > node.bound + CLOSED * abs(node.bound):
                return children
            if time.monotonic() > self._deadline:
                return children
            node = children[0]

    def _best_split(self, node: Node) -> tuple[Split | None, list[Node]]:
        """Return the split with the best gains and its children."""
        chosen: tuple[Split | None, list[Node]] = (None, [])
        best, dry = -1.0, 0
        for trial, split in enumerate(self._splits(node)):
            reliable = self._gains.is_reliable(split.column)
            children = self._children(node, split)
            if sum(child is None for child in children):
                return split, [child for child in children if child is not None]
            gains = [child.bound - node.bound for child in children if child is not None]
            score = float(split_score(np.array(gains[0]), np.array(gains[1])))
            dry += 1
            if score > best:
                best, dry = score, 0
                chosen = split, [child for child in children if child is not None]
            late = time.monotonic() > self._deadline
            if reliable or trial + 1 >= TRIALS or dry >= DRY_TRIALS or late:
                break
        return chosen

    def _splits(self, node: Node) -> list[Split]:
        if not len(node.point):
            return self._widest(node)
        columns, misses = candidates(self._rows, node.box, node.point, self._least)
        scores = self._gains.scores(columns, misses)
        order = np.argsort(-scores, kind="stable")
        return [
            split_at(self._rows, node.box, int(columns[k]), float(node.point[columns[k]]))
            for k in order
        ]

    def _widest(self, node: Node) -> list[Split]:
        """Return a split of the widest factor, when no relaxed point is known."""
        factors = np.unique(np.concatenate([self._rows.left, self._rows.right]))
        low, high = node.box.low[factors], node.box.high[factors]
        width = (high - low) / np.maximum(1.0, np.minimum(np.abs(low), np.abs(high)))
        if not len(factors) or not np.max(width) > PROBED:
            return []
        column = int(factors[int(np.argmax(width))])
        middle = 0.5 * (node.box.low[column] + node.box.high[column])
        return [split_at(self._rows, node.box, column, float(np.nan_to_num(middle, posinf=1.0)))]

    def _children(self, node: Node, split: Split) -> list[Node | None]:
        found = [self.node(half, node.bound, node.basis) for half in split.halves(node.box)]
        gains = tuple(
            (self._cutoff if child is None else child.bound) - node.bound for child in found
        )
        if all(np.isfinite(gain) for gain in gains):
            self._gains.learn(split.column, (gains[0], gains[1]))
        return found


def _whole(rows: LiftedRows, box: Box) -> Box:
    """Return the box with the bounds of whole numbers rounded inwards."""
    if not np.any(rows.integer):
        return box
    low, high = box.low.copy(), box.high.copy()
    n = rows.count
    low[:n] = np.where(rows.integer, np.ceil(low[:n] - 1e-6), low[:n])
    high[:n] = np.where(rows.integer, np.floor(high[:n] + 1e-6), high[:n])
    return Box(low, high)
