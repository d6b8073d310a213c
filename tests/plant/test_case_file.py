"""The case file: what a wrong file is told."""

from pathlib import Path

import pytest

from operator_agent.errors import InputError
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.plant.variables import BOUNDARY, CV_NAMES, HANDLES, MV_NAMES

REPLACEMENTS = {
    "misspelt key": (
        "area_column:",
        "area_colum:",
        r"key 'area_column' is missing; 'area_colum' is there",
    ),
    "unknown key": (
        "top_loop:\n",
        "top_loop:\n  gain_refluxx: {value: 1, unit: s, source: x}\n",
        r"unknown key 'gain_refluxx'; the nearest valid key is 'gain_reflux'",
    ),
    "missing assay": ("../assays/maya.yaml", "../assays/mya.yaml", r"mya\.yaml does not exist"),
    "wrong dimension": (
        "pressure_drop_column: {value: 0.3, unit: bar",
        "pressure_drop_column: {value: 0.3, unit: kg/s",
        r"unit 'kg/s' is a mass flow; a pressure \[Pa\] belongs here",
    ),
    "unknown unit": (
        "value: 23, unit: m2",
        "value: 23, unit: acre",
        "unit 'acre' does not fit; give the value in m2",
    ),
    "not a number": ("value: 23, unit: m2", "value: .nan, unit: m2", "finite number"),
    "unknown crude": ("arabian_light: 60,", "arabian_lite: 60,", "unknown crude 'arabian_lite'"),
    "slate sum": ("arabian_light: 60,", "arabian_light: 61,", "adds up to 1.01"),
    "no source": (
        'value: 23, unit: m2, source: "assumed',
        'value: 23, unit: m2, sourc: "assumed',
        "key 'source' is missing",
    ),
    "trays": ("tray_lgo: 8", "tray_lgo: 11", "layout plant"),
}


@pytest.mark.parametrize("fault", REPLACEMENTS)
def test_wrong_file_is_refused_with_the_place(fault: str, cases: Path, tmp_path: Path) -> None:
    old, new, message = REPLACEMENTS[fault]
    text = (cases / "plants" / "crude_unit.yaml").read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1).replace("../assays/", f"{cases / 'assays'}/")
    wrong = tmp_path / "case.yaml"
    wrong.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_crude_unit_case(wrong)


def test_missing_file_and_missing_layout_are_named(case: CrudeUnitCase, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml does not exist"):
        load_crude_unit_case(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="no layout 'fine'; it has: plant, small"):
        build_crude_unit(case, "fine")


def test_case_holds_all_variables(case: CrudeUnitCase) -> None:
    assert set(case.setpoints) == set(MV_NAMES)
    assert {*MV_NAMES, *HANDLES, *case.d_names, *BOUNDARY, *CV_NAMES} == set(case.spans)
    assert case.setpoints["flow_vol_feed"] * 3600.0 == pytest.approx(662.4, abs=0.1)
    assert 352.0 <= case.setpoints["temp_coil_outlet"] - 273.15 <= 357.0
