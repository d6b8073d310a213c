"""Tanks between periods: what is kept, what it is worth, and what quality it has, by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.limits import Side
from operator_agent.planning.mixing import Exact
from operator_agent.planning.nonlinear import import_nonlinear, model_values, solve_from
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.solve import Stage
from operator_agent.planning.system.report import system_tables
from operator_agent.planning.system.simulate import network
from operator_agent.planning.system.solve import solve_system
from operator_agent.planning.system.system import PlanningSystem
from operator_agent.planning.system.system_plan import SystemPlan
from operator_agent.units import OIL_BARREL_M3

from .small_case import KBBL_D, KUSD_D, bought, small_entry, sold
from .system_files import grade, period, pool_entry, system_of, trader

KBBL = 1e3 * OIL_BARREL_M3
NAPHTHA = ("stream", "naphtha")
STARTS = 20


def seller(price: float, days: float, **tank: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a plant that may keep naphtha for a second period with this price [usd/bbl]."""
    entry = small_entry(
        purchases={"naphtha": bought(50, 10)}, products={"export": sold(60, 20, ["naphtha"])}
    )
    stock = {"opening": "0 m3", "max": "60 kbbl", "closing": "0 m3"} | tank
    entry["tanks"] = {"streams": {"naphtha": stock}}
    later = period("june", days, north__products__export__price=f"{price} usd/bbl")
    return entry, [period("may"), later]


@pytest.mark.parametrize("stage", ["lp", "nlp"])
@pytest.mark.parametrize("days", [30.0, 10.0])
def test_a_higher_price_later_fills_the_tank(tmp_path: Path, stage: Stage, days: float) -> None:
    entry, periods = seller(64.0, days, storage="0.01 usd/bbl/d")
    found = solve_system(system_of(tmp_path, {"north": entry}, periods=periods), stage=stage)
    kept = found.tank("north", "may", NAPHTHA)
    assert kept.closing == pytest.approx(60 * KBBL, rel=1e-6)
    assert found.tank("north", "june", NAPHTHA).closing == pytest.approx(0.0, abs=1e-2)
    storage = 30 * 0.01 * (30 + days)  # the mean stock is 30 kbbl in both periods
    by_hand = 10 * 30 * 10 + 10 * days * 14 + 60 * 4 - storage  # thousand dollars
    assert found.total_profit == pytest.approx(1e3 * by_hand, rel=1e-6)
    limit = next(one for one in found.limits if one.limit.side is Side.MAX and one.held)
    assert limit.limit.text() == "may: naphtha stream tank: stock at most 9539.2 m3"
    more = 4.0 - 0.01 * (30 + days) / 2.0
    assert limit.shadow_price * OIL_BARREL_M3 == pytest.approx(more, rel=1e-5)
    assert kept.worth * OIL_BARREL_M3 == pytest.approx(60.0, rel=1e-5)


@pytest.mark.parametrize("at", ["may", "june"])
def test_a_period_may_have_less_room_in_a_tank(tmp_path: Path, at: str) -> None:
    entry, periods = seller(64.0, 30.0)
    number = ["may", "june"].index(at)
    periods[number]["changes"]["north.tanks.streams.naphtha.max"] = "20 kbbl"
    found = solve_system(system_of(tmp_path, {"north": entry}, periods=periods))
    kept = found.tank("north", "may", NAPHTHA).closing
    assert kept == pytest.approx((20 if at == "may" else 60) * KBBL, rel=1e-6)


def test_a_price_that_does_not_pay_for_storage_keeps_nothing(tmp_path: Path) -> None:
    entry, periods = seller(60.5, 30.0, storage="0.02 usd/bbl/d")  # 0.6 usd/bbl for both halves
    found = solve_system(system_of(tmp_path, {"north": entry}, periods=periods))
    assert found.tank("north", "may", NAPHTHA).closing == pytest.approx(0.0, abs=1e-2)
    assert found.objective == pytest.approx(0.5 * (10 + 10.5) * 10 * KUSD_D, rel=1e-6)


