"""The paths of a tree as one solve iterates on them."""

from dataclasses import replace

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.acceptance import Fault
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.iteration import Trace
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.warm_start import Known, cold_start, warm_start
from operator_agent.mpc.problem import Problem, Warm
from operator_agent.mpc.robust.iteration import TreeIterate, TreeKnown, iterate_tree
from operator_agent.mpc.robust.tree import ScenarioTree


class TreeCourse:
    """A problem along every path of a tree: other disturbances, everything else alike."""

    def __init__(self, problem: Problem, tree: ScenarioTree) -> None:
        """Write the problem down for each path and scale it."""
        self._tree = tree
        paths = zip(
            tree.grids, tree.disturbances(problem.d), tree.slack_factors.tolist(), strict=True
        )
        self.problems: tuple[Problem, ...] = tuple(
            replace(
                problem,
                transcription=grid,
                d=d,
                weights=with_slack_price(problem.weights, factor),
                scenarios=None,
            )
            for grid, d, factor in paths
        )
        self.scaled = tuple(ScaledProblem.of(path) for path in self.problems)

    @property
    def reach(self) -> float:
        """How far one MV may go in one iteration [spans]."""
        return self.scaled[0].reach

    @reach.setter
    def reach(self, value: float) -> None:
        for path in self.scaled:
            path.reach = value

    def start(self, warm: Warm | None) -> TreeKnown | None:
        """Return the last plans moved on, or the held set points; None where a path diverges.

        Plans of paths that have not parted yet are replaced by their mean: a move that was a
        path's own in the last cycle may be common now.
        """
        if warm is None or len(warm.paths) != len(self.problems) - 1:
            return self._cold()
        parts = zip(self.problems, self.scaled, (warm, *warm.paths), strict=True)
        known = [warm_start(*part) for part in parts]
        blocks = self._tree.merged([path.plan.blocks for path in known])
        for path, own, merged in zip(known, self.scaled, blocks, strict=True):
            path.plan = replace(path.plan, blocks=own.fit(merged))
        return TreeKnown(tuple(known))

    def _cold(self) -> TreeKnown | None:
        known: list[Known] = []
        for problem, own in zip(self.problems, self.scaled, strict=True):
            found = cold_start(problem, own)
            if found is None:
                return None
            known.append(found)
        return TreeKnown(tuple(known))

    def has_responses(self, known: TreeKnown) -> bool:
        """Return whether there are responses that can be used again."""
        return known.old_responses

    def iterate(self, known: TreeKnown, quick: bool, trace: Trace) -> TreeIterate | Fault:
        """Return the end of one iteration, or why there is none; see `iterate_tree`."""
        return iterate_tree(self._tree, self.scaled, known, quick, trace)


def with_slack_price(weights: StageWeights, factor: float) -> StageWeights:
    """Return weights whose limits cost so many times as much."""

    def times(price: FloatArray | None) -> FloatArray | None:
        return None if price is None else factor * price

    if factor == 1.0:
        return weights
    return replace(
        weights,
        soft_penalty=factor * weights.soft_penalty,
        hard_penalty=factor * weights.hard_penalty,
        soft_linear=times(weights.soft_linear),
        soft_quadratic=times(weights.soft_quadratic),
        hard_linear=times(weights.hard_linear),
        hard_quadratic=times(weights.hard_quadratic),
    )
