"""Stages of implicit Euler, closed together by sweeps with the factors: large stiff models."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.compiled_condense import Condenser
from operator_agent.mpc.engine.condense import Condensed, Horizon
from operator_agent.mpc.engine.condense_maps import CondensedMaps
from operator_agent.mpc.engine.linearise import BufferedFunction, Lineariser, ScaledModel
from operator_agent.mpc.engine.rollout import rollout
from operator_agent.mpc.engine.stages import Plan, Response
from operator_agent.plant.process_model import ProcessModel

SWEEPS = 8  # with fresh factors a sweep gains some digits, with old ones about one
SWEEP_TOLERANCE = 2e-5  # scaled defect; acceptance allows fifty times as much
SWEEP_TOLERANCE_OLD = 2e-4  # the same with old factors: fewer sweeps, still far inside


class EulerStages:
    """A continuous model along a horizon of implicit Euler steps. Scratch memory inside.

    Attributes:
        many: values and Jacobians of all stages.
        point: the same at one point.
        horizon: lengths of the stages and blocks.
        lengths_s: of the stages, shape (N,) [s].
    """

    def __init__(self, scaled: ScaledModel, horizon: Horizon) -> None:
        """Build the mapped functions.

        Raises:
            InputError: the model is discrete.
        """
        model = scaled.model
        if not isinstance(model, ProcessModel):
            raise InputError(f"model {model.name} is discrete; its scheme is sampled")
        self.horizon = horizon
        self.lengths_s: FloatArray = np.array(horizon.lengths_s)
        self.many = Lineariser(scaled, horizon.n_pred)
        self.point = Lineariser(scaled, 1)
        self._condenser = Condenser(self.many.rhs_x_pattern, horizon, model.n_u, model.n_y)
        self._audit = BufferedFunction(model.rhs.map(horizon.n_pred))  # in SI
        self._x_scale = model.x_scale

    def first(
        self, x: FloatArray, inputs: FloatArray, d: FloatArray, blocks: FloatArray
    ) -> Plan | None:
        """Return the plan predicted without a guess, or None; see `Stages`."""
        states = rollout(self.point, self.horizon, d, x, inputs, None)
        return None if states is None else Plan(blocks, states)

    def respond(
        self,
        plan: Plan,
        inputs: FloatArray,
        d: FloatArray,
        cached: Condensed | CondensedMaps | None,
    ) -> Response | None:
        """Return the linearisation along a plan with defects, or None; see `Stages`."""
        if cached is None:
            linear = self.many.linearise(plan.states[1:], inputs, d)
            rhs, outputs = linear.rhs, linear.outputs
            condensed = self._condenser.condense(linear)
        else:
            assert isinstance(cached, Condensed)
            rhs, outputs = self.many.values(plan.states[1:], inputs, d)
            condensed = cached
        defects = plan.states[1:] - plan.states[:-1] - self.lengths_s[:, None] * rhs
        closing = condensed.propagate(defects)
        free = outputs + np.einsum("kyx,kx->ky", condensed.outputs_x, closing)
        response = condensed.outputs_of_blocks
        if not bool(np.all(np.isfinite(free)) and np.all(np.isfinite(response))):
            return None
        return Response(plan, free, closing, condensed)

    def predict(
        self,
        response: Response,
        blocks: FloatArray,
        inputs: FloatArray,
        d: FloatArray,
        change: FloatArray,
        old: bool,
    ) -> Plan | None:
        """Return the plan of other blocks, or None; see `Stages`.

        With fresh factors a plan that the sweeps do not close is predicted stage by stage.
        """
        condensed, closing, plan = response.condensed, response.closing, response.plan
        assert isinstance(condensed, Condensed) and closing is not None
        states = plan.states.copy()
        states[1:] += closing + condensed.states_of_blocks @ change
        guess = states[1:].copy()
        tolerance = SWEEP_TOLERANCE_OLD if old else SWEEP_TOLERANCE
        outputs = self._closed(states, inputs, d, condensed, tolerance)
        if outputs is not None:
            return Plan(blocks, states, outputs)
        if old:
            return None
        found = rollout(self.point, self.horizon, d, plan.states[0], inputs, guess)
        if found is None:
            return None
        return Plan(blocks, found, self.many.values(found[1:], inputs, d)[1])

    def _closed(
        self,
        states: FloatArray,
        inputs: FloatArray,
        d: FloatArray,
        condensed: Condensed,
        tolerance: float,
    ) -> FloatArray | None:
        """Close the defects in place by sweeps over all stages at once; return outputs or None."""
        last = np.inf
        for _ in range(SWEEPS):
            rhs, outputs = self.many.values(states[1:], inputs, d)
            defects = states[1:] - states[:-1] - self.lengths_s[:, None] * rhs
            size = float(np.max(np.abs(defects)))
            if size < tolerance:
                return outputs
            if not size < last:
                return None
            last = size
            states[1:] += condensed.propagate(defects)
        return None

    def defects(
        self, x: FloatArray, u: FloatArray, d: FloatArray, inner: FloatArray | None
    ) -> FloatArray:
        """Return how far a plan is from the model's equations; see `Stages`."""
        n_pred, audit = self.horizon.n_pred, self._audit
        audit.inputs[0][:] = x[1:].ravel()
        audit.inputs[1][:] = u.ravel()
        audit.inputs[2].reshape(n_pred, -1)[:] = d
        audit.call()
        rhs = audit.outputs[0].reshape(n_pred, -1)
        defects: FloatArray = (x[1:] - x[:-1] - self.lengths_s[:, None] * rhs) / self._x_scale
        return defects
