"""A model's matrices at its nominal point, and what the literature reports of them."""

from dataclasses import dataclass

import casadi as ca
import numpy as np
from scipy.linalg import eig

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.process_model import ProcessModel

_INFINITE = 1e6  # [1/s]: generalised eigenvalues beyond it are zeros at infinity


@dataclass(frozen=True, slots=True)
class Linearised:
    """dx/dt = A x + B w, y = C x + D w about the nominal point; w are MVs and then DVs.

    Attributes:
        a, b, c, d: shapes (n_x, n_x), (n_x, n_u + n_d), (n_y, n_x), (n_y, n_u + n_d) [SI].
    """

    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray

    @classmethod
    def of(cls, model: ProcessModel) -> "Linearised":
        """Return the matrices of a model at its nominal point."""
        counts = (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))
        x, u, d = (ca.SX.sym(letter, n) for letter, n in counts)
        rates, outputs, sources = model.rhs(x, u, d), model.outputs(x, u, d), ca.vertcat(u, d)
        slopes = [ca.jacobian(value, by) for value in (rates, outputs) for by in (x, sources)]
        found = ca.Function("slopes", [x, u, d], slopes)(
            model.x_nominal, model.u_nominal, model.d_nominal
        )
        a, b, c, through = (matrix.full() for matrix in found)
        return cls(a, b, c, through)

    @property
    def gains(self) -> FloatArray:
        """Steady gains, shape (n_y, n_u + n_d) [SI]."""
        gains: FloatArray = self.d - self.c @ np.linalg.solve(self.a, self.b)
        return gains

    @property
    def time_constants_s(self) -> FloatArray:
        """Time constants of the decaying modes, longest first [s]."""
        real = np.linalg.eigvals(self.a).real
        times: FloatArray = np.sort(-1.0 / real[real < 0.0])[::-1]
        return times

    def zeros(self) -> FloatArray:
        """Return the transmission zeros from the first n_y inputs, by real part [1/s].

        The values of s at which [A - s I, B; C, D] loses rank.

        Raises:
            InputError: there are fewer inputs than outputs.
        """
        n, p = len(self.a), len(self.c)
        if self.b.shape[1] < p:
            raise InputError(f"zeros need as many inputs as outputs: {self.b.shape[1]} for {p}")
        system = np.block([[self.a, self.b[:, :p]], [self.c, self.d[:, :p]]])
        mass = np.zeros((n + p, n + p))
        mass[:n, :n] = np.eye(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = eig(system, mass, right=False)
        finite = found[np.isfinite(found) & (np.abs(found) < _INFINITE)]
        zeros: FloatArray = np.sort(finite.real)
        return zeros
