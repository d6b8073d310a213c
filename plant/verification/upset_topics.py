"""What upsets do to the crude unit: extremes on the way, and how long until it is back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from operator_agent.errors import PlantError
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    DisturbanceChange,
    EquipmentTrip,
    Event,
    ValveSticks,
)
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic
from operator_agent.plant.verification.upset_list import Upset, crude_switches, upsets
from operator_agent.units import from_si

_LOOK_S = 120.0  # between two looks at the plant
_RECOVERY_S = 6 * 3600.0
_SWITCH_S = 6 * 3600.0
_STATUS, _STICK_BAND = "status_", "stick_band_"
_BACK_SPANS = 0.5  # of every state, deposits apart: the plant is back at its old rest
_SEEN = (
    ("temp_flash_zone", min, "degC", "flash zone, lowest, degC", ".0f"),
    ("pressure_top", max, "bar", "pressure, highest, bar", ".2f"),
    ("flow_mass_flare", max, "kg/s", "flare, highest, kg/s", ".1f"),
    ("temp_skin", max, "degC", "tube skin, highest, degC", ".0f"),
    ("fraction_overflash", min, "%", "overflash, lowest, vol%", ".1f"),
    ("temp_tbp95_hgo", max, "degC", "T95 HGO, highest, degC", ".0f"),
    ("level_drum", min, "%", "drum level, lowest, %", ".0f"),
)


# With which the simulator says that the plant, not the code, came to its end.
_PHYSICAL = ("a vessel ran empty", "heat and draws do not fit the feed")


@dataclass(slots=True)
class _Watch:
    """The plant in time, with what was seen on the way."""

    simulator: Simulator
    seen: list[dict[str, float]] = field(default_factory=list)

    def run(self, duration_s: float) -> None:
        """Let time pass under looks at the plant.

        Raises:
            PlantError: the plant left its physical range, or the integration failed.
        """
        step_s = min(_LOOK_S, duration_s)
        for _ in range(round(duration_s / step_s)):
            self.simulator.advance(step_s)
            self.seen.append(self.simulator.truth())

    def hours_to_rest(self) -> float | None:
        """Return the hours until all states are back at the nominal rest, None when they are not.

        Raises:
            PlantError: the plant left its physical range, or the integration failed.
        """
        model = self.simulator.unit.model
        moving = np.array([name not in model.drifting for name in model.x_names])
        back = None
        for n in range(round(_RECOVERY_S / _LOOK_S)):
            self.run(_LOOK_S)
            away = np.abs(self.simulator.snapshot().x - model.x_nominal) / model.x_scale
            if float(np.max(away[moving])) > _BACK_SPANS:
                back = None
            elif back is None:
                back = (n + 1) * _LOOK_S / 3600.0
        return back


def _extremes(seen: list[dict[str, float]]) -> list[float] | list[None]:
    """Return the extremes of `_SEEN` so far, in their units; nothing where nothing was seen."""
    if not seen:
        return [None for _ in _SEEN]
    return [from_si(worst(at[name] for at in seen), unit) for name, worst, unit, _, _ in _SEEN]


def upset_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the tables of failures and of switches between all crudes."""
    heads = tuple(Column(title, form) for _, _, _, title, form in _SEEN)
    failures = Topic(
        "upsets",
        TITLES["upsets"][0],
        (
            Column("upset"),
            Column("minutes", ".3g"),
            *heads,
            Column("back at rest after, h", ".1f"),
            Column("end"),
        ),
        tuple(upset_row(subject, upset) for upset in upsets()),
        (
            "From the nominal rest; extremes from the start of the upset to six hours after its "
            f"end. Back: all states within {_BACK_SPANS} spans of their old rest, deposits apart. "
            "Criterion: the simulator runs through within its physical limits and comes back, or "
            "stops because a vessel ran empty or a temperature left the range of the correlations; "
            "a failed integration or a reading that is not finite is a miss. Set points go beyond "
            "the ranges of the control system, as stuck valves do.",
        ),
    )
    switches = Topic(
        "upsets",
        TITLES["upsets"][1],
        (Column("from"), Column("to"), *heads, Column("end")),
        tuple(_switched(subject)),
        (
            "One after another on pure crudes with the nominal set points, six hours each: nobody "
            "moves a draw. Criterion: the simulator runs through within its physical limits.",
        ),
    )
    return (failures, switches)


