"""The fixed-step method: a Rosenbrock W-method of order three, and its transformed coefficients.

One step of length h from x, with A an approximation of the Jacobian of f, solves for each stage i

    (1/(h g) - A) k_i = f(x + sum_j a_ij k_j) + sum_j (c_ij/h) k_j,    x_new = x + sum_i m_i k_i

so that no product with A is needed (Hairer and Wanner, Solving Ordinary Differential Equations II,
1996, eq. IV.7.25). A W-method keeps its order with any A; the rounding of an elimination without
pivoting, which acts as a slightly wrong A, therefore costs stability at most, never consistency.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class RosenbrockMethod:
    """Coefficients of a Rosenbrock method as they are published.

    Attributes:
        alpha: strictly lower triangular, shape (s, s): where the stages are evaluated.
        gamma: lower triangular with a constant diagonal, shape (s, s): the implicit part.
        weights: of the stages in the new value, shape (s,).
        weights_embedded: of the value of one order less, shape (s,).
    """

    alpha: FloatArray
    gamma: FloatArray
    weights: FloatArray
    weights_embedded: FloatArray

    @property
    def n_stages(self) -> int:
        """Number of stages."""
        return len(self.weights)

    @property
    def diagonal(self) -> float:
        """The number g on the diagonal of gamma."""
        return float(self.gamma[0, 0])

    @property
    def stage_states(self) -> FloatArray:
        """Coefficients a of the stages' states, shape (s, s)."""
        found: FloatArray = self.alpha @ np.linalg.inv(self.gamma)
        return np.tril(found, -1)

    @property
    def stage_rates(self) -> FloatArray:
        """Coefficients c, divided by h in the stages' right-hand sides, shape (s, s)."""
        return np.tril(np.eye(self.n_stages) / self.diagonal - np.linalg.inv(self.gamma), -1)

    @property
    def step_weights(self) -> FloatArray:
        """Coefficients m of the new value, shape (s,)."""
        return np.asarray(self.weights @ np.linalg.inv(self.gamma), dtype=np.float64)

    @property
    def error_weights(self) -> FloatArray:
        """Coefficients of the difference to the embedded value, shape (s,)."""
        difference = self.weights - self.weights_embedded
        return np.asarray(difference @ np.linalg.inv(self.gamma), dtype=np.float64)


_G = 0.4358665215084590

ROS34PW2 = RosenbrockMethod(
    alpha=np.array(
        [
            [0.0, 0.0, 0.0, 0.0],
            [8.7173304301691801e-01, 0.0, 0.0, 0.0],
            [8.4457060015369423e-01, -1.1299064236484185e-01, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ]
    ),
    gamma=np.array(
        [
            [_G, 0.0, 0.0, 0.0],
            [-8.7173304301691801e-01, _G, 0.0, 0.0],
            [-9.0338057013044082e-01, 5.4180672388095326e-02, _G, 0.0],
            [2.4212380706095346e-01, -1.2232505839045147e00, 5.4526025533510214e-01, _G],
        ]
    ),
    weights=np.array([2.4212380706095346e-01, -1.2232505839045147e00, 1.5452602553351020e00, _G]),
    weights_embedded=np.array(
        [3.7810903145819369e-01, -9.6042292212423178e-02, 0.5, 2.1793326075422950e-01]
    ),
)
"""Order 3 with order 2 embedded, four stages, L-stable, stiffly accurate, a W-method: J. Rang and
L. Angermann, New Rosenbrock W-methods of order 3 for partial differential algebraic equations of
index 1, BIT Numerical Mathematics 45 (2005) 761-787, table 4.2."""
