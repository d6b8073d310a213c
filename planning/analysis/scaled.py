"""A linear program in the solver's own scale, for solves that change one number at a time."""

from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.linear import LinearProgram

CLEAR = (
    highspy.HighsModelStatus.kOptimal,
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnbounded,
)
TOLERANCE = 1e-9  # of rows and duals, after scaling: as in the solve that gave the optimum

SMALLEST = 1e-12  # coefficients below are dropped; at HiGHS's own 1e-9 marginals move by 1e-7


@dataclass(frozen=True, slots=True)
class ScaledProgram:
    """Columns measured by their values, rows by their largest term, money by its largest.

    Attributes:
        cost: shape (n,).
        matrix: sparse by column, shape (m, n).
        row_low, row_high: shape (m,).
        low, high: shape (n,).
        row_scale: by which rows of the program were multiplied, shape (m,).
        column_size: by which columns of the program were divided, shape (n,).
        money: by which the cost was divided.
    """

    cost: FloatArray
    matrix: Any
    row_low: FloatArray
    row_high: FloatArray
    low: FloatArray
    high: FloatArray
    row_scale: FloatArray
    column_size: FloatArray
    money: float

    def opened(self, row: int) -> "ScaledProgram":
        """Return the program without the bounds of a row."""
        low, high = self.row_low.copy(), self.row_high.copy()
        low[row], high[row] = -np.inf, np.inf
        return replace(self, row_low=low, row_high=high)


def scaled_program(program: LinearProgram, x: FloatArray) -> ScaledProgram:
    """Return a linear program in the scale of one of its points.

    Bounds alone would not do: a column that may reach a million but stands at a tenth would be
    measured in millions, and every distance of it would look like none.

    Args:
        program: to scale.
        x: values near which it is looked at, shape (n,).
    """
    _, bounds = program.scales()
    columns = np.minimum(bounds, 1.0 + np.abs(x))
    largest = abs(program.matrix.multiply(columns[np.newaxis, :])).max(axis=1).toarray().ravel()
    rows = 1.0 / np.where(largest > 0.0, largest, 1.0)
    cost = program.cost * columns
    money = float(np.max(np.abs(cost), initial=0.0)) or 1.0
    matrix = sparse.diags(rows) @ program.matrix @ sparse.diags(columns)
    return ScaledProgram(
        cost / money,
        matrix.tocsc(),
        program.row_low * rows,
        program.row_high * rows,
        program.low / columns,
        program.high / columns,
        rows,
        columns,
        money,
    )


def raw_solver(
    cost: FloatArray,
    matrix: Any,
    rows: tuple[FloatArray, FloatArray],
    bounds: tuple[FloatArray, FloatArray],
) -> Any:
    """Return a silent HiGHS object that takes the numbers as they are and keeps its basis.

    Presolve stays off: it would be repeated for every change, and forget the basis.
    """
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("presolve", "off")
    solver.setOptionValue("solver", "simplex")
    solver.setOptionValue("primal_feasibility_tolerance", TOLERANCE)
    solver.setOptionValue("dual_feasibility_tolerance", TOLERANCE)
    solver.setOptionValue("small_matrix_value", SMALLEST)
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_ = cost
    lp.col_lower_, lp.col_upper_ = bounds
    lp.row_lower_, lp.row_upper_ = rows
    csc = sparse.csc_matrix(matrix)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = csc.indptr, csc.indices
    lp.a_matrix_.value_ = csc.data
    solver.passModel(lp)
    return solver


def run_warm(solver: Any) -> Any:
    """Run a solver from its last basis and return its status.

    HiGHS 1.15 now and then loses the status of a warm start, or cannot tell that there is no
    solution; it then starts from nothing, the second time with presolve.
    """
    solver.run()
    for presolve in ("off", "choose"):
        if solver.getModelStatus() in CLEAR:
            break
        solver.clearSolver()
        solver.setOptionValue("presolve", presolve)
        solver.run()
    solver.setOptionValue("presolve", "off")
    return solver.getModelStatus()
