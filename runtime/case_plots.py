"""Pictures of case work: a stack as bars, a ramp as lines, a grid of two keys as a map."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operator_agent.errors import InputError
from operator_agent.planning.casework.ramps import RampResult
from operator_agent.planning.casework.stack_row import StackResult
from operator_agent.runtime.plots import COLOURS, STYLE, save_png, svg

LINE, FALL, MARK = COLOURS["mpc"], COLOURS["mpc+supervisor"], "#bbbbbb"
PANEL_INCH = (5.2, 3.0)
BAR_INCH = 0.34
FORMATS = (".png", ".svg")


def check_plot_file(path: Path | None) -> None:
    """Refuse a file of another format before anything is solved.

    Raises:
        InputError: the file ends in neither .png nor .svg, or its folder does not exist.
    """
    if path is None:
        return
    if path.suffix not in FORMATS:
        raise InputError(f"plot file {path} must end in {' or '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise InputError(f"plot file {path}: folder {path.parent} does not exist; make it first")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by the name of the file."""
    if path.suffix == ".svg":
        path.write_text(svg(figure), encoding="utf-8")
    else:
        save_png(figure, path)


def stack_figure(stack: StackResult) -> Figure:
    """Return the profit of each case against the first that has a plan [kusd/h]."""
    rows = [row for row in stack.rows if row.ok]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 1.2 + BAR_INCH * max(len(rows), 1)))
        axes = figure.subplots()
        gains = [(row.profit - rows[0].profit) / 1e3 for row in rows]
        colours = [LINE if gain >= 0.0 else FALL for gain in gains]
        axes.barh([row.case for row in rows], gains, color=colours)
        axes.set_axisbelow(True)
        axes.axvline(0.0, color=MARK, lw=0.8)
        axes.invert_yaxis()
        base = f"{rows[0].case} ({rows[0].profit / 1e3:,.1f})" if rows else "nothing"
        axes.set_title(f"Profit against {base} [kusd/h]")
    return figure


def ramp_figure(ramp: RampResult) -> Figure:
    """Return the profit and each watched number over the key, or as a map over two keys.

    Lines of a ramp break where a point has no plan; grey bands hold the changes of basis.
    """
    series = {"profit [kusd/h]": [row.profit / 1e3 for row in ramp.stack.rows]}
    for watched in ramp.stack.watch:
        series[watched.title] = [row.watched.get(watched.key, np.nan) for row in ramp.stack.rows]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PANEL_INCH[0], PANEL_INCH[1] * len(series)))
        panels = figure.subplots(len(series), 1, squeeze=False)[:, 0]
        for axes, (title, values) in zip(panels, series.items(), strict=True):
            draw = _line if len(ramp.axes) == 1 else _map
            draw(figure, axes, ramp, values)
            axes.set_title(title)
        panels[-1].set_xlabel(f"{ramp.axes[-1].key} [{ramp.axes[-1].unit}]")
    return figure


def _line(figure: Figure, axes: Axes, ramp: RampResult, values: list[float]) -> None:
    for change in ramp.changes:
        axes.axvspan(change.low, change.high, color=MARK, lw=0.8)
    axes.plot(ramp.axes[0].values, values, color=LINE, marker="o", ms=3.0)


def _map(figure: Figure, axes: Axes, ramp: RampResult, values: list[float]) -> None:
    first, second = ramp.axes
    shown = np.array(values).reshape(len(first.values), len(second.values))
    mesh = axes.pcolormesh(second.values, first.values, shown, shading="nearest", cmap="viridis")
    axes.set_ylabel(f"{first.key} [{first.unit}]")
    axes.grid(False)
    figure.colorbar(mesh, ax=axes)
