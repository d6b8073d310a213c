"""Why each MV moves: the plan as a sum over its causes, and how limits shift it."""

from dataclasses import dataclass
from warnings import catch_warnings

import numpy as np
from scipy.linalg import LinAlgError, LinAlgWarning, lstsq, solve

from operator_agent.arrays import FloatArray
from operator_agent.mpc.explain.causes import (
    Cause,
    CauseKind,
    Holding,
    holding,
    right_sides,
)
from operator_agent.mpc.explain.last_program import LastProgram

REMAINDER = Cause(CauseKind.REMAINDER, "")


@dataclass(frozen=True, slots=True)
class MoveParts:
    """The first moves of a cycle, cause by cause.

    Attributes:
        causes: the last one is what the iterations left.
        parts: of each cause and MV, shape (n_causes, n_u) [SI]; its columns add up to `moves`.
        moves: shape (n_u,) [SI].
        pressing: of each cause on the limit that holds the first move of an MV, shape (n_causes,
            n_u) [cost per SI unit]; positive presses upward, zero where no limit holds it.
    """

    causes: tuple[Cause, ...]
    parts: FloatArray
    moves: FloatArray
    pressing: FloatArray


@dataclass(frozen=True, slots=True)
class LimitEffect:
    """What a limit that holds costs, and what one unit of room would change.

    Attributes:
        name: of the limit, with rank and side.
        price: what one unit of room is worth, over the horizon [cost per SI unit].
        first_move: change of the first moves for one unit of room, shape (n_u,) [SI per SI unit].
    """

    name: str
    price: float
    first_move: FloatArray


class Sensitivity:
    """The optimality conditions of one program with what holds it fixed, factored once."""

    def __init__(self, program: LastProgram) -> None:
        """Find what holds, and put the system together."""
        self.program, self.found = program, holding(program)
        self._free = np.flatnonzero(~self.found.bound)
        self._rows = np.flatnonzero(self.found.row)
        held = self.program.rows[np.ix_(self._rows, self._free)]
        n, m = self._free.size, self._rows.size
        self._matrix = np.zeros((n + m, n + m))
        self._matrix[:n, :n] = program.hessian[np.ix_(self._free, self._free)]
        self._matrix[:n, n:], self._matrix[n:, :n] = held.T, held

    def solve(
        self, slopes: FloatArray, bounds: FloatArray, rows: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return variables (n, k) and prices of all rows (m, k) for right sides.

        Args:
            slopes: shape (n, k).
            bounds: values of the variables at bounds, shape (n, k); others are not looked at.
            rows: values of the rows at limits, shape (m, k); others are not looked at.
        """
        program, free, held = self.program, self._free, self.found.bound
        fixed = np.where(held[:, None], bounds, 0.0)
        top = -(slopes + program.hessian @ fixed)[free]
        bottom = (rows - program.rows @ fixed)[self._rows]
        right = np.vstack([top, bottom])
        try:
            with catch_warnings(action="error", category=LinAlgWarning):
                found = solve(self._matrix, right, assume_a="sym")
        except (LinAlgError, LinAlgWarning):  # limits that say the same: any share is right
            found = lstsq(self._matrix, right)[0]
        values = fixed
        values[free] = found[: free.size]
        prices = np.zeros_like(rows)
        prices[self._rows] = found[free.size :]
        return values, prices


def explained(sensitivity: Sensitivity, move: FloatArray) -> MoveParts:
    """Return the parts of the first moves.

    Args:
        sensitivity: of the last program.
        move: set points that came out, shape (n_u,) [SI].
    """
    program = sensitivity.program
    sides = right_sides(program, sensitivity.found)
    causes = sides.causes()
    n, m, model = sides.n, sides.m, program.problem.transcription.model
    empty, none = np.zeros(n), np.zeros(m)
    slopes = np.column_stack([sides.slopes.get(c, empty) for c in causes])
    values, prices = sensitivity.solve(
        slopes,
        np.column_stack([sides.bounds.get(c, empty) for c in causes]),
        np.column_stack([sides.rows.get(c, none) for c in causes]),
    )
    n_u = model.n_u
    parts = values[:n_u] * model.u_scale[:, None]
    moves = move - program.problem.u_held
    rest = moves - parts.sum(axis=1)
    slope = (program.hessian @ values + slopes + program.rows.T @ prices)[:n_u]
    pressing = np.where(sensitivity.found.bound[:n_u, None], -slope, 0.0) / model.u_scale[:, None]
    return MoveParts(
        causes=(*causes, REMAINDER),
        parts=np.vstack([parts.T, rest]),
        moves=moves,
        pressing=np.vstack([pressing.T, np.zeros(n_u)]),
    )


def limit_effects(sensitivity: Sensitivity) -> tuple[LimitEffect, ...]:
    """Return price and effect of every CV limit, and of every limit or rate of a first move."""
    program, found = sensitivity.program, sensitivity.found
    model = program.problem.transcription.model
    named = _units(program, found)
    if not named:
        return ()
    n, m = program.gradient.size, program.row_low.size
    bounds = np.column_stack([bound for _, bound, _, _ in named])
    rows = np.column_stack([row for _, _, row, _ in named])
    values, _ = sensitivity.solve(np.zeros((n, len(named))), bounds, rows)
    assert rows.shape[0] == m
    return tuple(
        LimitEffect(cause.name, price, values[: model.n_u, k] * model.u_scale)
        for k, (cause, _, _, price) in enumerate(named)
    )


def _units(
    program: LastProgram, found: Holding
) -> list[tuple[Cause, FloatArray, FloatArray, float]]:
    """Return for each limit the right side of one SI unit of room, and its price."""
    grid, solution = program.problem.transcription, program.solution
    model, limits, n_u = grid.model, grid.limits, grid.model.n_u
    sides: dict[Cause, tuple[FloatArray, FloatArray, list[float]]] = {}

    def side_of(cause: Cause) -> tuple[FloatArray, FloatArray, list[float]]:
        fresh = (np.zeros(program.gradient.size), np.zeros(program.row_low.size), [0.0])
        return sides.setdefault(cause, fresh)

    for r, cause in found.row_causes.items():
        if r < limits.n_rows:
            _, row, price = side_of(cause)
            scale = float(model.y_scale[limits.cv[r]])
            row[r] = 1.0 / scale
            price[0] += float(solution.row_prices[r]) / scale
    for i, cause in found.bound_causes.items():
        if i < n_u and program.low[i] < program.high[i]:
            bound, _, price = side_of(cause)
            scale = float(model.u_scale[i])
            bound[i] = float(np.sign(solution.bound_prices[i])) / scale
            price[0] += abs(float(solution.bound_prices[i])) / scale
    return [(cause, bound, row, price[0]) for cause, (bound, row, price) in sides.items()]
