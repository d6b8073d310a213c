"""The classics beside published values, and a few beside a second simulation, as a table."""

from operator_agent.plant.classics.published import published_rows, rows_computed_apart
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic

_ALLOWED = 0.01  # relative: published numbers are printed with two or three digits


def classic_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the reference numbers of the classics beside the computed ones."""
    subject.progress("classics: reference numbers")
    rows = []
    for found in (*published_rows(), *rows_computed_apart()):
        cells = (
            found.plant,
            found.quantity,
            found.reference,
            found.computed,
            100.0 * found.relative_difference,
            found.source,
        )
        rows.append(Row(cells, agrees(found.reference, found.computed)))
    heads = (
        Column("plant"),
        Column("quantity"),
        Column("reference", ".5g"),
        Column("computed", ".5g"),
        Column("difference, %", "+.2f"),
        Column("source"),
    )
    notes = (
        f"Criterion: within {100.0 * _ALLOWED:.0f} %, or within one unit of the last printed digit "
        "where that is more. Johansson printed levels of the real tanks, not those at which his "
        "equations rest: three of them miss. The integral errors of the Wood-Berry loops are "
        "printed nowhere: their reference is a second simulation, written apart from this code.",
    )
    return (Topic("classics", TITLES["classics"][0], heads, tuple(rows), notes),)


def agrees(reference: float, computed: float) -> bool:
    """Return whether two numbers agree to a percent or to the last digit that was printed."""
    digits = len(f"{reference!r}".partition(".")[2])
    last = 10.0**-digits if reference != int(reference) else 1.0
    return abs(computed - reference) <= max(_ALLOWED * abs(reference), last)
