"""One SQP iteration: linearise along the plan, condense, solve the QP, go as far as it pays."""

import time
from dataclasses import dataclass, field
from math import isfinite

from operator_agent.mpc.engine.acceptance import Fault
from operator_agent.mpc.engine.correction import best_step
from operator_agent.mpc.engine.cost import Measured, ScaledProblem, measure, write_qp
from operator_agent.mpc.engine.dense_qp import QpSolution
from operator_agent.mpc.engine.lagrangian import add_lagrangian
from operator_agent.mpc.engine.stages import Response
from operator_agent.mpc.engine.step import StepTaken, full_step
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.engine.warm_start import Known
from operator_agent.mpc.problem import SolverStatus, Warm

GOOD_OPTIMALITY = 1e-6  # residual of a solved QP; acceptance allows a thousand times as much
TINY = 1e-12  # cost below which nothing is worth an iteration


@dataclass(slots=True)
class Trace:
    """What one solve collects on its way."""

    steps: list[float] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)
    qp_status: str = ""
    first_s: float = field(default_factory=time.perf_counter)
    last_s: float = field(default_factory=time.perf_counter)

    def lap(self, part: str) -> None:
        """Add the time since the last lap to a part."""
        now = time.perf_counter()
        self.timings_ms[part] = self.timings_ms.get(part, 0.0) + 1e3 * (now - self.last_s)
        self.last_s = now

    def spent_s(self) -> float:
        """Return the wall time since the start [s]."""
        return time.perf_counter() - self.first_s


@dataclass(slots=True)
class Iterate:
    """The end of one iteration.

    Attributes:
        taken: step and plan.
        response: of the plan where it began.
        solution: of the QP.
        optimality: its residual.
        size: largest change of an MV level in the QP's solution, scaled.
        slope: largest slope of the Lagrangian where it began, relative to the gradient's size.
        mismatch: cost of the prediction minus cost that the QP promised, by the larger of what
            was promised to be gained and what tracking and moves cost; NaN when not measured.
    """

    taken: StepTaken
    response: Response
    solution: QpSolution
    optimality: float
    size: float
    slope: float
    mismatch: float

    @property
    def paths(self) -> tuple["Iterate", ...]:
        """This one."""
        return (self,)

    @property
    def length(self) -> float:
        """Of the step, as a part of the QP's."""
        return self.taken.length

    @property
    def cost(self) -> float:
        """Of the plan after the step."""
        return self.taken.plan.cost

    @property
    def cost_before(self) -> float:
        """Of staying."""
        return self.taken.cost_before

    def warm(self, stalls: int, paths: tuple[Warm, ...] = ()) -> Warm:
        """Return what the next solve starts from.

        Args:
            stalls: solves in a row that kept the shifted plan.
            paths: the same of the other paths of a tree.
        """
        plan, solution = self.taken.plan, self.solution
        return Warm(
            plan.blocks,
            plan.states,
            self.response.condensed,
            stalls,
            plan.inner,
            solution.row_prices,
            solution.working_set,
            paths,
        )

    def known(self) -> Known:
        """Return what the next iteration starts from."""
        solution = self.solution
        return Known(
            self.taken.plan, self.response.condensed, solution.row_prices, solution.working_set
        )


def iterate(
    grid: Transcription, scaled: ScaledProblem, known: Known, quick: bool, trace: Trace
) -> Iterate | Fault:
    """Return the end of one iteration, or why there is none.

    Args:
        grid: stages and QP.
        scaled: the problem.
        known: plan, prices and responses so far.
        quick: use the known responses again, take the full step.
        trace: to be written.
    """
    inputs = grid.stage_inputs(known.plan.blocks)
    cached = known.condensed if quick else None
    response = grid.stages.respond(known.plan, inputs, scaled.d, cached)
    trace.lap("linearise")
    if response is None:
        return Fault(SolverStatus.NOT_FINITE, "the model or its derivative is not finite")
    matrices = write_qp(grid, scaled, response)
    add_lagrangian(grid, scaled, response, known.row_prices)
    trace.lap("write")
    solution = grid.qp.solve(known.working_set, matrices)
    optimality = grid.qp.kkt_residual(solution)
    if not optimality < GOOD_OPTIMALITY:  # a working set that misled: once more from nothing
        solution = grid.qp.solve()
        optimality = grid.qp.kkt_residual(solution)
    trace.lap("qp")
    trace.qp_status = solution.status
    if not solution.success or not isfinite(float(solution.x.dot(solution.x))):
        reason = f"the QP ended as '{solution.status}'; check weights and limits"
        return Fault(SolverStatus.QP_FAILED, reason)
    measured = measure(grid, scaled, response, solution.x)
    if quick:
        taken = full_step(grid, scaled, response, solution.x[: grid.n_moves])
    else:
        taken, found = best_step(grid, scaled, response, solution, measured.gain)
        if found is not solution:  # of a QP with corrected limits
            solution, optimality = found, grid.qp.kkt_residual(found)
            measured = measure(grid, scaled, response, found.x)
    trace.lap("step")
    if taken is None:
        return Fault(SolverStatus.NOT_FINITE, "the model's prediction along the plan diverged")
    trace.steps.append(taken.length)
    return _told(grid, taken, response, solution, optimality, measured)


def _told(
    grid: Transcription,
    taken: StepTaken,
    response: Response,
    solution: QpSolution,
    optimality: float,
    measured: Measured,
) -> Iterate:
    gain, slope, size = measured
    gap = taken.plan.cost - (taken.cost_before + gain)
    own = 0.0 if grid.formulation.stage_cost is not None else abs(taken.plan.cost)
    mismatch = abs(gap) / max(abs(gain), own, TINY)
    return Iterate(taken, response, solution, optimality, size, slope, mismatch)
