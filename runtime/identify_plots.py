"""Pictures of an identification: measured beside simulated, and step responses with their bands."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operator_agent.mpc.identification.channel import Verdict
from operator_agent.mpc.identification.curve import step_response_of
from operator_agent.mpc.identification.identify import Identified
from operator_agent.runtime.plots import COLOURS, STYLE
from operator_agent.units import HOUR_S

_MEASURED, _MODEL, _FREE = "#7a7a7a", COLOURS["mpc"], COLOURS["mpc+supervisor"]
_COLOUR_OF = {
    Verdict.GOOD: "#4d7c4a",
    Verdict.WEAK: "#c98a00",
    Verdict.NO_EFFECT: "#7a7a7a",
    Verdict.NOT_EXCITED: "#b3261e",
}


def fit_figure(found: Identified) -> Figure:
    """Return each output on the rows that the fit has not seen, measured and simulated."""
    with matplotlib.rc_context(STYLE):
        count = len(found.outputs)
        figure = Figure(figsize=(11.0, 2.0 * count + 0.5))
        panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        pairs = zip(panels, found.outputs, found.validations, strict=True)
        for axes, output, checked in pairs:
            hours = checked.time_s / HOUR_S
            axes.plot(hours, checked.measured, ".", ms=2.0, color=_MEASURED, label="measured")
            axes.plot(hours, checked.simulated, lw=1.3, color=_MODEL, label="from the inputs alone")
            axes.set_title(
                f"{output.name}: fit {checked.fit_percent:.0f} %, one reading ahead "
                f"{checked.ahead_percent:.0f} %"
            )
        panels[0].legend(frameon=False, fontsize=7, ncols=2, loc="upper right")
        panels[-1].set_xlabel("hours, not used for the fit")
    return figure


def steps_figure(found: Identified) -> Figure:
    """Return the step response of every channel, by formula and free, with 95 % bands."""
    sources = found.inputs + found.disturbances
    rows, columns = len(found.outputs), len(sources)
    with matplotlib.rc_context(STYLE | {"font.size": 7, "axes.titlesize": 7}):
        figure = Figure(figsize=(2.1 * columns + 0.6, 1.5 * rows + 0.6))
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
        for i in range(rows):
            for j in range(columns):
                _channel(grid[i, j], found, i, j)
            grid[i, 0].set_ylabel(found.outputs[i].name, fontsize=6.5)
        for j, source in enumerate(sources):
            grid[0, j].set_title(f"{source.name}\n{grid[0, j].get_title()}")
            grid[-1, j].set_xlabel("hours")
    return figure


def _channel(axes: Axes, found: Identified, i: int, j: int) -> None:
    """Draw one channel; the colour of its heading is the verdict."""
    report = found.channels[i][j]
    curve = step_response_of(found, i, j)
    axes.set_title(report.verdict.value, color=_COLOUR_OF[report.verdict], fontweight="normal")
    if curve is None:
        return
    free = (curve.free - curve.free_half, curve.free + curve.free_half)
    if report.form != "rate":
        axes.fill_between(curve.free_time_s / HOUR_S, *free, color=_FREE, alpha=0.25, lw=0)
        axes.plot(curve.free_time_s / HOUR_S, curve.free, color=_FREE, lw=0.8)
    band = (curve.formula - curve.formula_half, curve.formula + curve.formula_half)
    axes.fill_between(curve.time_s / HOUR_S, *band, color=_MODEL, alpha=0.3, lw=0)
    axes.plot(curve.time_s / HOUR_S, curve.formula, color=_MODEL, lw=1.2)
    shown = np.concatenate((curve.formula, *(free if report.form != "rate" else ()), [0.0]))
    room = 0.1 * max(float(np.ptp(shown)), 1e-30)
    axes.set_ylim(float(shown.min()) - room, float(shown.max()) + room)
