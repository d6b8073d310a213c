"""The last digits of a plan by successive linear programs in a trust region.

Most plans end in a corner, where limits alone determine every column. An interior-point solver
nears a corner from inside and stops a tolerance away; a few linear programs of the first-order
model, each allowed a step of at most the trust radius, end in it. Rows with products may be missed
at a price, so that a step that a curved row spoils still has a measure.

Source: Fletcher and Sainz de la Maza, "Nonlinear programming and nonsmooth optimization by
successive linear programming", Mathematical Programming 43 (1989), the l1 merit function.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.local_solve import Derivatives, Stop
from operator_agent.planning.bilinear.program import BilinearProgram

PRICE = 1e3  # of a missed scaled row with products, against costs near one: above any multiplier
LINEAR_PRICE = 1e4  # of a linear row: never worth missing, but the start may miss it by a digit
FIRST_RADIUS = 0.5  # of the scaled columns
LARGEST_RADIUS = 10.0
SMALLEST_RADIUS = 1e-6  # below, rounding of the rows weighs more than any gain
SURE_RADIUS = 1e-4  # a gain that vanishes in a region this wide proves the point stationary
NO_GAIN = 1e-9  # relative to the merit
MAX_ITERATIONS = 40
ACCEPT, WIDEN, NARROW = 0.1, 0.75, 0.25  # achieved over predicted gain: thresholds of the method
TOLERANCE = 1e-9  # of HiGHS, primal and dual


@dataclass(frozen=True, slots=True)
class Corner:
    """Where the linear programs ended.

    Attributes:
        x: shape (n,).
        stationary: no step within a region of `SURE_RADIUS` gains in the first-order model.
        iterations: linear programs solved.
    """

    x: FloatArray
    stationary: bool
    iterations: int


def to_corner(program: BilinearProgram, start: FloatArray, stop: Stop | None = None) -> Corner:
    """Return the point that successive linear programs reach from a start.

    Args:
        program: scaled to the start, so that one radius fits all columns.
        start: shape (n,).
        stop: asked before every linear program; true ends with what there is.
    """
    model = _Model(program)
    x = np.clip(start, program.low, program.high)
    merit, radius = model.merit(x), FIRST_RADIUS
    for iteration in range(MAX_ITERATIONS):
        if stop is not None and stop():
            return Corner(x, False, iteration)
        step, promised = model.step(x, radius)
        gain = merit - promised
        if not np.all(np.isfinite(step)) or gain <= NO_GAIN * max(1.0, abs(merit)):
            return Corner(x, bool(np.isfinite(gain)) and radius >= SURE_RADIUS, iteration + 1)
        moved = np.clip(x + step, program.low, program.high)
        reached = model.merit(moved)
        ratio = (merit - reached) / gain
        if ratio > ACCEPT:
            x, merit = moved, reached
        if ratio > WIDEN:
            radius = min(2.0 * radius, LARGEST_RADIUS)
        elif ratio < NARROW:
            radius = 0.25 * min(radius, float(np.max(np.abs(step))))
        if radius < SMALLEST_RADIUS:
            break
    return Corner(x, False, MAX_ITERATIONS)


class _Model:
    """The first-order model of a program around a point, kept in one HiGHS object."""

    def __init__(self, program: BilinearProgram) -> None:
        self._program = program
        self._derivatives = Derivatives(program)
        count = len(program.rows)
        self._price = np.full(count, LINEAR_PRICE)
        self._price[program.term_row] = PRICE
        self._identity = sparse.identity(count, format="csc")
        self._solver = highspy.Highs()
        for name, value in _OPTIONS.items():
            self._solver.setOptionValue(name, value)
        self._basis: Any = None

    def merit(self, x: FloatArray) -> float:
        """Return the cost plus the price of all missed rows."""
        program = self._program
        value = self._derivatives.constraints(x)
        over = np.maximum(np.maximum(program.row_low - value, value - program.row_high), 0.0)
        return float(program.cost @ x + self._price @ over)

    def step(self, x: FloatArray, radius: float) -> tuple[FloatArray, float]:
        """Return the best step within a radius, and the merit that the model promises."""
        self._solver.passModel(self._linear_program(x, radius))
        if self._basis is not None:
            self._solver.setBasis(self._basis)
        self._solver.run()
        count = len(x)
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return np.full(count, np.nan), np.inf
        self._basis = self._solver.getBasis()
        found = np.array(self._solver.getSolution().col_value, dtype=np.float64)
        step, missed = found[:count], found[count:]
        prices = np.concatenate([self._price, self._price])
        return step, float(self._program.cost @ (x + step) + prices @ missed)

    def _linear_program(self, x: FloatArray, radius: float) -> Any:
        program = self._program
        rows, columns = len(program.rows), len(x)
        structure = self._derivatives.jacobianstructure()
        entries = self._derivatives.jacobian(x), structure
        slopes = sparse.csc_matrix(entries, (rows, columns))
        matrix = sparse.hstack([slopes, self._identity, -self._identity]).tocsc()
        value = self._derivatives.constraints(x)
        lp = highspy.HighsLp()
        lp.num_row_, lp.num_col_ = rows, columns + 2 * rows
        lp.col_cost_ = np.concatenate([program.cost, self._price, self._price])
        none = np.zeros(2 * rows)
        lp.col_lower_ = np.concatenate([np.maximum(program.low - x, -radius), none])
        lp.col_upper_ = np.concatenate([np.minimum(program.high - x, radius), none + np.inf])
        lp.row_lower_, lp.row_upper_ = program.row_low - value, program.row_high - value
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = matrix.indptr
        lp.a_matrix_.index_ = matrix.indices
        lp.a_matrix_.value_ = matrix.data
        return lp


_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "threads": 1,
    "primal_feasibility_tolerance": TOLERANCE,
    "dual_feasibility_tolerance": TOLERANCE,
}
