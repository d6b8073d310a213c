"""Ramps: the plan follows a price as economics says, and changes of its basis are found."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.engine import SerialEngine
from operator_agent.errors import InputError
from operator_agent.planning.casework.ramps import RampResult, axis_from, ramp_axes, run_ramp
from operator_agent.planning.casework.stack_row import StackRow
from operator_agent.planning.casework.tables import ramp_tables
from operator_agent.planning.casework.thresholds import change_between, narrowed_changes
from operator_agent.planning.casework.tree import CaseNode, load_tree

from .blender_case import PREMIUM_COST, PREMIUM_REFORMATE, blender, profit_by_hand
from .conftest import CASE_FILE

SAME_PROFIT = 1e-4  # relative: linear stages confirm their profit so closely


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> CaseNode:
    return blender(tmp_path_factory.mktemp("blender"))


@pytest.fixture(scope="module")
def ramp(root: CaseNode) -> RampResult:
    axes = [axis_from("products.premium.price", "86 usd/bbl", "94 usd/bbl", 9)]
    return run_ramp(root, axes, SerialEngine(), watch=["products.premium"])


def test_a_price_to_sell_at_never_lowers_profit_or_volume(ramp: RampResult) -> None:
    rows, (prices,) = ramp.stack.rows, (axis.values for axis in ramp.axes)
    assert prices == (86.0, 87.0, 88.0, 89.0, 90.0, 91.0, 92.0, 93.0, 94.0)
    by_hand = [profit_by_hand(price) for price in prices]
    assert [row.profit for row in rows] == pytest.approx(by_hand, rel=1e-6)
    assert all(b.profit >= a.profit * (1.0 - SAME_PROFIT) for a, b in pairwise(rows))
    volumes = [row.watched["products.premium"] for row in rows]
    assert volumes == pytest.approx([0.0] * 5 + [8.0] * 4, abs=1e-4)


def test_the_basis_changes_where_premium_begins_to_pay(ramp: RampResult) -> None:
    """Premium earns 27/7 usd per barrel of reformate, as regular does, at 90.04 usd/bbl."""
    (change,) = ramp.changes
    assert (change.before, change.after) == (90.0, 91.0)
    by_hand = PREMIUM_COST + 27.0 / 7.0 * PREMIUM_REFORMATE
    assert change.low <= by_hand <= change.high <= change.low + 0.01
    assert change.threshold == pytest.approx(by_hand, abs=0.005)
    assert "product:premium:sale:max" in change.holds
    assert (change.buys, change.drops) == ((), ())
    assert len(ramp.payload()["basis_changes"]) == 1
    for table in ramp_tables(ramp):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_grid_moves_two_keys(root: CaseNode) -> None:
    axes = [
        axis_from("products.premium.price", "89 usd/bbl", "91 usd/bbl", 2),
        axis_from("products.premium.max", "4 kbbl/d", "8 kbbl/d", 2),
    ]
    found = run_ramp(root, axes, SerialEngine(), stage="lp")
    assert found.points() == ((89.0, 4.0), (89.0, 8.0), (91.0, 4.0), (91.0, 8.0))
    assert found.stack.rows[1].case == (
        "products.premium.price = 89.0 usd/bbl, products.premium.max = 8.0 kbbl/d"
    )
    profits = [row.profit for row in found.stack.rows]
    assert profits[0] == pytest.approx(profits[1])
    assert profits[3] == pytest.approx(profit_by_hand(91.0))
    assert [(change.key, change.beside) for change in found.changes] == [
        ("products.premium.price", "products.premium.max = 4.0 kbbl/d"),
        ("products.premium.price", "products.premium.max = 8.0 kbbl/d"),
    ]


def test_two_changes_within_a_step_are_told_apart() -> None:
    """A limit holds from 3.3 on, a crude is bought from 7.0 on; the step goes from 0 to 10."""

    def row(value: float) -> StackRow:
        bought = ("light", "heavy") if value >= 7.0 else ("light",)
        return StackRow(str(value), "", active=("a",) if value >= 3.3 else (), bought=bought)

    whole = change_between("key", (0.0, 10.0), "", row(0.0), row(10.0))
    assert whole is not None
    rows = {0.0: row(0.0), 10.0: row(10.0)}
    first, rest = narrowed_changes([whole], rows, lambda values: [row(v) for v in values])
    assert (first.holds, first.buys) == (("a",), ())
    assert first.low < 3.3 <= first.high <= first.low + 0.1
    assert (rest.holds, rest.buys) == ((), ("heavy",))
    assert (rest.low, rest.high) == (first.high, 10.0)


def test_a_ramp_without_a_plan_says_nothing_of_its_basis(root: CaseNode) -> None:
    short = root.changed("short", {"purchases.reformate.max": "0 kbbl/d"})
    axis = axis_from("purchases.alkylate.max", "0 kbbl/d", "0.1 kbbl/d", 2)
    found = run_ramp(short, [axis], SerialEngine(), stage="lp")
    assert not any(row.ok for row in found.stack.rows)
    titles = [table.title for table in ramp_tables(found)]
    assert titles == ["Ramp of short, stage lp", "Cases without a plan"]


def test_a_ramp_without_a_unit_is_refused_before_anything_is_solved(root: CaseNode) -> None:
    axis = axis_from("products.premium.price", "85", "100", 4)
    told = list[StackRow]()
    with pytest.raises(InputError, match=r"products.premium.price"):
        run_ramp(root, [axis], SerialEngine(), progress=lambda row, _done, _total: told.append(row))
    assert told == []


@pytest.mark.slow
def test_a_dearer_crude_never_earns_more() -> None:
    axes = [axis_from("crudes.maya.price", "60 usd/bbl", "68 usd/bbl", 2)]
    found = run_ramp(load_tree(CASE_FILE), axes, SerialEngine(), stage="lp", watch=["crudes.maya"])
    rows = found.stack.rows
    assert all(b.profit <= a.profit * (1.0 + SAME_PROFIT) for a, b in pairwise(rows))
    assert all(b.watched["crudes.maya"] <= a.watched["crudes.maya"] for a, b in pairwise(rows))
    assert any("maya" in change.drops for change in found.changes)


def test_the_ramp_of_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "child.yaml"
    file.write_text(
        f"name: ramped\nparent: {CASE_FILE}\n"
        "ramp: {key: crudes.maya.price, from: 55 usd/bbl, to: 75 usd/bbl, steps: 9}\n"
    )
    (axis,) = ramp_axes(load_tree(file).ramp)
    assert (axis.values[0], axis.values[-1]) == (55.0, 75.0)
    assert len(axis.values) == 9


@given(
    low=st.floats(-1e3, 1e3),
    span=st.floats(1e-2, 1e3),
    steps=st.integers(2, 50),
)
def test_an_axis_rises_evenly_between_its_ends(low: float, span: float, steps: int) -> None:
    axis = axis_from("key", f"{low!r} usd/bbl", f"{low + span!r} usd/bbl", steps)
    assert len(axis.values) == steps
    assert axis.values[0] == pytest.approx(low)
    assert axis.values[-1] == pytest.approx(low + span)
    gaps = [b - a for a, b in pairwise(axis.values)]
    assert gaps == pytest.approx([span / (steps - 1)] * (steps - 1), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("k", "1 usd/bbl", "2 usd/m3", 3), "starts in 'usd/bbl' and ends in 'usd/m3'"),
        (("k", "1 usd/bbl", "2 usd/bbl", 1), "1 steps from 1 usd/bbl to 2 usd/bbl are no ramp"),
        (("k", "1 usd/bbl", "1 usd/bbl", 4), "no ramp"),
        (("k", "cheap", "2 usd/bbl", 4), "'cheap' is no quantity"),
        (("k", ".nan usd/bbl", "2 usd/bbl", 4), "'.nan usd/bbl' is no quantity"),
        (("k", "inf usd/bbl", "2 usd/bbl", 4), "is not finite"),
        (("k", "1 usd/furlong", "2 usd/furlong", 4), "unit 'usd/furlong' is not known"),
    ],
)
def test_wrong_axes_are_refused(arguments: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        axis_from(*arguments)


def test_wrong_ramps_are_refused(root: CaseNode) -> None:
    axis = axis_from("products.premium.price", "60 usd/bbl", "64 usd/bbl", 2)
    other = axis_from("products.premum.price", "60 usd/bbl", "64 usd/bbl", 2)
    many = axis_from("products.premium.max", "1 kbbl/d", "64 kbbl/d", 1001)
    for axes, told in (
        ([], "not: none"),
        ([axis, axis], "two different ones, not: products.premium.price, products"),
        ([other], "unknown key 'premum'; the nearest valid key is 'premium'"),
        ([axis, many], "the ramp has 2002 points; 2000 are the most"),
    ):
        with pytest.raises(InputError, match=told):
            run_ramp(root, axes, SerialEngine())
