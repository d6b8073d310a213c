"""A process model in discrete time: linear models with exact dead times, identified models.

    x[k+1] = F(x[k], u[k], d[k]),    y = g(x, u, d)

with one step per sample time; everything is in SI, as in `ProcessModel`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError


@dataclass(frozen=True, slots=True)
class SampledModel:
    """A discrete model with names, a nominal steady state and scales.

    Attributes:
        name: of the model.
        x_names, u_names, d_names, y_names: names of the states, MVs, DVs and CVs.
        step: CasADi function `(x, u, d) -> x_next`, column vectors [SI].
        outputs: CasADi function `(x, u, d) -> y` [SI].
        sample_time_s: time of one step [s].
        x_nominal, u_nominal, d_nominal: a steady state, shapes (n_x,), (n_u,), (n_d,) [SI].
        x_scale, u_scale, d_scale, y_scale: typical spans by which solvers divide, all positive
            [SI].
    """

    name: str
    x_names: tuple[str, ...]
    u_names: tuple[str, ...]
    d_names: tuple[str, ...]
    y_names: tuple[str, ...]
    step: ca.Function
    outputs: ca.Function
    sample_time_s: float
    x_nominal: FloatArray
    u_nominal: FloatArray
    d_nominal: FloatArray
    x_scale: FloatArray
    u_scale: FloatArray
    d_scale: FloatArray
    y_scale: FloatArray

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit, scales and sample times that are not positive."""
        if not 0.0 < self.sample_time_s < np.inf:
            raise InputError(
                f"model {self.name}: sample_time_s is {self.sample_time_s}; it must be above zero"
            )
        for letter in "xudy":
            names: Sequence[str] = getattr(self, f"{letter}_names")
            scale: FloatArray = getattr(self, f"{letter}_scale")
            good = scale.shape == (len(names),) and bool(np.all(scale > 0.0))
            if good and letter != "y":
                nominal: FloatArray = getattr(self, f"{letter}_nominal")
                good = nominal.shape == (len(names),) and bool(np.all(np.isfinite(nominal)))
            if not good:
                raise InputError(
                    f"model {self.name}: {letter}_scale needs {len(names)} positive and "
                    f"{letter}_nominal {len(names)} finite values, one for each name"
                )

    @property
    def n_x(self) -> int:
        """Number of states."""
        return len(self.x_names)

    @property
    def n_u(self) -> int:
        """Number of manipulated variables."""
        return len(self.u_names)

    @property
    def n_d(self) -> int:
        """Number of measured disturbances."""
        return len(self.d_names)

    @property
    def n_y(self) -> int:
        """Number of controlled variables."""
        return len(self.y_names)
