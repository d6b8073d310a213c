"""Which scenario of a robust plan presses which limit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.mpc.problem import Problem, Warm
from operator_agent.mpc.variables import ControlVariables

PRICED = 1e-6  # multiplier above which a limit counts as active


@dataclass(frozen=True, slots=True)
class ScenarioPath:
    """One path of the tree of a robust plan.

    Attributes:
        values: of what is uncertain, along the stages in which it may still differ, by name [SI].
        probability: of the path.
        limits: CV limits that hold its plan, with what one unit of room is worth over the horizon,
            counted with the probability, dearest first [cost per SI unit].
    """

    values: Mapping[str, tuple[float, ...]]
    probability: float
    limits: tuple[tuple[str, float], ...]


def scenario_paths(problem: Problem, warm: Warm) -> tuple[ScenarioPath, ...]:
    """Return the paths of a plan; none where nothing is uncertain.

    Args:
        problem: that was solved.
        warm: that its outcome left.
    """
    tree = problem.scenarios
    if tree is None:
        return ()
    names = [one.name for one in tree.uncertainty.parameters]
    stages = tree.uncertainty.n_robust
    return tuple(
        ScenarioPath(
            values={
                name: tuple(tree.values[k, :stages, i].tolist()) for i, name in enumerate(names)
            },
            probability=float(tree.probabilities[k]),
            limits=_held(problem.variables, path, problem, float(tree.probabilities[k])),
        )
        for k, path in enumerate((warm, *warm.paths))
    )


def _held(
    variables: ControlVariables, path: Warm, problem: Problem, probability: float
) -> tuple[tuple[str, float], ...]:
    limits, scale = problem.transcription.limits, problem.transcription.model.y_scale
    if path.row_prices is None or not limits.n_rows:
        return ()
    prices = path.row_prices[: limits.n_rows]
    found: dict[str, float] = {}
    for r in np.flatnonzero(prices > PRICED):
        side = limits.sides[int(limits.side[r])]
        rank = "terminal" if side.terminal else "hard" if side.hard else "soft"
        edge = "high" if side.sign > 0.0 else "low"
        name = f"{variables.cv_names[side.cv]} {rank} {edge}"
        price = probability * float(prices[r]) / float(scale[side.cv])
        found[name] = found.get(name, 0.0) + price
    return tuple(sorted(found.items(), key=lambda one: -one[1]))
