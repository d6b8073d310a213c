"""The pictures of the report: drawn by matplotlib, returned as SVG text or saved as PNG."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operator_agent.arrays import FloatArray
from operator_agent.runtime.run_record import Event, RunRecord
from operator_agent.site import Limits, Site, Tag
from operator_agent.units import from_si

COLOURS = {"recipe": "#7a7a7a", "mpc": "#1f6fb4", "mpc+supervisor": "#d1661a"}
LINES: Mapping[str, Any] = {
    "recipe": {"color": COLOURS["recipe"], "lw": 1.2},
    "mpc": {"color": COLOURS["mpc"], "lw": 1.8},
    # Dashed, so that the line below shows where the two coincide.
    "mpc+supervisor": {"color": COLOURS["mpc+supervisor"], "lw": 1.4, "ls": (0, (4, 3))},
}
HARD, SOFT, TARGET = "#b3261e", "#c98a00", "#4d7c4a"
COLUMNS = 3
PANEL_INCH = (4.3, 2.35)
STYLE: Any = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.fonttype": "none",
    "svg.hashsalt": "operator-agent",
    "figure.constrained_layout.use": True,
}


def cv_figure(site: Site, runs: Sequence[RunRecord], events: Sequence[Event]) -> Figure:
    """Return the controlled variables of all runs with their limits and planning's targets."""

    def draw(axes: Axes, tag: Tag) -> None:
        for run in runs:
            _line(axes, run, tag, run.truth[tag.variable])
        target = runs[-1].plan_targets.get(tag.variable)
        if target is not None:
            axes.plot(runs[-1].time_h, _shown(target, tag), color=TARGET, lw=1.0, ls=":")
        _limit_lines(axes, tag.operator, tag, HARD, "-")
        _limit_lines(axes, tag.soft, tag, SOFT, "--")

    return _panels(site.cvs, draw, events)


def mv_figure(site: Site, runs: Sequence[RunRecord], events: Sequence[Event]) -> Figure:
    """Return the set points of all runs with the operator's limits."""

    def draw(axes: Axes, tag: Tag) -> None:
        for run in runs:
            _line(axes, run, tag, run.setpoints[tag.variable])
        _limit_lines(axes, tag.operator, tag, HARD, "-")

    return _panels(site.mvs, draw, events)


OVERVIEW = ("temp_tbp95_kerosene", "temp_tbp95_hgo", "duty_condenser")
OVERVIEW_MVS = ("temp_coil_outlet", "flow_vol_hgo")


def overview_figure(site: Site, runs: Sequence[RunRecord], events: Sequence[Event]) -> Figure:
    """Return six panels that tell the run: money, three CVs against limits, two set points."""
    cvs = [tag for tag in site.cvs if tag.variable in OVERVIEW]
    mvs = [tag for tag in site.mvs if tag.variable in OVERVIEW_MVS]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMNS * PANEL_INCH[0], 2 * 2.6))
        money, *panels = figure.subplots(2, COLUMNS).flat
        _gained(money, runs)
        for axes, tag in zip(panels, (*cvs, *mvs), strict=True):
            for run in runs:
                values = run.truth if tag in cvs else run.setpoints
                _line(axes, run, tag, values[tag.variable])
            _limit_lines(axes, tag.operator, tag, HARD, "-")
            _limit_lines(axes, tag.soft, tag, SOFT, "--")
            axes.set_title(f"{_short(tag.description)} [{tag.unit}]")
        for axes in (money, *panels):
            _mark(axes, events)
            axes.set_xlabel("plant time [h]")
        handles, labels = panels[0].get_legend_handles_labels()
        money.legend(handles, labels, frameon=False, loc="upper left")
    return figure


def _gained(axes: Axes, runs: Sequence[RunRecord]) -> None:
    for run in runs:
        more = np.cumsum(run.profit_usd_h - runs[0].profit_usd_h) / 60.0 / 1e3
        axes.plot(run.time_h, more, **LINES[run.name])
    axes.set_title(f"Profit gained over the {runs[0].name} [kUSD]")


