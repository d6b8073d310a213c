"""Nonlinear programs: a Pyomo model through an .nl file into CasADi, solved by IPOPT.

Pyomo's own interface to IPOPT needs a library that pip does not have. CasADi reads the .nl file;
expanded to scalar expressions its derivatives are exact and fast. Columns and rows are scaled by
what they measure at the start point.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
import pyomo.environ as pyo
from pyomo.repn.plugins.nl_writer import NLWriter

from operator_agent.arrays import FloatArray
from operator_agent.planning.certificate import Ranged, optimality_residual
from operator_agent.planning.outcome import Solution, SolverStop

MAX_ITERATIONS = 500
TOLERANCE = 1e-9  # on the scaled problem: a tenth of IPOPT's default, for rows of small products
BOUND_ROOM = 1e-10  # relative: by what IPOPT may pass bounds; its default 1e-8 shows in small rows
ACCEPTED_RESIDUAL = 1e-5  # relative: below it a point counts as a local optimum
SMALLEST_SHARE = 1e-2  # of its bounds' span: the least scale of a column
WIDEST_SCALE = 1e6  # of rows: beyond it scaling costs more digits than it saves


@dataclass(frozen=True)
class NonlinearProgram:
    """Minimise cost(x) with row_low <= g(x) <= row_high, low <= x <= high.

    Attributes:
        x, cost, rows_of: CasADi expressions.
        start: values that the Pyomo model held, shape (n,).
        low, high: shape (n,).
        row_low, row_high: shape (m,).
        variables, rows: of the Pyomo model, in order.
    """

    x: Any
    cost: Any
    rows_of: Any
    start: FloatArray
    low: FloatArray
    high: FloatArray
    row_low: FloatArray
    row_high: FloatArray
    variables: tuple[Any, ...]
    rows: tuple[Any, ...]

    @cached_property
    def derivatives(self) -> Any:
        """Function x -> (cost gradient, rows, Jacobian of the rows)."""
        gradient = ca.gradient(self.cost, self.x)
        return ca.Function(
            "derivatives", [self.x], [gradient, self.rows_of, ca.jacobian(self.rows_of, self.x)]
        )


def import_nonlinear(model: Any) -> NonlinearProgram:
    """Return a Pyomo model as CasADi expressions; the cost is minus the profit.

    Presolve of the writer stays off: it divides by remainders of nearly equal rows and then calls
    a feasible model infeasible.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.nl"
        with file.open("w", encoding="ascii") as stream:
            info = NLWriter().write(
                model, stream, symbolic_solver_labels=False, linear_presolve=False
            )
        builder = ca.NlpBuilder()
        builder.import_nl(str(file))
    x = ca.SX.sym("x", len(builder.x))
    expand = ca.Function("rows", [ca.vertcat(*builder.x)], [builder.f, ca.vertcat(*builder.g)])
    cost, rows = expand.expand()(x)
    return NonlinearProgram(
        x=x,
        cost=cost,
        rows_of=rows,
        start=_numbers(builder.x_init),
        low=_numbers(builder.x_lb),
        high=_numbers(builder.x_ub),
        row_low=_numbers(builder.g_lb),
        row_high=_numbers(builder.g_ub),
        variables=tuple(info.variables),
        rows=tuple(info.constraints),
    )


def _numbers(values: Any) -> FloatArray:
    return np.array(values, dtype=np.float64)


def solve_nonlinear(program: NonlinearProgram, start: FloatArray | None = None) -> Solution:
    """Return the local optimum that IPOPT reaches from a start.

    Args:
        program: to solve.
        start: shape (n,); the values that the Pyomo model held when not given.

    Returns:
        Values and marginals in the units of the model. The residual of the optimality conditions
        is recomputed on the unscaled program; a point that fails it is not called converged.
    """
    begin = program.start if start is None else start
    columns, rows = _column_scale(program, begin), _row_scale(program, begin)
    solver = _scaled_solver(program, columns, rows)
    found = solver(
        x0=begin / columns,
        lbx=program.low / columns,
        ubx=program.high / columns,
        lbg=program.row_low * rows,
        ubg=program.row_high * rows,
    )
    stats = solver.stats()
    # Scaling back may leave a bound by the last digit; whatever it moves, the residual sees.
    x = np.clip(np.asarray(found["x"]).ravel() * columns, program.low, program.high)
    row_duals = np.asarray(found["lam_g"], dtype=np.float64).ravel() * rows
    bound_duals = np.asarray(found["lam_x"], dtype=np.float64).ravel() / columns
    residual = nonlinear_residual(program, x, row_duals, bound_duals)
    stop = _STOPS.get(stats["return_status"], SolverStop.FAILED)
    if stop is SolverStop.CONVERGED and residual > ACCEPTED_RESIDUAL:
        stop = SolverStop.FAILED
    return Solution(
        stop,
        -float(found["f"]),
        program.variables,
        x,
        program.rows,
        row_duals,
        bound_duals,
        residual,
        int(stats["iter_count"]),
    )


