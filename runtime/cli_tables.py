"""How the command line prints: tables for people, JSON for programs."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from operator_agent.errors import InputError

EDGE, BETWEEN = 1, 3  # [characters] of a table's left edge, and beside every column

ERR = Console(stderr=True)


class Output:
    """Standard output as it is at the moment: a console keeps the width of when it was made."""

    @property
    def width(self) -> int:
        """Width of the terminal [characters]."""
        return Console().width

    def print(self, *things: Any) -> None:
        """Print tables and texts."""
        Console().print(*things)


OUT = Output()

JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def check_json_file(json_file: str | None) -> None:
    """Refuse a file that cannot be written before anything is computed.

    Raises:
        InputError: its folder does not exist, or it is a folder itself.
    """
    if json_file in (None, "-"):
        return
    path = Path(str(json_file))
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"{path}: folder {path.parent} does not exist; make it first")


def print_json(payload: Any) -> None:
    """Print a payload as JSON and nothing else on standard output."""
    sys.stdout.write(json.dumps(payload, indent=2, allow_nan=False) + "\n")


def rich_table(title: str, columns: Any, rows: Any, width: int | None = None) -> RichTable:
    """Return a table for the terminal: first column left, numbers right, words kept whole.

    Args:
        title: above the table.
        columns: headings.
        rows: of cells.
        width: of the terminal [characters]; the one of standard output when not given.
    """
    heads = [str(column) for column in columns]
    cells = [[str(cell) for cell in row] for row in rows]
    widths = column_widths([heads, *cells], width or OUT.width)
    table = RichTable(
        title=Text(title), title_justify="left", title_style="bold", header_style="bold"
    )
    for index, (head, wide) in enumerate(zip(heads, widths, strict=True)):
        justify: Literal["left", "right"] = "left" if index == 0 else "right"
        heading = Text(_broken(head, wide))
        table.add_column(heading, justify=justify, overflow="fold", width=wide)
    for row in cells:
        texts = (_broken(cell, wide) for cell, wide in zip(row, widths, strict=True))
        table.add_row(*map(Text, texts))
    return table


def tables_that_fit(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> list[RichTable]:
    """Return a table in as many parts as it takes to keep every cell on one line.

    Args:
        title: above the first part.
        columns: headings; the first column stands in every part.
        rows: of cells.
        width: of the terminal [characters]; the one of standard output when not given.
    """
    wide = width or OUT.width
    parts = columns_that_fit([columns, *rows], wide)
    return [
        rich_table(
            title if k == 0 else f"{title} (continued)",
            [columns[i] for i in part],
            [[row[i] for i in part] for row in rows],
            wide,
        )
        for k, part in enumerate(parts)
    ]


def columns_that_fit(rows: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Return the columns of each part of a table: the first one, and as many as fit beside it.

    Args:
        rows: headings, of which words may stand below each other, then cells.
        width: of the terminal [characters].

    Example:
        >>> columns_that_fit([("CV", "FC1", "FC2"), ("AC1", "+1.5 (3 %)", "+2.5 (4 %)")], 26)
        [[0, 1], [0, 2]]
    """
    heads, *cells = rows
    needs = [
        BETWEEN + max([*map(len, _words(head)), *(len(row[i]) for row in cells)])
        for i, head in enumerate(heads)
    ]
    parts: list[list[int]] = [[0]]
    for i in range(1, len(heads)):
        if parts[-1][1:] and EDGE + sum(needs[j] for j in parts[-1]) + needs[i] > width:
            parts.append([0])
        parts[-1].append(i)
    return parts


def column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the width of each column [characters] so that a table fits and few words break.

    Every column gets its longest word; what is left goes to cells, then to headings, and first to
    columns that lack least. Where even the words do not fit, the widest columns are narrowed.

    Args:
        rows: headings, then cells.
        width: of the terminal [characters].

    Example:
        >>> column_widths([("name", "recipe"), ("gasoline", "60% light oil")], 24)
        [8, 9]
        >>> column_widths([("name", "recipe"), ("gasoline", "60% light oil")], 80)
        [8, 13]
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(len(word) for cell in column for word in _words(cell)) for column in columns]
    left = width - EDGE - BETWEEN * len(columns) - sum(widths)
    for part in (slice(1, None), slice(None)):
        lack = [
            max([len(cell) - wide for cell in column[part]], default=0)
            for column, wide in zip(columns, widths, strict=True)
        ]
        for n in sorted(range(len(columns)), key=lack.__getitem__):
            more = max(min(lack[n], left), 0)
            widths[n] += more
            left -= more
    while left < 0 and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
        left += 1
    return widths


def _words(cell: str) -> list[str]:
    return cell.split() or [""]


def _broken(cell: str, width: int) -> str:
    """Return a cell with words that do not fit broken behind their _ . / and , signs."""
    if all(len(word) <= width for word in _words(cell)):
        return cell
    lines = [""]
    for part in re.findall(r"[^\s_./,]*[\s_./,]*", cell):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def say(text: str) -> None:
    """Print a sentence as it is: brackets in it are no markup."""
    OUT.print(Text(text))


def complain(error: Exception) -> None:
    """Print an error as one sentence on standard error."""
    ERR.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
