"""Scores are what their names say, on runs whose answers are known by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.runtime.run_record import CycleRecord, RunRecord
from operator_agent.runtime.scoring import (
    deviations,
    score,
    shown_energy,
    span,
    summary,
    violations,
)
from operator_agent.runtime.site_file import load_site

SITE = load_site(Path(__file__).resolve().parents[2] / "cases" / "sites" / "crude_unit.yaml")
N = 10


def run(name: str, profit_usd_h: float) -> RunRecord:
    """Return ten minutes in which everything stands in the middle of its limits."""
    truth = {tag.variable: np.full(N, middle(tag)) for tag in SITE.tags}
    truth |= {f"flow_vol_product_{s}": np.full(N, 0.01) for s in ("naphtha", "lgo")}
    truth |= {"duty_fired": np.full(N, 6e7), "flow_mass_feed": np.full(N, 150.0)}
    return RunRecord(
        name=name,
        time_h=np.arange(N) / 60.0,
        truth=truth,
        setpoints={tag.variable: np.full(N, middle(tag)) for tag in SITE.mvs},
        plan_targets={"temp_tbp95_lgo": truth["temp_tbp95_lgo"].copy()},
        plan_flows={"naphtha": np.full(N, 0.02), "lgo": np.full(N, 0.01)},
        profit_usd_h=np.full(N, profit_usd_h),
        off_spec_usd_h=np.zeros(N),
        energy_j_kg=np.full(N, 4e5),
        cycles=(),
        writes_total=7,
        writes_without_certificate=0,
        seconds=1.0,
    )


def middle(tag: object) -> float:
    limits = [tag.operator, tag.soft, tag.measuring_range]  # type: ignore[attr-defined]
    low = max(limit.low for limit in limits)
    high = min(limit.high for limit in limits)
    return 0.5 * (low + high) if np.isfinite(low) and np.isfinite(high) else 1.0


def test_nothing_outside_its_limits_scores_nothing() -> None:
    found = score(SITE, run("recipe", 1000.0))
    assert found["hard_limit_violation_min"] == 0.0
    assert all(cell["minutes"] == 0.0 for cell in found["hard_limit_violation"].values())
    assert found["profit_usd_per_h"] == pytest.approx(1000.0)
    assert found["energy_gj_per_t_crude"] == pytest.approx(0.4)
    assert found["stream_flow_m3_per_h"]["naphtha"] == pytest.approx(
        {"actual": 36.0, "planned": 72.0}
    )


def test_energy_per_crude_is_all_energy_over_all_crude() -> None:
    one = run("mpc", 0.0)
    one.truth["flow_mass_feed"][:4] = 0.0  # the feed pump is down, the fire is turned low
    one.truth["duty_fired"][:4] = 1.5e7
    energy = 4 * 1.5e7 + 6 * 6e7
    found = score(SITE, one)["energy_gj_per_t_crude"]
    assert found == pytest.approx(energy / (6 * 150.0) * 1e-6)
    assert found > 0.4  # standing still is no saving
    one.truth["flow_mass_feed"][:] = 0.0
    none = score(SITE, one)["energy_gj_per_t_crude"]
    assert (none, shown_energy(none), shown_energy(found)) == (None, "–", f"{found:.4f}")


def test_minutes_and_depth_beyond_a_hard_limit_are_in_the_tags_unit() -> None:
    one = run("mpc", 0.0)
    furnace = next(tag for tag in SITE.cvs if tag.variable == "duty_furnace")
    one.truth["duty_furnace"][3:6] = furnace.operator.high + 2e6
    one.truth["duty_furnace"][4] = furnace.operator.high + 3e6
    found = violations(SITE, one)["duty_furnace"]
    assert found == {"minutes": 3.0, "depth": pytest.approx(3.0), "unit": "MW"}
    assert score(SITE, one)["hard_limit_violation_min"] == 3.0


def test_deviation_is_a_share_of_the_transmitters_span() -> None:
    one = run("mpc", 0.0)
    one.truth["temp_tbp95_lgo"] += 1.6
    tag = next(tag for tag in SITE.cvs if tag.variable == "temp_tbp95_lgo")
    assert span(tag) == pytest.approx(160.0)
    assert deviations(SITE, one)["temp_tbp95_lgo"] == pytest.approx(1.0)
    assert deviations(SITE, one)["duty_furnace"] is None
    with pytest.raises(InputError, match="AC1103"):
        span(replace(tag, measuring_range=type(tag.measuring_range)()))


def test_the_summary_counts_all_runs_and_gives_signed_differences() -> None:
    cycle = CycleRecord(1, 0.0, "on", "written", "", "", 20.0, 50.0, (), "", {}, {}, None, ())
    controlled = replace(run("mpc", 1500.0), cycles=(cycle,))
    found = summary(SITE, [run("recipe", 1000.0), controlled], seed=3, hours=0.2)
    assert found["writes_total"] == 14
    assert found["solve_time_ms"] == {"p50": 20.0, "p99": 20.0, "max": 20.0}
    assert found["differences"] == {"mpc minus recipe": {"profit_usd_per_h": 500.0}}
    assert found["controllers"]["recipe"]["solve_time_ms"]["p50"] is None
