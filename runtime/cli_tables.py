"""How the command line prints: tables for people, JSON for programs."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as RichTable

OUT = Console()
ERR = Console(stderr=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def print_json(payload: Any) -> None:
    """Print a payload as JSON and nothing else on standard output."""
    sys.stdout.write(json.dumps(payload, indent=2, allow_nan=False) + "\n")


def rich_table(title: str, columns: Any, rows: Any) -> RichTable:
    """Return a table for the terminal: first column left, numbers right."""
    table = RichTable(title=title, title_justify="left", title_style="bold", header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(str(column), justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table
