"""Limits by name as arrays: `ControlVariables`, and `LimitsAhead` where they change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.limit_rows import LimitsAhead, TerminalLimits
from operator_agent.mpc.engine.stage_weights import by_name
from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.variables import ControlVariables

Side = float | Sequence[float] | FloatArray | None
Limits = Mapping[str, tuple[Side, Side]]


@dataclass(frozen=True, slots=True)
class Soft:
    """A limit that may be broken at a price.

    Attributes:
        low, high: [SI]; None leaves a side open; numbers of all stages are a preview.
        price: of one SI unit outside, per stage.
        squared: of the square of it, per stage.
    """

    low: Side = None
    high: Side = None
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


@dataclass(frozen=True, slots=True)
class Placed:
    """Limits of one solve.

    Attributes:
        variables: with those of the first stage.
        ahead: of each stage; None where they stay.
    """

    variables: ControlVariables
    ahead: LimitsAhead | None

    def moved(self, model: Model, limits: Limits, soft: Limits, n_pred: int) -> "Placed":
        """Return these limits with others in place of those that are named.

        Args:
            model: see there.
            limits: hard ones, of MVs and CVs [SI].
            soft: of CVs.
            n_pred: stages.

        Raises:
            InputError: as in `both_sides`, or a soft limit is one of an MV.
        """
        given = (*both_sides(model, limits, n_pred), *_soft_sides(model, soft, n_pred))
        known = self.ahead or self.variables
        low = np.where(known.cv_soft_low > known.cv_hard_low, known.cv_soft_low, -np.inf)
        high = np.where(known.cv_soft_high < known.cv_hard_high, known.cv_soft_high, np.inf)
        old = (known.mv_low, known.mv_high, known.cv_hard_low, known.cv_hard_high, low, high)
        stages = {
            name: np.where(np.isnan(new), before, new)
            for name, new, before in zip(LimitsAhead.__slots__, given, old, strict=True)
        }
        variables = replace(self.variables, **{n: array[0] for n, array in stages.items()})
        if all(bool((array == array[0]).all()) for array in stages.values()):
            return Placed(variables, None)
        return Placed(variables, LimitsAhead(**stages))


def both_sides(
    model: Model, limits: Limits, n_pred: int = 1
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return low and high of the MVs and then of the CVs at each stage; NaN where none is given.

    Args:
        model: see there.
        limits: of MVs and CVs [SI]: numbers, or previews of shape (n_pred,).
        n_pred: stages.

    Returns:
        Four arrays, shapes (n_pred, n_u), (n_pred, n_u), (n_pred, n_y) and (n_pred, n_y).

    Raises:
        InputError: a name is neither MV nor CV, a pair is none, or low passes high.
    """
    found = [np.full((n_pred, n), np.nan) for n in (model.n_u, model.n_u, model.n_y, model.n_y)]
    for name, pair in limits.items():
        if name not in (*model.u_names, *model.y_names):
            raise InputError(
                f"limits of '{name}': model {model.name} has the MVs {', '.join(model.u_names)} "
                f"and the CVs {', '.join(model.y_names)}"
            )
        low, high = _pair(name, pair, n_pred)
        first = 0 if name in model.u_names else 2
        names = model.u_names if first == 0 else model.y_names
        found[first][:, names.index(name)] = low
        found[first + 1][:, names.index(name)] = high
    return found[0], found[1], found[2], found[3]


def _pair(name: str, pair: tuple[Side, Side], n_pred: int) -> tuple[FloatArray, FloatArray]:
    try:
        low, high = (
            np.full(1, bound) if side is None else np.asarray(side, dtype=np.float64).reshape(-1)
            for side, bound in zip(pair, (-np.inf, np.inf), strict=True)
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"limits of '{name}' are {pair!r}; give (low, high), None for an open side"
        ) from error
    for side in (low, high):
        if side.size not in (1, n_pred):
            raise InputError(
                f"limits of '{name}' have {side.size} numbers; give one"
                + (f", or a preview of {n_pred}, one of each stage" if n_pred > 1 else "")
            )
    if not bool((low <= high).all()):
        raise InputError(f"limits of '{name}' are {pair}; give numbers; low must not pass high")
    return low, high


def _soft_sides(model: Model, soft: Limits, n_pred: int) -> tuple[FloatArray, FloatArray]:
    lost = [name for name in soft if name not in model.y_names]
    if lost:
        raise InputError(f"soft limit of {', '.join(lost)}: CVs are {', '.join(model.y_names)}")
    return both_sides(model, soft, n_pred)[2:]


def terminal_of(model: Model, limits: Limits, known: TerminalLimits | None) -> TerminalLimits:
    """Return terminal limits with others in place of those that are named; numbers, of CVs.

    Args:
        model: see there.
        limits: by name [SI].
        known: those so far; None for open ones.

    Raises:
        InputError: as in `both_sides`.
    """
    low, high = (side[0] for side in both_sides(model, limits)[2:])
    open_y = np.full(model.n_y, np.inf)
    before = known or TerminalLimits(-open_y, open_y)
    return TerminalLimits(
        np.where(np.isnan(low), before.low, low), np.where(np.isnan(high), before.high, high)
    )


def control_variables(
    model: Model,
    limits: Limits,
    soft: Mapping[str, Soft],
    rates: Mapping[str, float],
    n_pred: int = 1,
) -> Placed:
    """Return limits in the order of the model; what is not named is open.

    Args:
        model: see there.
        limits: hard, of MVs and CVs [SI].
        soft: of CVs.
        rates: of MVs [SI/s].
        n_pred: stages of previews.

    Raises:
        InputError: a name is not known, or a rate is not above zero.
    """
    rate = by_name(rates, model.u_names, np.inf, "rate")
    if not bool(np.all(rate > 0.0)):
        raise InputError(f"rates are {dict(rates)}; they are above zero, per second")
    open_u, open_y = np.full(model.n_u, np.inf), np.full(model.n_y, np.inf)
    nowhere = ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=-open_u,
        mv_high=open_u,
        mv_rate=rate,
        cv_hard_low=-open_y,
        cv_hard_high=open_y,
        cv_soft_low=-open_y,
        cv_soft_high=open_y,
        cv_noise=np.zeros(model.n_y),
        mv_critical=np.ones(model.n_u, dtype=np.bool_),
        cv_critical=np.zeros(model.n_y, dtype=np.bool_),
    )
    places = {name: (one.low, one.high) for name, one in soft.items()}
    return Placed(nowhere, None).moved(model, limits, places, n_pred)
