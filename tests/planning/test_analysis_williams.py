"""Ranging, two-sided and explained marginals of Williams' refinery, against published numbers.

H. P. Williams, Model Building in Mathematical Programming, 5th ed., problem 12.6; the ranges are
those that HiGHS gives for the published numbers as they are.
"""

import gc
import math
from pathlib import Path
from typing import Any

import pytest

from operator_agent.planning.analysis.base import linear_base
from operator_agent.planning.analysis.decomposition import explain, explain_columns
from operator_agent.planning.analysis.matrix import matrix_statistics
from operator_agent.planning.analysis.ranging import range_program
from operator_agent.planning.analysis.tangent import Tangent
from operator_agent.planning.analysis.two_sided import row_marginals
from operator_agent.planning.case_file import case_from_entry
from operator_agent.planning.linear import LinearProgram, compile_linear, solve_linear
from operator_agent.planning.published.williams import build_williams, williams_refinery
from operator_agent.planning.quantities import in_unit

from .williams_case import williams_entry


@pytest.fixture
def program(published: Any) -> LinearProgram:
    data = published("williams_refinery.json")
    return compile_linear(build_williams(williams_refinery(data, "test")))


def test_names_stay_when_only_the_program_is_held(program: LinearProgram) -> None:
    gc.collect()
    assert "crude[C1]" in {column.name for column in range_program(program).columns}


def test_ranges_are_the_published_ones(program: LinearProgram) -> None:
    found = range_program(program)
    rows = {row.name: row for row in found.rows}
    columns = {column.name: column for column in found.columns}
    assert (rows["cdu"].low, rows["cdu"].high) == pytest.approx((31_587.8, 50_000.0), abs=0.1)
    assert rows["cdu"].marginal == pytest.approx(4.47138, abs=1e-5)
    assert rows["cracking"].marginal == pytest.approx(0.68207, abs=1e-5)
    assert rows["reforming"].marginal == 0.0
    assert (rows["reforming"].low, rows["reforming"].high) == (
        pytest.approx(5406.86, abs=0.01),
        math.inf,
    )
    # A crude may cost up to 4.471 or earn up to .265 a barrel before another plan is better.
    first = columns["crude[C1]"]
    assert (first.low, first.high) == pytest.approx((-4.471, 0.265), abs=1e-3)
    assert columns["crude[C2]"].reduced == pytest.approx(0.26488, abs=1e-5)
    assert columns["lube"].reduced == pytest.approx(-6.5)
    assert columns["lube"].high == pytest.approx(8.0)  # from here on more than the least is made


def test_both_sides_of_every_marginal_agree_where_the_plan_is_no_corner(
    program: LinearProgram,
) -> None:
    solution = solve_linear(program)
    sides = {one.name: one for one in row_marginals(program, solution)}
    for one in sides.values():
        assert one.more - 1e-7 <= one.solver <= one.less + 1e-7, one.name
    cdu = sides["cdu"]
    assert (cdu.more, cdu.less) == pytest.approx((4.47138, 4.47138), abs=1e-5)
    assert (45_000 - cdu.less_for, 45_000 + cdu.more_for) == pytest.approx(
        (31_587.8, 50_000.0), abs=0.1
    )
    ratio = sides["premium"]
    assert abs(ratio.solver) == pytest.approx(0.12219, abs=1e-5)


def test_the_parts_of_every_marginal_add_up_to_it(program: LinearProgram) -> None:
    solution = solve_linear(program)
    tangent = Tangent(program, solution)
    for index, row in enumerate(program.rows):
        step = tangent.row(index, 1.0)
        parts = explain_columns(program, step)
        total = sum(part.money for part in parts)
        assert total == pytest.approx(step.gain, rel=1e-8, abs=1e-9), row.name
        assert total == pytest.approx(solution.marginals[index], rel=1e-8, abs=1e-9), row.name


def test_a_barrel_of_cdu_capacity_is_a_barrel_of_crude_and_what_follows(
    program: LinearProgram,
) -> None:
    names = [variable.name for variable in program.variables]
    row = next(index for index, row in enumerate(program.rows) if row.name == "cdu")
    step = Tangent(program, solve_linear(program)).row(row, 1.0)
    change = dict(zip(names, step.change, strict=True))
    assert change["crude[C1]"] + change["crude[C2]"] == pytest.approx(1.0)
    assert change["crude[C2]"] == pytest.approx(0.0, abs=1e-9)  # it stands at its maximum


def test_the_refinery_as_an_ordinary_case_has_the_same_marginals(published: Any) -> None:
    data = published("williams_refinery.json")
    base = linear_base(case_from_entry(williams_entry(data), Path(), "test"))
    found = explain(base, "unit:distillation:feed:max")
    assert in_unit(found.gain, "usd/bbl") == pytest.approx(4.47138, abs=1e-4)
    assert found.total == pytest.approx(found.gain, rel=1e-8)
    crude = [part.change for part in found.parts if part.group == "purchase"]
    assert sum(crude) == pytest.approx(0.0, abs=1e-9)  # its crudes cost nothing, so none is a part
    less = explain(base, "unit:distillation:feed:max", "less")
    assert less.gain == pytest.approx(-found.gain, rel=1e-8)


def test_the_matrix_is_sound(program: LinearProgram) -> None:
    found = matrix_statistics(program)
    assert (found.rows, found.columns) == (len(program.rows), len(program.variables))
    assert not found.findings
    assert found.scaled.high == 1.0
