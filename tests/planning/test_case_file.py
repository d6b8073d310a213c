"""Case files that are wrong are refused with one sentence: place, value, next step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from operator_agent.errors import InputError
from operator_agent.planning.case_file import (
    PlanningCase,
    load_case,
    with_price_factors,
    with_slate,
)
from operator_agent.units import OIL_BARREL_M3

from .conftest import CASE_FILE

Edit = Callable[[dict[str, Any]], None]


def edited(tmp_path: Path, edit: Edit) -> Path:
    content = yaml.safe_load(CASE_FILE.read_text(encoding="utf-8"))
    for crude in content["crudes"].values():
        crude["assay"] = str((CASE_FILE.parent / crude["assay"]).resolve())
    edit(content)
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def put(*path: Any, value: Any) -> Edit:
    def edit(content: dict[str, Any]) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return edit


def drop(*path: Any) -> Edit:
    def edit(content: dict[str, Any]) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return edit


def test_the_shipped_case_is_read_in_si(case: PlanningCase) -> None:
    assert list(case.crudes) == ["arabian_light", "maya", "bonny_light", "tia_juana_light"]
    assert case.crudes["maya"].price == pytest.approx(64.0 / OIL_BARREL_M3)
    assert case.crude_unit.high == pytest.approx(0.18401, rel=1e-4)
    assert case.crude_unit.streams == ("naphtha", "kerosene", "lgo", "hgo", "residue")
    assert "cetane" in case.contents["lgo"]
    assert "cetane" not in case.contents["naphtha"]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (
            put("crudes", "maya", "prize", value="1 usd/bbl"),
            r"'prize' at crudes.maya.prize; .*'pri",
        ),
        (put("crude_unit", "cuts", 0, "lowest", value=1), r"'lowest' at crude_unit.cuts.0.* 'low"),
        (
            put("units", "fcc", "products", "lpg", "yeild", value={"base": 1}),
            r"'yeild' at units.fcc.products.lpg.yeild; .*'yield'",
        ),
        (put("pumps", value={}), r"unknown key 'pumps' at pumps"),
        (drop("utilities", "fuel_price"), r"'fuel_price' is missing at utilities.fuel_price"),
        (
            put("crudes", "maya", "price", value="nan usd/bbl"),
            r"maya.price is 'nan usd/bbl'; .*fin",
        ),
        (
            put("crudes", "maya", "max", value="40 kbl/d"),
            r"case.yaml: crudes.maya.max is '40 kbl/d': unit 'kbl/d' is not known; the nearest is "
            r"'kbbl/d'; use one of m3/s, .*\(volume flow\)",
        ),
        (put("crudes", "maya", "sulphur", value="9 ppm"), r"nearest is 'wt ppm'; .*fraction"),
        (put("crudes", "maya", "price", value=float("nan")), r"maya.price is nan; give a finite"),
        (put("crudes", "maya", "price", value=[1]), r"maya.price is \[1\]; write a text, for a q"),
        (put("products", value={}), r"products is empty; give at least one"),
        (put("crudes", "maya", "price", value="64 kbbl/d"), r"is a volume flow; give a price by"),
        (
            put("crudes", "maya", "assay", value="no.yaml"),
            r"maya.assay: file .*no.yaml does not ex",
        ),
        (put("crudes", "maya", "min", value="99 kbbl/d"), r"crudes.maya: min 99 kbbl/d and max 40"),
        (
            put("units", "fcc", "feeds", value=["gasoil"]),
            r"fcc.feeds.0.: nothing makes stream 'gasoil'",
        ),
        (
            put("products", "jet", "components", value=["kero"]),
            r"jet.components.0.: nothing makes stream 'kero'; the nearest is 'kerosene'; use",
        ),
        (
            put("products", "fuel_oil", "components", value=["residue", "vacuum_residue"]),
            r"stream 'slurry_oil' is made but nothing takes it",
        ),
        (
            put("products", "jet", "specs", value={"smoke": {"min": 25}}),
            r"products.jet.specs.smoke: quality 'smoke' is not known",
        ),
        (
            put(
                "products", "jet", "specs", "density", value={"min": "840 kg/m3", "max": "1 kg/m3"}
            ),
            r"min 840 kg/m3 is above max 1 kg/m3",
        ),
        (
            drop("units", "fcc", "products", "fcc_gasoline", "qualities", "octane"),
            r"units.fcc.products.fcc_gasoline: 'octane' is limited or used further on",
        ),
        (
            put("crude_unit", "cuts", 1, "low", value="100 degC"),
            r"cuts\[1\] \(kerosene/lgo\) does not follow cuts\[0\]",
        ),
        (put("units", "fcc", "feeds", value=["hgo", "slurry_oil"]), r"in a ring"),
        (
            put("units", "fcc", "products", "hgo", value={"yield": {"base": 0.1}, "qualities": {}}),
            r"stream 'hgo' belongs to the crude unit",
        ),
        (drop("profiles", "octane"), r"profiles.octane is missing"),
        (put("slate", value={"maya": 0.5}), r"slate adds up to 0.5"),
    ],
)
def test_a_wrong_case_is_refused_in_words(tmp_path: Path, edit: Edit, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_case(edited(tmp_path, edit))


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.yaml cannot be read"):
        load_case(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1,", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken.yaml is not YAML"):
        load_case(broken)


def test_price_factors_reach_crudes_products_and_utilities(case: PlanningCase) -> None:
    changed = with_price_factors(case, {"maya": 0.5, "diesel": 2.0, "fuel": 3.0})
    assert changed.crudes["maya"].price == pytest.approx(0.5 * case.crudes["maya"].price)
    assert changed.products["diesel"].price == pytest.approx(2.0 * case.products["diesel"].price)
    assert changed.utilities.fuel_price == pytest.approx(3.0 * case.utilities.fuel_price)
    assert changed.products["jet"] == case.products["jet"]


@pytest.mark.parametrize(
    ("factors", "told"),
    [
        ({"diesl": 1.1}, "no such crude, product"),
        ({"maya": -1.0}, "positive"),
        ({"jet": 0.0}, "pos"),
    ],
)
def test_wrong_price_factors_are_refused(
    case: PlanningCase, factors: dict[str, float], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        with_price_factors(case, factors)


@pytest.mark.parametrize(
    ("slate", "told"),
    [
        ({"brent": 1.0}, "no crude 'brent'"),
        ({"maya": 0.4, "bonny_light": 0.4}, "adds up to 0.8"),
        ({"maya": 1.5, "bonny_light": -0.5}, "fraction of 'bonny_light' is -0.5"),
    ],
)
def test_wrong_slates_are_refused(case: PlanningCase, slate: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        with_slate(case, slate)


def test_files_that_are_no_case_are_refused_in_words(tmp_path: Path) -> None:
    for name, told in (("old.xls", "save it as .xlsx"), ("sheet.ods", "save it as .xlsx")):
        (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0")
        with pytest.raises(InputError, match=told):
            load_case(tmp_path / name)
    with pytest.raises(InputError, match="is a folder; give a case file in it"):
        load_case(tmp_path)
    (tmp_path / "case.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no text in UTF-8"):
        load_case(tmp_path / "case.yaml")


def test_assays_that_stayed_behind_are_told_with_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(CASE_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(InputError, match=rf"from the folder {tmp_path}.*move the assays along"):
        load_case(file)
