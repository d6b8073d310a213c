"""Modes, recipes, rows, feed limits, lots and purchases: optima by hand, and published ones."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.alerts import AlertState
from operator_agent.planning.case_file import case_from_entry
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.plan import Plan
from operator_agent.planning.report import plan_tables
from operator_agent.planning.solve import solve_case
from operator_agent.units import OIL_BARREL_M3

from .pike_case import pike_entry
from .small_case import KBBL_D, KUSD_D, bought, run_at, small_case, sold, unit
from .williams_case import williams_entry


def profit(plan: Plan) -> float:
    """Return the profit in thousand dollars a day."""
    return plan.objective / KUSD_D


def marginal(plan: Plan, kind: LimitKind, item: str, words: str, side: Side) -> float:
    """Return the marginal of a flow in usd/bbl."""
    return plan.limit(kind, item, words, side).shadow_price * OIL_BARREL_M3


def moded(exclusive: bool) -> Plan:
    modes = {
        "heavy": run_at(2.0, petrol=0.6, diesel=0.4),
        "light": run_at(0.0, petrol=0.3, diesel=0.7),
    }
    return solve_case(
        small_case(
            purchases={"gasoil": bought(50.0, 100.0)},
            units={"cracker": unit(["gasoil"], 10.0, modes=modes, exclusive=exclusive)},
            products={
                "petrol_sale": sold(100.0, 4.5, ["petrol"]),
                "diesel_sale": sold(70.0, 50.0, ["diesel"]),
            },
        )
    )


def test_modes_share_the_time_of_a_unit() -> None:
    # A barrel earns 36 in the first mode and 29 in the second; petrol of 4.5 lets half the time go
    # to the first: 0.6 a + 0.3 b = 4.5, a + b = 10. Petrol: (36 - 29) / 0.3; feed: 36 - 0.6 * 23.3.
    plan = moded(exclusive=False)
    assert profit(plan) == pytest.approx(5 * 36 + 5 * 29)
    assert plan.flows.drawn["gasoil", "cracker.heavy"] == pytest.approx(5 * KBBL_D)
    sale = marginal(plan, LimitKind.PRODUCT, "petrol_sale", "sale", Side.MAX)
    assert sale == pytest.approx(7.0 / 0.3)
    assert marginal(plan, LimitKind.UNIT, "cracker", "feed", Side.MAX) == pytest.approx(22.0)
    table = next(table for table in plan_tables(plan) if table.title == "Unit modes")
    assert table.rows == (("cracker", "heavy", "5.00", "50"), ("cracker", "light", "5.00", "50"))


def test_an_exclusive_unit_runs_in_the_better_mode_only() -> None:
    # The first alone stops at petrol 4.5: 7.5 of feed earn 270. The second runs full: 290.
    plan = moded(exclusive=True)
    assert plan.worth is PointWorth.LOCAL_OPTIMUM
    assert profit(plan) == pytest.approx(290.0)
    assert plan.flows.drawn["gasoil", "cracker.heavy"] == pytest.approx(0.0, abs=1e-9)
    assert plan.unit_loads["cracker"] == pytest.approx(10 * KBBL_D)


def test_a_recipe_keeps_its_proportions() -> None:
    # Two of light and one of heavy oil sell for 180 and cost 170; heavy oil ends at 2.
    plan = solve_case(
        small_case(
            purchases={"light": bought(50.0, 10.0), "heavy": bought(70.0, 2.0)},
            products={
                "fuel": sold(60.0, 100.0, [], recipe={"light": 10, "heavy": 5}),
            },
        )
    )
    assert profit(plan) == pytest.approx(20.0)
    assert plan.purchases["light"] == pytest.approx(4 * KBBL_D)
    heavy = marginal(plan, LimitKind.PURCHASE, "heavy", "purchase", Side.MAX)
    assert heavy == pytest.approx(3 * 60.0 - 2 * 50.0 - 70.0)


def treater(**more: Any) -> dict[str, Any]:
    sulphur = {"sweet": "0.5 wt%", "sour": "2 wt%"}
    prices = {"sweet": 50.0, "sour": 40.0}
    return {
        "purchases": {
            name: bought(
                prices[name], 50.0, qualities={"density": "850 kg/m3", "sulphur": sulphur[name]}
            )
            for name in sulphur
        },
        "units": {"treater": unit(["sweet", "sour"], 9.0, **run_at(0.0, clean=1.0), **more)},
        "products": {"clean_sale": sold(60.0, 50.0, ["clean"])},
    }


def test_a_unit_keeps_the_quality_of_its_feed() -> None:
    # 2 x + 0.5 (1 - x) <= 1 lets a third be sour: 9 (10 + 10 x) = 120; one wt% more is worth 60.
    alert = {
        "of": "units.treater.qualities.sulphur",
        "warn_above": "0.9 wt%",
        "error_above": "2 wt%",
    }
    case = small_case(**treater(feed_specs={"sulphur": {"max": "1 wt%"}}), alerts=[alert])
    for plan in (solve_case(case, stage="lp"), solve_case(case)):
        assert profit(plan) == pytest.approx(120.0)
        held = plan.limit(LimitKind.FEED, "treater", "sulphur", Side.MAX)
        assert held.value == pytest.approx(0.01)
        assert held.shadow_price * 0.01 / KUSD_D == pytest.approx(60.0)
        assert [found.state for found in plan.alerts] == [AlertState.WARNING]


def test_a_row_limits_a_share_of_a_feed() -> None:
    # At most a quarter of the feed may be sour: 9 (10 + 10 / 4) = 112.5; the row earns 10 a barrel.
    row = {
        "name": "sour_share",
        "of": {"units.treater.feeds.sour": 1.0, "units.treater": -0.25},
        "max": "0 kbbl/d",
    }
    plan = solve_case(small_case(**treater(), limits=[row]))
    assert profit(plan) == pytest.approx(112.5)
    held = plan.limit(LimitKind.ROW, "sour_share", "sum", Side.MAX)
    assert held.held
    assert held.shadow_price * OIL_BARREL_M3 == pytest.approx(10.0)


def test_alerts_are_told_but_not_kept() -> None:
    alerts = [
        {"of": "units.treater", "warn_above": "8 kbbl/d", "error_above": "8.5 kbbl/d"},
        {"of": "purchases.sweet", "warn_below": "0 kbbl/d", "warn_above": "20 kbbl/d"},
        {"of": "products.clean_sale", "error_below": "1 kbbl/d", "warn_above": "8.99 kbbl/d"},
    ]
    plan = solve_case(small_case(**treater(), alerts=alerts))
    assert plan.unit_loads["treater"] == pytest.approx(9 * KBBL_D)
    states = [found.state for found in plan.alerts]
    assert states == [AlertState.ERROR, AlertState.INSIDE, AlertState.WARNING]
    table = next(table for table in plan_tables(plan) if table.title == "Alerts crossed")
    assert table.rows[0][:4] == ("error", "units.treater", "9", "kbbl/d")
    titles = [table.title for table in plan_tables(plan)]
    assert titles[1] == "Alerts crossed" and "Alerts not crossed" in titles
    assert plan.payload()["alerts"][0]["state"] == "error"  # type: ignore[index, call-overload]


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_a_barrel_beyond_the_last_lot_earns_its_worth_less_its_price(stage: Any) -> None:
    case = small_case(
        purchases={
            "naphtha": bought(50.0, 6.0, lot="3 kbbl/d"),
            "dear": bought(55.0, 9.0, stream="naphtha"),
        },
        products={"sale": sold(60.0, 8.0, ["naphtha"])},
    )
    plan = solve_case(case, stage=stage)
    table = next(t for t in plan_tables(plan) if t.title.startswith("Purchases and sales"))
    earned = {row[0]: float(row[-1]) for row in table.rows}
    assert earned["naphtha"] == pytest.approx(5.0)


def test_a_plan_that_charges_no_crude_has_a_slate_of_zeros(plan: Plan) -> None:
    idle = replace(plan, charge=dict.fromkeys(plan.charge, 0.0))
    assert set(idle.slate.values()) == {0.0}
    slate = next(table for table in plan_tables(idle) if table.title == "Crude slate")
    assert {row[2] for row in slate.rows} == {"0.0"}
    assert not any(cell in ("-0", "-0.0", "-0.00") for row in slate.rows for cell in row)


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_purchases_come_in_whole_lots(stage: Any) -> None:
    # Eight can be sold, a lot is three, and everything bought must go: two lots, 10 a barrel.
    case = small_case(
        purchases={"naphtha": bought(50.0, 10.0, lot="3 kbbl/d")},
        products={"sale": sold(60.0, 8.0, ["naphtha"])},
    )
    plan = solve_case(case, stage=stage)
    assert plan.purchases["naphtha"] == pytest.approx(6 * KBBL_D)
    assert profit(plan) == pytest.approx(60.0)
    table = next(table for table in plan_tables(plan) if table.title == "Choices in whole numbers")
    assert table.rows == (("naphtha", "2 lots", "of 3.00 kbbl/d"),)


@settings(max_examples=12, deadline=None)
@given(
    lots=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    prices=st.tuples(st.integers(30, 59), st.integers(30, 59)),
    sale=st.integers(5, 12),
)
def test_lots_are_the_best_of_all_that_fit(
    lots: tuple[int, int], prices: tuple[int, int], sale: int
) -> None:
    case = small_case(
        purchases={
            name: bought(price, 10.0, lot=f"{lot} kbbl/d")
            for name, price, lot in zip(("a", "b"), prices, lots, strict=True)
        },
        products={"sale": sold(60.0, sale, ["a", "b"])},
    )
    counts = itertools.product(range(10 // lots[0] + 1), range(10 // lots[1] + 1))
    best = max(
        sum(n * lot * (60 - price) for n, lot, price in zip(count, lots, prices, strict=True))
        for count in counts
        if sum(n * lot for n, lot in zip(count, lots, strict=True)) <= sale
    )
    assert profit(solve_case(case, stage="lp")) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(("sale", "cheap", "earned"), [(4.0, 0.0, 20.0), (6.0, 6.0, 120.0)])
def test_a_parcel_is_bought_whole_enough_or_not_at_all(
    sale: float, cheap: float, earned: float
) -> None:
    plan = solve_case(
        small_case(
            purchases={
                "cheap": bought(40.0, 10.0, at_least_if_any="5 kbbl/d"),
                "dear": bought(55.0, 10.0),
            },
            products={"sale": sold(60.0, sale, ["cheap", "dear"])},
        )
    )
    assert plan.purchases["cheap"] == pytest.approx(cheap * KBBL_D, abs=1e-9)
    assert profit(plan) == pytest.approx(earned)


def test_two_purchases_join_one_stream_and_mix_their_qualities() -> None:
    # The pool has one sulphur: 0.5 and 2 wt% in equal parts make the 1.25 of the product.
    fixed = {"density": "850 kg/m3"}
    plan = solve_case(
        small_case(
            purchases={
                "sweet": bought(
                    50.0, 50.0, stream="pool", qualities=fixed | {"sulphur": "0.5 wt%"}
                ),
                "sour": bought(40.0, 50.0, stream="pool", qualities=fixed | {"sulphur": "2 wt%"}),
            },
            products={"sale": sold(60.0, 10.0, ["pool"], specs={"sulphur": {"max": "1.25 wt%"}})},
        )
    )
    assert profit(plan) == pytest.approx(10 * (60 - 45))
    assert plan.purchases["sour"] == pytest.approx(5 * KBBL_D, rel=1e-6)
    assert plan.purchase_values["sour"] * OIL_BARREL_M3 == pytest.approx(40.0)


def test_a_plant_without_a_crude_unit_sets_no_targets() -> None:
    plan = solve_case(small_case(**treater()))
    with pytest.raises(ValueError, match="has no crude_unit, so its plan sets no targets"):
        plan.targets()
    assert plan.payload()["purchases"]


@pytest.mark.parametrize(
    ("x_sale", "b_price", "best"),
    [(100.0, 16.0, 400.0), (600.0, 16.0, 600.0), (100.0, 13.0, 750.0)],
)
def test_haverlys_pooling_problems_are_ordinary_cases(
    x_sale: float, b_price: float, best: float
) -> None:
    # C. A. Haverly, "Studies of the behavior of recursion for the pooling problem", ACM SIGMAP
    # Bulletin 25 (1978): best profits 400, 600 and 750; the first has a local optimum of 100.
    def supply(price: float, sulphur: float) -> dict[str, Any]:
        return bought(price, 800.0, qualities={"density": "800 kg/m3", "sulphur": f"{sulphur} wt%"})

    def sale(price: float, high: float, sulphur: float) -> dict[str, Any]:
        return sold(price, high, ["pool", "c"], specs={"sulphur": {"max": f"{sulphur} wt%"}})

    pool = {
        "yield": {"base": 1.0},
        "qualities": {"density": {"feed_times": 1.0}, "sulphur": {"amount": {"sulphur": 1.0}}},
    }
    plan = solve_case(
        small_case(
            purchases={"a": supply(6.0, 3.0), "b": supply(b_price, 1.0), "c": supply(10.0, 2.0)},
            units={
                "tank": unit(
                    ["a", "b"],
                    600.0,
                    operating_cost={"base": "0 usd/bbl"},
                    products={"pool": pool},
                )
            },
            products={"x": sale(9.0, x_sale, 2.5), "y": sale(15.0, 200.0, 1.5)},
        )
    )
    assert plan.worth is PointWorth.LOCAL_OPTIMUM
    assert profit(plan) == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_williams_refinery_is_an_ordinary_case(published: Any, stage: Any) -> None:
    data = published("williams_refinery.json")
    case = case_from_entry(williams_entry(data), Path(), "williams")
    plan = solve_case(case, stage=stage)
    assert profit(plan) * 1e3 == pytest.approx(data["known_optimum"], abs=0.01)
    known = data["published_solution"]
    for crude in ("C1", "C2"):
        assert plan.purchases[crude] / KBBL_D == pytest.approx(known[crude] / 1e3, rel=1e-6)
    sales = {blend.product: blend.flow_vol / KBBL_D * 1e3 for blend in plan.blends}
    for product in ("premium", "regular", "jet", "fuel_oil"):
        assert sales[product] == pytest.approx(known[product], abs=0.6)
    top = Side.MAX
    assert marginal(plan, LimitKind.UNIT, "distillation", "feed", top) == pytest.approx(
        4.47138, abs=1e-4
    )
    assert marginal(plan, LimitKind.UNIT, "cracker", "feed", top) == pytest.approx(
        0.68207, abs=1e-4
    )
    assert marginal(plan, LimitKind.UNIT, "reformer", "feed", top) == pytest.approx(0.0, abs=1e-6)
    assert marginal(plan, LimitKind.PURCHASE, "C2", "purchase", top) == pytest.approx(
        0.26488, abs=1e-4
    )
    lube = marginal(plan, LimitKind.PRODUCT, "lube_oil", "sale", Side.MIN)
    assert lube == pytest.approx(-6.5, abs=1e-4)
    share = marginal(plan, LimitKind.ROW, "premium_share", "sum", Side.MIN)
    assert share == pytest.approx(-0.12219, abs=1e-4)


def conflict(**parts: Any) -> str:
    with pytest.raises(LimitsConflictError) as caught:
        solve_case(small_case(**parts))
    return str(caught.value)


def test_a_feed_limit_and_a_row_are_named_in_a_conflict() -> None:
    # Six of clean oil at 1 wt% need four of sweet; two can be bought.
    parts = treater(feed_specs={"sulphur": {"max": "1 wt%"}})
    parts["purchases"]["sweet"]["max"] = "2 kbbl/d"
    parts["products"]["clean_sale"]["min"] = "6 kbbl/d"
    told = conflict(**parts)
    assert "sweet: purchase at most 2 kbbl/d -> move it to 4 kbbl/d" in told
    assert "treater: sulphur at most 1 wt%" in told
    row = {"name": "jetty", "of": {"purchases.sweet": 1.0, "purchases.sour": 1.0}}
    parts = treater()
    parts["products"]["clean_sale"]["min"] = "6 kbbl/d"
    told = conflict(**parts, limits=[row | {"max": "5 kbbl/d"}])
    assert "jetty: sum at most 5 kbbl/d" in told


def test_a_conflict_of_whole_lots_says_so() -> None:
    # Five must be bought and 5.5 can be sold; two lots of three are six.
    naphtha = bought(50.0, 10.0, lot="3 kbbl/d") | {"min": "5 kbbl/d"}
    told = conflict(purchases={"naphtha": naphtha}, products={"sale": sold(60.0, 5.5, ["naphtha"])})
    assert "sale: sale at most 5.5 kbbl/d -> move it to 6 kbbl/d" in told
    assert "With parts of lots and shared modes all limits could hold." in told


@pytest.mark.parametrize("stage", ["lp", "nlp"])
def test_pikes_refinery_is_an_ordinary_case(published: Any, stage: Any) -> None:
    # R. W. Pike, "Optimization for Engineering Systems": 701 823 dollars a day.
    case = case_from_entry(pike_entry(published("pike.json")), Path(), "pike")
    assert profit(solve_case(case, stage=stage)) * 1e3 == pytest.approx(701_823.43, abs=0.01)
