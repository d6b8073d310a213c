"""Dense QPs: certificates, an independent solver, degenerate and infeasible ones, faults."""

from dataclasses import dataclass

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine import compiled_qp
from operator_agent.mpc.engine.dense_qp import DenseQp, QpMethod, QpSolution
from operator_agent.mpc.engine.primal_dual import primal_dual
from operator_agent.plant.vector.compiled import find_compiler

METHODS = [
    QpMethod.DAQP,
    QpMethod.PRIMAL_DUAL,
    pytest.param(
        QpMethod.COMPILED,
        marks=pytest.mark.skipif(find_compiler() is None, reason="no C compiler"),
    ),
]
EXACT = 1e-8  # KKT residual of a solution


@dataclass(frozen=True, slots=True)
class Data:
    """One QP."""

    hessian: FloatArray
    gradient: FloatArray
    rows: FloatArray
    row_low: FloatArray
    row_high: FloatArray
    low: FloatArray
    high: FloatArray

    def into(self, method: QpMethod) -> DenseQp:
        qp = DenseQp(self.gradient.size, self.row_low.size, method)
        self.write(qp)
        return qp

    def write(self, qp: DenseQp) -> None:
        for name in Data.__slots__:
            getattr(qp, name)[:] = getattr(self, name)


def random_qp(seed: int, n: int, m: int, slacks: int, share_equal: float = 0.1) -> Data:
    """Return a feasible QP whose last variables are slacks with a diagonal Hessian."""
    rng = np.random.default_rng(seed)
    moves = n - slacks
    root = rng.normal(size=(moves, moves + 2)) * 10.0 ** rng.uniform(-1.5, 1.0, size=(moves, 1))
    hessian = np.zeros((n, n))
    hessian[:moves, :moves] = root @ root.T + 1e-3 * np.eye(moves)
    hessian[range(moves, n), range(moves, n)] = 10.0 ** rng.uniform(-1.0, 4.0, slacks)
    rows = rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.7)
    rows[:, moves:] = 0.0
    if slacks:
        rows[np.arange(m), moves + rng.integers(0, slacks, m)] = -1.0
    inside = rng.normal(size=n)
    values = rows @ inside
    side = rng.random(m)
    row_low = np.where(side < 0.4, -np.inf, values - rng.exponential(1.0, m))
    row_high = np.where(side > 0.6, np.inf, values + rng.exponential(1.0, m))
    tied = rng.random(m) < share_equal * min(1.0, n / (2.0 * m + 1.0))
    row_low[tied] = row_high[tied] = values[tied]
    low = np.where(rng.random(n) < 0.3, -np.inf, inside - rng.exponential(0.5, n))
    high = np.where(rng.random(n) < 0.3, np.inf, inside + rng.exponential(0.5, n))
    return Data(hessian, 5.0 * rng.normal(size=n), rows, row_low, row_high, low, high)


def by_piqp(data: Data) -> FloatArray:
    """Return the solution of an interior-point solver."""
    n, m = data.gradient.size, data.row_low.size
    shape = {"h": ca.Sparsity.dense(n, n), "a": ca.Sparsity.dense(m, n)}
    tight = {"eps_abs": 1e-10, "eps_rel": 1e-10, "max_iter": 500}
    solver = ca.conic("piqp", "piqp", shape, {"piqp": tight})
    found = solver(h=ca.DM(data.hessian.tolist()), g=data.gradient.tolist(),
                   a=ca.DM(data.rows.tolist()), lba=data.row_low.tolist(),
                   uba=data.row_high.tolist(), lbx=data.low.tolist(),
                   ubx=data.high.tolist())  # fmt: skip
    x: FloatArray = found["x"].full().ravel()
    return x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(6))
