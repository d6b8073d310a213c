"""What goes over the wire: a request for a plan, and the reply, as frozen values.

A request names its limits with side and unit in the name (`temp_coil_outlet_max_degc`); here they
become SI once. Whether the variables, the objectives and the policy exist is for the optimizer to
say: this module knows the grammar, not the plant.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.messages import SLATE_TOLERANCE
from operator_agent.signing import Json
from operator_agent.units import to_si, unit

DEFAULT_DEADLINE_S = 120.0  # several times a cold plan of the refinery case
MAX_DEADLINE_S = 3600.0  # planning's own clock is hours; a longer job belongs in a script

UNIT_OF_SUFFIX: Mapping[str, str] = MappingProxyType(
    {
        "fraction": "1",
        "pct": "%",
        "k": "K",
        "degc": "degC",
        "degf": "degF",
        "pa": "Pa",
        "kpa": "kPa",
        "bar": "bar",
        "m3_s": "m3/s",
        "m3_h": "m3/h",
        "m3_d": "m3/d",
        "bbl_d": "bbl/d",
        "kbbl_d": "kbbl/d",
        "kg_s": "kg/s",
        "t_h": "t/h",
        "w": "W",
        "mw": "MW",
    }
)
_LIMIT_NAME = re.compile(
    rf"(?P<variable>[a-z][a-z0-9_]*)_(?P<side>min|max)_(?P<suffix>{'|'.join(UNIT_OF_SUFFIX)})"
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


class Side(Enum):
    """Which end of a range a limit is."""

    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class NamedLimit:
    """One limit of a request.

    Attributes:
        name: as requested, for messages (`flow_vol_feed_max_m3_h`).
        variable: name in the models (`flow_vol_feed`).
        side: which end of the range.
        value: [SI].
        dimension: physical quantity of the unit, as in `units.py`.
    """

    name: str
    variable: str
    side: Side
    value: float
    dimension: str


def parse_limit(name: str, value: float) -> NamedLimit:
    """Return a limit in SI from a name that carries side and unit.

    Args:
        name: `{variable}_{min|max}_{unit}`.
        value: in the unit of the name.

    Raises:
        InputError: the name does not follow the grammar, or the value is not finite.

    Example:
        >>> limit = parse_limit("temp_coil_outlet_max_degc", 358.0)
        >>> limit.variable, limit.side.value, limit.value
        ('temp_coil_outlet', 'max', 631.15)
    """
    match = _LIMIT_NAME.fullmatch(name)
    if match is None:
        raise InputError(
            f"constraint '{name}' is not {{variable}}_min_{{unit}} or {{variable}}_max_{{unit}}, "
            f"for example flow_vol_feed_max_m3_h; the units are: {', '.join(UNIT_OF_SUFFIX)}"
        )
    if not math.isfinite(value):
        raise InputError(f"constraint '{name}' is {value}; give a finite number or leave it out")
    symbol = UNIT_OF_SUFFIX[match["suffix"]]
    side = Side(match["side"])
    return NamedLimit(name, match["variable"], side, to_si(value, symbol), unit(symbol).dimension)


def _check_limits(limits: tuple[NamedLimit, ...]) -> None:
    seen: dict[tuple[str, Side], NamedLimit] = {}
    for limit in limits:
        twin = seen.setdefault((limit.variable, limit.side), limit)
        if twin is not limit:
            raise InputError(f"constraints '{twin.name}' and '{limit.name}' set the same limit")
    for (variable, side), low in seen.items():
        high = seen.get((variable, Side.MAX))
        if side is Side.MAX or high is None:
            continue
        if low.dimension != high.dimension:
            raise InputError(
                f"constraint '{low.name}' is a {low.dimension}, '{high.name}' a {high.dimension}"
            )
        if low.value > high.value:
            raise LimitsConflictError(
                f"constraint '{low.name}' lies above '{high.name}'; no point satisfies both"
            )


def _finite(values: Mapping[str, float], what: str) -> Mapping[str, float]:
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"{what} '{name}' is {value}; give a finite number")
    return MappingProxyType(dict(values))


def _check_name(name: str, what: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise InputError(
            f"{what} '{name}' is not a name: lower case letters, digits and _, at most 64"
        )


@dataclass(frozen=True, slots=True)
class ProcessData:
    """What the caller declares about the plant and the market; all of it may be left out.

    Attributes:
        case: name of a planning case, or a path relative to `cases/refinery`; None for the
            service's own case.
        slate: volume fraction of each crude in the feed, adds up to 1; empty to let planning
            choose.
        price_factors: multiplier on the case's price, by stream or crude; 1 is no change.
    """

    case: str | None = None
    slate: Mapping[str, float] = field(default_factory=dict)
    price_factors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the mappings, refuse paths that leave the folder and impossible fractions."""
        object.__setattr__(self, "slate", _finite(self.slate, "slate fraction"))
        object.__setattr__(self, "price_factors", _finite(self.price_factors, "price factor"))
        if self.case is not None and _PATH.fullmatch(self.case) is None:
            raise InputError(
                f"case '{self.case}' is neither a name nor a path inside cases/refinery"
            )
        for name, factor in self.price_factors.items():
            if factor <= 0.0:
                raise InputError(f"price factor '{name}' is {factor:g}; give a positive multiplier")
        total = sum(self.slate.values())
        if self.slate and (abs(total - 1.0) > SLATE_TOLERANCE or min(self.slate.values()) < 0.0):
            raise InputError(
                f"the slate adds up to {total:.6f}; volume fractions must not be negative and "
                "must add up to 1"
            )