def economics_figure(runs: Sequence[RunRecord], events: Sequence[Event]) -> Figure:
    """Return profit rate, what it adds up to against the first run, and energy per tonne."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3 * PANEL_INCH[0], 2.9))
        rate, gained, energy = figure.subplots(1, 3)
        for run in runs:
            style = LINES[run.name]
            rate.plot(run.time_h, run.profit_usd_h / 1e3, **style)
            fed = np.where(run.energy_j_kg > 0.0, run.energy_j_kg, np.nan)  # a gap without crude
            energy.plot(run.time_h, fed * 1e-6, **style)
        rate.set_title("Profit rate [kUSD/h]")
        _gained(gained, runs)
        energy.set_title("Energy per crude [GJ/t]")
        for axes in (rate, gained, energy):
            _mark(axes, events)
            axes.set_xlabel("plant time [h]")
    return figure


def advice_figure(run: RunRecord, events: Sequence[Event]) -> Figure | None:
    """Return the advice over time, or None when there was none."""
    series = _advice_series(run)
    if not series:
        return None
    with matplotlib.rc_context(STYLE):
        rows = math.ceil(len(series) / COLUMNS)
        figure = Figure(figsize=(COLUMNS * PANEL_INCH[0], rows * 1.9))
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes, (name, (time_h, values)) in zip(grid.flat, series.items(), strict=False):
            axes.step(time_h, values, where="post", color=COLOURS["mpc+supervisor"], lw=1.4)
            axes.set_title(name)
            _mark(axes, events)
        for axes in grid.flat[len(series) :]:
            axes.set_visible(False)
    return figure


def gate_figure(runs: Sequence[RunRecord], events: Sequence[Event]) -> Figure:
    """Return the gate's verdicts over time and the distribution of solve times."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3 * PANEL_INCH[0], 2.6))
        timeline, histogram = figure.subplots(1, 2, width_ratios=[2, 1])
        verdicts = ("written", "held", "refused", "failed", "shed", "none")
        for run in (run for run in runs if run.cycles):
            shift = 0.12 if run.name == "mpc" else -0.12
            height = [verdicts.index(cycle.verdict) + shift for cycle in run.cycles]
            time_h = [cycle.time_h for cycle in run.cycles]
            timeline.plot(time_h, height, "|", color=COLOURS[run.name], ms=7)
            histogram.hist(run.solve_ms, bins=40, histtype="step", color=COLOURS[run.name], lw=1.5)
        timeline.set_yticks(range(len(verdicts)), verdicts)
        timeline.invert_yaxis()
        timeline.set_title("Verdict of the write gate, cycle by cycle")
        timeline.set_xlabel("plant time [h]")
        _mark(timeline, events)
        histogram.set_title("Time of the optimizer per cycle [ms]")
        histogram.set_ylabel("cycles")
    return figure


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, dpi=110, metadata={"Software": None})


def svg(figure: Figure) -> str:
    """Return a figure as SVG text without its XML head, ready to stand in HTML."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _panels(
    tags: Sequence[Tag], draw: Callable[[Axes, Tag], None], events: Sequence[Event]
) -> Figure:
    with matplotlib.rc_context(STYLE):
        rows = math.ceil(len(tags) / COLUMNS)
        figure = Figure(figsize=(COLUMNS * PANEL_INCH[0], rows * PANEL_INCH[1]))
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True)
        for axes, tag in zip(grid.flat, tags, strict=False):
            draw(axes, tag)
            _mark(axes, events)
            axes.set_title(f"{tag.name}  {_short(tag.description)} [{tag.unit}]")
        for axes in grid.flat[len(tags) :]:
            axes.set_visible(False)
        for axes in grid[-1]:
            axes.set_xlabel("plant time [h]")
    return figure


def _short(text: str) -> str:
    return text if len(text) <= 38 else text[:37] + "…"


def _line(axes: Axes, run: RunRecord, tag: Tag, values: FloatArray) -> None:
    axes.plot(run.time_h, _shown(values, tag), label=run.name, **LINES[run.name])


def _shown(values: FloatArray, tag: Tag) -> FloatArray:
    return np.array([from_si(float(value), tag.unit) for value in values])


def _limit_lines(axes: Axes, limits: Limits, tag: Tag, colour: str, style: str) -> None:
    """Draw a limit where it is near the data: a far one would flatten the curve."""
    low, high = axes.get_ylim()
    for edge in (limits.low, limits.high):
        if math.isfinite(edge):
            shown = from_si(edge, tag.unit)
            if low - 0.6 * (high - low) <= shown <= high + 0.6 * (high - low):
                axes.axhline(shown, color=colour, ls=style, lw=1.0)


def _mark(axes: Axes, events: Sequence[Event]) -> None:
    for event in events:
        axes.axvline(event.time_h, color="#bbbbbb", lw=0.8, zorder=0)


def _advice_series(run: RunRecord) -> Mapping[str, tuple[list[float], list[float]]]:
    series: dict[str, tuple[list[float], list[float]]] = {}
    for cycle in run.cycles:
        if cycle.advice is None:
            continue
        for name, value in _flat(cycle.advice).items():
            times, values = series.setdefault(name, ([], []))
            times.append(cycle.time_h)
            values.append(value)
    return {name: pair for name, pair in series.items() if len(set(pair[1])) > 1}


def _flat(advice: Mapping[str, object]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in advice.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}: {inner}": float(number) for inner, number in value.items()}
        elif isinstance(value, int | float) and name != "cycle":
            flat[name] = float(value)
    return flat
