"""Thermodynamics and densities beside their references, as tables."""

from collections.abc import Sequence

from operator_agent.plant.crude.lumps import lumps
from operator_agent.plant.verification.assay_tables import density_rows
from operator_agent.plant.verification.reference_row import ReferenceRow, summaries
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.thermo_tables import thermo_rows
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic


def thermo_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return thermodynamics, densities, and every value outside its allowed difference.

    Raises:
        InputError: the property library is missing.
    """
    subject.progress("thermo: pure substances, water and lumps against references")
    case, layout = subject.case, subject.case.layout(subject.layout)
    slate = case.slate_vector(case.slate)
    thermo = thermo_rows(lumps(case.assays, layout.lump_edges, slate))
    crudes = [*case.assays, *subject.further]
    divided = lumps(crudes, layout.lump_edges, [*slate, *(0.0 for _ in subject.further)])
    densities = density_rows(divided, crudes)
    note = (
        "Allowed: the error that a correlation is published with where its number is known, "
        "otherwise an assumed one; both stand beside the code of the tables."
    )
    return (
        _summary(TITLES["thermo"][0], thermo, note),
        _summary(
            TITLES["thermo"][1],
            densities,
            "The slate's own gravities are exact; a single crude's are not.",
        ),
        _outside([*thermo, *densities]),
    )


def _summary(title: str, rows: Sequence[ReferenceRow], note: str) -> Topic:
    heads = (
        Column("property"),
        Column("values", ".0f"),
        Column("mean difference"),
        Column("largest", "+.2f"),
        Column("unit"),
        Column("of"),
        Column("allowed", "g"),
        Column("outside", ".0f"),
    )
    found = []
    for summary in summaries(rows):
        worst = summary.worst
        cells = (
            summary.topic,
            float(summary.n),
            summary.mean,
            worst.difference,
            worst.difference_unit,
            worst.subject,
            worst.allowed,
            float(summary.n_outside),
        )
        found.append(Row(cells, summary.n_outside == 0))
    return Topic("thermo", title, heads, tuple(found), (note,))


def _outside(rows: Sequence[ReferenceRow]) -> Topic:
    heads = (
        Column("property"),
        Column("of"),
        Column("ours", ".4g"),
        Column("reference", ".4g"),
        Column("unit"),
        Column("difference", "+.2f"),
        Column("in"),
        Column("allowed", "g"),
        Column("source"),
    )
    found = tuple(
        Row(
            (
                row.topic,
                row.subject,
                row.ours,
                row.reference,
                row.unit,
                row.difference,
                row.difference_unit,
                row.allowed,
                row.source,
            )
        )
        for row in rows
        if not row.within
    )
    notes = ("Their properties miss the criterion in the tables above.",) if found else ("None.",)
    return Topic("thermo", TITLES["thermo"][2], heads, found, notes)
