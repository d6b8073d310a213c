"""A target as a table of values for whoever explains it: no text but names, everything in SI."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from operator_agent.mpc.target.answer import SteadyTarget
from operator_agent.mpc.target.conflicts import GivenUp
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.limits import Side, limit_name
from operator_agent.site import Site
from operator_agent.units import unit


class Kind(Enum):
    """Of a variable."""

    MV = "MV"
    CV = "CV"


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One side of a variable's range.

    Attributes:
        value: the tightest limit [SI]; infinite where there is none.
        active: whether it holds the target.
        price: what one unit of room is worth [usd/s per SI unit]; zero where it does not hold.
        price_per_unit: the same per engineering unit [usd/s per unit]; NaN where no tag is known.
        by_hysteresis: whether hysteresis alone holds it.
        given_up: None, or by how much and because of what it cannot be kept.
    """

    value: float
    active: bool
    price: float
    price_per_unit: float
    by_hysteresis: bool
    given_up: GivenUp | None


@dataclass(frozen=True, slots=True)
class VariableRow:
    """One MV or CV.

    Attributes:
        kind, name: of the variable.
        tag, unit: of the site; empty where no site is given.
        in_service: whether an MV may move, or a CV has limits.
        now: read-back or estimate [SI]; NaN where it is not known.
        target: [SI].
        goal: value to rest at [SI]; NaN without.
        low, high: its limits.
    """

    kind: Kind
    name: str
    tag: str
    unit: str
    in_service: bool
    now: float
    target: float
    goal: float
    low: LimitRow
    high: LimitRow


@dataclass(frozen=True, slots=True)
class TargetTable:
    """All of a target.

    Attributes:
        rows: MVs, then CVs.
        given_up: limits, goals and balances that cannot be kept, most important first.
        profit, profit_now: at the target and where the plant stands [usd/s]; NaN where unknown.
        freedom: directions in which the MVs can still move the target.
        reason: why the target was not renewed; empty when it was.
    """

    rows: tuple[VariableRow, ...]
    given_up: tuple[GivenUp, ...]
    profit: float
    profit_now: float
    freedom: int
    reason: str


def target_table(target: SteadyTarget, inputs: TargetInputs, site: Site | None) -> TargetTable:
    """Return the table of a target.

    Args:
        target: of the cycle.
        inputs: of the same cycle; `TargetOptimizer.with_resting` puts resting values in.
        site: for tags and engineering units; None without.
    """
    limits, now = inputs.variables, inputs.present
    tags = {} if site is None else {tag.variable: (tag.name, tag.unit) for tag in site.tags}
    prices = dict(zip(target.active, target.prices, strict=True))
    lost: dict[str, GivenUp] = {}
    for given in target.given_up:
        lost.setdefault(given.limit, given)
    soft_low = np.maximum(limits.cv_soft_low, limits.cv_hard_low)
    soft_high = np.minimum(limits.cv_soft_high, limits.cv_hard_high)
    rows: list[VariableRow] = []
    for kind, names, values, wanted, lows, highs, service in (
        (Kind.MV, limits.mv_names, None if now is None else now.u, target.u,
         limits.mv_low, limits.mv_high, inputs.free),
        (Kind.CV, limits.cv_names, None if now is None else now.y, target.y,
         soft_low, soft_high, inputs.on),
    ):  # fmt: skip
        for i, name in enumerate(names):
            tag, symbol = tags.get(name, ("", ""))
            row = VariableRow(
                kind=kind,
                name=name,
                tag=tag,
                unit=symbol,
                in_service=bool(service[i]),
                now=np.nan if values is None else float(values[i]),
                target=float(wanted[i]),
                goal=float(inputs.wishes.goals.get(name, np.nan)),
                low=_limit(name, Side.LOW, float(lows[i]), symbol, prices, target, lost),
                high=_limit(name, Side.HIGH, float(highs[i]), symbol, prices, target, lost),
            )
            rows.append(row)
    return TargetTable(
        rows=tuple(rows),
        given_up=target.given_up,
        profit=target.profit,
        profit_now=target.profit_now,
        freedom=target.freedom,
        reason=target.reason,
    )


def _limit(
    name: str,
    side: Side,
    value: float,
    symbol: str,
    prices: Mapping[str, float],
    target: SteadyTarget,
    lost: Mapping[str, GivenUp],
) -> LimitRow:
    limit = limit_name(name, side)
    price = prices.get(limit, 0.0)
    return LimitRow(
        value=value,
        active=limit in prices,
        price=price,
        price_per_unit=price * unit(symbol).factor if symbol else np.nan,
        by_hysteresis=limit in target.kept_by_hysteresis,
        given_up=lost.get(limit),
    )
