"""Stages that are maps x_next = F(x, u, d): the whole horizon is predicted in one call."""

from dataclasses import replace
from functools import partial

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_functions import compiled
from operator_agent.mpc.engine.condense import Condensed, Horizon
from operator_agent.mpc.engine.condense_maps import CondensedMaps, MapCondenser, StageMatrices
from operator_agent.mpc.engine.linearise import BufferedFunction, ScaledModel
from operator_agent.mpc.engine.scheme_curvature import stage_curvature
from operator_agent.mpc.engine.schemes import Scheme, StageMap, stage_map
from operator_agent.mpc.engine.stages import Plan, Response

INNER_TOLERANCE = 1e-7  # scaled residual inside a stage; acceptance allows ten thousand times it
MAX_CALLS = 12  # Newton calls for one prediction; a cold start needs some three
STAGE_CALLS = 40  # of one stage by itself: a reaction that ignites within it needs some twenty


class MapStages:
    """A model along a horizon whose stages are maps. Scratch memory inside."""

    def __init__(
        self,
        scaled: ScaledModel,
        horizon: Horizon,
        scheme: Scheme,
        substeps: int,
        curved: bool,
    ) -> None:
        """Build the functions of the horizon, with second derivatives where they are asked for."""
        model = scaled.model
        maps = {h: _map_once(scaled, scheme, h, substeps) for h in set(horizon.lengths_s)}
        self.maps: tuple[StageMap, ...] = tuple(maps[h] for h in horizon.lengths_s)
        n_pred, self._n_w = horizon.n_pred, self.maps[0].n_w
        self._shape = (n_pred, model.n_x, model.n_u, model.n_y)
        made = {
            h: scaled.once(("evaluated", scheme, h, substeps), partial(_evaluated, scaled, stage))
            for h, stage in maps.items()
        }
        called = tuple(made[h] for h in horizon.lengths_s)
        single = {h: BufferedFunction(stage.advance) for h, stage in made.items()}
        self._singles = tuple(single[h] for h in horizon.lengths_s)
        at_ends = scaled.once("outputs", scaled.outputs)
        self._values = BufferedFunction(_horizon_function(scaled, called, at_ends, False))
        self._jacobians = BufferedFunction(_horizon_function(scaled, called, at_ends, True))
        n_x, n_u, n_y = self._shape[1:]
        x_x, x_u, y_x, y_u = self._jacobians.outputs[4:]
        self._matrices = StageMatrices(
            x_x.reshape(n_pred, n_x, n_x),
            x_u.reshape(n_pred, n_u, n_x),
            y_x.reshape(n_pred, n_x, n_y),
            y_u.reshape(n_pred, n_u, n_y),
        )
        self._audit = BufferedFunction(_audit(scaled, self.maps))
        self._condenser = MapCondenser(horizon, model.n_u)
        self._bent = (
            BufferedFunction(_curvatures(scaled, horizon, scheme, substeps, self.maps))
            if curved
            else None
        )

    def curvature(
        self, plan: Plan, inputs: FloatArray, d: FloatArray, adjoint: FloatArray
    ) -> FloatArray:
        """Return second derivatives of the maps, weighted, shape (N, n_x + n_u, n_x + n_u).

        Args:
            plan: as predicted.
            inputs: scaled, shape (N, n_u).
            d: shape (n_d,) or (N, n_d) [SI].
            adjoint: slope of the cost by each x[k+1], shape (N, n_x).
        """
        n_pred, n_x, n_u, _ = self._shape
        bent = self._bent
        assert bent is not None
        bent.inputs[0][:] = plan.states[:-1].ravel()
        bent.inputs[1][:] = inputs.ravel()
        bent.inputs[2].reshape(n_pred, -1)[:] = d
        bent.inputs[3][:] = 0.0 if plan.inner is None else plan.inner.ravel()
        bent.inputs[4][:] = adjoint.ravel()
        bent.call()
        return np.array(bent.outputs[0]).reshape(n_pred, n_x + n_u, n_x + n_u)

    def _call(
        self,
        function: BufferedFunction,
        x: FloatArray,
        inputs: FloatArray,
        d: FloatArray,
        inner: FloatArray | None,
    ) -> bool:
        """Evaluate until the stages are solved; False where that fails.

        All stages are improved at once. Where that does not end, a stage may have been led astray
        while the ones before it were not solved: then one after the other, from nothing.
        """
        n_pred = self._shape[0]
        function.inputs[0][:] = x
        function.inputs[1][:] = inputs.ravel()
        function.inputs[2].reshape(n_pred, -1)[:] = d
        function.inputs[3][:] = 0.0 if inner is None else inner.ravel()
        if not _improved(function):
            found = self._one_by_one(x, inputs, function.inputs[2].reshape(n_pred, -1))
            if found is None:
                return False
            function.inputs[3][:] = found.ravel()
            if not _improved(function):
                return False
        y = function.outputs[1]
        return bool(np.isfinite(y.dot(y)))

    def advanced(
        self, k: int, x: FloatArray, u: FloatArray, d: FloatArray, inner: FloatArray | None
    ) -> FloatArray | None:
        """Return the state after one stage, or None where it is not solved.

        Args:
            k: number of the stage.
            x, u: scaled, at its start and during it.
            d: during it [SI].
            inner: guesses for all stages, shape (N, n_w); that of this one is improved in place.
        """
        function = self._singles[k]
        after, solved, left = function.outputs
        function.inputs[0][:], function.inputs[1][:], function.inputs[2][:] = x, u, d
        function.inputs[3][:] = 0.0 if inner is None else inner[k]
        for _ in range(STAGE_CALLS):
            function.call()
            if not left[0] >= INNER_TOLERANCE:
                break
            function.inputs[3][:] = solved
        if inner is not None:
            inner[k] = solved
        found = after.copy()
        return found if left[0] < INNER_TOLERANCE and bool(np.isfinite(found).all()) else None

    def _one_by_one(self, x: FloatArray, inputs: FloatArray, d: FloatArray) -> FloatArray | None:
        """Return the unknowns inside the stages, shape (N, n_w), or None."""
        if not self._n_w:
            return None
        found = np.zeros((self._shape[0], self._n_w))
        for k, u in enumerate(inputs):
            after = self.advanced(k, x, u, d[k], found)
            if after is None:
                return None
            x = after
        return found

    def _plan(self, function: BufferedFunction, x: FloatArray, blocks: FloatArray) -> Plan:
        n_pred, n_x, _, n_y = self._shape
        states = np.empty((n_pred + 1, n_x))
        states[0] = x
        states[1:] = function.outputs[0].reshape(n_pred, n_x)
        outputs = function.outputs[1].reshape(n_pred, n_y).copy()
        return Plan(blocks, states, outputs, np.nan, function.outputs[2].reshape(n_pred, -1).copy())

    def first(
        self, x: FloatArray, inputs: FloatArray, d: FloatArray, blocks: FloatArray
    ) -> Plan | None:
        """Return the plan predicted without a guess, or None; see `Stages`."""
        if not self._call(self._values, x, inputs, d, None):
            return None
        return self._plan(self._values, x, blocks)

    def respond(
        self,
        plan: Plan,
        inputs: FloatArray,
        d: FloatArray,
        cached: Condensed | CondensedMaps | None,
    ) -> Response | None:
        """Return the linearisation along the prediction of a plan, or None; see `Stages`."""
        x, function = plan.states[0], self._values if cached is not None else self._jacobians
        if not self._call(function, x, inputs, d, plan.inner):
            return None
        predicted = self._plan(function, x, plan.blocks)
        assert predicted.outputs is not None
        if cached is not None:
            return Response(predicted, predicted.outputs, None, cached)
        condensed = self._condenser.condense(self._matrices)
        return Response(predicted, predicted.outputs, None, condensed)

    def predict(
        self,
        response: Response,
        blocks: FloatArray,
        inputs: FloatArray,
        d: FloatArray,
        change: FloatArray,
        old: bool,
    ) -> Plan | None:
        """Return the plan of other blocks, or None; see `Stages`. The guess is the last plan's."""
        x = response.plan.states[0]
        if not self._call(self._values, x, inputs, d, response.plan.inner):
            return None
        return self._plan(self._values, x, blocks)

    def defects(
        self, x: FloatArray, u: FloatArray, d: FloatArray, inner: FloatArray | None
    ) -> FloatArray:
        """Return how far a plan is from the model's equations; see `Stages`."""
        audit = self._audit
        audit.inputs[0][:] = x.ravel()
        audit.inputs[1][:] = u.ravel()
        audit.inputs[2].reshape(self._shape[0], -1)[:] = d
        audit.inputs[3][:] = 0.0 if inner is None else inner.ravel()
        audit.call()
        return audit.outputs[0]


