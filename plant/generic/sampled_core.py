"""What is left of a sampled plant without its dead times: matrices, or an ODE."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.integrate import Integrator


class Core(Protocol):
    """What is left of a plant without its dead times."""

    @property
    def start(self) -> FloatArray:
        """States at rest, shape (n,)."""
        ...

    def advance(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the states one sample later.

        Args:
            x: states, shape (n,).
            v: inputs as they arrive, held over the sample, shape (k,) [SI].
        """
        ...

    def outputs(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the outputs, shape (n_y,) [SI]."""
        ...


@dataclass(frozen=True, slots=True)
class MatrixCore:
    """x' = Phi x + Gamma (v - v0), y = y0 + C x + D (v - v0).

    Attributes:
        phi, gamma, c, feedthrough: the matrices.
        v_nominal, y_nominal: v0 and y0 [SI].
    """

    phi: FloatArray
    gamma: FloatArray
    c: FloatArray
    feedthrough: FloatArray
    v_nominal: FloatArray
    y_nominal: FloatArray

    @property
    def start(self) -> FloatArray:
        """States at rest."""
        return np.zeros(len(self.phi))

    def advance(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the states one sample later."""
        following: FloatArray = self.phi @ x + self.gamma @ (v - self.v_nominal)
        return following

    def outputs(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the outputs."""
        y: FloatArray = self.y_nominal + self.c @ x + self.feedthrough @ (v - self.v_nominal)
        return y


@dataclass(frozen=True, slots=True)
class OdeCore:
    """A process model, integrated over each sample.

    Attributes:
        integrator: of the model.
        sample_time_s: duration of a sample [s].
    """

    integrator: Integrator
    sample_time_s: float

    @property
    def start(self) -> FloatArray:
        """States at the model's nominal point."""
        return self.integrator.model.x_nominal.copy()

    def advance(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the states one sample later.

        Raises:
            PlantError: the integration fails.
        """
        n_u = self.integrator.model.n_u
        return self.integrator.step(x, v[:n_u], v[n_u:], self.sample_time_s)

    def outputs(self, x: FloatArray, v: FloatArray) -> FloatArray:
        """Return the outputs."""
        model = self.integrator.model
        y: FloatArray = model.outputs(x, v[: model.n_u], v[model.n_u :]).full().ravel()
        return y
