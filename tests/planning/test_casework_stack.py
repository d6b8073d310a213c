"""Case stacks: each case its own row, whatever happens to the others, and none solved twice."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operator_agent.engine import ProcessEngine, SerialEngine
from operator_agent.errors import InputError
from operator_agent.planning.case_file import PlanningCase
from operator_agent.planning.casework.ramps import axis_from, run_ramp
from operator_agent.planning.casework.stack import run_stack
from operator_agent.planning.casework.stack_row import StackRow
from operator_agent.planning.casework.tables import reasons_table, stack_table, wide_table
from operator_agent.planning.casework.tree import CaseNode, load_tree
from operator_agent.planning.casework.watch import watch_list, watched_values
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.plan import Plan
from operator_agent.units import DAY_S, OIL_BARREL_M3

from .blender_case import blender, blender_file, profit_by_hand
from .conftest import ROOT

WATCH = ("purchases.reformate", "products.premium", "shadow purchases.reformate")
STEPS = 25
SAME = 1e-9  # relative: the same computation in another process


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> CaseNode:
    return blender(tmp_path_factory.mktemp("blender"))


@pytest.fixture(scope="module")
def cases(root: CaseNode) -> list[CaseNode]:
    return [
        root,
        root.changed("dear_premium", {"products.premium.price": "95 usd/bbl"}),
        root.changed(
            "no_octane",
            {"purchases.reformate.max": "1 kbbl/d", "purchases.alkylate.max": "0 kbbl/d"},
        ),
        root.changed("no_unit", {"products.premium.price": "70 usd/furlong"}),
        root.changed("no_premium", {"products.premium": None}),
    ]


def comparable(row: StackRow) -> tuple[Any, ...]:
    return (row.case, row.fingerprint, row.stop, row.worth, row.active, row.bought, row.error_kind)


@pytest.mark.slow
def test_every_engine_gives_the_same_rows_and_a_failure_loses_its_own(
    cases: list[CaseNode], tmp_path: Path
) -> None:
    file, told = tmp_path / "rows.jsonl", list[tuple[str, int, int]]()
    here = run_stack(cases, SerialEngine(), watch=WATCH)
    with ProcessEngine(2) as engine:
        there = run_stack(
            cases,
            engine,
            watch=WATCH,
            file=file,
            progress=lambda row, done, total: told.append((row.case, done, total)),
        )
        again = run_stack(cases, engine, watch=WATCH, file=file)
    for a, b in zip(here.rows, there.rows, strict=True):
        assert comparable(a) == comparable(b)
        assert a.profit == pytest.approx(b.profit, rel=SAME, nan_ok=True)
        assert dict(a.watched) == pytest.approx(dict(b.watched), rel=SAME)
    assert [row.case for row in here.rows] == [node.name for node in cases]
    kinds = ["", "", "LimitsConflictError", "InputError", "InputError"]
    assert [row.error_kind for row in here.rows] == kinds
    first, dear, conflict, wrong, unwatched = here.rows
    assert first.profit == pytest.approx(profit_by_hand(91.0), rel=1e-6)
    assert dear.profit == pytest.approx(profit_by_hand(95.0), rel=1e-6)
    assert dict(first.watched) == pytest.approx(
        {"purchases.reformate": 20.0, "products.premium": 8.0, "shadow purchases.reformate": 27 / 7}
    )
    assert "reformate: purchase at most 1 kbbl/d" in conflict.error
    assert "furlong" in wrong.error
    assert "'products.premium' names nothing" in unwatched.error
    assert {total for _, _, total in told} == {5}
    assert sorted(done for _, done, _ in told) == [1, 2, 3, 4, 5]
    assert again.resumed == 5
    assert [comparable(row) for row in again.rows] == [comparable(row) for row in there.rows]
    table, reasons = stack_table(here), reasons_table(here)
    assert [len(row) for row in table.rows] == [len(table.columns)] * 5
    assert reasons is not None
    assert len(reasons.rows) == 3
    json.dumps(here.payload(), allow_nan=False)


class Recorder(SerialEngine):
    """Notes how many items each map is given."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def map(self, fn: Callable[..., Any], items: Sequence[Any], **rest: Any) -> list[Any]:
        self.counts.append(len(items))
        return super().map(fn, items, **rest)


def sold(root: CaseNode, name: str, kbbl_d: float) -> CaseNode:
    """Return a case in which so much premium can be sold."""
    return root.changed(name, {"products.premium.max": f"{kbbl_d} kbbl/d"})


