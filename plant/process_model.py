"""A process model as a value: the seam between plants, controllers and learners.

Every plant and every controller model of this project is an explicit ODE

    dx/dt = f(x, u, d),    y = g(x, u, d)

with states x, manipulated variables u, measured disturbances d and controlled variables y, all in
SI, given as CasADi functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError


@dataclass(frozen=True, slots=True)
class ProcessModel:
    """An explicit ODE with names, a nominal steady state and scales.

    Attributes:
        name: of the model.
        x_names, u_names, d_names, y_names: names of the states, MVs, DVs and CVs.
        rhs: CasADi function `(x, u, d) -> dx/dt`, column vectors [SI/s].
        outputs: CasADi function `(x, u, d) -> y` [SI].
        x_nominal, u_nominal, d_nominal: a steady state, shapes (n_x,), (n_u,), (n_d,) [SI].
        x_scale, u_scale, d_scale, y_scale: typical spans by which solvers divide, all positive
            [SI]. A temperature's scale is its span, not its value in kelvin.
        drifting: names of the states that grow for months, such as fouling: they have no rest and
            are held while a steady state is sought.
        made: CasADi function `x -> change of d`, column vector [SI], or None: by how much the MVs
            have changed what is measured as a disturbance, zero at the nominal steady state. The
            model's d is what is measured less that; f and g add it again.
    """

    name: str
    x_names: tuple[str, ...]
    u_names: tuple[str, ...]
    d_names: tuple[str, ...]
    y_names: tuple[str, ...]
    rhs: ca.Function
    outputs: ca.Function
    x_nominal: FloatArray
    u_nominal: FloatArray
    d_nominal: FloatArray
    x_scale: FloatArray
    u_scale: FloatArray
    d_scale: FloatArray
    y_scale: FloatArray
    drifting: tuple[str, ...] = ()
    made: ca.Function | None = None

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit, scales that are not positive, unknown names."""
        for letter in "xudy":
            names: Sequence[str] = getattr(self, f"{letter}_names")
            scale: FloatArray = getattr(self, f"{letter}_scale")
            if scale.shape != (len(names),) or not bool(np.all(scale > 0.0)):
                raise InputError(
                    f"model {self.name}: {letter}_scale needs {len(names)} positive values, "
                    f"one for each name; it has shape {scale.shape}"
                )
            if letter == "y":
                continue
            nominal: FloatArray = getattr(self, f"{letter}_nominal")
            if nominal.shape != (len(names),) or not bool(np.all(np.isfinite(nominal))):
                raise InputError(
                    f"model {self.name}: {letter}_nominal needs {len(names)} finite values, "
                    f"one for each name; it has shape {nominal.shape}"
                )
        unknown = [name for name in self.drifting if name not in self.x_names]
        if unknown:
            raise InputError(f"model {self.name}: drifting state '{unknown[0]}' is no state of it")

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
