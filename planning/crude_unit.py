"""The atmospheric crude unit: crude in, cut at movable temperatures, five streams out."""

from collections.abc import Mapping
from typing import Any

from operator_agent.planning.case import PlanningCase
from operator_agent.planning.cuts import CrudeCuts
from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit
from operator_agent.planning.mixing import Mixing
from operator_agent.units import HOUR_S


def crude_unit_amount(
    model: Any,
    case: PlanningCase,
    cuts: Mapping[str, CrudeCuts],
    mixing: Mixing,
    stream: str,
    of: str,
) -> Any:
    """Return the hourly amount of a content (or of volume) in one stream of the crude unit.

    Args:
        model: with `charge` and `cut`.
        case: the case.
        cuts: of each crude.
        mixing: exact or first order.
        stream: of the crude unit.
        of: name of the content, or `volume`.
    """
    points = case.crude_unit.cuts
    place = case.crude_unit.streams.index(stream)
    total: Any = 0.0
    for name, crude in cuts.items():
        charge = model.charge[name]
        total += crude.core[stream, of] * charge
        for index, sign in ((place, 1.0), (place - 1, -1.0)):
            if 0 <= index < len(points):
                shift = mixing.curve(model.cut[points[index].name], crude.shifts[index, of])
                total += sign * mixing.product(charge, shift)
    return total


def add_crude_unit(model: Any, case: PlanningCase) -> None:
    """Add capacity, turndown, and the slate when it is fixed."""
    unit = case.crude_unit
    if not unit.cuts:
        return
    feed = sum(model.charge[name] for name in case.crudes)
    for side, value in ((Side.MIN, unit.low), (Side.MAX, unit.high)):
        limit = Limit(
            LimitKind.UNIT,
            "crude_unit",
            side,
            value,
            "kbbl/d",
            "feed",
            value * HOUR_S,
            side,
            weight=1.0,
        )
        add_limit(model, limit, feed, value * HOUR_S)
    # The fractions add up to one, so the row of the largest follows from the others.
    largest = max(case.slate, key=lambda name: case.slate[name], default="")
    for name, fraction in case.slate.items():
        if name != largest:
            model.slate.add(name, model.charge[name] - fraction * feed == 0.0)
