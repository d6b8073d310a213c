"""One solve as a value: what goes into `solve`, and what comes out.

Why the solver stopped (`SolverStatus`) and what the point is worth (`PointWorth`) are two things:
a solver may report success on NaN, and may stop early at a point that is good to use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import isfinite
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.engine.condense import Condensed
from operator_agent.mpc.engine.condense_maps import CondensedMaps
from operator_agent.mpc.engine.formulation import Accuracy
from operator_agent.mpc.engine.limit_rows import LimitsAhead, TerminalLimits
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.variables import ControlVariables


class SolverStatus(Enum):
    """Why the solver stopped; the value says it in words."""

    CONVERGED = "the step became small"
    ITERATION_LIMIT = "the iterations of one cycle were used up"
    RESCUED = "IPOPT found a plan where the own iterations did not, or a better one"
    PEER_FAILED = "another solver, which was asked, did not converge"
    STALLED = "no step length improved the plan; the shifted plan stands"
    QP_FAILED = "the quadratic problem was not solved"
    FAILED = "the computation itself broke off"
    NOT_FINITE = "a number in the problem or in the model is not finite"
    TIME_LIMIT = "the time of one solve was used up"
    LIMITS_CONFLICT = "no move satisfies all limits on the MVs"
    BAD_READING = "a reading that the controller cannot do without is bad"
    OUT_OF_SERVICE = "a critical variable, or too many others, are out of service"


class SecondSolver(Enum):
    """When IPOPT looks for a plan, too. What it finds counts only where it costs less."""

    STALLED = "it goes on where a cold start stalled"
    ASTRAY = "also, after a cold start, where a warm plan goes far from its reference"
    BESIDE = "it looks beside each cold start, and where a warm solve failed"


class PointWorth(Enum):
    """What the point is worth. Only an accepted one can be read."""

    ACCEPTED = "accepted"
    DOUBTFUL = "doubtful"  # finite, but it failed a check by itself
    USELESS = "useless"


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that one solve needs, in SI.

    Attributes:
        transcription: the model on the horizon's grid.
        variables: limits, with back-offs worked in.
        weights: of the stages.
        x: estimated state, shape (n_x,).
        u_held: set points that hold now, shape (n_u,).
        d: measured disturbances, shape (n_d,).
        bias: of the outputs, shape (n_y,).
        y_reference: wanted outputs at the end of each stage, shape (N, n_y).
        u_reference: MV values to rest at, shape (n_u,).
        cycle_s: time until the next solve [s].
        iterations: SQP iterations at most; a solve without a warm start takes `cold_iterations`.
        cold_iterations: see above.
        relinearise: False reuses the Jacobians of the warm start where it has some.
        terminal: limits of the CVs at the end of the horizon; None for none.
        ahead: limits that change along the horizon, instead of those in `variables`, which are
            then those of the first stage; None where they stay.
        prices: of the stage cost, shape (n_p,); None where there is none.
        guess: MV levels of the stages at which a cold start begins, shape (N, n_u); None for held
            set points.
        tolerance: iterate until step and optimality residual fall below it, scaled; None takes
            another iteration only where the last one was large or ended elsewhere than predicted.
        accuracy: when a warm cycle has iterated enough; None takes that of the transcription.
        time_limit_s: wall time that a solve may take [s]. A plan counts when its iteration ended
            within it; without one there is no move. An iteration is not begun when it would end
            late if it took as long as the last one, and is not cut short: the limit is overrun by
            less than one iteration and the checks.
        second_solver: when IPOPT is asked, too.
        second_limit_s: wall time that it may take [s]; None for half of `time_limit_s`, or half a
            cycle. It is not begun when half of `time_limit_s` is spent.
        scenarios: values that disturbances may have instead of those in `d`, with moves that serve
            all of them, on a tree like the transcription; None for none.
    """

    transcription: Transcription
    variables: ControlVariables
    weights: StageWeights
    x: FloatArray
    u_held: FloatArray
    d: FloatArray
    bias: FloatArray
    y_reference: FloatArray
    u_reference: FloatArray
    cycle_s: float
    iterations: int
    cold_iterations: int
    relinearise: bool = True
    terminal: TerminalLimits | None = None
    ahead: LimitsAhead | None = None
    prices: FloatArray | None = None
    guess: FloatArray | None = None
    tolerance: float | None = None
    accuracy: Accuracy | None = None
    time_limit_s: float | None = None
    second_solver: SecondSolver = SecondSolver.STALLED
    second_limit_s: float | None = None
    scenarios: ScenarioTree | None = None

    def __post_init__(self) -> None:
        """Refuse another number of prices than a stage cost needs, or of stages with limits.

        Raises:
            InputError: with both numbers; or scenarios with blocks of each MV's own.
        """
        if self.scenarios is not None and self.transcription.ties is not None:
            raise InputError("scenarios share first moves: give all MVs the same blocks")
        n_pred = self.transcription.horizon.n_pred
        if self.ahead is not None and self.ahead.mv_low.shape[0] != n_pred:
            raise InputError(
                f"limits ahead are of {self.ahead.mv_low.shape[0]} stages and the horizon has "
                f"{n_pred}; give one of each stage"
            )
        cost = self.transcription.formulation.stage_cost
        if cost is None or cost.n_p == 0:
            return
        given = 0 if self.prices is None else self.prices.size
        if given != cost.n_p:
            raise InputError(
                f"the stage cost needs {cost.n_p} prices and the problem gives {given}; give all"
            )

    def finite(self) -> str:
        """Return the name of the first part that is not finite, or an empty text."""
        for name in ("x", "u_held", "d", "bias", "y_reference", "u_reference"):
            if not _finite(getattr(self, name)):
                return name
        for name in ("prices", "guess"):
            more = getattr(self, name)
            if more is not None and not _finite(more):
                return name
        return ""


