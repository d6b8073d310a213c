"""Causes of a plan, as right sides of its optimality conditions.

With the limits that hold known, the plan solves a linear system

    H_ff w_f + A_f' price = -g_f - H_fk c_k,      A_f w_f = b - A_k c_k

for the free variables f, where k are variables at bounds c and A, b rows at limits. Its right side
is a sum over causes: each CV that would miss its reference if the set points stayed, each MV away
from its resting value, the damping towards the last plan, each limit that holds. So the plan is
the sum of what each cause alone would do with the same limits holding.
"""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import CLIP_TOLERANCE
from operator_agent.mpc.explain.last_program import LastProgram
from operator_agent.mpc.variables import BoolArray

PRICED = 1e-9  # of the largest slope: smaller multipliers are rounding, and the limit does not hold
ITERATION = "step of one iteration"


class CauseKind(Enum):
    """What sort of cause; the value says it in words."""

    TRACKING = "would miss its reference"
    RESTING = "towards its own target"
    DAMPING = "to keep to the last plan"
    ECONOMICS = "cost besides tracking, and curvature"
    LIMIT = "limit holds"
    REMAINDER = "rounding of the solution"


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause.

    Attributes:
        kind: see there.
        name: of the variable and, for a limit, its rank and side.
    """

    kind: CauseKind
    name: str


@dataclass(slots=True)
class RightSides:
    """Right sides by cause: slopes (n,), bounds (n,), rows (m,)."""

    n: int
    m: int
    slopes: dict[Cause, FloatArray] = field(default_factory=dict)
    bounds: dict[Cause, FloatArray] = field(default_factory=dict)
    rows: dict[Cause, FloatArray] = field(default_factory=dict)

    def add_slope(self, cause: Cause, where: slice, slope: FloatArray) -> None:
        """Add to the slope of a cause."""
        self.slopes.setdefault(cause, np.zeros(self.n))[where] += slope

    def causes(self) -> tuple[Cause, ...]:
        """Return all causes, slopes first."""
        return tuple(dict.fromkeys([*self.slopes, *self.bounds, *self.rows]))


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds the last program.

    Attributes:
        bound: variables at a bound, shape (n,).
        row: rows at a limit, shape (m,).
        bound_causes: of the moves at a bound, by their number.
        row_causes: of the rows at a limit, by their number.
    """

    bound: BoolArray
    row: BoolArray
    bound_causes: dict[int, Cause]
    row_causes: dict[int, Cause]


def holding(program: LastProgram) -> Holding:
    """Return which limits hold: those with a price, and slacks that are not used."""
    solution, n_moves = program.solution, program.n_moves
    least = PRICED * max(1.0, float(np.max(np.abs(program.gradient))))
    bound = np.abs(solution.bound_prices) > least
    bound |= program.low == program.high
    bound[n_moves:] |= solution.x[n_moves:] <= 0.0
    row = np.abs(solution.row_prices) > least
    bounds = {int(i): _bound_cause(program, int(i)) for i in np.flatnonzero(bound[:n_moves])}
    rows = {int(r): _row_cause(program, int(r)) for r in np.flatnonzero(row)}
    return Holding(bound, row, bounds, rows)


def _bound_cause(program: LastProgram, i: int) -> Cause:
    problem, n_u = program.problem, program.scaled.u_held.size
    name, mv = problem.variables.mv_names[i % n_u], i % n_u
    if program.low[i] == program.high[i]:
        return Cause(CauseKind.LIMIT, f"{name} held")
    high = program.solution.bound_prices[i] > 0.0
    level = program.held[i] + (program.high[i] if high else program.low[i])
    limit = (program.scaled.u_high if high else program.scaled.u_low).ravel()[i]
    side = "high" if high else "low"
    if abs(level - limit) <= CLIP_TOLERANCE:
        return Cause(CauseKind.LIMIT, f"{name} limit {side}")
    first = program.scaled.first_high[mv] if high else program.scaled.first_low[mv]
    if i < n_u and abs(level - first) <= CLIP_TOLERANCE:
        return Cause(CauseKind.LIMIT, f"{name} rate {side}")
    return Cause(CauseKind.LIMIT, f"{name} {ITERATION}")


