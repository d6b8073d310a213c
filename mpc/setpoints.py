"""Which set points of planning are followed, and why the others are not."""

from dataclasses import dataclass, replace

from operator_agent.arrays import FloatArray
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.status.validity import Validity
from operator_agent.mpc.target.target import TargetOptimizer
from operator_agent.mpc.weights import Weights


@dataclass(frozen=True, slots=True)
class SetpointRules:
    """What a set point needs to be followed.

    Attributes:
        validity: ranges of what can be meant.
        idle: why a set point of a variable moves nothing, by CV or MV name.
    """

    validity: Validity
    idle: dict[str, str]

    @classmethod
    def of(cls, validity: Validity, targets: TargetOptimizer, weights: Weights) -> "SetpointRules":
        """Return the rules of one tuning.

        Args:
            validity: ranges.
            targets: target layer with its tuning.
            weights: of the controller.
        """
        model, tuning = targets.model, targets.tuning
        rests = any(weight > 0.0 for weight in weights.resting.values())
        idle = {}
        for name in (*model.y_names, *model.u_names):
            tracked = weights.cv_tracking.get(name, 0.0) > 0.0
            ranked = name in tuning.ranks and tuning.ranks[name].goal is not None
            floats = name in model.y_names and model.floating[model.y_names.index(name)]
            if not (tuning.pull.get(name, 0.0) > 0.0 or ranked or (floats and tracked)):
                idle[name] = (
                    "the target layer has no pull to it; name it in `track` of make_controller, "
                    "or give it target_pull and cv_tracking in the weights"
                )
            elif name in model.y_names and not (tracked or rests):
                idle[name] = "nothing moves it there; give it cv_tracking in the weights"
        return cls(validity, idle)

    def followed(
        self, targets: EconomicTargets | None, y: FloatArray, u: FloatArray
    ) -> tuple[EconomicTargets | None, tuple[str, ...]]:
        """Return planning's message without set points that cannot be meant, and what is not done.

        Args:
            targets: of planning, naming variables of the model only.
            y: CVs now, shape (n_y,) [SI].
            u: MVs now, shape (n_u,) [SI].
        """
        if targets is None or not targets.targets:
            return targets, ()
        notes, wild = [], set()
        for name, value in targets.targets.items():
            i = self.validity.names.index(name)
            why = self.validity.outside(i, value, y[i] if i < y.size else u[i - y.size])
            if why:
                wild.add(name)
                notes.append(f"set point of {name} is not followed: {why}; correct it")
            elif name in self.idle:
                notes.append(f"set point of {name} is not followed: {self.idle[name]}")
        if not wild:
            return targets, tuple(notes)
        kept = {name: value for name, value in targets.targets.items() if name not in wild}
        return replace(targets, targets=kept), tuple(notes)
