"""The refineries of Williams and Pike: published optima, marginals and ranges, and their kin."""

import copy
from typing import Any

import pytest

from operator_agent.errors import InputError
from operator_agent.planning.analysis.ranging import range_program
from operator_agent.planning.linear import compile_linear, solve_linear
from operator_agent.planning.outcome import Solution
from operator_agent.planning.published.pike import build_pike, pike_refinery, published_pike
from operator_agent.planning.published.williams import build_williams, williams_refinery


def solved_williams(raw: Any) -> Solution:
    return solve_linear(compile_linear(build_williams(williams_refinery(raw, "test"))))


def solved_pike(raw: Any) -> Solution:
    return solve_linear(compile_linear(build_pike(pike_refinery(raw, "test"))))


@pytest.fixture
def williams(published: Any) -> Any:
    return published("williams_refinery.json")


@pytest.fixture
def pike(published: Any) -> Any:
    return published("pike.json")


def test_williams_reaches_the_published_plan_and_marginals(williams: Any) -> None:
    found = solved_williams(williams)
    assert found.profit == pytest.approx(211_365.13, abs=0.01)
    values = {v.name: x for v, x in zip(found.variables, found.x, strict=True)}
    assert values["crude[C1]"] == pytest.approx(15_000.0)
    assert values["crude[C2]"] == pytest.approx(30_000.0)
    assert sum(x for n, x in values.items() if n.startswith("jet[")) == pytest.approx(15_156.0)
    marginals = found.marginal_of()
    for name, value in {
        "cdu": 4.47138,
        "cracking": 0.68207,
        "reforming": 0.0,
        "premium": -0.12219,  # of the row premium - 0.4 regular >= 0
        "crude[C2]": 0.26488,
        "lube": -6.5,
    }.items():
        assert marginals[name] == pytest.approx(value, abs=1e-5), name


def test_williams_has_the_published_ranges(williams: Any) -> None:
    model = build_williams(williams_refinery(williams, "test"))
    ranges = range_program(compile_linear(model))
    cdu = next(row for row in ranges.rows if row.name == "cdu")
    assert (cdu.low, cdu.high) == (pytest.approx(31_587.8, abs=0.1), pytest.approx(50_000.0))
    crude = next(column for column in ranges.columns if column.name == "crude[C1]")
    assert crude.low == pytest.approx(-4.471, abs=1e-3)
    assert crude.high == pytest.approx(0.265, abs=1e-3)


def test_a_marginal_of_williams_is_what_more_capacity_earns(williams: Any) -> None:
    more = copy.deepcopy(williams)
    more["distillation"]["capacity"] += 100.0
    gain = solved_williams(more).profit - solved_williams(williams).profit
    assert gain == pytest.approx(447.138, abs=1e-2)


def test_a_third_crude_like_the_second_is_worth_the_marginal_of_the_second(williams: Any) -> None:
    third = copy.deepcopy(williams)
    third["crudes"]["C3"] = {"max": 100.0}
    third["distillation"]["yields"]["C3"] = third["distillation"]["yields"]["C2"]
    gain = solved_williams(third).profit - solved_williams(williams).profit
    assert gain == pytest.approx(26.488, abs=1e-2)


def test_williams_names_what_is_wrong(williams: Any) -> None:
    for change, said in (
        (lambda c: c["crudes"].update(C9={"max": 1.0}), "crude 'C9' has no distillation.yields"),
        (lambda c: c["octane"].update(XX=90.0), "stream 'XX' is used and nothing makes it"),
        (lambda c: c.update(capcity=3), "unknown key 'capcity'"),
        (lambda c: c["profit_per_bbl"].pop("jet"), "profit_per_bbl has no 'jet'"),
        (lambda c: c["lube"].update(min="much"), "lube.min is 'much'"),
    ):
        wrong = copy.deepcopy(williams)
        change(wrong)
        with pytest.raises(InputError, match=said):
            williams_refinery(wrong, "test")


def test_pike_reaches_the_textbook_value_with_the_textbook_octane(pike: Any) -> None:
    case, note = published_pike(pike_refinery(pike, "test"))
    found = solve_linear(compile_linear(build_pike(case)))
    assert found.profit == pytest.approx(701_823.43, abs=0.01)
    assert "87" in note
    assert solved_pike(pike).profit == pytest.approx(708_164.316, abs=0.001)


def test_pike_under_another_name_stays_as_it_is(pike: Any) -> None:
    case, note = published_pike(pike_refinery(pike | {"name": "my_refinery"}, "test"))
    assert note == ""
    assert case.known_optimum is None
    assert case.spec["regular"]["octane_min"] == 83


def test_pike_names_what_is_wrong(pike: Any) -> None:
    for change, said in (
        (lambda c: c["spec"]["diesel"].update(colour_max=1.0), "colour_max is on no property"),
        (lambda c: c["octane"].pop("CCG"), "octane of 'CCG' is missing"),
        (lambda c: c["prices"].pop("diesel"), "prices has no 'diesel'"),
        (lambda c: c["capacity"].pop("RF"), "key 'RF' is missing"),
    ):
        wrong = copy.deepcopy(pike)
        change(wrong)
        with pytest.raises(InputError, match=said):
            pike_refinery(wrong, "test")
