"""Matrix statistics: each concern on a program made for it, and nothing on a sound one."""

import math

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.planning.analysis.matrix import (
    Concern,
    MatrixStatistics,
    case_matrix,
    matrix_statistics,
)
from operator_agent.planning.analysis.rows import activity_range, program_rows
from operator_agent.planning.analysis.study_tables import matrix_tables
from operator_agent.planning.bilinear.program import BilinearProgram, bilinear_program
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.linear import compile_linear


def found(statistics: MatrixStatistics, concern: Concern) -> list[tuple[str, ...]]:
    return [one.where for one in statistics.findings if one.concern is concern]


def test_each_concern_is_found_where_it_is_and_nowhere_else() -> None:
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(bounds=(0, 10)), pyo.Var(bounds=(0, 10))
    model.sum = pyo.Constraint(expr=model.x + model.y <= 12)
    model.least = pyo.Constraint(expr=(3.0, model.x + model.y, None))  # another side: no repeat
    model.near = pyo.Constraint(expr=(None, 2 * model.x + 2.000001 * model.y, 23))
    model.twice = pyo.Constraint(expr=(None, 3 * model.x + 3 * model.y, 35))
    model.tiny = pyo.Constraint(expr=(None, model.x - 1e-8 * model.y, 5))
    model.idle = pyo.Constraint(expr=(None, model.x - 2 * model.y, 11))
    model.never = pyo.Constraint(expr=(31.0, model.x + 2 * model.y, None))
    model.profit = pyo.Objective(expr=model.x + model.y, sense=pyo.maximize)
    statistics = matrix_statistics(compile_linear(model))
    assert found(statistics, Concern.PARALLEL) == [("sum", "near")]
    assert found(statistics, Concern.DUPLICATE) == [("sum", "twice")]
    assert found(statistics, Concern.TINY) == [("tiny", "y")]
    assert found(statistics, Concern.NEVER_BINDS) == [("idle",)]
    assert found(statistics, Concern.NEVER_HOLDS) == [("never",)]
    assert found(statistics, Concern.WIDE_COEFFICIENTS) == [("all coefficients",)]
    assert statistics.count(Concern.EMPTY_ROW) == statistics.count(Concern.EMPTY_COLUMN) == 0
    assert statistics.findings[0].concern is Concern.NEVER_HOLDS  # the worst comes first
    assert "correct it or the bounds" in statistics.findings[0].text()


def products(coefficients: list[float], low: list[float], high: list[float]) -> BilinearProgram:
    """Return rows coef * x0 * x1 + x2 with given bounds of the columns, and an empty row."""
    m, n = len(coefficients) + 1, len(low)
    return bilinear_program(
        tuple(f"x{j}" for j in range(n)),
        (*(f"row{i}" for i in range(m - 1)), "empty"),
        (np.arange(m - 1), np.full(m - 1, 2), np.ones(m - 1)),
        (np.arange(m - 1), np.zeros(m - 1), np.ones(m - 1), np.array(coefficients)),
        (np.full(m, -np.inf), np.full(m, 4.0)),
        (np.array(low), np.array(high)),
        (np.zeros(n), 0.0, False),
        np.zeros(n, dtype=bool),
        np.zeros(n),
    )


def test_products_of_columns_are_entries_too() -> None:
    statistics = matrix_statistics(
        products([1.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 1.0, 9.0])
    )
    assert (statistics.nonzeros, statistics.products) == (3, 3)
    assert found(statistics, Concern.DUPLICATE) == [("row0", "row2")]
    assert found(statistics, Concern.EMPTY_ROW) == [("empty",)]
    assert found(statistics, Concern.EMPTY_COLUMN) == [("x3",)]
    assert found(statistics, Concern.NEVER_BINDS) == [("row0",), ("row2",)]  # at most 1 * 2 + 1


finite = st.floats(-5.0, 5.0)


@settings(max_examples=50, deadline=None)
@given(
    coefficient=st.floats(0.1, 3.0),
    ends=st.lists(st.tuples(finite, finite), min_size=3, max_size=3),
    shares=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
)
def test_no_point_within_the_bounds_leaves_the_range_of_a_row(
    coefficient: float, ends: list[tuple[float, float]], shares: list[float]
) -> None:
    low = [min(pair) for pair in ends]
    high = [max(pair) for pair in ends]
    program = products([coefficient], low, high)
    point = np.array([a + share * (b - a) for a, b, share in zip(low, high, shares, strict=True)])
    least, most = activity_range(program_rows(program))
    value = program.activity(point)[0]
    assert least[0] - 1e-9 <= value <= most[0] + 1e-9


def test_columns_without_bounds_give_rows_without_range() -> None:
    program = products([1.0], [0.0, 0.0, 0.0], [0.0, math.inf, math.inf])
    least, most = activity_range(program_rows(program))
    assert (least[0], most[0]) == (0.0, math.inf)  # zero times anything is zero


def test_a_case_is_counted_and_told_in_tables(case: PlanningCase) -> None:
    statistics = case_matrix(case)
    assert statistics.count(Concern.NEVER_HOLDS) == 0
    assert statistics.count(Concern.PARALLEL) == statistics.count(Concern.DUPLICATE) == 0
    assert statistics.nonzeros > statistics.rows > 100
    tables = {table.title: table for table in matrix_tables(statistics)}
    assert ("rows", str(statistics.rows)) in tables["Size"].rows
    told = {row[0]: int(row[1]) for row in tables["Warnings"].rows}
    assert sum(told.values()) == len(statistics.findings)


def test_an_empty_program_has_no_spread() -> None:
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0, 1))
    model.row = pyo.Constraint(expr=(None, model.x, 1))
    model.profit = pyo.Objective(expr=model.x, sense=pyo.maximize)
    statistics = matrix_statistics(compile_linear(model))
    assert statistics.coefficients.spread == pytest.approx(1.0)
    assert statistics.unbounded == 0
