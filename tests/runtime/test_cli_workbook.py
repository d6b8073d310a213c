"""The commands that write pages and workbooks: what they write is what the others read."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from openpyxl import load_workbook
from tests.runtime.conftest import ROOT
from typer.testing import CliRunner

from operator_agent.errors import InputError
from operator_agent.planning.case_file import load_case
from operator_agent.runtime.cli_planning import plan_app
from operator_agent.runtime.planner import PlanRequest, solve_request, targets_of
from operator_agent.runtime.site_file import load_site

CASES = ROOT / "cases" / "refinery"
SITE_FILE = ROOT / "cases" / "sites" / "crude_unit.yaml"


def plan(*words: object) -> Result:
    found = CliRunner(env={"COLUMNS": "200"}).invoke(
        plan_app, [str(word) for word in words], catch_exceptions=False
    )
    assert found.exit_code == 0, found.output
    return found


PURCHASES_ONLY = """
name: splitter
utilities: {fuel_price: 0 usd/GJ, steam_price: 0 usd/t}
purchases: {oil: {price: 50 usd/bbl, min: 0 kbbl/d, max: 8 kbbl/d}}
products: {fuel: {components: [oil], price: 60 usd/bbl, min: 0 kbbl/d, max: 5 kbbl/d}}
"""


def test_a_case_without_crude_unit_has_tables_and_no_targets(tmp_path: Path) -> None:
    case, figures, book = (tmp_path / name for name in ("case.yaml", "plan.json", "plan.xlsx"))
    case.write_text(PURCHASES_ONLY, encoding="utf-8")
    shown = plan("solve", case, "--json", figures, "--xlsx", book).stdout
    assert "fuel" in shown
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert written["targets"] is None
    assert written["objective_usd_h"] == pytest.approx(10.0 * 5000.0 / 24.0)
    with pytest.raises(InputError, match="sets no targets"):
        solve_request(PlanRequest(str(case), {}, {}))
    with pytest.raises(
        InputError,
        match=r"plan.json is not a plan .it sets no targets, as its case has no crude_unit",
    ):
        targets_of(load_site(SITE_FILE), figures)
    cells = [cell for page in load_workbook(book) for row in page.values for cell in row]
    assert "oil" in cells and 5.0 in cells


@pytest.mark.slow
def test_a_workbook_is_solved_like_its_case(tmp_path: Path) -> None:
    book, page, figures = (tmp_path / name for name in ("case.xlsx", "plan.html", "plan.json"))
    plan("to-excel", CASES / "three_crudes.yaml", book)
    plan("report", book, "--html", page, "--json", figures, "--linear")
    written = json.loads(figures.read_text(encoding="utf-8"))
    solved = json.loads(
        plan("solve", CASES / "three_crudes.yaml", "--linear", "--json", "-").stdout
    )
    assert written["objective_usd_h"] == solved["objective_usd_h"]
    assert f"{written['objective_usd_h']:,.0f}" in page.read_text(encoding="utf-8")
    plan("from-excel", book, tmp_path / "back.yaml")
    assert load_case(tmp_path / "back.yaml").products == load_case(book).products


@pytest.mark.slow
def test_a_tree_gives_its_cases_side_by_side(tmp_path: Path) -> None:
    book, page = tmp_path / "tree.xlsx", tmp_path / "stack.html"
    plan("to-excel", CASES / "case_tree.yaml", book)
    table = load_workbook(book)["CaseChanges"]
    kept = {"heavy_discount"}
    for n in range(table.max_row, 1, -1):
        if table.cell(n, 1).value not in kept:
            table.delete_rows(n)
    cases = table.parent["Cases"]
    for n in range(cases.max_row, 1, -1):
        if cases.cell(n, 1).value not in kept:
            cases.delete_rows(n)
    table.parent.save(book)
    words = ("--linear", "--watch", "crudes.maya", "--engine", "serial")
    plan("report", book, "--html", page, *words)
    text = page.read_text(encoding="utf-8")
    assert "heavy discount" in text and "2 of 2 cases have a plan" in text


def test_a_template_is_written_and_asks_for_its_cells(tmp_path: Path) -> None:
    plan("template", tmp_path / "new.xlsx")
    with pytest.raises(InputError, match="Case!B2 is empty: give name"):
        plan("solve", tmp_path / "new.xlsx")


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        plan("template", tmp_path / "none" / "new.xlsx")
    with pytest.raises(InputError, match="cannot be read"):
        plan("to-excel", tmp_path / "none.yaml", tmp_path / "new.xlsx")
