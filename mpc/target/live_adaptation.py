"""Modifier adaptation in the cycle: a wrong model is led to the plant's optimum while it runs.

The bias of a CV is the plant's value minus the model's; at rest its slope along the MVs is by how
much the model's gain is wrong. Whenever the MVs have stood still for the settling time, the mean
bias there and the one where they stood before tell that slope along the move between (Broyden's
update; sources in `modifier_adaptation.py` and `plant_slopes.py`). First each MV makes one step of
its own; from then on the moves towards the optimum are used, and where these become short, single
steps go on around it, so that the slopes are never older than a few of them. Every cycle the
target is renewed with the slopes as they are known, inside a largest move around the last rest.

What is earned must be made of prices of MVs and CVs that are read: of anything else the plant's
slope cannot be had.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.target.inputs import Modifiers, TargetInputs
from operator_agent.mpc.target.wishes import Economics
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.process_model import ProcessModel

STILL = 0.2  # of a step: MVs that moved less since they came to a stand have stood still
TELLING = 0.5  # of a step: a shorter move tells more of the noise than of the plant


@dataclass(frozen=True, slots=True)
class LiveAdaptation:
    """How slopes are learned in the cycle.

    Attributes:
        step: by which each MV is moved to learn from, by name [SI]; all MVs. Its sign is tried
            first.
        largest_move: of each MV from one rest to the next, by name [SI]; all MVs.
        settle_s: until the plant rests after a move [s].
        slope_filter: part of what a move towards the optimum tells that is taken, 0..1.
    """

    step: Mapping[str, float]
    largest_move: Mapping[str, float]
    settle_s: float
    slope_filter: float = 0.6

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse what cannot adapt."""
        for name in ("step", "largest_move"):
            object.__setattr__(self, name, FrozenMapping(dict(getattr(self, name))))
        if any(not (np.isfinite(s) and s != 0.0) for s in self.step.values()):
            raise InputError("adaptation: a step of zero tells nothing of the plant; give others")
        if any(not 0.0 < m < np.inf for m in self.largest_move.values()):
            raise InputError("adaptation: largest moves must be above zero")
        if not (0.0 < self.settle_s < np.inf and 0.0 < self.slope_filter <= 1.0):
            raise InputError(
                f"adaptation: settle_s is {self.settle_s} and slope_filter {self.slope_filter}; "
                "give a time above zero and a part above 0, at most 1"
            )


@dataclass(frozen=True, slots=True)
class Learned:
    """What has been learned, in SI.

    Attributes:
        slope: plant's minus model's dy/du, shape (n_y, n_u).
        rests: points of rest that counted.
        anchor: MVs at the last of them, shape (n_u,); NaN before the first.
        level: bias there, shape (n_y,).
        probe: MVs that are tried now, shape (n_u,); None while the target moves freely.
        at: where the MVs came to a stand, shape (n_u,).
        still: cycles for which they have stood there.
        mean: of the bias over the second half of these, shape (n_y,).
        counted: biases in the mean.
    """

    slope: FloatArray
    rests: int
    anchor: FloatArray
    level: FloatArray
    probe: FloatArray | None
    at: FloatArray
    still: int
    mean: FloatArray
    counted: int


