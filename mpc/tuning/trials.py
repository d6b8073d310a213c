"""Trials: candidates on scenarios, each pair worked on alone by an engine; what fails is told."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from operator_agent.engine import Engine, TaskResult
from operator_agent.errors import SolveFailedError
from operator_agent.mpc.tuning.genes import Genes, check_names
from operator_agent.mpc.tuning.objectives import Interval, Objective, costs_of, worst_values

Evaluate = Callable[[Genes, int], Mapping[str, float]]
"""`(values, scenario seed) -> objectives by name`. It must follow from its arguments alone, go to
another process (a frozen dataclass with `__call__`, or a function at the top level of a module),
and raise when the candidate breaks the plant."""

Progress = Callable[[int, int, str], None]
"""`(done, total, what)`, once for each scenario."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a candidate on some scenarios.

    Attributes:
        genes: the candidate.
        values: by objective, one for each scenario; empty when one of them failed.
        failure: why the candidate counts as worst, with the scenario's seed; empty when it does
            not.
    """

    genes: Genes
    values: Mapping[str, tuple[float, ...]]
    failure: str = ""

    def means(self, objectives: Sequence[Objective]) -> dict[str, float]:
        """Return the means over scenarios; the worst values of all objectives after a failure."""
        if self.failure:
            return worst_values(objectives)
        return {o.name: float(np.mean(self.values[o.name])) for o in objectives}

    def costs(self, objectives: Sequence[Objective]) -> tuple[float, ...]:
        """Return the costs of the means, in the order of the objectives."""
        return costs_of(objectives, self.means(objectives))

    def intervals(self, objectives: Sequence[Objective]) -> dict[str, Interval]:
        """Return means with intervals; none after a failure."""
        if self.failure:
            return {}
        return {o.name: Interval.of(self.values[o.name]) for o in objectives}


@dataclass(frozen=True, slots=True)
class _Item:
    genes: Genes
    seed: int


def run_trials(
    evaluate: Evaluate,
    objectives: Sequence[Objective],
    candidates: Sequence[Genes],
    seeds: Sequence[int],
    engine: Engine,
    progress: Callable[[int, int], None],
) -> list[Trial]:
    """Return what came of candidates, in their order, the same on every engine.

    Args:
        evaluate: one candidate on one scenario.
        objectives: that it returns.
        candidates: values by name.
        seeds: of the scenarios; every candidate meets all of them.
        engine: that works on the pairs.
        progress: is told `(done, total)` after each pair.

    Raises:
        InputError: `evaluate` cannot go to another process.
    """
    items = [_Item(dict(genes), seed) for genes in candidates for seed in seeds]
    done = 0

    def count(_: TaskResult[dict[str, float]]) -> None:
        nonlocal done
        done += 1
        progress(done, len(items))

    names = tuple(objective.name for objective in objectives)
    results = engine.map(functools.partial(_run, evaluate, names), items, progress=count)
    size = len(seeds)
    parts = [results[k * size : (k + 1) * size] for k in range(len(candidates))]
    return [
        _trial(dict(genes), names, seeds, part)
        for genes, part in zip(candidates, parts, strict=True)
    ]


def _run(evaluate: Evaluate, names: tuple[str, ...], item: _Item) -> dict[str, float]:
    found = evaluate(item.genes, item.seed)
    check_names("objectives of a trial", found, names)
    odd = [name for name in names if not math.isfinite(found[name])]
    if odd:
        raise SolveFailedError(f"{odd[0]} is {found[odd[0]]}")
    return {name: float(found[name]) for name in names}


def _trial(
    genes: Genes,
    names: tuple[str, ...],
    seeds: Sequence[int],
    results: Sequence[TaskResult[dict[str, float]]],
) -> Trial:
    for seed, result in zip(seeds, results, strict=True):
        if not result.ok:
            failure = f"scenario {seed}: {result.error}"
            return Trial(MappingProxyType(dict(genes)), MappingProxyType({}), failure)
    values = {name: tuple(result.value[name] for result in results) for name in names}
    return Trial(MappingProxyType(dict(genes)), MappingProxyType(values))
