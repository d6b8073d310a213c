"""The shipped files agree with each other: site, plant, controller and planning."""

from dataclasses import replace
from pathlib import Path

import pytest

from operator_agent.errors import InputError
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.runtime.control_process import check_site_fits
from operator_agent.runtime.site_file import load_site

SITE = load_site(Path(__file__).resolve().parents[2] / "cases" / "sites" / "crude_unit.yaml")
CASE = load_crude_unit_case(Path(SITE.files["plant"]))


def test_every_file_that_the_site_names_is_there() -> None:
    missing = [path for path in SITE.files.values() if not Path(path).is_file()]
    assert not missing


def test_quality_limits_of_the_site_are_the_products_specifications() -> None:
    for specification in CASE.specifications:
        tag = next(tag for tag in SITE.cvs if tag.variable == specification.variable)
        assert tag.soft.low == pytest.approx(specification.low)
        assert tag.soft.high == pytest.approx(specification.high)


def test_operators_cards_lie_inside_the_operator_limits() -> None:
    for recipe in CASE.recipes:
        for tag in SITE.mvs:
            assert tag.operator.inside(recipe.setpoints[tag.variable]), (recipe.name, tag.name)


def test_the_plant_accepts_all_set_points_that_the_site_can_send() -> None:
    for tag in SITE.mvs:
        low, high = CASE.instruments.ranges[tag.variable]
        assert low <= tag.engineering.low < tag.engineering.high <= high, tag.name


def test_expected_noise_of_the_tags_is_that_of_the_sensors() -> None:
    for tag in SITE.cvs:
        assert tag.noise == pytest.approx(CASE.noise[tag.variable], rel=0.01)


def test_a_tag_list_in_another_order_is_refused() -> None:
    model = build_controller_model(CASE)
    check_site_fits(SITE, model)
    swapped = replace(SITE, tags=(SITE.tags[1], SITE.tags[0], *SITE.tags[2:]))
    with pytest.raises(InputError, match="their order"):
        check_site_fits(swapped, model)
    shorter = replace(SITE, tags=tuple(tag for tag in SITE.tags if tag.name != "TC1010"))
    with pytest.raises(InputError, match="temp_top"):
        check_site_fits(shorter, model)
