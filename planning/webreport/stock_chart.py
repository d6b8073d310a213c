"""Stocks over time: one small chart for each tank, between its limits."""

from collections.abc import Callable, Sequence

from operator_agent.planning.quantities import in_unit
from operator_agent.planning.system.system import Tank
from operator_agent.planning.system.system_plan import SystemPlan, TankResult
from operator_agent.planning.webreport.colours import HELD, INK, QUIET, RULE, TRACK
from operator_agent.planning.webreport.svg import (
    Attribute,
    element,
    line,
    picture,
    rect,
    text,
    title,
)
from operator_agent.planning.webreport.words import fixed, words
from operator_agent.units import DAY_S

WIDTH, HEIGHT = 390.0, 190.0  # [px] of a chart
LEFT, RIGHT, TOP, BOTTOM = 46.0, 14.0, 30.0, 30.0  # [px] round the plot
GLYPH = 5.9  # [px] mean width of a character at 11 px
STOCK = "kbbl"


def stock_charts(plan: SystemPlan) -> list[str]:
    """Return a chart for each tank of a system: its stock at the end of every period."""
    by_tank: dict[tuple[str, str, str], list[TankResult]] = {}
    for one in plan.tanks:
        by_tank.setdefault((one.plant, *one.tank.key), []).append(one)
    return [_chart(plan, found) for found in by_tank.values()]


def _chart(plan: SystemPlan, found: Sequence[TankResult]) -> str:
    tank, plant = found[0].tank, found[0].plant
    days = [0.0]
    for period in plan.system.periods:
        days.append(days[-1] + period.length_s / DAY_S)
    stocks = [found[0].opening, *(one.closing for one in found)]
    top = max(*stocks, tank.high, 1e-9)

    def x(day: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * day / days[-1]

    def y(stock: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * stock / top

    several = len(plan.system.plants) > 1
    name = f"{words(plant)}: {words(tank.words)}" if several else words(tank.words)
    parts = [text(0.0, 14.0, f"{name} [{STOCK}]", "unit")]
    parts.append(rect(LEFT, y(tank.high), WIDTH - LEFT - RIGHT, y(tank.low) - y(tank.high), TRACK))
    parts += _limits(tank, y)
    for n, period in enumerate(plan.system.periods):
        parts.append(line(x(days[n]), TOP, x(days[n]), HEIGHT - BOTTOM, RULE, 0.8))
        room = int((x(days[n + 1]) - x(days[n])) / GLYPH)
        label = period.name if len(period.name) <= room else f"{period.name[: room - 1]}…"
        middle = 0.5 * (x(days[n]) + x(days[n + 1]))
        if room > 2:
            parts.append(text(middle, HEIGHT - BOTTOM + 16.0, label, "value", "middle"))
    points = " ".join(
        f"{x(day):.1f},{y(stock):.1f}" for day, stock in zip(days, stocks, strict=True)
    )
    parts.append(
        element("polyline", {"points": points, "fill": "none", "stroke": HELD, "stroke-width": 2.0})
    )
    for day, stock in zip(days, stocks, strict=True):
        tip = f"day {day:.0f}: {_stock(stock)} {STOCK}"
        place: dict[str, Attribute] = {"cx": x(day), "cy": y(stock), "r": 3.6, "fill": HELD}
        parts.append(element("circle", place, title(tip)))
    return picture(WIDTH, HEIGHT, f"stock of {name}", parts)


def _limits(tank: Tank, y: Callable[[float], float]) -> list[str]:
    """Return the limits of the stock with their values at the left edge."""
    parts = []
    shown: list[float] = []
    for limit in (tank.high, tank.low):
        at = y(limit)
        parts.append(line(LEFT, at, WIDTH - RIGHT, at, QUIET, 1.0))
        if all(abs(at - other) >= 12.0 for other in shown):
            parts.append(text(LEFT - 6.0, at + 4.0, _stock(limit), "value", "end"))
            shown.append(at)
    parts.append(line(LEFT, y(0.0), WIDTH - RIGHT, y(0.0), INK, 1.0))
    return parts


def _stock(volume: float) -> str:
    return fixed(in_unit(volume, STOCK), 1)
