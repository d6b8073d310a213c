"""The report of a demonstration: one HTML file with its pictures inside, no network needed."""

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from operator_agent.planning.report import Table
from operator_agent.runtime.plots import (
    COLOURS,
    HARD,
    SOFT,
    TARGET,
    advice_figure,
    cv_figure,
    economics_figure,
    gate_figure,
    mv_figure,
    svg,
)
from operator_agent.runtime.run_record import CycleRecord, Event, RunRecord
from operator_agent.runtime.scoring import shown_energy, span
from operator_agent.site import Site
from operator_agent.units import unit

BASELINES = {
    "recipe": "fixed set points: the operators' recipe card for the crude in the unit, changed at "
    "the crude switch within the rate limits, as an operator would",
    "mpc": "the nonlinear MPC with planning's targets and prices, without the supervisor",
    "mpc+supervisor": "the same MPC with the supervisor's advice inside the signed envelope",
}

DURATION = re.compile(r" for \d+(\.\d+)? s\b")

CSS = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d1d1f; margin: 0 auto; max-width: 1240px;
  padding: 24px 28px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 38px 0 8px; }
h3 { font-size: 15px; margin: 18px 0 4px; }
p, li { max-width: 82ch; } .lead { font-size: 17px; }
table { border-collapse: collapse; margin: 10px 0 16px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px; border-bottom: 1px solid #e3e3e6; text-align: right; }
th { font-weight: 600; border-bottom: 2px solid #8a8a8f; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.key span { display: inline-block; width: 26px; height: 0; border-top: 3px solid;
  margin: 0 6px 4px 16px; }
.wide { overflow-x: auto; } svg { max-width: 100%; height: auto; }
.note { color: #55555a; font-size: 13.5px; } .bad { color: #b3261e; font-weight: 600; }
details { margin: 8px 0; } summary { cursor: pointer; font-weight: 600; }
"""


def write_report(
    path: Path,
    site: Site,
    runs: Sequence[RunRecord],
    summary: Mapping[str, Any],
    events: Sequence[Event],
    plans: Sequence[tuple[str, Sequence[Table]]],
) -> None:
    """Write the self-contained HTML report.

    Args:
        path: of the HTML file.
        site: for names, limits and units.
        runs: in the order recipe, mpc, mpc+supervisor.
        summary: as written to `summary.json`.
        events: of the scenario.
        plans: title and tables of each plan that was made.
    """
    last = runs[-1]
    advice = advice_figure(last, events)
    sections = [
        _head(site, summary, events),
        "<h2>Which controller earned what</h2>",
        _controllers_table(summary),
        _baselines(runs),
        _supervisor_words(summary, last),
        "<h2>Economics</h2>" + _key() + _picture(economics_figure(runs, events)),
        _flow_table(summary),
        "<h2>Controlled variables</h2>" + _picture(cv_figure(site, runs, events)),
        _deviation_table(site, summary),
        _violation_table(site, summary),
        "<h2>Manipulated variables</h2>" + _picture(mv_figure(site, runs, events)),
        "<h2>The supervisor's advice</h2>",
        _picture(advice) if advice else "<p>The advice never differed from “no change”.</p>",
        "<h2>The write gate</h2>" + _gate_words(summary) + _picture(gate_figure(runs, events)),
        _refusals(runs),
        _bad_readings(runs),
        "<h2>The plans</h2>" + "".join(_plan(title, tables) for title, tables in plans),
        _versions(summary),
    ]
    title = f"Operator Agent: {html.escape(site.name)}"
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{CSS}</style></head><body>{''.join(sections)}</body></html>\n"
    )


def _head(site: Site, summary: Mapping[str, Any], events: Sequence[Event]) -> str:
    items = "".join(f"<li>{event.time_h:.1f} h: {html.escape(event.text)}</li>" for event in events)
    return (
        f"<h1>{html.escape(site.name)}: {summary['hours']:g} hours under three controllers</h1>"
        f'<p class="note">Seed {summary["seed"]}. Every controller met the same crude, prices, '
        "noise and faults:</p>"
        f"<ul>{items}</ul>"
    )


def _controllers_table(summary: Mapping[str, Any]) -> str:
    columns = [
        "controller",
        "profit<br>[USD/h]",
        "over recipe<br>[USD/h]",
        "off-spec cost<br>[USD/h]",
        "feed<br>[m³/h]",
        "energy<br>[GJ/t crude]",
        "hard limits<br>broken [min]",
        "writes",
        "uncertified<br>writes",
        "optimizer p50 / p99 / max<br>[ms]",
    ]
    base = summary["controllers"]["recipe"]["profit_usd_per_h"]
    rows = []
    for name, score in summary["controllers"].items():
        solve = score["solve_time_ms"]
        times = " / ".join("–" if solve[k] is None else f"{solve[k]:.1f}" for k in solve)
        rows.append(
            [
                name,
                f"{score['profit_usd_per_h']:,.0f}",
                f"{score['profit_usd_per_h'] - base:+,.0f}",
                f"{score['off_spec_cost_usd_per_h']:,.0f}",
                f"{score['flow_vol_feed_m3_per_h']:.1f}",
                shown_energy(score["energy_gj_per_t_crude"]),
                f"{score['hard_limit_violation_min']:.0f}",
                str(score["writes_total"]),
                str(score["writes_without_certificate"]),
                times,
            ]
        )
    return _table(columns, rows)


def _baselines(runs: Sequence[RunRecord]) -> str:
    items = "".join(
        f"<li><b>{run.name}</b>: {html.escape(BASELINES[run.name])}.</li>" for run in runs
    )
    return (
        f"<ul>{items}</ul>"
        '<p class="note">Profit is the value of the crude unit\'s streams to the refinery (shadow '
        "prices of the plan in force) minus crude, fuel and steam, from the plant's noise-free "
        "values; product out of specification is valued down.</p>"
    )


def supervisor_sentence(summary: Mapping[str, Any]) -> str:
    """Return what the supervisor did and did not add, with sign and baseline, in one sentence."""
    gained = summary["differences"]["mpc+supervisor minus mpc"]["profit_usd_per_h"]
    base = summary["controllers"]["mpc"]["profit_usd_per_h"]
    share = 100.0 * gained / abs(base) if base else 0.0
    word = "added" if gained > 0 else "cost" if gained < 0 else "changed nothing:"
    minutes = [
        summary["controllers"][name]["hard_limit_violation_min"]
        for name in ("mpc", "mpc+supervisor")
    ]
    return (
        f"Against the MPC alone on the same scenario and seed, the supervisor {word} "
        f"{abs(gained):,.0f} USD/h ({share:+.2f} % of profit); minutes beyond a hard limit went "
        f"from {minutes[0]:.0f} to {minutes[1]:.0f}. One scenario with one seed shows the sign of "
        "this run only; `operator-agent evaluate` gives the average with its confidence interval."
    )


def _supervisor_words(summary: Mapping[str, Any], run: RunRecord) -> str:
    if "mpc+supervisor minus mpc" not in summary["differences"]:
        return ""
    given = sum(1 for cycle in run.cycles if cycle.advice is not None)
    cut = sum(1 for cycle in run.cycles if cycle.advice_cut)
    promoted = summary.get("policy", {}).get("promoted")
    verdict = {
        True: "Its training passed the promotion gate on held-out scenarios.",
        False: "Its training did not pass the promotion gate: on held-out scenarios its gain was "
        "not shown to be above zero. It runs here to show the path, not because it pays.",
    }.get(promoted, "")
    sentence = html.escape(supervisor_sentence(summary)).replace("`", "")
    return (
        f'<p class="lead">{sentence}</p><p>{verdict} Advice was in force in {given} of '
        f"{len(run.cycles)} cycles; the envelope cut it in {cut}.</p>"
    )


def _key() -> str:
    lines = {**COLOURS, "hard limit": HARD, "quality limit": SOFT, "planning's target": TARGET}
    spans = "".join(
        f'<span style="border-color:{colour}"></span>{name}' for name, colour in lines.items()
    )
    return (
        f'<p class="key">{spans}</p><p class="note">Noise-free values; grey lines mark events.</p>'
    )


def _flow_table(summary: Mapping[str, Any]) -> str:
    names = list(summary["controllers"])
    flows = {name: summary["controllers"][name]["stream_flow_m3_per_h"] for name in names}
    rows = [
        [
            stream,
            f"{found['planned']:.1f}",
            *(f"{flows[name][stream]['actual']:.1f}" for name in names),
        ]
        for stream, found in flows[names[0]].items()
    ]
    return (
        "<h3>Products against the plans in force [m³/h]</h3>"
        + _table(["stream", "planned", *names], rows)
        + '<p class="note">Streams are valued at the plan\'s marginal values. These hold near the '
        "planned flows; further away, part of a gain would need a new plan to be earned.</p>"
    )


def _deviation_table(site: Site, summary: Mapping[str, Any]) -> str:
    names = list(summary["controllers"])
    rows = []
    for tag in site.cvs:
        cells = []
        for name in names:
            share = summary["controllers"][name]["cv_deviation_percent_of_span"][tag.variable]
            cells.append("–" if share is None else f"{share:.2f}")
        rows.append(
            [
                f"{tag.name} {tag.description}",
                f"{span(tag) / unit(tag.unit).factor:.4g} {tag.unit}",
                *cells,
            ]
        )
    return (
        "<h3>Mean absolute deviation from planning's target [% of span]</h3>"
        + _table(["controlled variable", "span", *names], rows)
        + '<p class="note">– : planning gives no target for this variable. A deviation is not '
        "always a loss: the economic target layer leaves planning's cut points when prices and "
        "limits of the moment pay for it.</p>"
    )


def _violation_table(site: Site, summary: Mapping[str, Any]) -> str:
    names = list(summary["controllers"])
    rows = []
    for kind, key in (("hard", "hard_limit_violation"), ("quality", "soft_limit_violation")):
        for tag in site.tags:
            cells = [summary["controllers"][name][key].get(tag.variable) for name in names]
            if any(cell and cell["minutes"] > 0 for cell in cells):
                texts = [f"{cell['minutes']:.0f} min, {cell['depth']:.3g}" for cell in cells]
                rows.append([f"{tag.name} {tag.description}", kind, tag.unit, *texts])
    if not rows:
        return "<p>No limit was broken by any controller.</p>"
    return "<h3>Beyond limits: minutes, and the greatest depth</h3>" + _table(
        ["variable", "limit", "unit", *names], rows
    )


def _gate_words(summary: Mapping[str, Any]) -> str:
    parts = []
    for name, score in summary["controllers"].items():
        if not score["cycles"]:
            continue
        verdicts = ", ".join(f"{count} {word}" for word, count in score["gate_verdicts"].items())
        loose = score["writes_without_certificate"]
        mark = ' class="bad"' if loose else ""
        parts.append(
            f"<li><b>{name}</b>: {score['cycles']} cycles ({verdicts}), {score['writes_total']} "
            f"set points written, <span{mark}>{loose} without certificate</span>.</li>"
        )
    return (
        f"<ul>{''.join(parts)}</ul>"
        '<p class="note">Writes are counted by the plant server from its own log; each is then '
        "looked for in the gate's audit trail, whose chain is verified first.</p>"
    )


def _refusals(runs: Sequence[RunRecord]) -> str:
    rows = [
        [run.name, f"{cycle.time_h:.2f}", cycle.verdict, cycle.check, html.escape(_why(cycle))]
        for run in runs
        for cycle in run.cycles
        if cycle.verdict not in ("written",)
    ]
    if not rows:
        return "<p>The gate wrote every move.</p>"
    table = _table(["run", "plant time [h]", "verdict", "check", "reason"], rows[:200])
    return f"<details><summary>Cycles without a write ({len(rows)})</summary>{table}</details>"


def _why(cycle: CycleRecord) -> str:
    """Return why a cycle wrote nothing."""
    if cycle.reason or cycle.verdict != "none":
        return cycle.reason
    return "the controller was in STANDBY when the cycle began"


def _bad_readings(runs: Sequence[RunRecord]) -> str:
    seen: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        for cycle in run.cycles:
            for tag, reason in cycle.bad_tags.items():
                kind = DURATION.sub("", reason)  # a frozen value is one story, however long
                seen.setdefault((run.name, tag, kind), []).append(cycle.time_h)
    if not seen:
        return ""
    rows = [
        [run, tag, html.escape(reason), f"{min(times):.2f}", f"{max(times):.2f}", str(len(times))]
        for (run, tag, reason), times in seen.items()
    ]
    columns = ["run", "tag", "why it was not used", "first [h]", "last [h]", "cycles"]
    table = _table(columns, rows[:200])
    return f"<details open><summary>Readings that were not used</summary>{table}</details>"


def _plan(title: str, tables: Sequence[Table]) -> str:
    body = "".join(
        f"<h3>{html.escape(table.title)}</h3>"
        + _table(
            [html.escape(c) for c in table.columns],
            [[html.escape(str(v)) for v in row] for row in table.rows],
        )
        for table in tables
    )
    return f"<details><summary>{html.escape(title)}</summary>{body}</details>"


def _versions(summary: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name} {number}" for name, number in summary["versions"].items())
    return f'<p class="note">Made with {html.escape(text)}.</p>'


def _picture(figure: Any) -> str:
    return f'<div class="wide">{svg(figure)}</div>'


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
