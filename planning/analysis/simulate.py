"""Simulate: decisions as they are, evaluated and never improved.

Balances are computed from the front of the refinery to the back; then every limit is looked at.
What is missed is reported in its own unit, worst first, with what it puts at stake.
"""

from dataclasses import dataclass, replace
from typing import Any

import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import SumExpression

from operator_agent.planning.alerts import AlertResult, read_alerts
from operator_agent.planning.analysis.decisions import Decisions, point_of
from operator_agent.planning.analysis.words import plain
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.mixing import Exact
from operator_agent.planning.outcome import put
from operator_agent.planning.plan import Blend, LimitResult, Money
from operator_agent.planning.plan_reader import (
    read_blends,
    read_limits,
    read_money,
    read_unit_loads,
)
from operator_agent.planning.recursion import BREAK_PRICE
from operator_agent.planning.refinery import decide, refinery
from operator_agent.planning.streams import Point
from operator_agent.signing import Json

MISSED = 1e-6  # relative to the limit: less is the last digits of a solver


@dataclass(frozen=True, slots=True)
class LimitMiss:
    """A limit that a point does not keep.

    Attributes:
        result: the limit with the value at the point.
        amount: by which it is missed [SI].
        severity: m3/h of any flow that this counts like (see `Limit.weight`).
        at_stake: sales of the product that misses a specification or a market [usd/h]; zero for
            limits of units and purchases.
    """

    result: LimitResult
    amount: float
    severity: float
    at_stake: float


@dataclass(frozen=True, slots=True)
class RowMiss:
    """A balance that a point does not close.

    Attributes:
        row: its name.
        amount: in units of the row.
        relative: to its largest term, or to one.
    """

    row: str
    amount: float
    relative: float


@dataclass(frozen=True)
class Simulation:
    """A point, evaluated.

    Attributes:
        case: that it belongs to.
        point: all values.
        money: parts of the profit [usd/h].
        blends: products.
        unit_loads: feed by unit [m3/s].
        limits: every limit with its value; no marginals, for nothing was optimised.
        misses: limits that are not kept, worst first.
        rows: balances and whole numbers that are not kept, worst first.
        alerts: ranges that are watched, not enforced.
        remarks: sentences about how the decisions were read.
    """

    case: PlanningCase
    point: Point
    money: Money
    blends: tuple[Blend, ...]
    unit_loads: dict[str, float]
    limits: tuple[LimitResult, ...]
    misses: tuple[LimitMiss, ...]
    rows: tuple[RowMiss, ...]
    alerts: tuple[AlertResult, ...]
    remarks: tuple[str, ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether nothing is missed."""
        return not self.misses and not self.rows

    @property
    def penalised(self) -> float:
        """Profit less what the optimiser would charge for the misses [usd/h]."""
        return self.money.profit - BREAK_PRICE * sum(miss.severity for miss in self.misses)


def simulate_decisions(case: PlanningCase, decisions: Decisions) -> Simulation:
    """Return what decisions lead to.

    Args:
        case: to evaluate.
        decisions: slate, cut points and splits; flows of streams follow from them.
    """
    plant, point = refinery(case), point_of(decisions, case)
    model = plant.model(Exact(), point)
    found = _read(case, model, plant.place(model, point))
    return replace(found, remarks=decisions.remarks())


def check_point(case: PlanningCase, point: Point) -> Simulation:
    """Return how a point stands, exactly as it is: nothing is recomputed, nothing improved.

    Args:
        case: to evaluate.
        point: with all flows and contents, wherever it comes from.
    """
    model = refinery(case).model(Exact(), point)
    decide(model, point)
    for name in model.purchase:
        put(model.purchase, name, point.charge.get(name, point.supply.get(name, 0.0)))
    model.volume.set_values(point.volume, skip_validation=True)
    model.content.set_values(point.content, skip_validation=True)
    return _read(case, model, point)


def _read(case: PlanningCase, model: Any, point: Point) -> Simulation:
    limits = read_limits(model, case, {})
    return Simulation(
        case,
        point,
        read_money(model),
        read_blends(model, case),
        dict(read_unit_loads(model, case)),
        limits,
        _misses(model, limits),
        _rows(model),
        read_alerts(model, case),
    )


def _misses(model: Any, limits: tuple[LimitResult, ...]) -> tuple[LimitMiss, ...]:
    sold = {name: float(pyo.value(model.revenue[name])) for name in model.revenue}
    found = []
    for result in limits:
        limit = result.limit
        row = model.limit[limit.key]
        bound = row.upper if limit.row_side is Side.MAX else row.lower
        gap = float(pyo.value(row.body)) - float(pyo.value(bound))
        severity = limit.weight * (gap if limit.row_side is Side.MAX else -gap)
        size = max(abs(limit.value), 1e-9)
        if severity > 0.0 and -result.room > MISSED * size:
            market = limit.kind in (LimitKind.SPEC, LimitKind.PRODUCT)
            found.append(
                LimitMiss(result, -result.room, severity, sold[limit.item] if market else 0.0)
            )
    return tuple(sorted(found, key=lambda miss: -miss.severity))


def _rows(model: Any) -> tuple[RowMiss, ...]:
    """Return the rows that are no limits and do not hold, worst first."""
    limits = {row.name for row in model.limit.values()}
    found = []
    for row in model.component_data_objects(pyo.Constraint, active=True):
        if row.name in limits:
            continue
        body = float(pyo.value(row.body))
        low = -float("inf") if row.lower is None else float(pyo.value(row.lower))
        high = float("inf") if row.upper is None else float(pyo.value(row.upper))
        amount = max(low - body, body - high, 0.0)
        terms = row.body.args if isinstance(row.body, SumExpression) else (row.body,)
        size = max(1.0, *(abs(float(pyo.value(term))) for term in terms))
        if amount > MISSED * size:
            found.append(RowMiss(row.name, amount, amount / size))
    return tuple(sorted(found, key=lambda miss: -miss.relative))


def simulation_payload(result: Simulation) -> Json:
    """Return a simulation for JSON: SI except where a key says otherwise."""
    return {
        "case": result.case.name,
        "feasible": result.feasible,
        "profit_usd_h": result.money.profit,
        "penalised_usd_h": result.penalised,
        "money_usd_h": plain(result.money),
        "unit_loads": plain(result.unit_loads),
        "products": {blend.product: blend.flow_vol for blend in result.blends},
        "misses": [
            {
                "limit": miss.result.limit.key,
                "text": miss.result.limit.text(),
                "limit_value": miss.result.limit.value,
                "value": plain(miss.result.value),
                "amount": miss.amount,
                "penalty_usd_h": BREAK_PRICE * miss.severity,
                "at_stake_usd_h": miss.at_stake,
            }
            for miss in result.misses
        ],
        "remarks": list(result.remarks),
        "rows": plain(result.rows),
        "alerts": [
            {"of": one.alert.of, "state": one.state.value, "value": plain(one.value)}
            for one in result.alerts
        ],
    }
