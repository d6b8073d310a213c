"""The target layer in the cycle: what it is told of plant and wishes, and when it is renewed."""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import Advice, ControllerMode, EconomicTargets
from operator_agent.mpc.cycle_values import ControllerState
from operator_agent.mpc.engine.stage_weights import by_name
from operator_agent.mpc.estimation.estimator import EstimatorState
from operator_agent.mpc.refusals import BREAKS, broken
from operator_agent.mpc.setpoints import SetpointRules
from operator_agent.mpc.target.inputs import Present, TargetInputs
from operator_agent.mpc.target.live_adaptation import Adapter
from operator_agent.mpc.target.noise_band import followed
from operator_agent.mpc.target.planned import planned_wishes
from operator_agent.mpc.target.target import (
    NotRenewed,
    SteadyTarget,
    TargetOptimizer,
    TargetState,
)
from operator_agent.mpc.variables import ControlVariables


@dataclass(frozen=True, slots=True)
class Targeting:
    """What the cycle needs to renew its target. Holds no state between calls.

    Attributes:
        name: of the model.
        optimizer: of the steady state.
        setpoints: which of planning's set points are followed.
        economic: whether prices count.
        every: cycles between new targets.
        adapter: learns slopes of the plant; None where the model's are trusted.
    """

    name: str
    optimizer: TargetOptimizer
    setpoints: SetpointRules
    economic: bool
    every: int
    adapter: Adapter | None = None

    def told(
        self,
        state: ControllerState,
        estimate: EstimatorState,
        variables: ControlVariables,
        targets: EconomicTargets | None,
        advice: Advice | None,
        mode: ControllerMode,
    ) -> tuple[TargetInputs, ControllerState, tuple[str, ...]]:
        """Return what the optimizer is told, the state, and what of the wishes is not followed.

        Args:
            state: of this cycle, with the states of the variables.
            estimate: of the plant.
            variables: limits of this cycle.
            targets: of planning.
            advice: of the supervisor.
            mode: of the controller.

        Raises:
            InputError: targets or advice name what the model does not know.
        """
        asked = {n: b for n, b in advice.target_biases.items() if b} if advice else {}
        wished, unmet = self._wished(targets, estimate.y, state.service.held)
        known = wished.targets if wished is not None else {}
        cuts = tuple(
            f"target bias of {n}: planning gives no target" for n in asked if n not in known
        )
        biases = {n: v for n, v in asked.items() if n in known}
        by_name(biases, self.optimizer.model.y_names, 0.0, "target bias")  # refuses what is no CV
        seen = np.concatenate([estimate.bias, estimate.d])
        calm = followed(state.told, seen, self.optimizer.tuning)
        bias, d = np.split(calm.level, [estimate.bias.size])
        told = TargetInputs(
            variables=variables,
            d=d,
            bias=bias,
            wishes=planned_wishes(wished, biases, self.economic),
            present=Present(estimate.x, state.service.held, estimate.y),
            mv_free=state.service.moved,
            cv_on=state.service.controlled,
        )
        state = replace(state, told=calm)
        if self.adapter is None:
            return told, state, (*cuts, *unmet)
        told, state, notes = self._adapted(self.adapter, told, state, estimate, mode)
        return told, state, (*cuts, *unmet, *notes)

    def _adapted(
        self,
        adapter: Adapter,
        told: TargetInputs,
        state: ControllerState,
        estimate: EstimatorState,
        mode: ControllerMode,
    ) -> tuple[TargetInputs, ControllerState, tuple[str, ...]]:
        """Return what is told with the plant's slopes; they are learned where all may move."""
        service, held = state.service, state.service.held
        idle = [mv.name for mv in service.mvs if not mv.moved]
        idle += [cv.name for cv in service.cvs if cv.bad or not cv.controlled]
        if mode is ControllerMode.ON and not idle:
            learned = adapter.learned(state.learned, held, estimate.bias, told.variables)
            return adapter.applied(learned, told, held), replace(state, learned=learned), ()
        why = f"{', '.join(idle)} cannot be moved or read" if idle else "the controller is not ON"
        note = f"slopes of the plant are not learned: {why}"
        known = state.learned
        if known is None:
            return told, state, (note,)
        waiting = replace(known, probe=None, still=0, counted=0, mean=0.0 * known.mean)
        return adapter.applied(waiting, told, held), replace(state, learned=waiting), (note,)

    def _wished(
        self, targets: EconomicTargets | None, y: FloatArray, held: FloatArray
    ) -> tuple[EconomicTargets | None, tuple[str, ...]]:
        model, known = self.optimizer.model, targets.targets if targets is not None else {}
        lost = [n for n in known if n not in (*model.y_names, *model.u_names)]
        if lost:
            raise InputError(
                f"target of {', '.join(lost)}: model {self.name} has the CVs "
                f"{', '.join(model.y_names)} and the MVs {', '.join(model.u_names)}"
            )
        return self.setpoints.followed(targets, y, held)

    def renewed(
        self,
        state: ControllerState,
        estimate: EstimatorState,
        told: TargetInputs,
        mode: ControllerMode,
    ) -> tuple[SteadyTarget, TargetState]:
        """Return the target of this cycle, with the reason where it is not a new one, and its walk.

        Args:
            state: of this cycle.
            estimate: of the plant.
            told: see above.
            mode: of the controller; while it is not ON the target stays beside the plant.
        """
        held = state.service.held
        fresh = self.optimizer.start(estimate.x, held)
        on = ControllerMode.ON
        bumpless = mode is not on or state.mode not in (None, on)
        walking = fresh if bumpless else state.target_state or fresh
        if state.target is not None and state.cycle % self.every and not bumpless:
            return state.target, walking
        try:
            new, walked = self.optimizer.renew(walking, told)
        except BREAKS as error:  # a missing price among them: the last target still serves
            new, walked = NotRenewed(broken("its layer", error)), walking
        if not isinstance(new, NotRenewed):
            return new, walked
        reason = f"the target was not renewed: {new.reason}"
        kept = state.target or SteadyTarget(held, estimate.y, (), (), np.nan, np.nan, reason)
        return replace(kept, reason=reason), fresh
