"""NSGA-II in the unit cube: parents by tournament, children by crossover and mutation, survivors.

Source: Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm:
NSGA-II", IEEE Trans. Evol. Comput. 6 (2002) 182. The operators are DEAP's: Fortin et al., "DEAP:
evolutionary algorithms made easy", J. Mach. Learn. Res. 13 (2012) 2171.

DEAP draws from the generator of the module `random`. Each generation seeds it anew and puts its
state back, so that a generation follows from the seed, its number and the population alone: that
is what lets an interrupted search go on, and give what it would have given.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from deap import base, tools
from deap.benchmarks.tools import hypervolume as _deap_hypervolume

from operator_agent.errors import InputError

Point = tuple[float, ...]

SBX_CROWDING = 10.0  # children near their parents (Deb and Agrawal, 1995, advise 2 to 20)
MUTATION_CROWDING = 20.0
RETRIES = 20  # random points drawn in place of one that is known already
GROUP = 4  # the tournament takes parents by fours


@dataclass(frozen=True, slots=True)
class Variation:
    """How children come from parents.

    Attributes:
        crossover: probability that a pair mixes.
        mutation: probability that a gene of a child changes.
    """

    crossover: float = 0.8
    mutation: float = 0.3

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        for name in ("crossover", "mutation"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name} is {getattr(self, name)}; it is a probability, 0 to 1")


class _Costs(base.Fitness):  # type: ignore[misc]  # DEAP has no types
    """Costs, all of them to be small."""

    def __init__(self, costs: Sequence[float]) -> None:
        self.weights = (-1.0,) * len(costs)
        super().__init__(costs)


class _Individual(list[float]):
    """A point with its costs, as DEAP's operators expect it."""

    def __init__(self, point: Sequence[float], costs: Sequence[float] = ()) -> None:
        super().__init__(point)
        self.fitness = _Costs(costs)


def first_points(start: Point, size: int, seed: int) -> list[Point]:
    """Return the first population: the start and random points."""
    rng = random.Random(_stream(seed, 0))
    drawn = [tuple(rng.random() for _ in start) for _ in range(size - 1)]
    return [start, *drawn]


def children_of(
    points: Sequence[Point],
    costs: Sequence[Sequence[float]],
    variation: Variation,
    seed: int,
    generation: int,
    known: Callable[[Point], bool],
) -> list[Point]:
    """Return as many children as there are parents.

    Args:
        points: the parents, a multiple of four.
        costs: of each.
        variation: how children come about.
        seed: of the search.
        generation: number of the children's generation, from 1.
        known: whether a point was tried already; a random one takes its place where there is one.
    """
    parents = _individuals(points, costs)
    tools.selNSGA2(parents, len(parents))  # leaves the crowding distance on each
    state = random.getstate()
    try:
        random.seed(_stream(seed, generation))
        chosen = [_Individual(p) for p in tools.selTournamentDCD(parents, len(parents))]
        for a, b in zip(chosen[::2], chosen[1::2], strict=True):
            if random.random() < variation.crossover:
                tools.cxSimulatedBinaryBounded(a, b, SBX_CROWDING, 0.0, 1.0)
        for child in chosen:
            tools.mutPolynomialBounded(child, MUTATION_CROWDING, 0.0, 1.0, variation.mutation)
        return _fresh([tuple(map(float, child)) for child in chosen], known)
    finally:
        random.setstate(state)


def _fresh(children: list[Point], known: Callable[[Point], bool]) -> list[Point]:
    found = []
    for child in children:
        for _ in range(RETRIES):
            if not known(child):
                break
            child = tuple(random.random() for _ in child)
        found.append(child)
    return found


def survivors(costs: Sequence[Sequence[float]], count: int) -> list[int]:
    """Return the places of the best: by rank of dominance, then by distance from each other."""
    individuals = [_Individual([float(k)], cost) for k, cost in enumerate(costs)]
    return [int(one[0]) for one in tools.selNSGA2(individuals, min(count, len(individuals)))]


def front_of(costs: Sequence[Sequence[float]]) -> list[int]:
    """Return the places of the costs that no other dominates; of equal ones the first."""
    first = {tuple(cost): k for k, cost in reversed(list(enumerate(costs)))}
    individuals = [_Individual([float(k)], cost) for cost, k in first.items()]
    front = tools.sortNondominated(individuals, len(individuals), first_front_only=True)[0]
    return sorted(int(one[0]) for one in front)


def hypervolume(costs: Sequence[Sequence[float]]) -> float:
    """Return the volume that costs dominate, up to 1 in each; 0 without costs.

    Source: Zitzler and Thiele, "Multiobjective evolutionary algorithms: a comparative case study
    and the strength Pareto approach", IEEE Trans. Evol. Comput. 3 (1999) 257.
    """
    if not costs:
        return 0.0
    front = [_Individual([], costs[k]) for k in front_of(costs)]
    return float(_deap_hypervolume(front, np.ones(len(costs[0]))))


def _individuals(points: Sequence[Point], costs: Sequence[Sequence[float]]) -> list[_Individual]:
    return [_Individual(p, c) for p, c in zip(points, costs, strict=True)]


def _stream(seed: int, generation: int) -> int:
    """Return the seed of one generation; neighbours have nothing in common."""
    high, low = np.random.SeedSequence([seed, generation]).generate_state(2)
    return (int(high) << 32) | int(low)
