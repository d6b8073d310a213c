"""Pages of systems and of case stacks: whole, self-contained, escaped, with the right numbers."""

import json
import math

import pytest

from operator_agent.planning.casework.comparison import compare
from operator_agent.planning.casework.stack_row import StackResult, StackRow
from operator_agent.planning.casework.tree import load_tree
from operator_agent.planning.casework.watch import Watched
from operator_agent.planning.plan import Plan
from operator_agent.planning.system.reader import load_system
from operator_agent.planning.system.solve import solve_system
from operator_agent.planning.system.system_plan import SystemPlan
from operator_agent.planning.webreport.bars import signed_bars
from operator_agent.planning.webreport.flow_graph import NodeKind, flow_graph
from operator_agent.planning.webreport.payload import system_payload
from operator_agent.planning.webreport.stack_page import stack_page
from operator_agent.planning.webreport.stock_chart import stock_charts
from operator_agent.planning.webreport.system_page import system_page
from operator_agent.units import OIL_BARREL_M3

from .conftest import CASE_FILE
from .test_webreport_page import number, read, row


def stack() -> StackResult:
    rows = (
        StackRow("base", "1", profit=20_000.0, watched={"crudes.maya": 15.0}, active=("unit:fcc",)),
        StackRow("a<u>&b", "2", profit=-1_500.5, watched={"crudes.maya": 10.5}),
        StackRow("lost", "3", error="limits <conflict>", error_kind="LimitsConflictError"),
    )
    return StackResult("lp", (Watched("crudes.maya", "kbbl/d"),), rows)


def test_stack_page_shows_cases_and_differences() -> None:
    text = stack_page(stack())
    page = read(text)
    assert "<u>" not in text and "<conflict>" not in text
    assert row(page, "base", 3)[1:] == ["20,000", "15.00"]
    assert row(page, "a<u>&b", 3)[1:] == ["-1,500", "10.50"]
    assert row(page, "difference", 3)[1:] == ["-21,500", "-4.50"]
    assert ["lost", "–", "–"] in page.rows
    assert ["lost", "limits <conflict>"] in page.rows
    assert "2 of 3 cases have a plan" in text
    assert row(page, "unit fcc", 3)[1:] == ["●", ""]


def test_stack_page_tells_what_every_case_changes() -> None:
    root = load_tree(CASE_FILE)
    heavy = root.changed("heavy", {"crudes.maya.price": {"plus": "-4 usd/bbl"}}, "a <u>discount")
    page = read(stack_page(stack(), cases=[root, heavy]))
    told = ["heavy", "three crudes", "a <u>discount", "crudes.maya.price", "plus -4 usd/bbl"]
    assert told in page.rows


def test_stack_page_shows_comparisons(plan: Plan, linear_plan: Plan) -> None:
    text = stack_page(stack(), [compare(plan, linear_plan)])
    read(text)
    assert "From three_crudes" in text


def test_bars_hold_losses_and_cases_without_a_plan() -> None:
    picture = signed_bars([("gain", 10.0), ("loss", -5.0), ("none", math.nan)])
    read(picture)
    assert ">10<" in picture and ">-5<" in picture and ">–<" in picture


@pytest.fixture(scope="module")
def sites() -> SystemPlan:
    return solve_system(load_system(CASE_FILE.with_name("two_sites.yaml")), stage="lp")


@pytest.mark.slow
def test_system_page_shows_money_and_stocks(sites: SystemPlan) -> None:
    text = system_page(sites)
    page = read(text)
    assert "http" not in text and "url(" not in text and "<script" not in text
    assert number(row(page, "all", 5)[4]) == pytest.approx(sites.total_profit, abs=0.51)
    assert text.count("<h2>Flows ") == len(sites.plans)
    json.dumps(system_payload(sites), allow_nan=False)


@pytest.mark.slow
def test_stock_charts_show_every_stock(sites: SystemPlan) -> None:
    charts = stock_charts(sites)
    tanks = {(one.plant, one.tank.key) for one in sites.tanks}
    assert len(charts) == len(tanks)
    drawn = "".join(charts)
    assert drawn.count("<circle") == len(sites.tanks) + len(tanks)
    for one in sites.tanks:
        assert f"{one.closing / OIL_BARREL_M3 / 1e3:,.1f} kbbl</title>" in drawn


@pytest.mark.slow
def test_what_streams_gain_in_a_plant_comes_from_tanks_and_other_plants(sites: SystemPlan) -> None:
    for (plant, period), one in sites.plans.items():
        for node in flow_graph(one).nodes:
            if node.kind is not NodeKind.STREAM:
                continue
            stocks = sum(
                (x.opening - x.closing) / length
                for x in sites.tanks
                for length in [next(p.length_s for p in sites.system.periods if p.name == period)]
                if (x.plant, x.period, x.tank.key) == (plant, period, ("stream", node.name))
            )
            moved = sum(
                x.flow * ((x.route.target == plant) - (x.route.source == plant))
                for x in sites.routes
                if x.period == period
                and x.route.goods.value == "stream"
                and node.name in (x.route.item, x.route.arrives_as)
            )
            assert node.gain == pytest.approx(stocks + moved, abs=2e-5)
