"""Upsets of the crude unit as cases of `bench mpc`: what they change, and what a loop costs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.engine.compiled_functions import Compilation
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.published.unit_bench import Truth, UnitSetup, run_unit, unit_cost
from operator_agent.mpc.published.unit_case import LIMITS, UNIT_CASES, UnitCase
from operator_agent.mpc.variables import variables_from_site
from operator_agent.mpc.weights import load_weights
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.runtime.site_file import load_site

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def setup() -> UnitSetup:
    site = load_site(ROOT / "cases" / "sites" / "crude_unit.yaml")
    plant = load_crude_unit_case(ROOT / site.files["plant"])
    model = build_controller_model(plant)
    return UnitSetup(
        plant=plant,
        unit=build_crude_unit(plant, "plant"),
        model=model,
        scaled=ScaledModel.of(model, Compilation.NEVER),
        variables=variables_from_site(site, model),
        weights=load_weights(ROOT / site.files["controller"]),
        cycle_s=site.sample_times.control_s,
    )


@pytest.mark.parametrize("truth", list(Truth))
def test_limits_come_down_and_the_loop_solves_every_cycle(setup: UnitSetup, truth: Truth):
    case = replace(UNIT_CASES["unit-limits"], cycles=4, at=1)
    record = run_unit(setup, case, truth, "own")
    assert not record.failures and not record.ended
    names = setup.model.y_names
    for name, distance in LIMITS.items():
        place = names.index(name)
        start = record.y_target[0, place]
        before, *after = (limits.cv_hard_high[place] for limits in record.limits)
        assert before > start
        assert after == pytest.approx([min(before, start - distance)] * 3)
    lgo = names.index("temp_tbp95_lgo")
    assert record.y[-1, lgo] < record.y[0, lgo]
    broken = replace(record, y=record.y + 50.0 * setup.model.y_scale * np.eye(1, len(names), lgo))
    assert unit_cost(setup, broken) > unit_cost(setup, record) > 0.0


def test_an_upset_of_variables_that_a_model_does_not_have_is_refused(setup: UnitSetup):
    with pytest.raises(InputError, match="has no temp_nowhere"):
        UnitCase("odd", "", jumps={"temp_nowhere": 1.0}).fits(setup.model)
    for case in UNIT_CASES.values():
        case.fits(setup.model)
