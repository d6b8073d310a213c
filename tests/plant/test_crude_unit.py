"""The crude unit: nominal point, balances, signs, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from operator_agent.plant.case_file import CrudeUnitCase, load_crude_unit_case
from operator_agent.plant.crude_unit import CrudeUnit, build_crude_unit

CASE_FILE = Path(__file__).parents[2] / "cases" / "plants" / "crude_unit.yaml"


@pytest.fixture(scope="module")
def case() -> CrudeUnitCase:
    return load_crude_unit_case(CASE_FILE)


@pytest.fixture(scope="module", params=["plant", "controller"])
def unit(request: pytest.FixtureRequest, case: CrudeUnitCase) -> CrudeUnit:
    return build_crude_unit(case, request.param)


def test_nominal_point_is_at_rest(unit: CrudeUnit) -> None:
    model = unit.model
    rate = model.rhs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    assert np.max(np.abs(rate / model.x_scale)) < 1e-9
