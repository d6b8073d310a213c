"""Changes by dotted keys: what they make of a case, and what is said about wrong ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.planning.case_file import case_from_entry, read_entry
from operator_agent.planning.changes import apply_changes
from operator_agent.planning.quantities import parse_quantity
from operator_agent.units import OIL_BARREL_M3

from .conftest import CASE_FILE


@pytest.fixture(scope="module")
def entry() -> dict[str, Any]:
    return read_entry(CASE_FILE)


def test_changes_reach_the_case(entry: dict[str, Any]) -> None:
    changed = apply_changes(
        entry,
        {
            "crudes.maya.price": "60 usd/bbl",
            "crudes.maya.max": {"times": 0.5},
            "products.jet.price": {"plus": "10 usd/m3"},
            "crude_unit.cuts[0].low": {"plus": "2 delta_degC"},
            "products.jet.specs.cloud": None,
            "products.jet.specs.octane": {"min": 10},
            "products.lpg.specs.density": {"max": "600 kg/m3"},
            "units.fcc.operating_cost.slopes.sulphur.slope": {"times": 2},
            "crudes.bonny_light": None,
        },
        "test",
    )
    assert changed["crudes"]["maya"]["price"] == "60 usd/bbl"
    assert changed["crudes"]["maya"]["max"] == "20.0 kbbl/d"
    jet = parse_quantity(changed["products"]["jet"]["price"], "price by volume", "test")
    assert jet == pytest.approx(91.5 / OIL_BARREL_M3 + 10.0)
    assert changed["crude_unit"]["cuts"][0]["low"] == "142.0 degC"
    assert set(changed["products"]["jet"]["specs"]) == {"sulphur", "flash", "density", "octane"}
    assert changed["products"]["lpg"]["specs"] == {"density": {"max": "600 kg/m3"}}
    assert changed["units"]["fcc"]["operating_cost"]["slopes"]["sulphur"]["slope"] == 0.5
    assert "bonny_light" in entry["crudes"]
    assert "bonny_light" not in changed["crudes"]


def test_a_new_product_can_be_sold(entry: dict[str, Any]) -> None:
    product = {
        "components": ["vacuum_gasoil"],
        "price": "70 usd/bbl",
        "min": "0 kbbl/d",
        "max": "5 kbbl/d",
    }
    changed = apply_changes(entry, {"products.gasoil_export": product}, "test")
    case = case_from_entry(changed, CASE_FILE.parent, "test")
    assert case.products["gasoil_export"].components == ("vacuum_gasoil",)
    assert "gasoil_export" in case.uses("vacuum_gasoil")


@given(st.floats(0.01, 100.0))
def test_a_factor_and_its_inverse_leave_a_price(factor: float) -> None:
    entry = {"crudes": {"maya": {"price": "64.0 usd/bbl"}}}
    key = "crudes.maya.price"
    back = apply_changes(
        apply_changes(entry, {key: {"times": factor}}, "test"), {key: {"times": 1 / factor}}, "test"
    )
    price = parse_quantity(back["crudes"]["maya"]["price"], "price by volume", "test")
    assert price == pytest.approx(64.0 / OIL_BARREL_M3, rel=1e-12)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("crudes.mayo.price", "60 usd/bbl", r"unknown key 'mayo'; the nearest valid key is 'maya'"),
        ("crudes.maya.prize", "60 usd/bbl", r"unknown key 'prize'; .* 'price'"),
        ("crude.maya.price", "60 usd/bbl", r"unknown key 'crude'; .* 'crudes'"),
        ("products.jet.specs.smoke.min", 25, r"unknown key 'smoke'; .* is "),
        ("products.jett.price", {"times": 2}, r"unknown key 'jett'; .* 'jet'"),
        ("products.jet.specs.cloud.min", {"plus": "1 delta_degC"}, r"key 'min'; .* 'max'"),
        ("products.jett", None, r"unknown key 'jett'; .* 'jet'"),
        ("crude_unit.cuts[9].low", "1 degC", r"the list has places \[0\] to \[3\]"),
        ("crude_unit.cuts.low", "1 degC", r"the list has places"),
        ("crude_unit..low", "1 degC", r"is no key; write it like"),
        ("crudes.maya.price.max", "1", r"'price' is '64.0 usd/bbl' and has no keys below it"),
        ("crudes.maya", "60 usd/bbl", r"its keys stand below it"),
        ("crudes.maya", {"times": 2}, r"holds no quantity"),
        ("crudes.maya.price", {"times": 2, "plus": "1 usd/bbl"}, r"not both"),
        ("crudes.maya.price", {"plus": "2 kbbl/d"}, r"is a volume flow; give a price by volume"),
        ("crudes.maya.price", {"times": "x"}, r"times is 'x'; write a number"),
        ("crude_unit.cuts[0].low", {"times": 2}, r"is a temperature; use 'plus'"),
        ("crude_unit.cuts[0].low", {"plus": "2 degC"}, r"give a temperature difference"),
        ("crudes.maya.price", None, r"a case must have 'price'"),
        ("crude_unit.cuts[0]", None, r"a case must have"),
    ],
)
def test_wrong_changes_are_refused_in_words(
    entry: dict[str, Any], key: str, value: Any, told: str
) -> None:
    with pytest.raises(InputError, match=r"period july: .*" + told):
        apply_changes(entry, {key: value}, "period july")
