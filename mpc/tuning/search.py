"""The search for tunings that no other one beats, on scenarios that never serve twice.

Candidates are bred on the training scenarios. The best of all that were ever tried there meet the
validation scenarios, which decide who stays; the test scenarios decide nothing and only tell what
the others are worth. The start takes part from the first generation to the last comparison.

An engine that keeps a time limit gives a candidate up that hangs; it then counts as worst, as one
does that breaks the plant.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from operator_agent.engine import Engine
from operator_agent.mpc.tuning.genes import Genes
from operator_agent.mpc.tuning.genetic import (
    Point,
    children_of,
    first_points,
    front_of,
    hypervolume,
    survivors,
)
from operator_agent.mpc.tuning.objectives import dominates
from operator_agent.mpc.tuning.task import (
    SETS,
    TEST,
    TRAINING,
    VALIDATION,
    SearchSettings,
    Task,
)
from operator_agent.mpc.tuning.trials import Progress, Trial, run_trials


@dataclass(frozen=True, slots=True)
class Generation:
    """How far a search was after a generation.

    Attributes:
        number: 0 for the first population.
        hypervolume: that all candidates so far dominate, up to the worst values; never falls.
        front: candidates that no other dominates, so far.
        tried: candidates that were tried, so far.
        failed: those among them that failed.
    """

    number: int
    hypervolume: float
    front: int
    tried: int
    failed: int


@dataclass(frozen=True, slots=True)
class SearchState:
    """All that a search needs to go on.

    Attributes:
        points: the population, in the unit cube.
        trials: all candidates that were tried, by set of scenarios, in the order of trial.
        history: one for each generation that is done.
    """

    points: tuple[Point, ...]
    trials: Mapping[str, tuple[Trial, ...]]
    history: tuple[Generation, ...] = ()

    def found(self, name: str) -> dict[tuple[float, ...], Trial]:
        """Return the trials on a set of scenarios by the values of their genes."""
        return {tuple(trial.genes.values()): trial for trial in self.trials[name]}


class Store(Protocol):
    """Where the state of a search is kept, so that it can go on."""

    def load(self, task: Task, settings: SearchSettings) -> SearchState | None:
        """Return the state of this search, None when there is none yet."""
        ...

    def save(self, task: Task, settings: SearchSettings, state: SearchState) -> None:
        """Keep the state."""
        ...


@dataclass(frozen=True, slots=True)
class Finalist:
    """A tuning that stayed, with what it did on all three sets."""

    training: Trial
    validation: Trial
    test: Trial


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search.

    Attributes:
        start: the tuning from which the search started.
        others: tunings that neither the start nor any other finalist dominates on the validation
            scenarios, by rising cost in the first objective.
        history: of the generations.
    """

    start: Finalist
    others: tuple[Finalist, ...]
    history: tuple[Generation, ...]


