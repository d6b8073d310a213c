"""Ramps: the plan follows a price as economics says, and changes of its basis are found."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.engine import ProcessEngine, SerialEngine
from operator_agent.errors import InputError
from operator_agent.planning.casework.ramps import RampResult, axis_from, ramp_axes, run_ramp
from operator_agent.planning.casework.tables import ramp_tables
from operator_agent.planning.casework.tree import CaseNode, load_tree

from .conftest import CASE_FILE

DAY_H = 24.0
SAME_FLOW = 1e-6  # [kbbl/d]
SAME_PROFIT = 1e-4  # relative: linear stages confirm their profit so closely


@pytest.fixture(scope="module")
def root() -> CaseNode:
    return load_tree(CASE_FILE)


@pytest.fixture(scope="module")
def ramp(root: CaseNode) -> RampResult:
    axes = [axis_from("products.jet.price", "84 usd/bbl", "100 usd/bbl", 5)]
    with ProcessEngine(2) as engine:
        return run_ramp(root, axes, engine, stage="lp", watch=["products.jet"])


@pytest.mark.slow
def test_a_price_to_sell_at_never_lowers_profit_or_volume(ramp: RampResult) -> None:
    rows = ramp.stack.rows
    assert all(row.ok for row in rows)
    (prices,) = (axis.values for axis in ramp.axes)
    assert prices == (84.0, 88.0, 92.0, 96.0, 100.0)
    jet = [row.watched["products.jet"] for row in rows]
    steps = zip(pairwise(rows), jet[:-1], pairwise(prices), strict=True)
    for (here, there), sold, (price, after) in steps:
        # The plan at the lower price stays possible, and sells what it sells at the higher one.
        least = here.profit + sold * 1e3 * (after - price) / DAY_H
        assert there.profit >= least * (1.0 - SAME_PROFIT)
    assert all(after >= before - SAME_FLOW for before, after in pairwise(jet))


@pytest.mark.slow
def test_changes_of_the_basis_are_where_the_plan_changes(ramp: RampResult) -> None:
    assert ramp.changes
    by_value = dict(zip(ramp.axes[0].values, ramp.stack.rows, strict=True))
    steps = set()
    for change in ramp.changes:
        before, after = by_value[change.before], by_value[change.after]
        assert set(change.holds) == set(after.active) - set(before.active)
        assert set(change.frees) == set(before.active) - set(after.active)
        assert set(change.buys) == set(after.bought) - set(before.bought)
        steps.add((change.before, change.after))
    values = ramp.axes[0].values
    for pair in set(pairwise(values)) - steps:
        assert set(by_value[pair[0]].active) == set(by_value[pair[1]].active)
    plain = ramp.payload()
    assert len(plain["basis_changes"]) == len(ramp.changes)
    for table in ramp_tables(ramp):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_grid_moves_two_keys(root: CaseNode) -> None:
    axes = [
        axis_from("crudes.maya.price", "60 usd/bbl", "64 usd/bbl", 2),
        axis_from("units.fcc.capacity", "20 kbbl/d", "30 kbbl/d", 3),
    ]
    broken = root.changed("broken", {"crudes.bonny_light.price": "1 usd/furlong"})
    found = run_ramp(broken, axes, SerialEngine(), stage="lp")  # costs no time: all are refused
    assert found.points() == (
        (60.0, 20.0), (60.0, 25.0), (60.0, 30.0), (64.0, 20.0), (64.0, 25.0), (64.0, 30.0),
    )  # fmt: skip
    assert found.stack.rows[1].case == (
        "crudes.maya.price = 60.0 usd/bbl, units.fcc.capacity = 25.0 kbbl/d"
    )
    assert all("furlong" in row.error for row in found.stack.rows)
    assert found.changes == ()


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
    axis = axis_from("crudes.maya.price", "60 usd/bbl", "64 usd/bbl", 2)
    other = axis_from("crudes.mayo.price", "60 usd/bbl", "64 usd/bbl", 2)
    many = axis_from("crudes.maya.max", "1 kbbl/d", "64 kbbl/d", 1001)
    for axes, told in (
        ([], "not: none"),
        ([axis, axis], "two different ones, not: crudes.maya.price, crudes.maya.price"),
        ([other], "unknown key 'mayo'; the nearest valid key is 'maya'"),
        ([axis, many], "the ramp has 2002 points; 2000 are the most"),
    ):
        with pytest.raises(InputError, match=told):
            run_ramp(root, axes, SerialEngine())
