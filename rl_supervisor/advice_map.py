"""From an action, each value from -1 to 1, to advice for the MPC; zero is "no change".

| action name | meaning of the value a with span s |
|---|---|
| `bias:CV` | target of the CV moves by a s |
| `back_off:CV` | extra distance from the CV's limits, max(a, 0) s |
| `cut:CV` | one knob for a quality limit: a > 0 is a back-off a s, a < 0 a target bias -a s |
| `weight:CV` | tracking weight of the CV times s^a |
| `move_suppression` | all move weights times s^a |

Several CVs joined by `+` share one action, as in `cut:temp_tbp95_lgo+temp_tbp95_hgo`.

The policy is thereby a residual around the tuned MPC, and the result lies inside the envelope.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import Advice, AdviceEnvelope

MOVE_SUPPRESSION = "move_suppression"
_ADDED = ("bias", "back_off", "cut")  # the span has the unit of the CV
_FACTORS = ("weight", MOVE_SUPPRESSION)  # the span is a factor above 1


@dataclass(frozen=True, slots=True)
class AdviceMap:
    """Meaning of each action.

    Attributes:
        names: `KIND:CV`, `KIND:CV+CV` or `move_suppression`, see the module; shape (n_action,).
        spans: shape (n_action,), in the unit of the CV [SI], or a factor above 1.
    """

    names: tuple[str, ...]
    spans: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse names that are not known and spans without a meaning."""
        if len(self.names) != len(self.spans) or not self.names:
            raise InputError("advice map: give at least one action, and one span for each")
        if len(set(self.names)) != len(self.names):
            raise InputError("advice map: an action stands twice")
        for name, span in zip(self.names, self.spans, strict=True):
            kind, cvs = parts_of(name)
            if kind not in (*_ADDED, *_FACTORS) or (kind == MOVE_SUPPRESSION) == bool(cvs):
                raise InputError(
                    f"advice map: action '{name}' is not known; use bias:CV, back_off:CV, cut:CV, "
                    f"weight:CV or {MOVE_SUPPRESSION}"
                )
            if not np.isfinite(span) or span <= (1.0 if kind in _FACTORS else 0.0):
                raise InputError(f"advice map: span {span} of action '{name}' is too small")

    @property
    def n_action(self) -> int:
        """Number of actions."""
        return len(self.names)

    def advice(self, action: FloatArray, cycle: int, envelope: AdviceEnvelope) -> Advice:
        """Return the advice for an action.

        Args:
            action: shape (n_action,), each from -1 to 1.
            cycle: control cycle.
            envelope: bounds of the advice.

        Raises:
            InputError: the action has another shape or a value that is not finite.

        Example:
            >>> bounds = AdviceEnvelope((0.5, 2.0), {"t": 3.0}, {"t": 4.0}, (6, 18), (0.5, 2.0))
            >>> mapping = AdviceMap(("cut:t", "move_suppression"), (4.0, 2.0))
            >>> dict(mapping.advice(np.array([0.5, 0.0]), 1, bounds).back_offs)
            {'t': 2.0}
            >>> mapping.advice(np.zeros(2), 1, bounds) == Advice(cycle=1)
            True
        """
        if action.shape != (self.n_action,) or not np.all(np.isfinite(action)):
            raise InputError(
                f"advice map: an action of shape {action.shape} came; {self.n_action} finite "
                "values are needed"
            )
        weights: dict[str, float] = {}
        biases: dict[str, float] = {}
        back_offs: dict[str, float] = {}
        suppression = 1.0
        for name, span, value in zip(self.names, self.spans, action.tolist(), strict=True):
            kind, cvs = parts_of(name)
            if kind == MOVE_SUPPRESSION:
                suppression = span**value
            elif kind == "weight":
                weights |= dict.fromkeys(cvs, span**value)
            elif kind == "bias":
                biases |= dict.fromkeys(cvs, span * value)
            elif value > 0.0:
                back_offs |= dict.fromkeys(cvs, span * value)
            elif kind == "cut":
                biases |= dict.fromkeys(cvs, -span * value)
        return _inside(weights, biases, back_offs, suppression, cycle, envelope)


def parts_of(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the kind of an action and its CVs.

    Example:
        >>> parts_of("cut:a+b")
        ('cut', ('a', 'b'))
    """
    kind, _, cvs = name.partition(":")
    return kind, tuple(cvs.split("+")) if cvs else ()


def _inside(
    weights: Mapping[str, float],
    biases: Mapping[str, float],
    back_offs: Mapping[str, float],
    suppression: float,
    cycle: int,
    envelope: AdviceEnvelope,
) -> Advice:
    """Cut to the envelope, and leave out what changes nothing."""

    def clip(value: float, low: float, high: float) -> float:
        return min(max(value, low), high)

    def bounded(values: Mapping[str, float], bounds: Mapping[str, float]) -> dict[str, float]:
        cut = {cv: clip(v, -bounds.get(cv, 0.0), bounds.get(cv, 0.0)) for cv, v in values.items()}
        return {cv: value for cv, value in cut.items() if value != 0.0}

    factors = {cv: clip(value, *envelope.weight_factor) for cv, value in weights.items()}
    return Advice(
        cycle=cycle,
        weight_factors={cv: value for cv, value in factors.items() if value != 1.0},
        target_biases=bounded(biases, envelope.target_biases),
        back_offs=bounded(back_offs, envelope.back_offs),
        move_suppression_factor=clip(suppression, *envelope.move_suppression_factor),
    )
