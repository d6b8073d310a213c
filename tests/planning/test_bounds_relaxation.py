"""Relaxations and the tightening of bounds: no feasible point may be lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram, bilinear_program
from operator_agent.planning.bounds.box import Box, first_box, narrowed
from operator_agent.planning.bounds.cancelled_factors import cancel_factors
from operator_agent.planning.bounds.lifted_rows import lifted_rows, multiplied_rows
from operator_agent.planning.bounds.linear_relaxation import (
    LinearRelaxation,
    RelaxationStop,
    relaxation_within,
    safe_dual_bound,
    solve_relaxation,
)
from operator_agent.planning.bounds.quality_ranges import QualityRanges

SIZE = 6


def random_program(seed: int) -> tuple[BilinearProgram, FloatArray]:
    """Return a program with a few random products, and a feasible point of it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 3.0, SIZE)
    rows = 5
    linear = rng.integers(-2, 3, (rows, SIZE)).astype(float)
    terms = [
        (r, int(i), int(j), float(v))
        for r in range(rows)
        for i, j, v in zip(
            rng.integers(0, SIZE, 2), rng.integers(0, SIZE, 2), rng.integers(-2, 3, 2), strict=True
        )
    ]
    value = linear @ x
    for r, i, j, v in terms:
        value[r] += v * x[i] * x[j]
    equal = rng.random(rows) < 0.5
    slack = rng.uniform(0.0, 1.0, rows)
    at = np.nonzero(linear)
    program = bilinear_program(
        tuple(f"x{k}" for k in range(SIZE)),
        tuple(f"row{k}" for k in range(rows)),
        (at[0], at[1], linear[at]),
        tuple(zip(*terms, strict=True)),  # type: ignore[arg-type]
        (np.where(equal, value, value - slack), np.where(equal, value, np.inf)),
        (np.zeros(SIZE), rng.uniform(3.0, 6.0, SIZE)),
        (rng.integers(-3, 4, SIZE).astype(float), 1.0, bool(seed % 2)),
        np.zeros(SIZE, dtype=bool),
        x,
    )
    return program, x


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_narrowing_keeps_points_that_are_good_enough(seed: int) -> None:
    program, x = random_program(seed)
    rows = multiplied_rows(lifted_rows(program), 2)
    point = rows.point(x)
    box = first_box(rows, program.low, program.high)
    cutoff = float(rows.cost @ point) + 1e-9
    box = narrowed(rows, box, cutoff, 50)
    assert not box.is_empty()
    assert box.holds(point, 1e-9)
    found = solve_relaxation(relaxation_within(rows, box), 10.0)
    assert found.stop is RelaxationStop.BOUNDED
    assert found.bound <= cutoff + 1e-7


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_multiplied_rows_hold_at_feasible_points(seed: int) -> None:
    program, x = random_program(seed)
    rows = multiplied_rows(lifted_rows(program), 3)
    value = rows.matrix @ rows.point(x)
    assert np.all(value >= rows.row_low - 1e-9)
    assert np.all(value <= rows.row_high + 1e-9)


