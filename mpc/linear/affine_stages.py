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
from operator_agent.mpc.engine.linearise import BufferedFunction, ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.schemes import Scheme, stage_map
from operator_agent.mpc.engine.stages import Plan, Response


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

    def repeated(self, count: int) -> "AffineMap":
        """Return the map of so many steps with u and d held."""
        power, summed = np.eye(self.x.shape[0]), np.zeros_like(self.x)
        for _ in range(count):
            summed += power
            power = self.x @ power
        return AffineMap(power, summed @ self.u, summed @ self.d, summed @ self.rest)


def affine_maps(scaled: ScaledModel) -> tuple[AffineMap, AffineMap] | None:
    """Return one step and the outputs of a model as matrices; None where it is not linear."""
    model = scaled.model
    z = [ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))]
    values = scaled.values(*z)
    slopes = [ca.jacobian(value, part) for value in values for part in z]
    if not all(slope.is_constant() for slope in slopes):
        return None
    found = ca.Function("matrices", z, [*slopes, *values])(*(np.zeros(v.shape) for v in z))
    a, b, e, c, through, f, x_rest, y_rest = (matrix.full() for matrix in found)
    return AffineMap(a, b, e, x_rest.ravel()), AffineMap(c, through, f, y_rest.ravel())


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
        checked = {h: stage_map(scaled, Scheme.SAMPLED, h, 1) for h in set(lengths)}
        once, self._outputs = maps
        assert isinstance(model, SampledModel)  # stage_map refuses others
        steps = {h: once.repeated(round(h / model.sample_time_s)) for h in set(lengths)}
        self._steps = [steps[h] for h in lengths]
        self._audit = BufferedFunction(_audit(scaled, [checked[h].audit for h in lengths]))
        n_pred = horizon.n_pred
        matrices = StageMatrices(
            x_x=np.array([step.x.T for step in self._steps]),
            x_u=np.array([step.u.T for step in self._steps]),
            y_x=np.tile(self._outputs.x.T, (n_pred, 1, 1)),
            y_u=np.tile(self._outputs.u.T, (n_pred, 1, 1)),
        )
        self._condensed = MapCondenser(horizon, model.n_u).condense(matrices)
        self._states = self._condensed.states_of_blocks.reshape(n_pred * model.n_x, -1)
        self._rows = self._condensed.outputs_of_blocks.reshape(n_pred * model.n_y, -1)

    def first(
        self, x: FloatArray, inputs: FloatArray, d: FloatArray, blocks: FloatArray
    ) -> Plan | None:
        """Return the predicted plan, or None where it is not finite; see `Stages`."""
        n_pred = len(self._steps)
        states = np.empty((n_pred + 1, x.size))
        states[0] = x
        known = np.broadcast_to(d, (n_pred, self._outputs.d.shape[1]))
        for k, step in enumerate(self._steps):
            states[k + 1] = step.x @ states[k] + step.u @ inputs[k] + step.d @ known[k] + step.rest
        outputs = self._outputs.at(states[1:], inputs, known)
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
        audit = self._audit
        audit.inputs[0][:] = x.ravel()
        audit.inputs[1][:] = u.ravel()
        audit.inputs[2].reshape(len(self._steps), -1)[:] = d
        audit.call()
        return audit.outputs[0]


def _audit(scaled: ScaledModel, audits: list[ca.Function]) -> ca.Function:
    """Return `(X, U, D) -> defects` in SI over all stages; x is (n_x, N + 1)."""
    model, n_pred = scaled.model, len(audits)
    x = ca.MX.sym("x", model.n_x, n_pred + 1)
    u, d = ca.MX.sym("u", model.n_u, n_pred), ca.MX.sym("d", model.n_d, n_pred)
    nothing = ca.MX(0, 1)
    rows = [audits[k](x[:, k], x[:, k + 1], u[:, k], d[:, k], nothing) for k in range(n_pred)]
    return ca.Function("audit", [x, u, d], [ca.horzcat(*rows)])
