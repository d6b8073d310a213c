"""The horizon's grid: stage functions, blocks, and the shape of the QP.

Variables of the QP, all scaled: the change of each block's MV levels, one slack for each soft CV
and group of stages, one slack for each CV with a hard limit. Stages are grouped 1, 2, 4, 8, ...:
each group pays for its worst stage, so a violation that cannot be avoided now does not make later
ones free.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.dense_qp import DenseQp
from operator_agent.mpc.engine.linearise import BufferedFunction, Lineariser, ScaledModel
from operator_agent.mpc.variables import ControlVariables


@dataclass(frozen=True, slots=True)
class LimitSide:
    """One side of a soft or hard limit over the horizon.

    Attributes:
        cv: number of the CV.
        sign: +1 for a high limit, -1 for a low one.
        hard: rank.
        slack: number of the slack of each stage, shape (N,).
    """

    cv: int
    sign: float
    hard: bool
    slack: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LimitShape:
    """Which limits exist: what the shape of the QP depends on."""

    soft_low: tuple[bool, ...]
    soft_high: tuple[bool, ...]
    hard_low: tuple[bool, ...]
    hard_high: tuple[bool, ...]

    @classmethod
    def of(cls, variables: ControlVariables) -> "LimitShape":
        """Return the sides that are finite."""
        columns = [
            tuple(bool(b) for b in np.isfinite(limit))
            for limit in (
                variables.cv_soft_low,
                variables.cv_soft_high,
                variables.cv_hard_low,
                variables.cv_hard_high,
            )
        ]
        return cls(*columns)


class Transcription:
    """Functions and QP arrays for one horizon and one set of limits. Scratch memory inside."""

    def __init__(self, scaled: ScaledModel, horizon: Horizon, shape: LimitShape) -> None:
        """Make the mapped functions, the QP and its constant parts."""
        self.model = scaled.model
        self.horizon = horizon
        self.lengths_s: FloatArray = np.array(horizon.lengths_s)
        self.stages = Lineariser(scaled, horizon.n_pred)
        self.point = Lineariser(scaled, 1)
        self.audit = BufferedFunction(self.model.rhs.map(horizon.n_pred))  # SI, for acceptance
        self.sides, self.n_slacks_soft, self.n_slacks_hard = _sides(shape, horizon.n_pred)
        self.n_moves = horizon.n_blocks * self.model.n_u
        n_pred, n_u = horizon.n_pred, self.model.n_u
        self.n_limit_rows = len(self.sides) * n_pred
        n_rows = self.n_limit_rows + (horizon.n_blocks - 1) * n_u
        n_variables = self.n_moves + self.n_slacks_soft + self.n_slacks_hard
        self.qp = DenseQp(n_variables, n_rows)
        for number, side in enumerate(self.sides):
            for k, slack in enumerate(side.slack):
                self.qp.rows[number * n_pred + k, self.n_moves + slack] = -1.0
        for row in range((horizon.n_blocks - 1) * n_u):
            self.qp.rows[self.n_limit_rows + row, row] = -1.0
            self.qp.rows[self.n_limit_rows + row, row + n_u] = 1.0
        self.qp.low[self.n_moves :] = 0.0

    def slacks(self, y: FloatArray, limits: tuple[FloatArray, ...]) -> FloatArray:
        """Return the smallest slacks for outputs y (N, n_y): how far each group is outside."""
        slack = np.zeros(self.n_slacks_soft + self.n_slacks_hard)
        for side in self.sides:
            outside = side.sign * (y[:, side.cv] - side_limit(side, limits))
            np.maximum.at(slack, list(side.slack), outside)
        return slack


def side_limit(side: LimitSide, limits: tuple[FloatArray, ...]) -> float:
    """Return the value of one side's limit from (soft_low, soft_high, hard_low, hard_high)."""
    return float(limits[2 * side.hard + (side.sign > 0.0)][side.cv])


def _sides(shape: LimitShape, n_pred: int) -> tuple[tuple[LimitSide, ...], int, int]:
    group = [int(np.log2(k + 1)) for k in range(n_pred)]
    n_groups = group[-1] + 1
    soft_low = tuple(a or b for a, b in zip(shape.soft_low, shape.hard_low, strict=True))
    soft_high = tuple(a or b for a, b in zip(shape.soft_high, shape.hard_high, strict=True))
    soft = [i for i in range(len(soft_low)) if soft_low[i] or soft_high[i]]
    hard = [i for i in soft if shape.hard_low[i] or shape.hard_high[i]]
    n_soft = len(soft) * n_groups
    sides = []
    for rank, cvs, lows, highs in (
        (False, soft, soft_low, soft_high),
        (True, hard, shape.hard_low, shape.hard_high),
    ):
        for number, cv in enumerate(cvs):
            slack = [n_soft + number if rank else number * n_groups + g for g in group]
            for present, sign in ((lows[cv], -1.0), (highs[cv], 1.0)):
                if present:
                    sides.append(LimitSide(cv, sign, rank, tuple(slack)))
    return tuple(sides), n_soft, len(hard)
