"""Stages of a model that is linear: condensed once, predicted by matrices, no linearisation.

    x[k+1] = A[k] x[k] + B[k] u[k] + E[k] d[k] + e[k],    y[k] = C x[k+1] + D u[k] + F d[k] + f

One iteration solves the problem exactly, so no step is too long to be believed.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import Condensed, Horizon
from operator_agent.mpc.engine.condense_maps import CondensedMaps, MapCondenser, StageMatrices
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.schemes import Scheme, stage_map
from operator_agent.mpc.engine.stages import Plan, Response
from operator_agent.plant.process_model import ProcessModel


@dataclass(frozen=True, slots=True)
class AffineMap:
    """v = X x + U u + D d + rest; x, u, v scaled, d in SI."""

    x: FloatArray
    u: FloatArray
    d: FloatArray
    rest: FloatArray

    def at(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return v; arrays may have rows in front."""
        found: FloatArray = x @ self.x.T + u @ self.u.T + d @ self.d.T + self.rest
        return found

    def whole(self) -> FloatArray:
        """Return the map as one matrix, for (x, u, d, 1)."""
        return np.column_stack([self.x, self.u, self.d, self.rest])

    def repeated(self, count: int) -> "AffineMap":
        """Return the map of so many steps with u and d held."""
        power, summed = np.eye(self.x.shape[0]), np.zeros_like(self.x)
        for _ in range(count):
            summed += power
            power = self.x @ power
        return AffineMap(power, summed @ self.u, summed @ self.d, summed @ self.rest)


def affine_maps(scaled: ScaledModel) -> tuple[AffineMap, AffineMap] | None:
    """Return one step and the outputs of a model as matrices; None where it is not linear."""
    return _matrices(scaled.model, scaled.values)


def _matrices(
    model: ProcessModel | SampledModel, values: ca.Function
) -> tuple[AffineMap, AffineMap] | None:
    """Return the matrices of two functions of (x, u, d); None where they are not linear."""
    z = [ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))]
    found = values(*z)
    slopes = [ca.jacobian(value, part) for value in found for part in z]
    if not all(slope.is_constant() for slope in slopes):
        return None
    at_zero = ca.Function("matrices", z, [*slopes, *found])(*(np.zeros(v.shape) for v in z))
    a, b, e, c, through, f, x_rest, y_rest = (matrix.full() for matrix in at_zero)
    return AffineMap(a, b, e, x_rest.ravel()), AffineMap(c, through, f, y_rest.ravel())


def _own_step(model: SampledModel) -> AffineMap:
    """Return one step of a linear model in SI, taken from the model itself: for the audit."""
    z = [ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))]
    found = _matrices(model, ca.Function("own", z, [model.step(*z), model.outputs(*z)]))
    assert found is not None  # its scaled functions are linear
    return found[0]


class AffineStages:
    """A linear sampled model along a horizon. Scratch memory inside."""

    def __init__(
        self, scaled: ScaledModel, horizon: Horizon, maps: tuple[AffineMap, AffineMap]
    ) -> None:
        """Condense the matrices of `affine_maps`.

        Raises:
            InputError: a stage is no multiple of the sample time.
        """
        model, lengths = scaled.model, horizon.lengths_s
        for length_s in set(lengths):
            stage_map(scaled, Scheme.SAMPLED, length_s, 1)  # refuses what is no multiple
        assert isinstance(model, SampledModel)
        once, outputs = maps
        own, counts = _own_step(model), [round(h / model.sample_time_s) for h in lengths]
        steps, n_pred = [once.repeated(n) for n in counts], horizon.n_pred
        self._free, self._outputs = [step.x for step in steps], outputs.whole().T
        self._pushed = np.array([step.whole()[:, model.n_x :] for step in steps])
        self._audit = np.array([own.repeated(n).whole() for n in counts])
        self._x_scale = model.x_scale
        self._points = np.ones((n_pred, model.n_x + model.n_u + model.n_d + 1))  # (x, u, d, 1)
        self._x, self._u, self._d, _ = np.split(
            self._points, np.cumsum([model.n_x, model.n_u, model.n_d]), axis=1
        )
        matrices = StageMatrices(
            x_x=np.array([step.x.T for step in steps]),
            x_u=np.array([step.u.T for step in steps]),
            y_x=np.tile(outputs.x.T, (n_pred, 1, 1)),
            y_u=np.tile(outputs.u.T, (n_pred, 1, 1)),
        )
        self._condensed = MapCondenser(horizon, model.n_u).condense(matrices)
        self._states = self._condensed.states_of_blocks.reshape(n_pred * model.n_x, -1)
        self._rows = self._condensed.outputs_of_blocks.reshape(n_pred * model.n_y, -1)

    def first(
        self, x: FloatArray, inputs: FloatArray, d: FloatArray, blocks: FloatArray
    ) -> Plan | None:
        """Return the predicted plan, or None where it is not finite; see `Stages`."""
        states = np.empty((inputs.shape[0] + 1, x.size))
        states[0], self._u[:], self._d[:] = x, inputs, d
        states[1:] = np.matmul(self._pushed, self._points[:, x.size :, None])[:, :, 0]
        for free, before, after in zip(self._free, states, states[1:], strict=False):
            after += free.dot(before)
        self._x[:] = states[1:]
        outputs = self._points @ self._outputs
        finite = bool(np.isfinite(np.vdot(outputs, outputs)))
        return Plan(blocks, states, outputs) if finite else None

    def respond(
        self,
        plan: Plan,
        inputs: FloatArray,
        d: FloatArray,
        cached: Condensed | CondensedMaps | None,
    ) -> Response | None:
        """Return the prediction of a plan with the responses that never change; see `Stages`."""
        found = self.first(plan.states[0], inputs, d, plan.blocks)
        if found is None or found.outputs is None:
            return None
        return Response(found, found.outputs, None, self._condensed)

    def predict(
        self,
        response: Response,
        blocks: FloatArray,
        inputs: FloatArray,
        d: FloatArray,
        change: FloatArray,
        old: bool,
    ) -> Plan | None:
        """Return the plan of other blocks, by superposition; see `Stages`."""
        plan = response.plan
        moved = (blocks - plan.blocks).ravel()
        states = plan.states.copy()
        states[1:] += (self._states @ moved).reshape(states[1:].shape)
        outputs = response.free + (self._rows @ moved).reshape(response.free.shape)
        return Plan(blocks, states, outputs)

    def defects(
        self, x: FloatArray, u: FloatArray, d: FloatArray, inner: FloatArray | None
    ) -> FloatArray:
        """Return how far a plan is from the model's own steps; see `Stages`."""
        self._x[:], self._u[:], self._d[:] = x[:-1], u, d
        ahead = np.matmul(self._audit, self._points[:, :, None])[:, :, 0]
        gap: FloatArray = (x[1:] - ahead) / self._x_scale
        return gap