class Adapter:
    """Learns slopes from cycle to cycle. Holds no state between calls."""

    def __init__(
        self,
        tuning: LiveAdaptation,
        model: ProcessModel | SampledModel,
        economics: Economics | None,
        cycle_s: float,
    ) -> None:
        """Check that slopes can be had.

        Raises:
            InputError: with what is missing.
        """
        for what, given in (("step", tuning.step), ("largest move", tuning.largest_move)):
            lost = sorted(set(model.u_names) ^ set(given))
            if lost:
                raise InputError(
                    f"adaptation: {what} of {', '.join(lost)}: give one of each MV, "
                    f"{', '.join(model.u_names)}; slopes along an MV that is not moved cannot be "
                    "had"
                )
        _check_read(model, economics)
        self._model, self._filter = model, tuning.slope_filter
        self._step = np.array([tuning.step[name] for name in model.u_names])
        self._reach = np.array([tuning.largest_move[name] for name in model.u_names])
        self._settle = max(2, round(tuning.settle_s / cycle_s))

    def learned(
        self, before: Learned | None, u: FloatArray, bias: FloatArray, limits: ControlVariables
    ) -> Learned:
        """Return what is known after a cycle in which all MVs may move.

        Args:
            before: of the last cycle; None at the start.
            u: MVs that hold, shape (n_u,) [SI].
            bias: of the CVs, shape (n_y,) [SI].
            limits: of the MVs.
        """
        n_y, n_u = bias.size, u.size
        if before is None:
            unknown = np.full(n_u, np.nan)
            before = Learned(np.zeros((n_y, n_u)), 0, unknown, bias, None, u, 0, np.zeros(n_y), 0)
        if bool(np.any(np.abs(u - before.at) > STILL * np.abs(self._step))):
            return replace(before, at=u, still=0, mean=np.zeros(n_y), counted=0)
        still, mean, counted = before.still + 1, before.mean, before.counted
        if 2 * still > self._settle:
            counted += 1
            mean = mean + (bias - mean) / counted
        now = replace(before, still=still, mean=mean, counted=counted)
        return self._at_rest(now, u, limits) if still >= self._settle else now

    def _at_rest(self, now: Learned, u: FloatArray, limits: ControlVariables) -> Learned:
        """Return what a rest tells, and where to go from it."""
        n_u, slope = u.size, now.slope
        move = (u - now.anchor) / self._step
        length = float(move @ move) if now.rests else 0.0
        if length >= TELLING**2:
            missed = now.mean - now.level - slope @ (u - now.anchor)
            share = 1.0 if now.rests <= n_u else self._filter
            slope = slope + share * np.outer(missed, move / length) / self._step
        rests = now.rests + 1
        short = now.probe is None and length < 1.0
        probe = self._probe(u, (rests - 1) % n_u, limits) if rests <= n_u or short else None
        return Learned(slope, rests, u, now.mean, probe, u, 0, np.zeros(now.mean.size), 0)

    def _probe(self, u: FloatArray, mv: int, limits: ControlVariables) -> FloatArray:
        """Return MVs with a step of one of them, towards the roomier side where it must."""
        step = np.where(np.arange(u.size) == mv, self._step, 0.0)
        inside = limits.mv_low <= u + step, u + step <= limits.mv_high
        sign = 1.0 if bool(np.all(inside[0] & inside[1])) else -1.0
        tried: FloatArray = np.clip(u + sign * step, limits.mv_low, limits.mv_high)
        return tried

    def applied(self, learned: Learned, told: TargetInputs, u: FloatArray) -> TargetInputs:
        """Return what the target is told, with slopes and the room of this cycle.

        Args:
            learned: so far.
            told: without.
            u: MVs to which the biases belong, shape (n_u,) [SI].
        """
        names, slope, limits = self._model.y_names, learned.slope, told.variables
        prices = {**(told.wishes.prices or {}), **told.wishes.variable_prices}
        worth = np.array([prices.get(name, 0.0) for name in names])
        modifiers = Modifiers(u, slope, worth @ slope)
        around = u if learned.rests == 0 else learned.anchor
        reach = 0.0 * self._reach if learned.rests == 0 else self._reach
        if learned.probe is not None:
            around, reach = learned.probe, 0.0 * self._reach
        low = np.clip(around - reach, limits.mv_low, limits.mv_high)
        high = np.clip(around + reach, limits.mv_low, limits.mv_high)
        return replace(
            told, modifiers=modifiers, variables=replace(limits, mv_low=low, mv_high=high)
        )


def _check_read(model: ProcessModel | SampledModel, economics: Economics | None) -> None:
    """Refuse economics of what is not read, from which no slope of the plant follows."""
    if economics is None:
        raise InputError(
            "adaptation: without prices there is no optimum to be led to; give prices of MVs and "
            "CVs, or leave the adaptation out"
        )
    x, u, d = model.x_nominal, model.u_nominal, model.d_nominal
    read = {**dict(zip(model.y_names, model.outputs(x, u, d).full().ravel(), strict=True)),
            **dict(zip(model.u_names, u, strict=True))}  # fmt: skip
    for i, name in enumerate(economics.price_names):
        one = np.eye(len(economics.price_names))[i]
        earned = float(economics.profit(x, u, d, one))
        if name not in read or not np.isclose(earned, read[name], rtol=1e-9, atol=1e-12):
            raise InputError(
                f"adaptation: what '{name}' earns is computed by the model and is no reading, so "
                "that the plant's slope of it cannot be had; make it a CV and give its price"
            )
