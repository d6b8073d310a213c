"""One SQP iteration on a tree of scenarios: as on one path, with one QP and one step length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import Fault
from operator_agent.mpc.engine.correction import MAX_CORRECTIONS
from operator_agent.mpc.engine.cost import ScaledProblem, measure, write_qp
from operator_agent.mpc.engine.iteration import GOOD_OPTIMALITY, TINY, Iterate, Trace
from operator_agent.mpc.engine.lagrangian import add_lagrangian
from operator_agent.mpc.engine.stages import Plan, Response
from operator_agent.mpc.engine.step import (
    COST_TOLERANCE,
    STEP_LENGTHS,
    StepTaken,
    full_step,
    predicted,
    staying,
)
from operator_agent.mpc.engine.warm_start import Known
from operator_agent.mpc.problem import SolverStatus
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.robust.tree_qp import TreeSolution

DIVERGED = "the model's prediction along the plan of a scenario diverged"


@dataclass(slots=True)
class TreeKnown:
    """What an iteration knows from the one before, path by path."""

    paths: tuple[Known, ...]

    @property
    def old_responses(self) -> bool:
        """Whether every path has responses that can be used again."""
        return all(path.condensed is not None for path in self.paths)


@dataclass(slots=True)
class TreeIterate:
    """The end of one iteration; see `Iterate` for what the numbers mean.

    Attributes:
        paths: each by itself; their first moves are equal.
    """

    paths: tuple[Iterate, ...]
    length: float
    cost: float
    cost_before: float
    size: float
    slope: float
    mismatch: float

    def known(self) -> TreeKnown:
        """Return what the next iteration starts from."""
        return TreeKnown(tuple(path.known() for path in self.paths))


def iterate_tree(
    tree: ScenarioTree,
    scaled: Sequence[ScaledProblem],
    known: TreeKnown,
    quick: bool,
    trace: Trace,
) -> TreeIterate | Fault:
    """Return the end of one iteration, or why there is none.

    Args:
        tree: stages and QPs of the paths.
        scaled: problems of the paths.
        known: plans, prices and responses so far.
        quick: use the known responses again, take the full step.
        trace: to be written.
    """
    responses: list[Response] = []
    for grid, own, path in zip(tree.grids, scaled, known.paths, strict=True):
        inputs = grid.stage_inputs(path.plan.blocks)
        response = grid.stages.respond(path.plan, inputs, own.d, path.condensed if quick else None)
        if response is None:
            return Fault(
                SolverStatus.NOT_FINITE, "a scenario's model or its derivative is not finite"
            )
        write_qp(grid, own, response)
        add_lagrangian(grid, own, response, path.row_prices)
        responses.append(response)
    trace.lap("linearise")
    solution = tree.qp.solve([path.working_set for path in known.paths])
    if not solution.residual < GOOD_OPTIMALITY:  # working sets that misled: once more from nothing
        solution = tree.qp.solve([None] * len(tree.grids))
    trace.lap("qp")
    trace.qp_status = solution.status
    if not solution.success:
        reason = f"the QP of a scenario ended as '{solution.status}'; check weights and limits"
        return Fault(SolverStatus.QP_FAILED, reason)
    n_moves = tree.grids[0].n_moves
    changes = [path.x[:n_moves] for path in solution.paths]
    taken = (_full if quick else _best)(tree, scaled, responses, changes)
    if taken is not None and taken[0].length < 1.0 and not quick:
        taken, solution = _corrected(tree, scaled, responses, taken, solution)
    trace.lap("step")
    if taken is None:
        return Fault(SolverStatus.NOT_FINITE, DIVERGED)
    trace.steps.append(taken[0].length)
    return _measured(tree, scaled, taken, responses, solution)


def _full(
    tree: ScenarioTree,
    scaled: Sequence[ScaledProblem],
    responses: Sequence[Response],
    changes: Sequence[FloatArray],
) -> list[StepTaken] | None:
    """Return the full step of every path without a test, or None."""
    steps = []
    for parts in zip(tree.grids, scaled, responses, changes, strict=True):
        found = full_step(*parts)
        if found is None:
            return None
        steps.append(found)
    return steps


def _best(
    tree: ScenarioTree,
    scaled: Sequence[ScaledProblem],
    responses: Sequence[Response],
    changes: Sequence[FloatArray],
) -> list[StepTaken] | None:
    """Return the first step length that lowers the expected cost, or zero; None without any."""
    stays = [staying(*parts) for parts in zip(tree.grids, scaled, responses, strict=True)]
    costs = [cost for cost, _ in stays]
    before = tree.expected(costs)
    full: list[Plan] | list[None] = [None] * len(stays)
    for length in STEP_LENGTHS:
        plans = _predicted(tree, scaled, responses, [length * change for change in changes])
        if plans is None:
            continue
        if _expected_cost(tree, plans) <= before + COST_TOLERANCE * (1.0 + abs(before)):
            return [StepTaken(length, *step) for step in zip(plans, costs, full, strict=True)]
        full = plans if length == 1.0 else full
    known = [plan for _, plan in stays if plan is not None]
    if len(known) < len(stays):
        still = _predicted(tree, scaled, responses, [0.0 * change for change in changes])
        if still is None:
            return None
        known = still
    return [StepTaken(0.0, *step) for step in zip(known, costs, full, strict=True)]


def _expected_cost(tree: ScenarioTree, plans: Sequence[Plan]) -> float:
    return tree.expected([plan.cost for plan in plans])


def _predicted(
    tree: ScenarioTree,
    scaled: Sequence[ScaledProblem],
    responses: Sequence[Response],
    changes: Sequence[FloatArray],
) -> list[Plan] | None:
    """Return the plans after a change of the blocks of every path, or None."""
    plans = []
    for grid, own, response, change in zip(tree.grids, scaled, responses, changes, strict=True):
        plan = predicted(grid, own, response, change, False)
        if plan is None:
            return None
        plans.append(plan)
    return plans


def _corrected(
    tree: ScenarioTree,
    scaled: Sequence[ScaledProblem],
    responses: Sequence[Response],
    taken: list[StepTaken],
    solution: TreeSolution,
) -> tuple[list[StepTaken], TreeSolution]:
    """Return a full step to limits corrected for their bend where that costs less.

    As on one path, see `mpc.engine.correction`; the limits of all paths move at once.
    """
    full = [step.full for step in taken if step.full is not None]
    limits, n_moves = tree.grids[0].limits, tree.grids[0].n_moves
    n_rows = limits.n_rows
    if len(full) < len(taken) or not n_rows:
        return taken, solution
    wanted = [grid.qp.row_high[:n_rows].copy() for grid in tree.grids]
    costs = [step.cost_before for step in taken]
    best = min(tree.expected(costs), tree.expected([step.plan.cost for step in taken]))
    found = solution
    for _ in range(MAX_CORRECTIONS):
        for grid, plan, response, path, high in zip(
            tree.grids, full, responses, found.paths, wanted, strict=True
        ):
            assert plan.outputs is not None
            bent = plan.outputs - response.free
            bent -= response.condensed.outputs_of_blocks @ path.x[:n_moves]
            grid.qp.row_high[:n_rows] = high - limits.sign * bent[limits.stage, limits.cv]
        found = tree.qp.solve_again([path.working_set for path in found.paths])
        if not found.success:
            break
        trial = _predicted(tree, scaled, responses, [path.x[:n_moves] for path in found.paths])
        if trial is None:
            break
        if _expected_cost(tree, trial) < best:
            return [StepTaken(1.0, *step) for step in zip(trial, costs, strict=True)], found
        full = trial
    for grid, high in zip(tree.grids, wanted, strict=True):
        grid.qp.row_high[:n_rows] = high
    return taken, solution


def _measured(
    tree: ScenarioTree,
    scaled: Sequence[ScaledProblem],
    taken: Sequence[StepTaken],
    responses: Sequence[Response],
    solution: TreeSolution,
) -> TreeIterate:
    paths: list[Iterate] = []
    gain, steepest = 0.0, 0.0
    for parts in zip(tree.grids, scaled, taken, responses, solution.paths, strict=True):
        grid, own, step, response, found = parts
        promise, slope, size = measure(grid, own, response, found.x)
        gain += promise * tree.probabilities[len(paths)]
        steepest = max(steepest, slope)
        paths.append(Iterate(step, response, found, solution.residual, size, slope, np.nan))
    cost = _expected_cost(tree, [step.plan for step in taken])
    before = tree.expected([step.cost_before for step in taken])
    own_cost = 0.0 if tree.grids[0].formulation.stage_cost is not None else abs(cost)
    return TreeIterate(
        paths=tuple(paths),
        length=taken[0].length,
        cost=cost,
        cost_before=before,
        size=max(path.size for path in paths),
        slope=steepest,
        mismatch=abs(cost - before - gain) / max(abs(gain), own_cost, TINY),
    )
