"""MPC on a reduced model: a bias on each output, the limits and weights of the whole controller."""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.formulation import Formulation, Sharing
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.stage_weights import stage_weights
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.linear.affine_stages import AffineMap, affine_maps
from operator_agent.mpc.linear.reduced import Reduced
from operator_agent.mpc.problem import Outcome, Problem, Warm
from operator_agent.mpc.solve import solve
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights


@dataclass(frozen=True, slots=True)
class ReducedState:
    """What is carried from cycle to cycle.

    Attributes:
        x: state of the reduced model, divided by its scales, shape (n,).
        bias: of the outputs, shape (n_y,) [SI].
        u, d: that held since the last cycle [SI].
        warm: last plan; None before the first and after a failure.
    """

    x: FloatArray
    bias: FloatArray
    u: FloatArray
    d: FloatArray
    warm: Warm | None = None


class ReducedMpc:
    """One reduced model with its functions. Scratch memory inside."""

    def __init__(
        self,
        reduced: Reduced,
        variables: ControlVariables,
        weights: Weights,
        cycle_s: float,
    ) -> None:
        """Condense the horizon of the weights.

        Args:
            reduced: whose sample time is the cycle.
            variables: limits; soft ones are drawn `hard_margin` inside.
            weights: those of the nonlinear controller.
            cycle_s: time between moves [s].

        Raises:
            InputError: limits, weights or stages do not fit the model.
        """
        model = reduced.model
        self.reduced, self.cycle_s = reduced, cycle_s
        limits = variables.with_margin(weights.hard_margin * model.y_scale)
        horizon = Horizon.of(
            weights.first_stages_s, weights.stage_s, weights.move_blocks, weights.n_pred
        )
        scaled = ScaledModel.of(model)
        maps = affine_maps(scaled)
        assert maps is not None  # a reduced model is linear
        self._maps: tuple[AffineMap, AffineMap] = maps
        self._filter, self._model, self._weights = weights.bias_filter, model, weights
        formulation = Formulation(scheme=Scheme.SAMPLED, sharing=Sharing.HORIZON)
        self._problem = Problem(
            transcription=Transcription(scaled, horizon, LimitShape.of(limits), formulation),
            variables=limits,
            weights=stage_weights(weights, model, None),
            x=model.x_nominal,
            u_held=model.u_nominal,
            d=model.d_nominal,
            bias=np.zeros(model.n_y),
            y_reference=np.zeros((weights.n_pred, model.n_y)),
            u_reference=model.u_nominal,
            cycle_s=cycle_s,
            iterations=1,
            cold_iterations=1,
        )

    def start(self, y: FloatArray, u: FloatArray, d: FloatArray) -> ReducedState:
        """Return the state a cycle ago, at rest, with the bias that explains the outputs.

        Args:
            y: measured, shape (n_y,) [SI].
            u: inputs that hold, shape (n_u,) [SI].
            d: disturbances, shape (n_d,) [SI].
        """
        step, model = self._maps[0], self._model
        moved = step.u @ (u / model.u_scale) + step.d @ d + step.rest
        x: FloatArray = np.linalg.inv(np.eye(model.n_x) - step.x) @ moved
        return ReducedState(x, y - self._outputs(x, u, d), u, d)

    def taken_over(self, state: ReducedState, before: "ReducedMpc") -> ReducedState:
        """Return the state of a controller at another operating point as this one's.

        What is on its way through the plant stays so, and the outputs are estimated as before.

        Args:
            state: after its last cycle.
            before: that controller.
        """
        u, d = state.u, state.d
        whole = before.reduced.whole(state.x * before._model.x_scale, u, d)
        x = self.reduced.reduced(whole) / self._model.x_scale
        bias = state.bias + before._outputs(state.x, u, d) - self._outputs(x, u, d)
        return ReducedState(x, bias, u, d)

    def step(
        self,
        state: ReducedState,
        y: FloatArray,
        d: FloatArray,
        y_reference: FloatArray,
        u_reference: FloatArray,
        limits: ControlVariables | None = None,
    ) -> tuple[Outcome, ReducedState]:
        """Return the outcome of one cycle and the state for the next.

        Args:
            state: after the last cycle.
            y: measured now, shape (n_y,) [SI].
            d: disturbances now, shape (n_d,) [SI].
            y_reference: wanted, shape (n_y,) or (N, n_y) [SI].
            u_reference: MVs to rest at, shape (n_u,) [SI].
            limits: other limits with the same sides; None for those of the beginning.
        """
        model = self._model
        x = self._maps[0].at(state.x, state.u / model.u_scale, state.d)
        bias = state.bias + self._filter * (y - self._outputs(x, state.u, d) - state.bias)
        reference = np.empty_like(self._problem.y_reference)
        reference[:] = y_reference
        problem = replace(
            self._problem,
            x=x * model.x_scale,
            u_held=state.u,
            d=d,
            bias=bias,
            y_reference=reference,
            u_reference=u_reference,
            variables=self._problem.variables if limits is None else self._drawn(limits),
        )
        outcome = solve(problem, state.warm)
        u = outcome.move if outcome.accepted else state.u
        return outcome, ReducedState(x, bias, u, d, outcome.warm)

    def _outputs(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the outputs without bias, shape (n_y,) [SI]."""
        model = self._model
        found: FloatArray = self._maps[1].at(x, u / model.u_scale, d) * model.y_scale
        return found

    def _drawn(self, limits: ControlVariables) -> ControlVariables:
        return limits.with_margin(self._weights.hard_margin * self._model.y_scale)
