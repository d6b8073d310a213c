"""Steady gains of the crude unit and their ranges: rest beside rest, for every input."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import BOUNDARY, STATUS, fraction_name
from operator_agent.plant.verification.status_expectations import span_of, watched
from operator_agent.plant.verification.subject import Subject, moved, told

_REACH_SPANS = 1.5  # to both sides of the nominal point
_HALF_STEPS = 2  # to each side
_LOSS = 0.05  # of an equipment: enough to see, little enough to leave controllers their capacity


@dataclass(frozen=True, slots=True)
class GainRange:
    """Gains of one input on all that is judged, in spans per span.

    Attributes:
        source: input.
        outputs: controlled variables, then what else is judged.
        nominal: at the nominal point, shape (n_outputs,).
        low, high: over the reach of the input, shape (n_outputs,).
        reach: from and to [spans]; smaller where the plant has no rest or a share would be
            negative.
    """

    source: str
    outputs: tuple[str, ...]
    nominal: FloatArray
    low: FloatArray
    high: FloatArray
    reach: tuple[float, float]


def sources_of(case: CrudeUnitCase) -> tuple[str, ...]:
    """Return the disturbances with a steady gain: crudes, boundary and status of equipment."""
    return (*(fraction_name(key) for key in case.crude_keys), *BOUNDARY, *STATUS)


def gain_ranges(subject: Subject) -> tuple[GainRange, ...]:
    """Return gains and their ranges for every set point and disturbance of the plant.

    Equipment is taken out of service by a small share; all other inputs go to both sides.

    Raises:
        PlantError: the plant has no rest near its nominal point.
    """
    found = []
    for source in (*subject.unit.model.u_names, *sources_of(subject.case)):
        subject.progress(f"gains: {source}")
        found.append(_range(subject, source))
    return tuple(found)


def outputs_of(subject: Subject) -> tuple[tuple[str, ...], FloatArray]:
    """Return the names of all that is judged and by how much each counts [SI]."""
    model = subject.unit.model
    names = watched()
    spans = [span_of(name, subject.case, subject.told[name]) for name in names]
    return (*model.y_names, *names), np.array([*model.y_scale, *spans])


def _range(subject: Subject, source: str) -> GainRange:
    names, scale = outputs_of(subject)
    spans, values = _rests(subject, source, names)
    slopes = np.diff(values / scale, axis=0) / np.diff(spans)[:, np.newaxis]
    middle = int(np.flatnonzero(spans == 0.0)[0])
    beside = slopes[max(middle - 1, 0) : middle + 1]
    return GainRange(
        source,
        names,
        beside.mean(axis=0),
        slopes.min(axis=0),
        slopes.max(axis=0),
        (float(spans[0]), float(spans[-1])),
    )


def _rests(subject: Subject, source: str, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return the steps of an input [spans], ascending, and the outputs at rest there [SI]."""
    model = subject.unit.model
    shares = [n for n, name in enumerate(model.d_names) if name.startswith("fraction_")]
    points = [(0.0, [subject.told[name] for name in names])]
    for steps in _steps(source):
        x = model.x_nominal
        for spans in steps:
            u, d = moved(model, source, spans)
            if any(d[n] < 0.0 for n in shares):
                break
            try:
                x = subject.solver.solve(u, d, x)
            except PlantError:  # no rest so far out: the reach of the table says so
                break
            at = told(subject.unit, x, u, d)
            points.append((spans, [at[name] for name in names]))
    points.sort(key=lambda point: point[0])
    if len(points) < 2:
        raise PlantError(f"model {model.name} comes to rest nowhere beside its nominal {source}")
    return np.array([point[0] for point in points]), np.array([point[1] for point in points])


def _steps(source: str) -> tuple[tuple[float, ...], ...]:
    """Return the steps of an input [spans], side by side; no equipment is in service twice."""
    reaches = (-_LOSS,) if source in STATUS else (_REACH_SPANS, -_REACH_SPANS)
    shares = [n / _HALF_STEPS for n in range(1, _HALF_STEPS + 1)]
    return tuple(tuple(reach * share for share in shares) for reach in reaches)
