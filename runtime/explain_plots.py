"""Pictures of explanations: how good predictions are, and what the limits of the target cost."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from operator_agent.runtime.explain_record import ExplanationFile
from operator_agent.runtime.explain_words import Tags, accuracy_of, limit_prices
from operator_agent.runtime.plots import PANEL_INCH, STYLE

SHOWN = 8  # limits in the picture of prices: the dearest


def explanation_figure(record: ExplanationFile) -> Figure:
    """Return the accuracy of predictions by how far ahead, and the prices of limits over time.

    Args:
        record: of a run.
    """
    tags, accuracy = Tags.of(record), accuracy_of(record)
    names = list(record.head["cvs"])
    columns = 3
    rows = -(-len(names) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(columns * PANEL_INCH[0], (rows + 1.4) * PANEL_INCH[1]))
        errors, costs = figure.subfigures(2, 1, height_ratios=[rows, 1.4], squeeze=False)[:, 0]
        grid = errors.subplots(rows, columns, squeeze=False, sharex=True)
        for i, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
            axes.set_title(f"{tags.tag(name)}: measured minus predicted [{tags.unit(name)}]")
            if accuracy is None:
                continue
            ahead = accuracy.ahead_s / 60.0
            mean = np.array([tags.span(name, m) for m in accuracy.mean[:, i]])
            std = np.array([tags.span(name, s) for s in accuracy.std[:, i]])
            axes.fill_between(ahead, mean - std, mean + std, alpha=0.25, lw=0.0)
            axes.plot(ahead, mean, marker="o", ms=3)
            axes.axhline(0.0, color="#8a8a8f", lw=0.8)
        for axes in grid.flat[len(names) :]:
            axes.set_visible(False)
        for axes in grid[-1]:
            axes.set_xlabel("predicted so far ahead [min]; band: one standard deviation")
        prices = costs.subplots()
        start_s = record.cycles[0]["time_s"] if record.cycles else 0.0
        time_h = [(line["time_s"] - start_s) / 3600.0 for line in record.cycles]
        found = sorted(limit_prices(record).items(), key=lambda kv: -max(kv[1]))[:SHOWN]
        for name, series in found:
            variable = name.rpartition(" ")[0]
            label = f"{tags.limit(name)} [USD/h per {tags.unit(variable)}]"
            prices.step(time_h, series, where="post", label=label)
        prices.set_title("What the limits of the steady-state target cost")
        prices.set_xlabel("plant time [h]")
        if found:
            prices.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
