"""A small genetic algorithm over a controller's weights.

Genes are the logarithms of weights between bounds. Every candidate runs the same training
scenarios; the best of the last population is chosen on other scenarios, so that a tuning which
only fits the training cannot win. Crossover, mutation and selection are DEAP's: Fortin et al.,
"DEAP: evolutionary algorithms made easy", J. Mach. Learn. Res. 13 (2012) 2171.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from deap import tools

from operator_agent.errors import InputError

Genes = Mapping[str, float]
Evaluate = Callable[[Genes, Sequence[int]], float]
Map = Callable[[Callable[["_Job"], float], Iterable["_Job"]], Iterable[float]]
Progress = Callable[["Generation"], None]

SBX_CROWDING = 10.0  # children near their parents (Deb and Agrawal, 1995, advise 2 to 20)
MUTATION_CROWDING = 20.0


@dataclass(frozen=True, slots=True)
class GeneBounds:
    """Lowest and highest value of each weight, both positive; searched in the logarithm."""

    low: Genes
    high: Genes

    def __post_init__(self) -> None:
        """Refuse names that differ and ranges that are empty or not positive."""
        if set(self.low) != set(self.high):
            raise InputError("the bounds name different weights")
        for name, low in self.low.items():
            if not 0.0 < low < self.high[name]:
                raise InputError(f"bounds of {name} run from {low} to {self.high[name]}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the genes in order."""
        return tuple(sorted(self.low))

    def decode(self, point: Sequence[float]) -> dict[str, float]:
        """Return the weights at a point of the unit cube."""
        return {
            name: float(self.low[name] * (self.high[name] / self.low[name]) ** share)
            for name, share in zip(self.names, point, strict=True)
        }

    def encode(self, genes: Genes) -> list[float]:
        """Return the point of the unit cube for weights; outside values go to the edge."""
        shares = []
        for name in self.names:
            low, high = self.low[name], self.high[name]
            shares.append(float(np.clip(np.log(genes[name] / low) / np.log(high / low), 0.0, 1.0)))
        return shares


@dataclass(frozen=True, slots=True)
class GaSettings:
    """Size and seeds of a search.

    Attributes:
        population: candidates per generation, even.
        generations: number of generations.
        seed: of the random generator.
        training, validation: scenario seeds; no seed may stand in both.
        crossover, mutation: probabilities per pair and per gene.
        finalists: candidates that are compared on the validation scenarios.
    """

    population: int
    generations: int
    seed: int
    training: tuple[int, ...]
    validation: tuple[int, ...]
    crossover: float = 0.8
    mutation: float = 0.3
    finalists: int = 3

    def __post_init__(self) -> None:
        """Refuse scenarios that are used twice, and empty searches."""
        shared = sorted(set(self.training) & set(self.validation))
        if shared or not self.training or not self.validation:
            raise InputError(f"training and validation scenarios must differ; both have {shared}")
        if self.population < 2 or self.population % 2 or self.generations < 1:
            raise InputError("the population must be even and at least 2, generations at least 1")


@dataclass(frozen=True, slots=True)
class Generation:
    """Score of one generation on the training scenarios; higher is better."""

    number: int
    best: float
    mean: float
    genes: Genes


@dataclass(frozen=True, slots=True)
class Tuned:
    """Result of a search.

    Attributes:
        genes: the chosen weights.
        training_score, validation_score: of them.
        start_validation_score: of the weights from which the search started.
        history: of the generations.
    """

    genes: Genes
    training_score: float
    validation_score: float
    start_validation_score: float
    history: tuple[Generation, ...]

    @property
    def improved(self) -> bool:
        """Whether the chosen weights beat the start on scenarios that were not trained on."""
        return self.validation_score > self.start_validation_score


@dataclass(frozen=True, slots=True)
class _Job:
    evaluate: Evaluate
    genes: Genes
    scenarios: tuple[int, ...]


def _run(job: _Job) -> float:
    score = job.evaluate(job.genes, job.scenarios)
    return float(score) if np.isfinite(score) else -np.inf


