"""A marginal explained: which purchases, sales, energy and costs change, and by how much money.

The step of the whole plan for one more unit (see `tangent`) times the prices adds up to the
marginal, to the last digit: one more m3 of FCC capacity is so much more of one crude, so much less
of another, and what follows from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.analysis.base import Base
from operator_agent.planning.analysis.tangent import Step, Tangent
from operator_agent.planning.analysis.totals import linear_terms
from operator_agent.planning.analysis.two_sided import is_flow, limits_in_rows
from operator_agent.planning.limits import LimitKind
from operator_agent.planning.linear import LinearProgram
from operator_agent.planning.units import unit_feed

Way = Literal["more", "less"]

NOTHING = 1e-13  # relative to all money that moves: smaller parts are rounding
CRUDE_UNIT = "crude_unit"
ENERGY = "energy"
COSTS = ((ENERGY, "energy_cost"), ("operating cost", "operating_cost"))
CLOSED = 1e-9  # relative to all money that moves: what the model's parts leave of the profit
TRADES = {
    "purchase": (LimitKind.CRUDE, LimitKind.PURCHASE),
    "sale": (LimitKind.PRODUCT,),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One line of an explained marginal.

    Attributes:
        group: `purchase`, `sale`, `energy`, `operating cost`, `other`, or `column`.
        item: crude, product, unit, or name of the column.
        change: of its flow per unit [m3/h per unit, or units of the column].
        price: money per unit of change; NaN where it has none of its own.
        money: change of the profit per unit [usd/h per unit].
    """

    group: str
    item: str
    change: float
    price: float
    money: float


@dataclass(frozen=True, slots=True)
class Explained:
    """A marginal and what it is made of.

    Attributes:
        key: of the limit, or `purchase:maya`, `sale:jet` for a trade that is forced.
        way: one more, or one less.
        unit: `m3/h` for a flow; for a quality the unit of its limit, while one is one SI unit.
        gain: change of the profit for one more, or one less [usd/h per unit].
        reach: units over which it holds.
        parts: that add up to the gain, largest first.
    """

    key: str
    way: Way
    unit: str
    gain: float
    reach: float
    parts: tuple[Part, ...]

    @property
    def total(self) -> float:
        """Sum of the parts [usd/h per unit]."""
        return float(sum(part.money for part in self.parts))


def explain(base: Base, key: str, way: Way = "more", tangent: Tangent | None = None) -> Explained:
    """Return a marginal of a case as a sum over its money.

    Args:
        base: the solved case.
        key: of a limit, such as `unit:fcc:feed:max`, or its text, such as `fcc: feed at most`; or
            `purchase:<crude>`, `sale:<product>` for one more of it than the plan has.
        way: `more` raises the limit or the flow by one unit, `less` lowers it.
        tangent: of the base, when there is one already.

    Raises:
        InputError: no such limit, crude or product; no such way.
        SolveFailedError: no plan can follow that way.
    """
    if way not in ("more", "less"):
        raise InputError(f"way '{way}' is not known; use 'more' or 'less'")
    steps = tangent or Tangent(base.program, base.solution)
    key = key if _is_trade(key) else base.key_of(key)
    sign = 1.0 if way == "more" else -1.0
    step, unit = _step(base, steps, key, sign)
    if not step.possible:
        raise SolveFailedError(
            f"'{key}' cannot move: no plan is left with one {way}; explain it the other way, or "
            "the limit that holds it"
        )
    return Explained(key, way, unit, step.gain, step.reach, _parts(base, step))


def explain_columns(program: LinearProgram, step: Step) -> tuple[Part, ...]:
    """Return a step of any linear program as a sum over its columns that cost something.

    Args:
        program: that the step belongs to.
        step: from its optimum.
    """
    money = -program.cost * step.change
    least = NOTHING * float(np.max(np.abs(money), initial=0.0))
    return _sorted(
        Part("column", variable.name, float(change), -float(cost), float(gain))
        for variable, change, cost, gain in zip(
            program.variables, step.change, program.cost, money, strict=True
        )
        if abs(gain) > least
    )


def _step(base: Base, steps: Tangent, key: str, sign: float) -> tuple[Step, str]:
    word, _, item = key.partition(":")
    if _is_trade(key):
        columns = {name: at for (kind, name), at in base.totals.items() if kind in TRADES[word]}
        if item not in columns:
            known = ", ".join(columns)
            raise InputError(f"case {base.case.name} has no {word} '{item}'; use one of {known}")
        return steps.column(columns[item], sign), "m3/h"
    row = base.row_of(key)
    result, amount = next(pair for pair in limits_in_rows(base) if pair[0].limit.key == key)
    unit = "m3/h" if is_flow(result.limit) else result.limit.unit
    return steps.row(row, sign * amount), unit


def _is_trade(key: str) -> bool:
    """Return whether a key names a trade, such as `purchase:maya`, and not a limit."""
    word, _, item = key.partition(":")
    return word in TRADES and bool(item) and ":" not in item


def _parts(base: Base, step: Step) -> tuple[Part, ...]:
    """Return purchases, sales, energy and costs; what else the profit holds is `other`."""
    moved = {
        id(column): float(change)
        for column, change in zip(base.program.variables, step.change, strict=True)
    }
    parts = [_trade(base, step, key) for key in base.totals]
    for group, component in COSTS:
        costs = getattr(base.model, component)
        for name in costs:
            money = -sum(weight * moved[id(column)] for column, weight in linear_terms(costs[name]))
            parts.append(_cost(group, str(name), _feed(base, str(name), moved), money))
    rest = step.gain - sum(part.money for part in parts)
    size = sum(abs(part.money) for part in parts)
    if abs(rest) > CLOSED * size:
        parts.append(Part("other", "income and cost", 0.0, float("nan"), rest))
    return _sorted(part for part in parts if abs(part.money) > NOTHING * size)


def _trade(base: Base, step: Step, key: tuple[LimitKind, str]) -> Part:
    change = float(step.change[base.totals[key]])
    price = -float(base.program.cost[base.totals[key]])
    group = next(word for word, kinds in TRADES.items() if key[0] in kinds)
    return Part(group, key[1], change, abs(price), price * change)


def _cost(group: str, item: str, change: float, money: float) -> Part:
    """Return a cost of a unit; energy has a price by feed, other cost may follow its qualities."""
    priced = group == ENERGY and change != 0.0
    return Part(group, item, change, -money / change if priced else float("nan"), money)


def _feed(base: Base, unit: str, moved: Mapping[int, float]) -> float:
    """Return by how much the feed of a unit changes [m3/h per unit]."""
    if unit == CRUDE_UNIT:
        return sum(moved.get(id(column), 0.0) for column in base.model.charge.values())
    feed = unit_feed(base.model, base.case.units[unit])
    return sum(weight * moved[id(column)] for column, weight in linear_terms(feed))


def _sorted(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: -abs(part.money)))
