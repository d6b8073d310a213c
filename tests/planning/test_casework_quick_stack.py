"""Quick stacks: one matrix answers many price and limit cases."""

from pathlib import Path

import pytest

from operator_agent.errors import InputError
from operator_agent.planning.casework.quick_stack import (
    QuickMatrix,
    quick_matrix,
    quick_reasons_table,
    quick_stack,
    quick_table,
)
from operator_agent.planning.casework.tree import CaseNode, load_tree
from operator_agent.planning.outcome import SolverStop
from operator_agent.planning.solve import solve_case

CASE = Path(__file__).resolve().parents[2] / "cases/refinery/three_crudes.yaml"


@pytest.fixture(scope="module")
def base() -> CaseNode:
    return load_tree(CASE)


@pytest.fixture(scope="module")
def matrix(base: CaseNode) -> QuickMatrix:
    return quick_matrix(base)


def test_the_base_case_earns_what_its_plan_earns(base: CaseNode, matrix: QuickMatrix) -> None:
    row = quick_stack(matrix, [base])[0]
    plan = solve_case(base.case(), stage="lp")
    assert row.profit == pytest.approx(plan.linear_objective, rel=1e-4)
    assert row.bought["maya"] == pytest.approx(plan.charge["maya"], rel=1e-2)


def test_small_changes_earn_what_a_plan_of_their_own_earns(
    base: CaseNode, matrix: QuickMatrix
) -> None:
    changes = [
        {"crudes.maya.price": {"plus": "0.3 usd/bbl"}},
        {"products.diesel.price": {"times": 1.01}},
        {"units.fcc.capacity": {"times": 0.97}},
        {"crudes.bonny_light.max": {"plus": "-2 kbbl/d"}},
        {"crude_unit.capacity": {"times": 0.99}, "products.jet.min": {"times": 1.1}},
    ]
    cases = [base.changed(f"case{n}", change) for n, change in enumerate(changes)]
    for row, node in zip(quick_stack(matrix, cases, threads=2), cases, strict=True):
        assert row.stop is SolverStop.CONVERGED
        alone = solve_case(node.case())
        assert row.profit == pytest.approx(alone.objective, rel=5e-3)


def test_a_case_without_an_answer_loses_its_row_only(base: CaseNode, matrix: QuickMatrix) -> None:
    greedy = base.changed("greedy", {"products.diesel.min": "49 kbbl/d"})
    first, broken, last = quick_stack(matrix, [base, greedy, base])
    assert broken.stop is SolverStop.INFEASIBLE
    assert first.profit == pytest.approx(last.profit)
    assert "no plan" in broken.reason
    assert quick_table([first, broken]).rows[1][1:4] == ("-", "-", "-")


def test_a_case_that_moves_the_matrix_tells_so_and_the_others_are_solved(
    base: CaseNode, matrix: QuickMatrix
) -> None:
    cold = base.changed("cold", {"products.diesel.specs.cloud.max": "-8 degC"})
    first, moved, last = rows = quick_stack(matrix, [base, cold, base])
    assert (first.ok, moved.ok, last.ok) == (True, False, True)
    assert first.profit == pytest.approx(last.profit)
    assert "products.diesel.specs.cloud.max, which moves the matrix" in moved.reason
    table, reasons = quick_table(rows), quick_reasons_table(rows)
    assert table.rows[1][-1] == "moves the matrix: solve it with plan stack"
    assert not any("nan" in cell for row in table.rows for cell in row)
    assert reasons is not None
    assert [row[0] for row in reasons.rows] == ["cold"]
    payload = moved.payload()
    assert (payload["profit_usd_h"], payload["stop"]) == (None, None)
    assert payload["reason"] == moved.reason
    assert quick_reasons_table([first, last]) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"units.fcc.operating_cost.base": "10 usd/m3"}, "operating_cost.base"),
        ({"products.jet.specs.flash.min": "40 degC"}, "products.jet.specs.flash.min"),
        ({"crudes.maya.min": "1 kbbl/d"}, "no such limit"),
    ],
)
def test_what_moves_the_matrix_is_refused(
    base: CaseNode, matrix: QuickMatrix, change: dict[str, object], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        matrix.numbers(base.changed("other", change))
