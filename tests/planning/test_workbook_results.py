"""Tables of a report in a workbook: numbers are numbers, and texts stay what they are."""

from pathlib import Path

import pytest
from openpyxl import load_workbook

from operator_agent.errors import InputError
from operator_agent.planning.report import Table
from operator_agent.planning.workbook.results import sheet_title, write_results

TABLES = [
    Table("Streams [kbbl/d]", ("stream", "flow", "note"), (("lpg", "1,234.50", "=1+1"),)),
    Table("Streams [kbbl/d]", ("stream", "flow"), (("lpg", "-7"), ("jet", "-"), ("a", "12%"))),
]


def test_numbers_are_numbers_and_texts_are_texts(tmp_path: Path) -> None:
    write_results(tmp_path / "plan.xlsx", TABLES)
    book = load_workbook(tmp_path / "plan.xlsx")
    assert book.sheetnames == ["Streams", "Streams 2"]
    first, second = book
    assert first["A1"].value == "Streams [kbbl/d]"
    assert [cell.value for cell in first[3]] == ["stream", "flow", "note"]
    assert (first["B4"].value, first["B4"].number_format) == (1234.5, "#,##0.00")
    assert (first["C4"].value, first["C4"].data_type) == ("=1+1", "s")
    assert [second.cell(n, 2).value for n in (4, 5, 6)] == [-7, "-", "12%"]


def test_names_of_sheets_are_those_that_excel_allows() -> None:
    taken: list[str] = []
    for title in ("a/b*c?d", "x" * 40, "x" * 40, "", "[usd]"):
        taken.append(sheet_title(title, taken))
    assert taken == ["a bcd", "x" * 31, "x" * 29 + " 2", "Table", "Table 2"]


def test_results_need_a_place_to_go(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give a name that ends in \.xlsx"):
        write_results(tmp_path / "plan.csv", TABLES)
    with pytest.raises(InputError, match="cannot be written"):
        write_results(tmp_path / "nowhere" / "plan.xlsx", TABLES)
