"""Cost of a planning model against its number of periods, as a plot.

Run with `python -m benchmarks.planning.size_plot OUT.png [--sizes 1 3 6 12 28 84 280]`. The largest
takes HiGHS five minutes on one core, twice: bare, and from the authored model.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from benchmarks.planning.speed import period_row

PEERS_UP_TO = 28  # periods; beyond, one more solve of the same matrix tells nothing new
WAYS = {
    "pure": ("HiGHS on bare matrices", "#444444", "o-"),
    "own": ("this engine: author, compile, solve, check", "#0b6e99", "o-"),
    "own translation": ("of that, authoring and compiling", "#0b6e99", "o:"),
    "appsi": ("Pyomo with appsi", "#c7622b", "s--"),
    "new interface": ("Pyomo's new HiGHS interface", "#8a4fa3", "s--"),
    "linopy": ("linopy", "#3c8c4a", "^--"),
}


def draw(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Write the plot: seconds, and times the pure solve, over periods."""
    figure, (seconds, ratio) = plt.subplots(1, 2, figsize=(11.0, 4.6), layout="constrained")
    for key, (label, colour, style) in WAYS.items():
        found = [row for row in rows if key in row]
        periods = [row["periods"] for row in found]
        seconds.plot(periods, [row[key] for row in found], style, color=colour, label=label)
        if key != "own translation":
            times = [row[key] / row["pure"] for row in found]
            ratio.plot(periods, times, style, color=colour, label=label)
    for axes, what in ((seconds, "CPU seconds"), (ratio, "times the pure solve")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("periods (776 columns, 250 rows each)")
        axes.set_ylabel(what)
        axes.grid(alpha=0.3)
    ratio.axhline(1.25, color="#999999", linewidth=1.0)
    ratio.set_yticks([1, 1.25, 2, 5, 10, 20], ["1", "1.25", "2", "5", "10", "20"])
    seconds.legend(frameon=False, fontsize=8)
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print one line for each size, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning.size_plot")
    parser.add_argument("file", type=Path, help="PNG to write")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 3, 6, 12, 28, 84])
    asked = parser.parse_args(arguments)
    period_row(1)  # imports and first calls
    rows = []
    for periods in asked.sizes:
        row = period_row(periods, peers=periods <= PEERS_UP_TO)
        print(json.dumps(row), flush=True)
        rows.append(row)
    draw(rows, asked.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
