"""Linear programs: a Pyomo model compiled to matrices once, solved by HiGHS, checked by itself.

Pyomo's own solver interfaces translate slowly and hang when two threads use them; the compiled
matrices go to HiGHS in one call. Costs are always minimised inside.

Where columns must be whole numbers (lots, modes), branch and bound finds them first; then they are
fixed and the linear program is solved again, so that marginals are those of the chosen numbers.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import highspy
import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from operator_agent.arrays import FloatArray
from operator_agent.planning.certificate import Ranged, optimality_residual
from operator_agent.planning.collection import collector_at_rest
from operator_agent.planning.outcome import Solution, SolverStop

INTERIOR_FROM_COLUMNS = 600  # simplex is as fast below, slower from here, and hopeless far above
FEASIBILITY_TOLERANCE = 1e-9  # after scaling: relative to the largest term that a row may have
SMALLEST_COEFFICIENT = 1e-12  # HiGHS drops scaled ones below 1e-9: marginals then miss by 1e-7
PRESOLVE = ("choose", "off")  # HiGHS 1.15 now and then loses its status in presolve: once more
ACCEPTED_RESIDUAL = 1e-6  # relative; ten times the dual tolerance of HiGHS
WHOLE_GAP = (
    1e-7  # relative: what branch and bound may leave of the profit, below any price's digits
)
NEAR_ONE = (1e-2, 1e3)  # sizes that need no scaling, which may cost HiGHS a third of its speed
EQUAL, AT_MOST = 0, 1  # bound types of the compiler; -1 is at least


@dataclass(frozen=True, slots=True)
class LinearProgram:
    """Minimise cost x + offset with row_low <= A x <= row_high, low <= x <= high.

    Attributes:
        cost: shape (n,).
        offset: of the cost.
        matrix: A, sparse by column, shape (m, n).
        row_low, row_high: shape (m,).
        low, high: shape (n,).
        variables, rows: of the Pyomo model, in order.
        integer: places of the columns that must be whole numbers, shape (k,).
        model: that it was compiled from; variables forget their names when nobody holds it.
    """

    cost: FloatArray
    offset: float
    matrix: Any
    row_low: FloatArray
    row_high: FloatArray
    low: FloatArray
    high: FloatArray
    variables: tuple[Any, ...]
    rows: tuple[Any, ...]
    integer: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    model: Any = None

    def fixed_at(self, x: FloatArray) -> "LinearProgram":
        """Return the program with its whole numbers fixed at the nearest of these values."""
        low, high = self.low.copy(), self.high.copy()
        low[self.integer] = high[self.integer] = np.round(x[self.integer])
        return replace(self, low=low, high=high, integer=self.integer[:0])

    def scales(self) -> tuple[FloatArray, FloatArray]:
        """Return by what the solver's rows and columns are multiplied and divided.

        Its tolerances are absolute, so columns are measured by their bounds and rows by their
        largest coefficient then. A program whose sizes are all near one is left as it is. Whole
        numbers are counted, not measured.
        """
        bounds = np.abs(np.stack([self.low, self.high]))
        size = np.max(np.where(np.isfinite(bounds), bounds, 0.0), axis=0)
        columns, rows = np.where(size > 0.0, size, 1.0), np.ones(len(self.row_low))
        columns[self.integer] = 1.0
        if _near_one(columns) and _near_one(self._row_sizes(np.ones(len(columns)))):
            return rows, np.ones(len(columns))
        return 1.0 / self._row_sizes(columns), columns

    def _row_sizes(self, columns: FloatArray) -> FloatArray:
        largest = np.zeros(len(self.row_low))
        np.maximum.at(largest, self.matrix.indices, np.abs(self.matrix.data) * self.spread(columns))
        return np.where(largest > 0.0, largest, 1.0)

    def spread(self, columns: FloatArray) -> FloatArray:
        """Return a value by column as one by entry of the matrix, shape (nonzeros,)."""
        return np.repeat(columns, np.diff(self.matrix.indptr))


def _near_one(sizes: FloatArray) -> bool:
    return bool(np.all((sizes >= NEAR_ONE[0]) & (sizes <= NEAR_ONE[1])))


def compile_linear(model: Any) -> LinearProgram:
    """Return the matrices of a linear Pyomo model; fixed variables become constants."""
    with collector_at_rest():
        form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=pyo.minimize)
    kinds = np.array([row.bound_type for row in form.rows])
    right = np.asarray(form.rhs, dtype=np.float64)
    low = [-np.inf if var.lb is None else var.lb for var in form.columns]
    high = [np.inf if var.ub is None else var.ub for var in form.columns]
    return LinearProgram(
        np.asarray(form.c.todense(), dtype=np.float64).ravel(),
        float(form.c_offset[0]),
        form.A.tocsc(),
        np.where(kinds == AT_MOST, -np.inf, right),
        np.where((kinds == AT_MOST) | (kinds == EQUAL), right, np.inf),
        np.array(low, dtype=np.float64),
        np.array(high, dtype=np.float64),
        tuple(form.columns),
        tuple(row.constraint for row in form.rows),
        np.flatnonzero([not var.is_continuous() for var in form.columns]),
        model,
    )


def solve_linear(program: LinearProgram) -> Solution:
    """Return the optimum of a linear program with its marginals.

    The residual of the optimality conditions is recomputed from the matrices; a solution that
    fails it is not called converged. Marginals hold for the whole numbers that were found.
    """
    if len(program.integer):
        solver, stop = _run(program)
        if stop is not SolverStop.CONVERGED:
            return _solution(program, solver, stop)
        _, columns = program.scales()
        program = program.fixed_at(np.array(solver.getSolution().col_value) * columns)
    return _solution(program, *_run(program))


def _run(program: LinearProgram) -> tuple[Any, SolverStop]:
    """Return the solver after its run, and why it stopped."""
    solver = load_solver(program)
    stop = SolverStop.FAILED
    for presolve in PRESOLVE:
        solver.setOptionValue("presolve", presolve)
        solver.run()
        stop = STOPS.get(solver.getModelStatus(), SolverStop.FAILED)
        if stop is not SolverStop.FAILED:
            break
        solver.clearSolver()
    return solver, stop


def _solution(program: LinearProgram, solver: Any, stop: SolverStop) -> Solution:
    """Return values and marginals from a solver that has run."""
    row_count, count = program.matrix.shape
    x, rows, bounds, residual = (*map(_unknown, (count, row_count, count)), np.inf)
    if stop is SolverStop.CONVERGED:
        found = solver.getSolution()
        scale, columns = program.scales()
        x = np.array(found.col_value, dtype=np.float64) * columns
        rows = -np.array(found.row_dual, dtype=np.float64) * scale
        bounds = -np.array(found.col_dual, dtype=np.float64) / columns
        residual = linear_residual(program, x, rows, bounds)
        if residual > ACCEPTED_RESIDUAL:
            stop = SolverStop.FAILED
    return Solution(
        stop,
        -float(program.cost @ x) - program.offset,
        program.variables,
        x,
        program.rows,
        rows,
        bounds,
        residual,
        int(solver.getInfo().simplex_iteration_count),
    )


def _unknown(count: int) -> FloatArray:
    return np.full(count, np.nan)


def load_solver(program: LinearProgram) -> Any:
    """Return a silent HiGHS object that holds the program, scaled."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("primal_feasibility_tolerance", FEASIBILITY_TOLERANCE)
    solver.setOptionValue("small_matrix_value", SMALLEST_COEFFICIENT)
    if len(program.cost) >= INTERIOR_FROM_COLUMNS and not len(program.integer):
        solver.setOptionValue("solver", "ipm")
    scale, columns = program.scales()
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = program.matrix.shape
    lp.col_cost_, lp.offset_ = program.cost * columns, program.offset
    lp.col_lower_, lp.col_upper_ = program.low / columns, program.high / columns
    lp.row_lower_, lp.row_upper_ = program.row_low * scale, program.row_high * scale
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    matrix = program.matrix
    lp.a_matrix_.start_ = matrix.indptr
    lp.a_matrix_.index_ = matrix.indices
    lp.a_matrix_.value_ = matrix.data * scale[matrix.indices] * program.spread(columns)
    if len(program.integer):
        kinds = np.full(len(program.cost), highspy.HighsVarType.kContinuous)
        kinds[program.integer] = highspy.HighsVarType.kInteger
        lp.integrality_ = list(kinds)
        solver.setOptionValue("mip_rel_gap", WHOLE_GAP)
    solver.passModel(lp)
    return solver


def linear_residual(
    program: LinearProgram, x: FloatArray, marginals: FloatArray, bound_marginals: FloatArray
) -> float:
    """Return the relative violation of the optimality conditions of a linear program.

    Args:
        program: that was solved.
        x: shape (n,).
        marginals: of the rows, d(profit)/d(right-hand side), shape (m,).
        bound_marginals: of the bounds, shape (n,).
    """
    activity = program.matrix @ x
    rows = Ranged(activity, program.row_low, program.row_high, 1.0 + np.abs(activity), marginals)
    bounds = Ranged(x, program.low, program.high, 1.0 + np.abs(x), bound_marginals)
    return optimality_residual(program.cost, program.matrix, rows, bounds)


STOPS = {
    highspy.HighsModelStatus.kOptimal: SolverStop.CONVERGED,
    highspy.HighsModelStatus.kInfeasible: SolverStop.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: SolverStop.UNBOUNDED,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: SolverStop.INFEASIBLE,
    highspy.HighsModelStatus.kIterationLimit: SolverStop.LIMIT,
    highspy.HighsModelStatus.kTimeLimit: SolverStop.LIMIT,
}
