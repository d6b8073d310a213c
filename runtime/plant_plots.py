"""Pictures of a plant by itself: trends of a run, prices and stocks of a market."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operator_agent.arrays import FloatArray
from operator_agent.plant.market.price_path import PricePath
from operator_agent.plant.market.supply import SupplyHistory
from operator_agent.plant.variables import PLACES, PRODUCTS, fraction_name
from operator_agent.runtime.plant_run import PlantRun
from operator_agent.runtime.plots import COLOURS, COLUMNS, PANEL_INCH, STYLE
from operator_agent.units import DAY_S, HOUR_S, OIL_BARREL_M3, from_si

TRUE, READ, BAD = COLOURS["mpc"], "#b9b9b9", "#b3261e"
SHOWN_UNIT = {
    "temp": "degC",
    "duty": "MW",
    "flow_vol": "m3/h",
    "fraction": "%",
    "pressure": "bar",
    "level": "%",
    "opening": "%",
}
# No red: red marks what is not good.
PALETTE = ("#1f6fb4", "#d1661a", "#4d7c4a", "#7b5ea7", "#8a6d3b", "#2a9d9d", "#555555")
_FIXED: Mapping[str, tuple[str, ...]] = {
    "Feed": ("flow_vol_feed_actual",),
    "Preheat": ("temp_preheat",),
    "Coil outlet, flash zone, bottom": (
        "temp_coil_outlet_actual",
        "temp_flash_zone",
        "temp_bottom",
    ),
    "Overhead and its set point": ("temp_overhead", "temp_top"),
    "Top pressure": ("pressure_top",),
    "Naphtha 95 %": ("temp_tbp95_naphtha",),
    "Kerosene 5 %": ("temp_tbp05_kerosene",),
    "Kerosene 95 %": ("temp_tbp95_kerosene",),
    "LGO 95 %": ("temp_tbp95_lgo",),
    "HGO 95 %": ("temp_tbp95_hgo",),
    "Overflash": ("fraction_overflash",),
    "Flooding": ("fraction_flooding",),
    "Furnace and condenser": ("duty_furnace", "duty_condenser"),
    "Pumparounds": tuple(f"duty_pumparound_{place}_actual" for place in PLACES),
    "Oxygen in the stack": ("fraction_oxygen_stack_actual",),
    "Tube skin and stack": ("temp_skin", "temp_stack"),
    "Reflux": ("flow_vol_reflux",),
    "Levels": ("level_drum", "level_sump"),
    "Valves": ("opening_valve_feed", "opening_valve_reflux", "opening_valve_hgo"),
}


def trends(crude_keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what each panel shows, by heading."""
    crude = {"Crude to the unit": tuple(fraction_name(key) for key in crude_keys)}
    products = {"Products": tuple(f"flow_vol_product_{product}" for product in PRODUCTS)}
    return {**crude, **_FIXED, **products}


def trends_figure(
    run: PlantRun, crude_keys: Sequence[str], title: str, events_h: Sequence[float] = ()
) -> Figure:
    """Return the main variables over time: what was read, and what was true on top of it.

    Args:
        run: to draw.
        crude_keys: of the unit.
        title: above all panels.
        events_h: times to mark [h].
    """
    panels = trends(crude_keys)
    with matplotlib.rc_context(STYLE):
        rows = math.ceil(len(panels) / COLUMNS)
        figure = Figure(figsize=(COLUMNS * PANEL_INCH[0], rows * PANEL_INCH[1]))
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True)
        for axes, (heading, names) in zip(grid.flat, panels.items(), strict=False):
            _trend(axes, run, heading, names)
            for event_h in events_h:
                axes.axvline(event_h, color="#dddddd", lw=0.8, zorder=0)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes in grid[-1]:
            axes.set_xlabel("plant time [h]")
    return figure


def _trend(axes: Axes, run: PlantRun, heading: str, names: Sequence[str]) -> None:
    unit = shown_unit(names[0])
    hours = run.time_s / HOUR_S
    for n, name in enumerate(names):
        read, true = _in(run.measured[name], unit), _in(run.truth[name], unit)
        good = np.array([status == "good" for status in run.statuses[name]])
        if not np.array_equal(read, true):
            axes.plot(hours, np.where(good, read, np.nan), color=READ, lw=0.8, zorder=1)
            axes.plot(hours[~good], read[~good], ".", color=BAD, ms=3, zorder=3)
        label = _label(name)
        axes.plot(hours, true, lw=1.4, zorder=2, color=PALETTE[n], label=label)
    if len(names) > 1:
        axes.legend(frameon=False, fontsize=6.5, ncols=2)
    axes.set_title(f"{heading} [{unit}]")


def _label(name: str) -> str:
    for stem in ("flow_vol_product_", "duty_pumparound_", "fraction_", "opening_valve_"):
        name = name.removeprefix(stem)
    return name.removesuffix("_actual").replace("_", " ")


def shown_unit(name: str) -> str:
    """Return the unit in which people read a variable; the SI unit where there is none."""
    return next((unit for word, unit in SHOWN_UNIT.items() if name.startswith(word)), "1")


def _in(values: FloatArray, unit: str) -> FloatArray:
    return np.array([from_si(float(value), unit) for value in values])


def market_figure(path: PricePath, supply: SupplyHistory, title: str) -> Figure:
    """Return prices, cracks, demands, and what the tank farm fed."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2 * PANEL_INCH[0] * 1.35, 3 * PANEL_INCH[1]))
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
        grid = figure.subplots(3, 2)
        barrel = OIL_BARREL_M3
        _lines(grid[0, 0], path.days, {"marker": path.marker, **path.crudes}, barrel)
        grid[0, 0].set_title("Crudes [USD/bbl]")
        differentials = {key: price - path.marker for key, price in path.crudes.items()}
        _lines(grid[0, 1], path.days, differentials, barrel)
        grid[0, 1].set_title("Differentials to the marker [USD/bbl]")
        _lines(grid[1, 0], path.days, path.products, barrel)
        grid[1, 0].set_title("Products [USD/bbl]")
        _lines(grid[1, 1], path.days, path.cracks, barrel)
        grid[1, 1].set_title("Cracks [USD/bbl]")
        _lines(grid[2, 0], path.days, path.demands, DAY_S / barrel / 1e3)
        grid[2, 0].set_title("Demands [kbbl/d]")
        _slate(grid[2, 1], supply)
        for axes in grid.flat:
            axes.set_xlabel("day")
    return figure


def _lines(axes: Axes, days: FloatArray, series: Mapping[str, FloatArray], factor: float) -> None:
    for key, values in series.items():
        axes.plot(days, values * factor, lw=1.2, label=key.replace("_", " "))
    axes.legend(frameon=False, fontsize=6.5, ncols=2)


def _slate(axes: Axes, supply: SupplyHistory) -> None:
    days = supply.times / DAY_S
    labels = [key.replace("_", " ") for key in supply.crude_keys]
    colours = PALETTE[: len(labels)]
    axes.stackplot(days, 100.0 * supply.declared.T, labels=labels, colors=colours, alpha=0.75)
    axes.plot(days, 100.0 * np.cumsum(supply.true, axis=1)[:, :-1], color="black", lw=0.7)
    axes.set_ylim(0.0, 100.0)
    axes.legend(frameon=False, fontsize=6.5, loc="lower left", ncols=2)
    axes.set_title("Slate by the books (areas) and in truth (lines) [vol%]")
