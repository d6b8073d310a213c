"""From the limits of a controller to ranked levels, and a limit moved for a question."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.ranked import Norm, RankLevel
from operator_agent.mpc.target.steady_model import SteadyModel
from operator_agent.mpc.target.target_tuning import CvRank, TargetTuning
from operator_agent.mpc.variables import ControlVariables


class Side(Enum):
    """Of a limit."""

    LOW = "low"
    HIGH = "high"


def limit_name(name: str, side: Side) -> str:
    """Return how a limit is called: `name side`."""
    return f"{name} {side.value}"


class _Level:
    def __init__(self, n_rows: int) -> None:
        self.low, self.high = np.full(n_rows, -np.inf), np.full(n_rows, np.inf)
        self.concern_low, self.concern_high = np.ones(n_rows), np.ones(n_rows)

    def narrow(self, row: int, low: float, high: float, rank: CvRank) -> None:
        self.low[row], self.high[row] = max(self.low[row], low), min(self.high[row], high)
        self.concern_low[row], self.concern_high[row] = rank.concern_low, rank.concern_high


class LevelBuilder:
    """Ranked levels of a model's rows: its CVs, then its balances."""

    def __init__(self, model: SteadyModel, tuning: TargetTuning) -> None:
        """Take names, spans and ranks."""
        self._model, self._tuning = model, tuning
        self._ranks = [tuning.ranks.get(name, CvRank()) for name in model.y_names]
        self._hard = [rank.hard for rank in self._ranks]
        self._soft = [rank.soft for rank in self._ranks]
        self._plain = all(rank == CvRank() for rank in self._ranks) and not model.balances

    def levels(self, inputs: TargetInputs, rows: FloatArray) -> tuple[RankLevel, ...]:
        """Return the levels by rising rank, as distances from where the rows stand, scaled.

        Args:
            inputs: of the cycle; a CV that is off has no limits.
            rows: CVs with bias and rates, scaled, shape (n_y + n_b,).
        """
        model, limits = self._model, inputs.variables
        n_y = len(model.y_names)
        seen = inputs.on & ~model.floating
        y, scale = rows[:n_y], model.y_scale
        hard = _open(limits.cv_hard_low, limits.cv_hard_high, scale, y, seen)
        soft = _open(limits.cv_soft_low, limits.cv_soft_high, scale, y, seen)
        kept = np.clip(0.5 * (soft[1] - soft[0]), 0.0, self._tuning.margin)
        soft = (soft[0] + kept, soft[1] - kept)
        if self._plain:
            return tuple(
                RankLevel(rank, low, high, np.ones(n_y), np.ones(n_y), self._norm(rank))
                for rank, (low, high) in ((CvRank().hard, hard), (CvRank().soft, soft))
            )
        found: dict[int, _Level] = {}
        for i, rank in enumerate(self._ranks):
            for place, (low, high) in ((rank.hard, hard), (rank.soft, soft)):
                level = found.setdefault(place, _Level(rows.size))
                level.narrow(i, float(low[i]), float(high[i]), rank)
            goal = inputs.wishes.goals.get(model.y_names[i])
            if rank.goal is not None and goal is not None and seen[i]:
                away = goal / scale[i] - float(y[i])
                found.setdefault(rank.goal, _Level(rows.size)).narrow(i, away, away, rank)
        for row in range(n_y, rows.size):
            level = found.setdefault(self._tuning.balance_rank, _Level(rows.size))
            level.narrow(row, -float(rows[row]), -float(rows[row]), CvRank())
        return tuple(
            RankLevel(rank, level.low, level.high, level.concern_low, level.concern_high,
                      self._norm(rank))
            for rank, level in sorted(found.items())
        )  # fmt: skip

    def _norm(self, rank: int) -> Norm:
        return self._tuning.norms.get(rank, Norm.L2)


def _open(
    low: FloatArray, high: FloatArray, scale: FloatArray, y: FloatArray, seen: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Return limits as distances from y, scaled; open where a CV is not seen."""
    return np.where(seen, low / scale - y, -np.inf), np.where(seen, high / scale - y, np.inf)


@dataclass(frozen=True, slots=True)
class LimitMove:
    """A limit moved by so much.

    Attributes:
        name: of the MV or CV.
        side: of the limit.
        by: added to it [SI]; of a CV to its hard and its soft limit alike.
    """

    name: str
    side: Side
    by: float

    def applied(self, variables: ControlVariables) -> ControlVariables:
        """Return variables with the limit moved.

        Raises:
            InputError: the name is no MV or CV, there is no such limit, the distance is not
                finite, or low and high would cross.
        """
        if not np.isfinite(self.by):
            raise InputError(f"{limit_name(self.name, self.side)} cannot move by {self.by}")
        if self.name in variables.mv_names:
            i = variables.mv_names.index(self.name)
            ends = (variables.mv_low.copy(), variables.mv_high.copy())
            self._move(i, (ends,))
            return replace(variables, mv_low=ends[0], mv_high=ends[1])
        if self.name not in variables.cv_names:
            raise InputError(
                f"'{self.name}' is neither an MV nor a CV; there are "
                f"{', '.join((*variables.mv_names, *variables.cv_names))}"
            )
        i = variables.cv_names.index(self.name)
        hard = (variables.cv_hard_low.copy(), variables.cv_hard_high.copy())
        soft = (variables.cv_soft_low.copy(), variables.cv_soft_high.copy())
        self._move(i, (hard, soft))
        return replace(
            variables,
            cv_hard_low=hard[0],
            cv_hard_high=hard[1],
            cv_soft_low=soft[0],
            cv_soft_high=soft[1],
        )

    def _move(self, i: int, grades: tuple[tuple[FloatArray, FloatArray], ...]) -> None:
        """Move entry i of the side of each (low, high), in place."""
        place = 0 if self.side is Side.LOW else 1
        if not any(np.isfinite(ends[place][i]) for ends in grades):
            raise InputError(f"{self.name} has no {self.side.value} limit that could move")
        for low, high in grades:
            (low, high)[place][i] += self.by
            if low[i] > high[i]:
                raise InputError(
                    f"{limit_name(self.name, self.side)} moved by {self.by:.6g} would cross the "
                    f"other side: {low[i]:.6g} above {high[i]:.6g} [SI]; move it less"
                )