def test_only_what_changed_is_solved_again(root: CaseNode, tmp_path: Path) -> None:
    file, engine = tmp_path / "rows.jsonl", Recorder()
    first = [sold(root, f"case {n}", 2.0 + n) for n in range(3)]
    run_stack(first, engine, stage="lp", file=file)
    renamed = [replace(first[0], name="renamed"), sold(root, "case 1", 7.0), first[2]]
    found = run_stack(renamed, engine, stage="lp", file=file)
    assert engine.counts == [3, 1]
    assert found.resumed == 2
    assert [row.case for row in found.rows] == ["renamed", "case 1", "case 2"]
    run_stack(first, engine, stage="nlp", file=file)
    run_stack(first, engine, stage="lp", watch=["profit"], file=file)
    assert engine.counts == [3, 1, 3, 3]


def test_a_line_that_was_cut_off_is_solved_again(root: CaseNode, tmp_path: Path) -> None:
    file, engine = tmp_path / "rows.jsonl", Recorder()
    cases = [sold(root, f"case {n}", 2.0 + n) for n in range(3)]
    run_stack(cases, engine, stage="lp", file=file)
    text = file.read_text()
    file.write_text(text[:-20])
    found = run_stack(cases, engine, stage="lp", file=file)
    assert engine.counts == [3, 1]
    assert found.resumed == 2
    assert len(file.read_text().splitlines()) == 3
    file.write_text("{}\n" + text)
    with pytest.raises(InputError, match=r"line 1 of .*rows.jsonl is no row of a stack"):
        run_stack(cases, engine, stage="lp", file=file)
    with pytest.raises(InputError, match="cannot be used"):
        run_stack(cases, engine, stage="lp", file=tmp_path)


def test_a_lost_process_is_tried_again_on_resuming(root: CaseNode, tmp_path: Path) -> None:
    file, engine = tmp_path / "rows.jsonl", Recorder()
    cases = [sold(root, "case", 2.0)]
    run_stack(cases, engine, stage="lp", file=file)
    row = json.loads(file.read_text())
    file.write_text(json.dumps(row | {"error_kind": "WorkerLost"}) + "\n")
    assert run_stack(cases, engine, stage="lp", file=file).resumed == 0
    assert run_stack(cases, engine, stage="lp", file=file).resumed == 1
    assert engine.counts == [1, 1, 0]


