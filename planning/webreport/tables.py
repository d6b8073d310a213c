"""Tables of the page as HTML; cells are texts, which are escaped, or pictures of our own."""

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A cell that is SVG already."""

    svg: str


Cell = str | Picture


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its emphasis.

    Attributes:
        cells: one for each column.
        style: class of the style sheet: `sum`, `held`, `lost`, `head` or nothing.
    """

    cells: tuple[Cell, ...]
    style: str = ""


def table(columns: Sequence[str], rows: Sequence[Row], left: Sequence[int] = ()) -> str:
    """Return a table.

    Args:
        columns: headings.
        rows: each with as many cells as there are columns.
        left: columns beside the first whose texts stand to the left.
    """
    head = "".join(
        f'<th class="words">{html.escape(name)}</th>'
        if n in left
        else f"<th>{html.escape(name)}</th>"
        for n, name in enumerate(columns)
    )
    body = "".join(_row(row, left) for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row: Row, left: Sequence[int]) -> str:
    cells = []
    for n, cell in enumerate(row.cells):
        inside = cell.svg if isinstance(cell, Picture) else html.escape(cell)
        cells.append(f'<td class="words">{inside}</td>' if n in left else f"<td>{inside}</td>")
    style = f' class="{row.style}"' if row.style else ""
    return f"<tr{style}>{''.join(cells)}</tr>"


def section(heading: str, *parts: str) -> str:
    """Return a section with its heading; `parts` are HTML already."""
    return f"<section><h2>{html.escape(heading)}</h2>{''.join(parts)}</section>"


def note(words: str) -> str:
    """Return a remark in small print."""
    return f'<p class="note">{html.escape(words)}</p>'


def page(title: str, css: str, parts: Sequence[str]) -> str:
    """Return a whole HTML document that needs nothing from elsewhere."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{css}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
