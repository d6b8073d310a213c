"""Linear and mixed-integer programs that remain when no product is left, by HiGHS."""

import time
from typing import Any

import highspy
import numpy as np

from operator_agent.planning.bilinear.local_solve import LocalPoint
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.outcome import SolverStop

TOLERANCE = 1e-9  # of rows, absolute: the program comes scaled
GAP = 1e-9  # relative, between the best whole-number plan and its bound
TIME_LIMIT_S = 60.0  # of a mixed-integer solve


def solve_linear_part(program: BilinearProgram) -> LocalPoint:
    """Return the optimum of a program without products; its whole numbers are whole.

    Args:
        program: without products, scaled.
    """
    began = time.perf_counter()
    solver = highspy.Highs()
    for name, value in _OPTIONS.items():
        solver.setOptionValue(name, value)
    solver.passModel(_lp(program))
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kUnboundedOrInfeasible:
        solver.setOptionValue("presolve", "off")
        solver.run()
        status = solver.getModelStatus()
    stop = _STOPS.get(status, SolverStop.FAILED)
    x = np.array(solver.getSolution().col_value, dtype=np.float64)
    if len(x) != len(program.columns) or not solver.getSolution().value_valid:
        x = np.full(len(program.columns), np.nan)
    x = np.clip(np.where(program.integer, np.round(x), x), program.low, program.high)
    return LocalPoint(stop, x, 0, time.perf_counter() - began)


def _lp(program: BilinearProgram) -> Any:
    matrix = program.linear.tocsc()
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_, lp.offset_ = program.cost, program.offset
    lp.col_lower_, lp.col_upper_ = program.low, program.high
    lp.row_lower_, lp.row_upper_ = program.row_low, program.row_high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = matrix.indptr
    lp.a_matrix_.index_ = matrix.indices
    lp.a_matrix_.value_ = matrix.data
    if np.any(program.integer):
        kinds = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger
        lp.integrality_ = [kinds[int(whole)] for whole in program.integer]
    return lp


_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "threads": 1,
    "primal_feasibility_tolerance": TOLERANCE,
    "mip_feasibility_tolerance": TOLERANCE,
    "mip_rel_gap": GAP,
    "time_limit": TIME_LIMIT_S,
}
_STOPS = {
    highspy.HighsModelStatus.kOptimal: SolverStop.CONVERGED,
    highspy.HighsModelStatus.kInfeasible: SolverStop.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: SolverStop.UNBOUNDED,
    highspy.HighsModelStatus.kIterationLimit: SolverStop.LIMIT,
    highspy.HighsModelStatus.kTimeLimit: SolverStop.LIMIT,
    highspy.HighsModelStatus.kModelEmpty: SolverStop.CONVERGED,
}
