"""Cases that contradict themselves are refused before anything is solved."""

from pathlib import Path
from typing import Any

import pytest

from operator_agent.errors import InputError
from operator_agent.planning.case_file import case_from_entry, load_case

from .small_case import bought, run_at, small_entry, sold, unit
from .test_case_file import edited, put


def good() -> dict[str, Any]:
    """Return the parts of a case without a fault."""
    fixed = {"density": "850 kg/m3", "sulphur": "1 wt%"}
    return {
        "purchases": {
            "gasoil": bought(50.0, 20.0, qualities=fixed),
            "oil": bought(45.0, 8.0, qualities=fixed | {"sulphur": "3 wt%"}),
        },
        "units": {"cracker": unit(["gasoil"], 10.0, **run_at(1.0, petrol=0.6, diesel=0.5))},
        "products": {
            "petrol_sale": sold(100.0, 50.0, ["petrol"]),
            "diesel_sale": sold(70.0, 50.0, ["diesel"]),
            "fuel": sold(60.0, 50.0, ["oil", "gasoil"], specs={"sulphur": {"max": "2 wt%"}}),
        },
        "limits": [{"name": "half", "of": {"products.fuel": 1.0}, "max": "10 kbbl/d"}],
        "alerts": [{"of": "units.cracker", "warn_above": "9 kbbl/d"}],
    }


def case_with(value: Any, *path: Any) -> None:
    """Build the good case with one value put at a place."""
    entry = small_entry(**good())
    place: Any = entry
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    case_from_entry(entry, Path(), "small case")


def test_the_case_without_a_fault_is_taken() -> None:
    case_with("small", "name")


