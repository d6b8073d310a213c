"""The Sankey diagram: flow is conserved, nothing overlaps, and the layout lowers crossings."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.planning.plan import Plan
from operator_agent.planning.webreport.flow_graph import FlowGraph, NodeKind, flow_graph
from operator_agent.planning.webreport.heights import heights
from operator_agent.planning.webreport.layered import Edge, arrange, crossings
from operator_agent.planning.webreport.sankey import NODE, sankey, sankey_layout


def test_flow_is_conserved_at_every_node(plan: Plan) -> None:
    graph = flow_graph(plan)
    kinds = {kind: [n for n in graph.nodes if n.kind is kind] for kind in NodeKind}
    for node in kinds[NodeKind.STREAM]:
        assert node.flow_in == pytest.approx(node.flow_out, rel=1e-5)
    for node in kinds[NodeKind.UNIT]:
        assert node.flow_in == pytest.approx(plan.unit_loads[node.name], rel=1e-6)
        assert node.flow_in + node.gain == pytest.approx(node.flow_out, rel=1e-12)
    made = sum(node.flow_in for node in kinds[NodeKind.PRODUCT])
    bought = sum(node.flow_out for node in kinds[NodeKind.CRUDE])
    gained = sum(node.gain for node in kinds[NodeKind.UNIT])
    assert made == pytest.approx(bought + gained, rel=1e-5)
    assert made == pytest.approx(sum(blend.flow_vol for blend in plan.blends), rel=1e-5)


def test_widths_are_in_proportion_to_flows(plan: Plan) -> None:
    layout = sankey_layout(flow_graph(plan))
    largest = max(layout.graph.links, key=lambda link: link.flow_vol)
    scale = max(layout.widths) / largest.flow_vol
    for link, width in zip(layout.graph.links, layout.widths, strict=True):
        assert width == pytest.approx(max(scale * link.flow_vol, 1.0))


def test_labels_and_nodes_do_not_overlap(plan: Plan) -> None:
    layout = sankey_layout(flow_graph(plan))
    areas = [box.label_area for box in layout.boxes]
    areas += [(b.x, b.top, b.x + NODE, b.top + b.height) for b in layout.boxes]
    for one, two in combinations(areas, 2):
        apart_x = one[2] <= two[0] + 1e-6 or two[2] <= one[0] + 1e-6
        apart_y = one[3] <= two[1] + 1e-6 or two[3] <= one[1] + 1e-6
        assert apart_x or apart_y, (one, two)


def test_each_link_runs_from_its_source_to_its_target(plan: Plan) -> None:
    layout = sankey_layout(flow_graph(plan))
    for link, path in zip(layout.graph.links, layout.paths, strict=True):
        source, target = layout.boxes[link.source], layout.boxes[link.target]
        assert path[0][0] == pytest.approx(source.x + NODE)
        assert path[-1][0] == pytest.approx(target.x)
        assert source.top <= path[0][1] <= source.top + source.height
        assert target.top <= path[-1][1] <= target.top + target.height
        assert all(a[0] < b[0] for a, b in pairwise(path))


def test_a_plan_without_flows_has_an_empty_diagram() -> None:
    layout = sankey_layout(FlowGraph((), ()))
    assert (layout.boxes, layout.paths, layout.height) == ((), (), 0.0)


def test_every_flow_has_words(plan: Plan) -> None:
    picture = sankey(plan)
    graph = flow_graph(plan)
    assert picture.count("<title>") == len(graph.links) + len(graph.nodes)
    assert "residue → vacuum unit" in picture


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[Edge]]:
    n = draw(st.integers(2, 12))
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=20, unique=True))
    flows = draw(st.lists(st.floats(0.1, 10.0), min_size=len(chosen), max_size=len(chosen)))
    return n, [Edge(a, b, flow) for (a, b), flow in zip(chosen, flows, strict=True)]


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_layout_of_any_graph(graph: tuple[int, list[Edge]]) -> None:
    n, edges = graph
    fed = {edge.source for edge in edges}
    last = sorted({edge.target for edge in edges} - fed)
    layers = arrange(n, edges, last, [0.0] * n)
    for chain, edge in zip(layers.chains, edges, strict=True):
        parts = [layers.edges[part] for part in chain]
        assert (parts[0].source, parts[-1].target) == (edge.source, edge.target)
        assert all(one.target == two.source for one, two in pairwise(parts))
        assert all(layers.layer[p.target] == layers.layer[p.source] + 1 for p in parts)
    assert sorted(node for column in layers.order for node in column) == list(
        range(len(layers.layer))
    )
    start = [sorted(column) for column in layers.order]
    assert crossings(layers.order, layers.edges) <= crossings(start, layers.edges) + 1e-9
    slots = [10.0 + node for node in range(len(layers.layer))]
    tall = max(sum(slots[node] for node in column) for column in layers.order)
    centre = heights(layers, slots, tall)
    for column in layers.order:
        for up, down in pairwise(column):
            assert centre[down] - centre[up] >= 0.5 * (slots[up] + slots[down]) - 1e-6
        assert centre[column[0]] >= slots[column[0]] / 2.0 - 1e-6
        assert centre[column[-1]] <= tall - slots[column[-1]] / 2.0 + 1e-6
