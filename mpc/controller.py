"""One control cycle: states, estimate, steady-state target, NMPC, acceptance. Values in and out."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import Advice, EconomicTargets
from operator_agent.mpc.advice import backed_off
from operator_agent.mpc.cycle_values import ControllerState, CycleResult, Stopwatch
from operator_agent.mpc.engine.acceptance import unmet_limits
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.stage_weights import stage_weights
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.estimation.estimator import EstimatorState, Rejected
from operator_agent.mpc.intake import Intake, Taken
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.problem import Outcome, Problem, SolverStatus, refused
from operator_agent.mpc.refusals import BREAKS, after_solve, broken
from operator_agent.mpc.robust.grids import Grids
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.setpoints import SetpointRules
from operator_agent.mpc.solve import solve
from operator_agent.mpc.status.frozen_readings import check_frozen
from operator_agent.mpc.status.judgement import refusal
from operator_agent.mpc.status.masking import masked_weights, narrowed, serviced
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.mpc.status.validity import Validity
from operator_agent.mpc.target.live_adaptation import Adapter
from operator_agent.mpc.target.steady_model import ModelRest
from operator_agent.mpc.target.target import SteadyTarget, TargetOptimizer
from operator_agent.mpc.target.wishes import Economics
from operator_agent.mpc.targeting import Targeting
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel

__all__ = ["Controller", "ControllerState", "CycleResult", "Scan"]

DEFAULTS = ControllerOptions()
ALL_IN_SERVICE = ServiceRequest()
RESCUE_SHARE = 0.1  # of a cycle that IPOPT may take where the own iterations stall: the move that
RESCUE_S = 1.0  # follows must still fit its readings; in short cycles up to half, at most so long


class Controller:
    """A tuned NMPC with its target optimizer and estimator for one process model."""

    def __init__(
        self,
        model: ProcessModel | SampledModel,
        variables: ControlVariables,
        weights: Weights,
        economics: Economics | None,
        cycle_s: float,
        options: ControllerOptions = DEFAULTS,
    ) -> None:
        """Build functions and solvers; nothing is solved yet.

        Args:
            model: of the process.
            variables: limits in the model's order.
            weights: tuning.
            economics: what a steady state earns; None for tracking only.
            cycle_s: time between steps [s].
            options: how the controller is put together.

        Raises:
            InputError: names of variables or weights do not fit the model.
        """
        if (variables.mv_names, variables.cv_names) != (model.u_names, model.y_names):
            raise InputError(f"the limits are not in the order of model {model.name}")
        self.model, self.cycle_s = model, cycle_s
        self._scaled, self._economics = ScaledModel.of(model, options.compilation), economics
        tuning = options.target_tuning(weights)
        rest = ModelRest(self._scaled, options.integrating, tuple(tuning.pull))
        self.targets = TargetOptimizer(rest, tuning, economics)
        self._grids = Grids(self._scaled)
        estimator = options.follower(self._scaled, variables, weights, cycle_s)
        validity = Validity.of(model, variables, weights.spike_readings)
        rules = options.rules(weights)
        self._intake = Intake(
            model, variables, estimator, validity, rules, cycle_s, options.frozen_s
        )
        self._tune(variables, weights, options)
        self._grid(weights.n_pred, self._limits)

    def _tune(
        self, variables: ControlVariables, weights: Weights, options: ControllerOptions
    ) -> None:
        stage_weights(weights, self.model, None)  # refuses names that do not fit, now
        check_frozen(options.frozen_s, variables)
        if options.back_off is not None:
            options.back_off.check_names(variables)
        self.targets = self.targets.with_tuning(options.target_tuning(weights))
        rules = SetpointRules.of(self._intake.validity, self.targets, weights)
        economic = self._economics is not None
        adapter = None
        if options.adaptation is not None:
            adapter = Adapter(options.adaptation, self.model, self._economics, self.cycle_s)
        self._targeting = Targeting(
            self.model.name, self.targets, rules, economic, weights.target_every, adapter
        )
        self._limits = variables.with_margin(weights.hard_margin * self.model.y_scale)
        self.variables, self.weights, self.options = variables, weights, options

    def with_weights(self, weights: Weights) -> "Controller":
        """Return a controller with other weights that shares the compiled functions."""
        return self.retuned(weights, self.options)

    def retuned(self, weights: Weights, options: ControllerOptions) -> "Controller":
        """Return a controller with other weights and options that shares the compiled functions."""
        copy = object.__new__(Controller)
        copy.model, copy.cycle_s = self.model, self.cycle_s
        copy._scaled, copy._economics = self._scaled, self._economics
        copy.targets, copy._grids = self.targets, self._grids
        intake = self._intake
        if options.estimator_differs(self.options, weights, self.weights):
            made = options.follower(self._scaled, self.variables, weights, self.cycle_s)
            intake = replace(intake, estimator=made)
        validity = replace(intake.validity, readings=weights.spike_readings)
        copy._intake = replace(
            intake, validity=validity, rules=options.rules(weights), frozen_s=options.frozen_s
        )
        copy._tune(self.variables, weights, options)
        return copy

    def _grid(
        self, n_pred: int, variables: ControlVariables
    ) -> tuple[Transcription, ScenarioTree | None]:
        """Return the grid, and the tree whose first path it is where something is uncertain."""
        weights, formulation = self.weights, self.options.formulation
        horizon = Horizon.of(weights.first_stages_s, weights.stage_s, weights.move_blocks, n_pred)
        key = (horizon, LimitShape.of(variables), formulation)
        return self._grids.at(key, self.options.uncertainty)

    def start(self, scan: Scan) -> ControllerState:
        """Return the state at the first scan: the model's steady state at its inputs.

        When the scan cannot be used the state is empty; the next step says why and tries again.

        Raises:
            InputError: the scan has not the shapes of the model.
        """
        estimate = self._intake.start(scan)
        if isinstance(estimate, Rejected):
            return ControllerState()
        return ControllerState(
            estimate=estimate, target_state=self.targets.start(estimate.x, scan.u_readback)
        )

    def step(
        self,
        state: ControllerState,
        scan: Scan,
        targets: EconomicTargets | None,
        advice: Advice | None,
        request: ServiceRequest = ALL_IN_SERVICE,
    ) -> tuple[CycleResult, ControllerState]:
        """Return the result of one cycle and the state for the next.

        While the mode is not ON the target stays one step from where the plant stands and the bias
        goes on following the readings, so that nothing has wound up when it is switched on.

        Args:
            state: of the last cycle, or from `start`.
            scan: of this cycle.
            targets: of planning; None keeps limits only.
            advice: already cut to its envelope; None for none.
            request: what people and devices say of the variables.

        Raises:
            InputError: targets, advice or request name something that the model does not know, or
                the scan has not its shapes.
        """
        watch = Stopwatch()
        try:
            return self._cycled(state, scan, targets, advice, request, watch)
        except InputError:
            raise  # the caller's: of scan, targets, advice or request
        except BREAKS as error:  # a move follows when the next cycle starts anew from the readings
            why = refused(SolverStatus.FAILED, broken("the cycle", error))
            after = ControllerState(state.cycle + 1, service=state.service, mode=request.mode)
            result = self._result(why, None, after, advice, (), watch, self._limits)
            return replace(result, y_measured=scan.y), after

    def _cycled(
        self,
        state: ControllerState,
        scan: Scan,
        targets: EconomicTargets | None,
        advice: Advice | None,
        request: ServiceRequest,
        watch: Stopwatch,
    ) -> tuple[CycleResult, ControllerState]:
        taken = self._intake.take(state, scan, request)
        watch.lap("estimate")
        service, estimate = taken.service, taken.estimate
        state = replace(state, service=service, validity=taken.validity, frozen=taken.frozen)
        refused_here = refusal(service, estimate, self.variables)
        if refused_here is not None:
            return self._no_move(state, taken, refused_here, request, watch)
        assert not isinstance(estimate, Rejected)
        result, after = self._solved(state, estimate, targets, advice, request, watch)
        notes = (*result.cuts, *taken.notes)
        return replace(result, y_measured=taken.scan.y, cuts=notes), after

    def _solved(
        self,
        state: ControllerState,
        estimate: EstimatorState,
        targets: EconomicTargets | None,
        advice: Advice | None,
        request: ServiceRequest,
        watch: Stopwatch,
    ) -> tuple[CycleResult, ControllerState]:
        service = state.service
        allowed = serviced(narrowed(self._limits, request), service, self.cycle_s)
        scale, advised = self.model.y_scale, advice.back_offs if advice else {}
        rule = self.options.back_off
        spread = state.spread.with_innovation(estimate.innovation, rule)
        spread = spread.with_ride(estimate.y, self._limits, rule)
        kept_off, capped = spread.larger(rule, self._limits, scale, advised)
        variables, cuts = backed_off(allowed, kept_off)
        told, state, more = self._targeting.told(
            state, estimate, variables, targets, advice, request.mode
        )
        target, target_state = self._targeting.renewed(state, estimate, told, request.mode)
        more = (*more, target.reason) if target.reason else more
        watch.lap("target")
        problem = self._problem(state, estimate, target, variables, advice, request)
        outcome = solve(problem, state.warm)
        watch.lap("nmpc")
        spread = replace(spread, rested_on=outcome.diagnostics.active_limits)
        known = replace(
            state, estimate=estimate, target=target, target_state=target_state, spread=spread
        )
        outcome, after = after_solve(known, outcome, request.mode)
        light = replace(outcome, warm=None)  # factors of all stages: kept in the state alone
        result = self._result(
            light, estimate, after, advice, (*capped, *cuts, *more), watch, variables
        )
        return replace(result, problem=problem, target_inputs=told), after

    def _problem(
        self,
        state: ControllerState,
        estimate: EstimatorState,
        target: SteadyTarget,
        variables: ControlVariables,
        advice: Advice | None,
        request: ServiceRequest,
    ) -> Problem:
        weights, options = self.weights, self.options
        n_pred = advice.n_pred if advice and advice.n_pred else weights.n_pred
        # The shape is that of all variables in service: one that leaves opens its rows.
        grid, tree = self._grid(n_pred, narrowed(self._limits, request))
        times = grid.horizon.borders_s[1:]
        ahead = np.exp(-times / weights.reference_s) if weights.reference_s > 0.0 else 0.0 * times
        return Problem(
            transcription=grid,
            variables=variables,
            weights=masked_weights(stage_weights(weights, self.model, advice), state.service),
            x=estimate.x,
            u_held=state.service.held,
            d=estimate.d,
            bias=estimate.bias,
            y_reference=target.y + ahead[:, None] * (estimate.y - target.y),
            u_reference=target.u,
            cycle_s=self.cycle_s,
            iterations=weights.iterations,
            cold_iterations=weights.cold_iterations,
            second_solver=self.options.second_solver,
            relinearise=state.cycle % weights.relinearise_every == 0,
            tolerance=options.tolerance,
            time_limit_s=options.time_limit_s,
            second_limit_s=None if options.time_limit_s else _rescue_s(self.cycle_s),
            scenarios=tree,
        )

    def _no_move(
        self,
        state: ControllerState,
        taken: Taken,
        outcome: Outcome,
        request: ServiceRequest,
        watch: Stopwatch,
    ) -> tuple[CycleResult, ControllerState]:
        """Return a result without a move; the plan is dropped, a failed model starts anew."""
        estimate, scan = taken.estimate, taken.scan
        failed = isinstance(estimate, Rejected) and estimate.model_failed
        known: EstimatorState | None = None
        if isinstance(estimate, EstimatorState):
            known = estimate
        elif state.estimate is not None:
            known = state.estimate.with_lost(scan)
        after = replace(
            state,
            cycle=state.cycle + 1,
            estimate=None if failed else known,
            target_state=None if failed else state.target_state,
            warm=None,
            mode=request.mode,
        )
        result = self._result(outcome, known, after, None, taken.notes, watch, self._limits)
        return replace(result, y_measured=scan.y), after

    def _result(
        self,
        outcome: Outcome,
        estimate: EstimatorState | None,
        after: ControllerState,
        advice: Advice | None,
        cuts: tuple[str, ...],
        watch: Stopwatch,
        variables: ControlVariables,
    ) -> CycleResult:
        n_y, n_u, target, found = self.model.n_y, self.model.n_u, after.target, outcome.diagnostics
        bad: dict[str, int] = {}
        if estimate is not None:
            counts = np.concatenate([estimate.bad_cvs, estimate.bad_dvs])
            names = (*self.model.y_names, *self.variables.dv_names)
            bad = {name: int(n) for name, n in zip(names, counts, strict=True) if n}
        timings = {**watch.parts_ms, **{f"nmpc_{k}": v for k, v in found.timings_ms.items()}}
        held = tuple(f"{mv.name} " for mv in after.service.mvs if not mv.moved)
        active = tuple(a for a in found.active_limits if not held or not a.startswith(held))
        return CycleResult(
            outcome=outcome,
            y_estimate=_or_nan(None if estimate is None else estimate.y, n_y),
            y_target=_or_nan(None if target is None else target.y, n_y),
            u_target=_or_nan(None if target is None else target.u, n_u),
            y_predicted=found.y_predicted,
            active_limits=active,
            unmet_limits=unmet_limits(variables, found.y_predicted, self.model.y_scale),
            target=target,
            advice=advice,
            cuts=cuts,
            bad_readings=MappingProxyType(bad),
            solve_ms=watch.total_ms(),
            timings_ms=MappingProxyType(timings),
            service=after.service,
            bias=None if estimate is None else estimate.bias,
            innovation=None if estimate is None else estimate.innovation,
        )


def _rescue_s(cycle_s: float) -> float:
    return max(RESCUE_SHARE * cycle_s, min(RESCUE_S, 0.5 * cycle_s))


def _or_nan(values: FloatArray | None, size: int) -> FloatArray:
    return np.full(size, np.nan) if values is None else values
