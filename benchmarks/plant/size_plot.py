"""Cost of the crude unit against its numbers of trays and lumps, as a plot.

Run with `python -m benchmarks.plant.size_plot OUT.png`. An hour in steps of a minute, all set
points within half a span and new every ten minutes, one core, CPU time. The vectorised plant is
compiled once for each size, about a minute for the larger ones.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from benchmarks.plant import simulators
from benchmarks.plant.speed import CASE
from benchmarks.plant.timing import timed_in_turn
from benchmarks.plant.unit_of_record import GROUP, HOLD, N_STEPS, SPANS, STEP_S, SUBSTEPS, TARGET

from operator_agent.errors import PlantError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase, Layout
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit

PLACES = (
    *("tray_pumparound_top", "tray_kerosene", "tray_pumparound_mid", "tray_lgo"),
    *("tray_pumparound_bottom", "tray_hgo", "tray_flash_zone"),
)
REPEATS = 3
WAYS = {
    "cvodes": ("CVODES, one copy", "#444444", "o-"),
    "single": ("vectorised plant, one copy", "#0b6e99", "s--"),
    "group": (f"vectorised plant, {GROUP} copies together", "#0b6e99", "o-"),
}


def resized(layout: Layout, trays: int, lumps: int) -> Layout:
    """Return a layout with other numbers of trays and lumps, places and edges in proportion."""
    edges = np.interp(
        np.linspace(0.0, 1.0, lumps - 1),
        np.linspace(0.0, 1.0, len(layout.lump_edges)),
        layout.lump_edges,
    )
    below = layout.n_trays - layout.tray_flash_zone
    stretch = (trays - below) / layout.tray_flash_zone
    places = {name: max(2, round(stretch * getattr(layout, name))) for name in PLACES}
    return replace(
        layout,
        n_trays=trays,
        lump_edges=tuple(map(float, edges)),
        **places | {"tray_flash_zone": trays - below},
    )


def row(model: ProcessModel, trays: int, lumps: int) -> dict[str, Any]:
    """Return CPU seconds of an hour of one copy by each way."""
    one = simulators.moving_inputs(model, 1, N_STEPS, HOLD, SPANS)
    many = simulators.moving_inputs(model, GROUP, N_STEPS, HOLD, SPANS)
    found = timed_in_turn(
        {
            "cvodes": simulators.cvodes(model, one, STEP_S),
            "single": simulators.vector(model, one, STEP_S, SUBSTEPS, 1, 1),
            "group": simulators.vector(model, many, STEP_S, SUBSTEPS, GROUP, 1),
        },
        REPEATS,
    )
    seconds = {way: run.cpu_s / len(run.result) for way, run in found.items()}
    return {"trays": trays, "lumps": lumps, "states": model.n_x, **seconds}


def measured(case: CrudeUnitCase, sizes: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Return rows of all sizes that have a state of rest at the nominal set points."""
    rows = []
    for trays, lumps in sizes:
        layout = resized(case.layout("plant"), trays, lumps)
        sized = replace(case, layouts={**case.layouts, "plant": layout})
        try:
            rows.append(row(build_crude_unit(sized, "plant").model, trays, lumps))
        except PlantError as error:
            print(f"{trays} trays, {lumps} lumps left out: {error}")
            continue
        print(json.dumps(rows[-1]), flush=True)
    return rows


def draw(rows: Sequence[dict[str, Any]], trays: int, lumps: int, file: Path) -> None:
    """Write the plot: times real time over trays and over lumps, the other held."""
    figure, panels = plt.subplots(1, 2, figsize=(11.0, 4.6), sharey=True, layout="constrained")
    of_panel = (("trays", "lumps", lumps), ("lumps", "trays", trays))
    for axes, (over, held, value) in zip(panels, of_panel, strict=True):
        found = sorted((r for r in rows if r[held] == value), key=lambda r: r[over])
        ticks = [r[over] for r in found]
        for way, (label, colour, style) in WAYS.items():
            speeds = [N_STEPS * STEP_S / r[way] for r in found]
            axes.plot(ticks, speeds, style, color=colour, label=label)
        axes.axhline(TARGET, color="#999999", linewidth=1.0)
        axes.text(ticks[0], TARGET, "3,000 ", va="bottom", ha="left", color="#777777", fontsize=8)
        axes.set_yscale("log")
        axes.set_xticks(ticks, [f"{r[over]}\n{r['states']} states" for r in found], fontsize=8)
        axes.set_xlabel(f"{over} of the column, with {value} {held}")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("times real time, one core")
    panels[1].legend(frameon=False, fontsize=8, loc="center right")
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print one line for each size, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plant.size_plot")
    parser.add_argument("file", type=Path, help="PNG to write")
    parser.add_argument("--trays", type=int, nargs="+", default=[12, 16, 20])
    parser.add_argument("--lumps", type=int, nargs="+", default=[10, 14, 18])
    parser.add_argument("--at", type=int, nargs=2, default=[16, 14], metavar=("TRAYS", "LUMPS"))
    asked = parser.parse_args(arguments)
    trays, lumps = asked.at
    sizes = {(count, lumps) for count in asked.trays} | {(trays, count) for count in asked.lumps}
    rows = measured(load_crude_unit_case(CASE), sorted(sizes))
    draw(rows, trays, lumps, asked.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