def _row_cause(program: LastProgram, r: int) -> Cause:
    grid, variables = program.problem.transcription, program.problem.variables
    limits = grid.limits
    if r >= limits.n_rows:
        name = variables.mv_names[int(grid.rate_rows[r - limits.n_rows]) % grid.model.n_u]
        side = "high" if program.solution.row_prices[r] > 0.0 else "low"
        return Cause(CauseKind.LIMIT, f"{name} rate {side}")
    of = limits.sides[int(limits.side[r])]
    rank = "terminal" if of.terminal else "hard" if of.hard else "soft"
    edge = "high" if of.sign > 0.0 else "low"
    return Cause(CauseKind.LIMIT, f"{variables.cv_names[of.cv]} {rank} {edge}")


def right_sides(program: LastProgram, found: Holding) -> RightSides:
    """Return the right sides of all causes; their slopes add up to the program's gradient."""
    sides = RightSides(program.gradient.size, program.row_low.size)
    _add_objective(program, sides)
    _add_slacks(program, found, sides)
    moves = slice(0, program.n_moves)
    rest = program.gradient[moves] - sum(slope[moves] for slope in sides.slopes.values())
    scale = 1.0 + float(np.max(np.abs(program.gradient[moves])))
    if float(np.max(np.abs(rest))) > PRICED * scale:
        sides.add_slope(Cause(CauseKind.ECONOMICS, ""), moves, rest)
    for i, cause in found.bound_causes.items():
        value = program.high[i] if program.solution.bound_prices[i] > 0.0 else program.low[i]
        sides.bounds.setdefault(cause, np.zeros(sides.n))[i] += value
    for r, cause in found.row_causes.items():
        value = program.row_high[r] if program.solution.row_prices[r] > 0.0 else program.row_low[r]
        sides.rows.setdefault(cause, np.zeros(sides.m))[r] += value
    return sides


def _add_objective(program: LastProgram, sides: RightSides) -> None:
    scaled, problem = program.scaled, program.problem
    grid, variables = problem.transcription, problem.variables
    moves = slice(0, program.n_moves)
    missed = 2.0 * scaled.stage_tracking * (program.resting - scaled.y_reference)
    for i, name in enumerate(variables.cv_names):
        if bool(np.any(scaled.stage_tracking[:, i])):
            slope = program.response[:, i].T @ missed[:, i]
            sides.add_slope(Cause(CauseKind.TRACKING, name), moves, slope)
    away = 2.0 * grid.block_shares * scaled.weights.resting * (scaled.u_held - scaled.u_reference)
    for j, name in enumerate(variables.mv_names):
        if scaled.weights.resting[j] > 0.0:
            slope = np.zeros_like(away)
            slope[:, j] = away[:, j]
            sides.add_slope(Cause(CauseKind.RESTING, name), moves, slope.ravel())
    if scaled.weights.levenberg > 0.0:
        slope = -2.0 * scaled.weights.levenberg * program.planned
        sides.add_slope(Cause(CauseKind.DAMPING, ""), moves, slope)


def _add_slacks(program: LastProgram, found: Holding, sides: RightSides) -> None:
    """Give the linear price of each used slack to the limit that uses it."""
    limits, n_moves = program.problem.transcription.limits, program.n_moves
    for slack in np.flatnonzero(~found.bound[n_moves:]):
        users = [r for r in found.row_causes if r < limits.n_rows and limits.slack[r] == slack]
        at = n_moves + int(slack)
        for r in users:
            part = np.array([program.gradient[at] / len(users)])
            sides.add_slope(found.row_causes[r], slice(at, at + 1), part)
