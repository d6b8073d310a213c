"""The limits of a plan as a planner knows them, each with its row in the model.

Every limit row holds an elastic variable that is fixed at zero. The search for conflicting limits
frees it; nothing else does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.quantities import in_unit
from operator_agent.units import HOUR_S


class LimitKind(Enum):
    """What a limit belongs to."""

    CRUDE = "crude"
    UNIT = "unit"
    PRODUCT = "product"
    SPEC = "spec"
    CUT = "cut point"
    FEED = "feed"
    PURCHASE = "purchase"
    ROW = "row"
    TANK = "tank"
    ROUTE = "route"
    SUPPLY = "supply"


class Side(Enum):
    """Which side of a value is forbidden."""

    MIN = "min"
    MAX = "max"


MAY_CLOSE = (
    LimitKind.CRUDE,
    LimitKind.PURCHASE,
    LimitKind.PRODUCT,
    LimitKind.UNIT,
    LimitKind.TANK,
    LimitKind.ROUTE,
    LimitKind.SUPPLY,
)
AJAR = 1e-4  # [m3/h] left open of what is closed, so that its marginal tells what opening it earns


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit.

    Attributes:
        kind, item: what it belongs to.
        side: whether the value is the least or the most.
        value: [SI]: a flow [m3/s], a temperature [K], or a quality.
        unit: for reports.
        words: what is limited, such as `sulphur` or `sale`.
        quality: name of the limited quality; empty for other limits.
        row_value: the bound in the row: [m3/h], [K], or the blending index.
        row_side: side in the row; differs from `side` when the index falls as the quality rises.
        weight: cost per unit of the row's elastic variable in the search for conflicts: one m3 of
            any flow counts the same, and a quality that is off by one percent counts like one
            percent of the product.
        place: plant and period in a system of several; empty in a single case.
        per_row: SI value of one unit of the row; not for qualities.
    """

    kind: LimitKind
    item: str
    side: Side
    value: float
    unit: str
    words: str
    row_value: float
    row_side: Side
    weight: float
    quality: str = ""
    place: str = ""
    per_row: float = 1.0 / HOUR_S

    @property
    def key(self) -> str:
        """Unique name, also of the row."""
        return f"{self.kind.value}:{self.item}:{self.words}:{self.side.value}"

    def text(self) -> str:
        """Return the limit in planner words."""
        bound = "at least" if self.side is Side.MIN else "at most"
        value = f"{in_unit(self.value, self.unit):.5g} {self.unit}"
        where = f"{self.place}: {self.item}" if self.place else self.item
        return f"{where}: {self.words} {bound} {value.removesuffix(' number')}"


def add_limit(model: Any, limit: Limit, body: Any, right: Any) -> None:
    """Add the row of a limit to the model: body - right at most, or at least, zero.

    The row is written with both sides given, because Pyomo turns `a >= b` round and with it the
    sign of the dual.

    Args:
        model: with `limit` (rows), `slack` (elastic variables) and `limits` (by key).
        limit: to add.
        body: what is limited.
        right: bound of the body, in units of the row; a number or an expression.
    """
    model.limits[limit.key] = replace(limit, place=model.place)
    if limit.side is Side.MAX and limit.kind in MAY_CLOSE and limit.value == 0.0:
        right = AJAR
    model.slack[limit.key].fix(0.0)
    slack = model.slack[limit.key]
    if limit.row_side is Side.MAX:
        model.limit.add(limit.key, (None, body - right - slack, 0.0))
    else:
        model.limit.add(limit.key, (0.0, body - right + slack, None))


def prepare_limits(model: Any, place: str = "", share: float = 1.0) -> None:
    """Give the model its places for limits.

    Args:
        model: or a block of a model of several plants and periods.
        place: plant and period of the block, for reports.
        share: of the horizon that the period of the block takes.
    """
    model.limits = {}
    model.place, model.share = place, share
    model.slack = pyo.Var(pyo.Any, domain=pyo.NonNegativeReals, dense=False)
    model.limit = pyo.Constraint(pyo.Any)


def limit_holders(model: Any) -> Iterator[Any]:
    """Yield the model and those of its blocks that hold limits."""
    return (block for block in model.block_data_objects() if hasattr(block, "limits"))
