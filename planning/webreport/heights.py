"""Heights of the nodes of a layered drawing: near their neighbours, in order, without overlap."""

from collections.abc import Sequence

from operator_agent.planning.webreport.layered import Edge, Layers

RELAXATIONS = 60  # passes that draw nodes towards their neighbours


def heights(layers: Layers, slots: Sequence[float], height: float) -> list[float]:
    """Return the vertical centre of every node.

    Args:
        layers: ordered nodes.
        slots: height that each node needs, spacing included, shape (n,).
        height: of the drawing; columns that need more are not clipped.
    """
    centre = [0.0] * len(slots)
    for column in layers.order:
        _spread(column, [height / 2.0] * len(column), slots, centre, height)
    for sweep in range(RELAXATIONS):
        columns = layers.order if sweep % 2 == 0 else layers.order[::-1]
        for column in columns:
            wanted = [_wanted(node, layers.edges, centre) for node in column]
            _spread(column, wanted, slots, centre, height)
    return centre


def _wanted(node: int, edges: Sequence[Edge], centre: Sequence[float]) -> float:
    """Return the mean height of a node's neighbours by flow."""
    near = [(centre[e.source], e.flow) for e in edges if e.target == node]
    near += [(centre[e.target], e.flow) for e in edges if e.source == node]
    weight = sum(flow for _, flow in near)
    return sum(y * flow for y, flow in near) / weight if weight > 0.0 else centre[node]


def _spread(
    column: Sequence[int],
    wanted: Sequence[float],
    slots: Sequence[float],
    centre: list[float],
    height: float,
) -> None:
    """Put a column's nodes as near as possible to where they are wanted, without overlap.

    With s the sum of spacings up to a node, y - s must not fall along the column and stays between
    its least and greatest place: a monotone regression, solved by pooling adjacent violators.
    """
    shift, so_far = [], 0.0
    for node in column:
        so_far += slots[node] / 2.0
        shift.append(so_far)
        so_far += slots[node] / 2.0
    pools: list[list[float]] = []  # [sum, count]
    for place in range(len(column)):
        pools.append([wanted[place] - shift[place], 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    free = [total / count for total, count in pools for _ in range(int(count))]
    room = max(height - so_far, 0.0)
    for place, node in enumerate(column):
        centre[node] = min(max(free[place], 0.0), room) + shift[place]
