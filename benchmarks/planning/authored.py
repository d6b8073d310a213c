"""The synthetic refinery as people write models: in Pyomo, and in linopy."""

from typing import Any

import linopy
import numpy as np
import pandas as pd
import pyomo.environ as pyo
import xarray as xr
from benchmarks.planning.synthetic import (
    CDUS,
    COMPONENTS,
    CRUDES,
    CUTS,
    FEEDS,
    HEIGHT,
    MADE,
    PRODUCTS,
    SPECS,
    STREAMS,
    UNITS,
    Data,
    bounds,
    one_period,
    right_sides,
    spans,
)

INNER = {
    "charge": (CRUDES, CDUS),
    "feed": (UNITS, FEEDS),
    "blend": (PRODUCTS, COMPONENTS),
}


def pyomo_model(data: Data) -> Any:
    """Return the refinery authored in Pyomo, noun by noun."""
    model = pyo.ConcreteModel()
    _add_variables(model, data)
    for t in range(data.periods):
        block = {name: _of(model, name, t) for name in spans()}
        before = {name: _of(model, name, t - 1) for name in spans()} if t else None
        _add_crudes(model, data, t, block, before)
        _add_units(model, data, t, block)
        _add_streams(model, data, t, block, before)
        _add_products(model, data, t, block, before)
    cost = bounds(data)[2].ravel().tolist()
    columns = [v for t in range(data.periods) for name in spans() for v in _of(model, name, t)]
    model.cost = pyo.Objective(expr=sum(c * v for c, v in zip(cost, columns, strict=True) if c))
    return model


def _add_variables(model: Any, data: Data) -> None:
    low, high, _ = bounds(data)
    for name, at in spans().items():
        width = range(at.stop - at.start)
        limits = {
            (t, i): (float(low[t, at.start + i]), float(high[t, at.start + i]))
            for t in range(data.periods)
            for i in width
        }
        model.add_component(name, pyo.Var(range(data.periods), width, bounds=limits))
    for name in ("crude", "cdu", "unit", "stream", "product", "spec"):
        model.add_component(name + "_row", pyo.ConstraintList())


def _of(model: Any, name: str, t: int) -> list[Any]:
    variable = model.component(name)
    return [variable[t, i] for i in range(spans()[name].stop - spans()[name].start)]


def _opening(data: Data, kind: int, before: Any, name: str, i: int) -> Any:
    return before[name][i] if before else 0.5 * data.stock_high[kind]


def _add_crudes(model: Any, data: Data, t: int, now: Any, before: Any) -> None:
    for c in range(CRUDES):
        opening = _opening(data, 0, before, "crude_stock", c)
        charged = sum(now["charge"][c * CDUS + j] for j in range(CDUS))
        model.crude_row.add(opening + now["buy"][c] - charged - now["crude_stock"][c] == 0.0)
    for j in range(CDUS):
        charged = sum(now["charge"][c * CDUS + j] for c in range(CRUDES))
        model.cdu_row.add(charged <= float(data.cdu_capacity[j]))


def _add_units(model: Any, data: Data, t: int, now: Any) -> None:
    for u in range(UNITS):
        fed = sum(now["feed"][u * FEEDS + k] for k in range(FEEDS))
        model.unit_row.add(fed <= float(data.unit_capacity[u]))


def _add_streams(model: Any, data: Data, t: int, now: Any, before: Any) -> None:
    gains: list[list[Any]] = [[] for _ in range(STREAMS)]
    for j in range(CDUS):
        table = data.yields[:, j].tolist()
        for k in range(CUTS):
            gains[j * CUTS + k] += [
                table[c][k] * now["charge"][c * CDUS + j] for c in range(CRUDES)
            ]
    for u in range(UNITS):
        table = data.unit_yields[u].tolist()
        for k, stream in enumerate(data.feeds[u].tolist()):
            gains[stream].append(-now["feed"][u * FEEDS + k])
            for m in range(MADE):
                made = CDUS * CUTS + u * MADE + m
                gains[made].append(table[k][m] * now["feed"][u * FEEDS + k])
    for p in range(PRODUCTS):
        for k, stream in enumerate(data.components[p].tolist()):
            gains[stream].append(-now["blend"][p * COMPONENTS + k])
    for s in range(STREAMS):
        opening = _opening(data, 1, before, "stock", s)
        model.stream_row.add(opening + sum(gains[s]) - now["stock"][s] - now["fuel"][s] == 0.0)


def _add_products(model: Any, data: Data, t: int, now: Any, before: Any) -> None:
    for p in range(PRODUCTS):
        blend = now["blend"][p * COMPONENTS : (p + 1) * COMPONENTS]
        opening = _opening(data, 2, before, "product_stock", p)
        made = opening + sum(blend) + now["import"][p]
        model.product_row.add(made - now["product_stock"][p] - now["sale"][p] == 0.0)
        for excess in data.excess[p].tolist():
            model.spec_row.add(sum(e * v for e, v in zip(excess, blend, strict=True)) <= 0.0)


def linopy_model(data: Data) -> Any:
    """Return the refinery in linopy, which takes whole tables of coefficients at once."""
    linopy.options["semantics"] = "v1"  # its newer arithmetic, with sparse products of tables
    model = linopy.Model()
    low, high, cost = bounds(data)
    periods = pd.RangeIndex(data.periods, name="t")
    here, after = (part.tocsr() for part in one_period(data))
    row_low, row_high = right_sides(data)
    body: Any = []
    objective: Any = []
    for name, at in spans().items():
        own = pd.RangeIndex(at.stop - at.start, name=name)
        sides = [xr.DataArray(part[:, at], coords=[periods, own]) for part in (low, high, cost)]
        column = model.add_variables(sides[0], sides[1], name=name)
        objective.append((sides[2] * column).sum())
        body.append(column @ _table(here[:, at], own))
        if after[:, at].nnz:
            body.append(column.shift(t=1).fillna(0) @ _table(after[:, at], own))
    whole = linopy.merge(body)
    free = np.isneginf(row_low[0])
    top = xr.DataArray(row_high, coords=[periods, pd.RangeIndex(HEIGHT, name="row")])
    model.add_constraints(whole.isel(row=free) <= top.isel(row=free), name="limits")
    model.add_constraints(whole.isel(row=~free) == top.isel(row=~free), name="balances")
    model.add_objective(linopy.merge(objective))
    return model


def _table(part: Any, own: Any) -> Any:
    return xr.DataArray(part.toarray(), coords=[pd.RangeIndex(HEIGHT, name="row"), own])


__all__ = ["SPECS", "linopy_model", "pyomo_model"]
