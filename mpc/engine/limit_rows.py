"""The rows of CV limits in the QP: which stage, which CV, which side, and who pays.

sign (y[stage, cv] - limit) - slack <= 0,    slack >= 0
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.formulation import Formulation, Ranking, Sharing
from operator_agent.mpc.variables import ControlVariables

IndexArray = np.ndarray[tuple[int, ...], np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class LimitShape:
    """Which limits exist: what the shape of the QP depends on.

    Attributes:
        soft_low, soft_high, hard_low, hard_high: whether each CV has the limit.
        own_low, own_high: whether a soft limit lies inside the hard one, at any stage.
        rates: whether each MV has a rate limit; empty when all have.
        terminal_low, terminal_high: whether each CV has a limit at the end of the horizon alone;
            empty when none has.
    """

    soft_low: tuple[bool, ...]
    soft_high: tuple[bool, ...]
    hard_low: tuple[bool, ...]
    hard_high: tuple[bool, ...]
    own_low: tuple[bool, ...] = ()
    own_high: tuple[bool, ...] = ()
    rates: tuple[bool, ...] = ()
    terminal_low: tuple[bool, ...] = ()
    terminal_high: tuple[bool, ...] = ()

    @classmethod
    def of(
        cls,
        variables: ControlVariables,
        terminal: "TerminalLimits | None" = None,
        ahead: "LimitsAhead | None" = None,
    ) -> "LimitShape":
        """Return the sides that are finite, at any stage.

        Args:
            variables: limits of all stages.
            terminal: limits of the last stage alone.
            ahead: limits of each stage instead; None where they stay.
        """

        def sides(found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[bool, ...]:
            return tuple(bool(one.any()) for one in np.atleast_2d(found).T)

        v = ahead or variables
        return cls(
            soft_low=sides(np.isfinite(v.cv_soft_low)),
            soft_high=sides(np.isfinite(v.cv_soft_high)),
            hard_low=sides(np.isfinite(v.cv_hard_low)),
            hard_high=sides(np.isfinite(v.cv_hard_high)),
            own_low=sides(v.cv_soft_low > v.cv_hard_low),
            own_high=sides(v.cv_soft_high < v.cv_hard_high),
            rates=sides(np.isfinite(variables.mv_rate)),
            terminal_low=() if terminal is None else sides(np.isfinite(terminal.low)),
            terminal_high=() if terminal is None else sides(np.isfinite(terminal.high)),
        )

    def lacks(self, wanted: "LimitShape") -> tuple[int, ...]:
        """Return the CVs that want a limit on a side for which this shape has no rows."""

        def rows(shape: LimitShape) -> list[tuple[bool, ...]]:
            own = [
                tuple(s and inside for s, inside in zip(soft, inner, strict=True))
                for soft, inner in ((shape.soft_low, shape.own_low),
                                    (shape.soft_high, shape.own_high))
            ]  # fmt: skip
            return [*own, shape.hard_low, shape.hard_high]

        pairs = zip(rows(self), rows(wanted), strict=True)
        more = [np.array(new) & ~np.array(old) for old, new in pairs]
        return tuple(np.flatnonzero(np.any(more, axis=0)).tolist())


@dataclass(frozen=True, slots=True)
class TerminalLimits:
    """Hard limits of the CVs at the end of the horizon alone.

    Attributes:
        low, high: shape (n_y,) [SI]; an open side is infinite.
    """

    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class LimitsAhead:
    """Limits that change along the horizon, by stage; they stand in for those of the variables.

    Attributes:
        mv_low, mv_high: of the MVs during each stage, shape (N, n_u) [SI]; open sides are infinite.
        cv_hard_low, cv_hard_high, cv_soft_low, cv_soft_high: of the CVs at its end, shape (N, n_y).
    """

    mv_low: FloatArray
    mv_high: FloatArray
    cv_hard_low: FloatArray
    cv_hard_high: FloatArray
    cv_soft_low: FloatArray
    cv_soft_high: FloatArray

    def __post_init__(self) -> None:
        """Refuse NaN, and stages or variables that do not fit together.

        Raises:
            InputError: with the limit.
        """
        for name in self.__slots__:
            array, first = getattr(self, name), self.mv_low if name[0] == "m" else self.cv_hard_low
            if array.shape != first.shape or array.shape[0] != self.mv_low.shape[0]:
                raise InputError(f"{name} ahead has shape {array.shape} and not {first.shape}")
            if bool(np.isnan(array).any()):
                raise InputError(f"{name} ahead has NaN; an open side is infinite")


@dataclass(frozen=True, slots=True)
class LimitSide:
    """One side of a limit over its stages.

    Attributes:
        cv: number of the CV.
        sign: +1 for a high limit, -1 for a low one.
        hard: rank.
        terminal: whether it holds at the end of the horizon alone.
        stages: on which it holds.
        slack: number of the slack of each of these stages.
    """

    cv: int
    sign: float
    hard: bool
    terminal: bool
    stages: tuple[int, ...]
    slack: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LimitRows:
    """All rows, as index arrays.

    Attributes:
        sides: that the rows belong to, one after the other.
        stage, cv, slack, side: of each row, shape (n_rows,).
        sign: of each row, shape (n_rows,).
        side_starts: first row of each side, shape (n_sides,).
        slack_order, slack_starts: rows sorted by slack, and the first one of each slack.
        slack_cv: CV of each slack, shape (n_slacks,).
        slack_hard: rank of each slack, shape (n_slacks,).
        next_row: row of the same side one stage later, shape (n_rows,); itself at the end.
    """

    sides: tuple[LimitSide, ...]
    stage: IndexArray
    cv: IndexArray
    slack: IndexArray
    side: IndexArray
    sign: FloatArray
    side_starts: IndexArray
    slack_order: IndexArray
    slack_starts: IndexArray
    slack_cv: IndexArray
    slack_hard: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    next_row: IndexArray

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.stage.size

    @property
    def n_slacks(self) -> int:
        """Number of slacks."""
        return self.slack_cv.size

    @classmethod
    def of(cls, shape: LimitShape, n_pred: int, formulation: Formulation) -> "LimitRows":
        """Return the rows of all limits that a shape has."""
        sides, slack_cv, slack_hard = _sides(shape, n_pred, formulation)
        slack = _integers([s for side in sides for s in side.slack])
        order = np.argsort(slack, kind="stable")
        following, first = [], 0
        for side in sides:
            last = first + len(side.stages) - 1
            following += [*range(first + 1, last + 1), last]
            first = last + 1
        return cls(
            sides=tuple(sides),
            stage=_integers([k for side in sides for k in side.stages]),
            cv=_integers([side.cv for side in sides for _ in side.stages]),
            slack=slack,
            side=_integers([i for i, side in enumerate(sides) for _ in side.stages]),
            sign=np.array([side.sign for side in sides for _ in side.stages], dtype=np.float64),
            side_starts=_integers(np.cumsum([0, *[len(s.stages) for s in sides]])[:-1].tolist()),
            slack_order=order,
            slack_starts=np.searchsorted(slack[order], np.arange(len(slack_cv))),
            slack_cv=_integers(slack_cv),
            slack_hard=np.array(slack_hard, dtype=np.bool_),
            next_row=_integers(following),
        )

    def row_limits(self, limits: FloatArray) -> FloatArray:
        """Return the limit of each row, shape (n_rows,).

        Args:
            limits: soft low, soft high, hard low, hard high, terminal low and high, shape
                (6, N, n_y), or (6, 1, n_y) where they are those of all stages.
        """
        kinds = [2 * (2 if s.terminal else int(s.hard)) + (s.sign > 0.0) for s in self.sides]
        kind = _integers(kinds)[self.side]
        found: FloatArray = limits[kind, self.stage % limits.shape[1], self.cv]
        return found

    def slacks(self, y: FloatArray, row_limits: FloatArray) -> FloatArray:
        """Return the smallest slacks for outputs y (N, n_y), shape (n_slacks,)."""
        if not self.slack_cv.size:
            return np.zeros(0)
        outside = self.sign * (y[self.stage, self.cv] - row_limits)
        worst: FloatArray = np.maximum.reduceat(outside[self.slack_order], self.slack_starts)
        return np.maximum(worst, 0.0)


def _integers(values: list[int]) -> IndexArray:
    return np.array(values, dtype=np.intp)


def _sides(
    shape: LimitShape, n_pred: int, formulation: Formulation
) -> tuple[list[LimitSide], list[int], list[bool]]:
    """Return the sides, and CV and rank of each slack; both sides of a CV share their slacks."""
    ranks = [
        (False, *_soft(shape, formulation.ranking), formulation.sharing, False),
        (True, shape.hard_low, shape.hard_high, formulation.hard_sharing, False),
        (True, shape.terminal_low, shape.terminal_high, Sharing.HORIZON, True),
    ]
    sides: list[LimitSide] = []
    slack_cv: list[int] = []
    slack_hard: list[bool] = []
    for hard, lows, highs, sharing, terminal in ranks:
        limited = range(max(n_pred - formulation.free_stages, 1))
        stages = (n_pred - 1,) if terminal else tuple(limited)
        groups = _groups(sharing, len(stages))
        for cv, (low, high) in enumerate(zip(lows, highs, strict=True)):
            if not (low or high):
                continue
            slack = tuple(len(slack_cv) + g for g in groups)
            for present, sign in ((low, -1.0), (high, 1.0)):
                if present:
                    sides.append(LimitSide(cv, sign, hard, terminal, stages, slack))
            slack_cv += [cv] * (groups[-1] + 1)
            slack_hard += [hard] * (groups[-1] + 1)
    return sides, slack_cv, slack_hard


def _soft(shape: LimitShape, ranking: Ranking) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Return which soft sides get rows."""
    pairs = (
        (shape.soft_low, shape.hard_low, shape.own_low),
        (shape.soft_high, shape.hard_high, shape.own_high),
    )
    if ranking is Ranking.DOUBLED:
        low, high = (tuple(a or b for a, b in zip(s, h, strict=True)) for s, h, _ in pairs)
    else:
        low, high = (tuple(a and b for a, b in zip(s, o, strict=True)) for s, _, o in pairs)
    return low, high


def _groups(sharing: Sharing, count: int) -> list[int]:
    if sharing is Sharing.STAGES:
        return list(range(count))
    if sharing is Sharing.HORIZON:
        return [0] * count
    return [int(np.log2(k + 1)) for k in range(count)]
