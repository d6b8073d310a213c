"""The Sankey diagram of a plan: how much flows where, width for volume, colour for density."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from operator_agent.planning.plan import Plan
from operator_agent.planning.webreport.balance import NOTHING
from operator_agent.planning.webreport.colours import (
    GAIN,
    NODE_COLOURS,
    density_colour,
    density_key,
)
from operator_agent.planning.webreport.flow_graph import (
    FlowGraph,
    FlowLink,
    FlowNode,
    NodeKind,
    flow_graph,
)
from operator_agent.planning.webreport.heights import heights
from operator_agent.planning.webreport.layered import Edge, Layers, arrange
from operator_agent.planning.webreport.svg import Attribute, element, picture, rect, text, title
from operator_agent.planning.webreport.words import FLOW, flow, mass_flow, words, wrapped

WIDTH, RIGHT = 1240.0, 122.0  # [px] of the picture; kept free for the names of the products
NODE = 11.0  # [px] width of a node
LINE = 13.0  # [px] height of a line of a label
GLYPH = 5.9  # [px] mean width of a character of a label, measured at 11 px
SPACE = 12.0  # [px] least distance between neighbours
PASSING = 7.0  # [px] least distance round a link that passes a column
FULL = 330.0  # [px] height of all crude
BEND = 0.45  # of the distance between columns: where a link's curve begins to turn
THINNEST = 1.0  # [px] so that the smallest flow is still seen


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node stands [px]: left edge, centre, height, and its label's lines."""

    x: float
    centre: float
    height: float
    label: tuple[str, ...]

    @property
    def top(self) -> float:
        """Upper edge [px]."""
        return self.centre - self.height / 2.0

    @property
    def label_area(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the label [px]."""
        width = GLYPH * max(len(words) for words in self.label)
        left, half = self.x + NODE + 4.0, LINE * len(self.label) / 2.0
        return left, self.centre - half, left + width, self.centre + half


@dataclass(frozen=True, slots=True)
class SankeyLayout:
    """A flow graph with the place of every node and the path of every link.

    Attributes:
        graph: that is drawn.
        boxes: of its nodes.
        paths: points of each link's centre line, two for every column it touches [px].
        widths: of the links [px].
        height: of the picture [px].
    """

    graph: FlowGraph
    boxes: tuple[Box, ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]
    widths: tuple[float, ...]
    height: float


def sankey_layout(graph: FlowGraph) -> SankeyLayout:
    """Return a layered layout with few crossings whose labels do not overlap."""
    edges = [Edge(link.source, link.target, link.flow_vol) for link in graph.links]
    last = [n for n, node in enumerate(graph.nodes) if node.kind is NodeKind.PRODUCT]
    layers = arrange(len(graph.nodes), edges, last, _ranks(graph))
    scale = FULL / max((node.through for node in graph.nodes), default=1.0)
    step = (WIDTH - RIGHT - NODE) / max(len(layers.order) - 1, 1)
    labels = [_label(node, step) for node in graph.nodes]
    through = [node.through for node in graph.nodes]
    through += [0.0] * (len(layers.layer) - len(through))
    for chain in layers.chains:
        for part in chain[1:]:
            through[layers.edges[part].source] = layers.edges[part].flow
    tall = [scale * amount for amount in through]
    slots = [
        max(size, LINE * len(labels[n])) + SPACE if n < len(labels) else size + PASSING
        for n, size in enumerate(tall)
    ]
    height = max((sum(slots[n] for n in column) for column in layers.order), default=0.0)
    centre = heights(layers, slots, height)
    boxes = [
        Box(
            step * layers.layer[n],
            centre[n],
            max(size, THINNEST),
            labels[n] if n < len(labels) else ("",),
        )
        for n, size in enumerate(tall)
    ]
    ports = _ports(layers, boxes, scale)
    paths = tuple(_path(chain, layers, boxes, ports) for chain in layers.chains)
    widths = tuple(max(scale * link.flow_vol, THINNEST) for link in graph.links)
    return SankeyLayout(graph, tuple(boxes[: len(graph.nodes)]), paths, widths, height)


def _ranks(graph: FlowGraph) -> list[float]:
    """Return the mean density of what passes each node: light streams start on top."""
    ranks = []
    for n in range(len(graph.nodes)):
        known = [x for x in graph.links if n in (x.source, x.target) and math.isfinite(x.density)]
        volume = sum(link.flow_vol for link in known)
        mass = sum(link.flow_vol * link.density for link in known)
        ranks.append(mass / volume if known else 0.0)
    return ranks


def _label(node: FlowNode, step: float) -> tuple[str, ...]:
    room = RIGHT if node.kind is NodeKind.PRODUCT else step
    amount = flow(node.through)
    if node.kind is NodeKind.UNIT and abs(node.gain) > NOTHING:
        amount = f"{flow(node.flow_in)} → {flow(node.flow_out)}"
    return (*wrapped(words(node.name), int((room - NODE - 8.0) / GLYPH)), amount)


def _ports(layers: Layers, boxes: Sequence[Box], scale: float) -> dict[int, tuple[float, float]]:
    """Return the height at which each part of a link leaves and enters [px], by part."""
    leaves: dict[int, float] = {}
    enters: dict[int, float] = {}
    for node, box in enumerate(boxes):
        out = [n for n, edge in enumerate(layers.edges) if edge.source == node]
        into = [n for n, edge in enumerate(layers.edges) if edge.target == node]
        out.sort(key=lambda n: boxes[layers.edges[n].target].centre)
        into.sort(key=lambda n: boxes[layers.edges[n].source].centre)
        for ends, side in ((out, leaves), (into, enters)):
            y = box.top
            for n in ends:
                side[n] = y + scale * layers.edges[n].flow / 2.0
                y += scale * layers.edges[n].flow
    return {n: (leaves[n], enters[n]) for n in leaves}


def _path(
    chain: Sequence[int],
    layers: Layers,
    boxes: Sequence[Box],
    ports: dict[int, tuple[float, float]],
) -> tuple[tuple[float, float], ...]:
    """Return the edge of the first node, the middles of passed columns, the edge of the last."""
    first, final = layers.edges[chain[0]], layers.edges[chain[-1]]
    passed = [layers.edges[part].source for part in chain[1:]]
    return (
        (boxes[first.source].x + NODE, ports[chain[0]][0]),
        *((boxes[node].x + NODE / 2.0, boxes[node].centre) for node in passed),
        (boxes[final.target].x, ports[chain[-1]][1]),
    )


def sankey(plan: Plan) -> str:
    """Return the Sankey diagram of a plan as SVG."""
    layout = sankey_layout(flow_graph(plan))
    parts = [_link(layout, n) for n in range(len(layout.graph.links))]
    parts += [
        _node(node, box, layout) for node, box in zip(layout.graph.nodes, layout.boxes, strict=True)
    ]
    top = 34.0
    drawing = element("g", {"transform": f"translate(0 {top:.0f})"}, *parts)
    key = density_key(0.0, 2.0)
    return picture(
        WIDTH, layout.height + top + 8.0, "flows from crudes to products", [key, drawing]
    )


def _link(layout: SankeyLayout, n: int) -> str:
    link = layout.graph.links[n]
    return element(
        "path",
        {
            "d": _curve(layout.paths[n]),
            "fill": "none",
            "stroke": density_colour(link.density),
            "stroke-width": layout.widths[n],
            "class": "flow",
        },
        title(_link_words(layout.graph, link)),
    )


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return a smooth path: level at both ends and wherever the link turns up or down."""
    slopes = [0.0] * len(points)
    for n in range(1, len(points) - 1):
        (x0, y0), (x1, y1), (x2, y2) = points[n - 1 : n + 2]
        before, after = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
        # No steeper than both sides allow: a cubic that keeps to its points does not overshoot.
        steep = min(abs(y2 - y0) / (x2 - x0), 2.0 * abs(before), 2.0 * abs(after))
        slopes[n] = math.copysign(steep, after) if before * after > 0.0 else 0.0
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for n, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        bend = BEND * (x2 - x1)
        first, second = y1 + bend * slopes[n], y2 - bend * slopes[n + 1]
        parts.append(f"C{x1 + bend:.1f} {first:.1f} {x2 - bend:.1f} {second:.1f} {x2:.1f} {y2:.1f}")
    return "".join(parts)


def _link_words(graph: FlowGraph, link: FlowLink) -> str:
    source, target = graph.nodes[link.source], graph.nodes[link.target]
    mass = "density not given"
    if math.isfinite(link.density):
        mass = f"{mass_flow(link.flow_vol * link.density)} t/h, {link.density:.0f} kg/m3"
    return f"{words(source.name)} → {words(target.name)}: {flow(link.flow_vol)} {FLOW}, {mass}"


def _node(node: FlowNode, box: Box, layout: SankeyLayout) -> str:
    tip = f"{node.kind.value} {words(node.name)}: {flow(node.flow_in or node.flow_out)} {FLOW}"
    if node.kind is NodeKind.UNIT:
        tip += f" in, {flow(node.flow_out)} {FLOW} out"
    colour = NODE_COLOURS[node.kind.value]
    parts = [title(tip), rect(box.x, box.top, NODE, box.height, colour)]
    if abs(node.gain) > NOTHING:
        size = box.height * abs(node.gain) / node.through
        parts.append(
            rect(
                box.x if node.gain > 0 else box.x + NODE / 2,
                box.top + box.height - size,
                NODE / 2,
                size,
                GAIN,
            )
        )
    left, top, right, bottom = box.label_area
    place: dict[str, Attribute] = {"x": left - 2.0, "y": top, "class": "plate", "rx": 2.0}
    parts.append(element("rect", {**place, "width": right - left + 4.0, "height": bottom - top}))
    style = f"name {node.kind.value}"
    for n, words_of in enumerate(box.label):
        last = n == len(box.label) - 1
        parts.append(text(left, top + LINE * n + 10.0, words_of, "value" if last else style))
    return element("g", {}, *parts)
