"""A local optimum of a bilinear program by IPOPT, with derivatives that are matrix products.

The Jacobian of a bilinear program is affine in x and the Hessian of its Lagrangian is linear in
the multipliers, so both are one sparse matrix times a vector and no expression is ever built.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cyipopt
import numpy as np
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.outcome import SolverStop

BOUND_ROOM = 1e-10  # relative: by what IPOPT may pass bounds on its way
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class LocalPoint:
    """What IPOPT left.

    Attributes:
        stop: why it stopped.
        x: shape (n,).
        iterations: of the solver.
        seconds: that it took.
    """

    stop: SolverStop
    x: FloatArray
    iterations: int
    seconds: float


class Derivatives:
    """The functions that IPOPT calls; everything that does not depend on x is made once."""

    def __init__(self, program: BilinearProgram, stop: Stop | None = None) -> None:
        """Find the places of all derivatives."""
        self._program = program
        self._stop = stop
        self.iterations = 0
        self._jacobian_structure, self._base, self._slope = _jacobian_parts(program)
        self._hessian_structure, self._curvature = _hessian_parts(program)
        self._terms = _row_sums(program)
        self._cost = program.cost
        self._linear = program.linear

    def objective(self, x: FloatArray) -> float:
        """Return the cost."""
        return float(self._cost @ x)

    def gradient(self, x: FloatArray) -> FloatArray:
        """Return the gradient of the cost."""
        return self._cost

    def constraints(self, x: FloatArray) -> FloatArray:
        """Return the rows' values."""
        products = x[self._program.term_left] * x[self._program.term_right]
        return np.asarray(self._linear @ x + self._terms @ products)

    def jacobianstructure(self) -> Any:
        """Return the rows and columns of the Jacobian."""
        return self._jacobian_structure

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return the values of the Jacobian."""
        return np.asarray(self._base + self._slope @ x)

    def hessianstructure(self) -> Any:
        """Return the rows and columns of the lower triangle of the Hessian."""
        return self._hessian_structure

    def hessian(self, x: FloatArray, multipliers: FloatArray, factor: float) -> FloatArray:
        """Return the Hessian of the Lagrangian."""
        return np.asarray(self._curvature @ multipliers)

    def intermediate(self, *state: Any) -> bool:
        """Return whether to go on."""
        self.iterations += 1
        return self._stop is None or not self._stop()


def _row_sums(program: BilinearProgram) -> Any:
    count = len(program.term_coef)
    shape = (len(program.rows), count)
    return sparse.csr_matrix((program.term_coef, (program.term_row, np.arange(count))), shape)


def _jacobian_parts(program: BilinearProgram) -> tuple[Any, FloatArray, Any]:
    """Return structure, constant part, and the matrix that gives the rest from x."""
    count = len(program.columns)
    linear = program.linear.tocoo()
    row = np.concatenate([linear.row, program.term_row, program.term_row])
    column = np.concatenate([linear.col, program.term_left, program.term_right])
    keys, place = np.unique(row.astype(np.int64) * count + column, return_inverse=True)
    first = len(linear.data)
    base = np.bincount(place[:first], weights=linear.data, minlength=len(keys))
    entries = np.concatenate([program.term_coef, program.term_coef])
    partner = np.concatenate([program.term_right, program.term_left])
    slope = sparse.csr_matrix((entries, (place[first:], partner)), (len(keys), count))
    return (keys // count, keys % count), base.astype(np.float64), slope


def _hessian_parts(program: BilinearProgram) -> tuple[Any, Any]:
    """Return structure, and the matrix that gives the Hessian from the multipliers."""
    count = len(program.columns)
    upper = np.maximum(program.term_left, program.term_right)
    lower = np.minimum(program.term_left, program.term_right)
    keys, place = np.unique(upper * count + lower, return_inverse=True)
    entries = np.where(upper == lower, 2.0, 1.0) * program.term_coef
    shape = (len(keys), len(program.rows))
    return (keys // count, keys % count), sparse.csr_matrix(
        (entries, (place, program.term_row)), shape
    )


def solve_local(
    program: BilinearProgram, start: FloatArray, options: dict[str, Any], stop: Stop | None = None
) -> LocalPoint:
    """Return the point that IPOPT reaches from a start; whole numbers are not asked for.

    Args:
        program: scaled, so that columns and rows are near one.
        start: shape (n,).
        options: of IPOPT, beside those that are always set.
        stop: asked in every iteration; true ends the solve.
    """
    began = time.perf_counter()
    functions = Derivatives(program, stop)
    problem = cyipopt.Problem(
        n=len(program.columns),
        m=len(program.rows),
        problem_obj=functions,
        lb=program.low,
        ub=program.high,
        cl=program.row_low,
        cu=program.row_high,
    )
    for key, value in (_ALWAYS | options).items():
        problem.add_option(key, value)
    x, info = problem.solve(start)
    x = np.clip(x, program.low, program.high)
    return LocalPoint(
        stop=_STOPS.get(info["status"], SolverStop.FAILED),
        x=x,
        iterations=functions.iterations,
        seconds=time.perf_counter() - began,
    )


_ALWAYS: dict[str, Any] = {
    "print_level": 0,
    "sb": "yes",
    "jac_c_constant": "no",
    "bound_relax_factor": BOUND_ROOM,
    "linear_solver": "mumps",
    "nlp_scaling_method": "none",
}
_STOPS = {
    0: SolverStop.CONVERGED,
    1: SolverStop.CONVERGED,
    2: SolverStop.INFEASIBLE,
    4: SolverStop.UNBOUNDED,
    5: SolverStop.LIMIT,
    -1: SolverStop.LIMIT,
    -4: SolverStop.LIMIT,
    -5: SolverStop.LIMIT,
}
