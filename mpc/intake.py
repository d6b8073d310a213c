"""From a scan to an estimate and the states of all variables: what a cycle may rest on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, OperatorAgentError
from operator_agent.mpc.cycle_values import ControllerState
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.estimation.estimator import Estimator, EstimatorState, Rejected
from operator_agent.mpc.estimation.readings import stamp_s
from operator_agent.mpc.refusals import BREAKS
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.frozen_readings import FrozenMemory, thawed
from operator_agent.mpc.status.judgement import filled, judged
from operator_agent.mpc.status.loops import LoopSight
from operator_agent.mpc.status.rules import ServiceRules, check_request, judge_mvs, odd_writes
from operator_agent.mpc.status.states import ServiceRequest, ServiceStatus
from operator_agent.mpc.status.validity import Validity, ValidityMemory
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.process_model import ProcessModel

LONGEST_GAP_CYCLES = 60.0  # without a scan; then the plant is somewhere else than the estimate
RUNAWAY_SPANS = 1e6  # of a state: no plant is there, and squares of it cost all digits


@dataclass(frozen=True, slots=True)
class Taken:
    """What one scan gave.

    Attributes:
        scan: NaN for CVs and DVs that are not believed, last values for lost read-backs.
        estimate: of the plant, or why there is none.
        service: states of all variables.
        validity: memory of doubted numbers for the next cycle.
        frozen: how long readings have stood still.
        notes: what of scan and request was not followed, in words.
    """

    scan: Scan
    estimate: EstimatorState | Rejected
    service: ServiceStatus
    validity: ValidityMemory
    frozen: FrozenMemory
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Intake:
    """Judges scans and follows the plant. Holds no state between calls.

    Attributes:
        model: that the controller plans with.
        variables: names and operator limits.
        estimator: of the plant.
        validity: ranges of what can be true.
        rules: of the states of variables.
        cycle_s: between scans [s].
        frozen_s: how long a reading may stand still, by CV or DV name [s].
    """

    model: ProcessModel | SampledModel
    variables: ControlVariables
    estimator: Estimator
    validity: Validity
    rules: ServiceRules
    cycle_s: float
    frozen_s: Mapping[str, float]

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        """Return the estimate at a first scan, or why there is none.

        Raises:
            InputError: the scan has not the shapes of the model.
        """
        self.check_shapes(scan)
        clean, _, doubts = self._believed(ControllerState(), scan)
        return self._named(self._started(clean), doubts)

    def take(self, state: ControllerState, scan: Scan, request: ServiceRequest) -> Taken:
        """Return what a scan gives.

        Args:
            state: of the last cycle.
            scan: of this cycle.
            request: of people and devices.

        Raises:
            InputError: the scan has not the shapes of the model, or the request names what it does
                not know.
        """
        variables, rules = self.variables, self.rules
        self.check_shapes(scan)
        check_request(request, variables)
        alive, frozen, still = thawed(state.frozen, scan, self.frozen_s, variables, self.cycle_s)
        clean, memory, found = self._believed(state, alive)
        doubts = {**found, **still}
        before = state.service.mvs
        notes = odd_writes(before, request, variables, self.cycle_s) if request.written else ()
        sights = zip(clean.u_readback, clean.mv_process, clean.mv_output, strict=True)
        loops = tuple(LoopSight(*map(float, seen)) for seen in sights)
        mvs = judge_mvs(
            before, clean.u_readback, request, variables, rules, self.cycle_s, doubts, loops
        )
        whole = filled(clean, mvs, state.estimate, request, variables, self.model.d_nominal)
        estimate, gap = self._estimate(state, whole)
        estimate = self._named(estimate, doubts)
        service = judged(whole, mvs, state.estimate, estimate, request, variables, rules, doubts)
        return Taken(whole, estimate, service, memory, frozen, (*notes, *gap))

    def check_shapes(self, scan: Scan) -> None:
        """Refuse a scan of another plant.

        Raises:
            InputError: with shapes and names.
        """
        variables = self.variables
        for what, values, names in (
            ("y", scan.y, variables.cv_names),
            ("u_readback", scan.u_readback, variables.mv_names),
            ("d", scan.d, variables.dv_names),
        ):
            if values.shape != (len(names),):
                raise InputError(
                    f"scan: {what} has shape {values.shape}; give {len(names)} values, of "
                    f"{', '.join(names) or 'nothing'}"
                )

    def _believed(
        self, state: ControllerState, scan: Scan
    ) -> tuple[Scan, ValidityMemory, Mapping[str, str]]:
        estimate, limits, n_d = state.estimate, self.variables, len(self.variables.dv_names)
        # A first read-back far outside is a jump from the limit.
        u = np.minimum(np.maximum(scan.u_readback, limits.mv_low), limits.mv_high)
        if state.service.mvs:
            u = np.where(np.isfinite(state.service.held), state.service.held, u)
        if estimate is not None:
            last = (estimate.y, u, estimate.d[:n_d])
            return self.validity.believed(state.validity, scan, last)
        d = self.model.d_nominal[:n_d]
        last = (np.full(self.model.n_y, np.nan), u, d)
        found = self.validity.believed(state.validity, scan, last)
        if not any(name in found[2] for name in self.variables.cv_names):
            return found
        return self.validity.believed(state.validity, scan, (self._at_rest(found[0]), u, d))

    def _at_rest(self, scan: Scan) -> FloatArray:
        """Return the CVs of the model at rest, shape (n_y,) [SI]; NaN where it finds none.

        A model whose spans are small may well explain a reading that lies far from its nominal one.
        """
        usual = self.validity.nominal[: self.model.n_y]
        found = self._guarded(lambda: self.estimator.start(replace(scan, y=usual)))
        if isinstance(found, Rejected):
            return np.full(self.model.n_y, np.nan)
        at_rest: FloatArray = found.y - found.bias
        return at_rest

    def _estimate(
        self, state: ControllerState, scan: Scan
    ) -> tuple[EstimatorState | Rejected, tuple[str, ...]]:
        last = state.estimate
        if last is None:
            return self._started(scan), ()
        if state.cycle == 0:
            return last, ()
        gap_s = stamp_s(scan) - last.time_s
        if gap_s > LONGEST_GAP_CYCLES * self.cycle_s:
            note = f"no scan for {gap_s:.0f} s: the estimate started anew; check the clock"
            return self._started(scan), (note,)
        return self._guarded(lambda: self._sound(self.estimator.update(last, scan))), ()

    def _started(self, scan: Scan) -> EstimatorState | Rejected:
        return self._guarded(lambda: self._sound(self.estimator.start(scan)))

    def _guarded(
        self, follow: Callable[[], EstimatorState | Rejected]
    ) -> EstimatorState | Rejected:
        """Return what an estimator finds; a failure of its arithmetic is one of its model."""
        try:
            found = follow()
        except OperatorAgentError:
            raise
        except BREAKS as error:
            return Rejected(f"the estimator failed: {error}", True)
        return found

    def _sound(self, found: EstimatorState | Rejected) -> EstimatorState | Rejected:
        """Return an estimate, or why it is none: far from all that the model is made for."""
        if isinstance(found, Rejected):
            return found
        model, n_y = self.model, self.model.n_y
        valid, bias = self.validity, np.abs(found.bias)
        kept = np.abs(found.x - model.x_nominal) <= RUNAWAY_SPANS * model.x_scale
        # A valid reading and a model that is not far off leave no larger bias.
        fits = bias <= valid.high[:n_y] - valid.low[:n_y]
        if not fits.all():
            moved = np.abs(found.y - found.bias - valid.nominal[:n_y])  # spans may be small
            fits |= bias <= moved
        if kept.all() and fits.all():
            return found
        lost = [f"state {n}" for n, good in zip(model.x_names, kept, strict=True) if not good]
        lost += [f"bias of {n}" for n, good in zip(model.y_names, fits, strict=True) if not good]
        return Rejected(
            f"the estimate ran away: {lost[0]} fits neither model nor limits; it starts anew, see "
            "whether model and plant stand at the same inputs",
            True,
        )

    def _named(
        self, found: EstimatorState | Rejected, doubts: Mapping[str, str]
    ) -> EstimatorState | Rejected:
        if not isinstance(found, Rejected) or not doubts:
            return found
        said = "; ".join(f"{name}: {why}" for name, why in doubts.items())
        return replace(found, reason=f"{found.reason} ({said})")
