"""YAML and Excel describe the same case: nothing is lost on the way there and back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from pydantic import BaseModel

from operator_agent.errors import InputError
from operator_agent.planning.case_file import PlanningCase, load_case
from operator_agent.planning.case_schema import CaseEntry
from operator_agent.planning.casework.tree import load_tree
from operator_agent.planning.solve import solve_case
from operator_agent.planning.system.schema import SystemEntry
from operator_agent.planning.workbook.convert import (
    load_any_case,
    read_workbook,
    workbook_to_yaml,
    write_template,
    write_workbook,
    yaml_to_workbook,
)
from operator_agent.planning.workbook.layouts import WorkbookEntry
from operator_agent.planning.workbook.remarks import notes_of
from operator_agent.planning.workbook.sheet_names import SHEET_NOTES
from operator_agent.planning.workbook.sheets import sheets_of

from .conftest import CASE_FILE
from .layout_entries import entries, told

SHIPPED = sorted(CASE_FILE.parent.glob("*.yaml"))


def layout_of(entry: dict[str, Any]) -> type[BaseModel] | None:
    if "periods" in entry:
        return SystemEntry
    return CaseEntry if "products" in entry else None


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_files_come_back_as_they_were(file: Path, tmp_path: Path) -> None:
    entry = yaml.safe_load(file.read_text(encoding="utf-8"))
    layout = layout_of(entry)
    if layout is None:
        pytest.skip("a file of changes to another one")
    write_workbook(tmp_path / "case.xlsx", entry, layout=layout)
    back = read_workbook(tmp_path / "case.xlsx", layout)
    assert told(back, layout) == told(entry, layout)


def test_order_of_names_is_kept(tmp_path: Path) -> None:
    entry = yaml.safe_load(CASE_FILE.read_text(encoding="utf-8"))
    entry["products"]["diesel"]["components"] = ["treated_distillate", "kerosene", "lgo"]
    write_workbook(tmp_path / "case.xlsx", entry)
    back = read_workbook(tmp_path / "case.xlsx")
    assert back["products"]["diesel"]["components"] == entry["products"]["diesel"]["components"]
    assert list(back["crudes"]) == list(entry["crudes"])
    assert list(back["units"]["fcc"]["products"]) == list(entry["units"]["fcc"]["products"])


def same_case(one: PlanningCase, two: PlanningCase) -> bool:
    plain = ("name", "crude_unit", "units", "products", "utilities", "slate", "streams")
    alike = all(getattr(one, key) == getattr(two, key) for key in plain)
    profiles = all(
        np.array_equal(profile.temps, two.profiles[name].temps)
        and np.array_equal(profile.values, two.profiles[name].values)
        for name, profile in one.profiles.items()
    )
    return alike and profiles and one.crudes == two.crudes


def test_workbook_gives_the_identical_case_and_plan(case: PlanningCase, tmp_path: Path) -> None:
    yaml_to_workbook(CASE_FILE, tmp_path / "case.xlsx")
    from_excel = load_any_case(tmp_path / "case.xlsx")
    assert same_case(from_excel, case)
    one, two = (solve_case(found, stage="lp") for found in (case, from_excel))
    assert one.objective == two.objective
    assert one.blends == two.blends


def test_about_says_what_the_head_of_the_file_and_every_sheet_say(tmp_path: Path) -> None:
    yaml_to_workbook(CASE_FILE, tmp_path / "case.xlsx", all_sheets=True)
    book = load_workbook(tmp_path / "case.xlsx")
    words = [str(cell) for row in book["About"].values for cell in row if cell]
    assert any(line.startswith("[P]  a plausible price level") for line in words)
    assert {"Modes", "ModeFeeds", "FeedSpecs", "Recipes"} <= set(book.sheetnames)
    assert not any("*" in line or "#." in line for line in words)
    assert same_case(load_case(tmp_path / "case.xlsx"), load_case(CASE_FILE))


@pytest.mark.parametrize("layout", [WorkbookEntry, SystemEntry])
def test_every_sheet_is_explained(layout: type[BaseModel]) -> None:
    assert [sheet.name for sheet in sheets_of(layout) if sheet.name not in SHEET_NOTES] == []


def test_remarks_survive_both_ways(tmp_path: Path) -> None:
    yaml_to_workbook(CASE_FILE, tmp_path / "case.xlsx")
    workbook_to_yaml(tmp_path / "case.xlsx", tmp_path / "back.yaml")
    text = (tmp_path / "back.yaml").read_text(encoding="utf-8")
    before = notes_of(CASE_FILE.read_text(encoding="utf-8"), "before")
    after = notes_of(text, "after")
    assert before["crudes", "maya", "price"] == "[P]" == after["crudes", "maya", "price"]
    assert sorted(before.values()) == sorted(after.values())
    assert same_case(load_case(tmp_path / "back.yaml"), load_case(CASE_FILE))


def test_workbook_holds_the_cases_below_its_case(tmp_path: Path) -> None:
    yaml_to_workbook(CASE_FILE.with_name("case_tree.yaml"), tmp_path / "tree.xlsx")
    before = list(load_tree(CASE_FILE.with_name("case_tree.yaml")).walk())
    for node in load_tree(tmp_path / "tree.xlsx").walk():
        same = next(one for one in before if one.name == node.name)
        assert [parent.name for parent in node.parents] == [one.name for one in same.parents]
        assert told(node.entry["products"], CaseEntry.model_fields["products"].annotation) == told(
            same.entry["products"], CaseEntry.model_fields["products"].annotation
        )
        before.remove(same)
    assert not before
    written = workbook_to_yaml(tmp_path / "tree.xlsx", tmp_path / "back.yaml")
    assert [file.name for file in written] == ["back.yaml", "back_cases.yaml"]
    assert len(list(load_tree(written[1]).walk())) == 7


def test_tree_over_several_files_is_refused(tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("name: child\nparent: root.yaml\nchanges: {}\n", encoding="utf-8")
    with pytest.raises(InputError, match="write it as one of the cases"):
        yaml_to_workbook(child, tmp_path / "child.xlsx")


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("layout", [CaseEntry, SystemEntry])
@pytest.mark.slow
def test_any_entry_comes_back(layout: type[BaseModel], data: Any, tmp_path: Path) -> None:
    entry = data.draw(entries(layout))
    write_workbook(tmp_path / "any.xlsx", entry, layout=layout)
    assert told(read_workbook(tmp_path / "any.xlsx", layout), layout) == told(entry, layout)


def test_template_has_every_sheet_and_asks_for_what_is_missing(tmp_path: Path) -> None:
    write_template(tmp_path / "new.xlsx")
    book = load_workbook(tmp_path / "new.xlsx")
    assert {sheet.name for sheet in sheets_of(CaseEntry)} <= set(book.sheetnames)
    assert book["Crudes"].freeze_panes == "B2"
    assert book["Crudes"].data_validations.dataValidation
    with pytest.raises(InputError, match=r"Case!B2 .*give name"):
        read_workbook(tmp_path / "new.xlsx")


def test_what_no_cell_can_hold_is_refused(tmp_path: Path) -> None:
    entry = yaml.safe_load(CASE_FILE.read_text(encoding="utf-8"))

    def refused(match: str, **changes: Any) -> None:
        with pytest.raises(InputError, match=match):
            write_workbook(tmp_path / "case.xlsx", entry | changes)

    refused("name is 'two", name="two\nlines")
    refused(
        "names 'lpg' twice",
        products={"lpg": {**entry["products"]["lpg"], "components": ["lpg", "lpg"]}},
    )
    refused("unknown key 'colour'", colour="green")
    refused("slate.maya is nan|slate", slate={"maya": float("nan")})
    refused("number and its unit", utilities={"fuel_price": "cheap", "steam_price": "1 usd/t"})
    with pytest.raises(InputError, match=r"ends in \.xlsx"):
        write_workbook(tmp_path / "case.csv", entry)
