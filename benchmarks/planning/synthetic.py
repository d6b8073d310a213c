"""A synthetic refinery of any number of periods, as numbers and as bare matrices.

Per period: 40 crudes, 2 crude units with 10 cuts each, 20 units with 6 feeds and 3 products each,
80 streams, 12 products of 25 components under 8 specifications, stocks of crudes, streams and
products. 776 columns and 250 rows. All numbers are drawn from a seed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.linear import LinearProgram

CRUDES, CDUS, CUTS = 40, 2, 10
UNITS, FEEDS, MADE = 20, 6, 3
STREAMS = CDUS * CUTS + UNITS * MADE
PRODUCTS, COMPONENTS, SPECS = 12, 25, 8

# Columns of one period, block after block.
BLOCKS = {
    "buy": CRUDES,
    "crude_stock": CRUDES,
    "charge": CRUDES * CDUS,
    "feed": UNITS * FEEDS,
    "blend": PRODUCTS * COMPONENTS,
    "stock": STREAMS,
    "fuel": STREAMS,
    "sale": PRODUCTS,
    "import": PRODUCTS,
    "product_stock": PRODUCTS,
}
WIDTH = sum(BLOCKS.values())
HEIGHT = CRUDES + CDUS + UNITS + STREAMS + PRODUCTS + PRODUCTS * SPECS


@dataclass(frozen=True)
class Data:
    """The numbers of a synthetic refinery with T periods; rates in kt per period, money in usd/t.

    Attributes:
        crude_price, available: shape (T, 40).
        yields: of crude c on crude unit j into cut k, shape (40, 2, 10).
        cdu_capacity, unit_capacity: shape (2,), (20,).
        feeds: streams that a unit may take, shape (20, 6); `unit_yields` shape (20, 6, 3).
        unit_cost: per feed, shape (20,).
        components: streams that a product may hold, shape (12, 25).
        excess: of a component over each specification, shape (12, 8, 25).
        price, demand: of products, shape (T, 12).
        stock_high: of crudes, streams and products, three numbers; each opens at half of it.
        holding: cost per stock and period.
        fuel_price, import_premium: a stream as fuel, a product bought from others.
    """

    crude_price: FloatArray
    available: FloatArray
    yields: FloatArray
    cdu_capacity: FloatArray
    unit_capacity: FloatArray
    feeds: Any
    unit_yields: FloatArray
    unit_cost: FloatArray
    components: Any
    excess: FloatArray
    price: FloatArray
    demand: FloatArray
    stock_high: tuple[float, float, float] = (60.0, 30.0, 60.0)
    holding: float = 0.5
    fuel_price: float = 300.0
    import_premium: float = 1.25

    @property
    def periods(self) -> int:
        """Number of periods."""
        return len(self.price)


def synthetic(periods: int, seed: int = 1) -> Data:
    """Return a refinery with seeded numbers."""
    rng = np.random.default_rng(seed)
    feeds = np.empty((UNITS, FEEDS), dtype=np.int64)
    for unit in range(UNITS):  # a unit takes what stands before it: no rings
        feeds[unit] = rng.choice(CDUS * CUTS + unit * MADE, FEEDS, replace=False)
    components = np.array([rng.choice(STREAMS, COMPONENTS, replace=False) for _ in range(PRODUCTS)])
    qualities = rng.uniform(0.0, 1.0, (STREAMS, SPECS))
    limits = np.quantile(qualities[components], 0.6, axis=1)
    cuts = rng.dirichlet(np.full(CUTS, 4.0), (CRUDES, CDUS))
    season = rng.normal(0.0, 0.03, (periods, 1))
    return Data(
        crude_price=rng.uniform(480.0, 620.0, CRUDES) * (1.0 + season),
        available=rng.uniform(5.0, 20.0, (periods, CRUDES)),
        yields=0.99 * cuts,
        cdu_capacity=np.array([100.0, 80.0]),
        unit_capacity=rng.uniform(10.0, 30.0, UNITS),
        feeds=feeds,
        unit_yields=0.97 * rng.dirichlet(np.full(MADE, 3.0), (UNITS, FEEDS)),
        unit_cost=rng.uniform(2.0, 15.0, UNITS),
        components=components,
        excess=np.moveaxis(qualities[components], 2, 1) - limits[:, :, np.newaxis],
        price=rng.uniform(600.0, 900.0, PRODUCTS) * (1.0 + season),
        demand=rng.uniform(8.0, 25.0, (periods, PRODUCTS)),
    )


def spans() -> dict[str, slice]:
    """Return where each block of columns stands within a period."""
    ends = np.cumsum(list(BLOCKS.values()))
    return {name: slice(end - BLOCKS[name], end) for name, end in zip(BLOCKS, ends, strict=True)}


def bounds(data: Data) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return low, high and cost of all columns, each of shape (T, 776)."""
    at, periods = spans(), data.periods
    low, high = np.zeros((periods, WIDTH)), np.full((periods, WIDTH), np.inf)
    cost = np.zeros((periods, WIDTH))
    high[:, at["buy"]], high[:, at["sale"]] = data.available, data.demand
    for name, most in zip(("crude_stock", "stock", "product_stock"), data.stock_high, strict=True):
        high[:, at[name]], cost[:, at[name]] = most, data.holding
        low[-1, at[name]] = 0.5 * most
    cost[:, at["buy"]] = data.crude_price
    cost[:, at["feed"]] = np.repeat(data.unit_cost, FEEDS)
    cost[:, at["fuel"]], cost[:, at["sale"]] = -data.fuel_price, -data.price
    cost[:, at["import"]] = data.import_premium * data.price
    return low, high, cost


