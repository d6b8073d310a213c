"""Pictures of a tuning search: what the tunings trade, and how the search went."""

from itertools import combinations

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from operator_agent.mpc.tuning.catalogue import START, Catalogue, Entry
from operator_agent.mpc.tuning.objectives import Interval, Objective
from operator_agent.runtime.plots import COLOURS, STYLE

_START, _OTHERS = COLOURS["mpc+supervisor"], COLOURS["mpc"]


def front_figure(catalogue: Catalogue) -> Figure:
    """Return each pair of objectives: tests filled with 95 % intervals, validation hollow."""
    found = catalogue.objectives
    pairs = list(combinations(found, 2)) or [(found[0], found[0])]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.3 * len(pairs), 3.6))
        panels = figure.subplots(1, len(pairs), squeeze=False)[0]
        for axes, pair in zip(panels, pairs, strict=True):
            for entry in catalogue.entries:
                if not entry.failure:
                    _entry(axes, entry, pair)
            axes.set_xlabel(f"{pair[0].name} [{pair[0].unit}]")
            axes.set_ylabel(f"{pair[1].name} [{pair[1].unit}]")
        panels[0].set_title("Tunings: test filled, validation hollow")
    return figure


def convergence_figure(catalogue: Catalogue) -> Figure:
    """Return the hypervolume and the candidates over the generations."""
    numbers = [generation.number for generation in catalogue.history]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 2.9))
        volume, counts = figure.subplots(1, 2)
        volume.plot(numbers, [g.hypervolume for g in catalogue.history], "o-", color=_OTHERS)
        volume.set_title("Hypervolume dominated on training scenarios")
        counts.plot(numbers, [g.tried for g in catalogue.history], "o-", label="tried")
        counts.plot(numbers, [g.front for g in catalogue.history], "s-", label="on the front")
        counts.plot(numbers, [g.failed for g in catalogue.history], "x-", label="failed")
        counts.set_title("Candidates so far")
        counts.legend(frameon=False)
        for axes in (volume, counts):
            axes.set_xlabel("generation")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _entry(axes: Axes, entry: Entry, pair: tuple[Objective, Objective]) -> None:
    colour = _START if entry.name == START else _OTHERS
    across, up = (entry.test[objective.name].interval for objective in pair)
    axes.errorbar(
        across.mean, up.mean, xerr=_reach(across), yerr=_reach(up), fmt="o", ms=5,
        color=colour, ecolor=colour, elinewidth=0.7, alpha=0.9,
    )  # fmt: skip
    seen = [entry.validation[objective.name].interval.mean for objective in pair]
    axes.plot(*seen, "o", ms=5, mfc="none", mec=colour)
    axes.annotate(entry.name, (across.mean, up.mean), xytext=(5, 4), textcoords="offset points",
                  fontsize=7, color=colour)  # fmt: skip


def _reach(found: Interval) -> list[list[float]]:
    return [[found.mean - found.low], [found.high - found.mean]]
