"""Transport and shared supply between plants, against optima by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.solve import Stage
from operator_agent.planning.system.reader import load_system
from operator_agent.planning.system.report import system_tables
from operator_agent.planning.system.solve import solve_system
from operator_agent.units import HOUR_S, OIL_BARREL_M3

from .conftest import CASE_FILE
from .small_case import KBBL_D, KUSD_D, bought, small_entry, sold
from .system_files import period, system_of, trader


def route(cost: float, **goods: str) -> dict[str, Any]:
    return {"from": "north", "to": "south", "max": "5 kbbl/d", "cost": f"{cost} usd/bbl"} | goods


def two_markets() -> dict[str, Any]:
    """Return two traders; the second sells 4 usd/bbl higher and has room for 10 kbbl/d more."""
    south = small_entry(
        purchases={"naphtha": bought(50, 10)}, products={"export": sold(64, 20, ["naphtha"])}
    )
    return {"north": trader(50, 60), "south": south}


@pytest.mark.parametrize("stage", ["lp", "nlp"])
@pytest.mark.parametrize("goods", [{"stream": "naphtha"}, {"product": "export"}])
def test_transport_closes_a_gap_that_pays_for_it(
    tmp_path: Path, stage: Stage, goods: dict[str, str]
) -> None:
    system = system_of(tmp_path, two_markets(), transport=[route(1.0, **goods)])
    found = solve_system(system, stage=stage)
    assert found.routes[0].flow == pytest.approx(5 * KBBL_D, rel=1e-6)
    assert found.objective / KUSD_D == pytest.approx(10 * 10 + 10 * 14 + 5 * (4 - 1), rel=1e-6)
    more = next(one for one in found.limits if one.limit.words == "flow" and one.held)
    assert more.shadow_price * OIL_BARREL_M3 == pytest.approx(3.0, rel=1e-5)
    gap = found.routes[0].worth_at_target - found.routes[0].worth_at_source
    assert gap * OIL_BARREL_M3 == pytest.approx(4.0, rel=1e-5)


@pytest.mark.parametrize("goods", [{"stream": "naphtha"}, {"product": "export"}])
def test_a_gap_below_the_cost_of_transport_stays_open(
    tmp_path: Path, goods: dict[str, str]
) -> None:
    system = system_of(tmp_path, two_markets(), transport=[route(4.5, **goods)])
    found = solve_system(system)
    assert found.routes[0].flow == pytest.approx(0.0, abs=1e-6 * KBBL_D)
    assert found.objective / KUSD_D == pytest.approx(10 * 10 + 10 * 14, rel=1e-6)


def test_goods_may_arrive_under_another_name(tmp_path: Path) -> None:
    south = small_entry(
        purchases={"light": bought(50, 10)}, products={"sale": sold(64, 20, ["light"])}
    )
    sent = route(1.0, stream="naphtha") | {"as": "light"}
    system = system_of(tmp_path, {"north": trader(50, 60), "south": south}, transport=[sent])
    found = solve_system(system)
    assert found.objective / KUSD_D == pytest.approx(255.0, rel=1e-6)
    drawn = found.plans["south", "july"].flows.drawn["light", "sale"]
    assert drawn == pytest.approx(15 * KBBL_D, rel=1e-6)


def test_plants_share_what_both_may_buy(tmp_path: Path) -> None:
    shared = {"naphtha": {"max": "12 kbbl/d"}}
    found = solve_system(system_of(tmp_path, two_markets(), supply=shared))
    assert found.objective / KUSD_D == pytest.approx(10 * 14 + 2 * 10, rel=1e-6)
    limit = next(one for one in found.limits if "all plants" in one.limit.words)
    assert limit.value == pytest.approx(12 * KBBL_D, rel=1e-6)
    assert limit.shadow_price * OIL_BARREL_M3 == pytest.approx(10.0, rel=1e-5)


def test_a_period_may_close_a_route_and_shorten_supply(tmp_path: Path) -> None:
    changes = {"transport[0].max": "0 kbbl/d", "supply.naphtha.max": {"times": 0.5}}
    periods = [period("may"), period("june", **changes)]
    shared = {"naphtha": {"max": "20 kbbl/d"}}
    sent = [route(1.0, stream="naphtha")]
    system = system_of(tmp_path, two_markets(), transport=sent, periods=periods, supply=shared)
    found = solve_system(system)
    assert found.route("north to south: naphtha stream", "may").flow == pytest.approx(5 * KBBL_D)
    assert found.routes[1].flow == pytest.approx(0.0, abs=1e-4 * KBBL_D)
    shut = next(
        one for one in found.limits if (one.limit.place, one.limit.words) == ("june", "flow")
    )
    # South may as well buy what there is: the route would earn nothing.
    assert shut.shadow_price * OIL_BARREL_M3 == pytest.approx(0.0, abs=1e-3)
    may, june = 10 * 10 + 10 * 14 + 5 * 3, 10 * 14
    assert 2 * found.objective / KUSD_D == pytest.approx(may + june, rel=1e-5)


def test_a_route_that_must_flow_without_goods_is_named(tmp_path: Path) -> None:
    sent = route(1.0, stream="naphtha") | {"min": "4 kbbl/d"}
    none = {"north__purchases__naphtha__max": "1 kbbl/d"}
    periods = [period("may"), period("june", **none)]
    system = system_of(tmp_path, two_markets(), transport=[sent], periods=periods)
    with pytest.raises(LimitsConflictError, match=r"june: ") as caught:
        solve_system(system)
    assert "may:" not in str(caught.value)
    assert "north to south: naphtha stream: flow at least 4 kbbl/d" in str(caught.value)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(gap=st.floats(-3.0, 6.0), cost=st.floats(0.1, 4.0), room=st.floats(0.5, 10.0))
def test_transport_earns_the_gap_less_its_cost(
    tmp_path: Path, gap: float, cost: float, room: float
) -> None:
    plants = two_markets()
    plants["south"]["products"]["export"]["price"] = f"{60 + gap} usd/bbl"
    sent = route(cost, stream="naphtha") | {"max": f"{room} kbbl/d"}
    found = solve_system(system_of(tmp_path, plants, transport=[sent]), stage="lp")
    by_hand = 10 * 10 + 10 * (10 + gap) + room * max(gap - cost, 0.0)
    assert found.objective / KUSD_D == pytest.approx(by_hand, rel=1e-6)


def test_crude_moves_between_sites_and_all_balances_close(tmp_path: Path) -> None:
    """North may not buy Maya cheaper than south, but has the berth for it."""
    content = yaml.safe_load((CASE_FILE.parent / "two_sites.yaml").read_text(encoding="utf-8"))
    for plant in content["plants"].values():
        plant["case"] = str(CASE_FILE)
    sent = {"from": "north", "to": "south", "crude": "maya", "max": "9 kbbl/d"}
    content["transport"] = [sent | {"cost": "0.1 usd/bbl"}]
    content["periods"] = [{"name": "may", "length": "31 d"}]
    stock = {"opening": "20000 m3", "max": "60000 m3", "closing": "30000 m3"}
    content["plants"]["north"]["tanks"]["crudes"] = {"maya": stock}
    file = tmp_path / "system.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    found = solve_system(load_system(file), stage="lp")
    moved = found.routes[0].flow
    assert moved > 0.1 * KBBL_D
    north, south = (found.plans[name, "may"] for name in ("north", "south"))
    assert south.charge["maya"] == pytest.approx(moved, rel=1e-5)  # closed: a trace is bought
    kept = (30_000.0 - 20_000.0) / (31 * 24 * HOUR_S)
    bought_north = north.money.crude_cost["maya"] / north.case.crudes["maya"].price / HOUR_S
    assert bought_north == pytest.approx(north.charge["maya"] + moved + kept, rel=1e-6)
    tables = {table.title: table for table in system_tables(found)}
    assert tables["Transport"].rows[0][0] == "north to south: maya crude"
