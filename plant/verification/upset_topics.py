"""What upsets do to the crude unit: extremes on the way, and how long until it is back."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.unit.crude_unit import disturbance_vector
from operator_agent.plant.verification.subject import Subject, told
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic
from operator_agent.plant.verification.upset_list import Upset, crude_switches, upsets
from operator_agent.units import from_si

_LOOK_S = 120.0  # between two looks at the plant
_RECOVERY_S = 6 * 3600.0
_SWITCH_S = 6 * 3600.0
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


@dataclass(slots=True)
class _Watch:
    """The plant in time, with what was seen on the way."""

    subject: Subject
    x: FloatArray
    seen: list[dict[str, float]]

    def run(self, u: FloatArray, d: FloatArray, duration_s: float) -> None:
        """Let time pass under looks at the plant.

        Raises:
            PlantError: the plant left its physical range.
        """
        step_s = min(_LOOK_S, duration_s)
        for _ in range(round(duration_s / step_s)):
            self.x = self.subject.solver.integrator.step(self.x, u, d, step_s)
            self.seen.append(told(self.subject.unit, self.x, u, d))
            if not bool(np.all(np.isfinite(list(self.seen[-1].values())))):
                raise PlantError("a reading is not finite")

    def hours_to_rest(self, u: FloatArray, d: FloatArray) -> float | None:
        """Return the hours until all states are back at the nominal rest, None when they are not.

        Raises:
            PlantError: the plant left its physical range.
        """
        model = self.subject.unit.model
        moving = np.array([name not in model.drifting for name in model.x_names])
        back = None
        for n in range(round(_RECOVERY_S / _LOOK_S)):
            self.run(u, d, _LOOK_S)
            away = np.abs(self.x - model.x_nominal) / model.x_scale
            if float(np.max(away[moving])) > _BACK_SPANS:
                back = None
            elif back is None:
                back = (n + 1) * _LOOK_S / 3600.0
        return back

    def extremes(self) -> list[float]:
        """Return the extremes of `_SEEN` so far, in their units."""
        return [
            from_si(worst(at[name] for at in self.seen), unit) for name, worst, unit, _, _ in _SEEN
        ]


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
            "Criterion: integrates through with finite readings and comes back, or stops with a "
            "reason.",
        ),
    )
    switches = Topic(
        "upsets",
        TITLES["upsets"][1],
        (Column("from"), Column("to"), *heads, Column("end")),
        tuple(_switched(subject)),
        (
            "One after another on pure crudes with the nominal set points, six hours each: nobody "
            "moves a draw. Criterion: integrates through with finite readings.",
        ),
    )
    return (failures, switches)


def upset_row(subject: Subject, upset: Upset) -> Row:
    """Return what an upset did to the plant, from its nominal rest until it is back there.

    A plant that stops tells its reason in the last cell.
    """
    subject.progress(f"upsets: {upset.name}")
    model, case = subject.unit.model, subject.case
    u = model.u_nominal.copy()
    for name, factor in upset.factors.items():
        u[model.u_names.index(name)] *= factor
    slate = case.slate if upset.slate is None else upset.slate
    watch = _Watch(subject, model.x_nominal.copy(), [])
    minutes = upset.duration_s / 60.0
    try:
        watch.run(u, disturbance_vector(case, slate, upset.disturbances), upset.duration_s)
        hours = watch.hours_to_rest(model.u_nominal, model.d_nominal)
    except PlantError as error:
        return Row((upset.name, minutes, *_so_far(watch), None, str(error)), True)
    end = "back" if hours is not None else "runs on, not back in 6 h"
    return Row((upset.name, minutes, *watch.extremes(), hours, end), hours is not None)


def _so_far(watch: _Watch) -> list[float] | list[None]:
    return watch.extremes() if watch.seen else [None for _ in _SEEN]


def _switched(subject: Subject) -> list[Row]:
    model, case = subject.unit.model, subject.case
    watch = _Watch(subject, model.x_nominal.copy(), [])
    names: Mapping[str, str] = {assay.key: assay.name for assay in case.assays}
    pairs = crude_switches(case.crude_keys)
    watch.run(model.u_nominal, disturbance_vector(case, {pairs[0][0]: 1.0}), _SWITCH_S)
    rows = []
    for old, new in pairs:
        subject.progress(f"upsets: {names[old]} to {names[new]}")
        watch.seen = []
        try:
            watch.run(model.u_nominal, disturbance_vector(case, {new: 1.0}), _SWITCH_S)
        except PlantError as error:
            rows.append(Row((names[old], names[new], *_so_far(watch), str(error)), False))
            watch.x = model.x_nominal.copy()
            continue
        rows.append(Row((names[old], names[new], *watch.extremes(), "through"), True))
    return rows