def test_answer_is_that_of_an_interior_point_solver(method: QpMethod, seed: int):
    data = random_qp(seed, 8 + 5 * seed, 20 + 9 * seed, 4 * (seed % 3))
    qp = data.into(method)
    solution = qp.solve()
    assert solution.success
    assert qp.kkt_residual(solution) < EXACT
    other = by_piqp(data)
    assert solution.x == pytest.approx(other, abs=1e-3)
    ours, theirs = (0.5 * x @ data.hessian @ x + data.gradient @ x for x in (solution.x, other))
    assert ours == pytest.approx(theirs, rel=1e-7)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 30),
    m=st.integers(0, 60),
    slacks=st.integers(0, 30),
)
def test_any_start_gives_the_cold_answer_and_its_certificate(seed, n, m, slacks):
    data = random_qp(seed, n, m, min(slacks, n))
    qp = data.into(QpMethod.COMPILED)
    cold = qp.solve()
    assert cold.success and qp.kkt_residual(cold) < EXACT
    rng = np.random.default_rng(seed)
    wild = rng.integers(-1, 2, n + m).astype(float)
    for start in (cold.working_set, -cold.working_set, wild):
        warm = qp.solve(start)
        assert warm.success and qp.kkt_residual(warm) < EXACT
        assert warm.x == pytest.approx(cold.x, abs=1e-7)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 30),
    m=st.integers(1, 60),
    slacks=st.integers(0, 30),
)
def test_after_other_limits_of_rows_the_old_factors_give_the_cold_answer(seed, n, m, slacks):
    data = random_qp(seed, n, m, min(slacks, n), share_equal=0.0)
    qp, rng = data.into(QpMethod.COMPILED), np.random.default_rng(seed)
    found = qp.solve()
    for size in (1e-3, 0.1, 1.0, 10.0, 0.1):
        moved = size * rng.normal(size=m)
        qp.row_low[:], qp.row_high[:] = data.row_low + moved, data.row_high + moved
        found = qp.solve_again(found.working_set)
        cold = DenseQp(n, m)
        for own, other in zip(cold.arrays, qp.arrays, strict=True):
            own[:] = other
        expected = cold.solve()
        solved, solvable = (
            one.success and bool(qp.kkt_residual(one) < EXACT) for one in (found, expected)
        )
        assert solved == solvable  # DAQP calls its answers to infeasible QPs a success
        if solved:
            assert found.x == pytest.approx(expected.x, abs=1e-7)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 30),
    m=st.integers(0, 60),
    slacks=st.integers(0, 30),
)
def test_old_factors_give_the_cold_answer_whatever_else_has_changed(seed, n, m, slacks):
    """Gradient and limits move, limits open and close, starts are good, wild or none."""
    data = random_qp(seed, n, m, min(slacks, n))
    qp, rng = data.into(QpMethod.COMPILED), np.random.default_rng(seed)
    found = qp.solve(matrices=1)
    for size in (1e-3, 0.1, 1.0, 10.0, 0.1):
        qp.gradient[:] = data.gradient + size * rng.normal(size=n)
        for low, high, first_low, first_high in (
            (qp.row_low, qp.row_high, data.row_low, data.row_high),
            (qp.low, qp.high, data.low, data.high),
        ):
            moved = size * rng.normal(size=low.size)
            low[:], high[:] = first_low + moved, first_high + moved
            low[rng.random(low.size) < 0.1] = -np.inf
            high[rng.random(low.size) < 0.1] = np.inf
        wild = rng.integers(-1, 2, n + m).astype(float)
        start = (found.working_set, wild, None)[int(rng.integers(3))]
        found, cold = qp.solve(start, matrices=1), DenseQp(n, m)
        for own, other in zip(cold.arrays, qp.arrays, strict=True):
            own[:] = other
        expected = cold.solve()
        solved, solvable = (
            one.success and bool(qp.kkt_residual(one) < EXACT) for one in (found, expected)
        )
        assert solved == solvable
        if solved:
            again = cold.solve(start)
            assert found.x == pytest.approx(expected.x, abs=1e-7)
            assert np.array_equal(found.x, again.x)  # what is kept leaves no trace


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@pytest.mark.parametrize("name", Data.__slots__)
def test_nan_is_found_when_old_factors_serve(name: str):
    qp = random_qp(1, 6, 8, 2).into(QpMethod.COMPILED)
    start = qp.solve().working_set
    array = getattr(qp, name)
    array[np.unravel_index(array.size // 2, array.shape)] = np.nan
    found = qp.solve_again(start)
    assert not (found.success and qp.kkt_residual(found) < 1e-6)


def test_the_primal_dual_iteration_solves_an_obstacle_problem_from_nothing():
    n = 20  # a string over an obstacle: the class of problems for which it is known to converge
    place = np.linspace(-1.0, 1.0, n)
    hessian = 2.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    obstacle, open_side = 0.5 - 2.0 * place**2, np.full(n, np.inf)
    none = np.zeros((0, n)), np.zeros(0), np.zeros(0)
    data = Data(hessian, np.full(n, 1e-3), *none, obstacle, open_side)
    limits = (obstacle, open_side)
    point = primal_dual(data.hessian, data.gradient, data.rows, limits, None)
    assert point is not None
    assert point.x == pytest.approx(data.into(QpMethod.DAQP).solve().x, abs=1e-6)
    again = primal_dual(data.hessian, data.gradient, data.rows, limits, point.side)
    assert again is not None and np.array_equal(again.side, point.side)
    qp = data.into(QpMethod.PRIMAL_DUAL)
    assert qp.kkt_residual(qp.solve(point.side)) < EXACT


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_the_working_set_names_the_limits_that_hold():
    data = Data(np.eye(2), np.array([-3.0, 2.0]), np.array([[1.0, 1.0]]), np.array([-np.inf]),
                np.array([5.0]), np.array([-1.0, -1.0]), np.array([1.0, np.inf]))  # fmt: skip
    solution = data.into(QpMethod.COMPILED).solve()
    assert solution.x == pytest.approx([1.0, -1.0])
    assert solution.working_set.tolist() == [1.0, -1.0, 0.0]
    assert solution.bound_prices == pytest.approx([2.0, -1.0])


@pytest.mark.parametrize("method", METHODS)
def test_limits_said_twice_do_no_harm(method: QpMethod):
    data = random_qp(3, 12, 10, 4, share_equal=0.0)
    twice = Data(data.hessian, data.gradient, np.vstack([data.rows] * 3 + [np.eye(12)]),
                 np.concatenate([data.row_low] * 3 + [data.low]),
                 np.concatenate([data.row_high] * 3 + [data.high]),
                 data.low, data.high)  # fmt: skip
    qp = twice.into(method)
    solution = qp.solve(np.ones(12 + 42))
    assert solution.success and qp.kkt_residual(solution) < 1e-6
    assert solution.x == pytest.approx(data.into(method).solve().x, abs=1e-6)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_equalities_hold_even_when_one_follows_from_the_others():
    rows = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 2.0, 1.0]])
    wanted = np.array([1.0, 2.0, 3.0])
    wide = np.full(3, np.inf)
    data = Data(np.diag([1.0, 2.0, 3.0]), np.zeros(3), rows, wanted, wanted, -wide, wide)
    qp = data.into(QpMethod.COMPILED)
    solution = qp.solve()
    assert solution.success and rows @ solution.x == pytest.approx(wanted, abs=1e-8)
    assert qp.kkt_residual(solution) < 1e-6


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_infeasible_and_non_convex_are_never_a_success(method: QpMethod, start: float):
    one = np.ones(1)
    apart = Data(np.eye(1), one, np.eye(1), 2.0 * one, 3.0 * one, -one, one)
    crossed = Data(np.eye(1), one, np.eye(1), -one, one, one, -one)
    tied = Data(np.eye(2), np.zeros(2), np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([1.0, 3.0]),
                np.array([1.0, 3.0]), np.full(2, -np.inf), np.full(2, np.inf))  # fmt: skip
    for data in (apart, crossed, tied):
        qp = data.into(method)
        solution = qp.solve(np.full(data.low.size + data.row_low.size, start))
        assert not solution.success or not qp.kkt_residual(solution) < 1e-6
    bent = Data(np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2), np.zeros((0, 2)), np.zeros(0),
                np.zeros(0), -np.ones(2), np.ones(2))  # fmt: skip
    assert not bent.into(method).solve().success


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", Data.__slots__)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_never_passes(method: QpMethod, name: str, value: float):
    data = random_qp(1, 6, 8, 2)
    qp = data.into(method)
    start = qp.solve().working_set
    array = getattr(qp, name)
    array[np.unravel_index(array.size // 2, array.shape)] = value
    solution = qp.solve(start)
    fine = name in ("high", "row_high") and value == np.inf  # an open limit
    passed = solution.success and bool(qp.kkt_residual(solution) < 1e-6)
    assert passed == fine


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_without_a_solution_nothing_can_be_read():
    qp = random_qp(2, 6, 8, 2).into(QpMethod.COMPILED)
    qp.hessian[0, 0] = np.nan
    solution = qp.solve()
    assert solution.status == "not finite"
    assert np.all(np.isnan(solution.x)) and np.all(np.isnan(solution.bound_prices))


def test_without_a_compiler_the_other_solver_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compiled_qp, "load_kernels", lambda *_: None)
    data = random_qp(5, 10, 12, 3)
    qp = data.into(QpMethod.COMPILED)
    solution: QpSolution = qp.solve(np.ones(22))
    assert solution.success and qp.kkt_residual(solution) < 1e-6


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_a_hessian_of_many_sizes_keeps_its_certificate():
    data = random_qp(7, 20, 40, 6)
    spans = 10.0 ** np.linspace(-4.0, 4.0, 20)
    wide = Data(data.hessian * np.outer(spans, spans), data.gradient * spans, data.rows * spans,
                data.row_low, data.row_high, data.low / spans, data.high / spans)  # fmt: skip
    qp = wide.into(QpMethod.COMPILED)
    solution = qp.solve()
    assert solution.success and qp.kkt_residual(solution) < EXACT
