"""The classics beside their published values, as a table."""

from operator_agent.plant.classics.published import published_rows
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic

_ALLOWED = 0.01  # relative: published numbers are printed with two or three digits


def classic_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the published numbers of the classics beside the computed ones."""
    subject.progress("classics: published numbers")
    rows = []
    for found in published_rows():
        cells = (
            found.plant,
            found.quantity,
            found.published,
            found.computed,
            100.0 * found.relative_difference,
            found.source,
        )
        rows.append(Row(cells, agrees(found.published, found.computed)))
    heads = (
        Column("plant"),
        Column("quantity"),
        Column("published", ".5g"),
        Column("computed", ".5g"),
        Column("difference, %", "+.2f"),
        Column("source"),
    )
    notes = (
        f"Criterion: within {100.0 * _ALLOWED:.0f} %, or within one unit of the last printed digit "
        "where that is more. Johansson printed levels of the real tanks, not those at which his "
        "equations rest: three of them miss.",
    )
    return (Topic("classics", TITLES["classics"][0], heads, tuple(rows), notes),)


def agrees(published: float, computed: float) -> bool:
    """Return whether two numbers agree to a percent or to the last digit that was printed."""
    digits = len(f"{published!r}".partition(".")[2])
    last = 10.0**-digits if published != int(published) else 1.0
    return abs(computed - published) <= max(_ALLOWED * abs(published), last)
