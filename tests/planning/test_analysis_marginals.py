"""Two-sided marginals, ranges and explained marginals: by hand, by re-solving, and as sums."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.analysis.base import Base, linear_base
from operator_agent.planning.analysis.decomposition import explain, explain_columns
from operator_agent.planning.analysis.ranging import limit_ranges, price_ranges, range_program
from operator_agent.planning.analysis.tangent import Tangent
from operator_agent.planning.analysis.totals import Total, with_totals
from operator_agent.planning.analysis.two_sided import (
    limit_marginals,
    row_marginals,
    trade_marginals,
)
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.linear import LinearProgram, compile_linear, solve_linear
from operator_agent.planning.outcome import SolverStop
from operator_agent.planning.plan import Plan
from operator_agent.planning.solve import solve_case
from operator_agent.units import HOUR_S

NEAR = 1e-6  # relative: what the solver's own tolerance leaves of a marginal
CLOSES = 1e-8  # relative: by what the parts of a marginal may miss it


@pytest.fixture(scope="module")
def base(case: PlanningCase) -> Base:
    return linear_base(case)


def corner() -> LinearProgram:
    """Return max 3x + 2y where three rows meet in (2, 2): one more than it needs."""
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, None))
    model.sum = pyo.Constraint(expr=model.x + model.y <= 4)
    model.most_x = pyo.Constraint(expr=(None, model.x, 2))
    model.most_y = pyo.Constraint(expr=(None, model.y, 2))
    model.far = pyo.Constraint(expr=(None, model.x, 10))
    model.profit = pyo.Objective(expr=3 * model.x + 2 * model.y, sense=pyo.maximize)
    return compile_linear(model)


def moved(program: LinearProgram, row: int, by: float) -> LinearProgram:
    """Return the program with both sides of a row moved."""
    low, high = program.row_low.copy(), program.row_high.copy()
    low[row] += by
    high[row] += by
    return replace(program, row_low=low, row_high=high)


def forced(program: LinearProgram, column: int, at: float) -> LinearProgram:
    """Return the program with a column held by a row, so that its own bounds stay."""
    named = with_totals(program, [Total("held", np.eye(len(program.cost))[column], 0.0)])
    low, high = named.low.copy(), named.high.copy()
    low[-1] = high[-1] = at
    return replace(named, low=low, high=high)


def test_the_sides_of_a_degenerate_corner_are_those_found_by_hand() -> None:
    program = corner()
    found = {one.name: one for one in row_marginals(program, solve_linear(program))}
    # sum <= 5 gives nothing, sum <= 3 takes a y; x <= 3 trades a y for an x; y <= 3 gives nothing.
    assert (found["sum"].more, found["sum"].less) == pytest.approx((0.0, 2.0))
    assert (found["most_x"].more, found["most_x"].less) == pytest.approx((1.0, 3.0))
    assert (found["most_y"].more, found["most_y"].less) == pytest.approx((0.0, 2.0))
    assert (found["far"].more, found["far"].less) == (0.0, 0.0)
    assert found["most_x"].more_for == pytest.approx(2.0)  # then y is used up
    assert found["most_x"].less_for == pytest.approx(2.0)
    assert (found["far"].more_for, found["far"].less_for) == (math.inf, pytest.approx(8.0))
    for one in found.values():
        assert one.more - 1e-9 <= one.solver <= one.less + 1e-9


def test_a_limit_that_cannot_be_tightened_costs_without_end() -> None:
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(1, 3))
    model.most = pyo.Constraint(expr=(None, 2 * model.x, 2))
    model.profit = pyo.Objective(expr=-model.x, sense=pyo.maximize)
    program = compile_linear(model)
    (found,) = row_marginals(program, solve_linear(program))
    assert (found.more, found.less) == (0.0, math.inf)
    assert found.less_for == 0.0


numbers = st.integers(-4, 4).map(float)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    coefficients=st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=4),
    prices=st.lists(numbers, min_size=3, max_size=3),
    right=st.lists(st.integers(0, 6).map(float), min_size=4, max_size=4),
)
def test_each_side_is_what_a_second_solve_earns(
    coefficients: list[list[float]], prices: list[float], right: list[float]
) -> None:
    """Small whole numbers make degenerate vertices and double optima common."""
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(3), bounds=(0, 5))
    model.row = pyo.ConstraintList()
    for row, bound in zip(coefficients, right, strict=False):
        if any(row):
            model.row.add((None, sum(a * model.x[j] for j, a in enumerate(row)), bound))
    model.profit = pyo.Objective(expr=sum(p * model.x[j] for j, p in enumerate(prices)) + 1.0)
    if not (len(model.row) and any(prices)):
        return
    program = compile_linear(model)
    solution = solve_linear(program)
    assert solution.stop is SolverStop.CONVERGED
    tangent = Tangent(program, solution)
    for index in range(len(program.rows)):
        for sign in (1.0, -1.0):
            step = tangent.row(index, sign)
            check_step(step, solution.profit, lambda t, i=index, s=sign: moved(program, i, s * t))
        up, down = tangent.row(index, 1.0).gain, -tangent.row(index, -1.0).gain
        assert up - 1e-9 <= solution.marginals[index] <= down + 1e-9
    for index in range(len(program.variables)):
        for sign in (1.0, -1.0):
            step, at = tangent.column(index, sign), tangent.x[index]
            check_step(
                step,
                solution.profit,
                lambda t, i=index, s=sign, a=at: forced(program, i, a + s * t),
            )


def check_step(step: Any, profit: float, program_at: Any) -> None:
    """Solve within the reach of a step, and beyond it."""
    if not step.possible:
        assert solve_linear(program_at(0.01)).stop is SolverStop.INFEASIBLE
        return
    for t in (0.5 * min(step.reach, 2.0), min(step.reach, 2.0)):
        found = solve_linear(program_at(t))
        assert found.profit == pytest.approx(profit + t * step.gain, abs=1e-7)
    if step.reach < 1e3:
        beyond = solve_linear(program_at(step.reach + 0.1))
        ended = beyond.stop is SolverStop.INFEASIBLE
        assert ended or beyond.profit < profit + (step.reach + 0.1) * step.gain - 1e-9


def test_the_solvers_marginal_lies_between_the_sides(base: Base) -> None:
    found = limit_marginals(base)
    assert {one.limit.key for one in found} == set(base.model.limits)
    for one in found:
        room = NEAR * max(1.0, abs(one.solver))
        assert one.more - room <= one.solver <= one.less + room, one.limit.text()
        assert one.holds_from <= one.limit.value <= one.holds_to
    assert not any(one.two_sided for one in found)  # the shipped case stands at no kink


def test_marginals_of_the_linear_program_about_the_nonlinear_plan_are_those_of_ipopt(
    case: PlanningCase, plan: Plan
) -> None:
    sides = {one.limit.key: one for one in limit_marginals(linear_base(case, stage="nlp"))}
    size = max(abs(result.shadow_price) for result in plan.limits if is_flow(result))
    for result in plan.limits:
        side = sides[result.limit.key]
        room = 1e-3 * (size if is_flow(result) else max(1.0, abs(side.solver)))
        assert side.more - room <= result.shadow_price <= side.less + room, result.limit.text()


def is_flow(result: Any) -> bool:
    return result.limit.kind is not LimitKind.SPEC


def test_forcing_a_trade_never_pays(base: Base) -> None:
    for one in trade_marginals(base):
        assert one.more <= 1e-9 and one.less <= 1e-9
        assert one.flow_from - 1e-9 <= one.flow <= one.flow_to + 1e-9
        crude = one.kind is LimitKind.CRUDE
        assert (one.worth_of_next <= one.price + 1e-9) is crude or one.more == 0.0


def test_ranges_lie_within_the_spans_that_no_basis_narrows(base: Base) -> None:
    """A price may move as far as forcing the flow costs; a basis may give less, never more."""
    trades = {(one.kind, one.item): one for one in trade_marginals(base)}
    for price in price_ranges(base):
        trade = trades[price.kind, price.item]
        worths = sorted((trade.worth_of_next, trade.worth_of_last))
        assert price.low <= price.price <= price.high
        assert price.low >= worths[0] - NEAR * price.price
        assert price.high <= worths[1] + NEAR * price.price
    sides = {one.limit.key: one for one in limit_marginals(base)}
    for one in limit_ranges(base):
        assert one.low <= one.limit.value * (1 + 1e-9) + 1e-9 or math.isnan(one.low)
        if one.marginal != 0.0 and not sides[one.limit.key].two_sided:
            size = 1e-6 * max(1.0, abs(one.limit.value))
            assert one.low >= sides[one.limit.key].holds_from - size
            assert one.high <= sides[one.limit.key].holds_to + size


def test_a_price_range_is_where_the_plan_changes(case: PlanningCase, base: Base) -> None:
    maya = next(one for one in price_ranges(base) if one.item == "maya")
    column = base.totals[LimitKind.CRUDE, "maya"]
    for price, same in ((0.999 * maya.high, True), (1.001 * maya.high, False)):
        cost = base.program.cost.copy()
        cost[column] = price
        found = solve_linear(replace(base.program, cost=cost))
        stays = abs(found.x[column] - base.solution.x[column]) < 1e-6
        assert bool(stays) is same


def test_the_parts_of_every_marginal_add_up(base: Base) -> None:
    tangent = Tangent(base.program, base.solution)
    told = 0
    for one in limit_marginals(base, tangent):
        for way, gain in (("more", one.more), ("less", -one.less)):
            if gain == 0.0 or not math.isfinite(gain):
                continue
            found = explain(base, one.limit.key, way, tangent)  # type: ignore[arg-type]
            told += 1
            assert found.gain == pytest.approx(gain, rel=CLOSES)
            assert found.total == pytest.approx(found.gain, rel=CLOSES, abs=1e-12)
            assert all(part.group != "other" for part in found.parts)
    assert told >= 20


def test_the_parts_add_up_to_the_solvers_marginal_too(base: Base) -> None:
    tangent = Tangent(base.program, base.solution)
    for one in limit_marginals(base, tangent):
        if one.more > 0.0 and not one.two_sided:
            found = explain(base, one.limit.key, "more", tangent)
            assert found.total == pytest.approx(one.solver, rel=CLOSES), one.limit.text()


@pytest.mark.slow
def test_both_sides_are_what_second_nonlinear_plans_earn(case: PlanningCase, plan: Plan) -> None:
    base = linear_base(case, stage="nlp")
    name, key = "visbreaker", "unit:visbreaker:feed:max"
    side = next(one for one in limit_marginals(base) if one.limit.key == key)
    unit, step = case.units[name], 1e-3 * case.units[name].high
    for way, marginal in ((1.0, side.more), (-1.0, side.less)):
        other = replace(unit, high=unit.high + way * step)
        found = solve_case(replace(case, units={**case.units, name: other}))
        gain = way * (found.objective - plan.objective) / (step * HOUR_S)
        assert gain == pytest.approx(marginal, rel=1e-3)


def test_one_more_of_fcc_capacity_is_used_by_the_fcc(base: Base) -> None:
    found = explain(base, "unit:fcc:feed:max")
    energy = next(part for part in found.parts if (part.group, part.item) == ("energy", "fcc"))
    assert energy.change == pytest.approx(1.0)
    fcc, fuel = base.case.units["fcc"], base.case.utilities.fuel_price
    assert energy.price == pytest.approx(fcc.energy * fuel)
    for part in found.parts:
        if math.isfinite(part.price) and part.group != "energy":
            sign = 1.0 if part.group == "sale" else -1.0
            assert part.money == pytest.approx(sign * part.price * part.change)


def test_a_forced_crude_displaces_another_in_a_full_crude_unit(base: Base) -> None:
    found = explain(base, "purchase:maya", "more")
    crudes = [part.change for part in found.parts if part.group == "purchase"]
    assert sum(crudes) == pytest.approx(0.0, abs=1e-9)
    assert found.gain < 0.0


@pytest.mark.parametrize(
    ("key", "way", "words"),
    [
        ("unit:coker:feed:max", "more", "no limit 'unit:coker:feed:max'"),
        ("purchase:brent", "more", "no purchase 'brent'; use one of arabian_light"),
        ("unit:fcc:feed:max", "up", "use 'more' or 'less'"),
    ],
)
def test_what_cannot_be_explained_is_refused(base: Base, key: str, way: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        explain(base, key, way)


def test_a_trade_that_cannot_move_says_so(base: Base) -> None:
    with pytest.raises(SolveFailedError, match="explain it the other way"):
        explain(base, "purchase:bonny_light", "more")


def test_steps_need_an_optimum() -> None:
    program = corner()
    failed = replace(solve_linear(program), stop=SolverStop.INFEASIBLE)
    with pytest.raises(SolveFailedError, match="no optimum to step from"):
        Tangent(program, failed)
    with pytest.raises(SolveFailedError, match="gives no ranges"):
        range_program(replace(program, row_high=program.row_high - 1e3))


def test_an_unknown_stage_is_refused(case: PlanningCase) -> None:
    with pytest.raises(InputError, match="use 'lp' or 'nlp'"):
        linear_base(case, stage="mip")  # type: ignore[arg-type]


def test_a_total_leaves_the_optimum_as_it_is() -> None:
    program = corner()
    total = Total("all", np.array([1.0, 1.0]), -2.0)
    named = with_totals(program, [total])
    found = solve_linear(named)
    assert found.profit == pytest.approx(solve_linear(program).profit)
    assert found.x[-1] == pytest.approx(4.0)
    assert named.cost == pytest.approx([-1.0, 0.0, -2.0])
    with pytest.raises(InputError, match="has 3 weights for 2 columns"):
        with_totals(program, [replace(total, weights=np.ones(3))])


def test_the_columns_of_a_step_add_up_to_its_gain() -> None:
    program = corner()
    step = Tangent(program, solve_linear(program)).row(1, 1.0)
    parts = explain_columns(program, step)
    assert {part.item: part.change for part in parts} == pytest.approx({"x": 1.0, "y": -1.0})
    assert sum(part.money for part in parts) == pytest.approx(step.gain)


def test_a_specification_says_which_side_holds(base: Base) -> None:
    flash = next(one for one in limit_marginals(base) if one.limit.key.endswith("flash point:min"))
    assert flash.limit.side is Side.MIN
    assert flash.more <= 0.0
