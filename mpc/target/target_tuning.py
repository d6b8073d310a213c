"""What the target layer is tuned by: ranks, pulls, ramps and hysteresis."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.mpc.target.ranked import Norm
from operator_agent.mpc.weights import Weights


@dataclass(frozen=True, slots=True)
class CvRank:
    """Where the limits of one CV stand among all limits; the lower rank is satisfied first.

    Attributes:
        hard, soft: ranks of its hard and of its soft limits.
        goal: rank of its goal, which then outranks money; None pulls to the goal by weight only.
        concern_low, concern_high: distance below and above that counts as one violation [spans];
            a smaller one gives the CV more weight within its rank.
    """

    hard: int = 1
    soft: int = 2
    goal: int | None = None
    concern_low: float = 1.0
    concern_high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a concern that is no distance."""
        for concern in (self.concern_low, self.concern_high):
            if not 0.0 < concern < math.inf:
                raise InputError(f"the concern of a CV is {concern} spans; it must be above zero")


@dataclass(frozen=True, slots=True)
class TargetTuning:
    """The tuning of one target layer. A span is the model's scale of a variable.

    Attributes:
        pull: price of missing a goal, by CV or MV name [usd/s per squared span].
        proximal: weight on the move of the target [usd/s per squared span]: keeps linear economics
            from jumping between corners, and settles directions that nothing else sees.
        step: largest move of the target per cycle [spans]; infinite for a linear model's leap.
        margin: kept from soft limits [spans].
        resting: ideal values, by CV or MV name [SI]: goals where planning has none, with the pull
            or the rank of their variable.
        ranks: by CV; one not named has `CvRank()`: hard before soft.
        norms: by rank; one not named adds squares.
        balance_rank: of the balances of integrating variables: their rates are zero.
        leave_worth: a limit that holds the target is left at once when that pays more [usd/s];
            infinite: only for its persistence.
        leave_cycles: or when leaving it has paid for so many cycles in a row; 1 leaves at once.
        noise_band: biases and disturbances that leave a band of so many times the size of their
            turns are followed at once, smaller errors slowly; 0 follows every reading.
        noise_cycles: in which most of what is left inside of the band is followed; 1 at once.
    """

    pull: Mapping[str, float]
    proximal: float
    step: float
    margin: float = 0.0
    resting: Mapping[str, float] = field(default_factory=lambda: FrozenMapping({}))
    ranks: Mapping[str, CvRank] = field(default_factory=lambda: FrozenMapping({}))
    norms: Mapping[int, Norm] = field(default_factory=lambda: FrozenMapping({}))
    balance_rank: int = 0
    leave_worth: float = math.inf
    leave_cycles: int = 3
    noise_band: float = 8.0
    noise_cycles: float = 30.0

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse values that cannot make a target layer."""
        for name in ("pull", "resting", "ranks", "norms"):
            object.__setattr__(self, name, FrozenMapping(dict(getattr(self, name))))
        if not (self.proximal > 0.0 and self.step > 0.0):
            raise InputError(
                f"target: proximal {self.proximal} and step {self.step} must be above zero"
            )
        if not (self.margin >= 0.0 and self.leave_worth >= 0.0 and self.leave_cycles >= 1):
            raise InputError(
                f"target: margin {self.margin} and leave_worth {self.leave_worth} are zero or "
                f"more, leave_cycles {self.leave_cycles} is one or more"
            )
        if not (0.0 <= self.noise_band < math.inf and 1.0 <= self.noise_cycles < math.inf):
            raise InputError(
                f"target: noise_band {self.noise_band} is zero or more, noise_cycles "
                f"{self.noise_cycles} one or more, and both are finite"
            )
        lost = [name for name, value in self.resting.items() if not math.isfinite(value)]
        if lost:
            raise InputError(f"target: the resting value of {', '.join(lost)} is not finite")
        wrong = [name for name, weight in self.pull.items() if not 0.0 <= weight < math.inf]
        if wrong:
            raise InputError(f"target: the pull of {', '.join(wrong)} must be zero or more")

    @classmethod
    def of(cls, weights: Weights) -> "TargetTuning":
        """Return the two-rank tuning in a controller's weights."""
        return cls(
            pull=weights.target_pull,
            proximal=weights.target_proximal,
            step=weights.target_step,
            margin=weights.target_margin,
        )

    def check_names(self, cv_names: tuple[str, ...], mv_names: tuple[str, ...]) -> None:
        """Refuse names that the model does not know.

        Raises:
            InputError: a pull, a resting value or a rank names nothing of the model.
        """
        lost = [name for name in self.pull if name not in (*cv_names, *mv_names)]
        if lost:
            raise InputError(f"target_pull of {', '.join(lost)}: neither a CV nor an MV")
        lost = [name for name in self.resting if name not in (*cv_names, *mv_names)]
        if lost:
            raise InputError(f"resting value of {', '.join(lost)}: neither a CV nor an MV")
        lost = [name for name in self.ranks if name not in cv_names]
        if lost:
            raise InputError(f"rank of {', '.join(lost)}: not a CV; CVs are {', '.join(cv_names)}")
