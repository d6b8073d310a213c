"""What the division into lumps keeps of a crude: yields and densities of cuts."""

from pathlib import Path

import pytest

from operator_agent.plant.crude.assay import Assay
from operator_agent.plant.crude.assay_record import load_assay_record
from operator_agent.plant.crude.lumps import Lumps, lumps
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.verification.assay_tables import density_rows, yield_rows

DATA = Path(__file__).parents[3] / "shared" / "data" / "assays" / "noaa_ex58.json"


@pytest.fixture(scope="module")
def crudes(case: CrudeUnitCase) -> list[Assay]:
    if not DATA.is_file():
        pytest.skip("the collection of full assays is not here")
    return [*case.assays, load_assay_record(DATA, "Brent Blend")]


@pytest.fixture(scope="module")
def divided(case: CrudeUnitCase, crudes: list[Assay]) -> Lumps:
    weights = (*case.slate_vector(case.slate), 0.0)
    return lumps(crudes, case.layout("plant").lump_edges, weights)


def test_yields_of_five_crudes_are_those_of_their_assays(
    case: CrudeUnitCase, crudes: list[Assay], divided: Lumps
) -> None:
    rows = yield_rows(divided, crudes, case.layout("plant").curve_spread)
    assert len(rows) == 25
    assert all(row.within for row in rows), [row for row in rows if not row.within]


def test_crudes_outside_the_slate_average_have_a_wrong_density(
    crudes: list[Assay], divided: Lumps
) -> None:
    # One gravity per lump for all crudes: the slate is exact, a single crude is not.
    rows = density_rows(divided, crudes)
    whole = [row for row in rows if row.topic == "density of crude"]
    assert len(whole) == 5
    assert all(row.within for row in whole)
    assert max(abs(row.difference) for row in whole) > 0.1