def _improved(function: BufferedFunction) -> bool:
    """Call until the stages are solved, each time from the unknowns found; False without end."""
    for _ in range(MAX_CALLS):
        function.call()
        left = float(function.outputs[3].max())
        if left < INNER_TOLERANCE:
            return True
        if not left < np.inf:
            return False
        function.inputs[3][:] = function.outputs[2]
    return False


def _map_once(scaled: ScaledModel, scheme: Scheme, length_s: float, substeps: int) -> StageMap:
    make = partial(stage_map, scaled, scheme, length_s, substeps)
    return scaled.once(("map", scheme, length_s, substeps), make)


def _evaluated(scaled: ScaledModel, stage: StageMap) -> StageMap:
    """Return a stage as the control loop calls it: compiled where that is allowed.

    Stages are compiled one by one, so that a horizon of another length needs nothing new.
    """
    model = scaled.model
    x, u = model.x_nominal / model.x_scale, model.u_nominal / model.u_scale
    point = (x, u, model.d_nominal, np.zeros(stage.n_w))
    functions = (stage.advance, stage.sensitivity)
    advance, sensitivity = compiled(functions, (point, point), scaled.compilation)
    return replace(stage, advance=advance, sensitivity=sensitivity)


def _horizon_function(
    scaled: ScaledModel,
    maps: tuple[StageMap, ...],
    at_ends: tuple[ca.Function, ca.Function],
    jacobians: bool,
) -> ca.Function:
    """Return `(x, U, D, W) -> (X, Y, W, residuals, ...)` over all stages, with Jacobians or not.

    Args:
        scaled: the model.
        maps: of the stages.
        at_ends: outputs of the model, without and with Jacobians.
        jacobians: whether they are wanted.
    """
    model, n_pred, n_w = scaled.model, len(maps), maps[0].n_w
    x = ca.MX.sym("x", model.n_x)
    inputs = [ca.MX.sym(n, size, n_pred) for n, size in
              (("u", model.n_u), ("d", model.n_d), ("w", n_w))]  # fmt: skip
    columns = [ca.horzsplit(matrix) for matrix in inputs]
    found: list[list[ca.MX]] = []
    now = x
    for stage, u, d, w in zip(maps, *columns, strict=True):
        after, solved, left = stage.advance(now, u, d, w)
        if jacobians:
            y, y_x, y_u = at_ends[1](after, u, d)
            x_x, x_u = stage.sensitivity(now, u, d, solved)
            found.append([after, y, solved, left, x_x, x_u, y_x, y_u])
        else:
            found.append([after, at_ends[0](after, u, d), solved, left])
        now = after
    results = [ca.horzcat(*parts) for parts in zip(*found, strict=True)]
    return ca.Function("horizon", [x, *inputs], results)


