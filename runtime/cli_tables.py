"""How the command line prints: tables for people, JSON for programs."""

import json
import sys
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

OUT = Console()
ERR = Console(stderr=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def print_json(payload: Any) -> None:
    """Print a payload as JSON and nothing else on standard output."""
    sys.stdout.write(json.dumps(payload, indent=2, allow_nan=False) + "\n")


def rich_table(title: str, columns: Any, rows: Any) -> RichTable:
    """Return a table for the terminal: first column left, numbers right."""
    table = RichTable(
        title=Text(title), title_justify="left", title_style="bold", header_style="bold"
    )
    for index, column in enumerate(columns):
        justify: Literal["left", "right"] = "left" if index == 0 else "right"
        table.add_column(Text(str(column)), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


def say(text: str) -> None:
    """Print a sentence as it is: brackets in it are no markup."""
    OUT.print(Text(text))


def complain(error: Exception) -> None:
    """Print an error as one sentence on standard error."""
    ERR.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
