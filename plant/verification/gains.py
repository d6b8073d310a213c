"""Steady gains of the crude unit: all inputs on all controlled variables, signs and ranges."""

from collections.abc import Iterator, Sequence

import numpy as np

from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import CV_NAMES, fraction_name
from operator_agent.plant.verification.gain_expectations import (
    FALLS,
    RISES,
    STAYS,
    Expectation,
    expectations,
)
from operator_agent.plant.verification.gain_ranges import GainRange, gain_ranges
from operator_agent.plant.verification.status_expectations import status_expectations
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic

SMALL = 0.03  # spans per span: a controller does not see it, and its sign says nothing
_CUT_K = 653.15  # 380 degC, about where HGO ends: what boils below is distillate
_CUT_SAYS = 0.03  # volume fraction: curves closer than this say nothing of the sign
_NAMED = 2  # outputs that stay are named up to here, then counted
_WORDS = {RISES: "rises", FALLS: "falls", STAYS: "stays"}


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
        tuple(
            Row((f"`{name}`", *map(float, found.nominal[: model.n_y])))
            for name, found in ranges.items()
        ),
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
    rows = [row for found in ranges.values() for row in _rows(found, judged_expectations(subject))]
    notes = (
        f"Gains within {SMALL} spans per span count as none: `stays` asks for that over the whole "
        "range of the input. `rises` and `falls` ask for more than that at the nominal point, and "
        "for no more than that in the other direction anywhere in the range; where a balance says "
        "by how much, the whole range lies there.",
        "The span of a status is the whole equipment, and its gain that of bringing it back: what "
        "rises with the status falls with a loss. What is no variable of the controller counts in "
        "the span of one of its kind, or in its own nominal value where there is none (openings, "
        "powers, fuel, salt).",
    )
    return (matrix, Topic("gains", TITLES["gains"][1], heads, tuple(rows), notes))


def judged_expectations(subject: Subject) -> tuple[Expectation, ...]:
    """Return everything that is judged of the unit's gains."""
    of_status = status_expectations(subject.told, subject.case)
    return (*expectations(), *crude_expectations(subject.case), *of_status)


def _rows(found: GainRange, judged: tuple[Expectation, ...]) -> Iterator[Row]:
    """Yield the rows of one input: what moves one by one, what stays by its reason."""
    of_source = [expected for expected in judged if expected.source == found.source]
    still: dict[str, list[Expectation]] = {}
    for expected in of_source:
        if expected.sign == STAYS:
            still.setdefault(expected.reason, []).append(expected)
        else:
            yield judged_row(found, expected)
    for group in still.values():
        yield still_row(found, group)


def judged_row(found: GainRange, expected: Expectation) -> Row:
    """Return the row of one gain that is expected to rise or fall.

    Args:
        found: gains of the input.
        expected: what balances say.
    """
    at, sign = found.outputs.index(expected.output), expected.sign
    gain, low, high = (float(values[at]) for values in (found.nominal, found.low, found.high))
    met = sign * gain > SMALL and min(sign * low, sign * high) >= -SMALL
    words = _WORDS[sign]
    if expected.size is not None:
        least, most = expected.size
        met = met and all(least <= sign * value <= most for value in (gain, low, high))
        words += f" by {least:.2f} to {most:.2f}"
    cells = (
        f"`{found.source}`",
        f"`{expected.output}`",
        words,
        gain,
        low,
        high,
        found.reach,
        expected.reason,
    )
    return Row(cells, met)


def still_row(found: GainRange, expected: Sequence[Expectation]) -> Row:
    """Return one row for outputs that an input leaves alone, with the lowest and highest gain.

    Args:
        found: gains of the input.
        expected: what it leaves alone for one and the same reason.
    """
    outputs = [one.output for one in expected]
    at = [found.outputs.index(output) for output in outputs]
    largest = np.maximum(np.abs(found.low[at]), np.abs(found.high[at]))
    met = float(largest.max()) <= SMALL
    names = " and ".join(f"`{name}`" for name in outputs)
    if len(outputs) > _NAMED:
        names = "all of them" if set(outputs) == set(CV_NAMES) else f"{len(outputs)} others"
        names += "" if met else f", `{outputs[int(largest.argmax())]}` most"
    cells = (
        f"`{found.source}`",
        names,
        _WORDS[STAYS],
        None,
        float(found.low[at].min()),
        float(found.high[at].max()),
        found.reach,
        expected[0].reason,
    )
    return Row(cells, met)