@pytest.mark.parametrize(("value", "kept"), [(61.0, 60.0), (59.0, 0.0)])
def test_stock_is_left_where_it_is_worth_more_than_its_sale(
    tmp_path: Path, value: float, kept: float
) -> None:
    entry, periods = seller(60.0, 30.0, value=f"{value} usd/bbl")
    found = solve_system(system_of(tmp_path, {"north": entry}, periods=periods))
    last = found.tank("north", "june", NAPHTHA)
    assert last.closing == pytest.approx(kept * KBBL, abs=0.1)
    assert found.closing_value == pytest.approx(1e3 * value * kept, abs=50.0)
    hourly = sum(found.period_profit("north", one) for one in found.system.periods)
    assert hourly + found.closing_value == pytest.approx(found.total_profit)


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_a_mixed_tank_has_the_quality_of_what_came_together(tmp_path: Path, stage: Stage) -> None:
    entry = small_entry(
        purchases={"oil": bought(50, 10, min="10 kbbl/d", qualities=grade(0.2))},
        products={
            "fuel": sold(
                60, 20, ["oil"], specs={"sulphur": {"max": "2 wt%"}, "density": {"max": "1 kg/m3"}}
            )
        },
    )
    entry["products"]["fuel"]["specs"]["density"]["max"] = "900 kg/m3"
    entry["purchases"]["oil"]["qualities"]["density"] = "700 kg/m3"
    tank = {"opening": "100 kbbl", "max": "200 kbbl", "min": "80 kbbl", "value": "0 usd/bbl"}
    entry["tanks"] = {"streams": {"oil": tank | {"qualities": grade(1.0)}}}
    lower = {"north__products__fuel__price": "55 usd/bbl"}  # so that may sells all it can
    periods = [period("may"), period("june", **lower)]
    found = solve_system(system_of(tmp_path, {"north": entry}, periods=periods), stage=stage)
    density, sulphur = 800.0, 0.01
    opening = 100.0  # thousand barrels; 300 come in
    for name in ("may", "june"):
        tank_then = found.tank("north", name, ("stream", "oil"))
        assert tank_then.opening == pytest.approx(opening * KBBL, rel=1e-6)
        mass = (opening * density, 300 * 700.0)
        density = sum(mass) / (opening + 300)
        sulphur = (mass[0] * sulphur + mass[1] * 0.002) / sum(mass)
        told = {quality.name: value for quality, value in tank_then.qualities}
        assert told["density"] == pytest.approx(density, rel=1e-6)
        assert told["sulphur"] == pytest.approx(sulphur, rel=1e-6)
        assert tank_then.closing == pytest.approx(80 * KBBL, rel=1e-6)
        opening = 80.0


