"""Second-order correction: limits are bent, and a full step along them seems not to pay.

The QP is solved again with its limits moved by what the nonlinear prediction of its step differs
from the linear one; the same Jacobians serve. Without it steps along a curved limit shorten until
nothing moves (the Maratos effect). Source: Nocedal and Wright, "Numerical Optimization", 2nd ed.
(2006), section 15.6.
"""

from math import isfinite

from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.stages import Response
from operator_agent.mpc.engine.step import StepTaken, predicted
from operator_agent.mpc.engine.transcription import Transcription

MAX_CORRECTIONS = 3  # each is one QP and one prediction; a second one rarely adds much


def corrected(
    grid: Transcription,
    scaled: ScaledProblem,
    response: Response,
    taken: StepTaken,
    solution: QpSolution,
) -> tuple[StepTaken, QpSolution]:
    """Return a full step to corrected limits where that costs less than the step taken.

    Args:
        grid: whose QP has been solved.
        scaled: the problem.
        response: of the plan from which the step goes.
        taken: the shortened step.
        solution: of the QP.
    """
    limits, full, found = grid.limits, taken.full, solution
    n_rows = limits.n_rows
    if full is None or not n_rows:
        return taken, solution
    wanted = grid.qp.row_high[:n_rows].copy()
    of_blocks = response.condensed.outputs_of_blocks.reshape(-1, grid.n_moves)
    for _ in range(MAX_CORRECTIONS):
        assert full.outputs is not None
        straight = (of_blocks @ found.x[: grid.n_moves]).reshape(response.free.shape)
        bent = full.outputs - response.free - straight
        grid.qp.row_high[:n_rows] = wanted - limits.sign * bent[limits.stage, limits.cv]
        found = grid.qp.solve(found.working_set)
        if not found.success or not isfinite(float(found.x.dot(found.x))):
            break
        trial = predicted(grid, scaled, response, found.x[: grid.n_moves], False)
        if trial is None:
            break
        if trial.cost < min(taken.plan.cost, taken.cost_before):
            return StepTaken(1.0, trial, taken.cost_before), found
        full = trial
    grid.qp.row_high[:n_rows] = wanted
    return taken, solution
