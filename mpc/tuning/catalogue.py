"""The catalogue: tunings that no other beats, what each is worth, and the choice among them.

Every tuning stands with its values on validation scenarios, by which it stayed and by which a
choice is made, and on test scenarios, which nothing was chosen by: those tell what to expect.
"""

import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType

import numpy as np

from operator_agent import __version__
from operator_agent.errors import InputError
from operator_agent.mpc.tuning.genes import Gene, Genes
from operator_agent.mpc.tuning.objectives import Interval, Objective
from operator_agent.mpc.tuning.search import Finalist, Found, Generation
from operator_agent.mpc.tuning.task import SETS, SearchSettings, Task
from operator_agent.mpc.tuning.trials import Trial
from operator_agent.mpc.weights import Weights

START = "start"
LIBRARIES = ("numpy", "scipy", "casadi", "deap")


@dataclass(frozen=True, slots=True)
class Scored:
    """One objective of a tuning on a set of scenarios.

    Attributes:
        interval: mean with its 95 % interval.
        values: one for each scenario, in the order of the seeds.
    """

    interval: Interval
    values: tuple[float, ...]


Scores = Mapping[str, Scored]
"""By objective; empty when the tuning failed on a scenario."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tuning.

    Attributes:
        name: `start`, or a letter for each of the others.
        genes: what was searched.
        weights: the whole tuning, ready for a controller; None when it is not made of `Weights`.
        training, validation, test: scores.
        gain: test scores less those of the start, scenario by scenario: an interval that leaves
            zero out is a difference that is there; empty for the start.
        failure: on which scenario the tuning failed and why; empty when it did not.
    """

    name: str
    genes: Genes
    weights: Weights | None
    training: Scores
    validation: Scores
    test: Scores
    gain: Mapping[str, Interval]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All tunings of a search and how they were found.

    Attributes:
        subject: controller, plant and scenarios in words.
        made_with: versions, by name.
        settings: size and seeds of the search.
        genes: with their ranges.
        objectives: by which the tunings were judged.
        history: of the search.
        entries: the start first.
    """

    subject: str
    made_with: Mapping[str, str]
    settings: SearchSettings
    genes: tuple[Gene, ...]
    objectives: tuple[Objective, ...]
    history: tuple[Generation, ...]
    entries: tuple[Entry, ...]

    def entry(self, name: str) -> Entry:
        """Return the tuning with a name.

        Raises:
            InputError: there is none.
        """
        found = {entry.name: entry for entry in self.entries}
        if name not in found:
            raise InputError(f"no tuning '{name}'; the catalogue has {', '.join(found)}")
        return found[name]


def catalogue_of(
    task: Task,
    settings: SearchSettings,
    found: Found,
    weights_of: Callable[[Genes], Weights] | None = None,
) -> Catalogue:
    """Return what a search found as a catalogue.

    Args:
        task: that was searched.
        settings: of the search.
        found: its result.
        weights_of: the whole tuning that genes stand for; None when it is not made of `Weights`.
    """
    names = [START, *(f"tuning-{k}" for k in range(1, len(found.others) + 1))]
    finalists = [found.start, *found.others]
    return Catalogue(
        subject=task.subject,
        made_with=versions(),
        settings=settings,
        genes=task.space.genes,
        objectives=task.objectives,
        history=found.history,
        entries=tuple(
            _entry(name, one, found.start, task.objectives, weights_of)
            for name, one in zip(names, finalists, strict=True)
        ),
    )


def choose(catalogue: Catalogue, prices: Mapping[str, float]) -> Entry:
    """Return the tuning that suits a preference best on the validation scenarios.

    Args:
        catalogue: to choose from.
        prices: what one unit of each objective is worth, zero or more, in any one currency; an
            objective that is not named is worth nothing.

    Raises:
        InputError: a price is not known, negative or not finite, all are zero, or every tuning
            failed.

    Example:
        `choose(catalogue, {"profit": 1.0, "travel": 5.0})` takes the tuning that earns most when
        one unit of travel costs as much as five of profit.
    """
    _check_prices(catalogue, prices)
    able = [entry for entry in catalogue.entries if not entry.failure]
    if not able:
        raise InputError(f"all tunings failed; the start: {catalogue.entries[0].failure}")
    return max(able, key=lambda entry: float(np.mean(_worth(catalogue, entry.validation, prices))))


def advantage(catalogue: Catalogue, entry: Entry, prices: Mapping[str, float]) -> Interval:
    """Return what a tuning is worth more than the start on the test scenarios.

    Paired by scenario: where the interval lies above zero the tuning is better, at these prices.

    Args:
        catalogue: with the start.
        entry: of the catalogue.
        prices: see `choose`.

    Raises:
        InputError: a price is not possible, or the entry or the start failed.
    """
    _check_prices(catalogue, prices)
    start = catalogue.entries[0]
    for one in (start, entry):
        if one.failure:
            raise InputError(f"tuning {one.name} cannot be compared: {one.failure}")
    pair = zip(
        _worth(catalogue, entry.test, prices), _worth(catalogue, start.test, prices), strict=True
    )
    return Interval.of([a - b for a, b in pair])


def _check_prices(catalogue: Catalogue, prices: Mapping[str, float]) -> None:
    known = ", ".join(objective.name for objective in catalogue.objectives)
    for name, price in prices.items():
        if name not in known.split(", ") or not (math.isfinite(price) and price >= 0.0):
            raise InputError(f"price of {name} is {price}; give zero or more for {known}")
    if not any(prices.values()):
        raise InputError(f"no objective has a price above zero; there are {known}")


def _worth(catalogue: Catalogue, scores: Scores, prices: Mapping[str, float]) -> list[float]:
    """Return the worth of a tuning on each scenario; more is better."""
    signed = {
        o.name: math.copysign(prices.get(o.name, 0.0), o.good - o.worst)
        for o in catalogue.objectives
    }
    columns = zip(*(scores[name].values for name in signed), strict=True)
    return [math.fsum(p * v for p, v in zip(signed.values(), row, strict=True)) for row in columns]


def versions() -> dict[str, str]:
    """Return the versions of what decides the digits of a result."""
    made = {name: version(name) for name in LIBRARIES}
    return {"operator_agent": __version__, "python": platform.python_version(), **made}


def _entry(
    name: str,
    finalist: Finalist,
    start: Finalist,
    objectives: tuple[Objective, ...],
    weights_of: Callable[[Genes], Weights] | None,
) -> Entry:
    trials = dict(zip(SETS, (finalist.training, finalist.validation, finalist.test), strict=True))
    failures = [f"{of}, {trial.failure}" for of, trial in trials.items() if trial.failure]
    compared = name != START and not finalist.test.failure and not start.test.failure
    genes = finalist.training.genes
    return Entry(
        name=name,
        genes=genes,
        weights=None if weights_of is None else weights_of(genes),
        training=_scores(finalist.training, objectives),
        validation=_scores(finalist.validation, objectives),
        test=_scores(finalist.test, objectives),
        gain=_gain(finalist.test, start.test, objectives) if compared else MappingProxyType({}),
        failure="; ".join(failures),
    )


def _scores(trial: Trial, objectives: tuple[Objective, ...]) -> Scores:
    intervals = trial.intervals(objectives)
    return MappingProxyType(
        {name: Scored(interval, trial.values[name]) for name, interval in intervals.items()}
    )


def _gain(trial: Trial, start: Trial, objectives: tuple[Objective, ...]) -> Mapping[str, Interval]:
    def difference(name: str) -> list[float]:
        return [a - b for a, b in zip(trial.values[name], start.values[name], strict=True)]

    return MappingProxyType({o.name: Interval.of(difference(o.name)) for o in objectives})
