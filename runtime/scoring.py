"""Scores of runs: the same figures for every controller, from the plant's noise-free values."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from operator_agent import __version__
from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.runtime.run_record import RunRecord
from operator_agent.site import Limits, Site, Tag
from operator_agent.units import HOUR_S, unit

SAMPLE_MIN = 1.0  # the plant records its truth once a minute
PACKAGES = ("casadi", "numpy", "pyomo", "highspy", "cyipopt", "asyncua", "pymodbus")
GJ_PER_T = 1e-6  # J/kg to GJ/t


def summary(site: Site, runs: Sequence[RunRecord], seed: int, hours: float) -> dict[str, Any]:
    """Return the content of `summary.json`: one entry for each controller, and their differences.

    Args:
        site: for limits, units and spans.
        runs: in the order recipe, mpc, mpc+supervisor.
        seed: of noise and disturbances, the same for all runs.
        hours: of plant time.
    """
    return {
        "seed": seed,
        "hours": hours,
        "site": site.name,
        "versions": versions(),
        "writes_total": sum(run.writes_total for run in runs),
        "writes_without_certificate": sum(run.writes_without_certificate for run in runs),
        "solve_time_ms": _percentiles(np.concatenate([run.solve_ms for run in runs])),
        "controllers": {run.name: score(site, run) for run in runs},
        "differences": _differences(runs),
    }


def versions() -> dict[str, str]:
    """Return the versions that produced the figures."""
    found = {"operator_agent": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def score(site: Site, run: RunRecord) -> dict[str, Any]:
    """Return the figures of one run."""
    verdicts = [cycle.verdict for cycle in run.cycles]
    return {
        "profit_usd_per_h": float(np.mean(run.profit_usd_h)),
        "off_spec_cost_usd_per_h": float(np.mean(run.off_spec_usd_h)),
        "energy_gj_per_t_crude": energy_per_crude(run),
        "flow_vol_feed_m3_per_h": float(np.mean(run.setpoints["flow_vol_feed"])) * HOUR_S,
        "stream_flow_m3_per_h": stream_flows(run),
        "cv_deviation_percent_of_span": deviations(site, run),
        "cv_deviation_from_own_target_percent_of_span": own_deviations(site, run),
        "hard_limit_violation": violations(site, run),
        "hard_limit_violation_min": _minutes_in_total(site, run),
        "soft_limit_violation": violations(site, run, soft=True),
        "writes_total": run.writes_total,
        "writes_without_certificate": run.writes_without_certificate,
        "solve_time_ms": _percentiles(run.solve_ms),
        "cycle_time_ms": _percentiles(np.array([cycle.cycle_ms for cycle in run.cycles])),
        "cycles": len(run.cycles),
        "gate_verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "wall_s": run.seconds,
    }


def energy_per_crude(run: RunRecord) -> float | None:
    """Return all the energy fired over all the crude of a run [GJ/t]; None without any crude.

    What is burnt while no crude flows counts too: the crude of the other hours pays for it.
    """
    crude = float(np.sum(run.truth["flow_mass_feed"]))
    if crude <= 0.0:
        return None
    return float(np.sum(run.truth["duty_fired"])) / crude * GJ_PER_T


def shown_energy(gj_per_t: float | None) -> str:
    """Return energy per crude as tables show it; a dash without crude."""
    return "–" if gj_per_t is None else f"{gj_per_t:.4f}"


def span(tag: Tag) -> float:
    """Return the span of a tag by which deviations are divided [SI].

    The span of a CV is that of its transmitter, of an MV that of its engineering limits.

    Raises:
        InputError: the site gives neither.
    """
    for limits in (tag.measuring_range, tag.engineering):
        width = limits.high - limits.low
        if np.isfinite(width) and width > 0.0:
            return width
    raise InputError(f"tag {tag.name}: give a range, so that deviations have a span")


def deviations(site: Site, run: RunRecord) -> dict[str, float | None]:
    """Return each CV's mean absolute deviation from planning's target, in percent of span.

    A CV for which planning gives no target has None.
    """
    found: dict[str, float | None] = {}
    for tag in site.cvs:
        target = run.plan_targets.get(tag.variable)
        if target is None:
            found[tag.variable] = None
            continue
        error = np.abs(run.truth[tag.variable] - target)
        found[tag.variable] = float(np.mean(error)) / span(tag) * 100.0
    return found


def own_deviations(site: Site, run: RunRecord) -> dict[str, float | None]:
    """Return each CV's mean absolute deviation from the controller's own steady-state target.

    In percent of span; None for a run without a controller.
    """
    found: dict[str, float | None] = {}
    for tag in site.cvs:
        pairs = [
            (cycle.targets[tag.variable], run.truth[tag.variable][index])
            for index, cycle in enumerate(run.cycles)
            if np.isfinite(cycle.targets.get(tag.variable, np.nan))
        ]
        errors = [abs(target - value) for target, value in pairs]
        found[tag.variable] = float(np.mean(errors)) / span(tag) * 100.0 if errors else None
    return found


def stream_flows(run: RunRecord) -> dict[str, dict[str, float]]:
    """Return the mean flow of each product, and what the plans in force foresaw.

    Stream prices are marginal values at the plan's flows: far from these they are worth less.
    """
    return {
        stream: {
            "actual": float(np.mean(run.truth[f"flow_vol_product_{stream}"])) * HOUR_S,
            "planned": float(np.mean(planned)) * HOUR_S,
        }
        for stream, planned in run.plan_flows.items()
    }


def violations(site: Site, run: RunRecord, *, soft: bool = False) -> dict[str, dict[str, Any]]:
    """Return minutes and depth beyond the hard (or soft) limits, by variable, in the tag's unit."""
    found: dict[str, dict[str, Any]] = {}
    for tag in site.cvs if soft else (*site.cvs, *site.mvs):
        values = run.truth[tag.variable] if tag in site.cvs else run.setpoints[tag.variable]
        depth = beyond(values, tag.soft if soft else tag.operator)
        scale = unit(tag.unit).factor
        found[tag.variable] = {
            "minutes": float(np.count_nonzero(depth > _tolerance(tag))) * SAMPLE_MIN,
            "depth": float(np.max(depth, initial=0.0)) / scale,
            "unit": tag.unit,
        }
    return found


