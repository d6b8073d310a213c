"""Stacks of linear cases: each answer is that of the case alone."""

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.planning.linear import LinearProgram, compile_linear, solve_linear
from operator_agent.planning.linear_stack import LinearCase, LinearStack, solve_stack
from operator_agent.planning.outcome import SolverStop


def blend() -> LinearProgram:
    """Return a blend of three components into two products with limits on both."""
    model = pyo.ConcreteModel()
    model.flow = pyo.Var(range(3), range(2), bounds=(0.0, 50.0))
    price, cost = (90.0, 70.0), (60.0, 55.0, 30.0)
    model.have = pyo.Constraint(
        range(3), rule=lambda m, c: m.flow[c, 0] + m.flow[c, 1] <= 20.0 + 5.0 * c
    )
    model.sell = pyo.Constraint(
        range(2), rule=lambda m, p: sum(m.flow[c, p] for c in range(3)) <= 30.0
    )
    octane = (98.0, 92.0, 60.0)
    model.spec = pyo.Constraint(
        range(2),
        rule=lambda m, p: sum((octane[c] - (95.0, 88.0)[p]) * m.flow[c, p] for c in range(3)) >= 0,
    )
    model.profit = pyo.Objective(
        expr=sum((price[p] - cost[c]) * m for (c, p), m in model.flow.items()),
        sense=pyo.maximize,
    )
    return compile_linear(model)


PROGRAM = blend()


def alone(case: LinearCase) -> float:
    """Return the profit of a case by itself."""
    fresh = LinearProgram(
        PROGRAM.cost if case.cost is None else case.cost,
        PROGRAM.offset,
        PROGRAM.matrix,
        PROGRAM.row_low if case.row_low is None else case.row_low,
        PROGRAM.row_high if case.row_high is None else case.row_high,
        PROGRAM.low if case.low is None else case.low,
        PROGRAM.high if case.high is None else case.high,
        PROGRAM.variables,
        PROGRAM.rows,
    )
    return solve_linear(fresh).profit


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_each_case_of_a_stack_is_as_if_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases = [
        LinearCase(
            cost=PROGRAM.cost * rng.uniform(0.5, 1.5, len(PROGRAM.cost)),
            high=PROGRAM.high * rng.uniform(0.2, 1.5, len(PROGRAM.high)),
        ),
        LinearCase(row_high=PROGRAM.row_high * rng.uniform(0.5, 1.5, len(PROGRAM.row_high))),
        LinearCase(),
    ]
    answers = LinearStack(PROGRAM).solve_all(cases)
    for answer, case in zip(answers, cases, strict=True):
        assert answer.stop is SolverStop.CONVERGED
        assert answer.residual < 1e-8
        assert answer.profit == pytest.approx(alone(case), rel=1e-9, abs=1e-6)


def test_a_case_that_contradicts_itself_spoils_no_other() -> None:
    high = PROGRAM.row_high.copy()
    high[0] = -1.0
    first, broken, last = LinearStack(PROGRAM).solve_all(
        [LinearCase(), LinearCase(row_high=high), LinearCase()]
    )
    assert broken.stop is SolverStop.INFEASIBLE
    assert np.isnan(broken.x).all()
    assert first.profit == pytest.approx(last.profit, rel=1e-12)


def test_threads_give_the_same_answers_in_the_same_order() -> None:
    rng = np.random.default_rng(5)
    cases = [
        LinearCase(cost=PROGRAM.cost * rng.uniform(0.8, 1.2, len(PROGRAM.cost))) for _ in range(9)
    ]
    one = [answer.profit for answer in solve_stack(PROGRAM, cases)]
    two = [answer.profit for answer in solve_stack(PROGRAM, cases, threads=2)]
    assert one == pytest.approx(two, rel=1e-12)


def test_a_price_that_is_no_number_is_refused() -> None:
    cost = PROGRAM.cost.copy()
    cost[2] = np.nan
    with pytest.raises(InputError, match="not a number"):
        LinearStack(PROGRAM).solve(LinearCase(cost=cost))


def test_whole_numbers_are_refused() -> None:
    model = pyo.ConcreteModel()
    model.lots = pyo.Var(domain=pyo.NonNegativeIntegers, bounds=(0, 3))
    model.limit = pyo.Constraint(expr=2.0 * model.lots <= 5.0)
    model.profit = pyo.Objective(expr=model.lots, sense=pyo.maximize)
    with pytest.raises(InputError, match="whole numbers \\(lots\\)"):
        LinearStack(compile_linear(model))
