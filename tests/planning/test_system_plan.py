"""The shipped systems: certificates, balances recomputed from the results, and literature."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.case_file import PlanningCase
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.nonlinear import ACCEPTED_RESIDUAL
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.plan import Plan
from operator_agent.planning.refinery import refinery
from operator_agent.planning.solve import TRUE_ROWS
from operator_agent.planning.system.reader import load_system, system_from_entry
from operator_agent.planning.system.report import system_tables
from operator_agent.planning.system.solve import solve_system
from operator_agent.planning.system.system import Goods, Period, PlanningSystem, PlantPlan, Tank
from operator_agent.planning.system.system_plan import SystemPlan, TankResult
from operator_agent.units import DAY_S, HOUR_S

from .conftest import CASE_FILE
from .system_files import system_of
from .williams_case import williams_entry

FOLDER = CASE_FILE.parent
SAME_PROFIT = 1e-5  # relative: solves of one plan agree better than this


@pytest.fixture(scope="module")
def months() -> SystemPlan:
    return solve_system(load_system(FOLDER / "three_months.yaml"))


@pytest.fixture(scope="module")
def sites() -> SystemPlan:
    return solve_system(load_system(FOLDER / "two_sites.yaml"))


@pytest.fixture(params=["months", "sites"])
def solved(request: pytest.FixtureRequest) -> SystemPlan:
    found: SystemPlan = request.getfixturevalue(request.param)
    return found


def alone(case: PlanningCase, *periods: Period) -> PlanningSystem:
    """Return a system of one plant without tanks, the same in all periods."""
    plant = PlantPlan("north", {period.name: case for period in periods})
    return PlanningSystem("alone", {"north": plant}, periods)


def test_one_plant_in_one_period_has_the_plan_of_its_case(case: PlanningCase, plan: Plan) -> None:
    found = solve_system(alone(case, Period("july", 30 * DAY_S)))
    inner = found.plans["north", "july"]
    assert found.objective == pytest.approx(plan.objective, rel=1e-9)
    assert found.linear_objective == pytest.approx(plan.linear_objective, rel=1e-9)
    assert inner.cut_points == pytest.approx(dict(plan.cut_points), rel=1e-9)
    assert inner.charge == pytest.approx(dict(plan.charge), rel=1e-6, abs=1e-9)
    assert inner.stream_values == pytest.approx(dict(plan.stream_values), rel=1e-6)
    assert inner.targets().slate == pytest.approx(dict(plan.targets().slate), rel=1e-6, abs=1e-9)
    for one, other in zip(inner.limits, plan.limits, strict=True):
        assert one.limit == other.limit
        assert one.shadow_price == pytest.approx(other.shadow_price, rel=1e-5, abs=1e-6)


@pytest.mark.slow
def test_independent_periods_and_plants_earn_their_sum(case: PlanningCase, plan: Plan) -> None:
    days = (Period("may", 10 * DAY_S), Period("june", 30 * DAY_S))
    twice = solve_system(alone(case, *days))
    assert twice.objective == pytest.approx(plan.objective, rel=SAME_PROFIT)
    assert twice.total_profit == pytest.approx(plan.objective * 40 * 24, rel=SAME_PROFIT)
    value = plan.stream_values["naphtha"]  # marginals count per hour of their period
    for period in days:
        inner = twice.plans["north", period.name]
        assert inner.stream_values["naphtha"] == pytest.approx(value, rel=1e-4)
    plants = {name: PlantPlan(name, {"june": case}) for name in ("north", "south")}
    two = solve_system(PlanningSystem("two", plants, days[1:]))
    assert two.objective == pytest.approx(2 * plan.objective, rel=SAME_PROFIT)


def test_williams_refinery_at_two_sites_for_two_days(tmp_path: Path, published: Any) -> None:
    """Williams, Model Building in Mathematical Programming, 5th ed., problem 12.6: 211 365.13."""
    entry = williams_entry(published("williams_refinery.json"))
    periods = [{"name": "monday", "length": "1 d"}, {"name": "tuesday", "length": "1 d"}]
    system = system_of(tmp_path, {"north": entry, "south": entry}, periods=periods)
    found = solve_system(system, stage="lp")
    assert found.total_profit == pytest.approx(4 * 211_365.1348, rel=1e-7)


def test_the_plans_are_local_optima_by_their_own_certificates(solved: SystemPlan) -> None:
    assert solved.stop is SolverStop.CONVERGED
    assert solved.worth is PointWorth.LOCAL_OPTIMUM
    assert solved.violation.amount < TRUE_ROWS
    assert solved.residual < ACCEPTED_RESIDUAL
    assert solved.linear_objective == pytest.approx(solved.objective, rel=1e-3)


def test_profit_adds_up_from_the_plans(solved: SystemPlan) -> None:
    system = solved.system
    earned = solved.closing_value
    for period in system.periods:
        for name in system.plants:
            earned += solved.plans[name, period.name].money.profit * period.hours
        for route in system.transport:
            flow = solved.route(route.name, period.name).flow
            earned -= route.cost * flow * period.length_s
        for tank in (one for one in solved.tanks if one.period == period.name):
            mean = 0.5 * (tank.opening + tank.closing)
            earned -= tank.tank.storage * mean * period.length_s
    assert solved.total_profit == pytest.approx(earned, rel=1e-9)


def into_and_out_of(solved: SystemPlan, one: TankResult) -> tuple[float, float]:
    """Return what the plans and routes say came in and left [m3/s]."""
    plan = solved.plans[one.plant, one.period]
    here = (one.plant, one.tank.goods, one.tank.item)
    arrived = sum(solved.route(r.name, one.period).flow for r in solved.system.arriving(*here))
    shipped = sum(solved.route(r.name, one.period).flow for r in solved.system.leaving(*here))
    item = one.tank.item
    if one.tank.goods is Goods.CRUDE:
        cost = plan.money.crude_cost[item] / HOUR_S
        return cost / plan.case.crudes[item].price + arrived, plan.charge[item] + shipped
    if one.tank.goods is Goods.PRODUCT:
        sold = plan.money.revenue[item] / HOUR_S / plan.case.products[item].price
        blend = next(blend for blend in plan.blends if blend.product == item)
        return blend.flow_vol + arrived, sold + shipped
    made = sum(flow for (_, stream), flow in plan.flows.made.items() if stream == item)
    drawn = sum(flow for (stream, _), flow in plan.flows.drawn.items() if stream == item)
    return made + arrived, drawn + shipped


def test_stocks_are_what_came_less_what_left(solved: SystemPlan) -> None:
    last: dict[tuple[str, tuple[str, str]], float] = {}
    for one in solved.tanks:
        key = (one.plant, one.tank.key)
        assert one.opening == pytest.approx(last.get(key, one.tank.opening), abs=1e-6)
        period = next(p for p in solved.system.periods if p.name == one.period)
        came, left = into_and_out_of(solved, one)
        closing = one.opening + (came - left) * period.length_s
        assert one.closing == pytest.approx(closing, abs=0.05), one.tank.words
        assert one.tank.low - 0.05 <= one.closing <= one.tank.high + 0.05
        last[key] = one.closing
    for (plant, key), stock in last.items():
        tank = next(t for t in solved.system.plants[plant].tanks if t.key == key)
        assert stock >= tank.closing - 0.05


def test_a_naphtha_tank_mixes_what_the_cuts_give(months: SystemPlan) -> None:
    """Density by volume, from the crudes as cut at the planned temperatures."""
    density = 735.0  # of the opening stock
    for period in months.system.periods:
        plan = months.plans["three_crudes", period.name]
        cuts = refinery(plan.case).cuts
        cut = plan.case.crude_unit.cuts[0]
        volume = mass = 0.0
        for crude, flow in plan.charge.items():
            for name, sign in (("volume", 0), ("density", 1)):
                shift = cuts[crude].shifts[0, name]
                t = (plan.cut_points[cut.name] - shift.middle) / shift.half_width
                rise = sum(c * t ** (n + 1) for n, c in enumerate(shift.coefficients))
                amount = flow * (cuts[crude].core["naphtha", name] + rise) * period.length_s
                volume, mass = (volume, mass + amount) if sign else (volume + amount, mass)
        tank = months.tank("three_crudes", period.name, ("stream", "naphtha"))
        assert tank.inflow * period.length_s == pytest.approx(volume, rel=1e-6)
        density = (tank.opening * density + mass) / (tank.opening + volume)
        told = {quality.name: value for quality, value in tank.qualities}
        assert told["density"] == pytest.approx(density, rel=1e-6)


def test_marginals_of_time_and_place_fit_together(months: SystemPlan, sites: SystemPlan) -> None:
    """What is kept between periods is worth the same in both, but for storage and limits."""
    for name in ("bonny_light", "arabian_light"):
        key = ("crude", name)
        for first, second in (("july", "august"), ("august", "september")):
            kept = months.tank("three_crudes", first, key)
            after = months.tank("three_crudes", second, key)
            hours = [p.hours for p in months.system.periods if p.name in (first, second)]
            storage = kept.tank.storage * HOUR_S * 0.5 * sum(hours)
            held = sum(
                one.shadow_price
                for one in months.limits
                if (one.limit.item, one.limit.place) == (kept.tank.words, first)
            )
            assert kept.worth + held == pytest.approx(after.worth - storage, rel=1e-4)
    for one in sites.routes:
        held = sum(
            limit.shadow_price
            for limit in sites.limits
            if (limit.limit.item, limit.limit.place) == (one.route.name, one.period)
        )
        if one.flow > 1e-6 and one.route.goods is not Goods.STREAM:  # those differ in quality
            gap = one.worth_at_target - one.worth_at_source
            assert gap == pytest.approx(one.route.cost + held, rel=1e-3)


@pytest.mark.slow
def test_the_marginal_of_a_tank_is_what_a_larger_one_earns(months: SystemPlan) -> None:
    words, step = "diesel product tank", 100.0  # [m3]
    limit = next(
        one
        for one in months.limits
        if one.limit.item == words and one.limit.side is Side.MAX and one.held
    )
    plant = months.system.plants["three_crudes"]
    tanks = tuple(
        replace(tank, high=tank.high + step) if tank.words == words else tank
        for tank in plant.tanks
    )
    plants = {"three_crudes": replace(plant, tanks=tanks)}
    larger = solve_system(replace(months.system, plants=plants))
    gain = larger.total_profit - months.total_profit
    assert gain == pytest.approx(limit.shadow_price * step, rel=0.05)


def test_payload_and_tables_tell_the_whole_plan(solved: SystemPlan) -> None:
    again = json.loads(json.dumps(solved.payload(), allow_nan=False))
    assert again["total_profit_usd"] == solved.total_profit
    assert len(again["plans"]) == len(solved.plans)
    assert len(again["tanks"]) == len(solved.tanks)
    tables = {table.title: table for table in system_tables(solved)}
    assert ("Transport" in tables) == bool(solved.system.transport)
    assert tables["Profit by plant and period"].rows[-1][-1] == f"{solved.total_profit:,.0f}"
    for table in tables.values():
        assert all(len(row) == len(table.columns) for row in table.rows)


@pytest.mark.slow
def test_a_conflict_is_told_with_plant_and_period() -> None:
    content = yaml.safe_load((FOLDER / "two_sites.yaml").read_text(encoding="utf-8"))
    content["periods"][1]["changes"]["south.products.diesel.min"] = "39 kbbl/d"
    system = system_from_entry(content, FOLDER, "test")
    with pytest.raises(LimitsConflictError) as caught:
        solve_system(system, stage="lp")
    first = str(caught.value).split("These limits")[0]
    told = first.splitlines()[1:]
    assert told
    assert all(line.startswith(("  south, june: ", "  june: ")) for line in told)
    assert "-> move it to" in told[0]


def test_an_unknown_stage_is_refused(case: PlanningCase) -> None:
    with pytest.raises(InputError, match="use 'lp' or 'nlp'"):
        solve_system(alone(case, Period("july", DAY_S)), stage="milp")  # type: ignore[arg-type]


def test_results_that_are_not_there_are_not_invented(months: SystemPlan) -> None:
    with pytest.raises(KeyError):
        months.tank("three_crudes", "may", ("stream", "naphtha"))
    with pytest.raises(KeyError):
        months.route("north to south: naphtha stream", "july")
    assert Tank(Goods.STREAM, "naphtha", 0.0, 0.0, 1.0, 0.0).words == "naphtha stream tank"
    assert all(limit.limit.kind is LimitKind.TANK for limit in months.limits)