@pytest.mark.slow
def test_a_killed_stack_goes_on_where_it_was(tmp_path: Path) -> None:
    case, file = blender_file(tmp_path), tmp_path / "rows.jsonl"
    ends = ("80 usd/bbl", "100 usd/bbl")
    command = [
        sys.executable, "-m", "operator_agent.runtime.cli", "plan", "ramp", str(case),
        "--key", "products.premium.price", "--from", ends[0], "--to", ends[1],
        "--steps", str(STEPS), "--engine", "serial", "--resume", str(file),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(f"1/{STEPS}")
        process.send_signal(signal.SIGKILL)
    kept = file.read_text()
    kept = kept[: kept.rfind("\n") + 1]
    assert 1 <= kept.count("\n") < STEPS
    axis = axis_from("products.premium.price", *ends, STEPS)
    found = run_ramp(load_tree(case), [axis], SerialEngine(), file=file)
    assert found.stack.resumed == kept.count("\n")
    assert file.read_text().startswith(kept)
    by_hand = [profit_by_hand(price) for price in axis.values]
    assert [row.profit for row in found.stack.rows] == pytest.approx(by_hand, rel=1e-6)


def test_cases_stand_side_by_side(root: CaseNode, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    dry = {f"purchases.{name}.max": "0 kbbl/d" for name in ("reformate", "alkylate")}
    volume = {"min": "1 kbbl/d", "max": "1 kbbl/d", "price": "69 usd/bbl"}
    more = root.changed("more", {"products.extra": {"components": ["naphtha"], **volume}})
    cases = [sold(root, "two", 2.0), root.changed("none", dry), more]
    for _ in range(2):  # solved, then from the file
        found = run_stack(cases, SerialEngine(), stage="lp", file=file)
        two = found.rows[0].flows_kbbl_d
        assert two["products.premium"] == pytest.approx(2.0)
        bought = sum(flow for key, flow in two.items() if key.startswith("purchases."))
        sales = sum(flow for key, flow in two.items() if key.startswith("products."))
        assert bought == pytest.approx(sales)  # blending by volume loses nothing
        table = wide_table(found)
        assert table.columns == ("kbbl/d", "two", "more")
        cells = {row[0]: row[1:] for row in table.rows}
        assert cells["premium"] == ("2.00", "8.00")
        assert cells["extra"] == ("-", "1.00")
        assert "alkylate" not in cells  # none of them buys any
    assert found.resumed == 3
    line = {key: value for key, value in found.rows[0].payload().items() if key != "flows_kbbl_d"}
    file.write_text(json.dumps(line | {"fingerprint": "of an older form"}) + "\n")
    assert run_stack(cases[:1], SerialEngine(), stage="lp", file=file).resumed == 0


class Interrupted(SerialEngine):
    """Stops before the last item, as Ctrl-C does."""

    def map(self, fn: Callable[..., Any], items: Sequence[Any], **rest: Any) -> list[Any]:
        super().map(fn, items[:-1], **rest)
        raise KeyboardInterrupt


def test_a_stopped_stack_gives_what_is_done(root: CaseNode, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    cases = [sold(root, f"case {n}", 2.0 + n) for n in range(3)]
    found = run_stack(cases, Interrupted(), stage="lp", file=file)
    assert [row.ok for row in found.rows] == [True, True, False]
    assert found.reached == len(file.read_text().splitlines()) == 2
    assert "not reached" in stack_table(found).rows[-1]
    assert reasons_table(found) is None
    again = run_stack(cases, SerialEngine(), stage="lp", file=file)
    assert (again.resumed, again.reached) == (2, 3)


@pytest.mark.slow
def test_an_interrupted_command_says_how_far_it_came(tmp_path: Path) -> None:
    case, file = blender_file(tmp_path), tmp_path / "rows.jsonl"
    command = [
        sys.executable, "-m", "operator_agent.runtime.cli", "plan", "ramp", str(case),
        "--key", "products.premium.price", "--from", "80 usd/bbl", "--to", "100 usd/bbl",
        "--steps", "1000", "--workers", "1", "--resume", str(file),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # CI may ignore it
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("1/1000")
        os.killpg(process.pid, signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 130
    rows = len(file.read_text().splitlines())
    assert f"stopped; {rows} of 1000 rows are in {file}; the same command goes on" in told
    assert "Traceback" not in told
    assert "resource_tracker" not in told


def test_watched_numbers_are_those_of_the_plan(plan: Plan, case: PlanningCase) -> None:
    kbbl_d = DAY_S / OIL_BARREL_M3 / 1e3  # of 1 m3/s
    values = watched_values(
        plan,
        ["crudes.maya", "shadow units.fcc", "cuts.naphtha/kerosene", "profit", "slate.maya",
         "products.jet", "worth streams.lgo", "shadow products.gasoline_premium",
         "shadow products.jet.flash"],
    )  # fmt: skip
    assert values["profit"] == plan.objective
    assert values["crudes.maya"] == pytest.approx(plan.charge["maya"] * kbbl_d)
    assert values["cuts.naphtha/kerosene"] == plan.cut_points["naphtha/kerosene"] - 273.15
    assert values["slate.maya"] == pytest.approx(100.0 * plan.slate["maya"])
    assert values["products.jet"] == pytest.approx(
        next(b.flow_vol for b in plan.blends if b.product == "jet") * kbbl_d
    )
    fcc = plan.limit(LimitKind.UNIT, "fcc", "feed", Side.MAX).shadow_price
    assert values["shadow units.fcc"] == pytest.approx(fcc * OIL_BARREL_M3, rel=1e-3)
    flash = plan.limit(LimitKind.SPEC, "jet", "flash point", Side.MIN).shadow_price
    assert values["shadow products.jet.flash"] == pytest.approx(flash)
    worth = plan.stream_values["lgo"] * OIL_BARREL_M3
    assert values["worth streams.lgo"] == pytest.approx(worth)
    titles = [watched.title for watched in watch_list(["shadow products.jet.flash"], case)]
    assert titles == ["shadow products.jet.flash [usd/h per degC]"]


def test_wrong_stacks_are_refused(root: CaseNode) -> None:
    engine = SerialEngine()
    with pytest.raises(InputError, match="a stack needs a case"):
        run_stack([], engine)
    with pytest.raises(InputError, match="two cases of the stack are named 'blender'"):
        run_stack([root, root], engine)
    with pytest.raises(InputError, match=r"'product.premium' names nothing .* products.premium"):
        run_stack([root], engine, watch=["product.premium"])
    assert math.isnan(StackRow("a", "b").profit)
