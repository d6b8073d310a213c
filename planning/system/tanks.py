"""Tanks in the model: stocks at the end of each period, their limits and their cost.

Stocks count as the flow that fills them in one period [m3/h], which puts them near the flows in
size. What a tank holds at the end of a period is there at the start of the next.
"""

from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit, prepare_limits
from operator_agent.planning.system.system import Period, PlanningSystem, Tank
from operator_agent.units import HOUR_S

STOCK_HEADROOM = 2.0  # of the largest stock: bounds the search, never active


def add_tanks(
    block: Any, tanks: tuple[Tank, ...], period: Period, start: Mapping[tuple[str, str], float]
) -> None:
    """Add the closing stocks of a plant in a period to its block, started at values [m3/h]."""
    most = {
        tank.key: STOCK_HEADROOM * max(tank.high, tank.range_in(period.name)[1]) / period.hours
        for tank in tanks
    }
    block.tanks = pyo.Block()
    block.tanks.kept = pyo.Var(
        list(most),
        bounds={key: (0.0, high) for key, high in most.items()},
        initialize=dict(start),
    )


def opening_stock(model: Any, system: PlanningSystem, plant: str, n: int, tank: Tank) -> Any:
    """Return what is in a tank at the start of the period with number n [m3/h of that period]."""
    period = system.periods[n]
    if n == 0:
        return tank.opening / period.hours
    before = system.periods[n - 1]
    kept = model.site[plant, before.name].tanks.kept[tank.key]
    return kept * (before.hours / period.hours)


def add_stock_limits(model: Any, system: PlanningSystem, plant: str, n: int) -> None:
    """Add the limits of all stocks of a plant at the end of a period, and what storage costs."""
    period = system.periods[n]
    block = model.site[plant, period.name].tanks
    tanks = system.plants[plant].tanks
    prepare_limits(block, system.place(plant, period.name), system.share(period))
    for tank in tanks:
        low, high = tank.range_in(period.name)
        closes = period == system.periods[-1] and tank.closing > low
        least = ("closing stock", tank.closing) if closes else ("stock", low)
        for side, (words, value) in ((Side.MIN, least), (Side.MAX, ("stock", high))):
            if side is Side.MAX or value > 0.0:
                limit = _limit(tank, words, side, value, period)
                add_limit(block, limit, block.kept[tank.key], limit.row_value)
    block.cost = pyo.Expression(
        [tank.key for tank in tanks],
        initialize={tank.key: storage_cost(model, system, plant, n, tank) for tank in tanks},
    )


def storage_cost(model: Any, system: PlanningSystem, plant: str, n: int, tank: Tank) -> Any:
    """Return what storage costs in a period [usd/h]."""
    period = system.periods[n]
    kept = model.site[plant, period.name].tanks.kept[tank.key]
    mean = 0.5 * (opening_stock(model, system, plant, n, tank) + kept) * period.hours
    return tank.storage * HOUR_S * mean


def _limit(tank: Tank, words: str, side: Side, value: float, period: Period) -> Limit:
    return Limit(
        LimitKind.TANK,
        tank.words,
        side,
        value,
        "m3",
        words,
        value / period.hours,
        side,
        weight=1.0,
        per_row=period.hours,
    )