class _Candidate(list[float]):
    """Point of the unit cube with its score, as DEAP's operators expect it."""

    def __init__(self, point: Iterable[float]) -> None:
        super().__init__(point)
        self.score = -np.inf


def tune(
    evaluate: Evaluate,
    start: Genes,
    bounds: GeneBounds,
    settings: GaSettings,
    *,
    map_jobs: Map = map,
    progress: Progress | None = None,
) -> Tuned:
    """Return the weights that score best on scenarios that were not trained on.

    Args:
        evaluate: `(weights, scenario seeds) -> score`, higher is better; picklable when
            `map_jobs` uses processes.
        start: weights of the first candidate; it takes part in the final comparison.
        bounds: of the weights.
        settings: size and seeds.
        map_jobs: `map`, or that of a process pool.
        progress: called after each generation.

    Raises:
        InputError: a weight of `start` has no bounds.
    """
    missing = [name for name in bounds.names if name not in start]
    if missing:
        raise InputError(f"the start has no value of {', '.join(missing)}")
    rng = random.Random(settings.seed)
    state = random.getstate()
    try:
        random.seed(settings.seed)  # DEAP's operators draw from the module's generator
        best, history = _search(evaluate, start, bounds, settings, map_jobs, progress, rng)
    finally:
        random.setstate(state)
    first = bounds.decode(bounds.encode(start))
    finalists = [first, *(bounds.decode(point) for point in best)]
    scores = list(map_jobs(_run, [_Job(evaluate, g, settings.validation) for g in finalists]))
    chosen = int(np.argmax(scores))
    training = [_run(_Job(evaluate, first, settings.training)), *(point.score for point in best)]
    return Tuned(
        genes=MappingProxyType(finalists[chosen]),
        training_score=training[chosen],
        validation_score=scores[chosen],
        start_validation_score=scores[0],
        history=history,
    )


def _search(
    evaluate: Evaluate,
    start: Genes,
    bounds: GeneBounds,
    settings: GaSettings,
    map_jobs: Map,
    progress: Progress | None,
    rng: random.Random,
) -> tuple[list[_Candidate], tuple[Generation, ...]]:
    n_genes = len(bounds.names)
    population = [_Candidate(bounds.encode(start))]
    while len(population) < settings.population:
        population.append(_Candidate(rng.random() for _ in range(n_genes)))
    hall: list[_Candidate] = []
    history = []
    for number in range(settings.generations):
        if number > 0:
            population = [hall[0], *_children(population, settings, n_genes)]
        open_ones = [c for c in population if c.score == -np.inf]
        jobs = [_Job(evaluate, bounds.decode(c), settings.training) for c in open_ones]
        for candidate, score in zip(open_ones, map_jobs(_run, jobs), strict=True):
            candidate.score = score
        hall = _best([*hall, *population], settings.finalists)
        finite = [c.score for c in population if np.isfinite(c.score)]
        mean = float(np.mean(finite)) if finite else -np.inf
        history.append(Generation(number, hall[0].score, mean, bounds.decode(hall[0])))
        if progress is not None:
            progress(history[-1])
    return hall, tuple(history)


def _best(candidates: list[_Candidate], count: int) -> list[_Candidate]:
    distinct = {tuple(c): c for c in candidates}
    return sorted(distinct.values(), key=lambda c: c.score, reverse=True)[:count]


def _children(population: list[_Candidate], settings: GaSettings, n_genes: int) -> list[_Candidate]:
    parents = tools.selTournament(population, len(population), tournsize=2, fit_attr="score")
    children = [_Candidate(parent) for parent in parents]
    for a, b in zip(children[::2], children[1::2], strict=True):
        if random.random() < settings.crossover:
            tools.cxSimulatedBinaryBounded(a, b, SBX_CROWDING, 0.0, 1.0)
    for child in children:
        tools.mutPolynomialBounded(child, MUTATION_CROWDING, 0.0, 1.0, settings.mutation)
    return children[: settings.population - 1]
