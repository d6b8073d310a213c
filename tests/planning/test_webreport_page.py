"""The plan's page: whole, self-contained, escaped, and with the numbers of the plan."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from operator_agent.planning.case_file import case_from_entry, load_case
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.plan import Plan
from operator_agent.planning.report import plan_tables
from operator_agent.planning.solve import solve_case
from operator_agent.planning.webreport.balance import (
    refinery_balance,
    stream_balances,
    unit_balances,
)
from operator_agent.planning.webreport.giveaway import giveaways
from operator_agent.planning.webreport.payload import report_payload
from operator_agent.planning.webreport.plan_page import plan_page
from operator_agent.planning.webreport.sections import SHOWN
from operator_agent.units import OIL_BARREL_M3

from .conftest import CASE_FILE
from .williams_case import williams_entry

VOID = {"meta", "br", "img", "hr", "link", "input"}
KBBL_D = 86_400.0 / OIL_BARREL_M3 / 1e3  # kbbl/d in one m3/s


class Reader(HTMLParser):
    """Reads a page: which tags stay open, the cells of its rows, and what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


@pytest.fixture(scope="module")
def page(plan: Plan) -> Reader:
    return read(plan_page(plan))


def row(page: Reader, first: str, columns: int) -> list[str]:
    """Return the only row with this first cell and so many columns."""
    found = [cells for cells in page.rows if cells and cells[0] == first and len(cells) == columns]
    assert len(found) == 1, found
    return found[0]


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


def test_page_needs_nothing_from_elsewhere(plan: Plan, page: Reader) -> None:
    text = plan_page(plan)
    assert not page.tags & {"script", "link", "iframe", "img", "object", "use", "image"}
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "href", "xlink:href", "onload"})
    assert "http" not in text and "url(" not in text and "@import" not in text


def test_page_shows_the_money_of_the_plan(plan: Plan, page: Reader) -> None:
    barrels_h = plan.flow_vol_feed * 3600.0 / OIL_BARREL_M3
    for name, value in (
        ("sales", sum(plan.money.revenue.values())),
        ("crude", -sum(plan.money.crude_cost.values())),
        ("profit", plan.objective),
    ):
        cells = row(page, name, 3)
        assert number(cells[1]) == pytest.approx(value, abs=0.5)
        assert number(cells[2]) == pytest.approx(value / barrels_h, abs=0.005)


def test_page_shows_crudes_units_and_cuts_of_the_plan(plan: Plan, page: Reader) -> None:
    for name, flow in plan.charge.items():
        cells = row(page, name.replace("_", " "), 9)
        assert number(cells[2]) == pytest.approx(flow * KBBL_D, abs=0.005)
        assert number(cells[5]) == pytest.approx(plan.crude_values[name] * OIL_BARREL_M3, abs=0.005)
    for name, load in plan.unit_loads.items():
        assert number(row(page, name.replace("_", " "), 8)[3]) == pytest.approx(
            load * KBBL_D, abs=0.005
        )
    for name, temp in plan.cut_points.items():
        assert number(row(page, name, 8)[4]) == pytest.approx(temp - 273.15, abs=0.05)


def test_page_shows_streams_and_markets_of_the_plan(plan: Plan, page: Reader) -> None:
    streams = {cells[0]: cells for cells in page.rows if len(cells) == 8 and cells[1] != ""}
    for name, flow in plan.stream_flows.items():
        cells = streams[name.replace("_", " ")]
        assert number(cells[2]) == pytest.approx(flow * KBBL_D, abs=0.005)
        value = plan.stream_values[name] * OIL_BARREL_M3
        assert number(cells[5]) == pytest.approx(value, abs=0.005)
        assert number(cells[7]) == pytest.approx(100.0, abs=0.05)
    sold = plan.limit(LimitKind.PRODUCT, "gasoline_premium", "sale", Side.MAX)
    (cells,) = (cells for cells in page.rows if cells[:2] == ["gasoline premium", "sale"])
    assert cells[5] == "at max"
    assert number(cells[6]) == pytest.approx(sold.shadow_price * OIL_BARREL_M3, abs=0.005)


def test_page_shows_the_balance_of_every_unit(plan: Plan, page: Reader) -> None:
    sums = [cells for cells in page.rows if len(cells) == 7 and cells[0].startswith("sum")]
    for cells, balance in zip(sums, (refinery_balance(plan), *unit_balances(plan)), strict=True):
        assert number(cells[1]) == pytest.approx(balance.volume_in * KBBL_D, abs=0.005)
        assert number(cells[2]) == pytest.approx(balance.volume_out * KBBL_D, abs=0.005)
        assert number(cells[3]) == pytest.approx(balance.mass_in * 3.6, abs=0.05)
        assert number(cells[4]) == pytest.approx(balance.mass_out * 3.6, abs=0.05)
        assert (cells[6] == "–") == bool(balance.without_density)


