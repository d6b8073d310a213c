"""Limits on weighted sums of flows: ratios of sales, shares of a feed, common tanks."""

from typing import Any

from operator_agent.planning.case import FlowRow, PlanningCase
from operator_agent.planning.flow_paths import flow_of
from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit
from operator_agent.units import HOUR_S


def row_flow(model: Any, case: PlanningCase, row: FlowRow) -> Any:
    """Return the weighted sum of a row [m3/h]."""
    return sum(weight * flow_of(model, case, path) for path, weight in row.of.items())


def add_flow_rows(model: Any, case: PlanningCase) -> None:
    """Add the limits on weighted sums of flows."""
    for row in case.rows:
        for side, value in ((Side.MIN, row.low), (Side.MAX, row.high)):
            if value is None:
                continue
            bound = value * HOUR_S
            kind, weight = LimitKind.ROW, 1.0 / max(abs(w) for w in row.of.values())
            limit = Limit(kind, row.name, side, value, row.unit, "sum", bound, side, weight)
            add_limit(model, limit, row_flow(model, case, row), bound)
