"""The choices that shape an optimal control problem besides model, horizon and limits."""

from dataclasses import dataclass
from enum import Enum

from operator_agent.errors import InputError
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.stage_cost import StageCost


class Sharing(Enum):
    """Which stages share the slack of a soft limit."""

    GROUPS = "groups"  # of 1, 2, 4, 8, ... stages: each group pays for its worst stage
    STAGES = "stages"  # each stage pays for itself
    HORIZON = "horizon"  # one slack for all


class Ranking(Enum):
    """What a hard CV limit brings with it."""

    DOUBLED = "doubled"  # a soft limit at the same place where there is none further inside
    AS_GIVEN = "as_given"  # nothing: hard and soft limits stand where they were given


class Curvature(Enum):
    """What the QP knows of second derivatives."""

    GAUSS_NEWTON = "gauss_newton"  # those of the squares: good for tracking
    EXACT = "exact"  # of the Lagrangian, made convex: needed where the cost has no squares


@dataclass(frozen=True, slots=True)
class Accuracy:
    """When a warm cycle ends: after a full step that was short and ended where it was promised.

    Attributes:
        step: largest change of an MV level, scaled.
        mismatch: difference between promised and predicted cost, as a part of the cost.
        later: so many times both may be from the second iteration on, which follows a better
            guess: the next cycle goes on from where this one ends.
    """

    step: float
    mismatch: float
    later: float = 1.0


# Closed loops with disturbances and wrong models: QUICK costs up to 1e-3 of the cost more than
# iterating to convergence, at one iteration in most cycles; CLOSE 1e-4, at one to three.
QUICK = Accuracy(step=0.3, mismatch=1e-2)
CLOSE = Accuracy(step=0.01, mismatch=3e-5)


@dataclass(frozen=True, slots=True)
class Formulation:
    """How a problem is written down.

    Attributes:
        scheme: discretisation; None takes the one that suits the model.
        substeps: of an explicit scheme in each stage.
        sharing: of the slacks of soft limits.
        hard_sharing: of the slacks of hard limits.
        ranking: see there.
        stage_cost: money or any other cost besides tracking; None for none.
        free_stages: so many at the end of the horizon have no CV limits but terminal ones.
        curvature: see there; None takes the exact one where there is a stage cost. Stages of
            implicit Euler leave out the curvature of the model itself.
    """

    scheme: Scheme | None = Scheme.IMPLICIT_EULER
    substeps: int = 2
    sharing: Sharing = Sharing.GROUPS
    hard_sharing: Sharing = Sharing.HORIZON
    ranking: Ranking = Ranking.DOUBLED
    stage_cost: StageCost | None = None
    free_stages: int = 0
    curvature: Curvature | None = None

    def __post_init__(self) -> None:
        """Refuse counts that are none."""
        if self.free_stages < 0:
            raise InputError(f"free_stages is {self.free_stages}; it is a count, zero or more")
        if self.substeps < 1:
            raise InputError(f"substeps is {self.substeps}; a stage has one sub-step at least")
