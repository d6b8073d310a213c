"""Colours of the page: light streams gold, heavy ones brown; names of things in calm tones."""

import math
from itertools import pairwise

from operator_agent.planning.webreport.svg import element, rect, text

INK, QUIET, RULE = "#1d1d1f", "#6b6b70", "#e3e3e6"
GOOD, COST, HELD = "#8dbba4", "#dcb994", "#1f6fb4"
TRACK, ROOM = "#eef0f3", "#9fb8cf"
UNKNOWN, GAIN = "#c5cbd6", "#f4f4f6"

NODE_COLOURS = {
    "crude": "#4a3b33",
    "purchase": "#4a3b33",
    "unit": "#2b5d8a",
    "stream": "#8a8a8f",
    "product": "#2f7d5b",
}

DARK = 125.0  # luma (ITU-R BT.601) of 255 below which words on a colour are white

LADDER = (
    (650.0, (244, 226, 170)),
    (760.0, (232, 193, 109)),
    (850.0, (208, 148, 82)),
    (930.0, (166, 106, 74)),
    (1040.0, (104, 74, 66)),
)
"""Density [kg/m3] and colour (red, green, blue)."""


def density_colour(density: float) -> str:
    """Return the colour of a stream by its density [kg/m3]; grey when it is unknown.

    Example:
        >>> density_colour(850.0)
        '#d09452'
    """
    if not math.isfinite(density):
        return UNKNOWN
    density = min(max(density, LADDER[0][0]), LADDER[-1][0])
    for (low, first), (high, second) in pairwise(LADDER):
        if density <= high:
            share = (density - low) / (high - low)
            mixed = (round(a + share * (b - a)) for a, b in zip(first, second, strict=True))
            return "#" + "".join(f"{part:02x}" for part in mixed)
    raise AssertionError("the ladder covers what it was clipped to")


def is_dark(colour: str) -> bool:
    """Return whether white words read better than black ones on a colour like `#d09452`."""
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue < DARK


def density_key(x: float, y: float) -> str:
    """Return the key of the stream colours as SVG, with its upper left corner at x, y [px]."""
    parts = [text(x, y + 10.0, "density [kg/m3]", "value")]
    for n, density in enumerate(range(650, 1041, 15)):
        parts.append(rect(x + 96.0 + 6.0 * n, y + 1.0, 6.2, 10.0, density_colour(float(density))))
    for n, density in ((0, 650), (13, 845), (26, 1040)):
        parts.append(text(x + 99.0 + 6.0 * n, y + 22.0, str(density), "value", "middle"))
    parts.append(rect(x + 290.0, y + 1.0, 12.0, 10.0, UNKNOWN))
    parts.append(text(x + 307.0, y + 10.0, "not given", "value"))
    parts.append(rect(x + 380.0, y + 1.0, 6.0, 10.0, NODE_COLOURS["unit"]))
    parts.append(rect(x + 386.0, y + 1.0, 6.0, 10.0, GAIN))
    parts.append(
        text(x + 397.0, y + 10.0, "volume that a unit gains (left) or loses (right)", "value")
    )
    return element("g", {}, *parts)
