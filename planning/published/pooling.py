"""Pooling problems: the layout of their JSON files, and the PQ formulation as a Pyomo model.

What leaves a pool has the composition of the pool. In the PQ formulation the columns are the
proportions q of feeds in a pool and the flows y out of it; their products are the flows of each
feed through each arc. Two rows that follow from the others, sum of products = y and products of
one feed <= q * pool, make bounds tight (M. Tawarmalani and N. Sahinidis, "Convexification and
Global Optimization in Continuous and Mixed-Integer Nonlinear Programming", 2002, chapter 9).

Money and amounts keep the units of the file. Source of the layout and of the instances:
cog-imperial/pooling-network (Apache-2.0), data of the literature, in one JSON file each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.published.json_entry import STRICT, entry_of

Arc = tuple[str, str, float | None, float | None]
KEYS = frozenset({"feeds", "pools", "products"})  # by which the layout is recognised


@dataclass(frozen=True, slots=True)
class Feed:
    """What can be bought: amount from min to max, cost for one, value of each quality."""

    max: float
    cost: float
    quality: list[float]
    min: float = 0.0

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Pool:
    """Where feeds are mixed: largest throughput."""

    max: float

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Product:
    """What can be sold: amount from min to max, price of one, limits of each quality or None."""

    max: float
    price: float
    q_max: list[float | None]
    q_min: list[float | None]
    min: float = 0.0

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class PoolingProblem:
    """A pooling problem as its file gives it.

    Attributes:
        name: of the instance.
        qualities: names; feeds and products list their values in this order.
        feeds, pools, products: by name.
        arcs_feed_pool: feed, pool, largest proportion of the pool, cost of one on this arc.
        arcs_pool_product: pool, product, largest flow, cost of one on this arc.
        arcs_feed_product: feed, product, largest flow, cost of one on this arc.
        known_min_cost: least cost as published, None when unknown.
        source, note: where the numbers come from.
    """

    name: str
    qualities: list[str]
    feeds: dict[str, Feed]
    pools: dict[str, Pool]
    products: dict[str, Product]
    arcs_feed_pool: list[Arc]
    arcs_pool_product: list[Arc]
    arcs_feed_product: list[Arc]
    known_min_cost: float | None = None
    source: str = ""
    note: str = ""

    __pydantic_config__ = STRICT


def pooling_problem(raw: dict[str, Any], source: str) -> PoolingProblem:
    """Return the pooling problem in a mapping.

    Args:
        raw: as read from the file.
        source: of the mapping, for messages.

    Raises:
        InputError: a key is missing or unknown, an arc leads where none may, or a feed or product
            gives more or fewer values than there are qualities.
    """
    problem = entry_of(PoolingProblem, raw, source)
    arcs = (
        ("arcs_feed_pool", problem.feeds, problem.pools),
        ("arcs_pool_product", problem.pools, problem.products),
        ("arcs_feed_product", problem.feeds, problem.products),
    )
    for key, starts, ends in arcs:
        seen = set()
        for start, end, _, _ in raw[key]:
            _check_arc(problem, f"{source}: {key} {start} -> {end}", start in starts, end, ends)
            if (start, end) in seen:
                raise InputError(f"{source}: {key} {start} -> {end} stands twice; keep one")
            seen.add((start, end))
    lists: list[tuple[str, Sequence[float | None]]]
    lists = [(f"feeds.{name}.quality", feed.quality) for name, feed in problem.feeds.items()]
    lists += [(f"products.{name}.q_max", p.q_max) for name, p in problem.products.items()]
    lists += [(f"products.{name}.q_min", p.q_min) for name, p in problem.products.items()]
    for place, values in lists:
        if len(values) != len(problem.qualities):
            raise InputError(
                f"{source}: {place} has {len(values)} values for {len(problem.qualities)} "
                "qualities; give one for each"
            )
    return problem


def _check_arc(
    problem: PoolingProblem, place: str, known: bool, end: str, ends: Mapping[str, Any]
) -> None:
    if known and end in ends:
        return
    if known and end in problem.pools:
        raise InputError(
            f"{place}: an arc between two pools is not modelled; draw its feeds to both pools"
        )
    raise InputError(f"{place}: no such arc can be; use the names of feeds, pools and products")


def build_pooling(problem: PoolingProblem) -> Any:
    """Return the PQ formulation as a Pyomo model; its cost is to be minimised.

    Raises:
        LimitsConflictError: a feed or product with a least amount has no arc.
    """
    model = pyo.ConcreteModel(name=problem.name)
    proportion = {(i, p): (limit, cost) for i, p, limit, cost in problem.arcs_feed_pool}
    out = {(p, j): (limit, cost) for p, j, limit, cost in problem.arcs_pool_product}
    direct = {(i, j): (limit, cost) for i, j, limit, cost in problem.arcs_feed_product}
    paths = [(i, p, j) for i, p in proportion for q, j in out if p == q]
    model.proportion = pyo.Var(
        list(proportion), bounds=lambda m, i, p: (0.0, _least(1.0, proportion[i, p][0]))
    )
    model.flow_out = pyo.Var(list(out), bounds=lambda m, p, j: (0.0, out[p, j][0]))
    model.direct = pyo.Var(list(direct), bounds=lambda m, i, j: (0.0, direct[i, j][0]))
    model.path = pyo.Var(paths, domain=pyo.NonNegativeReals)
    _add_pools(model, problem)
    _add_feeds(model, problem)
    _add_products(model, problem)
    model.cost = pyo.Objective(
        expr=pyo.quicksum(problem.feeds[i].cost * _used(model, i) for i in problem.feeds)
        - pyo.quicksum(problem.products[j].price * _made(model, j) for j in problem.products)
        + pyo.quicksum(
            (cost or 0.0) * model.path[i, p, j]
            for i, p, j in paths
            for cost in (proportion[i, p][1], out[p, j][1])
        )
        + pyo.quicksum((cost or 0.0) * model.direct[arc] for arc, (_, cost) in direct.items())
    )
    return model


def _least(first: float, second: float | None) -> float:
    return first if second is None else min(first, second)


def _add_pools(model: Any, problem: PoolingProblem) -> None:
    """Add composition and capacity of the pools, and the products of proportion and flow."""
    used = [pool for pool in problem.pools if any(p == pool for _, p in model.proportion)]
    model.composition = pyo.Constraint(
        used,
        rule=lambda m, p: pyo.quicksum(m.proportion[k] for k in m.proportion if k[1] == p) == 1,
    )
    model.throughput = pyo.Constraint(
        problem.pools,
        rule=lambda m, p: _at_most(
            [m.flow_out[k] for k in m.flow_out if k[0] == p], problem.pools[p].max
        ),
    )
    model.mixing = pyo.Constraint(
        list(model.path),
        rule=lambda m, i, p, j: m.path[i, p, j] == m.proportion[i, p] * m.flow_out[p, j],
    )
    model.path_sum = pyo.Constraint(
        list(model.flow_out),
        rule=lambda m, p, j: (
            pyo.quicksum(m.path[k] for k in m.path if k[1:] == (p, j)) == m.flow_out[p, j]
        ),
    )
    model.path_share = pyo.Constraint(
        list(model.proportion),
        rule=lambda m, i, p: _at_most(
            [
                *(m.path[k] for k in m.path if k[:2] == (i, p)),
                -problem.pools[p].max * m.proportion[i, p],
            ],
            0.0,
        ),
    )


def _at_most(terms: list[Any], limit: float) -> Any:
    return pyo.quicksum(terms) <= limit if terms else pyo.Constraint.Skip


def _add_feeds(model: Any, problem: PoolingProblem) -> None:
    model.supply = pyo.Constraint(
        problem.feeds,
        rule=lambda m, i: _between(_used(m, i), f"feed {i}", problem.feeds[i]),
    )


def _add_products(model: Any, problem: PoolingProblem) -> None:
    """Add demand and quality of the products."""
    model.demand = pyo.Constraint(
        problem.products,
        rule=lambda m, j: _between(_made(m, j), f"product {j}", problem.products[j]),
    )
    model.quality = pyo.Constraint(
        problem.products,
        problem.qualities,
        ["min", "max"],
        rule=lambda m, j, quality, end: _specification(m, problem, j, quality, end),
    )


def _specification(model: Any, problem: PoolingProblem, product: str, name: str, end: str) -> Any:
    place = problem.qualities.index(name)
    entry = problem.products[product]
    limit = (entry.q_min if end == "min" else entry.q_max)[place]
    if limit is None:
        return pyo.Constraint.Skip
    parts = [(model.path[k], k[0]) for k in model.path if k[2] == product]
    parts += [(model.direct[k], k[0]) for k in model.direct if k[1] == product]
    if not parts:
        return pyo.Constraint.Skip
    excess = pyo.quicksum((problem.feeds[i].quality[place] - limit) * part for part, i in parts)
    return excess >= 0.0 if end == "min" else excess <= 0.0


def _between(amount: Any, place: str, entry: Feed | Product) -> Any:
    if not isinstance(amount, int | float):
        return pyo.inequality(entry.min, amount, entry.max)
    if entry.min > 0.0:
        raise LimitsConflictError(
            f"{place}: at least {entry.min:g} is asked for and no arc leads there; add an arc"
        )
    return pyo.Constraint.Skip


def _used(model: Any, feed: str) -> Any:
    paths = [model.path[k] for k in model.path if k[0] == feed]
    return pyo.quicksum([*paths, *(model.direct[k] for k in model.direct if k[0] == feed)])


def _made(model: Any, product: str) -> Any:
    flows = [model.flow_out[k] for k in model.flow_out if k[1] == product]
    return pyo.quicksum([*flows, *(model.direct[k] for k in model.direct if k[1] == product)])
