"""The plan: decisions, values and marginals of a solved case, in SI, and the targets it sets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.messages import EconomicTargets
from operator_agent.planning.alerts import AlertResult
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.certificate import Violation
from operator_agent.planning.flows import Flows
from operator_agent.planning.limits import Limit, LimitKind, Side
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.qualities import Quality
from operator_agent.signing import Json

AT_LIMIT = 1e-4  # relative: closer than this counts as held by the limit
SMALL_ROW = 1e-3  # [m3/s], half a kbbl/d: rows of flows with smaller limits, such as zero, are held
# as if their limit had this size


@dataclass(frozen=True, slots=True)
class LimitResult:
    """A limit in the plan.

    Attributes:
        limit: the limit.
        value: where the plan stands [SI].
        shadow_price: gain of profit per unit by which the limit's value rises: for flows
            [usd/m3], for qualities and temperatures [usd/h per SI unit].
    """

    limit: Limit
    value: float
    shadow_price: float

    @property
    def room(self) -> float:
        """Distance to the limit on the allowed side [SI]: the giveaway of a specification."""
        gap = self.limit.value - self.value
        return gap if self.limit.side is Side.MAX else -gap

    @property
    def held(self) -> bool:
        """Whether the plan stands at the limit."""
        least = SMALL_ROW if self.limit.kind is LimitKind.ROW else 1e-9
        return self.room <= AT_LIMIT * max(abs(self.limit.value), least)


@dataclass(frozen=True, slots=True)
class Blend:
    """A product in the plan.

    Attributes:
        product: its name.
        recipe: components by stream [m3/s].
        qualities: quality and value [SI] of each specified quality; NaN when nothing is blended.
    """

    product: str
    recipe: Mapping[str, float]
    qualities: tuple[tuple[Quality, float], ...]

    @property
    def flow_vol(self) -> float:
        """What is blended [m3/s]."""
        return sum(self.recipe.values())


@dataclass(frozen=True, slots=True)
class Money:
    """The parts of the profit [usd/h]: sales by product, costs by crude, unit and purchase."""

    revenue: Mapping[str, float]
    crude_cost: Mapping[str, float]
    energy_cost: Mapping[str, float]
    operating_cost: Mapping[str, float]
    purchase_cost: Mapping[str, float] = field(default_factory=dict)

    @property
    def profit(self) -> float:
        """Sales less all costs [usd/h]."""
        costs = (self.crude_cost, self.energy_cost, self.operating_cost, self.purchase_cost)
        return sum(self.revenue.values()) - sum(sum(cost.values()) for cost in costs)


@dataclass(frozen=True, slots=True)
class Plan:
    """A solved planning case.

    Attributes:
        case: that was solved.
        stage: `lp` or `nlp`.
        stop: why the solver stopped.
        worth: what the point is worth; the numbers of a point that is worth nothing stay readable
            here for diagnosis, but it gives no targets.
        objective: profit [usd/h].
        linear_objective: profit of the last LP of the linear stage [usd/h].
        money: its parts.
        charge: crude to the crude unit by name [m3/s].
        cut_points: by name of the cut [K].
        cut_marginals: gain of profit per kelvin by which the bound that holds a cut point rises
            [usd/h/K]; zero inside the window.
        stream_flows: volume flow by stream, made and bought [m3/s].
        stream_values: value of one more m3 of a stream, as it is [usd/m3].
        crude_values: value of one more m3 of a crude at the crude unit [usd/m3].
        unit_loads: feed by unit [m3/s].
        flows: what each unit makes and what draws each stream.
        blends: products.
        limits: every limit with value and shadow price.
        violation: the worst row, recomputed from the values alone.
        residual: relative violation of the optimality conditions.
        passes, iterations: LPs solved, iterations of the last solver.
        seconds: to solve.
        created_s: wall time [s since 1970 UTC].
        purchases: streams bought ready, by purchase [m3/s].
        purchase_values: value of one more m3 of a purchase in the pool that it joins [usd/m3].
        alerts: ranges that are watched, with the plan's values.
    """

    case: PlanningCase
    stage: str
    stop: SolverStop
    worth: PointWorth
    objective: float
    linear_objective: float
    money: Money
    charge: Mapping[str, float]
    cut_points: Mapping[str, float]
    cut_marginals: Mapping[str, float]
    stream_flows: Mapping[str, float]
    stream_values: Mapping[str, float]
    crude_values: Mapping[str, float]
    unit_loads: Mapping[str, float]
    flows: Flows
    blends: tuple[Blend, ...]
    limits: tuple[LimitResult, ...]
    violation: Violation
    residual: float
    passes: int
    iterations: int
    seconds: float
    created_s: float
    purchases: Mapping[str, float] = field(default_factory=dict)
    purchase_values: Mapping[str, float] = field(default_factory=dict)
    alerts: tuple[AlertResult, ...] = ()

    @property
    def flow_vol_feed(self) -> float:
        """Throughput of the crude unit [m3/s]."""
        return sum(self.charge.values())

    @property
    def slate(self) -> Mapping[str, float]:
        """Volume fraction of each crude in the feed; zeros when nothing is charged."""
        feed = self.flow_vol_feed
        return {name: flow / feed if feed > 0.0 else 0.0 for name, flow in self.charge.items()}

    @property
    def feed_value(self) -> float:
        """Value of one more m3 of feed at the planned slate [usd/m3]."""
        return sum(share * self.crude_values[name] for name, share in self.slate.items())

    def limit(self, kind: LimitKind, item: str, words: str, side: Side) -> LimitResult:
        """Return one limit by what it belongs to.

        Raises:
            KeyError: the case has no such limit.
        """
        key = f"{kind.value}:{item}:{words}:{side.value}"
        for result in self.limits:
            if result.limit.key == key:
                return result
        raise KeyError(key)

    def targets(self) -> EconomicTargets:
        """Return what the plan asks of the crude unit.

        Stream prices are marginal values in the plan, of each product as it is and of the feed at
        the planned slate, with the unit's operating cost on it; targets are planned cut points plus
        the stated overlap.

        Raises:
            SolveFailedError: the point is not worth following.
            InputError: the plant has no crude unit.
        """
        if not self.case.crude_unit.cuts:
            raise InputError(
                f"case {self.case.name} has no crude_unit, so its plan sets no targets for a "
                "controller; add one, or read the plan's tables instead"
            )
        if self.worth is PointWorth.NONE:
            raise SolveFailedError(
                f"plan of case {self.case.name} gives no targets: the solver stopped because of "
                f"{self.stop.value}; solve it with stage 'lp' or widen its limits"
            )
        unit = self.case.crude_unit
        prices = {stream: self.stream_values[stream] for stream in unit.streams}
        return EconomicTargets(
            case=self.case.name,
            created_s=self.created_s,
            slate={name: max(share, 0.0) for name, share in self.slate.items()},
            flow_vol_feed=self.flow_vol_feed,
            targets={cut.target: self.cut_points[cut.name] + cut.overlap for cut in unit.cuts},
            stream_prices={"feed": self.feed_value + unit.operating_cost, **prices},
            energy_price=self.case.utilities.fuel_price,
            steam_price=self.case.utilities.steam_price,
        )

    def payload(self) -> dict[str, Json]:
        """Return the plan as plain values for JSON; SI except where a key says otherwise."""
        return {
            "case": self.case.name,
            "stage": self.stage,
            "stop": self.stop.name.lower(),
            "worth": self.worth.name.lower(),
            "objective_usd_h": self.objective,
            "linear_objective_usd_h": self.linear_objective,
            "money_usd_h": {
                "revenue": dict(self.money.revenue),
                "crude_cost": dict(self.money.crude_cost),
                "energy_cost": dict(self.money.energy_cost),
                "operating_cost": dict(self.money.operating_cost),
                "purchase_cost": dict(self.money.purchase_cost),
            },
            "flow_vol_feed": self.flow_vol_feed,
            "charge": dict(self.charge),
            "slate": dict(self.slate),
            "cut_points": dict(self.cut_points),
            "cut_marginals_usd_h_k": dict(self.cut_marginals),
            "stream_flows": dict(self.stream_flows),
            "stream_values_usd_m3": dict(self.stream_values),
            "crude_values_usd_m3": dict(self.crude_values),
            "feed_value_usd_m3": self.feed_value,
            "purchases": dict(self.purchases),
            "purchase_values_usd_m3": dict(self.purchase_values),
            "unit_loads": dict(self.unit_loads),
            "blends": {
                blend.product: {
                    "recipe": dict(blend.recipe),
                    "qualities": {
                        quality.name: value if math.isfinite(value) else None
                        for quality, value in blend.qualities
                    },
                }
                for blend in self.blends
            },
            "alerts": [_alert_payload(result) for result in self.alerts],
            "limits": [_limit_payload(result) for result in self.limits],
            "largest_violation": self.violation.amount,
            "violated_row": self.violation.row,
            "optimality_residual": self.residual if math.isfinite(self.residual) else None,
            "passes": self.passes,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "created_s": self.created_s,
        }


def _alert_payload(result: AlertResult) -> dict[str, Json]:
    return {
        "of": result.alert.of,
        "value": result.value if math.isfinite(result.value) else None,
        "state": result.state.name.lower(),
    }


def _limit_payload(result: LimitResult) -> dict[str, Json]:
    return {
        "limit": result.limit.key,
        "text": result.limit.text(),
        "limit_value": result.limit.value,
        "value": result.value if math.isfinite(result.value) else None,
        "shadow_price": result.shadow_price,
        "held": result.held,
    }
