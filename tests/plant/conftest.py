"""The shipped crude unit, built once for all tests of the plant."""

from pathlib import Path

import pytest

from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit

CASES = Path(__file__).parents[2] / "cases"


@pytest.fixture(scope="session")
def cases() -> Path:
    return CASES


@pytest.fixture(scope="session")
def case() -> CrudeUnitCase:
    return load_crude_unit_case(CASES / "plants" / "crude_unit.yaml")


@pytest.fixture(scope="session")
def plant(case: CrudeUnitCase) -> CrudeUnit:
    return build_crude_unit(case, "plant")


@pytest.fixture(scope="session")
def small(case: CrudeUnitCase) -> CrudeUnit:
    return build_crude_unit(case, "small")


@pytest.fixture(scope="session", params=["plant", "small"])
def unit(request: pytest.FixtureRequest) -> CrudeUnit:
    found: CrudeUnit = request.getfixturevalue(request.param)
    return found
