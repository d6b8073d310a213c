"""A strictly convex dense QP of fixed size.

    min 1/2 v'Hv + g'v   with   row_low <= A v <= row_high,   low <= v <= high

A compiled dual active-set method solves it, from the working set of the last solution where there
is one; without a compiler a primal-dual iteration does. Where neither is sure of its answer, DAQP
is asked, through CasADi and from nothing, and PIQP where DAQP gives up. DAQP says "success" on a
NaN Hessian, and gives numbers for an infeasible problem; nothing that leaves here counts before
`kkt_residual` has been looked at.
"""

from dataclasses import dataclass
from enum import Enum

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_qp import Same, active_set
from operator_agent.mpc.engine.compiled_residual import residual_kernel
from operator_agent.mpc.engine.linearise import BufferedFunction
from operator_agent.mpc.engine.primal_dual import is_convex, primal_dual

STATUS = {
    1: "optimal",
    2: "soft optimal",
    -1: "infeasible",
    -2: "cycling",
    -3: "unbounded",
    -4: "iteration limit",
    -5: "not convex",
    -6: "not finite",
}
EXACT = 1e-7  # residual of a point that needs no second opinion
LARGE = 40  # variables from which on an iteration in numpy is faster than DAQP from nothing
CONFIRMED = 1e-4  # residual below which the last resort counts; acceptance allows ten times it
PRICED = 1e-6  # of the largest price: interior points leave some price on every limit
SURE = (1, -5, -6)  # answers of the active-set method that need no second opinion


class QpMethod(Enum):
    """Who is asked first."""

    COMPILED = "the compiled active-set method; where it is missing, PRIMAL_DUAL"
    PRIMAL_DUAL = "the primal-dual iteration in numpy"
    DAQP = "DAQP alone"


@dataclass(frozen=True, slots=True)
class QpSolution:
    """A point with multipliers, as the solver gave it.

    Attributes:
        x: shape (n,).
        row_prices, bound_prices: multipliers of rows (m,) and bounds (n,): positive at an upper,
            negative at a lower limit.
        success: what the solver claims.
        status: in words.
        working_set: limits that hold the point, to start from: bounds, then rows; -1 at a low one,
            1 at a high one, else 0; shape (n + m,).
    """

    x: FloatArray
    row_prices: FloatArray
    bound_prices: FloatArray
    success: bool
    status: str
    working_set: FloatArray