def _scaled_solver(program: NonlinearProgram, columns: FloatArray, rows: FloatArray) -> Any:
    z = ca.SX.sym("z", len(columns))
    evaluate = ca.Function("evaluate", [program.x], [program.cost, program.rows_of])
    cost, values = evaluate(z * ca.DM(columns))
    options: dict[str, Any] = {
        "print_time": False,
        "ipopt.print_level": 0,
        "ipopt.sb": "yes",
        "ipopt.tol": TOLERANCE,
        "ipopt.max_iter": MAX_ITERATIONS,
        "ipopt.mu_strategy": "adaptive",
        "ipopt.honor_original_bounds": "yes",
        "ipopt.bound_relax_factor": BOUND_ROOM,
    }
    return ca.nlpsol("plan", "ipopt", {"x": z, "f": cost, "g": values * ca.DM(rows)}, options)


def _column_scale(program: NonlinearProgram, start: FloatArray) -> FloatArray:
    span = program.high - program.low
    least = np.where(np.isfinite(span), SMALLEST_SHARE * span, 1.0)
    narrow = np.isfinite(span) & (np.abs(start) > span)  # such as temperatures: the span counts
    return np.asarray(np.maximum(np.where(narrow, span, np.abs(start)), np.maximum(least, 1e-6)))


def _row_scale(program: NonlinearProgram, start: FloatArray) -> FloatArray:
    _, _, jacobian = program.derivatives(start)
    scaled = abs(jacobian.sparse()).multiply(_column_scale(program, start)[np.newaxis, :]).tocsr()
    largest = np.zeros(scaled.shape[0])
    np.maximum.at(largest, np.repeat(np.arange(len(largest)), np.diff(scaled.indptr)), scaled.data)
    return np.asarray(1.0 / np.clip(largest, 1.0 / WIDEST_SCALE, WIDEST_SCALE))


def nonlinear_residual(
    program: NonlinearProgram, x: FloatArray, marginals: FloatArray, bound_marginals: FloatArray
) -> float:
    """Return the relative violation of the optimality conditions of a nonlinear program.

    Args:
        program: that was solved.
        x: shape (n,).
        marginals: of the rows, d(profit)/d(right-hand side), shape (m,).
        bound_marginals: of the bounds, shape (n,).
    """
    found = program.derivatives(x)
    gradient, activity = (np.asarray(part).ravel() for part in found[:2])
    jacobian = found[2].sparse()
    size = 1.0 + abs(jacobian) @ np.abs(x)
    rows = Ranged(activity, program.row_low, program.row_high, size, marginals)
    bounds = Ranged(x, program.low, program.high, 1.0 + np.abs(x), bound_marginals)
    return optimality_residual(gradient, jacobian, rows, bounds)


def solve_from(program: NonlinearProgram, starts: Sequence[FloatArray]) -> Solution:
    """Return the best local optimum over several starts; the first outcome when none converged."""
    outcomes = [solve_nonlinear(program, start) for start in starts]
    converged = [found for found in outcomes if found.stop is SolverStop.CONVERGED]
    return max(converged, key=lambda found: found.profit) if converged else outcomes[0]


def model_values(program: NonlinearProgram) -> FloatArray:
    """Return the present values of the model's variables, shape (n,)."""
    return np.array([pyo.value(variable) for variable in program.variables], dtype=np.float64)


_STOPS = {
    "Solve_Succeeded": SolverStop.CONVERGED,
    "Solved_To_Acceptable_Level": SolverStop.CONVERGED,
    "Infeasible_Problem_Detected": SolverStop.INFEASIBLE,
    "Maximum_Iterations_Exceeded": SolverStop.LIMIT,
    "Maximum_CpuTime_Exceeded": SolverStop.LIMIT,
    "Diverging_Iterates": SolverStop.UNBOUNDED,
}