def one_period(data: Data) -> tuple[Any, Any]:
    """Return the coefficients of a period's columns in its rows, and in the next period's rows."""
    at = {name: span.start for name, span in spans().items()}
    row: list[int] = []
    column: list[int] = []
    value: list[float] = []

    def put(r: Any, c: Any, v: Any) -> None:
        shape = np.broadcast_shapes(np.shape(r), np.shape(c), np.shape(v))
        for target, part in ((row, r), (column, c), (value, v)):
            target.extend(np.broadcast_to(part, shape).ravel().tolist())

    crude, cut = np.arange(CRUDES), np.arange(CUTS)
    unit, stream, product = np.arange(UNITS), np.arange(STREAMS), np.arange(PRODUCTS)
    cdu_row, unit_row = CRUDES, CRUDES + CDUS
    stream_row = unit_row + UNITS
    product_row, spec_row = stream_row + STREAMS, stream_row + STREAMS + PRODUCTS
    put(crude, at["buy"] + crude, 1.0)
    put(crude, at["crude_stock"] + crude, -1.0)
    for cdu in range(CDUS):
        charge = at["charge"] + crude * CDUS + cdu
        put(crude, charge, -1.0)
        put(cdu_row + cdu, charge, 1.0)
        into = stream_row + cdu * CUTS + cut
        put(into[np.newaxis, :], charge[:, np.newaxis], data.yields[:, cdu])
    feed = at["feed"] + unit[:, np.newaxis] * FEEDS + np.arange(FEEDS)
    put(unit_row + unit[:, np.newaxis], feed, 1.0)
    put(stream_row + data.feeds, feed, -1.0)
    made = stream_row + CDUS * CUTS + unit[:, np.newaxis] * MADE + np.arange(MADE)
    put(made[:, np.newaxis, :], feed[:, :, np.newaxis], data.unit_yields)
    blend = at["blend"] + product[:, np.newaxis] * COMPONENTS + np.arange(COMPONENTS)
    put(stream_row + data.components, blend, -1.0)
    put(product_row + product[:, np.newaxis], blend, 1.0)
    specs = spec_row + product[:, np.newaxis] * SPECS + np.arange(SPECS)
    put(specs[:, :, np.newaxis], blend[:, np.newaxis, :], data.excess)
    put(stream_row + stream, at["stock"] + stream, -1.0)
    put(stream_row + stream, at["fuel"] + stream, -1.0)
    put(product_row + product, at["product_stock"] + product, -1.0)
    put(product_row + product, at["sale"] + product, -1.0)
    put(product_row + product, at["import"] + product, 1.0)
    here = sparse.csc_matrix((value, (row, column)), shape=(HEIGHT, WIDTH))
    keep_rows = np.concatenate([crude, stream_row + stream, product_row + product])
    keep = np.concatenate(
        [at["crude_stock"] + crude, at["stock"] + stream, at["product_stock"] + product]
    )
    after = sparse.csc_matrix((np.ones(len(keep)), (keep_rows, keep)), shape=(HEIGHT, WIDTH))
    return here, after


def right_sides(data: Data) -> tuple[FloatArray, FloatArray]:
    """Return the limits of all rows, each of shape (T, 250)."""
    low, high = np.zeros((data.periods, HEIGHT)), np.zeros((data.periods, HEIGHT))
    capacity = slice(CRUDES, CRUDES + CDUS + UNITS)
    low[:, capacity] = -np.inf
    high[:, capacity] = np.concatenate([data.cdu_capacity, data.unit_capacity])
    low[:, HEIGHT - PRODUCTS * SPECS :] = -np.inf
    opening = np.concatenate(
        [
            np.full(CRUDES, 0.5 * data.stock_high[0]),
            np.zeros(CDUS + UNITS),
            np.full(STREAMS, 0.5 * data.stock_high[1]),
            np.full(PRODUCTS, 0.5 * data.stock_high[2]),
            np.zeros(PRODUCTS * SPECS),
        ]
    )
    low[0] -= opening
    high[0] -= opening
    return low, high


def arrays(data: Data) -> LinearProgram:
    """Return the refinery straight as matrices: the least that any modelling tool could cost."""
    here, after = one_period(data)
    low, high, cost = (part.ravel() for part in bounds(data))
    row_low, row_high = (part.ravel() for part in right_sides(data))
    shift = sparse.eye(data.periods, k=-1)
    matrix = sparse.kron(sparse.eye(data.periods), here) + sparse.kron(shift, after)
    return LinearProgram(cost, 0.0, matrix.tocsc(), row_low, row_high, low, high, (), ())
