"""Time of a control cycle against the horizon and the number of states, as rows and a plot.

Run with `python -m benchmarks.mpc.size_plot OUT.png [--json FILE]`; one core: OMP_NUM_THREADS=1.
The horizon grows on the published reactor; the states grow on tanks in series, each emptying into
the next by Torricelli's law, with the last level to be held by the first inflow.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import casadi as ca
import matplotlib.pyplot as plt
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.peers.catalogue import engine_named
from operator_agent.mpc.published.bench import bench_case
from operator_agent.mpc.published.case import Case, calm, stepped
from operator_agent.mpc.published.catalogue import published_case
from operator_agent.mpc.published.control_problem import ControlProblem, Tracked
from operator_agent.plant.process_model import ProcessModel

AREA, OPENING, INFLOW = 1.0, 0.01, 0.014  # [m2], [m2.5/s], [m3/s]
CYCLES = 25
HORIZONS = (5, 10, 20, 40, 80)
TANKS = (2, 4, 8, 16, 32)
WAYS = {"own": ("own", "#0b6e99", "o-"), "fatrop": ("fatrop, converged", "#c06000", "s-"),
        "ipopt_tight": ("IPOPT, converged", "#444444", "^-")}  # fmt: skip


def tanks(count: int) -> ControlProblem:
    """Return tanks in series; u = inflow of the first [m3/s], x = levels [m]."""
    x, u, d, p = (ca.SX.sym(n, c) for n, c in (("x", count), ("u", 1), ("d", 0), ("p", 1)))
    out = OPENING * ca.sqrt(ca.fmax(x, 1e-3))
    rhs = (ca.vertcat(u[0], out[:-1]) - out) / AREA
    names = tuple(f"level_{i}" for i in range(count))
    start, one = np.full(count, (INFLOW / OPENING) ** 2), np.ones(count)
    model = ProcessModel(
        name=f"tanks_{count}",
        x_names=names,
        u_names=("inflow",),
        d_names=(),
        y_names=names,
        rhs=ca.Function("rhs", [x, u, d], [rhs]),
        outputs=ca.Function("outputs", [x, u, d], [x]),
        x_nominal=start,
        u_nominal=np.array([INFLOW]),
        d_nominal=np.zeros(0),
        x_scale=one,
        u_scale=np.array([0.01]),
        d_scale=np.zeros(0),
        y_scale=one,
    )

    def score(levels: FloatArray, setpoints: FloatArray) -> FloatArray:
        squared: FloatArray = (levels[:, -1] - setpoints[:, 0]) ** 2
        return squared

    return ControlProblem(
        name=model.name,
        source="tanks in series",
        model=model,
        sample_time_s=60.0,
        x_start=start,
        u_start=np.array([INFLOW]),
        n_pred=20,
        elements=1,
        u_low=np.zeros(1),
        u_high=np.array([0.03]),
        x_low=0.01 * one,
        x_high=4.0 * one,
        soft=(),
        stage_cost=ca.Function("stage_cost", [x, p], [(x[-1] - p[0]) ** 2]),
        stage_score=score,
        p_names=("setpoint",),
        p_nominal=start[-1:],
        move_weight=np.array([0.1]),
        move_scale=np.array([0.01]),
        x_divisor=one,
        tracked=(Tracked(names[-1], "setpoint", 1.0),),
    )


def sized(n_pred: int) -> Case:
    """Return the published reactor with another horizon."""
    case = published_case("reactor", CYCLES)
    return replace(case, problem=replace(case.problem, n_pred=n_pred))


def cascade(count: int) -> Case:
    """Return tanks whose last level is asked to rise by half a metre."""
    case = calm(f"tanks-{count}", "the last level shall rise", tanks(count), CYCLES)
    return replace(case, p=stepped(case.p, 0, 3, float(case.p[0, 0]) + 0.5))


def measured(engines: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of all sizes."""
    rows = []
    cases = [("horizon", sized(n)) for n in HORIZONS] + [("states", cascade(n)) for n in TANKS]
    for over, case in cases:
        for found in bench_case(case, [engine_named(e) for e in engines], 0, 1, print):
            size = {"over": over, "n_pred": case.problem.n_pred, "states": case.problem.model.n_x}
            rows.append({**size, **found.payload()})
    return rows


def draw(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Write the plot: median CPU time of a warm cycle over horizon and over states."""
    figure, panels = plt.subplots(1, 2, figsize=(11.0, 4.6), sharey=True, layout="constrained")
    of_panel = (("horizon", "n_pred", "stages of the horizon, reactor with 4 states", HORIZONS),
                ("states", "states", "states: tanks in series, horizon of 20", TANKS))  # fmt: skip
    for axes, (over, key, label, ticks) in zip(panels, of_panel, strict=True):
        for engine, (name, colour, style) in WAYS.items():
            found = [r for r in rows if r["over"] == over and r["engine"] == engine]
            axes.plot([r[key] for r in found], [r["median_ms"] for r in found], style,
                      color=colour, label=name)  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_yscale("log")
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("CPU time of a cycle [ms], median")
    panels[0].legend(frameon=False)
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the rows, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mpc.size_plot")
    parser.add_argument("file", type=Path, help="PNG to write")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    asked = parser.parse_args(arguments)
    rows = measured(tuple(WAYS))
    if asked.json is not None:
        asked.json.write_text(json.dumps(rows, indent=2, allow_nan=False) + "\n")
    draw(rows, asked.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
