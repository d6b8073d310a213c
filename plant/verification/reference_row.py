"""A row of a verification table: our value beside that of a reference."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One comparison.

    Attributes:
        topic: property that is compared.
        subject: substance, lump or crude, and the condition.
        ours, reference: values [unit].
        unit: of both values.
        difference: ours minus reference [difference_unit].
        difference_unit: `%` of the reference, or the unit itself.
        allowed: error that the correlation is published with [difference_unit].
        source: of the reference value.
    """

    topic: str
    subject: str
    ours: float
    reference: float
    unit: str
    difference: float
    difference_unit: str
    allowed: float
    source: str

    @property
    def within(self) -> bool:
        """Whether the difference stays inside the allowed one; false for what is not finite."""
        return abs(self.difference) <= self.allowed


def relative_row(
    topic: str,
    subject: str,
    ours: float,
    reference: float,
    unit: str,
    allowed_percent: float,
    source: str,
) -> ReferenceRow:
    """Return a row whose difference is in percent of the reference."""
    percent = 100.0 * (ours / reference - 1.0)
    return ReferenceRow(
        topic, subject, ours, reference, unit, percent, "%", allowed_percent, source
    )


def absolute_row(
    topic: str,
    subject: str,
    ours: float,
    reference: float,
    unit: str,
    allowed: float,
    source: str,
) -> ReferenceRow:
    """Return a row whose difference is in the unit of the values."""
    difference = ours - reference
    return ReferenceRow(topic, subject, ours, reference, unit, difference, unit, allowed, source)


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """All rows of one topic in one line.

    Attributes:
        topic: property.
        n: number of rows.
        mean: mean of the absolute differences [unit].
        worst: row with the largest difference over allowed.
        n_outside: rows outside the allowed difference.
    """

    topic: str
    n: int
    mean: float
    worst: ReferenceRow
    n_outside: int


def summaries(rows: Sequence[ReferenceRow]) -> tuple[TopicSummary, ...]:
    """Return one summary per topic, in the order in which the topics appear."""
    found = []
    for topic in dict.fromkeys(row.topic for row in rows):
        of_topic = [row for row in rows if row.topic == topic]
        found.append(
            TopicSummary(
                topic=topic,
                n=len(of_topic),
                mean=sum(abs(row.difference) for row in of_topic) / len(of_topic),
                worst=max(of_topic, key=lambda row: abs(row.difference) / row.allowed),
                n_outside=sum(not row.within for row in of_topic),
            )
        )
    return tuple(found)
