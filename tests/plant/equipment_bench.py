"""What the tests of the equipment share: states under inputs, integrated and read by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import casadi as ca
import numpy as np
from scipy.integrate import solve_ivp

from operator_agent.arrays import FloatArray
from operator_agent.plant.states import States


@dataclass(frozen=True, slots=True)
class Bench:
    """Equipment on a bench.

    Attributes:
        states: of the equipment.
        input_names: in the order of the input vector.
        output_names: what can be read.
        rates, outputs: CasADi functions of states and inputs.
    """

    states: States
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    rates: ca.Function
    outputs: ca.Function

    def vector(self, inputs: Mapping[str, float]) -> FloatArray:
        """Return the input vector."""
        assert set(inputs) == set(self.input_names)
        return np.array([inputs[name] for name in self.input_names], dtype=np.float64)

    def guess(self) -> FloatArray:
        """Return the guessed states."""
        return np.array(self.states.guesses)

    def index(self, name: str) -> int:
        """Return the place of a state."""
        return self.states.names.index(name)

    def rate(self, x: FloatArray, inputs: Mapping[str, float]) -> dict[str, float]:
        """Return the rates by name."""
        values = self.rates(x, self.vector(inputs)).full().ravel()
        return dict(zip(self.states.names, map(float, values), strict=True))

    def read(self, x: FloatArray, inputs: Mapping[str, float]) -> dict[str, float]:
        """Return the outputs by name."""
        values = self.outputs(x, self.vector(inputs)).full().ravel()
        return dict(zip(self.output_names, map(float, values), strict=True))

    def path(
        self, x: FloatArray, inputs: Mapping[str, float], times: Sequence[float]
    ) -> FloatArray:
        """Return the states at times from 0, shape (n_times, n_x), integrated by scipy."""
        u = self.vector(inputs)
        found = solve_ivp(
            lambda _, state: self.rates(state, u).full().ravel(),
            (0.0, times[-1]),
            x,
            method="LSODA",
            t_eval=times,
            rtol=1e-8,
            atol=1e-10,
        )
        assert found.success, found.message
        path: FloatArray = found.y.T
        return path

    def after(self, x: FloatArray, inputs: Mapping[str, float], duration_s: float) -> FloatArray:
        """Return the states after a time."""
        return self.path(x, inputs, [duration_s])[-1]


def make_bench(
    states: States, inputs: Mapping[str, ca.SX], outputs: Mapping[str, ca.SX | float]
) -> Bench:
    """Return a bench of declared states."""
    arguments = [states.vector(), ca.vertcat(*inputs.values())]
    return Bench(
        states,
        tuple(inputs),
        tuple(outputs),
        ca.Function("rates", arguments, [states.rate_vector()]),
        ca.Function("outputs", arguments, [ca.vertcat(*outputs.values())]),
    )


def symbols(*names: str) -> dict[str, ca.SX]:
    """Return input symbols by name."""
    return {name: ca.SX.sym(name) for name in names}


def number(expression: ca.SX | float) -> float:
    """Return the value of an expression without symbols."""
    return float(ca.evalf(ca.SX(expression)))
