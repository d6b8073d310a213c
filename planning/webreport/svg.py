"""Pieces of SVG as text; whatever comes from a case is escaped here."""

import html
from collections.abc import Iterable

Attribute = str | float | int


def shown(value: Attribute) -> str:
    """Return an attribute's text: numbers with two decimals at most, texts escaped.

    Example:
        >>> shown(12.5), shown("a<b")
        ('12.5', 'a&lt;b')
    """
    if isinstance(value, str):
        return html.escape(value, quote=True)
    return f"{value:.2f}".rstrip("0").rstrip(".")


def element(tag: str, attributes: dict[str, Attribute], *inside: str) -> str:
    """Return an element; `inside` is SVG already."""
    parts = "".join(f' {name}="{shown(value)}"' for name, value in attributes.items())
    return f"<{tag}{parts}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{parts}/>"


def title(text: str) -> str:
    """Return the words that appear when the pointer rests on the element around them."""
    return f"<title>{html.escape(text)}</title>"


def rect(
    x: float, y: float, width: float, height: float, fill: str, *inside: str, rounded: float = 0.0
) -> str:
    """Return a rectangle."""
    size: dict[str, Attribute] = {
        "x": x,
        "y": y,
        "width": max(width, 0.0),
        "height": max(height, 0.0),
    }
    return element("rect", {**size, "fill": fill, **({"rx": rounded} if rounded else {})}, *inside)


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> str:
    """Return a straight line."""
    ends: dict[str, Attribute] = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return element("line", {**ends, "stroke": colour, "stroke-width": width})


def text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    """Return a line of text; `style` names classes of the page's style sheet."""
    where: dict[str, Attribute] = {"x": x, "y": y}
    if style:
        where["class"] = style
    if anchor != "start":
        where["text-anchor"] = anchor
    return element("text", where, html.escape(words))


def picture(width: float, height: float, name: str, parts: Iterable[str]) -> str:
    """Return a whole SVG picture that scales down with the page.

    Args:
        width, height: of its own coordinates [px].
        name: what it shows, for readers who do not see it.
        parts: its elements.
    """
    return element(
        "svg",
        {
            "viewBox": f"0 0 {shown(width)} {shown(height)}",
            "width": width,
            "height": height,
            "role": "img",
            "aria-label": name,
        },
        *parts,
    )
