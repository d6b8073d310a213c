"""The optimal vertex of a scaled program, and the cone of directions that stay feasible there.

Which rows and bounds are active is read from the simplex basis, where what holds the vertex holds
it exactly, and from distances for what is active by coincidence.
"""

from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import SolveFailedError
from operator_agent.planning.analysis.scaled import ScaledProgram, raw_solver
from operator_agent.planning.linear import INTERIOR_FROM_COLUMNS

ACTIVE = 1e-7  # scaled distance below which a row or bound is active: 100 times the tolerance

Cone = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True)
class Vertex:
    """An optimum with what is active at it.

    Attributes:
        x: shape (n,), scaled.
        column_cone: by which columns may change, low and high: zero or infinite, shape (n,).
        row_cone: likewise for rows, shape (m,).
    """

    x: FloatArray
    column_cone: Cone
    row_cone: Cone

    def opened(self, row: int) -> "Vertex":
        """Return the vertex with a row that holds no direction back."""
        low, high = (side.copy() for side in self.row_cone)
        low[row], high[row] = -np.inf, np.inf
        return replace(self, row_cone=(low, high))


def optimal_vertex(scaled: ScaledProgram) -> Vertex:
    """Return an optimal vertex of a program.

    Args:
        scaled: that has an optimum.

    Raises:
        SolveFailedError: the solver finds none in this scale.
    """
    solver = raw_solver(
        scaled.cost, scaled.matrix, (scaled.row_low, scaled.row_high), (scaled.low, scaled.high)
    )
    if len(scaled.cost) >= INTERIOR_FROM_COLUMNS:
        solver.setOptionValue("solver", "ipm")  # crossover leaves a basis
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise SolveFailedError(
            f"the optimum could not be looked at more closely ({solver.getModelStatus()}); look at "
            "the statistics of the matrix for numbers that lie far apart"
        )
    x = np.array(solver.getSolution().col_value, dtype=np.float64)
    basis = solver.getBasis()
    rows = _cone(scaled.matrix @ x, scaled.row_low, scaled.row_high, basis.row_status)
    return Vertex(x, _cone(x, scaled.low, scaled.high, basis.col_status), rows)


def _cone(value: FloatArray, low: FloatArray, high: FloatArray, states: Any) -> Cone:
    """Return zero on the sides that are active, infinity on the others."""
    at_low = np.array([state == highspy.HighsBasisStatus.kLower for state in states])
    at_high = np.array([state == highspy.HighsBasisStatus.kUpper for state in states])
    return (
        np.where(at_low | (value - low <= ACTIVE), 0.0, -np.inf),
        np.where(at_high | (high - value <= ACTIVE), 0.0, np.inf),
    )