def upset_row(subject: Subject, upset: Upset) -> Row:
    """Return what an upset did to the plant, from its nominal rest until it is back there.

    A plant that stops tells its reason in the last cell.
    """
    subject.progress(f"upsets: {upset.name}")
    minutes = upset.duration_s / 60.0
    seen: list[dict[str, float]] = []
    try:
        hours = _hours_until_back(upset, subject, seen)
    except PlantError as error:
        cells = (upset.name, minutes, *_extremes(seen), None, str(error))
        return Row(cells, is_physical(error))
    end = "back" if hours is not None else "runs on, not back in 6 h"
    return Row((upset.name, minutes, *_extremes(seen), hours, end), hours is not None)


def _hours_until_back(upset: Upset, subject: Subject, seen: list[dict[str, float]]) -> float | None:
    """Return the hours from the end of an upset until the plant is back, None when it is not."""
    model = subject.unit.model
    simulator = _simulator(subject, _scenario_of(upset, subject))
    watch = _Watch(simulator, seen)
    for name, factor in upset.factors.items():
        simulator.write(name, factor * simulator.setpoints[name])
    watch.run(upset.duration_s)
    for name, value in zip(model.u_names, model.u_nominal.tolist(), strict=True):
        simulator.write(name, value)
    return watch.hours_to_rest()


def _simulator(subject: Subject, scenario: Scenario) -> Simulator:
    """Return the unit in time without the control system's ranges: valves fail beyond them too."""
    instruments = replace(subject.case.instruments, ranges={})
    case = replace(subject.case, instruments=instruments)
    return Simulator(subject.unit, case, scenario, seed=0)


def is_physical(error: PlantError) -> bool:
    """Return whether a plant stopped for a physical reason, not because its numbers failed."""
    return any(reason in str(error) for reason in _PHYSICAL)


def _scenario_of(upset: Upset, subject: Subject) -> Scenario:
    """Return an upset as events of a scenario, without noise, until six hours after its end."""
    model = subject.unit.model
    nominal = dict(zip(model.d_names, model.d_nominal.tolist(), strict=True))
    end_s = upset.duration_s
    events: list[Event] = []
    for name, value in upset.disturbances.items():
        if name.startswith(_STATUS):
            events.append(EquipmentTrip(0.0, end_s, name.removeprefix(_STATUS), value))
        elif name.startswith(_STICK_BAND):
            valve = name.removeprefix(_STICK_BAND)
            events += [ValveSticks(0.0, valve, value), ValveSticks(end_s, valve, 0.0)]
        else:
            away = value - nominal[name]
            events.append(DisturbanceChange(0.0, 0.0, name, away))
            events.append(DisturbanceChange(end_s, 0.0, name, -away))
    return Scenario(end_s + _RECOVERY_S, events=tuple(events))


def _switched(subject: Subject) -> list[Row]:
    names: Mapping[str, str] = {assay.key: assay.name for assay in subject.case.assays}
    pairs = crude_switches(subject.case.crude_keys)
    slates = [{pairs[0][0]: 1.0}, *({new: 1.0} for _, new in pairs)]
    events = tuple(CrudeSwitch(n * _SWITCH_S, 0.0, slate) for n, slate in enumerate(slates))
    scenario = Scenario(len(slates) * _SWITCH_S, events=events)
    watch = _Watch(_simulator(subject, scenario))
    watch.run(_SWITCH_S)
    rows = []
    for n, (old, new) in enumerate(pairs, 1):
        subject.progress(f"upsets: {names[old]} to {names[new]}")
        watch.seen = []
        try:
            watch.run(_SWITCH_S)
        except PlantError as error:
            rows.append(Row((names[old], names[new], *_extremes(watch.seen), str(error)), False))
            watch.simulator.start_again((n + 1) * _SWITCH_S)
            continue
        rows.append(Row((names[old], names[new], *_extremes(watch.seen), "through"), True))
    return rows
