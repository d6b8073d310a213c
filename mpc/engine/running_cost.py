"""The stage cost along a plan: value, slopes and second derivatives, scaled.

The stages' costs are  l[k] = length[k] rate(x[k+1], u[k], d[k], p), and final(x[N], p) belongs to
the last one. Second derivatives are those of the Lagrangian at the stages' ends: cost plus priced
outputs.
"""

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_functions import compiled
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.linearise import BufferedFunction, ScaledModel
from operator_agent.mpc.engine.stage_cost import StageCost


class RunningCost:
    """A stage cost over a horizon; without one, the curvature of the outputs. Scratch inside."""

    def __init__(self, scaled: ScaledModel, cost: StageCost | None, horizon: Horizon) -> None:
        """Build the mapped functions."""
        model = scaled.model
        self._shape = (horizon.n_pred, model.n_x, model.n_u)
        self._n_p = 0 if cost is None else cost.n_p
        x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u),
                                                ("d", model.n_d)))  # fmt: skip
        p, q = ca.SX.sym("p", self._n_p), ca.SX.sym("q", model.n_y)
        x_si = x * ca.DM(model.x_scale.tolist())
        length, last = ca.SX.sym("length"), ca.SX.sym("last")
        value = ca.SX(0.0)
        if cost is not None:
            u_si = u * ca.DM(model.u_scale.tolist())
            value = length * cost.rate(x_si, u_si, d, p)
            if cost.final is not None:
                value = value + last * cost.final(x_si, p)
        z = ca.vertcat(x, u)
        known = [x, u, d, p, length, last]
        slope = ca.densify(ca.gradient(value, z))
        bent = ca.hessian(value + ca.dot(q, scaled.values(x, u, d)[1]), z)[0]
        functions = (
            ca.Function("value", known, [value]),
            ca.Function("slope", known, ca.cse([value, slope])),
            ca.Function("ends", [*known, q], ca.cse([ca.densify(bent)])),
        )
        point = (*scaled.nominal, model.d_nominal, np.ones(self._n_p), np.ones(1), np.ones(1))
        points = (point, point, (*point, np.ones(model.n_y)))
        made = compiled(functions, points, scaled.compilation)
        self._value, self._slope, self._bent = (
            BufferedFunction(function.map(horizon.n_pred)) for function in made
        )
        for function in (self._value, self._slope, self._bent):
            function.inputs[4][:] = horizon.lengths_s
            function.inputs[5][-1] = 1.0

    def _fill(
        self,
        function: BufferedFunction,
        states: FloatArray,
        inputs: FloatArray,
        d: FloatArray,
        prices: FloatArray | None,
    ) -> None:
        n_pred = self._shape[0]
        function.inputs[0][:] = states[1:].ravel()
        function.inputs[1][:] = inputs.ravel()
        function.inputs[2].reshape(n_pred, -1)[:] = d
        if prices is not None:
            function.inputs[3].reshape(n_pred, -1)[:] = prices

    def value(
        self, states: FloatArray, inputs: FloatArray, d: FloatArray, prices: FloatArray | None
    ) -> float:
        """Return the cost along a plan.

        Args:
            states: scaled, at the stage borders, shape (N + 1, n_x).
            inputs: scaled, shape (N, n_u).
            d: shape (n_d,) or (N, n_d) [SI].
            prices: shape (n_p,); None where there are none.
        """
        self._fill(self._value, states, inputs, d, prices)
        self._value.call()
        return float(self._value.outputs[0].sum())

    def slopes(
        self, states: FloatArray, inputs: FloatArray, d: FloatArray, prices: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return d l[k]/dx[k+1], shape (N, n_x), and d l[k]/du[k], shape (N, n_u)."""
        n_pred, n_x, _ = self._shape
        self._fill(self._slope, states, inputs, d, prices)
        self._slope.call()
        both = self._slope.outputs[1].reshape(n_pred, -1)
        return both[:, :n_x].copy(), both[:, n_x:].copy()

    def bent(
        self,
        states: FloatArray,
        inputs: FloatArray,
        d: FloatArray,
        prices: FloatArray | None,
        output_prices: FloatArray,
    ) -> FloatArray:
        """Return second derivatives of cost plus priced outputs by (x[k+1], u[k]).

        Args:
            states, inputs, d, prices: as in `value`.
            output_prices: slope of the Lagrangian by each output, shape (N, n_y).

        Returns:
            Shape (N, n_x + n_u, n_x + n_u).
        """
        n_pred, n_x, n_u = self._shape
        self._fill(self._bent, states, inputs, d, prices)
        self._bent.inputs[6][:] = output_prices.ravel()
        self._bent.call()
        return np.array(self._bent.outputs[0]).reshape(n_pred, n_x + n_u, n_x + n_u)
