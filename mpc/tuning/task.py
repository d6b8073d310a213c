"""What a search is given: size and seeds, scenarios that serve once, and the task itself."""

from dataclasses import dataclass, field

from operator_agent.errors import InputError
from operator_agent.mpc.tuning.genes import Genes, GeneSpace
from operator_agent.mpc.tuning.genetic import GROUP, Variation
from operator_agent.mpc.tuning.objectives import Objective
from operator_agent.mpc.tuning.trials import Evaluate

TRAINING, VALIDATION, TEST = "training", "validation", "test"
SETS = (TRAINING, VALIDATION, TEST)
FEWEST = 2  # scenarios of a set: fewer give no interval


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Size and seeds of a search.

    Attributes:
        population: candidates per generation, a multiple of four.
        generations: bred after the first population.
        seed: of the genetic algorithm.
        training, validation, test: scenario seeds; none may stand in two of them.
        variation: how children come from parents.
        finalists: candidates that meet the validation scenarios, at most, beside the start.
    """

    population: int
    generations: int
    seed: int
    training: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    variation: Variation = field(default_factory=Variation)
    finalists: int = 8

    def __post_init__(self) -> None:
        """Refuse scenarios that are used twice, and sizes that make no search."""
        seeds = [seed for name in SETS for seed in self.seeds(name)]
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice:
            raise InputError(
                f"scenario seeds {twice} are used twice; training, validation and test scenarios "
                "must differ"
            )
        for name in SETS:
            if len(self.seeds(name)) < FEWEST:
                raise InputError(f"{len(self.seeds(name))} {name} scenarios; give {FEWEST} or more")
        if self.population < GROUP or self.population % GROUP:
            raise InputError(f"population is {self.population}; give a multiple of {GROUP}")
        if self.generations < 0 or self.finalists < 1 or self.seed < 0 or min(seeds) < 0:
            raise InputError("generations and seeds start at 0, finalists at 1")

    def seeds(self, name: str) -> tuple[int, ...]:
        """Return the seeds of `training`, `validation` or `test`."""
        sets = {TRAINING: self.training, VALIDATION: self.validation, TEST: self.test}
        return sets[name]


@dataclass(frozen=True, slots=True)
class Task:
    """What is searched, and judged by what.

    Attributes:
        subject: controller, plant and scenarios in words; a search goes on only with its own.
        objectives: one or more.
        space: genes and their ranges.
        start: the tuning to beat, inside the ranges.
        evaluate: one candidate on one scenario.
    """

    subject: str
    objectives: tuple[Objective, ...]
    space: GeneSpace
    start: Genes
    evaluate: Evaluate

    def __post_init__(self) -> None:
        """Refuse objectives that stand twice and a start outside its ranges."""
        names = [objective.name for objective in self.objectives]
        if not names or len(set(names)) < len(names):
            raise InputError(f"objectives {names}: give at least one, each once")
        self.space.encode(self.start)
