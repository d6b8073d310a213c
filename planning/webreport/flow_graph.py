"""The plan as a graph of flows: crudes, units, streams and products with what runs between them."""

import math
from dataclasses import dataclass
from enum import Enum

from operator_agent.planning.plan import Plan
from operator_agent.planning.webreport.balance import NOTHING, Balance, unit_balances


class NodeKind(Enum):
    """What a node of the flow graph stands for."""

    CRUDE = "crude"
    UNIT = "unit"
    STREAM = "stream"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class FlowNode:
    """A node of the flow graph.

    Attributes:
        kind, name: what it stands for.
        flow_in, flow_out: volume flow through its links [m3/s]; a unit may swell or shrink it.
    """

    kind: NodeKind
    name: str
    flow_in: float
    flow_out: float

    @property
    def gain(self) -> float:
        """Volume that a unit gains over its feed [m3/s]; negative when it loses."""
        return self.flow_out - self.flow_in if self.kind is NodeKind.UNIT else 0.0

    @property
    def through(self) -> float:
        """The larger of what goes in and what comes out [m3/s]."""
        return max(self.flow_in, self.flow_out)


@dataclass(frozen=True, slots=True)
class FlowLink:
    """A flow between two nodes.

    Attributes:
        source, target: index of the nodes.
        stream: that flows.
        flow_vol: volume flow [m3/s].
        density: [kg/m3]; NaN where the case gives none.
    """

    source: int
    target: int
    stream: str
    flow_vol: float
    density: float


@dataclass(frozen=True, slots=True)
class FlowGraph:
    """Nodes and the flows between them; flows near zero are left out."""

    nodes: tuple[FlowNode, ...]
    links: tuple[FlowLink, ...]


Key = tuple[NodeKind, str]


def flow_graph(plan: Plan) -> FlowGraph:
    """Return the flows of a plan, from crudes over units and streams to products."""
    ends = [
        *(end for balance in unit_balances(plan) for end in _round_unit(plan, balance)),
        *(
            (
                (NodeKind.STREAM, stream),
                (NodeKind.PRODUCT, use),
                stream,
                flow,
                plan.flows.density(stream),
            )
            for (stream, use), flow in plan.flows.drawn.items()
            if use in plan.case.products and flow > NOTHING
        ),
    ]
    order = list(dict.fromkeys(key for source, target, *_ in ends for key in (source, target)))
    index = {key: n for n, key in enumerate(order)}
    links = tuple(
        FlowLink(index[source], index[target], stream, flow, density)
        for source, target, stream, flow, density in ends
    )
    return FlowGraph(tuple(_node(key, n, links) for n, key in enumerate(order)), links)


def _round_unit(plan: Plan, balance: Balance) -> list[tuple[Key, Key, str, float, float]]:
    unit = (NodeKind.UNIT, balance.name)
    ends: list[tuple[Key, Key, str, float, float]] = []
    for line in balance.ins:
        kind = NodeKind.CRUDE if line.name in plan.case.crudes else NodeKind.STREAM
        ends.append(
            ((kind, line.name), unit, line.name, line.flow_vol, line.flow_mass / line.flow_vol)
        )
    for line in balance.outs:
        density = line.flow_mass / line.flow_vol
        ends.append((unit, (NodeKind.STREAM, line.name), line.name, line.flow_vol, density))
    return ends


def _node(key: Key, index: int, links: tuple[FlowLink, ...]) -> FlowNode:
    return FlowNode(
        *key,
        flow_in=math.fsum(link.flow_vol for link in links if link.target == index),
        flow_out=math.fsum(link.flow_vol for link in links if link.source == index),
    )
