"""The plan as a graph of flows: crudes, units, streams and products with what runs between them."""

import math
from dataclasses import dataclass
from enum import Enum

from operator_agent.planning.flows import CRUDE_UNIT
from operator_agent.planning.plan import Plan
from operator_agent.planning.webreport.balance import Balance, Line, stream_balances, unit_balances


class NodeKind(Enum):
    """What a node of the flow graph stands for."""

    CRUDE = "crude"
    UNIT = "unit"
    STREAM = "stream"
    PRODUCT = "product"
    PURCHASE = "purchase"


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
        """Volume that a unit gains over its feed, or a stream from stock [m3/s]; signed."""
        inner = self.kind in (NodeKind.UNIT, NodeKind.STREAM)
        return self.flow_out - self.flow_in if inner else 0.0

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
End = tuple[Key, Key, str, Line]


def flow_graph(plan: Plan) -> FlowGraph:
    """Return the flows of a plan, from crudes and purchases over units and streams to products."""
    ends = [
        *(end for balance in unit_balances(plan) for end in _round_unit(balance)),
        *(end for balance in stream_balances(plan) for end in _round_stream(plan, balance)),
    ]
    order = list(dict.fromkeys(key for source, target, *_ in ends for key in (source, target)))
    index = {key: n for n, key in enumerate(order)}
    links = tuple(
        FlowLink(
            index[source], index[target], stream, line.flow_vol, line.flow_mass / line.flow_vol
        )
        for source, target, stream, line in ends
    )
    return FlowGraph(tuple(_node(key, n, links) for n, key in enumerate(order)), links)


def _round_unit(balance: Balance) -> list[End]:
    unit = (NodeKind.UNIT, balance.name)
    ends: list[End] = []
    for line in balance.ins:
        crude = balance.name == CRUDE_UNIT
        kind = NodeKind.CRUDE if crude else NodeKind.STREAM
        ends.append(((kind, line.name), unit, line.name, line))
    ends += [(unit, (NodeKind.STREAM, x.name), x.name, x) for x in balance.outs]
    return ends


def _round_stream(plan: Plan, balance: Balance) -> list[End]:
    """Return what a stream takes from purchases and gives to products; units have theirs."""
    stream = (NodeKind.STREAM, balance.name)
    ends: list[End] = [
        ((NodeKind.PURCHASE, line.name), stream, balance.name, line)
        for line in balance.ins
        if line.name in plan.case.purchases
    ]
    ends += [
        (stream, (NodeKind.PRODUCT, line.name), balance.name, line)
        for line in balance.outs
        if line.name in plan.case.products
    ]
    return ends


def _node(key: Key, index: int, links: tuple[FlowLink, ...]) -> FlowNode:
    return FlowNode(
        *key,
        flow_in=math.fsum(link.flow_vol for link in links if link.target == index),
        flow_out=math.fsum(link.flow_vol for link in links if link.source == index),
    )
