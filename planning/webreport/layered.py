"""Layered drawing of a flow graph: its nodes in columns, and their order in each.

The steps are those of K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of
hierarchical system structures", IEEE Trans. SMC 11 (1981) 109: layers by longest path, a place in
every layer that a long link passes, then order by barycentres until crossings stop falling (see
`heights` for the positions). Crossings count with the product of the flows that cross.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 24  # passes over the layers; crossings settle after about ten


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed edge between nodes of the drawing, with its flow."""

    source: int
    target: int
    flow: float


@dataclass(frozen=True, slots=True)
class Layers:
    """Nodes in columns.

    Attributes:
        layer: column of every node; nodes after the given ones are places of long links.
        order: nodes of every column from top to bottom.
        edges: between neighbouring columns.
        chains: the edges that stand for each given edge, in its direction.
    """

    layer: tuple[int, ...]
    order: tuple[tuple[int, ...], ...]
    edges: tuple[Edge, ...]
    chains: tuple[tuple[int, ...], ...]


def layers_of(n_nodes: int, edges: Sequence[Edge], last: Sequence[int]) -> list[int]:
    """Return the column of every node: the longest path to it, or as late as its targets allow.

    Args:
        n_nodes: number of nodes.
        edges: of an acyclic graph.
        last: nodes that belong into the last column.
    """
    layer = [0] * n_nodes
    for _ in range(n_nodes):
        for edge in edges:
            layer[edge.target] = max(layer[edge.target], layer[edge.source] + 1)
    final = max(layer, default=0)
    for node in last:
        layer[node] = final
    fed = {edge.target for edge in edges}
    fed_twice = {edge.target for edge in edges if edge.source in fed}
    # What only sources feed, then the sources: as late as their targets allow.
    for nodes in (fed - fed_twice - set(last), set(range(n_nodes)) - fed):
        for node in nodes:
            after = [layer[edge.target] for edge in edges if edge.source == node]
            layer[node] = min(after) - 1 if after else layer[node]
    return layer


def arrange(
    n_nodes: int, edges: Sequence[Edge], last: Sequence[int], rank: Sequence[float]
) -> Layers:
    """Return the nodes in columns, ordered so that little crosses.

    Args:
        n_nodes: number of nodes.
        edges: of an acyclic graph.
        last: nodes that belong into the last column.
        rank: from which the order starts, small on top, shape (n_nodes,).
    """
    layer, ranks = layers_of(n_nodes, edges, last), list(rank)
    parts: list[Edge] = []
    chains = []
    for edge in edges:
        stops = [edge.source]
        for column in range(layer[edge.source] + 1, layer[edge.target]):
            layer.append(column)
            ranks.append(ranks[edge.source])
            stops.append(len(layer) - 1)
        stops.append(edge.target)
        chains.append(tuple(range(len(parts), len(parts) + len(stops) - 1)))
        parts += [Edge(a, b, edge.flow) for a, b in pairwise(stops)]
    start = [
        sorted((n for n, at in enumerate(layer) if at == column), key=lambda n: ranks[n])
        for column in range(max(layer, default=-1) + 1)
    ]
    return Layers(tuple(layer), _least_crossings(start, parts), tuple(parts), tuple(chains))


def _least_crossings(start: list[list[int]], edges: Sequence[Edge]) -> tuple[tuple[int, ...], ...]:
    best, order = _copy(start), _copy(start)
    least = crossings(best, edges)
    for sweep in range(SWEEPS):
        _barycentres(order, edges, forward=sweep % 2 == 0)
        _exchange(order, edges)
        found = crossings(order, edges)
        if found < least - 1e-12:
            best, least = _copy(order), found
    return tuple(tuple(column) for column in best)


def _copy(order: list[list[int]]) -> list[list[int]]:
    return [list(column) for column in order]


def crossings(order: Sequence[Sequence[int]], edges: Sequence[Edge]) -> float:
    """Return the sum over crossing pairs of edges of the product of their flows."""
    at = _positions(order)
    return sum(_crossings_between(column, at, edges) for column in order[:-1])


def _crossings_between(column: Sequence[int], at: Sequence[int], edges: Sequence[Edge]) -> float:
    inside = set(column)
    here = [edge for edge in edges if edge.source in inside]
    total = 0.0
    for n, one in enumerate(here):
        for two in here[n + 1 :]:
            if (at[one.source] - at[two.source]) * (at[one.target] - at[two.target]) < 0:
                total += one.flow * two.flow
    return total


def _positions(order: Sequence[Sequence[int]]) -> list[int]:
    at = [0] * sum(len(column) for column in order)
    for column in order:
        for place, node in enumerate(column):
            at[node] = place
    return at


def _barycentres(order: list[list[int]], edges: Sequence[Edge], *, forward: bool) -> None:
    """Sort each column by the mean place of its neighbours in the column before (or after)."""
    columns = range(1, len(order)) if forward else range(len(order) - 2, -1, -1)
    for column in columns:
        at = _positions(order)
        mean = {}
        for node in order[column]:
            near = [
                (at[e.source] if forward else at[e.target], e.flow)
                for e in edges
                if (e.target if forward else e.source) == node
            ]
            weight = sum(flow for _, flow in near)
            mean[node] = sum(p * w for p, w in near) / weight if weight > 0.0 else float(at[node])
        order[column].sort(key=lambda node, mean=mean: mean[node])  # type: ignore[misc]


def _exchange(order: list[list[int]], edges: Sequence[Edge]) -> None:
    """Exchange neighbours in a column as long as that lowers the crossings."""
    near: dict[int, list[Edge]] = {}
    for edge in edges:
        near.setdefault(edge.source, []).append(edge)
        near.setdefault(edge.target, []).append(edge)
    for column in order:
        better = True
        while better:
            better, at = False, _positions(order)
            for place in range(len(column) - 1):
                up, down = column[place], column[place + 1]
                if (
                    _pair_crossings(down, up, near, at)
                    < _pair_crossings(up, down, near, at) - 1e-12
                ):
                    column[place], column[place + 1] = down, up
                    at[up], at[down] = place + 1, place
                    better = True


def _pair_crossings(up: int, down: int, near: dict[int, list[Edge]], at: Sequence[int]) -> float:
    """Return what crosses between the edges of two neighbours when the first stands above."""
    total = 0.0
    for one in near.get(up, []):
        for two in near.get(down, []):
            if one.source == up and two.source == down:
                total += one.flow * two.flow * (at[one.target] > at[two.target])
            if one.target == up and two.target == down:
                total += one.flow * two.flow * (at[one.source] > at[two.source])
    return total
