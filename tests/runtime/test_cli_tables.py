"""Tables of the command line fit the terminal and keep names and numbers whole."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from operator_agent.runtime.cli_tables import column_widths, rich_table, tables_that_fit

WIDTH = 100
PRODUCTS = [
    ("petrochemical_naphtha", "12.00", "66.00", "100.0% naphtha"),
    (
        "gasoline_regular",
        "19.15",
        "86.00",
        "55.1% fcc_gasoline, 37.6% reformate, 7.3% naphtha " * 2,
    ),
]


def shown(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int = WIDTH) -> str:
    written = io.StringIO()
    page = Console(file=written, width=width)
    page.print(rich_table("Products", columns, rows, width))
    return written.getvalue()


def test_names_and_numbers_stay_whole_and_sentences_wrap() -> None:
    text = shown(("product", "kbbl/d", "price usd/bbl", "recipe"), PRODUCTS)
    assert max(map(len, text.splitlines())) <= WIDTH
    for word in ("petrochemical_naphtha", "gasoline_regular", "86.00", "fcc_gasoline,"):
        assert word in text


def test_a_name_that_does_not_fit_breaks_behind_a_sign() -> None:
    text = shown(("of", "value"), [("units.hydrotreater.qualities.sulphur", "0.97")], 32)
    names = [line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")]
    assert names == ["units.hydrotreater.", "qualities.sulphur"]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_wide_table_comes_in_parts_whose_cells_stay_on_one_line(width: int) -> None:
    columns = ("CV per MV", *(f"FC10{i} [m3/h]" for i in range(9)))
    rows = [(f"AC110{k} [degC]", *(f"+{k}.{i}12 (+{i}4 %)" for i in range(9))) for k in range(3)]
    written = io.StringIO()
    page = Console(file=written, width=width)
    page.print(*tables_that_fit("Gains", columns, rows, width))
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    for row in rows:
        for cell in row:
            assert any(cell in line and row[0] in line for line in lines)


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.text("ab _.1", max_size=30), min_size=n, max_size=n), min_size=1, max_size=4
        )
    ),
    st.integers(40, 120),
)
def test_tables_fit_the_terminal(rows: list[list[str]], width: int) -> None:
    widths = column_widths(rows, width)
    assert 1 + sum(wide + 3 for wide in widths) <= width
    for column, wide in zip(zip(*rows, strict=True), widths, strict=True):
        assert wide <= max(map(len, column), default=0)