MODES = {"hard": run_at(1.0, petrol=0.6, diesel=0.5)}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        # streams
        (
            ["units", "cracker", "feeds"],
            ["gasoyl"],
            "cracker.feeds.0.: nothing makes stream 'gasoyl'",
        ),
        (
            ["products", "fuel", "components"],
            ["oyl"],
            "fuel.components.0.: nothing makes .* 'oyl'; the nearest is 'oil'; use",
        ),
        (["purchases", "spare"], bought(1.0, 1.0), "'spare' is made but nothing takes it"),
        (["purchases", "x.y"], bought(1.0, 1.0, stream="oil"), "'x.y' holds a dot"),
        # yields that do not close
        (
            ["units", "cracker", "products", "petrol", "yield", "base"],
            0.9,
            "units.cracker: the yields add up to 1.400 volumes .* outside 0.8 to 1.3; correct",
        ),
        (
            ["units", "cracker", "products", "petrol", "yield", "base"],
            0.1,
            "the yields add up to 0.600 volumes",
        ),
        # modes
        (["units", "cracker", "modes"], MODES, "give either products, or modes"),
        (["units", "cracker", "exclusive"], True, "cracker.exclusive: the unit has no modes"),
        # properties missing for a blend
        (
            ["purchases", "oil", "qualities"],
            {"density": "850 kg/m3"},
            "oil: 'sulphur' is limited or used further on, by products.fuel.specs.sulphur; add",
        ),
        (
            ["purchases", "oil", "qualities"],
            {"sulphur": "1 wt%"},
            "oil.qualities.sulphur: a fixed sulphur needs a fixed density",
        ),
        (
            ["products", "petrol_sale", "specs"],
            {"octane": {"min": 92}},
            "units.cracker.products.petrol: 'octane' is limited",
        ),
        (["purchases", "oil", "qualities", "colour"], "1", "quality 'colour' is not known"),
        # markets
        (
            ["products", "petrol_sale"],
            sold(9.0, 9.0, ["petrol"]) | {"min": "7 kbbl/d"},
            r"petrol_sale: min 7 kbbl/d is more than its components can give, 6 kbbl/d",
        ),
        (["products", "fuel", "components"], [], "products.fuel.components is"),
        (["products", "fuel", "recipe"], {"oil": 1}, "give either components, or a recipe"),
        (
            ["products", "fuel"],
            sold(9.0, 9.0, [], recipe={"oil": 1, "gasoil": -1}),
            "fuel.recipe.gasoil is -1.0; give a part above zero",
        ),
        (["products"], {}, "products is empty; give at least one"),
        # prices
        (["products", "fuel", "price"], "-3 usd/bbl", "fuel.price is '-3 usd/bbl', .*'disposal: t"),
        (["purchases", "oil", "price"], "-3 usd/bbl", "oil.price is '-3 usd/bbl', which is neg"),
        (["utilities", "fuel_price"], "-1 usd/GJ", "utilities.fuel_price is '-1 usd/GJ', which"),
        (["purchases", "oil", "price"], "nan usd/bbl", "oil.price is 'nan usd/bbl'; give a finite"),
        # specifications that nothing meets
        (
            ["products", "fuel", "specs", "sulphur", "max"],
            "0.5 wt%",
            r"fuel.specs.sulphur: no mixture can meet max 0.5 wt%; the nearest is 1 wt%",
        ),
        (
            ["products", "fuel", "specs", "density"],
            {"min": "900 kg/m3"},
            r"no mixture can meet min 900 kg/m3; the nearest is 850 kg/m3; change the limit",
        ),
        (["products", "fuel", "specs", "sulphur"], {}, "fuel.specs.sulphur gives no limit"),
        (
            ["products", "fuel", "specs", "sulphur", "min"],
            "3 wt%",
            "min 3 wt% is above max 2 wt%",
        ),
        (
            ["units", "cracker", "feed_specs"],
            {"sulphur": {"max": "0.1 wt%"}},
            "cracker.feed_specs.sulphur: no mixture can meet max 0.1 wt%",
        ),
        # ranges and parcels
        (["purchases", "oil", "min"], "9 kbbl/d", "oil: min 9 kbbl/d and max 8.0 kbbl/d must"),
        (["purchases", "oil", "lot"], "0 kbbl/d", "oil.lot is '0 kbbl/d'; give the flow of one"),
        (
            ["purchases", "oil"],
            bought(1.0, 8.0, lot="5 kbbl/d") | {"min": "6 kbbl/d"},
            "oil: no whole number of lots of 5 kbbl/d lies between min 6",
        ),
        (["purchases", "oil", "at_least_if_any"], "9 kbbl/d", "at_least_if_any 9 kbbl/d is not b"),
        # limits and alerts
        (["limits", 0, "of"], {"products.fuell": 1.0}, "no flow 'products.fuell'; the nearest is"),
        (["limits", 0, "of"], {}, r"limits.0..of is empty; give at least one"),
        (["limits", 0, "of"], {"products.fuel": 0.0}, "has no weight other than zero"),
        (["limits", 0, "of"], {"products.fuel": float("nan")}, "finite number"),
        (["limits", 0], {"name": "a", "of": {"units.cracker": 1.0}}, "gives no limit; add min or"),
        (["limits", 0, "min"], "11 kbbl/d", r"\(half\): min 11 kbbl/d is above max 10 kbbl/d"),
        (["limits", 0, "max"], "3 wt%", "is a fraction; give a volume flow"),
        (["alerts", 0, "of"], "units.craker", "no flow 'units.craker'; the nearest is 'units.cr"),
        (["alerts", 0], {"of": "units.cracker"}, "watches nothing; give one of"),
        (["alerts", 0, "error_above"], "8 kbbl/d", "must rise in the order warn_above, error_abo"),
        (["alerts", 0, "of"], "products.fuell.qualities.sulphur", "is a volume flow; give a fract"),
        (
            ["alerts", 0],
            {"of": "products.fuell.qualities.sulphur", "warn_above": "1 wt%"},
            "no products 'fuell'; the nearest is 'fuel'",
        ),
        (
            ["alerts", 0],
            {"of": "crudes.maya.qualities.sulphur", "warn_above": "1 wt%"},
            "is no quality; write products.NAME.qualities.QUALITY",
        ),
        (["alerts", 0, "warn_over"], "1 wt%", "unknown key 'warn_over' .* 'warn_above'"),
    ],
)
def test_a_case_that_contradicts_itself_is_refused_in_words(
    path: list[Any], value: Any, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        case_with(value, *path)


def test_a_checked_gain_is_taken() -> None:
    parts = good()
    parts["units"]["cracker"]["products"]["petrol"]["yield"]["base"] = 0.9
    parts["units"]["cracker"]["gain_checked"] = True
    case_from_entry(small_entry(**parts), Path(), "small case")


def test_who_pays_to_be_rid_of_a_product_says_so() -> None:
    parts = good()
    parts["products"]["fuel"] |= {"price": "-3 usd/bbl", "disposal": True}
    case = case_from_entry(small_entry(**parts), Path(), "small case")
    assert case.products["fuel"].price < 0.0


def test_a_unit_that_makes_mass_is_refused(tmp_path: Path) -> None:
    # At its feed of 905 kg/m3 the FCC case gives 0.56 * 752 + 0.19 * 935 + 0.09 * 1040
    # + 0.24 * 540 = 822 kg.
    heavy = {"fixed": "1650 kg/m3"}
    path = ("units", "fcc", "products", "fcc_gasoline", "qualities", "density")
    with pytest.raises(InputError, match=r"units.fcc: the products weigh 1.46\d times the feed"):
        load_case(edited(tmp_path, put(*path, value=heavy)))


def test_a_crude_unit_needs_crudes_and_the_profiles_of_its_streams(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no crudes; crudes and crude_unit go together"):
        load_case(edited(tmp_path, put("crudes", value={})))
    specs = {"mon": {"min": 82}}
    with pytest.raises(
        InputError, match=r"stream 'naphtha' of the crude unit: 'mon' .*profiles.mon"
    ):
        load_case(edited(tmp_path, put("products", "petrochemical_naphtha", "specs", value=specs)))
    profile = {"temperature_unit": "degC", "temperatures": [1, 2], "value_unit": "number"}
    flash = {"flash": profile | {"values": [1, 2]}}
    with pytest.raises(InputError, match="flash point is computed from the assay"):
        load_case(edited(tmp_path, lambda content: content["profiles"].update(flash)))
