"""System files: what is read, and one sentence about what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from operator_agent.errors import InputError
from operator_agent.planning.case_file import case_from_entry
from operator_agent.planning.system.reader import is_system_file, load_system
from operator_agent.planning.system.system import Goods
from operator_agent.units import DAY_S, OIL_BARREL_M3

from .conftest import CASE_FILE
from .small_case import KBBL_D, bought, small_entry, sold, unit
from .system_files import grade, period, system_file, system_of, trader

TANK = {"opening": "10 kbbl", "max": "40 kbbl", "closing": "10 kbbl", "qualities": {}}
ROUTE = {
    "from": "north",
    "to": "south",
    "stream": "naphtha",
    "max": "5 kbbl/d",
    "cost": "1 usd/bbl",
}
TWO = {"north": trader(50, 60), "south": trader(50, 64)}


def test_the_shipped_systems_are_read_in_si() -> None:
    months = load_system(CASE_FILE.parent / "three_months.yaml")
    assert [one.name for one in months.periods] == ["july", "august", "september"]
    assert months.periods[0].length_s == 31 * DAY_S
    plant = months.plants["three_crudes"]
    july, september = plant.cases["july"], plant.cases["september"]
    gap = september.products["diesel"].price - july.products["diesel"].price
    assert gap == pytest.approx(5.0 / OIL_BARREL_M3)
    tank = next(tank for tank in plant.tanks if tank.key == ("stream", "naphtha"))
    assert tank.contents["density"] == pytest.approx(735.0)
    assert tank.contents["sulphur"] == pytest.approx(0.0003 * 735.0)
    sites = load_system(CASE_FILE.parent / "two_sites.yaml")
    assert [route.goods for route in sites.transport] == [Goods.STREAM, Goods.STREAM, Goods.PRODUCT]
    assert sites.transport[0].cost == pytest.approx(1.4 / OIL_BARREL_M3)
    assert sites.supply[0].high == pytest.approx(40 * KBBL_D)


def test_cases_and_systems_are_told_apart() -> None:
    assert is_system_file(CASE_FILE.parent / "two_sites.yaml")
    assert is_system_file(CASE_FILE.parent / "three_months.yaml")
    assert not is_system_file(CASE_FILE)
    with pytest.raises(InputError, match="cannot be read"):
        is_system_file("nowhere.yaml")


def test_changes_of_a_period_do_not_reach_the_next(tmp_path: Path) -> None:
    price = {"times": 2}
    periods = [period("may", north__products__export__price=price), period("june")]
    system = system_of(tmp_path, TWO, periods=periods)
    may, june = (system.plants["north"].cases[name] for name in ("may", "june"))
    assert may.products["export"].price == pytest.approx(2 * june.products["export"].price)


def test_streams_carry_what_another_plant_asks_of_them(tmp_path: Path) -> None:
    refined = unit(["gasoil"], 10, operating_cost={"base": "0 usd/m3"})
    refined["products"] = {
        "oil": {"yield": {"base": 1.0}, "qualities": {"sulphur": {"amount": {"sulphur": 1.0}}}}
    }
    density = {"density": {"fixed": "800 kg/m3"}}
    refined["products"]["oil"]["qualities"] |= density
    maker = small_entry(
        purchases={"gasoil": bought(50, 10, qualities=grade(1.0))},
        units={"still": refined},
        products={"slop": sold(10, 10, ["oil"])},
    )
    taker = small_entry(
        purchases={"clean": bought(60, 10, qualities=grade(0.1))},
        products={"fuel": sold(70, 10, ["clean", "oil"], specs={"sulphur": {"max": "0.5 wt%"}})},
    )
    alone = case_from_entry(maker, tmp_path, "maker")
    assert alone.contents == {"gasoil": (), "oil": ()}
    route = {"from": "maker", "to": "taker", "stream": "oil", "max": "5 kbbl/d", "cost": "0 usd/m3"}
    system = system_of(tmp_path, {"maker": maker, "taker": taker}, transport=[route])
    joined = system.plants["maker"].cases["july"]
    assert set(joined.contents["oil"]) == {"sulphur", "density"}
    assert "sulphur" in joined.contents["gasoil"]


def north_tank(**changes: Any) -> dict[str, Any]:
    tank = {key: value for key, value in (TANK | changes).items() if value is not None}
    return {"plants": {**TWO, "north": TWO["north"] | {"tanks": {"streams": {"naphtha": tank}}}}}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"periods": []}, r"periods is empty; give at least one"),
        ({"periods": [{"name": "july"}]}, r"key 'length' is missing at periods.0..length; add it"),
        ({"periods": [period("july", -3.0)]}, r"\(july\).length is -3.0 d; give a positive time"),
        ({"periods": [{"name": "july", "length": "30"}]}, r"length is '30' without a unit"),
        ({"periods": [{"name": "july", "length": "30 kbbl"}]}, r"is a volume; give a time"),
        ({"periods": [period("july"), period("july")]}, r"periods: 'july' is given twice"),
        ({"periods": [period("july", nord__x=1)]}, r"'nord.x' must begin with a plant.*'north.'"),
        (
            {"periods": [period("july", north__products__exprt__price="1 usd/bbl")]},
            r"plant north, period july: products.exprt.price: unknown key 'exprt'.*'export'",
        ),
        (
            {"periods": [period("july", north__purchases__naphtha__max="-1 kbbl/d")]},
            r"plant north, period july: .*naphtha",
        ),
        (
            {"periods": [period("july", **{"supply.naphtha.max": "1 kbbl/d"})]},
            r"period july, changes: supply.naphtha.max: unknown key 'supply'|unknown key 'naphtha'",
        ),
        (
            {"transport": [ROUTE], "periods": [period("july", **{"transport[0].cost": 1})]},
            r"period july, changes: 'transport\[0\].cost' stays the same in all periods",
        ),
        (
            {"transport": [ROUTE], "periods": [period("july", **{"transport[0].min": "9 kbbl/d"})]},
            r"period july, transport\[0\]: min 9 kbbl/d and max 5 kbbl/d must be 0 <= min",
        ),
        ({"horizon": 3}, r"unknown key 'horizon' at horizon"),
        ({"case": "north.yaml"}, r"'case' and 'plants' are both given"),
        ({"tanks": {"streams": {"naphtha": TANK}}}, r"'tanks' and 'changes' stand below a plant"),
        ({"transport": [ROUTE | {"from": "nrth"}]}, r"no plant 'nrth'; the nearest is 'north'"),
        ({"transport": [ROUTE | {"to": "north"}]}, r"begins and ends at 'north'"),
        ({"transport": [ROUTE | {"stream": "nafta"}]}, r"'nafta' arrives but nothing takes it"),
        (
            {"transport": [ROUTE | {"stream": "nafta", "as": "naphtha"}]},
            r"north to south: case north has no stream 'nafta' in period july.*'naphtha'",
        ),
        ({"transport": [ROUTE | {"product": "export"}]}, r"exactly one of 'crude', 'stream'"),
        ({"transport": [ROUTE | {"as": "light"}]}, r"period july: .*'light' arrives but nothing"),
        ({"transport": [ROUTE | {"min": "9 kbbl/d"}]}, r"min 9 kbbl/d and max 5 kbbl/d must be 0"),
        ({"transport": [ROUTE | {"cost": "-1 usd/bbl"}]}, r"cost is -1 usd/bbl; give zero or more"),
        ({"transport": [ROUTE | {"via": "sea"}]}, r"unknown key 'via' at transport.0..via"),
        ({"transport": [ROUTE, ROUTE]}, r"north to south: naphtha stream' is given twice"),
        (
            {"transport": [ROUTE, ROUTE | {"from": "south", "to": "north"}]},
            r"transport closes a ring in period july over naphtha of north",
        ),
        ({"supply": {"brent": {"max": "1 kbbl/d"}}}, r"supply.brent: no plant buys it; use one of"),
        ({"supply": {"naphtha": {"max": "-1 kbbl/d"}}}, r"supply.naphtha: min .* max -1 kbbl/d"),
        (north_tank(opening="50 kbbl"), r"opening is 50 kbbl; it must lie between 0 and max 40"),
        (north_tank(closing="50 kbbl"), r"closing is 50 kbbl; it must lie between 0 and max 40"),
        (north_tank(min="50 kbbl"), r"min 50 kbbl and max 40 kbbl must be 0 <= min <= max"),
        (north_tank(closing=None), r"give 'closing' .* or 'value'"),
        (
            north_tank(opening="10 kbbl/d"),
            r"naphtha.opening is '10 kbbl/d', which is a volume flow",
        ),
        (north_tank(qualities={"smoke": 20}), r"qualities: quality 'smoke' is not known"),
        (
            north_tank()
            | {"periods": [period("july", north__tanks__streams__naphtha__max="1 m3")]},
            r"period july, naphtha stream tank of north: its closing stock does not fit",
        ),
        (north_tank(value="-1 usd/m3"), r"naphtha.value is -1 usd/m3; give zero or more"),
        (north_tank(stock="1 m3"), r"unknown key 'stock'"),
    ],
)
def test_wrong_systems_are_refused_in_words(
    tmp_path: Path, parts: dict[str, Any], told: str
) -> None:
    given = {key: value for key, value in parts.items() if key != "plants"}
    with pytest.raises(InputError, match=told):
        system_of(tmp_path, parts.get("plants", TWO), **given)


@pytest.mark.parametrize(
    ("group", "item", "told"),
    [
        ("streams", "nafta", r"streams.nafta: case north has no stream 'nafta' .* is 'naphtha'"),
        ("products", "exprt", r"no product 'exprt' in period july; the nearest is 'export'"),
        ("crudes", "brent", r"no crude 'brent' in period july; take it out"),
    ],
)
def test_tanks_of_unknown_goods_are_refused(
    tmp_path: Path, group: str, item: str, told: str
) -> None:
    north = TWO["north"] | {"tanks": {group: {item: TANK}}}
    with pytest.raises(InputError, match=told):
        system_of(tmp_path, {**TWO, "north": north})


def test_an_opening_stock_needs_the_qualities_that_are_asked_of_it(tmp_path: Path) -> None:
    entry = small_entry(
        purchases={"naphtha": bought(50, 10, qualities=grade(0.1))},
        products={"fuel": sold(60, 10, ["naphtha"], specs={"sulphur": {"max": "0.2 wt%"}})},
    )
    stock = TANK | {"qualities": {"density": "700 kg/m3"}}
    with pytest.raises(InputError, match=r"naphtha.qualities: 'sulphur' of the opening stock is"):
        system_of(tmp_path, {"north": entry | {"tanks": {"streams": {"naphtha": stock}}}})
    only_fuel = {"products": {"fuel": TANK | {"qualities": grade(0.1)}}}
    with pytest.raises(InputError, match=r"fuel.qualities: only streams carry them"):
        system_of(tmp_path, {"north": entry | {"tanks": only_fuel}})


def test_a_product_must_be_specified_as_strictly_as_where_it_arrives(tmp_path: Path) -> None:
    def plant(most: str) -> dict[str, Any]:
        return small_entry(
            purchases={"naphtha": bought(50, 10, qualities=grade(0.1))},
            products={"fuel": sold(60, 10, ["naphtha"], specs={"sulphur": {"max": most}})},
        )

    route = {key: value for key, value in ROUTE.items() if key != "stream"} | {"product": "fuel"}
    plants = {"north": plant("0.3 wt%"), "south": plant("0.2 wt%")}
    with pytest.raises(InputError, match=r"'fuel' is not specified as strictly in sulphur"):
        system_of(tmp_path, plants, transport=[route])
    plants = {"north": plant("0.2 wt%"), "south": plant("0.3 wt%")}
    assert system_of(tmp_path, plants, transport=[route]).transport[0].goods is Goods.PRODUCT


def test_a_crude_must_be_the_same_at_both_ends(tmp_path: Path) -> None:
    content = yaml.safe_load((CASE_FILE.parent / "two_sites.yaml").read_text(encoding="utf-8"))
    content["plants"]["south"]["changes"]["crudes.maya.sulphur"] = "3.5 wt%"
    for plant in content["plants"].values():
        plant["case"] = str(CASE_FILE)
    route = {"from": "north", "to": "south", "crude": "maya", "max": "1 kbbl/d", "cost": "1 usd/m3"}
    content["transport"].append(route)
    file = tmp_path / "system.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"crude 'maya' has another assay, sulphur or tail"):
        load_system(file)


def test_stock_must_be_what_the_next_period_calls_by_its_name(tmp_path: Path) -> None:
    """Summer diesel in a tank is not winter diesel."""
    plant = small_entry(
        purchases={"naphtha": bought(50, 10, qualities=grade(0.1))},
        products={"fuel": sold(60, 10, ["naphtha"], specs={"sulphur": {"max": "0.3 wt%"}})},
    )
    stock = {"opening": "1 kbbl", "max": "2 kbbl", "closing": "1 kbbl"}
    plants = {"north": plant | {"tanks": {"products": {"fuel": stock}}}}
    key = "north__products__fuel__specs__sulphur__max"
    stricter = [period("may"), period("june", **{key: "0.2 wt%"})]
    with pytest.raises(InputError, match=r"fuel product tank from period may to june: .* strictly"):
        system_of(tmp_path, plants, periods=stricter)
    looser = [period("may"), period("june", **{key: "0.4 wt%"})]
    assert system_of(tmp_path, plants, periods=looser).periods[1].name == "june"


def test_a_missing_case_file_is_named(tmp_path: Path) -> None:
    file = system_file(tmp_path, TWO)
    (tmp_path / "south.yaml").unlink()
    with pytest.raises(InputError, match=r"south.yaml cannot be read"):
        load_system(file)
