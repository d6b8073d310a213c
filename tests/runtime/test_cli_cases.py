"""Case work as a user calls it: tables for people, JSON for programs, sentences for mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.planning.blender_case import blender_file, profit_by_hand
from tests.runtime.conftest import ROOT
from typer.testing import CliRunner

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.runtime.cli_planning import plan_app

TREE = ROOT / "cases" / "refinery" / "case_tree.yaml"
CHILDREN = """
parent: blender.yaml
ramp: {key: products.premium.price, from: 90 usd/bbl, to: 92 usd/bbl, steps: 2}
cases:
  dear_premium: {changes: {products.premium.price: 95 usd/bbl}}
  no_octane: {changes: {purchases.reformate.max: 0 kbbl/d, purchases.alkylate.max: 0 kbbl/d}}
"""


def plan(*arguments: object) -> Any:
    """Run `operator-agent plan` in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(plan_app, [str(one) for one in arguments])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    blender_file(tmp_path)
    path = tmp_path / "tree.yaml"
    path.write_text(CHILDREN)
    return path


def test_the_shipped_tree_is_shown() -> None:
    done = plan("tree", TREE)
    assert done.exit_code == 0, done.stderr
    for words in ("three_crudes", "fcc_slowdown_gasoil_", "{plus: -5 usd/bbl}", "20 kbbl/d"):
        assert words in done.stdout


def test_the_lines_of_a_tree_show_who_is_below_whom() -> None:
    shown = plan("tree", TREE).stdout
    for line in ("│ └─heavy_discount ", "│ └───heavy_discount_weak_ ", "│       fuel_oil "):
        assert line in shown


def test_a_stack_is_solved_shown_and_drawn(tree: Path, tmp_path: Path) -> None:
    plot = tmp_path / "stack.svg"
    common = ("--wide", "--engine", "serial", "--watch", "products.premium", "--plot", plot)
    done = plan("stack", tree.parent, *common, "--json", tmp_path / "stack.json")
    assert done.exit_code == 1  # one of three has no plan
    assert "1/3 blender: 3,5" in done.stderr
    assert "no plan: limits contradict" in done.stdout
    assert "LimitsConflictError" not in done.stdout + done.stderr
    assert "no_octane" in done.stdout
    assert "Cases without a plan" in done.stdout
    assert "Cases side by side" in done.stdout
    found = json.loads((tmp_path / "stack.json").read_text())
    first, dear, none = found["rows"]
    assert first["profit"] == pytest.approx(profit_by_hand(91.0), rel=1e-6)
    assert dear["profit"] == pytest.approx(profit_by_hand(95.0), rel=1e-6)
    assert (none["profit"], none["error_kind"]) == (None, "LimitsConflictError")
    assert first["flows_kbbl_d"]["purchases.reformate"] == pytest.approx(20.0)
    assert first["watched"]["products.premium"] == pytest.approx(8.0)
    assert plot.read_text().startswith("<svg")
    done = plan("stack", f"{tree}#no_octane", "--engine", "serial")
    assert isinstance(done.exception, SolveFailedError)
    assert "none of the 1 cases has a plan" in str(done.exception)
    done = plan("stack", f"{tree}#dear_premium", "--engine", "serial", "--stage", "lp")
    assert done.exit_code == 0, done.stderr


def test_a_quick_stack_shows_the_cases_that_fit(tree: Path) -> None:
    done = plan("quick", f"{tree}#dear_premium", "--json", "-")
    assert done.exit_code == 0, done.stderr
    tree.write_text(CHILDREN + "  sour: {changes: {products.premium.specs.octane.min: 96}}\n")
    done = plan("quick", tree, "--json", "-")
    assert done.exit_code == 1
    rows = {row["case"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["dear_premium"]["profit_usd_h"] > rows["blender"]["profit_usd_h"]
    assert rows["dear_premium"]["reason"] is None
    assert "no plan" in rows["no_octane"]["reason"]
    assert "moves the matrix" in rows["sour"]["reason"]


def test_the_ramp_of_a_file_and_a_grid(tree: Path, tmp_path: Path) -> None:
    done = plan("ramp", tree, "--engine", "serial", "--json", "-")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["profit"] for row in found["rows"]] == pytest.approx(
        [profit_by_hand(90.0), profit_by_hand(92.0)], rel=1e-6
    )
    (change,) = found["basis_changes"]
    assert change["between"] == [90.0, 92.0]
    plot = tmp_path / "grid.png"
    grid = (
        "--key", "products.premium.price", "--from", "89 usd/bbl", "--to", "91 usd/bbl",
        "--steps", "2", "--key", "products.premium.max", "--from", "4 kbbl/d", "--to", "8 kbbl/d",
        "--steps", "2", "--stage", "lp", "--engine", "serial", "--plot", plot,
    )  # fmt: skip
    done = plan("ramp", tree, *grid)
    assert done.exit_code == 0, done.stderr
    assert "products.premium.max [kbbl/d]" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_two_cases_are_compared(tree: Path) -> None:
    done = plan("compare", tree, f"{tree}#dear_premium")
    assert done.exit_code == 0, done.stderr
    assert "price of premium" in done.stdout
    assert "95.00 usd/bbl" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stack", "TREE", "--watch", "product.premium"), ["product.premium", "products.premium"]),
        (("stack", "TREE", "--engine", "dask"), ["engine 'dask'", "serial, process, ray"]),
        (("stack", "TREE", "--stage", "milp"), ["stage 'milp'", "'lp' or 'nlp'"]),
        (("stack", "TREE", "--workers", "0"), ["workers is 0"]),
        (("stack", "TREE", "--limit-s", "-1"), ["time limit of an item is -1.0 s"]),
        (("stack", "TREE", "--plot", "plot.gif"), ["plot.gif must end in .png or .svg"]),
        (("stack", "SYSTEM"), ["two_sites.yaml is a system", "'plan solve'"]),
        (("compare", "TREE", "SYSTEM"), ["two_sites.yaml is a system"]),
        (("stack", "none"), ["none cannot be read"]),
        (("ramp", "TREE", "--key", "products.premium.price"), ["1 --key, 0 --from"]),
        (("ramp", "TREE#dear_premium"), ["states no ramp"]),
        (("tree", "TREE#x"), ["no case 'x'", "dear_premium"]),
    ],
)
def test_mistakes_end_in_one_sentence(
    tree: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    names = {"TREE": str(tree), "SYSTEM": str(TREE.with_name("two_sites.yaml"))}
    for short, name in names.items():
        arguments = tuple(argument.replace(short, name) for argument in arguments)
    done = plan(*arguments)
    assert isinstance(done.exception, InputError)
    for word in words:
        assert word in str(done.exception)
