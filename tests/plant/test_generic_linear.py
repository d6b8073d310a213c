"""Linear plants of users against closed forms: dead time, transfer functions, gains."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.check import check_plant
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.generic.dead_time import legendre_delay
from operator_agent.plant.generic.gains import relative_gains, steady_gains
from operator_agent.plant.generic.state_space import from_state_space
from operator_agent.plant.generic.transfer_function import (
    TransferFunction,
    first_order,
    integrator,
    oscillating,
    second_order,
)
from operator_agent.plant.generic.transfer_matrix import from_transfer_matrix
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel


def response(model: ProcessModel, s: complex) -> np.ndarray:
    """Return the transfer matrix of a model at s."""
    linear = Linearised.of(model)
    return linear.d + linear.c @ np.linalg.solve(s * np.eye(model.n_x) - linear.a, linear.b)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_dead_time_is_the_pade_approximation(order: int) -> None:
    # Numerator of degree n - 1, denominator of degree n: Baker and Graves-Morris, "Pade
    # Approximants", 1996, section 1.2 (exponential).
    a, b, c = legendre_delay(7.0, order)
    m, n = order - 1, order
    for frequency in (0.01, 0.1, 0.5):
        z = 7.0j * frequency
        found = c @ np.linalg.solve(1j * frequency * np.eye(n) - a, b)
        top = sum(math.comb(m, k) * math.factorial(m + n - k) * (-z) ** k for k in range(m + 1))
        bottom = sum(math.comb(n, k) * math.factorial(m + n - k) * z**k for k in range(n + 1))
        assert found == pytest.approx(top / bottom, rel=1e-9)


def test_dead_time_of_the_default_order_is_as_good_as_stated() -> None:
    a, b, c = legendre_delay(100.0)
    for frequency in np.linspace(1e-4, 0.04, 50):
        found = c @ np.linalg.solve(1j * frequency * np.eye(4) - a, b)
        error = found * cmath.exp(100.0j * frequency)
        assert abs(math.degrees(cmath.phase(error))) < 1.0
        if frequency <= 0.03:
            assert abs(abs(error) - 1.0) < 0.0035


ELEMENTS = (
    first_order(2.0, 60.0),
    second_order(-3.0, (20.0, 500.0), lead_s=-40.0),
    second_order(1.5, (60.0, 60.0)),
    oscillating(2.0, 300.0, 0.2),
    integrator(0.1),
    integrator(-0.02, 45.0),
    TransferFunction((1.0, 2.0), (3.0, 1.0)),
    TransferFunction((4.0,), (2.0,)),
    TransferFunction((1.0,), (900.0, -1.0)),
    TransferFunction((5.0, 1.0, 0.5), (1e5, 3e3, 70.0, 1.0)),
)


@pytest.mark.parametrize("element", ELEMENTS)
def test_realisation_is_the_transfer_function(element: TransferFunction) -> None:
    model = from_transfer_matrix("plant", [[element]], ["u"], ["y"])
    for s in (0.001j, 0.01 + 0.02j, 0.3j):
        assert response(model, s)[0, 0] == pytest.approx(element.at(s), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-10, 10).filter(lambda g: abs(g) > 0.01),
    st.floats(1.0, 1e4),
    st.floats(1.0, 1e4),
    st.floats(-1e3, 1e3),
)
def test_any_second_order_element_is_realised(gain, first, second, lead) -> None:
    element = second_order(gain, (first, second), lead)
    model = from_transfer_matrix("plant", [[element]], ["u"], ["y"])
    for frequency in (1e-4, 1e-2):
        s = 1j * frequency
        assert response(model, s)[0, 0] == pytest.approx(element.at(s), rel=1e-6, abs=1e-9)


def test_states_of_linear_plants_are_of_order_one() -> None:
    model = from_state_space("slow", [[-1e-5]], [[3.0]], [[1e-6]], [Variable("u", 0, 2.0)], ["y"])
    assert model.x_scale == pytest.approx([6e5], rel=0.01)
    assert check_plant(model).passed


def test_relative_gains_add_up_and_refuse_what_has_none() -> None:
    gains = np.array([[4.05, 1.77, 5.88], [5.39, 5.72, 6.90], [4.38, 4.42, 7.20]])
    found = relative_gains(gains)
    assert np.sum(found, axis=0) == pytest.approx(np.ones(3))
    assert np.sum(found, axis=1) == pytest.approx(np.ones(3))
    with pytest.raises(InputError, match="singular"):
        relative_gains([[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(InputError, match="square matrix, found shape"):
        relative_gains([[1.0, 1.0]])
    assert steady_gains([[integrator(-2.0), None]])[0].tolist() == [-np.inf, 0.0]
