"""A dense convex QP of fixed size, solved by DAQP through CasADi without conversions.

    min 1/2 v'Hv + g'v   with   row_low <= A v <= row_high,   low <= v <= high

DAQP says "success" on a NaN Hessian, and gives numbers for an infeasible problem; nothing that
leaves here counts before `kkt_residual` has been looked at.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import BufferedFunction

DAQP_STATUS = {
    1: "optimal",
    2: "soft optimal",
    -1: "infeasible",
    -2: "cycling",
    -3: "unbounded",
    -4: "iteration limit",
    -5: "not convex",
}


@dataclass(frozen=True, slots=True)
class QpSolution:
    """A point with multipliers, as the solver gave it.

    Attributes:
        x: shape (n,).
        row_prices, bound_prices: multipliers of rows (m,) and bounds (n,): positive at an upper,
            negative at a lower limit.
        success: what the solver claims.
        status: in words.
    """

    x: FloatArray
    row_prices: FloatArray
    bound_prices: FloatArray
    success: bool
    status: str


class DenseQp:
    """The arrays of one QP shape, and its solver. Fill the arrays, then call `solve`."""

    def __init__(self, n_variables: int, n_rows: int) -> None:
        """Make the solver for n variables and m rows; all bounds start open."""
        shape = {
            "h": ca.Sparsity.dense(n_variables, n_variables),
            "a": ca.Sparsity.dense(n_rows, n_variables),
        }
        self._solver = BufferedFunction(
            ca.conic("dense_qp", "daqp", shape, {"error_on_fail": False})
        )
        h, self.gradient, a, self.row_low, self.row_high, self.low, self.high = self._solver.inputs[
            :7
        ]
        self.hessian: FloatArray = h.reshape(n_variables, n_variables)
        self.rows: FloatArray = a.reshape(n_variables, n_rows).T
        for array, value in ((self.row_low, -np.inf), (self.low, -np.inf)):
            array[:] = value
        for array, value in ((self.row_high, np.inf), (self.high, np.inf)):
            array[:] = value

    def solve(self) -> QpSolution:
        """Return the solver's answer for the arrays as they stand."""
        self._solver.call()
        stats = self._solver.stats()
        x, _, row_prices, bound_prices = self._solver.outputs
        code = int(stats["return_status"])
        return QpSolution(
            x=x.copy(),
            row_prices=row_prices.copy(),
            bound_prices=bound_prices.copy(),
            success=bool(stats["success"]),
            status=DAQP_STATUS.get(code, f"code {code}"),
        )

    def kkt_residual(self, solution: QpSolution) -> float:
        """Return the largest violation of the optimality conditions; NaN where anything is NaN.

        Stationarity is measured relative to the gradient's size, feasibility in the QP's own
        (scaled) units, and a multiplier on a limit that is not active counts as its product with
        the distance, relative to the gradient's size.
        """
        x, rows_x = solution.x, self.rows @ solution.x
        size = 1.0 + float(np.max(np.abs(self.gradient)))
        slope = self.hessian @ x + self.gradient
        slope += self.rows.T @ solution.row_prices + solution.bound_prices
        worst = float(np.max(np.abs(slope))) / size
        for value, low, high, price in (
            (rows_x, self.row_low, self.row_high, solution.row_prices),
            (x, self.low, self.high, solution.bound_prices),
        ):
            if value.size == 0:
                continue
            outside = np.maximum(low - value, value - high)
            gap_high = np.where(price > 0.0, np.minimum(np.abs(high - value), 1e3), 0.0)
            gap_low = np.where(price < 0.0, np.minimum(np.abs(value - low), 1e3), 0.0)
            slack = np.abs(price) * np.maximum(gap_high, gap_low) / size
            worst = float(np.max([worst, np.max(outside), np.max(slack)]))
        return worst
