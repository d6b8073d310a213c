"""A model's rates and outputs in spans, with their derivative along a line."""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.process_model import ProcessModel


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Rates in spans per second and outputs in spans, as functions of all variables in spans.

    The point is `z = ((x, u, d) - nominal) / scale`, shape (n,); the value stacks rates and
    outputs, shape (n_x + n_y,).

    Attributes:
        model: that is looked at.
        value: CasADi function z -> value.
        along: CasADi function (z, direction) -> (value, derivative along the direction).
        jacobian: CasADi function z -> matrix, shape (n_x + n_y, n).
    """

    model: ProcessModel
    value: ca.Function
    along: ca.Function
    jacobian: ca.Function

    @classmethod
    def of(cls, model: ProcessModel) -> "Evaluation":
        """Return the evaluation of a model.

        Raises:
            RuntimeError: CasADi cannot build its derivatives.
        """
        n = model.n_x + model.n_u + model.n_d
        z, direction = ca.MX.sym("z", n), ca.MX.sym("direction", n)
        nominal = np.concatenate((model.x_nominal, model.u_nominal, model.d_nominal))
        scale = np.concatenate((model.x_scale, model.u_scale, model.d_scale))
        point = ca.DM(nominal) + ca.DM(scale) * z
        x, u, d = ca.vertsplit(point, [0, model.n_x, model.n_x + model.n_u, n])
        rates = model.rhs(x, u, d) / ca.DM(model.x_scale)
        value = ca.vertcat(rates, model.outputs(x, u, d) / ca.DM(model.y_scale))
        slope = ca.jtimes(value, z, direction)
        return cls(
            model,
            ca.Function("value", [z], [value]),
            ca.Function("along", [z, direction], [value, slope]),
            ca.Function("jacobian", [z], [ca.jacobian(value, z)]),
        )

    @property
    def size(self) -> int:
        """Number of variables."""
        return self.model.n_x + self.model.n_u + self.model.n_d

    def at(self, z: FloatArray) -> FloatArray:
        """Return rates and outputs, shape (n_x + n_y,)."""
        found: FloatArray = self.value(z).full().ravel()
        return found

    def on_line(self, z: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the value and its derivative along the direction, shapes (n_x + n_y,)."""
        value, slope = self.along(z, direction)
        return value.full().ravel(), slope.full().ravel()

    def matrix(self, z: FloatArray) -> FloatArray:
        """Return the Jacobian, shape (n_x + n_y, size)."""
        found: FloatArray = self.jacobian(z).full()
        return found

    def row_name(self, row: int) -> str:
        """Return what a row of the value is."""
        model = self.model
        if row < model.n_x:
            return f"rate of {model.x_names[row]}"
        return f"output {model.y_names[row - model.n_x]}"

    def place(self, z: FloatArray) -> str:
        """Return where a point is, by its variable farthest from nominal."""
        model = self.model
        names = (*model.x_names, *model.u_names, *model.d_names)
        nominal = np.concatenate((model.x_nominal, model.u_nominal, model.d_nominal))
        scale = np.concatenate((model.x_scale, model.u_scale, model.d_scale))
        at = int(np.argmax(np.abs(z)))
        return f"{names[at]} = {nominal[at] + scale[at] * z[at]:.6g}"
