"""Steady gains of the crude unit: all inputs on all controlled variables, signs and ranges."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import BOUNDARY, fraction_name
from operator_agent.plant.verification.gain_expectations import (
    FALLS,
    RISES,
    STAYS,
    Expectation,
    expectations,
)
from operator_agent.plant.verification.subject import Subject, moved
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic

_REACH_SPANS = 1.5  # to both sides of the nominal point
_HALF_STEPS = 2  # to each side
SMALL = 0.03  # spans per span: a controller does not see it, and its sign says nothing
_CUT_K = 653.15  # 380 degC, about where HGO ends: what boils below is distillate
_CUT_SAYS = 0.03  # volume fraction: curves closer than this say nothing of the sign
_WORDS = {RISES: "rises", FALLS: "falls", STAYS: "stays"}


@dataclass(frozen=True, slots=True)
class GainRange:
    """Gains of one input on all controlled variables, in spans per span.

    Attributes:
        source: input.
        nominal: at the nominal point, shape (n_y,).
        low, high: over the reach of the input, shape (n_y,).
        reach: from and to [spans]; smaller where the plant has no rest or a share would be
            negative.
    """

    source: str
    nominal: FloatArray
    low: FloatArray
    high: FloatArray
    reach: tuple[float, float]


def sources_of(case: CrudeUnitCase) -> tuple[str, ...]:
    """Return the disturbances that are no failure of equipment."""
    return (*(fraction_name(key) for key in case.crude_keys), *BOUNDARY)


def gain_ranges(subject: Subject) -> tuple[GainRange, ...]:
    """Return gains and their ranges for every set point and disturbance of the plant.

    Raises:
        PlantError: the plant has no rest near its nominal point.
    """
    found = []
    for source in (*subject.unit.model.u_names, *sources_of(subject.case)):
        subject.progress(f"gains: {source}")
        found.append(_range(subject, source))
    return tuple(found)


def _range(subject: Subject, source: str) -> GainRange:
    model = subject.unit.model
    shares = [n for n, name in enumerate(model.d_names) if name.startswith("fraction_")]
    points = [(0.0, model.outputs(model.x_nominal, model.u_nominal, model.d_nominal))]
    for direction in (1.0, -1.0):
        x = model.x_nominal
        for spans in direction * _REACH_SPANS * np.arange(1, _HALF_STEPS + 1) / _HALF_STEPS:
            u, d = moved(model, source, float(spans))
            if any(d[n] < 0.0 for n in shares):
                break
            try:
                x = subject.solver.solve(u, d, x)
            except PlantError:  # no rest so far out: the reach of the table says so
                break
            points.append((float(spans), model.outputs(x, u, d)))
    points.sort(key=lambda point: point[0])
    spans = np.array([point[0] for point in points])
    if len(spans) < 2:
        raise PlantError(f"model {model.name} comes to rest nowhere beside its nominal {source}")
    values = np.array([point[1].full().ravel() for point in points]) / model.y_scale
    slopes = np.diff(values, axis=0) / np.diff(spans)[:, np.newaxis]
    middle = int(np.flatnonzero(spans == 0.0)[0])
    beside = slopes[max(middle - 1, 0) : middle + 1]
    return GainRange(
        source,
        beside.mean(axis=0),
        slopes.min(axis=0),
        slopes.max(axis=0),
        (float(spans[0]), float(spans[-1])),
    )


def crude_expectations(case: CrudeUnitCase) -> Iterator[Expectation]:
    """Yield what the boiling curves say of each crude's share: distillate against that of the rest.

    A crude with more below 380 degC than the crudes that make room for it leaves more liquid on
    the trays while the draws stay: overflash rises, and with more vapour the furnace's duty.
    """
    slate = np.array(case.slate_vector(case.slate))
    below = np.array([float(assay.fraction_below(_CUT_K)) for assay in case.assays])
    for n, assay in enumerate(case.assays):
        others = np.delete(slate, n)
        gap = float(below[n] - np.delete(below, n) @ others / others.sum())
        if abs(gap) < _CUT_SAYS:
            continue
        source, sign = fraction_name(assay.key), int(np.sign(gap))
        reason = f"{abs(100.0 * gap):.0f} vol% {'more' if gap > 0.0 else 'less'} boils below 380 C"
        yield Expectation(source, "fraction_overflash", sign, reason)
        yield Expectation(source, "duty_furnace", sign, reason)
        yield Expectation(source, "temp_tbp95_hgo", -sign, reason)


def gain_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the matrix of gains and the table of signs and ranges."""
    model = subject.unit.model
    ranges = {found.source: found for found in gain_ranges(subject)}
    matrix = Topic(
        "gains",
        TITLES["gains"][0],
        (Column("spans per span"), *(Column(f"`{cv}`") for cv in model.y_names)),
        tuple(Row((f"`{name}`", *map(float, r.nominal))) for name, r in ranges.items()),
        ("Spans stand in the case. A crude's share grows at the expense of all others.",),
    )
    heads = (
        Column("input"),
        Column("controlled variable"),
        Column("expected"),
        Column("gain"),
        Column("lowest"),
        Column("highest"),
        Column("within, spans", ".2g"),
        Column("reason"),
    )
    judged = [*expectations(), *crude_expectations(subject.case)]
    rows = []
    for source, found in ranges.items():
        of_source = [e for e in judged if e.source == source]
        moving = [e for e in of_source if e.sign != STAYS]
        rows += [judged_row(found, model.y_names.index(e.output), e) for e in moving]
        still = [e for e in of_source if e.sign == STAYS]
        if still:
            rows.append(_still(found, [model.y_names.index(e.output) for e in still], still))
    notes = (
        f"Gains within {SMALL} spans per span count as none: `stays` asks for that over the whole "
        "range of the input. `rises` and `falls` ask for more than that at the nominal point, and "
        "for no more than that in the other direction anywhere in the range.",
    )
    return (matrix, Topic("gains", TITLES["gains"][1], heads, tuple(rows), notes))


def judged_row(found: GainRange, at: int, expected: Expectation) -> Row:
    """Return the row of one gain that is expected to rise or fall.

    Args:
        found: gains of the input.
        at: place of the controlled variable.
        expected: what balances say.
    """
    gain, low, high = (float(values[at]) for values in (found.nominal, found.low, found.high))
    met = expected.sign * gain > SMALL and min(expected.sign * g for g in (low, high)) >= -SMALL
    cells = (
        f"`{found.source}`",
        f"`{expected.output}`",
        _WORDS[expected.sign],
        gain,
        low,
        high,
        found.reach,
        expected.reason,
    )
    return Row(cells, met)


def _still(found: GainRange, at: list[int], expected: list[Expectation]) -> Row:
    """Return one row for all outputs that an input leaves alone, with the largest gain of each."""
    low, high = float(found.low[at].min()), float(found.high[at].max())
    names = f"`{expected[0].output}`" if len(at) == 1 else f"{len(at)} others"
    cells = (
        f"`{found.source}`",
        "all of them" if len(at) == len(found.nominal) else names,
        _WORDS[STAYS],
        None,
        low,
        high,
        found.reach,
        expected[0].reason,
    )
    return Row(cells, max(abs(low), abs(high)) <= SMALL)