def search(
    task: Task,
    settings: SearchSettings,
    engine: Engine,
    *,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Found:
    """Return the tunings that no other beats; the same on every engine.

    Args:
        task: what is searched.
        settings: size and seeds.
        engine: that works on the trials.
        store: keeps the state after every generation; a search that it knows goes on.
        progress: called after each trial.

    Raises:
        InputError: the store holds another search.
    """
    kept = store.load(task, settings) if store is not None else None
    state = kept or _beginning(task, settings)
    run = _Run(task, settings, engine, store, progress or _silent)
    while len(state.history) <= settings.generations:
        state = run.generation(state)
    finalists = _finalists(task, settings, state)
    state = run.tried(state, VALIDATION, finalists, VALIDATION)
    stay = _staying(task, state, finalists)
    state = run.tried(state, TEST, [task.start, *stay], TEST)
    start, *others = (_finalist(task, state, genes) for genes in [task.start, *stay])
    return Found(start, tuple(others), state.history)


def _silent(done: int, total: int, what: str) -> None:
    """Tell nobody."""


def _beginning(task: Task, settings: SearchSettings) -> SearchState:
    start = task.space.encode(task.start)
    points = tuple(first_points(start, settings.population, settings.seed))
    return SearchState(points, MappingProxyType(dict.fromkeys(SETS, ())))


def key_of(task: Task, genes: Genes) -> tuple[float, ...]:
    """Return the values of genes in the order of the space."""
    return tuple(float(genes[name]) for name in task.space.names)


@dataclass(frozen=True, slots=True)
class _Run:
    """The parts that all steps of a search share."""

    task: Task
    settings: SearchSettings
    engine: Engine
    store: Store | None
    progress: Progress

    def generation(self, state: SearchState) -> SearchState:
        """Return the state after one more generation, kept by the store."""
        task, number = self.task, len(state.history)
        decode = self._decoded
        what = f"generation {number} of {self.settings.generations}"
        if number == 0:
            state = self._tried(state, TRAINING, [decode(p) for p in state.points], what)
            return self._done(state, state.points)
        known = {tuple(trial.genes.values()) for trial in state.trials[TRAINING]}
        children = children_of(
            state.points,
            self._costs(state, state.points),
            self.settings.variation,
            self.settings.seed,
            number,
            lambda point: key_of(task, decode(point)) in known,
        )
        state = self._tried(state, TRAINING, [decode(p) for p in children], what)
        pool = [*state.points, *children]
        best = survivors(self._costs(state, pool), self.settings.population)
        return self._done(state, tuple(pool[k] for k in best))

    def _done(self, state: SearchState, points: tuple[Point, ...]) -> SearchState:
        trials = state.trials[TRAINING]
        costs = [trial.costs(self.task.objectives) for trial in trials]
        made = Generation(
            number=len(state.history),
            hypervolume=hypervolume(costs),
            front=len(front_of(costs)),
            tried=len(trials),
            failed=sum(bool(trial.failure) for trial in trials),
        )
        return self._kept(replace(state, points=points, history=(*state.history, made)))

    def tried(
        self, state: SearchState, name: str, candidates: Iterable[Genes], what: str
    ) -> SearchState:
        """Return the state with candidates tried on a set of scenarios, kept by the store."""
        return self._kept(self._tried(state, name, candidates, what))

    def _tried(
        self, state: SearchState, name: str, candidates: Iterable[Genes], what: str
    ) -> SearchState:
        known = state.found(name)
        new = {key_of(self.task, genes): genes for genes in candidates}
        open_ones = [genes for key, genes in new.items() if key not in known]
        ordered = [{n: float(genes[n]) for n in self.task.space.names} for genes in open_ones]
        seeds = self.settings.seeds(name)
        told = self._teller(what, state)
        task = self.task
        made = run_trials(task.evaluate, task.objectives, ordered, seeds, self.engine, told)
        trials = {**state.trials, name: (*state.trials[name], *made)}
        return replace(state, trials=MappingProxyType(trials))

    def _teller(self, what: str, state: SearchState) -> Callable[[int, int], None]:
        reached = f", hypervolume {state.history[-1].hypervolume:.4f}" if state.history else ""
        return lambda done, total: self.progress(done, total, f"{what}{reached}")

    def _costs(self, state: SearchState, points: Sequence[Point]) -> list[tuple[float, ...]]:
        found = state.found(TRAINING)
        keys = (key_of(self.task, self._decoded(point)) for point in points)
        return [found[key].costs(self.task.objectives) for key in keys]

    def _decoded(self, point: Point) -> dict[str, float]:
        """Return the genes of a point; those of the start are exact, not through a logarithm."""
        if point == self.task.space.encode(self.task.start):
            return {name: float(self.task.start[name]) for name in self.task.space.names}
        return self.task.space.decode(point)

    def _kept(self, state: SearchState) -> SearchState:
        if self.store is not None:
            self.store.save(self.task, self.settings, state)
        return state


def _finalists(task: Task, settings: SearchSettings, state: SearchState) -> list[Genes]:
    """Return the start and the best on the training scenarios, spread over the front."""
    trials = [trial for trial in state.trials[TRAINING] if not trial.failure]
    costs = [trial.costs(task.objectives) for trial in trials]
    front = front_of(costs) if costs else []
    chosen = [front[k] for k in survivors([costs[k] for k in front], settings.finalists)]
    start = key_of(task, task.start)
    others = [trials[k].genes for k in sorted(chosen) if key_of(task, trials[k].genes) != start]
    return [task.start, *others]


def _staying(task: Task, state: SearchState, finalists: Sequence[Genes]) -> list[Genes]:
    """Return the finalists but the start that no finalist dominates on validation scenarios."""
    found = state.found(VALIDATION)
    trials = [found[key_of(task, genes)] for genes in finalists]
    costs = [trial.costs(task.objectives) for trial in trials]
    stay = [
        (cost, genes)
        for genes, trial, cost in list(zip(finalists, trials, costs, strict=True))[1:]
        if not trial.failure and not any(dominates(other, cost) for other in costs)
    ]
    return [genes for _, genes in sorted(stay, key=lambda pair: pair[0])]


def _finalist(task: Task, state: SearchState, genes: Genes) -> Finalist:
    key = key_of(task, genes)
    training, validation, test = (state.found(name)[key] for name in SETS)
    return Finalist(training, validation, test)
