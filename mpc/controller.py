"""One control cycle: estimate, steady-state target, NMPC, acceptance. Values in, values out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import Advice, EconomicTargets
from operator_agent.mpc.advice import backed_off
from operator_agent.mpc.engine.acceptance import unmet_limits
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.stage_weights import by_name, stage_weights
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.estimator import EstimatorState, Rejected
from operator_agent.mpc.problem import Outcome, Problem, SolverStatus, Warm, refused
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.solve import solve
from operator_agent.mpc.target.inputs import Present, TargetInputs
from operator_agent.mpc.target.planned import planned_wishes
from operator_agent.mpc.target.steady_model import ModelRest
from operator_agent.mpc.target.target import (
    NotRenewed,
    SteadyTarget,
    TargetOptimizer,
    TargetState,
)
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.wishes import Economics
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel

__all__ = ["Controller", "ControllerState", "CycleResult", "Scan"]


@dataclass(frozen=True, slots=True)
class ControllerState:
    """All that a controller carries from one cycle to the next.

    Attributes:
        cycle: number of steps done.
        estimate: None until the first scan that could be used.
        target: steady-state target and the state from which it walks; None before the first.
        target_state: see above.
        warm: plan of the last accepted solve; None after a failure.
    """

    cycle: int = 0
    estimate: EstimatorState | None = None
    target: SteadyTarget | None = None
    target_state: TargetState | None = None
    warm: Warm | None = None


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one cycle found, in SI.

    Attributes:
        outcome: of the solve, without its warm start; its move exists only when accepted.
        y_estimate: CVs with bias, shape (n_y,).
        y_target: steady-state target, shape (n_y,).
        u_target: the same for the MVs, shape (n_u,).
        y_predicted: at the end of each stage, shape (N, n_y); None without a plan.
        active_limits: limits that hold the plan.
        unmet_limits: hard CV limits that the plan cannot keep at once; empty when all is well.
        target: with prices of its limits; None before the first.
        advice: as applied; None without.
        cuts: what of the advice could not be applied.
        bad_readings: bad or rejected readings in a row, by CV or DV name.
        solve_ms: wall time of the whole step [ms].
        timings_ms: wall time by part [ms].
        problem: that was solved, for audits; None when it did not come so far.
    """

    outcome: Outcome
    y_estimate: FloatArray
    y_target: FloatArray
    u_target: FloatArray
    y_predicted: FloatArray | None
    active_limits: tuple[str, ...]
    unmet_limits: tuple[str, ...]
    target: SteadyTarget | None
    advice: Advice | None
    cuts: tuple[str, ...]
    bad_readings: Mapping[str, int]
    solve_ms: float
    timings_ms: Mapping[str, float]
    problem: Problem | None = None


@dataclass(slots=True)
class _Stopwatch:
    start_s: float = field(default_factory=time.perf_counter)
    last_s: float = field(default_factory=time.perf_counter)
    parts_ms: dict[str, float] = field(default_factory=dict)

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.parts_ms[part] = 1e3 * (now - self.last_s)
        self.last_s = now