def beyond(values: FloatArray, limits: Limits) -> FloatArray:
    """Return how far each value lies outside a range; zero inside."""
    return np.maximum(np.maximum(values - limits.high, limits.low - values), 0.0)


def _tolerance(tag: Tag) -> float:
    """Return the depth below which a value counts as on its limit: float rounding of the span."""
    return 1e-6 * span(tag)


def _minutes_in_total(site: Site, run: RunRecord) -> float:
    outside = np.zeros(run.time_h.shape, dtype=bool)
    for tag in site.cvs:
        outside |= beyond(run.truth[tag.variable], tag.operator) > _tolerance(tag)
    return float(np.count_nonzero(outside)) * SAMPLE_MIN


def _percentiles(times_ms: FloatArray) -> dict[str, float | None]:
    if times_ms.size == 0:
        return {"p50": None, "p99": None, "max": None}
    p50, p99 = np.percentile(times_ms, [50.0, 99.0])
    return {"p50": float(p50), "p99": float(p99), "max": float(np.max(times_ms))}


def _differences(runs: Sequence[RunRecord]) -> dict[str, Mapping[str, float]]:
    profit = {run.name: float(np.mean(run.profit_usd_h)) for run in runs}
    pairs = (("mpc", "recipe"), ("mpc+supervisor", "mpc"), ("mpc+supervisor", "recipe"))
    return {
        f"{better} minus {base}": {"profit_usd_per_h": profit[better] - profit[base]}
        for better, base in pairs
        if better in profit and base in profit
    }
