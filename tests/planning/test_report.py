"""The tables say what the plan says, in the planner's units."""

import pytest

from operator_agent.planning.plan import Plan
from operator_agent.planning.report import Table, plan_tables


def table(plan: Plan, title: str) -> Table:
    return next(found for found in plan_tables(plan) if found.title == title)


def test_every_row_fills_its_columns(plan: Plan, linear_plan: Plan) -> None:
    for solved in (plan, linear_plan):
        tables = plan_tables(solved)
        assert [t.title for t in tables] == [
            "Economics",
            "Crude slate",
            "Crude unit cut points",
            "Streams",
            "Unit capacities",
            "Products",
            "Specifications",
            "Purchases and sales at their limits",
            "How it was solved",
        ]
        for found in tables:
            assert all(len(row) == len(found.columns) for row in found.rows)
            assert not any("nan" in cell for row in found.rows for cell in row)


def test_the_profit_is_the_sum_of_its_parts(plan: Plan) -> None:
    *parts, total = (float(row[1].replace(",", "")) for row in table(plan, "Economics").rows)
    assert sum(parts) == pytest.approx(total, abs=3.0)  # five roundings
    assert total == pytest.approx(plan.objective, abs=0.5)


def test_capacities_are_in_barrels_a_day_and_percent(plan: Plan) -> None:
    rows = {row[0]: row for row in table(plan, "Unit capacities").rows}
    assert list(rows) == ["crude_unit", *plan.case.units]
    assert rows["crude_unit"][1:4] == ("100.00", "100.00", "100")


def test_giveaway_is_zero_where_a_specification_holds_the_plan(plan: Plan) -> None:
    rows = table(plan, "Specifications").rows
    flash = next(row for row in rows if row[0] == "jet" and row[1] == "flash point")
    assert flash[3] == "38"
    assert float(flash[5]) == pytest.approx(0.0, abs=1e-3)
    assert float(flash[6].replace(",", "")) < 0.0  # a hotter flash point costs money
