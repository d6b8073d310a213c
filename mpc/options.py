"""The choices of a controller that are not tuning: its estimator, iterations and rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.mpc.engine.compiled_functions import Compilation
from operator_agent.mpc.engine.formulation import Formulation
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.estimator import Estimator
from operator_agent.mpc.estimation.net_disturbances import with_net_disturbances
from operator_agent.mpc.problem import SecondSolver
from operator_agent.mpc.robust.back_off import BackOffRule
from operator_agent.mpc.robust.uncertainty import Uncertainty
from operator_agent.mpc.status.rules import ServiceRules
from operator_agent.mpc.target.live_adaptation import LiveAdaptation
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights

# An estimator is dear to make and rests on no other weights than these.
ESTIMATOR_WEIGHTS = ("bias_filter", "spike_spans", "spike_readings", "max_bad_readings")
EstimatorMaker = Callable[[ScaledModel, ControlVariables, Weights, float], Estimator]


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """How a controller is put together; every field has the default that suits most plants.

    Attributes:
        estimator: makes the estimator from model, limits, weights and cycle [s].
        formulation: of the optimal control problem; None for the engine's default.
        tolerance: iterate each solve until step and optimality fall below it, scaled; None takes
            the iterations of the weights.
        time_limit_s: wall time that one solve may take [s]; None for any, of which IPOPT, where
            the own iterations stall, takes a tenth of a cycle at most, or a second.
        second_solver: when IPOPT looks for a plan, too.
        target: ranks, pulls and hysteresis of the target; None for those in the weights.
        service: when variables count as lost; None takes `max_bad_readings` of the weights.
        integrating: states that integrate, such as levels: the target balances them.
        compilation: when the model is compiled; `ALWAYS` pays half a minute once on a machine for
            a large model, and later starts find the object in the cache.
        frozen_s: how long the reading of a CV or DV may stand still before it counts as bad, by
            name [s]; one that is not named may for ever, as when a site's links judge it.
        adaptation: the target learns the plant's slopes where the model's are wrong; None trusts
            the model's.
        back_off: keeps limits off by what the CVs have been mispredicted; None does not.
        uncertainty: of disturbances or parameters in d: moves serve all their values; None plans
            for the values that are estimated.
    """

    estimator: EstimatorMaker = BiasObserver
    formulation: Formulation | None = None
    tolerance: float | None = None
    time_limit_s: float | None = None
    second_solver: SecondSolver = SecondSolver.STALLED
    target: TargetTuning | None = None
    service: ServiceRules | None = None
    integrating: tuple[str, ...] = ()
    compilation: Compilation = Compilation.AUTOMATIC
    frozen_s: Mapping[str, float] = field(default_factory=lambda: FrozenMapping({}))
    adaptation: LiveAdaptation | None = None
    back_off: BackOffRule | None = None
    uncertainty: Uncertainty | None = None

    def __post_init__(self) -> None:
        """Refuse limits that nothing can keep, and costs that nobody prices."""
        object.__setattr__(self, "frozen_s", FrozenMapping(dict(self.frozen_s)))
        for name in ("tolerance", "time_limit_s"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                raise InputError(f"option {name} is {value}; it must be above zero")
        cost = self.formulation.stage_cost if self.formulation is not None else None
        if cost is not None and cost.n_p:
            raise InputError(
                f"the stage cost has {cost.n_p} prices, which no cycle gives it; write them into "
                "the function, or pay for steady states by `economics`"
            )

    def estimator_differs(
        self, before: "ControllerOptions", weights: Weights, weights_before: Weights
    ) -> bool:
        """Return whether another estimator is needed than the one that was made before."""
        return self.estimator is not before.estimator or any(
            getattr(weights, name) != getattr(weights_before, name) for name in ESTIMATOR_WEIGHTS
        )

    def follower(
        self, scaled: ScaledModel, variables: ControlVariables, weights: Weights, cycle_s: float
    ) -> Estimator:
        """Return the estimator for scans as they are measured; arguments of `EstimatorMaker`."""
        made = self.estimator(scaled, variables, weights, cycle_s)
        return with_net_disturbances(made, scaled)

    def target_tuning(self, weights: Weights) -> TargetTuning:
        """Return the tuning of the target layer."""
        return self.target or TargetTuning.of(weights)

    def rules(self, weights: Weights) -> ServiceRules:
        """Return the rules of the states."""
        return self.service or ServiceRules(max_bad=weights.max_bad_readings)
