"""The plan of a system: a plan for every plant and period, stocks, transport and shared limits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from operator_agent.planning.certificate import Violation
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.plan import LimitResult, Plan
from operator_agent.planning.qualities import Quality
from operator_agent.planning.system.system import Period, PlanningSystem, Route, Tank
from operator_agent.signing import Json
from operator_agent.units import HOUR_S


@dataclass(frozen=True, slots=True)
class TankResult:
    """A tank in a period.

    Attributes:
        plant: where it stands.
        period: name of the period.
        tank: the tank.
        opening, closing: stock at the start and the end [m3].
        inflow: made, blended or bought, and arrived [m3/s].
        outflow: used or sold, and shipped [m3/s].
        qualities: of the closing stock of a stream, with values [SI]; NaN when it is empty.
        worth: what one more m3 in the tank earns in this period [usd/m3]; NaN when it stands idle.
        storage_cost: in the period [usd/h].
    """

    plant: str
    period: str
    tank: Tank
    opening: float
    closing: float
    inflow: float
    outflow: float
    qualities: tuple[tuple[Quality, float], ...]
    worth: float
    storage_cost: float


@dataclass(frozen=True, slots=True)
class RouteResult:
    """A route in a period.

    Attributes:
        route: the route.
        period: name of the period.
        flow: [m3/s].
        worth_at_source, worth_at_target: of one more m3 at both ends [usd/m3]; what lies between
            them is what the route costs, and what its limit holds back.
        cost: of transport [usd/h].
    """

    route: Route
    period: str
    flow: float
    worth_at_source: float
    worth_at_target: float
    cost: float


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """A solved planning system.

    Attributes:
        system: that was solved.
        stage: `lp` or `nlp`.
        stop: why the solver stopped.
        worth: what the point is worth.
        objective: profit per mean hour of the horizon [usd/h].
        linear_objective: the same for the last LP of the linear stage [usd/h].
        closing_value: worth that the system gives the last stocks [usd].
        plans: by plant and period; their money holds neither transport nor storage.
        tanks: every tank in every period.
        routes: every route in every period.
        limits: of tanks, routes and shared supply; shadow prices per m3 of their period.
        violation: the worst row, recomputed from the values alone.
        residual: relative violation of the optimality conditions.
        passes, iterations: LPs solved, iterations of the last solver.
        seconds: to solve.
        created_s: wall time [s since 1970 UTC].
    """

    system: PlanningSystem
    stage: str
    stop: SolverStop
    worth: PointWorth
    objective: float
    linear_objective: float
    closing_value: float
    plans: Mapping[tuple[str, str], Plan]
    tanks: tuple[TankResult, ...]
    routes: tuple[RouteResult, ...]
    limits: tuple[LimitResult, ...]
    violation: Violation
    residual: float
    passes: int
    iterations: int
    seconds: float
    created_s: float

    @property
    def total_profit(self) -> float:
        """Profit of the whole horizon, with the worth of the last stocks [usd]."""
        return self.objective * self.system.length_s / HOUR_S

    def period_profit(self, plant: str, period: Period) -> float:
        """Return what a plant earns in a period after storage, before transport [usd]."""
        hourly = self.plans[plant, period.name].objective - sum(
            one.storage_cost
            for one in self.tanks
            if (one.plant, one.period) == (plant, period.name)
        )
        return hourly * period.hours

    def transport_cost(self, period: Period) -> float:
        """Return what transport costs in a period [usd]."""
        return sum(one.cost for one in self.routes if one.period == period.name) * period.hours

    def tank(self, plant: str, period: str, key: tuple[str, str]) -> TankResult:
        """Return a tank in a period, by kind and name of what it holds.

        Raises:
            KeyError: there is no such tank.
        """
        for one in self.tanks:
            if (one.plant, one.period, one.tank.key) == (plant, period, key):
                return one
        raise KeyError((plant, period, key))

    def route(self, name: str, period: str) -> RouteResult:
        """Return a route in a period.

        Raises:
            KeyError: there is no such route.
        """
        for one in self.routes:
            if (one.route.name, one.period) == (name, period):
                return one
        raise KeyError((name, period))

    def payload(self) -> dict[str, Json]:
        """Return the plan as plain values for JSON; SI except where a key says otherwise."""
        return {
            "system": self.system.name,
            "stage": self.stage,
            "stop": self.stop.name.lower(),
            "worth": self.worth.name.lower(),
            "objective_usd_h": self.objective,
            "total_profit_usd": self.total_profit,
            "linear_objective_usd_h": self.linear_objective,
            "closing_value_usd": self.closing_value,
            "periods": [{"name": p.name, "length_s": p.length_s} for p in self.system.periods],
            "plans": [
                {"plant": plant, "period": period, "plan": plan.payload()}
                for (plant, period), plan in self.plans.items()
            ],
            "tanks": [_tank_payload(one) for one in self.tanks],
            "routes": [_route_payload(one) for one in self.routes],
            "limits": [_limit_payload(one) for one in self.limits],
            "largest_violation": self.violation.amount,
            "violated_row": self.violation.row,
            "optimality_residual": _number(self.residual),
            "passes": self.passes,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "created_s": self.created_s,
        }


def _number(value: float) -> Json:
    return value if math.isfinite(value) else None


def _tank_payload(one: TankResult) -> Json:
    return {
        "plant": one.plant,
        "period": one.period,
        "goods": one.tank.goods.value,
        "item": one.tank.item,
        "opening_m3": one.opening,
        "closing_m3": one.closing,
        "inflow": one.inflow,
        "outflow": one.outflow,
        "qualities": {quality.name: _number(value) for quality, value in one.qualities},
        "worth_usd_m3": _number(one.worth),
        "storage_cost_usd_h": one.storage_cost,
    }


def _route_payload(one: RouteResult) -> Json:
    return {
        "route": one.route.name,
        "period": one.period,
        "flow": one.flow,
        "worth_at_source_usd_m3": one.worth_at_source,
        "worth_at_target_usd_m3": one.worth_at_target,
        "cost_usd_h": one.cost,
    }


def _limit_payload(one: LimitResult) -> Json:
    return {
        "limit": one.limit.key,
        "place": one.limit.place,
        "text": one.limit.text(),
        "limit_value": one.limit.value,
        "value": one.value,
        "shadow_price_usd_m3": one.shadow_price,
        "held": one.held,
    }
