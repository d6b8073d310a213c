"""The coefficients of the fixed-step method satisfy its conditions of order and stability.

The order conditions of W-methods are those of E. Hairer and G. Wanner, Solving Ordinary
Differential Equations II, second edition, 1996, section IV.7: one for each tree with fat and meagre
vertices, here written with alpha for f' and gamma for the approximate Jacobian.
"""

import numpy as np
import pytest

from operator_agent.plant.vector.method import ROS34PW2

ALPHA, GAMMA = ROS34PW2.alpha, ROS34PW2.gamma
ONE = np.ones(ROS34PW2.n_stages)
ROUNDING = 1e-14  # published with 17 digits


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        (ONE, 1.0),
        (ALPHA @ ONE, 1.0 / 2.0),
        (GAMMA @ ONE, 0.0),
        ((ALPHA @ ONE) ** 2, 1.0 / 3.0),
        (ALPHA @ ALPHA @ ONE, 1.0 / 6.0),
        (ALPHA @ GAMMA @ ONE, 0.0),
        (GAMMA @ ALPHA @ ONE, 0.0),
        (GAMMA @ GAMMA @ ONE, 0.0),
    ],
)
def test_weights_are_of_order_three_with_any_jacobian(tree: np.ndarray, value: float) -> None:
    assert ROS34PW2.weights @ tree == pytest.approx(value, abs=ROUNDING)


def test_embedded_weights_are_of_order_two_and_not_three() -> None:
    weights = ROS34PW2.weights_embedded
    beta = ALPHA + GAMMA
    assert weights.sum() == pytest.approx(1.0, abs=ROUNDING)
    assert weights @ beta @ ONE == pytest.approx(0.5, abs=ROUNDING)
    assert abs(weights @ (ALPHA @ ONE) ** 2 - 1.0 / 3.0) > 1e-3


def test_stiff_modes_vanish_at_once() -> None:
    """R(inf) = 1 - b (alpha + gamma)^-1 1 = 0, and the last stage is the new value."""
    beta = ALPHA + GAMMA
    assert ROS34PW2.weights @ np.linalg.solve(beta, ONE) == pytest.approx(1.0, abs=1e-13)
    np.testing.assert_allclose(beta[-1], ROS34PW2.weights, atol=ROUNDING)


def test_no_oscillation_grows() -> None:
    """On the imaginary axis the stability function is at most one, so the method is A-stable."""
    beta = ALPHA + GAMMA
    for frequency in np.logspace(-3, 4, 400):
        inner = np.linalg.solve(np.eye(4) - 1j * frequency * beta, ONE)
        assert abs(1.0 + 1j * frequency * (ROS34PW2.weights @ inner)) <= 1.0 + 1e-12


def test_transformed_step_is_the_published_one() -> None:
    """One step of x' = J x with another A, by both forms."""
    rng = np.random.default_rng(0)
    jacobian, approximate = rng.normal(size=(2, 3, 3))
    x, h, g = rng.normal(size=3), 0.3, ROS34PW2.diagonal
    published = list[np.ndarray]()
    for i in range(4):
        stage = x + sum(ALPHA[i, j] * published[j] for j in range(i))
        mixed = sum(GAMMA[i, j] * published[j] for j in range(i)) + np.zeros(3)
        right = h * (jacobian @ stage + approximate @ mixed)
        published.append(np.linalg.solve(np.eye(3) - h * g * approximate, right))
    ours = list[np.ndarray]()
    for i in range(4):
        stage = x + sum(ROS34PW2.stage_states[i, j] * ours[j] for j in range(i))
        right = jacobian @ stage + sum(ROS34PW2.stage_rates[i, j] * ours[j] for j in range(i)) / h
        ours.append(np.linalg.solve(np.eye(3) / (h * g) - approximate, right))
    np.testing.assert_allclose(
        sum(m * k for m, k in zip(ROS34PW2.step_weights, ours, strict=True)),
        sum(b * k for b, k in zip(ROS34PW2.weights, published, strict=True)),
        rtol=1e-12,
    )