def test_page_shows_every_specification_with_its_giveaway(plan: Plan, page: Reader) -> None:
    shown = [cells for cells in page.rows if len(cells) == 6 and cells[3][:4] in ("min ", "max ")]
    found = giveaways(plan)
    assert len(shown) == len(found) > 20
    for cells, item in zip(shown, found, strict=True):
        assert cells[0] == item.result.limit.words


def test_giveaway_costs_nothing_at_an_optimum(plan: Plan) -> None:
    total = sum(item.cost_usd_h for item in giveaways(plan))
    assert total <= 1e-3 * plan.objective


def test_balances_close_where_the_case_says_so(plan: Plan) -> None:
    crude_unit, *units = unit_balances(plan)
    assert crude_unit.volume_closure == pytest.approx(1.0, abs=1e-6)
    assert crude_unit.mass_closure == pytest.approx(1.0, abs=1e-4)
    by_name = {balance.name: balance for balance in units}
    assert by_name["vacuum_unit"].mass_closure == pytest.approx(1.0, abs=1e-6)
    assert by_name["hydrotreater"].mass_closure == pytest.approx(0.985, abs=1e-6)
    assert not by_name["fcc"].without_density
    assert 0.85 < by_name["fcc"].mass_closure < 0.95  # coke and gas leave
    for balance in stream_balances(plan):
        assert balance.volume_closure == pytest.approx(1.0, abs=1e-6)
    whole = refinery_balance(plan)
    assert not whole.without_density  # lpg has a density though no specification asks for it
    assert plan.flows.density("lpg") == pytest.approx(540.0)
    lost = math.fsum(one.mass_in - one.mass_out for one in units)
    assert whole.mass_in - whole.mass_out == pytest.approx(lost, rel=1e-3)
    assert whole.volume_in == pytest.approx(plan.flow_vol_feed)
    assert whole.volume_out == pytest.approx(sum(blend.flow_vol for blend in plan.blends))


def test_json_holds_what_the_page_shows(plan: Plan) -> None:
    payload = json.loads(json.dumps(report_payload(plan), allow_nan=False))
    assert payload["objective_usd_h"] == plan.objective
    units = {unit["name"]: unit for unit in payload["material_balance"]["units"]}
    assert 0.85 < units["fcc"]["mass_closure"] < 0.95
    assert len(payload["giveaway"]) == len(giveaways(plan))


def test_page_of_modes_purchases_and_ratio_rows(published: Any) -> None:
    entry = williams_entry(published("williams_refinery.json"))
    plan = solve_case(case_from_entry(entry, Path(), "williams"))
    page = read(plan_page(plan))
    assert 24.0 * number(row(page, "profit", 3)[1]) == pytest.approx(211_365.13, abs=12.0)
    assert number(row(page, "distillation", 8)[6]) == pytest.approx(4.47138, abs=0.005)
    assert row(page, "premium share", 5)[3] == "yes"
    for balance in (*unit_balances(plan)[1:], *stream_balances(plan)):
        assert balance.volume_in > 0.0 or not balance.outs
    for balance in stream_balances(plan):
        if balance.outs:
            assert balance.volume_closure == pytest.approx(1.0, abs=1e-6)
    bought = {line.name: line.flow_vol * KBBL_D for line in refinery_balance(plan).ins}
    assert bought == pytest.approx({"C1": 15.0, "C2": 30.0}, abs=1e-4)


@pytest.mark.slow
def test_names_are_escaped_wherever_they_stand(tmp_path: Path) -> None:
    evil = 'a<u>&"c"'
    text = CASE_FILE.read_text(encoding="utf-8")
    text = text.replace("../assays", str(CASE_FILE.parent.parent / "assays"))
    for name in ("three_crudes", "maya:", "fcc:", "reformate", "diesel:"):
        bare = name.rstrip(":")
        quoted = json.dumps(f"{evil} {bare}") + (":" if name.endswith(":") else "")
        text = re.sub(rf"\b{re.escape(name)}(?!\.yaml)", lambda _, new=quoted: new, text)
    file = tmp_path / "case.yaml"
    file.write_text(text, encoding="utf-8")
    page = plan_page(solve_case(load_case(file), stage="lp"))
    reader = read(page)
    assert "<u>" not in page
    assert f"Plan of {evil} three crudes" in reader.words
    assert any(cells[:1] == [f"{evil} maya"] for cells in reader.rows)


def test_tables_that_the_page_shows_in_its_own_way_are_in_the_report(plan: Plan) -> None:
    assert set(SHOWN) <= {table.title for table in plan_tables(plan)}
