"""How long the crude unit's CVs stay off target after a step in each disturbance.

Run with `python -m benchmarks.mpc.offset [STEP ...] [--json FILE]`; one core:
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1. Some five minutes for all.

The unit is simulated with the plant's layout and instruments that are late, but without noise; the
controller is that of the site, with the cut points firmly pulled to where they were before.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.tuning.closed_loop import scan_of
from operator_agent.mpc.variables import variables_from_site
from operator_agent.mpc.weights import load_weights
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    Event,
    FuelChange,
    PreheatChange,
)
from operator_agent.plant.simulation.instruments import Analyser, Transmitter
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit
from operator_agent.runtime.site_file import load_site

ROOT = Path(__file__).resolve().parents[2]
HOUR_S, CYCLE_S = 3600.0, 60.0
AT_S = 5.0 * HOUR_S  # by then the lower feed of the beginning has settled
OFFSET = 1e-3  # of the span
HELD = ("temp_tbp95_naphtha", "temp_tbp95_kerosene", "temp_tbp95_lgo", "temp_tbp95_hgo")
FIRM_PULL = 0.09  # [usd/s per squared span]: goals are reached within hours, not days
FEED = 0.97  # of the nominal feed, but in the step of the feed
SMALL = {"arabian_light": 0.55, "maya": 0.20, "bonny_light": 0.25}
LIGHTER = {"arabian_light": 0.35, "maya": 0.05, "bonny_light": 0.6}
HEAVIER = {"arabian_light": 0.4, "maya": 0.4, "bonny_light": 0.2}


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        story: what it is.
        hours: of the run after the step.
        event: None for a step of the wanted feed.
        declared: whether the controller is told the slate.
    """

    story: str
    hours: float
    event: Event | None
    declared: bool = True


