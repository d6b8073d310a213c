"""Bars of money side by side: cases of a stack, periods of a system."""

import math
from collections.abc import Sequence

from operator_agent.planning.webreport.colours import COST, INK, ROOM, RULE
from operator_agent.planning.webreport.svg import line, picture, rect, text, title
from operator_agent.planning.webreport.words import NO_VALUE, money

WIDTH, ROW, BAR = 900.0, 24.0, 15.0  # [px] of the picture, of a row, of its bar
GLYPH = 6.2  # [px] mean width of a character at 11 px
VALUE = 84.0  # [px] kept free for the figure behind a bar


def signed_bars(values: Sequence[tuple[str, float]], mark: float | None = None) -> str:
    """Return horizontal bars from a common zero line, with their values.

    Args:
        values: name and value of each bar; NaN has no bar.
        mark: a value to compare with, as a line over all bars.
    """
    left = min(GLYPH * max((len(name) for name, _ in values), default=0) + 12.0, 320.0)
    known = [value for _, value in values if math.isfinite(value)]
    low, high = min([0.0, *known]), max([0.0, *known])
    room = WIDTH - left - VALUE - (VALUE if low < 0.0 else 0.0)
    scale = room / max(high - low, 1e-9)
    zero = left + (VALUE if low < 0.0 else 0.0) - scale * low
    height = ROW * len(values) + 8.0
    parts = []
    if mark is not None:
        at = zero + scale * mark
        parts.append(line(at, 0.0, at, height, RULE, 2.0))
    for n, (name, value) in enumerate(values):
        y = 4.0 + ROW * n
        parts.append(text(0.0, y + 12.0, _cut(name, left), "name"))
        if not math.isfinite(value):
            parts.append(text(zero + 6.0, y + 12.0, NO_VALUE, "value"))
            continue
        size = scale * abs(value)
        start = zero if value >= 0.0 else zero - size
        colour = ROOM if value >= 0.0 else COST
        parts.append(rect(start, y, size, BAR, colour, title(f"{name}: {money(value)}")))
        if value >= 0.0:
            parts.append(text(zero + size + 6.0, y + 12.0, money(value), "value"))
        else:
            parts.append(text(start - 6.0, y + 12.0, money(value), "value", "end"))
    parts.append(line(zero, 0.0, zero, height, INK, 1.0))
    return picture(WIDTH, height, "bars of money", parts)


def _cut(name: str, room: float) -> str:
    most = int(room / GLYPH)
    return name if len(name) <= most else f"{name[: most - 1]}…"
