"""The weights of one cycle as arrays in the order of the model, with the advice worked in."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import Advice
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel


@dataclass(frozen=True, slots=True)
class StageWeights:
    """Weights on scaled variables, and penalties.

    Attributes:
        tracking: on squared CV deviations, shape (n_y,).
        move: on squared moves, shape (n_u,).
        resting: on squared MV deviations, shape (n_u,).
        soft_penalty, hard_penalty, levenberg: see `Weights`.
        terminal: further weight on squared CV deviations at the end of the horizon, shape (n_y,);
            None for none.
        soft_linear, soft_quadratic, hard_linear, hard_quadratic: prices of one span outside a
            limit and of its square by CV, shape (n_y,); None takes `soft_penalty` or
            `hard_penalty`.
    """

    tracking: FloatArray
    move: FloatArray
    resting: FloatArray
    soft_penalty: float
    hard_penalty: float
    levenberg: float
    terminal: FloatArray | None = None
    soft_linear: FloatArray | None = None
    soft_quadratic: FloatArray | None = None
    hard_linear: FloatArray | None = None
    hard_quadratic: FloatArray | None = None

    def finite(self) -> bool:
        """Return whether every weight is finite and none is negative."""
        parts: list[FloatArray] = [self.tracking, self.move, self.resting]
        for more in (self.terminal, self.soft_linear, self.soft_quadratic, self.hard_linear,
                     self.hard_quadratic):  # fmt: skip
            if more is not None:
                parts.append(more)
        everything = np.concatenate(parts)
        plain = self.soft_penalty, self.hard_penalty, self.levenberg
        good = all(0.0 <= number < np.inf for number in plain)
        return bool(good and everything.min() >= 0.0 and everything.max() < np.inf)


def stage_weights(
    weights: Weights, model: ProcessModel | SampledModel, advice: Advice | None
) -> StageWeights:
    """Return the arrays for a model, multiplied by the advice.

    Raises:
        InputError: a name is not a variable of the model, or an MV has no move suppression.
    """
    missing = [name for name in model.u_names if name not in weights.move_suppression]
    if missing:
        raise InputError(f"move_suppression is missing for {', '.join(missing)}")
    factors = advice.weight_factors if advice else {}
    tracking = by_name(weights.cv_tracking, model.y_names, 0.0, "cv_tracking")
    move = by_name(weights.move_suppression, model.u_names, 0.0, "move_suppression")
    return StageWeights(
        tracking=tracking * by_name(factors, model.y_names, 1.0, "weight factor"),
        move=move * (advice.move_suppression_factor if advice else 1.0),
        resting=by_name(weights.resting, model.u_names, 0.0, "resting"),
        soft_penalty=weights.soft_penalty,
        hard_penalty=weights.hard_penalty,
        levenberg=weights.levenberg,
    )


def by_name(
    values: Mapping[str, float], names: tuple[str, ...], default: float, what: str
) -> FloatArray:
    """Return the values in the order of `names`, shape (len(names),).

    Raises:
        InputError: a key is none of the names.
    """
    unknown = [name for name in values if name not in names]
    if unknown:
        known = f"the model has only {', '.join(names)}" if names else "the model has none"
        raise InputError(f"{what} of {', '.join(unknown)}: {known}")
    return np.array([values.get(name, default) for name in names], dtype=np.float64)