@given(st.integers(0, 10_000), st.floats(-1.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_any_dual_values_give_a_lower_bound(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    matrix = sparse.csr_matrix(rng.integers(-3, 4, (4, 5)).astype(float))
    x = rng.uniform(0.0, 1.0, 5)
    cost = rng.normal(size=5)
    value = matrix @ x
    relaxation = LinearRelaxation(
        cost, matrix, value - rng.random(4), value + rng.random(4), np.zeros(5), np.ones(5)
    )
    stacked = sparse.vstack([matrix, -matrix])
    limits = np.concatenate([relaxation.row_high, -relaxation.row_low])
    best = linprog(cost, A_ub=stacked, b_ub=limits, bounds=[(0.0, 1.0)] * 5)
    assert best.status == 0
    duals = best.ineqlin.marginals[:4] - best.ineqlin.marginals[4:]
    assert safe_dual_bound(relaxation, duals) == pytest.approx(best.fun, abs=1e-7)
    assert safe_dual_bound(relaxation, duals) <= best.fun + 1e-12
    assert safe_dual_bound(relaxation, duals + noise * rng.normal(size=4)) <= best.fun + 1e-12


def test_unbounded_column_gives_no_bound_unless_its_sign_is_right() -> None:
    matrix = sparse.csr_matrix(np.array([[1.0, 1.0]]))
    low, high = np.zeros(2), np.array([np.inf, 1.0])
    rising = LinearRelaxation(
        np.array([1.0, 1.0]), matrix, np.array([0.5]), np.array([np.inf]), low, high
    )
    assert safe_dual_bound(rising, np.zeros(1)) == pytest.approx(0.0, abs=1e-12)
    assert safe_dual_bound(rising, np.array([2.0])) == -np.inf


def test_rows_that_conflict_are_proven_empty() -> None:
    program = bilinear_program(
        ("x", "y"),
        ("product", "sum"),
        ([1, 1], [0, 1], [1.0, 1.0]),
        ([0], [0], [1], [1.0]),
        (np.array([2.0, -np.inf]), np.array([np.inf, 2.0])),
        (np.zeros(2), np.full(2, 2.0)),
        (np.zeros(2), 0.0, False),
        np.zeros(2, dtype=bool),
        np.zeros(2),
    )
    rows = lifted_rows(program)
    halves = Box(np.array([1.0, 1.0, 2.0]), np.array([1.2, 1.0 - 1e-3, 4.0]))
    assert halves.is_empty()
    box = Box(np.array([0.0, 0.0, 2.0]), np.array([2.0, 2.0, 4.0]))
    small = Box(np.array([0.0, 0.0, 2.0]), np.array([0.9, 2.0, 4.0]))
    assert solve_relaxation(relaxation_within(rows, box), 5.0).stop is RelaxationStop.BOUNDED
    assert solve_relaxation(relaxation_within(rows, small), 5.0).stop is RelaxationStop.EMPTY


def lossy_unit() -> tuple[BilinearProgram, FloatArray]:
    """Return a unit with a loss: R = F q, m + m q = F y + R y, and a point of it."""
    flow, share, yields = 3.0, 0.05, 0.6
    x = np.array([flow, share, yields, flow * share, flow * yields])
    program = bilinear_program(
        ("F", "q", "y", "R", "m"),
        ("loss", "product"),
        ([0, 1], [3, 4], [1.0, 1.0]),
        ([0, 1, 1, 1], [0, 4, 0, 3], [1, 1, 2, 2], [-1.0, 1.0, -1.0, -1.0]),
        (np.zeros(2), np.zeros(2)),
        (np.zeros(5), np.array([5.0, 0.1, 1.0, np.inf, np.inf])),
        (np.array([0.0, 0.0, 0.0, 0.0, -1.0]), 0.0, False),
        np.zeros(5, dtype=bool),
        x,
    )
    return program, x


def test_a_common_factor_is_cancelled_and_nothing_else() -> None:
    program, x = lossy_unit()
    assert program.violation(x) < 1e-12
    shorter = cancel_factors(program)
    assert shorter.violation(x) < 1e-12
    assert len(shorter.term_coef) == 2  # R = F q and m = F y
    rng = np.random.default_rng(1)
    for _ in range(20):  # the same points satisfy both
        f, q, y = rng.uniform(0.0, [5.0, 0.1, 1.0])
        point = np.array([f, q, y, f * q, f * y])
        assert program.violation(point) < 1e-12
        assert shorter.violation(point) < 1e-12
        point[4] += 0.1
        assert program.violation(point) > 1e-3
        assert shorter.violation(point) > 1e-3


def test_a_factor_that_could_be_zero_is_not_cancelled() -> None:
    program, _ = lossy_unit()
    program.low[1] = -2.0
    assert len(cancel_factors(program).term_coef) == 4


def blender(parts: tuple[float, float]) -> BilinearProgram:
    """Return q (F1 + F2) = parts F, F = F1 + F2, q unbounded and specified at a product of it."""
    return bilinear_program(
        ("F1", "F2", "F", "q"),
        ("flow", "quality"),
        ([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [1.0, 1.0, -1.0, -parts[0], -parts[1]]),
        ([1], [2], [3], [1.0]),
        (np.zeros(2), np.zeros(2)),
        (np.zeros(4), np.array([5.0, 5.0, np.inf, np.inf])),
        (np.zeros(4), 0.0, False),
        np.zeros(4, dtype=bool),
        np.zeros(4),
    )


@given(st.floats(1e-4, 1e4), st.floats(1e-4, 1e4))
@settings(max_examples=30, deadline=None)
def test_a_blend_lies_between_its_parts(first: float, second: float) -> None:
    program = blender((first, second))
    rows = lifted_rows(program)
    box = first_box(rows, program.low, program.high)
    box = QualityRanges(program, rows, box).narrowed(box, 3, np.inf)
    low, high = min(first, second), max(first, second)
    assert box.low[3] == pytest.approx(low, rel=1e-6, abs=1e-9)
    assert box.high[3] == pytest.approx(high, rel=1e-6, abs=1e-9)
    assert box.low[3] <= low
    assert box.high[3] >= high


def test_a_quality_that_matters_without_its_flow_keeps_its_range() -> None:
    program = blender((1.0, 2.0))
    linear = program.linear.tolil()
    linear[0, 3] = 1e-3  # now q stands in a linear row too
    tied = bilinear_program(
        program.columns,
        program.rows,
        sparse.find(linear),
        (program.term_row, program.term_left, program.term_right, program.term_coef),
        (program.row_low, program.row_high),
        (program.low, program.high),
        (program.cost, 0.0, False),
        program.integer,
        program.start,
    )
    rows = lifted_rows(tied)
    box = first_box(rows, tied.low, tied.high)
    after = QualityRanges(tied, rows, box).narrowed(box, 3, np.inf)
    assert after.high[3] == np.inf
