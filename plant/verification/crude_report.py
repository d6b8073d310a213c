"""The verification tables of crudes and thermodynamics as one Markdown text."""

from collections.abc import Sequence

from operator_agent.plant.crude.assay import Assay
from operator_agent.plant.crude.lumps import lumps
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.verification.assay_tables import density_rows, yield_rows
from operator_agent.plant.verification.reference_row import (
    rows_as_markdown,
    summaries_as_markdown,
)
from operator_agent.plant.verification.thermo_tables import thermo_rows

_LAYOUT = "plant"


def crude_report(case: CrudeUnitCase, further: Sequence[Assay] = ()) -> str:
    """Return thermodynamics, yields and densities of a case's crudes beside their references.

    Args:
        case: whose crudes, slate and lumps are verified.
        further: crudes that are not in the slate; they take the gravities of its lumps.

    Raises:
        InputError: the property library is missing.
    """
    layout = case.layout(_LAYOUT)
    slate = case.slate_vector(case.slate)
    thermo = thermo_rows(lumps(case.assays, layout.lump_edges, slate))
    crudes = [*case.assays, *further]
    divided = lumps(crudes, layout.lump_edges, [*slate, *(0.0 for _ in further)])
    yields = yield_rows(divided, crudes, layout.curve_spread)
    densities = density_rows(divided, crudes)
    outside = [row for row in (*thermo, *densities) if not row.within]
    parts = [
        "### Thermodynamics against references",
        summaries_as_markdown(thermo),
        "### Yields of the lumps' boiling curve against the assays",
        rows_as_markdown(yields),
        "### Densities with one gravity per lump for all crudes",
        summaries_as_markdown(densities),
        "### Values outside the allowed difference",
        rows_as_markdown(outside),
    ]
    return "\n\n".join(parts) + "\n"
