"""Limits by name become the arrays of `ControlVariables`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.stage_weights import by_name
from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.variables import ControlVariables

Limits = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class Soft:
    """A limit that may be broken at a price.

    Attributes:
        low, high: [SI]; None leaves a side open.
        price: of one SI unit outside, per stage.
        squared: of the square of it, per stage.
    """

    low: float | None = None
    high: float | None = None
    price: float = 1.0
    squared: float = 0.0

    def __post_init__(self) -> None:
        """Refuse prices below zero, and a limit that is none.

        Raises:
            InputError: one of them.
        """
        if self.low is None and self.high is None:
            raise InputError("a soft limit needs a low or a high side")
        if not (self.price >= 0.0 and self.squared >= 0.0 and self.price + self.squared > 0.0):
            raise InputError(
                f"a soft limit costs {self.price} and {self.squared} outside; give a price above 0"
            )


def both_sides(
    model: Model, limits: Limits
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return low and high of the MVs and then of the CVs; NaN where nothing is given.

    Raises:
        InputError: a name is neither MV nor CV, a pair is none, or low passes high.
    """
    found = [np.full(n, np.nan) for n in (model.n_u, model.n_u, model.n_y, model.n_y)]
    for name, pair in limits.items():
        if name not in (*model.u_names, *model.y_names):
            raise InputError(
                f"limits of '{name}': model {model.name} has the MVs {', '.join(model.u_names)} "
                f"and the CVs {', '.join(model.y_names)}"
            )
        low, high = _pair(name, pair)
        first = 0 if name in model.u_names else 2
        names = model.u_names if first == 0 else model.y_names
        found[first][names.index(name)], found[first + 1][names.index(name)] = low, high
    return found[0], found[1], found[2], found[3]


def _pair(name: str, pair: tuple[float | None, float | None]) -> tuple[float, float]:
    try:
        low, high = pair
        sides = (-np.inf if low is None else float(low), np.inf if high is None else float(high))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"limits of '{name}' are {pair!r}; give (low, high), None for an open side"
        ) from error
    if not sides[0] <= sides[1]:
        raise InputError(f"limits of '{name}' are {pair}; give numbers; low must not pass high")
    return sides


def control_variables(
    model: Model, limits: Limits, soft: Mapping[str, Soft], rates: Mapping[str, float]
) -> ControlVariables:
    """Return limits in the order of the model; what is not named is open.

    Args:
        model: see there.
        limits: hard, of MVs and CVs [SI].
        soft: of CVs.
        rates: of MVs [SI/s].

    Raises:
        InputError: a name is not known, or a rate is not above zero.
    """
    sides = [
        np.where(np.isnan(values), bound, values)
        for values, bound in zip(both_sides(model, limits), (-np.inf, np.inf) * 2, strict=True)
    ]
    soft_sides = both_sides(model, {n: (s.low, s.high) for n, s in soft.items()})[2:]
    lost = [name for name in soft if name not in model.y_names]
    if lost:
        raise InputError(f"soft limit of {', '.join(lost)}: CVs are {', '.join(model.y_names)}")
    rate = by_name(rates, model.u_names, np.inf, "rate")
    if not bool(np.all(rate > 0.0)):
        raise InputError(f"rates are {dict(rates)}; they are above zero, per second")
    return ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=sides[0],
        mv_high=sides[1],
        mv_rate=rate,
        cv_hard_low=sides[2],
        cv_hard_high=sides[3],
        cv_soft_low=np.where(np.isnan(soft_sides[0]), -np.inf, soft_sides[0]),
        cv_soft_high=np.where(np.isnan(soft_sides[1]), np.inf, soft_sides[1]),
        cv_noise=np.zeros(model.n_y),
        mv_critical=np.ones(model.n_u, dtype=np.bool_),
        cv_critical=np.zeros(model.n_y, dtype=np.bool_),
    )
