"""The last quadratic program of a cycle, counted from the set points that held before it.

The engine's QP is in changes s of the plan. Counted from the held set points, w = s + plan - held,
nothing but the causes themselves stands on its right side: a plant that rests at its references
with held set points has w = 0.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import SolveFailedError
from operator_agent.mpc.engine.cost import ScaledProblem, write_qp
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.lagrangian import add_lagrangian
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.problem import Problem, Warm


@dataclass(frozen=True, slots=True)
class LastProgram:
    """The program at the plan of a cycle, scaled.

        min 1/2 v'Hv + g'v,  low <= v <= high,  row_low <= A v <= row_high,  v = (w, slacks)

    Attributes:
        problem: that was solved.
        scaled: its numbers by the scales.
        held: levels of the held set points, one for each block, shape (n_moves,).
        planned: w of the plan that came out, shape (n_moves,).
        hessian, gradient, rows: shapes (n, n), (n,), (m, n).
        low, high, row_low, row_high: shapes (n,) and (m,).
        response: of the outputs to w, shape (N, n_y, n_moves).
        resting: outputs with bias when the set points stay, by this linearisation, shape (N, n_y).
        solution: of this program, with x = (w, slacks).
    """

    problem: Problem
    scaled: ScaledProblem
    held: FloatArray
    planned: FloatArray
    hessian: FloatArray
    gradient: FloatArray
    rows: FloatArray
    low: FloatArray
    high: FloatArray
    row_low: FloatArray
    row_high: FloatArray
    response: FloatArray
    resting: FloatArray
    solution: QpSolution

    @property
    def n_moves(self) -> int:
        """Number of w."""
        return self.held.size


def last_program(problem: Problem, warm: Warm) -> LastProgram:
    """Return the program of a cycle at the plan that came out of it, with its last Jacobians.

    Args:
        problem: that was solved.
        warm: that its outcome left.

    Raises:
        SolveFailedError: the program has no solution here.
    """
    grid, scaled = problem.transcription, ScaledProblem.of(problem)
    plan = Plan(warm.blocks, warm.states, inner=warm.inner)
    inputs = grid.stage_inputs(plan.blocks)
    response = grid.stages.respond(plan, inputs, scaled.d, warm.condensed)
    if response is None:
        raise SolveFailedError("the plan of this cycle cannot be linearised: nothing to explain")
    of_blocks = response.condensed.outputs_of_blocks
    free = response.free + scaled.bias
    write_qp(grid, scaled, response)
    add_lagrangian(grid, scaled, response, warm.row_prices)
    qp, n_moves = grid.qp, grid.n_moves
    solution = qp.solve(warm.working_set)
    if not solution.success:
        raise SolveFailedError(f"the last program ended as '{solution.status}': not explained")
    held = np.tile(scaled.u_held, plan.blocks.shape[0])
    planned = plan.blocks.ravel() - held
    away = np.zeros(qp.gradient.size)
    away[:n_moves] = planned
    shift = qp.rows @ away
    return LastProgram(
        problem=problem,
        scaled=scaled,
        held=held,
        planned=planned,
        hessian=qp.hessian.copy(),
        gradient=qp.gradient - qp.hessian @ away,
        rows=qp.rows.copy(),
        low=qp.low + away,
        high=qp.high + away,
        row_low=qp.row_low + shift,
        row_high=qp.row_high + shift,
        response=of_blocks.copy(),
        resting=free - of_blocks @ planned,
        solution=QpSolution(
            solution.x + away,
            solution.row_prices.copy(),
            solution.bound_prices.copy(),
            solution.success,
            solution.status,
            solution.working_set,
        ),
    )