class Controller:
    """A tuned NMPC with its target optimizer and estimator for one process model."""

    def __init__(
        self,
        model: ProcessModel,
        variables: ControlVariables,
        weights: Weights,
        economics: Economics | None,
        cycle_s: float,
    ) -> None:
        """Build functions and solvers; nothing is solved yet.

        Args:
            model: of the process.
            variables: limits in the model's order.
            weights: tuning.
            economics: what a steady state earns; None for tracking only.
            cycle_s: time between steps [s].

        Raises:
            InputError: names of variables or weights do not fit the model.
        """
        if (variables.mv_names, variables.cv_names) != (model.u_names, model.y_names):
            raise InputError(f"the limits are not in the order of model {model.name}")
        stage_weights(weights, model, None)  # refuses names that do not fit, now
        self.model, self.variables, self.weights = model, variables, weights
        self.cycle_s = cycle_s
        self._scaled = ScaledModel.of(model)
        self._estimator = BiasObserver(self._scaled, variables, weights, cycle_s)
        rest = ModelRest(self._scaled)
        self._targets = TargetOptimizer(rest, TargetTuning.of(weights), economics)
        self._economics = economics
        self._grids: dict[tuple[Horizon, LimitShape], Transcription] = {}
        self._limits = variables.with_margin(weights.hard_margin * model.y_scale)
        self._grid(weights.n_pred, self._limits)

    def with_weights(self, weights: Weights) -> "Controller":
        """Return a controller with other weights that shares the compiled functions."""
        copy = object.__new__(Controller)
        stage_weights(weights, self.model, None)
        copy.model, copy.variables, copy.weights = self.model, self.variables, weights
        copy.cycle_s, copy._scaled, copy._economics = self.cycle_s, self._scaled, self._economics
        copy._limits = self.variables.with_margin(weights.hard_margin * self.model.y_scale)
        copy._estimator = BiasObserver(self._scaled, self.variables, weights, self.cycle_s)
        copy._targets = self._targets.with_tuning(TargetTuning.of(weights))
        copy._grids = self._grids
        return copy

    def _grid(self, n_pred: int, variables: ControlVariables) -> Transcription:
        weights = self.weights
        horizon = Horizon.of(weights.first_stages_s, weights.stage_s, weights.move_blocks, n_pred)
        key = (horizon, LimitShape.of(variables))
        if key not in self._grids:
            self._grids[key] = Transcription(self._scaled, *key)
        return self._grids[key]

    def start(self, scan: Scan) -> ControllerState:
        """Return the state at the first scan: the model's steady state at its inputs.

        When the scan cannot be used the state is empty; the next step says why and tries again.
        """
        estimate = self._estimator.start(scan)
        if isinstance(estimate, Rejected):
            return ControllerState()
        return ControllerState(
            estimate=estimate, target_state=self._targets.start(estimate.x, scan.u_readback)
        )

    def step(
        self,
        state: ControllerState,
        scan: Scan,
        targets: EconomicTargets | None,
        advice: Advice | None,
    ) -> tuple[CycleResult, ControllerState]:
        """Return the result of one cycle and the state for the next.

        Args:
            state: of the last cycle, or from `start`.
            scan: of this cycle.
            targets: of planning; None keeps limits only.
            advice: already cut to its envelope; None for none.

        Raises:
            InputError: targets or advice name something that the model does not know.
        """
        watch = _Stopwatch()
        variables, cuts = backed_off(self._limits, advice.back_offs if advice else {})
        estimate = self._estimate(state, scan)
        watch.lap("estimate")
        if isinstance(estimate, Rejected):
            return self._rejected(state, scan, estimate, advice, watch)
        target, target_state, more = self._target(state, estimate, scan, variables, targets, advice)
        watch.lap("target")
        problem = self._problem(state, estimate, scan, target, variables, advice)
        outcome = solve(problem, state.warm)
        watch.lap("nmpc")
        trusted = None if outcome.status is SolverStatus.NOT_FINITE else estimate
        after = ControllerState(state.cycle + 1, trusted, target, target_state, outcome.warm)
        light = replace(outcome, warm=None)  # factors of all stages: kept in the state alone
        result = self._result(light, estimate, target, advice, (*cuts, *more), watch)
        return replace(result, problem=problem), after

    def _estimate(self, state: ControllerState, scan: Scan) -> EstimatorState | Rejected:
        if state.estimate is None:
            return self._estimator.start(scan)
        if state.cycle == 0:
            return state.estimate
        return self._estimator.update(state.estimate, scan)

    def _target(
        self,
        state: ControllerState,
        estimate: EstimatorState,
        scan: Scan,
        variables: ControlVariables,
        targets: EconomicTargets | None,
        advice: Advice | None,
    ) -> tuple[SteadyTarget, TargetState, tuple[str, ...]]:
        asked = {n: b for n, b in advice.target_biases.items() if b} if advice else {}
        known = targets.targets if targets is not None else {}
        cuts = tuple(
            f"target bias of {n}: planning gives no target" for n in asked if n not in known
        )
        biases = {n: v for n, v in asked.items() if n in known}
        by_name(biases, self.model.y_names, 0.0, "target bias")  # refuses what is no CV
        walking = state.target_state or self._targets.start(estimate.x, scan.u_readback)
        if state.target is not None and state.cycle % self.weights.target_every:
            return state.target, walking, cuts
        new, walked = self._targets.renew(
            walking,
            TargetInputs(
                variables=variables,
                d=estimate.d,
                bias=estimate.bias,
                wishes=planned_wishes(targets, biases, self._economics is not None),
                present=Present(estimate.x, scan.u_readback, estimate.y),
            ),
        )
        if not isinstance(new, NotRenewed):
            return new, walked, cuts
        reason = f"the target was not renewed: {new.reason}"
        kept = state.target or SteadyTarget(
            scan.u_readback, estimate.y, (), (), np.nan, np.nan, reason
        )
        again = self._targets.start(estimate.x, scan.u_readback)
        return replace(kept, reason=reason), again, cuts

    def _problem(
        self,
        state: ControllerState,
        estimate: EstimatorState,
        scan: Scan,
        target: SteadyTarget,
        variables: ControlVariables,
        advice: Advice | None,
    ) -> Problem:
        weights = self.weights
        n_pred = advice.n_pred if advice and advice.n_pred else weights.n_pred
        grid = self._grid(n_pred, variables)
        times = grid.horizon.borders_s[1:]
        ahead = np.exp(-times / weights.reference_s) if weights.reference_s > 0.0 else 0.0 * times
        return Problem(
            transcription=grid,
            variables=variables,
            weights=stage_weights(weights, self.model, advice),
            x=estimate.x,
            u_held=scan.u_readback,
            d=estimate.d,
            bias=estimate.bias,
            y_reference=target.y + ahead[:, None] * (estimate.y - target.y),
            u_reference=target.u,
            cycle_s=self.cycle_s,
            iterations=weights.iterations,
            cold_iterations=weights.cold_iterations,
            relinearise=state.cycle % weights.relinearise_every == 0,
        )

    def _rejected(
        self,
        state: ControllerState,
        scan: Scan,
        rejected: Rejected,
        advice: Advice | None,
        watch: _Stopwatch,
    ) -> tuple[CycleResult, ControllerState]:
        """Return a result without a move; the plan is dropped, a failed model starts anew."""
        status = SolverStatus.NOT_FINITE if rejected.model_failed else SolverStatus.BAD_READING
        outcome = refused(status, rejected.reason)
        result = self._result(outcome, state.estimate, state.target, advice, (), watch, scan)
        lost = None if state.estimate is None else state.estimate.with_lost(scan)
        estimate = None if rejected.model_failed else lost
        return result, replace(
            state,
            cycle=state.cycle + 1,
            estimate=estimate,
            target_state=None if rejected.model_failed else state.target_state,
            warm=None,
        )

    def _result(
        self,
        outcome: Outcome,
        estimate: EstimatorState | None,
        target: SteadyTarget | None,
        advice: Advice | None,
        cuts: tuple[str, ...],
        watch: _Stopwatch,
        scan: Scan | None = None,
    ) -> CycleResult:
        n_y, n_u = self.model.n_y, self.model.n_u
        bad: dict[str, int] = {}
        if estimate is not None:
            seen = estimate.with_lost(scan) if scan is not None else estimate
            counts = np.concatenate([seen.bad_cvs, seen.bad_dvs])
            names = (*self.model.y_names, *self.variables.dv_names)
            bad = {name: int(n) for name, n in zip(names, counts, strict=True) if n}
        timings = {**watch.parts_ms, **{f"nmpc_{k}": v for k, v in
                                        outcome.diagnostics.timings_ms.items()}}  # fmt: skip
        return CycleResult(
            outcome=outcome,
            y_estimate=np.full(n_y, np.nan) if estimate is None else estimate.y,
            y_target=np.full(n_y, np.nan) if target is None else target.y,
            u_target=np.full(n_u, np.nan) if target is None else target.u,
            y_predicted=outcome.diagnostics.y_predicted,
            active_limits=outcome.diagnostics.active_limits,
            unmet_limits=unmet_limits(
                self.variables, outcome.diagnostics.y_predicted, self.model.y_scale
            ),
            target=target,
            advice=advice,
            cuts=cuts,
            bad_readings=MappingProxyType(bad),
            solve_ms=1e3 * (time.perf_counter() - watch.start_s),
            timings_ms=MappingProxyType(timings),
        )
