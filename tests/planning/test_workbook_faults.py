"""Faults of a workbook are told by sheet and cell, several at once, and files that could do harm
are not read.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from operator_agent.errors import InputError
from operator_agent.planning.case_file import load_case
from operator_agent.planning.system.reader import load_system
from operator_agent.planning.workbook import book_file
from operator_agent.planning.workbook.convert import (
    read_workbook,
    write_template,
    yaml_to_workbook,
)

from .conftest import CASE_FILE


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("workbooks") / "case.xlsx"
    yaml_to_workbook(CASE_FILE, file)
    return file


@pytest.fixture
def edit(shipped: Path) -> Callable[..., Path]:
    def edited(**cells: Any) -> Path:
        """Write cells, such as Crudes_C2=3.0, next to the shipped workbook."""
        book = load_workbook(shipped)
        for address, value in cells.items():
            sheet, cell = address.rsplit("_", 1)
            book[sheet][cell].value = value
        file = shipped.with_name("edited.xlsx")
        book.save(file)
        return file

    return edited


FAULTS: list[dict[str, tuple[Any, str]]] = [
    {
        "Crudes_C2": ("cheap", "Crudes!C2 is 'cheap', not a number"),
        "Crudes_C3": (True, "Crudes!C3 is True; write a number"),
        "Crudes_C4": ("64 usd/bbl", "C4 is '64 usd/bbl', and its unit cell says 'usd/bbl'"),
        "Crudes_D5": ("usd/barrel", "Crudes!D5 is 'usd/barrel', a unit that is not known"),
        "Specs_A2": ("petrol", "Specs!A2 names the product 'petrol', which is not on sheet Prod"),
        "Feeds_B2": ("perhaps", "Feeds!B2 is 'perhaps'; write x"),
        "CrudeUnit_B2": ("much", "CrudeUnit!B2 is 'much', not a number"),
        "ProfilePoints_B3": (None, "ProfilePoints!B3 is empty, but the list goes on below"),
        "CostSlopes_C2": ("steep", "CostSlopes!C2 is 'steep', not a number; write a number w"),
        "Products_B2": ("=1+1", "Products!B2 has a formula without a stored value"),
    },
    {
        "Crudes_A3": (None, "Crudes!A3 is empty; name the crude"),
        "Crudes_A4": ("arabian_light", "A4 is 'arabian_light', which Crudes!A2 has already"),
        "Case_A2": ("nome", "Case!A2 is 'nome', which is no key; the nearest is 'name'"),
        "Case_A3": ("utilities.steam_price", "repeats the key 'utilities.steam_price'"),
        "Units_B1": ("turndwn", "has the heading 'turndwn', which is not known; the nearest is"),
        "Products_D1": ("price", "Products!D1 repeats the heading 'price'"),
        "Specs_G1": (None, "Specs!G1 has no heading"),
    },
    {
        "Crudes_C3": (None, "Crudes!C3 is empty: give crudes.maya.price"),
        "Crudes_B2": (None, "Crudes!B2 is empty: give crudes.arabian_light.assay"),
    },
]


@pytest.mark.parametrize("faults", FAULTS)
def test_faults_are_told_with_their_cells(
    edit: Callable[..., Path], faults: dict[str, tuple[Any, str]]
) -> None:
    with pytest.raises(InputError) as caught:
        read_workbook(edit(**{address: value for address, (value, _) in faults.items()}))
    for _, expected in faults.values():
        assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("address", "value", "expected"),
    [
        ("Crudes_D3", "kbbl/d", "Crudes!C3: crudes.maya.price is '64 kbbl/d', which is a volume"),
        ("Crudes_D3", None, "Crudes!C3: crudes.maya.price is '64.0' without a unit"),
        ("Crudes_B3", "no.yaml", "Crudes!B3: crudes.maya.assay"),
        ("Feeds_B1", "nafta", "Feeds!B6: units.visbreaker.feeds[0]: nothing makes stream 'nafta'"),
        ("Crudes_C3", -62.5, "Crudes!C3: crudes.maya.price is '-62.5 usd/bbl'"),
        ("Crudes_E3", 50, "Crudes!A3: crudes.maya: min 50 kbbl/d"),
        ("Yields_C2", 5, "Units!A2: units.reformer: the yields add up to 5.060"),
        ("Specs_B2", "smell", "Specs!B2: products.petrochemical_naphtha.specs.smell"),
        ("Qualities_C4", "sulfur", "Qualities!C4: units.reformer.products.reformate.qualities."),
        ("Cuts_C3", 300, "Cuts!A3: crude_unit.cuts[1]"),
    ],
)
def test_fault_of_the_case_is_led_back_to_its_cell(
    edit: Callable[..., Path], address: str, value: Any, expected: str
) -> None:
    file = edit(**{address: value})
    with pytest.raises(InputError) as caught:
        load_case(file)
    assert str(caught.value).startswith(f"workbook {file}: {expected}")


def test_fault_of_a_system_is_led_back_to_its_cell(tmp_path: Path) -> None:
    file = tmp_path / "months.xlsx"
    yaml_to_workbook(CASE_FILE.with_name("three_months.yaml"), file)
    book = load_workbook(file)
    assert book["Periods"]["A2"].value == "july"
    book["Periods"]["B2"].value = -31
    book.save(file)
    with pytest.raises(InputError, match=r"Periods!.2: periods\[0\]"):
        load_system(file)


def test_several_faults_are_told_at_once(edit: Callable[..., Path]) -> None:
    file = edit(Crudes_C2="a", Crudes_C3="b", Units_B2="c", Specs_A2="d", Products_B2=None)
    with pytest.raises(InputError, match="has 4 faults") as caught:
        read_workbook(file)
    assert all(cell in str(caught.value) for cell in ("Crudes!C2", "Crudes!C3", "Units!B2"))


def test_no_more_than_ten_faults_are_told(edit: Callable[..., Path]) -> None:
    cells = {f"Products_{column}{row}": "many" for column in "BDF" for row in range(2, 7)}
    with pytest.raises(InputError, match="has 15 faults") as caught:
        read_workbook(edit(**cells))
    assert str(caught.value).count("Products!") == 10
    assert "and 5 more" in str(caught.value)


def test_percentages_are_told(shipped: Path, tmp_path: Path) -> None:
    book = load_workbook(shipped)
    cell = next(c for c in book["Crudes"][1] if c.value == "sulphur").offset(row=1)
    cell.value, cell.number_format = 0.0177, "0.00%"
    book.save(tmp_path / "percent.xlsx")
    with pytest.raises(InputError, match=rf"Crudes!{cell.coordinate} is formatted as a percentage"):
        read_workbook(tmp_path / "percent.xlsx")


def test_merged_cells_are_told(shipped: Path, tmp_path: Path) -> None:
    book = load_workbook(shipped)
    book["Products"].merge_cells("A2:A3")
    book.save(tmp_path / "merged.xlsx")
    with pytest.raises(InputError, match=r"Products!A2 is merged with others \(A2:A3\)"):
        read_workbook(tmp_path / "merged.xlsx")


def test_sheets_that_are_not_known(shipped: Path, tmp_path: Path) -> None:
    book = load_workbook(shipped)
    book.create_sheet("#scratch")["A1"].value = "mine"
    book.save(tmp_path / "own.xlsx")
    read_workbook(tmp_path / "own.xlsx")
    book.create_sheet("Product")["A1"].value = "lost?"
    book.save(tmp_path / "own.xlsx")
    with pytest.raises(InputError, match=r"Product!A1 .* not known; the nearest is 'Products'"):
        read_workbook(tmp_path / "own.xlsx")


@pytest.mark.parametrize("sheet", ["Products", "Case", "Units", "Profiles"])
def test_missing_sheet_is_told(shipped: Path, tmp_path: Path, sheet: str) -> None:
    book = load_workbook(shipped)
    del book[sheet]
    book.save(tmp_path / "less.xlsx")
    with pytest.raises(InputError, match=rf"sheet {sheet} is missing.*; add it"):
        load_case(tmp_path / "less.xlsx")


def test_empty_template_is_told_by_the_sheets_to_fill(tmp_path: Path) -> None:
    write_template(tmp_path / "empty.xlsx")
    with pytest.raises(InputError, match=r"Products!A2 is empty: give at least one row") as caught:
        load_case(tmp_path / "empty.xlsx")
    assert "validation" not in str(caught.value)


def test_missing_column_is_told(shipped: Path, tmp_path: Path) -> None:
    book = load_workbook(shipped)
    book["Crudes"].delete_cols(3)
    book.save(tmp_path / "less.xlsx")
    with pytest.raises(InputError, match="Crudes!A1 begins a sheet without a column 'price'"):
        read_workbook(tmp_path / "less.xlsx")


def test_stored_value_of_a_formula_is_taken(shipped: Path, tmp_path: Path) -> None:
    book = load_workbook(shipped)
    book["Crudes"]["C3"].value = "=60+4"
    book.save(tmp_path / "formula.xlsx")
    inside = next(
        name
        for name in zipfile.ZipFile(tmp_path / "formula.xlsx").namelist()
        if b"<f>60+4</f>" in zipfile.ZipFile(tmp_path / "formula.xlsx").read(name)
    )
    repack(
        tmp_path / "formula.xlsx",
        tmp_path / "stored.xlsx",
        {
            inside: lambda part: part.replace(
                b"<f>60+4</f><v></v>", b"<f>60+4</f><v>77</v>"
            ).replace(b"<f>60+4</f><v />", b"<f>60+4</f><v>77</v>")
        },
    )
    assert read_workbook(tmp_path / "stored.xlsx")["crudes"]["maya"]["price"] == "77 usd/bbl"


def repack(source: Path, target: Path, change: dict[str, Callable[[bytes], bytes]]) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change.get(name, lambda part: part)(old.read(name)))


def test_files_that_are_no_workbook(tmp_path: Path) -> None:
    def refused(name: str, content: bytes | None, match: str) -> None:
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError, match=match):
            read_workbook(file)

    refused("none.xlsx", None, "cannot be read: No such file")
    refused("text.xlsx", b"crudes;price", "is not an .xlsx workbook")
    refused("empty.xlsx", b"", "is not an .xlsx workbook")
    refused("locked.xlsx", b"\xd0\xcf\x11\xe0" + b"0" * 600, "encrypted or in the old .xls format")
    (tmp_path / "folder.xlsx").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_workbook(tmp_path / "folder.xlsx")
    with zipfile.ZipFile(tmp_path / "zip.xlsx", "w") as parts:
        parts.writestr("a.txt", "not a workbook")
    with pytest.raises(InputError, match=r"cannot be read|damaged"):
        read_workbook(tmp_path / "zip.xlsx")
    Workbook().save(tmp_path / "blank.xlsx")
    with pytest.raises(InputError, match="none of the sheets of a case"):
        read_workbook(tmp_path / "blank.xlsx")


def test_large_files_are_not_read(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_file, "LARGEST", 1000)
    with pytest.raises(InputError, match=r"over the .* that are read"):
        read_workbook(shipped)
    monkeypatch.undo()
    monkeypatch.setattr(book_file, "LARGEST_OPENED", 2_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/zeros.bin", b"0" * 2_000_001)
    assert (tmp_path / "bomb.xlsx").stat().st_size < 10_000
    with pytest.raises(InputError, match="unpacks to over"):
        read_workbook(tmp_path / "bomb.xlsx")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_not_read(shipped: Path, tmp_path: Path, encoding: str) -> None:
    def harm(part: bytes) -> bytes:
        text = part.decode("utf-8")
        head, mark, rest = text.partition("?>")
        body = rest if mark else head
        return f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x []>{body}'.encode(encoding)

    repack(shipped, tmp_path / "harm.xlsx", {"xl/workbook.xml": harm})
    with pytest.raises(InputError, match="declares entities or is no UTF-8"):
        read_workbook(tmp_path / "harm.xlsx")


def test_a_cell_in_the_far_corner_is_told(shipped: Path, tmp_path: Path) -> None:
    book = load_workbook(shipped)
    book["Units"]["XFD1048576"].value = 1.0
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(InputError, match="Units!A1 begins a sheet of 1048576 rows"):
        read_workbook(tmp_path / "far.xlsx")


def test_damaged_parts_are_told(shipped: Path, tmp_path: Path) -> None:
    repack(shipped, tmp_path / "cut.xlsx", {"xl/worksheets/sheet3.xml": lambda part: part[:300]})
    with pytest.raises(InputError, match="cannot be read"):
        read_workbook(tmp_path / "cut.xlsx")
