"""Turns what a run left on disk into a `RunRecord`, and a scenario into words."""

import json
import time
from collections.abc import Sequence

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    FuelChange,
    NoiseChange,
    PreheatChange,
    PriceChange,
    SensorFault,
    SetpointChange,
    ValveSticks,
)
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.economics import profit_rate
from operator_agent.plant.variables import PRODUCTS as STREAMS
from operator_agent.runtime.gate_process import count_writes
from operator_agent.runtime.run_record import CycleRecord, Event, RunRecord
from operator_agent.runtime.scenario_plans import TimedPlan
from operator_agent.runtime.state_folder import StateFolder
from operator_agent.site import Site
from operator_agent.units import span_to_si, unit


def load_run(
    name: str,
    site: Site,
    case: CrudeUnitCase,
    state: StateFolder,
    plans: Sequence[TimedPlan],
    cycles: tuple[CycleRecord, ...],
    began_s: float,
) -> RunRecord:
    """Return the record of a run from the plant's own logs.

    Args:
        name: of the controller.
        site, case: as run.
        state: folder with `truth.jsonl`, the device's write log and the audit trail.
        plans: whose stream values and targets hold from their time on.
        cycles: as the control loop recorded them.
        began_s: monotonic time at the start [s].
    """
    rows = [json.loads(line) for line in state.truth.read_text().splitlines()]
    time_h = np.array([row["time_s"] for row in rows]) / 3600.0
    rates = []
    for row, at_h in zip(rows, time_h, strict=True):
        targets = plan_at(plans, at_h).answer.targets
        rates.append(profit_rate(row["truth"], targets, case.specifications))
    writes = count_writes(site, state)
    return RunRecord(
        name=name,
        time_h=time_h,
        truth=_columns([row["truth"] for row in rows]),
        setpoints=_columns([row["setpoints"] for row in rows]),
        plan_targets=_plan_targets(plans, time_h),
        plan_flows=_plan_flows(plans, time_h),
        profit_usd_h=np.array([rate.profit_usd_s for rate in rates]) * 3600.0,
        off_spec_usd_h=np.array([rate.off_spec_cost_usd_s for rate in rates]) * 3600.0,
        energy_j_kg=np.array([rate.energy_j_per_kg_crude for rate in rates]),
        cycles=cycles,
        writes_total=writes.set_points,
        writes_without_certificate=writes.uncertified,
        seconds=time.monotonic() - began_s,
    )


def plan_at(plans: Sequence[TimedPlan], time_h: float) -> TimedPlan:
    """Return the plan in force at a plant time [h]."""
    return [plan for plan in plans if plan.time_h <= time_h][-1]


def _columns(rows: Sequence[dict[str, float]]) -> dict[str, FloatArray]:
    return {key: np.array([row.get(key, np.nan) for row in rows]) for key in rows[0]}


def _plan_targets(plans: Sequence[TimedPlan], time_h: FloatArray) -> dict[str, FloatArray]:
    names = plans[0].answer.targets.targets
    return {
        name: np.array([plan_at(plans, at_h).answer.targets.targets[name] for at_h in time_h])
        for name in names
    }


def _plan_flows(plans: Sequence[TimedPlan], time_h: FloatArray) -> dict[str, FloatArray]:
    """Return the flows that the plan in force foresees, by stream of the crude unit [m3/s]."""
    flows = [plan_at(plans, at_h).answer.payload["stream_flows"] for at_h in time_h]
    return {name: np.array([float(row[name]) for row in flows]) for name in STREAMS}


def event_list(site: Site, scenario: Scenario) -> tuple[Event, ...]:
    """Return the scenario's events in words, in order of time, up to its end."""
    found = []
    for event in scenario.events:
        if event.at_s < scenario.duration_s:
            found.append(Event(event.at_s / 3600.0, _words(site, event)))
    return tuple(sorted(found, key=lambda event: event.time_h))


def _words(site: Site, event: object) -> str:
    if isinstance(event, CrudeSwitch):
        slate = ", ".join(
            f"{share * 100:.0f} % {key.replace('_', ' ')}" for key, share in event.slate.items()
        )
        return f"crude switch to {slate}, over {event.ramp_s / 60:.0f} min"
    if isinstance(event, PriceChange):
        factors = ", ".join(f"{key} {(f - 1) * 100:+.0f} %" for key, f in event.factors.items())
        return f"price change: {factors}; planning solves again"
    if isinstance(event, SensorFault):
        tag = next(tag for tag in site.tags if tag.variable == event.variable)
        size = span_to_si(1.0, tag.unit) and event.size / unit(tag.unit).factor
        kind = f"{event.kind} by {size:g} {tag.unit}" if event.size else event.kind
        return f"{tag.name} ({tag.description}): {kind} for {event.duration_s / 60:.0f} min"
    if isinstance(event, NoiseChange):
        return f"measurement noise times {event.factor:g}"
    if isinstance(event, PreheatChange):
        return f"preheat temperature {event.temp_k_delta:+.1f} K over {event.ramp_s / 60:.0f} min"
    if isinstance(event, DisturbanceChange):
        return f"{event.variable} {event.delta:+g} K over {event.ramp_s / 60:.0f} min"
    if isinstance(event, FuelChange):
        return f"heating value of the fuel {(event.factor - 1) * 100:+.0f} %"
    if isinstance(event, EquipmentTrip):
        name = event.equipment.replace("_", " ")
        return f"{name} at {event.remaining * 100:.0f} % for {event.duration_s / 60:.0f} min"
    if isinstance(event, ValveSticks):
        band = f"sticks by {event.band * 100:g} % of its stroke" if event.band else "is free again"
        return f"{event.valve} valve {band}"
    if isinstance(event, SetpointChange):
        return f"operator sets {event.handle} to {event.value:g} (SI)"
    raise TypeError(f"a {type(event).__name__} has no words")
