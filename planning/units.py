"""Process units: what each makes from the streams that it takes, and how much it can take."""

from typing import Any

from operator_agent.planning.case import LinearForm, PlanningCase, ProcessUnit
from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit
from operator_agent.planning.mixing import Mixing
from operator_agent.units import HOUR_S


def unit_amount(model: Any, mixing: Mixing, unit: ProcessUnit, form: LinearForm) -> Any:
    """Return the hourly total of a linear form over all feeds of a unit, or of one of its modes.

    Feeds mix without an averaged feed quality, because forms are linear in contents.
    """
    total: Any = 0.0
    for feed in unit.feeds:
        flow = model.flow[feed, unit.name]
        total += form.base * flow
        for name, slope in form.slopes.items():
            total += slope * mixing.product(model.content[feed, name], flow)
    return total


def unit_feed(model: Any, unit: ProcessUnit) -> Any:
    """Return the feed of a unit in all its modes [m3/h]."""
    return sum(model.flow[draw] for draw in unit.draws)


def add_units(model: Any, case: PlanningCase) -> None:
    """Add capacity and turndown of every unit."""
    for unit in case.units.values():
        for side, value in ((Side.MIN, unit.low), (Side.MAX, unit.high)):
            if side is Side.MIN and value == 0.0:
                continue
            limit = Limit(
                LimitKind.UNIT,
                unit.name,
                side,
                value,
                "kbbl/d",
                "feed",
                value * HOUR_S,
                side,
                weight=1.0,
            )
            add_limit(model, limit, unit_feed(model, unit), value * HOUR_S)