def _curvatures(
    scaled: ScaledModel,
    horizon: Horizon,
    scheme: Scheme,
    substeps: int,
    maps: tuple[StageMap, ...],
) -> ca.Function:
    """Return `(X, U, D, W, A) -> second derivatives` over all stages."""
    model, n_pred = scaled.model, len(maps)
    lengths = horizon.lengths_s
    made = {
        h: scaled.once(
            ("curvature", scheme, h, substeps),
            partial(_bending, scaled, scheme, h, maps[lengths.index(h)]),
        )
        for h in set(lengths)
    }
    sizes = (model.n_x, model.n_u, model.n_d, maps[0].n_w, model.n_x)
    inputs = [ca.MX.sym(n, size, n_pred) for n, size in zip("xudwa", sizes, strict=True)]
    columns = [ca.horzsplit(matrix) for matrix in inputs]
    found = [made[h](*stage) for h, *stage in zip(lengths, *columns, strict=True)]
    return ca.Function("curvatures", inputs, [ca.horzcat(*found)])


def _audit(scaled: ScaledModel, maps: tuple[StageMap, ...]) -> ca.Function:
    """Return `(X, U, D, W) -> defects` in SI over all stages: x is (n_x, N + 1), w is scaled."""
    model, n_pred = scaled.model, len(maps)
    x = ca.MX.sym("x", model.n_x, n_pred + 1)
    u, d = ca.MX.sym("u", model.n_u, n_pred), ca.MX.sym("d", model.n_d, n_pred)
    w = ca.MX.sym("w", maps[0].n_w, n_pred)
    rows = [maps[k].audit(x[:, k], x[:, k + 1], u[:, k], d[:, k], w[:, k]) for k in range(n_pred)]
    return ca.Function("audit", [x, u, d, w], [ca.horzcat(*rows)])


def _bending(scaled: ScaledModel, scheme: Scheme, length_s: float, stage: StageMap) -> ca.Function:
    """Return the second derivatives of a stage, compiled where that is allowed."""
    model = scaled.model
    x, u = model.x_nominal / model.x_scale, model.u_nominal / model.u_scale
    point = (x, u, model.d_nominal, np.zeros(stage.n_w), np.ones(model.n_x))
    function = stage_curvature(scaled, scheme, length_s, stage)
    return compiled((function,), (point,), scaled.compilation)[0]