def haverly(read: Any, number: int) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Return pool and blend of a Haverly problem as two plants, and its known profit."""
    data = read(f"pooling/haverly{number}.json")
    feeds, products = data["feeds"], data["products"]
    pooled = [arc[0] for arc in data["arcs_feed_pool"]]
    rest = next(name for name in feeds if name not in pooled)
    quality = {name: feeds[name]["quality"][0] for name in feeds}
    names = dict(zip(("A", "B"), pooled, strict=True))
    pool = pool_entry(
        {key: quality[name] for key, name in names.items()},
        {key: feeds[name]["cost"] for key, name in names.items()},
    )
    blend = small_entry(
        purchases={"C": bought(feeds[rest]["cost"], 1e3, qualities=grade(quality[rest]))},
        products={
            name: sold(
                product["price"],
                product["max"],
                ["pool", "C"],
                specs={"sulphur": {"max": f"{product['q_max'][0]} wt%"}},
            )
            for name, product in products.items()
        },
    )
    return pool, blend, -data["known_min_cost"]


def best_of_many(system: PlanningSystem) -> float:
    """Return the best local optimum from many starts [usd/h]; pooling has several."""
    site = network(system)
    model = site.model(Exact(), site.first_point())
    program = import_nonlinear(model)
    random = np.random.default_rng(1)
    first = model_values(program)
    starts = [first * random.uniform(0.0, 2.0, len(first)) for _ in range(STARTS)]
    return solve_from(program, starts).profit


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_pool_filled_in_one_period_and_blended_in_the_next(
    tmp_path: Path, published: Any, number: int
) -> None:
    """Haverly, SIGMAP Bulletin 25 (1978) 19, with time between pool and blend."""
    pool, blend, known = haverly(published, number)
    entry = pool | {
        "purchases": pool["purchases"] | blend["purchases"],
        "products": blend["products"],
        "tanks": {"streams": {"pool": {"opening": "0 m3", "max": "9000 kbbl", "closing": "0 m3"}}},
    }
    none = "0 kbbl/d"
    filling = {f"north__products__{name}__max": none for name in blend["products"]}
    blending = {"north__purchases__A__max": none, "north__purchases__B__max": none}
    periods = [
        period("filling", **filling, north__purchases__C__max=none),
        period("blending", **blending),
    ]
    system = system_of(tmp_path, {"north": entry}, periods=periods)
    assert 2 * best_of_many(system) / KUSD_D == pytest.approx(known, rel=1e-4)
    found = solve_system(system)
    assert found.worth is PointWorth.LOCAL_OPTIMUM
    assert 2 * found.objective / KUSD_D <= known * 1.0001


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_pool_of_one_site_blended_at_another(tmp_path: Path, published: Any, number: int) -> None:
    pool, blend, known = haverly(published, number)
    route = {"stream": "pool", "max": "2000 kbbl/d", "cost": "0 usd/bbl"}
    route |= {"from": "pooler", "to": "blender"}
    system = system_of(tmp_path, {"pooler": pool, "blender": blend}, transport=[route])
    assert best_of_many(system) / KUSD_D == pytest.approx(known, rel=1e-4)


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_a_stock_that_cannot_be_reached_is_named_with_plant_and_period(
    tmp_path: Path, stage: Stage
) -> None:
    entry, periods = seller(64.0, 30.0, max="900 kbbl", min="400 kbbl")
    plants = {"north": entry, "south": trader(50, 60)}
    system = system_of(tmp_path, plants, periods=periods)
    with pytest.raises(LimitsConflictError) as caught:
        solve_system(system, stage=stage)
    told = str(caught.value)
    reached = 300 * KBBL  # all that can be bought in the first period
    assert (
        f"north, may: naphtha stream tank: stock at least {400 * KBBL:.5g} m3 -> "
        f"move it to {reached:.5g} m3" in told
    )
    assert "cannot all hold together" in told


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_whole_lots_are_bought_and_kept_for_later(tmp_path: Path, stage: Stage) -> None:
    """Lots of 3 for sales of 5 a period: three lots pay, the fourth would be left."""
    entry = small_entry(
        purchases={"naphtha": bought(50, 10, lot="3 kbbl/d")},
        products={"export": sold(60, 5, ["naphtha"])},
    )
    entry["tanks"] = {
        "streams": {"naphtha": {"opening": "0 m3", "max": "99 kbbl", "closing": "0 m3"}}
    }
    periods = [period("may"), period("june")]
    found = solve_system(system_of(tmp_path, {"north": entry}, periods=periods), stage=stage)
    lots = [
        found.tank("north", one.name, NAPHTHA).inflow / (3 * KBBL_D) for one in found.system.periods
    ]
    assert sum(lots) == pytest.approx(3.0, rel=1e-6)
    assert all(abs(lot - round(lot)) < 1e-6 for lot in lots)
    assert 2 * found.objective / KUSD_D == pytest.approx(90.0, rel=1e-6)


def test_tables_show_stocks_by_period(tmp_path: Path) -> None:
    entry, periods = seller(64.0, 30.0)
    found: SystemPlan = solve_system(system_of(tmp_path, {"north": entry}, periods=periods))
    tables = {table.title: table for table in system_tables(found)}
    rows = tables["Stocks of streams"].rows
    assert [row[1] for row in rows] == ["may", "june"]
    assert rows[0][5] == rows[1][2] == "9,539"
    assert ("export", "8.00", "12.00") in tables["Products sold, kbbl/d"].rows
    for table in tables.values():
        assert all(len(row) == len(table.columns) for row in table.rows)
