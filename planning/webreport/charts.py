"""Small pictures of a plan: the waterfall of money and the bars that stand inside tables."""

from collections.abc import Mapping, Sequence

from operator_agent.planning.plan import Money
from operator_agent.planning.webreport.colours import (
    COST,
    GOOD,
    HELD,
    INK,
    QUIET,
    ROOM,
    RULE,
    TRACK,
    is_dark,
)
from operator_agent.planning.webreport.svg import line, picture, rect, text, title
from operator_agent.planning.webreport.words import money, words

BAR, GAP, TALL, BASE = 92.0, 28.0, 210.0, 236.0  # [px] columns of the waterfall
CELL_WIDTH, CELL_HEIGHT = 170.0, 14.0  # [px] of a bar inside a table


def waterfall(of: Money) -> str:
    """Return how sales become profit, one column for each kind of cost [usd/h]."""
    steps: Sequence[tuple[str, Mapping[str, float]]] = (
        ("sales", of.revenue),
        *((("crude", of.crude_cost),) if of.crude_cost else ()),
        *((("purchases", of.purchase_cost),) if of.purchase_cost else ()),
        ("energy and steam", of.energy_cost),
        ("operating cost", of.operating_cost),
    )
    sales = sum(of.revenue.values())
    deepest = min(0.0, of.profit)
    span = max(sales, 1.0) - deepest
    zero = BASE + TALL * deepest / span
    parts, level = [], 0.0
    for n, (name, shares) in enumerate(steps):
        sign = 1.0 if n == 0 else -1.0
        total = sum(shares.values())
        x, after = n * (BAR + GAP), level + sign * total
        parts += _stack(x, zero, TALL / span, min(level, after), shares, GOOD if n == 0 else COST)
        parts.append(_head(x, zero - TALL / span * max(level, after), name, sign * total))
        y = zero - TALL / span * after
        parts.append(line(x + BAR, y, x + BAR + GAP, y, QUIET, 0.8))
        level = after
    x = len(steps) * (BAR + GAP)
    top = zero - TALL / span * max(of.profit, 0.0)
    size = TALL / span * abs(of.profit)
    parts.append(rect(x, top, BAR, size, HELD, title(f"profit: {money(of.profit)} usd/h")))
    parts.append(_head(x, top, "profit", of.profit))
    parts.append(line(0.0, zero, x + BAR, zero, INK, 1.0))
    return picture(x + BAR + 2.0, BASE + 8.0, "from sales to profit", parts)


def _stack(
    x: float, zero: float, scale: float, bottom: float, shares: Mapping[str, float], colour: str
) -> list[str]:
    """Return the parts of one column, the largest at the bottom."""
    parts, level = [], bottom
    for name, value in sorted(shares.items(), key=lambda item: -item[1]):
        if value <= 0.0:
            continue
        tip = title(f"{words(name)}: {money(value)} usd/h")
        size = scale * value
        parts.append(rect(x, zero - scale * level - size, BAR, max(size - 0.8, 0.4), colour, tip))
        level += value
    return parts


def _head(x: float, y: float, name: str, value: float) -> str:
    middle = x + BAR / 2.0
    shown = f"{money(value)}"
    return text(middle, y - 18.0, name, "name", "middle") + text(
        middle, y - 5.0, shown, "value", "middle"
    )


def share_bar(share: float, colour: str = ROOM, mark: float | None = None) -> str:
    """Return a bar that is filled to a share of its length, with a mark for the least share."""
    filled = min(max(share, 0.0), 1.0)
    parts = [
        rect(0.0, 0.0, CELL_WIDTH, CELL_HEIGHT, TRACK, rounded=2.0),
        rect(0.0, 0.0, CELL_WIDTH * filled, CELL_HEIGHT, colour, rounded=2.0),
    ]
    if mark is not None:
        x = CELL_WIDTH * min(max(mark, 0.0), 1.0)
        parts.append(line(x, 0.0, x, CELL_HEIGHT, INK, 1.2))
    return picture(CELL_WIDTH, CELL_HEIGHT, f"{100.0 * share:.0f} %", parts)


def window_bar(low: float, high: float, value: float) -> str:
    """Return where a value stands between two bounds."""
    share = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.5
    middle = CELL_HEIGHT / 2.0
    x = 4.0 + (CELL_WIDTH - 8.0) * share
    parts = [
        line(4.0, middle, CELL_WIDTH - 4.0, middle, RULE, 3.0),
        line(4.0, 2.0, 4.0, CELL_HEIGHT - 2.0, QUIET, 1.2),
        line(CELL_WIDTH - 4.0, 2.0, CELL_WIDTH - 4.0, CELL_HEIGHT - 2.0, QUIET, 1.2),
        rect(x - 3.5, 1.5, 7.0, CELL_HEIGHT - 3.0, HELD, rounded=2.0),
    ]
    return picture(CELL_WIDTH, CELL_HEIGHT, f"{100.0 * share:.0f} % of the window", parts)


def stacked_bar(
    shares: Sequence[tuple[str, float, str]], width: float = 640.0, height: float = 24.0
) -> str:
    """Return a bar of named parts.

    Args:
        shares: name, fraction of the whole and colour of each part, in order.
        width, height: of the picture [px].
    """
    parts, x = [], 0.0
    for name, share, colour in shares:
        size = width * share
        tip = title(f"{words(name)}: {100.0 * share:.1f} %")
        parts.append(rect(x, 0.0, max(size - 1.0, 0.5), height, colour, tip))
        label = f"{words(name)} {100.0 * share:.1f} %"
        if size > 6.2 * len(label) + 10.0:
            style = "on-dark" if is_dark(colour) else "on-light"
            parts.append(text(x + 7.0, height / 2.0 + 4.0, label, style))
        x += size
    return picture(width, height, ", ".join(f"{n} {100.0 * s:.1f} %" for n, s, _ in shares), parts)
