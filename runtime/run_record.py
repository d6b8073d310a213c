"""What happened in one run, as arrays: the common input of scores, plots and the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """One control cycle as the loop saw it.

    Attributes:
        cycle: number, from 1.
        time_h: plant time [h from the start].
        mode: of the controller after the cycle.
        verdict: of the gate (`written`, `held`, `refused`, `failed`, `shed`, or `none`).
        check: name of the gate's check that failed, empty otherwise.
        reason: in words, why no move was made or written; empty when all is well.
        solve_ms: wall time of the optimizer [ms]; NaN when it did not run.
        cycle_ms: wall time of the whole cycle, reading to historian [ms].
        active_limits: names of the limits that hold the solution.
        unmet: in words, which hard limits the plan cannot keep at once; empty when all are kept.
        targets: steady-state target by CV [SI].
        bad_tags: tags whose reading was not used, with the reason.
        advice: the advice in force, as plain values; None without a supervisor.
        advice_cut: what the envelope cut off, in words.
        states: state and reason of every variable that is not simply in service.
    """

    cycle: int
    time_h: float
    mode: str
    verdict: str
    check: str
    reason: str
    solve_ms: float
    cycle_ms: float
    active_limits: tuple[str, ...]
    unmet: str
    targets: Mapping[str, float]
    bad_tags: Mapping[str, str]
    advice: Mapping[str, Any] | None
    advice_cut: tuple[str, ...]
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the scenario did to all runs alike."""

    time_h: float
    text: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One controller's run through the scenario.

    Attributes:
        name: `recipe`, `mpc` or `mpc+supervisor`.
        time_h: of the samples [h], shape (n,), one a minute.
        truth: noise-free value by variable [SI], each shape (n,).
        setpoints: set point by MV variable [SI], each shape (n,).
        plan_targets: planning's target by CV variable [SI], each shape (n,).
        plan_flows: flow that the plan in force foresees, by stream [m3/s], each shape (n,).
        profit_usd_h: profit rate at planning's stream values, shape (n,).
        off_spec_usd_h: the part of it lost to products out of specification, shape (n,).
        energy_j_kg: fired duty per mass of crude, shape (n,); 0 while no crude flows.
        cycles: one for each control cycle; empty for the recipe.
        writes_total: set points that the device accepted from outside.
        writes_without_certificate: of these, not found in the audit trail.
        seconds: wall time of the run.
    """

    name: str
    time_h: FloatArray
    truth: Mapping[str, FloatArray]
    setpoints: Mapping[str, FloatArray]
    plan_targets: Mapping[str, FloatArray]
    plan_flows: Mapping[str, FloatArray]
    profit_usd_h: FloatArray
    off_spec_usd_h: FloatArray
    energy_j_kg: FloatArray
    cycles: tuple[CycleRecord, ...]
    writes_total: int
    writes_without_certificate: int
    seconds: float

    @property
    def solve_ms(self) -> FloatArray:
        """Wall times of the optimizer, without cycles in which it did not run [ms]."""
        return np.array([c.solve_ms for c in self.cycles if np.isfinite(c.solve_ms)])
