"""From a solved model to a plan: values out of the variables, marginals into money per unit."""

from collections.abc import Callable, Mapping
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.blends import blend_quality, spec_base
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.flow_rows import row_flow
from operator_agent.planning.limits import Limit, LimitKind
from operator_agent.planning.markets import product_sale
from operator_agent.planning.mixing import Exact
from operator_agent.planning.plan import Blend, LimitResult, Money
from operator_agent.planning.qualities import QUALITIES
from operator_agent.planning.units import unit_feed
from operator_agent.units import HOUR_S

INDEX_STEP = 1e-5  # relative, for the slope of an index over its quality


def read_money(model: Any) -> Money:
    """Return the parts of the profit at the model's values [usd/h]."""

    def values(part: Any) -> Mapping[str, float]:
        return {index: float(pyo.value(part[index])) for index in part}

    return Money(
        values(model.revenue),
        values(model.crude_cost),
        values(model.energy_cost),
        values(model.operating_cost),
        values(model.purchase_cost),
    )


def read_unit_loads(model: Any, case: PlanningCase) -> Mapping[str, float]:
    """Return the feed of the crude unit and of every process unit [m3/s]."""
    loads = {}
    if case.crude_unit.cuts:
        loads["crude_unit"] = sum(model.charge[name].value for name in case.crudes) / HOUR_S
    for name, unit in case.units.items():
        loads[name] = float(pyo.value(unit_feed(model, unit))) / HOUR_S
    return loads


def read_blends(model: Any, case: PlanningCase) -> tuple[Blend, ...]:
    """Return recipes [m3/s] and qualities [SI] of all products."""
    return tuple(
        Blend(
            product.name,
            {s: model.flow[s, product.name].value / HOUR_S for s in product.components},
            tuple((spec.quality, blend_quality(model, product, spec)) for spec in product.specs),
        )
        for product in case.products.values()
    )


def read_limits(
    model: Any, case: PlanningCase, marginals: Mapping[str, float]
) -> tuple[LimitResult, ...]:
    """Return every limit with its value in the plan and its shadow price.

    Args:
        model: exact model that holds the plan.
        case: of the model.
        marginals: d(profit)/d(right-hand side) by name of row.
    """
    read: dict[LimitKind, Callable[[Limit], tuple[float, float]]] = {
        LimitKind.SPEC: lambda limit: _spec_value(model, case, limit),
        LimitKind.FEED: lambda limit: _spec_value(model, case, limit),
        LimitKind.PURCHASE: lambda limit: (model.purchase[limit.item].value / HOUR_S, 1.0),
        LimitKind.ROW: lambda limit: (_row_value(model, case, limit), 1.0),
        LimitKind.CRUDE: lambda limit: (model.purchase[limit.item].value / HOUR_S, 1.0),
        LimitKind.PRODUCT: lambda limit: (
            float(pyo.value(product_sale(model, case.products[limit.item]))) / HOUR_S,
            1.0,
        ),
        LimitKind.UNIT: lambda limit: (read_unit_loads(model, case)[limit.item], 1.0),
    }
    results = []
    for key, limit in model.limits.items():
        value, per_unit = read[limit.kind](limit)
        marginal = marginals.get(model.limit[key].name, 0.0)
        results.append(LimitResult(limit, value, marginal * per_unit))
    return tuple(results)


def _spec_value(model: Any, case: PlanningCase, limit: Limit) -> tuple[float, float]:
    """Return the quality [SI] and what turns the row's marginal into usd/h per SI unit.

    The row is amount - index * base, so a step of the index moves its right-hand side by the base.
    """
    blend = case.specified(limit.item)
    spec = next(spec for spec in blend.specs if spec.quality.name == limit.quality)
    base = float(pyo.value(spec_base(model, Exact(), blend, spec)))
    quality = QUALITIES[limit.quality]
    step = INDEX_STEP * max(abs(limit.value), 1e-9)
    slope = (quality.to_index(limit.value + step) - quality.to_index(limit.value - step)) / (
        2.0 * step
    )
    return blend_quality(model, blend, spec), base * slope


def _row_value(model: Any, case: PlanningCase, limit: Limit) -> float:
    row = next(row for row in case.rows if row.name == limit.item)
    return float(pyo.value(row_flow(model, case, row))) / HOUR_S