STEPS: Mapping[str, Step] = {
    "feed": Step("wanted feed 3 % down", 6.0, None),
    "air": Step("air 10 K warmer", 6.0, DisturbanceChange(AT_S, 300.0, "temp_ambient", 10.0)),
    "water": Step(
        "cooling water 5 K warmer", 6.0, DisturbanceChange(AT_S, 300.0, "temp_cooling_water", 5.0)
    ),
    "cold": Step("crude from tank 10 K colder", 6.0,
                 DisturbanceChange(AT_S, 300.0, "temp_crude", -10.0)),
    "fuel": Step("fuel 10 % leaner", 6.0, FuelChange(AT_S, 300.0, 0.9)),
    "preheat": Step("preheat 6 K colder", 6.0, PreheatChange(AT_S, 300.0, -6.0)),
    "exchanger": Step("an exchanger at half its duty", 6.0,
                      EquipmentTrip(AT_S, 100.0 * HOUR_S, "exchanger_2", 0.5)),
    "slate": Step("5 % of another crude, declared", 7.0, CrudeSwitch(AT_S, 300.0, SMALL)),
    "hidden": Step("the same, not declared", 7.0, CrudeSwitch(AT_S, 300.0, SMALL), False),
    "lighter": Step("a whole switch to lighter crude", 7.0, CrudeSwitch(AT_S, 1800.0, LIGHTER)),
    "heavier": Step("a whole switch to heavier crude", 7.0, CrudeSwitch(AT_S, 1800.0, HEAVIER)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What a step did to the tracked CVs, in spans.

    Attributes:
        step: its name.
        largest: distance of a CV from its target, after the step.
        hours: from the step until all of them stay within `OFFSET`; NaN when they do not.
        left: largest distance in the last quarter of an hour.
        worst: the CV that it is of.
        goal: largest distance of a cut point from where it was before, at the end.
        refused: cycles without a move.
    """

    step: str
    largest: float
    hours: float
    left: float
    worst: str
    goal: float
    refused: int


def exact(case: CrudeUnitCase) -> CrudeUnitCase:
    """Return the case with instruments that tell the truth, late as they are."""
    plain = {"noise": 0.0, "resolution": 0.0, "drift": 0.0, "drift_time": 0.0,
             "share_slow": 0.0, "slow_time": 0.0}  # fmt: skip
    every = case.instruments
    transmitters: dict[str, Transmitter] = {
        name: replace(one, instrument=replace(one.instrument, **plain))
        for name, one in every.transmitters.items()
    }
    analysers: dict[str, Analyser] = {
        name: replace(one, instrument=replace(one.instrument, **plain))
        for name, one in every.analysers.items()
    }
    return replace(case, instruments=replace(every, transmitters=transmitters, analysers=analysers))


def holding(case: CrudeUnitCase) -> Controller:
    """Return the site's controller, with cut points pulled firmly and no prices."""
    site = load_site(ROOT / "cases/sites/crude_unit.yaml")
    model = build_controller_model(case)
    weights = load_weights(ROOT / "cases/controllers/crude_unit_weights.yaml")
    pull = {**weights.target_pull, **dict.fromkeys(HELD, FIRM_PULL)}
    weights = replace(weights, target_pull=pull)
    return Controller(model, variables_from_site(site, model), weights, None, CYCLE_S)


def run(name: str, case: CrudeUnitCase, unit: CrudeUnit, controller: Controller) -> Found:
    """Return what a step did."""
    step, model, limits = STEPS[name], controller.model, controller.variables
    events = () if step.event is None else (step.event,)
    scenario = Scenario(AT_S + (step.hours + 1.0) * HOUR_S, noise_factor=0.0, events=events)
    simulator = Simulator(unit, exact(case), scenario, 1)
    rest = simulator.truth()
    goals = EconomicTargets("offset", 0.0, dict(case.slate), FEED * rest["flow_vol_feed"],
                            {cv: rest[cv] for cv in HELD}, {}, 0.0, 0.0)  # fmt: skip
    if step.event is None:
        goals = replace(goals, flow_vol_feed=rest["flow_vol_feed"])
    known = scan_of(simulator, limits, 0).d
    hidden = np.array([dv.startswith("fraction_") for dv in limits.dv_names]) & (not step.declared)
    state, off, refused = None, [], 0
    for cycle in range(round((AT_S + step.hours * HOUR_S) / CYCLE_S)):
        if step.event is None and cycle * CYCLE_S >= AT_S:
            goals = replace(goals, flow_vol_feed=FEED * rest["flow_vol_feed"])
        scan = scan_of(simulator, limits, cycle)
        scan = replace(scan, d=np.where(hidden, known, scan.d))
        state = state or controller.start(scan)
        told = goals if not step.declared else replace(goals, slate=simulator.declared_slate)
        result, state = controller.step(state, scan, told, None)
        refused += not result.outcome.accepted
        if result.outcome.accepted:
            for mv, value in zip(limits.mv_names, result.outcome.move.tolist(), strict=True):
                simulator.write(mv, value)
        simulator.advance(CYCLE_S)
        truth = simulator.truth()
        y = np.array([truth[cv] for cv in limits.cv_names])
        off.append(np.abs(y - result.y_target) / model.y_scale)
    goal = max(abs(truth[cv] - rest[cv]) / model.y_scale[model.y_names.index(cv)] for cv in HELD)
    return _summed(name, controller, np.array(off), float(goal), refused)


def _summed(name: str, controller: Controller, off: FloatArray, goal: float, refused: int) -> Found:
    """Return the numbers of a run from the distances of all CVs, shape (cycles, n_y) [spans]."""
    tracked = [cv for cv in controller.model.y_names if cv in controller.weights.cv_tracking]
    off = off[round(AT_S / CYCLE_S) :, [controller.model.y_names.index(cv) for cv in tracked]]
    outside = np.flatnonzero(~(off <= OFFSET).all(axis=1))  # NaN is outside
    settled = outside.size == 0 or outside[-1] + 1 < len(off)
    last = 0.0 if not outside.size else (outside[-1] + 1) * CYCLE_S
    late = off[-15:].max(axis=0)
    return Found(
        step=name,
        largest=float(off.max()),
        hours=last / HOUR_S if settled else float("nan"),
        left=float(late.max()),
        worst=tracked[int(late.argmax())],
        goal=goal,
        refused=refused,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each step, and write them."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    asked = parser.parse_args(arguments)
    if asked.json is not None and not asked.json.parent.is_dir():
        parser.error(f"{asked.json}: folder {asked.json.parent} does not exist; make it first")
    unknown = sorted(set(asked.steps) - set(STEPS))
    if unknown:
        parser.error(f"no step '{unknown[0]}'; known are {', '.join(STEPS)}")
    case = load_crude_unit_case(ROOT / "cases/plants/crude_unit.yaml")
    unit, controller, found = build_crude_unit(case, "plant"), holding(case), []
    print(
        "| step | largest distance from target [% of span] | within 0.1 % for good after [h] | "
        "largest in the last 15 min [%] | cut point off its old place [%] | cycles refused |"
    )
    print("|---|---|---|---|---|---|")
    for name in asked.steps or STEPS:
        one = run(name, case, unit, controller)
        found.append(one)
        print(
            f"| {STEPS[name].story} | {100.0 * one.largest:.0f} | {one.hours:.1f} | "
            f"{100.0 * one.left:.3f} ({one.worst}) | {100.0 * one.goal:.2f} | {one.refused} |",
            flush=True,
        )
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(one) for one in found], indent=1), "utf-8")
    return 0 if all(one.left < OFFSET and not one.refused for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