def _finite(values: FloatArray) -> bool:
    """Return whether all numbers are finite; their squares must be, too."""
    return isfinite(float(np.vdot(values, values)))


@dataclass(frozen=True, slots=True)
class Warm:
    """The plan of the last solve, scaled, from which the next one starts.

    Attributes:
        blocks: MV level of each block, shape (n_blocks, n_u).
        states: at the stage borders, shape (N + 1, n_x).
        condensed: responses along that plan.
        stalls: solves in a row that kept the shifted plan.
        inner: unknowns inside the stages, shape (N, n_w); None where stages have none.
        row_prices: of the rows of the last QP, shape (n_rows,); None when not known.
        working_set: of the last QP, see `QpSolution`.
        paths: plans of the other scenarios; this one is that of the first.
        looked: cost of a plan beside which a cold start found nothing better; 0 without one.
    """

    blocks: FloatArray
    states: FloatArray
    condensed: Condensed | CondensedMaps
    stalls: int = 0
    inner: FloatArray | None = None
    row_prices: FloatArray | None = None
    working_set: FloatArray | None = None
    paths: tuple["Warm", ...] = ()
    looked: float = 0.0


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What is worth knowing about one solve.

    Attributes:
        iterations: SQP iterations done.
        step_lengths: of each iteration.
        cost_before, cost_after: of the shifted plan and of the new one.
        residual: largest scaled violation found by the independent check.
        kkt_residual: how far the plan before the last step was from optimal: the largest slope of
            its Lagrangian relative to the gradient's size.
        qp_status: of the last QP.
        active_limits: limits with a price in the last QP, `name side`.
        timings_ms: by part.
        unmet_limits: hard limits of CVs that the plan does not keep, `name side`, with the first
            stage at which it does not.
        y_predicted: outputs at the end of each stage with bias, shape (N, n_y) [SI].
        u_planned: set points of each stage, shape (N, n_u) [SI].
    """

    iterations: int = 0
    step_lengths: tuple[float, ...] = ()
    cost_before: float = np.nan
    cost_after: float = np.nan
    residual: float = np.nan
    kkt_residual: float = np.nan
    qp_status: str = ""
    active_limits: tuple[str, ...] = ()
    unmet_limits: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    y_predicted: FloatArray | None = None
    u_planned: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one solve. Its move exists only when it was accepted.

    Attributes:
        worth: of the point.
        status: why the solver stopped.
        reason: in words, with names and limits; empty when accepted.
        diagnostics: see there.
        warm: for the next solve; None after a failure, so that nothing bad is carried on.
    """

    worth: PointWorth
    status: SolverStatus
    reason: str
    diagnostics: Diagnostics
    warm: Warm | None = None
    _move: FloatArray | None = field(default=None, repr=False)

    @property
    def accepted(self) -> bool:
        """Whether the move can be read."""
        return self.worth is PointWorth.ACCEPTED

    @property
    def move(self) -> FloatArray:
        """The set points to write, shape (n_u,) [SI]; read-only.

        Raises:
            SolveFailedError: the point was not accepted.
        """
        if self.worth is not PointWorth.ACCEPTED or self._move is None:
            raise SolveFailedError(
                f"this solve gave no move ({self.status.name}, {self.worth.value}): {self.reason}; "
                "hold the set points and see Outcome.reason"
            )
        return self._move


def refused(status: SolverStatus, reason: str, diagnostics: Diagnostics | None = None) -> Outcome:
    """Return an outcome without a move and without a warm start."""
    return Outcome(PointWorth.USELESS, status, reason, diagnostics or Diagnostics())