@dataclass(frozen=True, slots=True)
class OptimizationRequest:
    """A request for a plan.

    Attributes:
        process_data: what the caller declares.
        constraints: extra limits by name with side and unit, in the unit of the name.
        objectives: names, the most important first.
        rl_policy: name of the policy whose advice goes with the plan, None for none.
        deadline_s: from acceptance to result; the job is killed after it [s].
    """

    process_data: ProcessData = ProcessData()
    constraints: Mapping[str, float] = field(default_factory=dict)
    objectives: tuple[str, ...] = ("profit",)
    rl_policy: str | None = None
    deadline_s: float = DEFAULT_DEADLINE_S

    def __post_init__(self) -> None:
        """Freeze the mapping; refuse wrong names, conflicts and a deadline out of range."""
        object.__setattr__(self, "constraints", _finite(self.constraints, "constraint"))
        _check_limits(self.limits)
        for objective in self.objectives:
            _check_name(objective, "objective")
        if not self.objectives or len(set(self.objectives)) != len(self.objectives):
            raise InputError("objectives must name at least one objective, and none twice")
        if self.rl_policy is not None:
            _check_name(self.rl_policy, "rl_policy")
        if not 0.0 < self.deadline_s <= MAX_DEADLINE_S:
            raise InputError(
                f"deadline_s is {self.deadline_s:g} s; give more than 0 and at most "
                f"{MAX_DEADLINE_S:g} s"
            )

    @property
    def limits(self) -> tuple[NamedLimit, ...]:
        """The constraints in SI."""
        return tuple(parse_limit(name, value) for name, value in self.constraints.items())

    def payload(self) -> dict[str, Json]:
        """Return the request as plain values: the HTTP body, and the argument of `optimize`."""
        return {
            "process_data": {
                "case": self.process_data.case,
                "slate": dict(self.process_data.slate),
                "price_factors": dict(self.process_data.price_factors),
            },
            "constraints": dict(self.constraints),
            "objectives": list(self.objectives),
            "rl_policy": self.rl_policy,
            "deadline_s": self.deadline_s,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "OptimizationRequest":
        """Return the request from plain values.

        Raises:
            InputError: a key is unknown or a value is wrong.
            LimitsConflictError: two constraints cannot hold together.
        """
        try:
            fields = dict(payload)
            data = ProcessData(**fields.pop("process_data", {}))
            objectives = tuple(fields.pop("objectives", ("profit",)))
            return cls(process_data=data, objectives=objectives, **fields)
        except (TypeError, AttributeError) as error:
            raise InputError(f"optimization request with wrong keys or types: {error}") from error


class PointWorth(Enum):
    """What the point of a reply is worth."""

    OPTIMAL = "optimal"  # optimality conditions hold, for a nonlinear plan locally
    FEASIBLE = "feasible"  # all limits hold, better points may exist


@dataclass(frozen=True, slots=True)
class OptimizationReply:
    """A plan. It exists only for a point that satisfies all limits.

    Attributes:
        case: planning case that was solved.
        solver_status: why the solver stopped, in its own words.
        point: what the point is worth.
        objective_values: by name with unit (`profit_usd_d`).
        plan: flows, cut points and other decisions, by name with unit (`flow_vol_feed_m3_h`).
        economic_targets: `EconomicTargets.payload()` for the controller [SI]; None when the case
            has no crude unit.
        shadow_prices: money per unit of the limit, by constraint name.
        active_limits: names of the limits that hold the plan.
        advice: what the policy adds, None without a policy.
        notes: what the reader should know, in words.
        solve_time_s: inside the solver [s].
    """

    case: str
    solver_status: str
    point: PointWorth
    objective_values: Mapping[str, float]
    plan: Mapping[str, float] = field(default_factory=dict)
    economic_targets: Mapping[str, Json] | None = None
    shadow_prices: Mapping[str, float] = field(default_factory=dict)
    active_limits: tuple[str, ...] = ()
    advice: Mapping[str, Json] | None = None
    notes: tuple[str, ...] = ()
    solve_time_s: float = 0.0

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse numbers that are not finite."""
        for name in ("objective_values", "plan", "shadow_prices"):
            object.__setattr__(self, name, _finite(getattr(self, name), name))
        _finite({"solve_time_s": self.solve_time_s}, "reply")

    def payload(self) -> dict[str, Json]:
        """Return the reply as plain values: what `optimize` must return."""
        return {
            "case": self.case,
            "solver_status": self.solver_status,
            "point": self.point.value,
            "objective_values": dict(self.objective_values),
            "plan": dict(self.plan),
            "economic_targets": self.economic_targets,
            "shadow_prices": dict(self.shadow_prices),
            "active_limits": list(self.active_limits),
            "advice": self.advice,
            "notes": list(self.notes),
            "solve_time_s": self.solve_time_s,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "OptimizationReply":
        """Return the reply from plain values.

        Raises:
            InputError: a key is missing or unknown, or a value is wrong.
        """
        try:
            fields = dict(payload)
            point = PointWorth(fields.pop("point"))
            limits = tuple(fields.pop("active_limits", ()))
            notes = tuple(fields.pop("notes", ()))
            return cls(point=point, active_limits=limits, notes=notes, **fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"optimization reply with wrong keys or types: {error}") from error
