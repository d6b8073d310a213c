"""Elementary functions on lanes are as accurate as the C library's, at the edges too."""

import math
from collections.abc import Callable

import casadi as ca
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operator_agent.arrays import FloatArray
from operator_agent.plant.vector.compiled import cache_folder, find_compiler, load_functions
from operator_agent.plant.vector.emitter import Target, emit
from operator_agent.plant.vector.external import WHOLE_GROUP, External
from operator_agent.plant.vector.instructions import read_program
from operator_agent.plant.vector.lane_math import lane_math

COMPILER = find_compiler()
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

a, b = ca.SX.sym("a"), ca.SX.sym("b")
# CasADi's expression, its value by Python's library, and the error allowed in units of the last
# place: 1 for what is one series, more for what is put together from two.
ONE_ARGUMENT: dict[str, tuple[ca.SX, Callable[[float], float], float]] = {
    "exp": (ca.exp(a), math.exp, 1.0),
    "log": (ca.log(a), math.log, 1.0),
    "sqrt": (ca.sqrt(a), math.sqrt, 0.5),
    "tanh": (ca.tanh(a), math.tanh, 3.0),
    "log1p": (ca.log1p(a), math.log1p, 3.0),
    "expm1": (ca.expm1(a), math.expm1, 3.0),
    "sin": (ca.sin(a), math.sin, 1.0),
    "erf": (ca.erf(a), math.erf, 1.0),
    "cube": (a**3, lambda x: x**3, 1.5),
    "fabs": (ca.fabs(a), math.fabs, 0.0),
    "floor": (ca.floor(a), lambda x: float(math.floor(x)), 0.0),
}
"""Functions of one argument."""


@pytest.fixture(scope="module")
def evaluate() -> Callable[[float, float], FloatArray]:
    """Return a function of two numbers: all results, first of ONE_ARGUMENT, then of two."""
    two = [a**b, ca.fmax(a, b), ca.if_else(a < b, a, ca.log(b)), a / b, ca.fmin(a, b)]
    results = ca.vertcat(*(expression for expression, _, _ in ONE_ARGUMENT.values()), *two)
    function = ca.Function("math", [ca.vertcat(a, b)], [results])
    count = results.numel()
    emitted = emit("all", read_program(function), ["x"], [Target("y", range(count))])
    external = External("lane_test", (("2", WHOLE_GROUP),), ((str(count), WHOLE_GROUP),), "1")
    body = f"""static int lane_test_body(const double **arg, double **res, double *memory) {{
      v x[2], y[{count}], w[{emitted.n_work + 1}];
      (void)memory;
      for (int j = 0; j < 2; j++) EACH x[j][i] = arg[0][2 * i + j];
      all(x, y, w);
      for (int j = 0; j < {count}; j++) EACH res[0][{count} * i + j] = y[j][i];
      return 0;
    }}"""
    assert COMPILER is not None
    text = "\n".join([lane_math(COMPILER.lanes), emitted.source, body, external.source()])
    (compiled,) = load_functions([text], lambda: text, ["lane_test"], COMPILER, cache_folder())

    def all_results(first: float, second: float) -> FloatArray:
        """Return the results, after a check that every lane has the same."""
        copies = np.tile([[first], [second]], (1, COMPILER.lanes))
        found: FloatArray = compiled(copies).full()
        assert np.array_equal(found, np.tile(found[:, :1], (1, COMPILER.lanes)), equal_nan=True)
        return found[:, 0]

    return all_results


def ulps(found: float, expected: float) -> float:
    """Return a difference in units of the last place of what is expected."""
    if found == expected or (math.isnan(found) and math.isnan(expected)):
        return 0.0
    return abs(found - expected) / math.ulp(expected)


@given(st.floats(-1e3, 1e3) | st.floats(-1.0, 1.0) | st.floats(min_value=0.0, max_value=1e300))
@example(709.782712893384)
@example(-744.0)
@example(5e-324)
@example(1.0)
@example(math.nextafter(1.0, 0.0))
@example(0.0)
def test_functions_of_one_argument(
    evaluate: Callable[[float, float], FloatArray], value: float
) -> None:
    found = evaluate(value, 1.0)
    for result, (name, (_, reference, allowed)) in zip(found, ONE_ARGUMENT.items(), strict=False):
        try:
            expected = reference(value)
        except (ValueError, OverflowError):
            assert not math.isfinite(result), name
            continue
        assert ulps(float(result), expected) <= allowed + 0.01, (name, value, result, expected)


@given(st.floats(1e-6, 1e6), st.floats(-5.0, 5.0))
def test_functions_of_two_arguments(
    evaluate: Callable[[float, float], FloatArray], first: float, second: float
) -> None:
    power, larger, chosen, quotient, smaller = evaluate(first, second)[len(ONE_ARGUMENT) :]
    assert power == pytest.approx(first**second, rel=3e-14)  # the error of b log(a), up to 70
    assert (larger, smaller) == (max(first, second), min(first, second))
    if second != 0.0:
        assert ulps(float(quotient), first / second) <= 0.5
    if first < second:
        assert chosen == first
    elif second > 0.0:
        assert ulps(float(chosen), math.log(second)) <= 1.0


@pytest.mark.parametrize(
    ("base", "power", "expected"),
    [(-2.0, 3.0, -8.0), (0.0, 2.5, 0.0), (-1.0, 0.5, math.nan), (0.0, 0.0, 1.0), (2.0, 0.0, 1.0)],
)
def test_powers_of_what_is_not_positive(
    evaluate: Callable[[float, float], FloatArray], base: float, power: float, expected: float
) -> None:
    assert evaluate(base, power)[len(ONE_ARGUMENT)] == pytest.approx(expected, nan_ok=True)


def test_what_is_no_number_stays_none(
    evaluate: Callable[[float, float], FloatArray],
) -> None:
    found = dict(zip(ONE_ARGUMENT, evaluate(math.nan, 1.0), strict=False))
    assert all(math.isnan(value) for value in found.values())


def test_models_are_read_once_for_equal_operations() -> None:
    """Equal terms are one operation; a divisor used often is inverted once; dead ends go."""
    x = ca.SX.sym("x", 4)
    rate = ca.vertcat(*(x[i] / ca.exp(x[0]) + ca.exp(x[0]) for i in range(4)))
    names = [op.name for op in read_program(ca.Function("f", [x], [rate])).operations]
    assert names.count("EXP") == 1
    assert (names.count("DIV"), names.count("INV")) == (0, 1)