class DenseQp:
    """The arrays of one QP shape, and its solvers. Fill the arrays, then call `solve`."""

    def __init__(self, n_variables: int, n_rows: int, method: QpMethod = QpMethod.COMPILED) -> None:
        """Make the solvers for n variables and m rows; all bounds start open."""
        shape = {
            "h": ca.Sparsity.dense(n_variables, n_variables),
            "a": ca.Sparsity.dense(n_rows, n_variables),
        }
        self._daqp = BufferedFunction(ca.conic("dense_qp", "daqp", shape, {"error_on_fail": False}))
        arrays = self._daqp.inputs[:7]
        self.arrays: tuple[FloatArray, ...] = tuple(arrays)
        h, self.gradient, a, self.row_low, self.row_high, self.low, self.high = arrays
        self.hessian: FloatArray = h.reshape(n_variables, n_variables)
        self.rows: FloatArray = a.reshape(n_variables, n_rows).T
        for array, value in ((self.row_low, -np.inf), (self.low, -np.inf)):
            array[:] = value
        for array, value in ((self.row_high, np.inf), (self.high, np.inf)):
            array[:] = value
        self._active_set = active_set(arrays) if method is QpMethod.COMPILED else None
        self._residual, self._matrices = residual_kernel(arrays), 0
        self._iterates = method is QpMethod.PRIMAL_DUAL or (
            method is QpMethod.COMPILED and self._active_set is None and n_variables >= LARGE
        )

    def solve(self, start: FloatArray | None = None, matrices: int = 0) -> QpSolution:
        """Return the answer for the arrays as they stand.

        Args:
            start: working set of an earlier solution, shape (n + m,): any values are valid, good
                ones save time. None, or one of another shape, starts from nothing.
            matrices: a number that stays while Hessian and rows stay, as `write_qp` returns it: the
                Hessian's factor of the last call then serves again. 0 where nobody knows.
        """
        same = matrices != 0 and matrices == self._matrices
        self._matrices = 0  # should the kernel be interrupted
        found = self._by_active_set(start, Same.MATRICES if same else Same.NOTHING)
        self._matrices = matrices
        return found or self._by_others(start)

    def solve_again(self, start: FloatArray) -> QpSolution:
        """Return the answer after the limits of rows, and nothing else, have changed.

        The factors and the working set of the last call serve again.

        Args:
            start: as in `solve`: should the last call have found nothing.
        """
        found = self._by_active_set(start, Same.ALL_BUT_ROW_LIMITS)
        return found or self._by_others(start)

    def _by_active_set(self, start: FloatArray | None, same: Same) -> QpSolution | None:
        """Return the answer of the compiled method where there is one and it is sure, or None."""
        if self._active_set is None:
            return None
        code, x, row_prices, bound_prices, working_set = self._active_set.solve(start, same)
        if code not in SURE:
            return None
        return QpSolution(x, row_prices, bound_prices, code == 1, STATUS[code], working_set)

    def _by_others(self, start: FloatArray | None) -> QpSolution:
        fault = self._fault()
        if fault:
            return self._nothing(fault)
        found = (self._iterated(start) if self._iterates else None) or self._solve_daqp()
        return found if found.success else self._by_interior_points() or found

    def _iterated(self, start: FloatArray | None) -> QpSolution | None:
        """Return what the primal-dual iteration finds and the residual confirms, or None."""
        if not is_convex(self.hessian):
            return self._nothing(STATUS[-5])
        low = np.concatenate([self.low, self.row_low])
        high = np.concatenate([self.high, self.row_high])
        point = primal_dual(self.hessian, self.gradient, self.rows, (low, high), start)
        if point is None:
            return None
        n = self.gradient.size
        found = QpSolution(point.x, point.prices[n:], point.prices[:n], True, STATUS[1], point.side)
        return found if self.kkt_residual(found) <= EXACT else None

    def _fault(self) -> str:
        """Return why the arrays are no QP, which DAQP does not see or raises at, or nothing."""
        for array in (self.hessian, self.gradient, self.rows):
            if not bool(np.all(np.isfinite(array))):
                return STATUS[-6]
        for low, high in ((self.low, self.high), (self.row_low, self.row_high)):
            if bool(np.any(np.isnan(low) | np.isnan(high))):
                return STATUS[-6]
            if bool(np.any((low > high) | (low == np.inf) | (high == -np.inf))):
                return STATUS[-1]
        return ""

    def _nothing(self, status: str) -> QpSolution:
        n, m = self.gradient.size, self.row_low.size
        x, prices = np.full(n, np.nan), np.full(n + m, np.nan)
        return QpSolution(x, prices[n:], prices[:n], False, status, np.zeros(n + m))

    def _solve_daqp(self) -> QpSolution:
        self._daqp.call()
        stats = self._daqp.stats()
        x, _, row_prices, bound_prices = (o.copy() for o in self._daqp.outputs)
        code = int(stats["return_status"])
        return QpSolution(
            x=x,
            row_prices=row_prices,
            bound_prices=bound_prices,
            success=bool(stats["success"]),
            status=STATUS.get(code, f"code {code}"),
            working_set=np.sign(np.concatenate([bound_prices, row_prices])),
        )

    def _by_interior_points(self) -> QpSolution | None:
        """Return what PIQP finds where active sets cycle, and the residual confirms, or None."""
        if not is_convex(self.hessian):  # PIQP calls a saddle a success
            return None
        held = np.isfinite(self.row_low) | np.isfinite(self.row_high)  # it grumbles at others
        n, m = self.gradient.size, int(held.sum())
        shape = {"h": ca.Sparsity.dense(n, n), "a": ca.Sparsity.dense(m, n)}
        solver = ca.conic("inside", "piqp", shape, {"error_on_fail": False})
        found = solver(
            h=self.hessian, g=self.gradient, a=self.rows[held], lba=self.row_low[held],
            uba=self.row_high[held], lbx=self.low, ubx=self.high,
        )  # fmt: skip
        x, held_prices, bound_prices = (found[k].full().ravel() for k in ("x", "lam_a", "lam_x"))
        row_prices = np.zeros(held.size)
        row_prices[held] = held_prices
        prices = np.concatenate([bound_prices, row_prices])
        sides = np.where(np.abs(prices) > PRICED * np.abs(prices).max(initial=0.0), prices, 0.0)
        point = QpSolution(x, row_prices, bound_prices, True, STATUS[1], np.sign(sides))
        return point if self.kkt_residual(point) <= CONFIRMED else None

    def kkt_residual(self, solution: QpSolution) -> float:
        """Return the largest violation of the optimality conditions; NaN where anything is NaN.

        Stationarity is measured relative to the gradient's size, feasibility in the QP's own
        (scaled) units, and a multiplier on a limit that is not active counts as its product with
        the distance, relative to the gradient's size.
        """
        if self._residual is not None:
            prices = solution.row_prices, solution.bound_prices
            return self._residual.measure(solution.x, *prices)
        return self.residual_by_numpy(solution)

    def residual_by_numpy(self, solution: QpSolution) -> float:
        """Return the same without a compiler, see `kkt_residual`."""
        x, size = solution.x, 1.0 + float(np.max(np.abs(self.gradient)))
        slope = self.hessian @ x + self.gradient
        slope += self.rows.T @ solution.row_prices + solution.bound_prices
        value = np.concatenate([x, self.rows @ x])
        low = np.concatenate([self.low, self.row_low])
        high = np.concatenate([self.high, self.row_high])
        price = np.concatenate([solution.bound_prices, solution.row_prices])
        above, below = value - high, low - value
        gap = np.minimum(np.abs(np.where(price > 0.0, above, below)), 1e3)
        found = (np.abs(slope) / size, above, below, np.abs(price) * gap / size)
        return float(np.max([np.max(part) for part in found]))
