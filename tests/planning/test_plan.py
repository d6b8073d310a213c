"""The shipped case: certificates of the plan, its marginals, and the targets that it sets."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.messages import EconomicTargets
from operator_agent.planning.case_file import PlanningCase, with_price_factors, with_slate
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.nonlinear import ACCEPTED_RESIDUAL
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.plan import Plan
from operator_agent.planning.solve import TRUE_ROWS, solve_case
from operator_agent.units import HOUR_S

SAME_PROFIT = 1e-5  # relative: solves of one plan agree better than this


def test_the_plan_is_a_local_optimum_by_its_own_certificate(plan: Plan) -> None:
    assert plan.stop is SolverStop.CONVERGED
    assert plan.worth is PointWorth.LOCAL_OPTIMUM
    assert plan.violation.amount < TRUE_ROWS
    assert plan.residual < ACCEPTED_RESIDUAL
    assert plan.objective == pytest.approx(plan.money.profit)
    for result in plan.limits:
        made = math.isfinite(result.value)  # a product that is not made has no quality
        size = max(abs(result.limit.value), 1.0)
        assert not made or result.room > -1e-5 * size, result.limit.text()


def test_linear_and_nonlinear_stage_agree(plan: Plan, linear_plan: Plan) -> None:
    assert linear_plan.worth is PointWorth.LINEAR_OPTIMUM
    assert linear_plan.objective == pytest.approx(plan.objective, rel=1e-3)
    assert plan.objective >= plan.linear_objective * (1.0 - SAME_PROFIT)
    assert linear_plan.cut_points["naphtha/kerosene"] == pytest.approx(
        plan.cut_points["naphtha/kerosene"], abs=1.0
    )


def test_shadow_prices_have_the_sign_of_their_side(plan: Plan, linear_plan: Plan) -> None:
    for results in (plan.limits, linear_plan.limits):
        for result in results:
            signed = result.shadow_price if result.limit.side is Side.MAX else -result.shadow_price
            size = max(abs(other.shadow_price) for other in results)
            assert signed >= -1e-9 * size, result.limit.text()
            if not result.held:
                assert abs(result.shadow_price) <= 1e-6 * size, result.limit.text()


def test_the_margin_of_the_crude_unit_closes(plan: Plan, linear_plan: Plan) -> None:
    """Product values pay for feed, energy, steam, other cost and the capacity, to the last dollar.

    All balances are proportional to the feed at a fixed slate, so Euler's theorem applies.
    """
    for solved in (plan, linear_plan):
        unit, prices = solved.case.crude_unit, solved.case.utilities
        values = sum(solved.stream_flows[s] * solved.stream_values[s] for s in unit.streams)
        feed = solved.flow_vol_feed
        paid = unit.energy * prices.fuel_price + unit.steam * prices.steam_price
        capacity = solved.limit(LimitKind.UNIT, "crude_unit", "feed", Side.MAX).shadow_price
        cost = feed * (solved.feed_value + paid + unit.operating_cost + capacity)
        assert values == pytest.approx(cost, rel=1e-4)


def test_prices_for_the_controller_leave_the_rent_of_the_unit_and_nothing_else(plan: Plan) -> None:
    targets, unit = plan.targets(), plan.case.crude_unit
    feed = plan.flow_vol_feed
    products = sum(plan.stream_flows[name] * targets.stream_prices[name] for name in unit.streams)
    energy = feed * (unit.energy * targets.energy_price + unit.steam * targets.steam_price)
    capacity = plan.limit(LimitKind.UNIT, "crude_unit", "feed", Side.MAX).shadow_price
    rent = products - feed * targets.stream_prices["feed"] - energy
    assert rent == pytest.approx(feed * capacity, rel=0.02)


def test_stream_prices_make_economic_sense(plan: Plan) -> None:
    targets = plan.targets()
    prices = targets.stream_prices
    assert set(prices) == {"feed", "naphtha", "kerosene", "lgo", "hgo", "residue"}
    flows = plan.stream_flows
    streams = plan.case.crude_unit.streams
    average = sum(flows[s] * prices[s] for s in streams) / plan.flow_vol_feed
    assert average > prices["feed"]
    assert prices["residue"] < prices["feed"]
    assert prices["residue"] < min(prices[s] for s in ("naphtha", "kerosene", "lgo", "hgo"))
    assert min(prices["kerosene"], prices["lgo"]) > prices["feed"]
    crude_prices = [crude.price for crude in plan.case.crudes.values()]
    assert min(crude_prices) < prices["feed"] < max(crude_prices)


def test_targets_carry_cut_points_slate_and_throughput(plan: Plan) -> None:
    targets = plan.targets()
    for cut in plan.case.crude_unit.cuts:
        assert targets.targets[cut.target] == pytest.approx(plan.cut_points[cut.name] + cut.overlap)
        assert cut.low - 1e-6 <= plan.cut_points[cut.name] <= cut.high + 1e-6
    assert list(targets.slate) == list(plan.case.crudes)
    assert targets.flow_vol_feed == pytest.approx(sum(plan.charge.values()))
    assert EconomicTargets.from_payload(json.loads(json.dumps(targets.payload()))) == targets


def test_the_payload_is_json(plan: Plan, linear_plan: Plan) -> None:
    for solved in (plan, linear_plan):
        again = json.loads(json.dumps(solved.payload(), allow_nan=False))
        assert again["objective_usd_h"] == solved.objective
        assert again["stop"] == "converged"
        assert len(again["limits"]) == len(solved.limits)


def test_a_plan_that_is_worth_nothing_gives_no_targets(plan: Plan) -> None:
    with pytest.raises(SolveFailedError, match="gives no targets"):
        replace(plan, worth=PointWorth.NONE).targets()


def test_an_unknown_stage_is_refused(case: PlanningCase) -> None:
    with pytest.raises(InputError, match="use 'lp' or 'nlp'"):
        solve_case(case, stage="milp")  # type: ignore[arg-type]


def wider_crude_unit(case: PlanningCase, factor: float) -> PlanningCase:
    return replace(case, crude_unit=replace(case.crude_unit, high=case.crude_unit.high * factor))


@pytest.mark.slow
def test_shadow_prices_are_what_a_second_plan_earns(case: PlanningCase, plan: Plan) -> None:
    step = 1e-3
    bigger = solve_case(wider_crude_unit(case, 1.0 + step))
    gain = (bigger.objective - plan.objective) / (step * case.crude_unit.high * HOUR_S)
    capacity = plan.limit(LimitKind.UNIT, "crude_unit", "feed", Side.MAX)
    assert gain == pytest.approx(capacity.shadow_price, rel=0.05)

    premium = case.products["gasoline_premium"]
    more = replace(premium, high=premium.high * (1.0 + step))
    sold = solve_case(replace(case, products={**case.products, premium.name: more}))
    gain = (sold.objective - plan.objective) / (step * premium.high * HOUR_S)
    demand = plan.limit(LimitKind.PRODUCT, premium.name, "sale", Side.MAX)
    assert gain == pytest.approx(demand.shadow_price, rel=0.05)

    jet = case.products["jet"]
    delta = 0.1  # [K]
    specs = tuple(
        replace(spec, low=spec.low + delta)
        if spec.quality.name == "flash" and spec.low is not None
        else spec
        for spec in jet.specs
    )
    hotter = solve_case(replace(case, products={**case.products, "jet": replace(jet, specs=specs)}))
    flash = plan.limit(LimitKind.SPEC, "jet", "flash point", Side.MIN)
    assert flash.shadow_price < 0.0
    gain = (hotter.objective - plan.objective) / delta
    assert gain == pytest.approx(flash.shadow_price, rel=0.05)


def test_a_fixed_slate_is_kept_and_earns_no_more(case: PlanningCase, plan: Plan) -> None:
    slate = {"arabian_light": 0.60, "maya": 0.15, "bonny_light": 0.25}
    fixed = solve_case(with_slate(case, slate))
    for name in case.crudes:
        assert fixed.slate[name] == pytest.approx(slate.get(name, 0.0), abs=1e-6)
    assert fixed.worth is PointWorth.LOCAL_OPTIMUM
    assert fixed.objective <= plan.objective * (1.0 + SAME_PROFIT)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    product=st.sampled_from(["diesel", "jet", "gasoline_regular", "fuel_oil", "lpg"]),
    factor=st.floats(1.001, 1.08),
)
def test_a_higher_product_price_never_lowers_the_profit(
    case: PlanningCase, plan: Plan, product: str, factor: float
) -> None:
    dearer = solve_case(with_price_factors(case, {product: factor}))
    kept = plan.money.revenue[product] * (factor - 1.0)  # the old plan at the new price
    assert dearer.objective >= (plan.objective + kept) * (1.0 - SAME_PROFIT)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    unit=st.sampled_from(["fcc", "visbreaker", "reformer", "crude_unit"]),
    factor=st.floats(1.0, 1.2),
)
def test_a_wider_capacity_never_lowers_the_profit(
    case: PlanningCase, plan: Plan, unit: str, factor: float
) -> None:
    if unit == "crude_unit":
        wider = wider_crude_unit(case, factor)
    else:
        unit_now = case.units[unit]
        units = {**case.units, unit: replace(unit_now, high=unit_now.high * factor)}
        wider = replace(case, units=units)
    assert solve_case(wider).objective >= plan.objective * (1.0 - SAME_PROFIT)
