"""What a tuning is judged by: objectives with their unit, and means over scenarios with intervals.

Inside the search every objective is a cost in shares of its range: 0 is good, 1 is as bad as a
candidate that failed. So a candidate that breaks the plant has a defined place: behind all others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from operator_agent.errors import InputError

LEVEL = 0.95  # of all intervals


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing that a tuning is judged by.

    Attributes:
        name: of the value that a trial returns.
        unit: of the value, for people.
        good: a value that would please; not a bound.
        worst: what a candidate that failed counts as; whatever is worse counts as this. Above
            `good` where less is better, below it where more is.
    """

    name: str
    unit: str
    good: float
    worst: float

    def __post_init__(self) -> None:
        """Refuse a range that does not say which way is better."""
        if not (math.isfinite(self.good) and math.isfinite(self.worst)) or self.good == self.worst:
            raise InputError(
                f"objective {self.name}: good is {self.good} and worst {self.worst}; "
                "give two finite numbers that differ"
            )

    def cost(self, value: float) -> float:
        """Return a value as a share of the range: 0 at `good`, 1 at `worst` and beyond."""
        return min(1.0, (value - self.good) / (self.worst - self.good))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over scenarios and its 95 % interval by Student's t.

    Attributes:
        mean, low, high: in the unit of the objective.
    """

    mean: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> "Interval":
        """Return the interval of a mean; the values of different seeds are independent.

        Raises:
            InputError: there are fewer than two values.
        """
        if len(values) < 2:
            raise InputError(f"{len(values)} scenario gives no interval; take two seeds or more")
        mean = float(np.mean(values))
        deviation = float(np.std(values, ddof=1)) / math.sqrt(len(values))
        half = float(student.ppf(0.5 + 0.5 * LEVEL, len(values) - 1)) * deviation
        return Interval(mean, mean - half, mean + half)


def costs_of(objectives: Sequence[Objective], values: Mapping[str, float]) -> tuple[float, ...]:
    """Return the costs of values by name, in the order of the objectives."""
    return tuple(objective.cost(values[objective.name]) for objective in objectives)


def worst_values(objectives: Sequence[Objective]) -> dict[str, float]:
    """Return what a candidate that failed counts as."""
    return {objective.name: objective.worst for objective in objectives}


def dominates(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return whether the first costs are nowhere higher and somewhere lower."""
    pairs = list(zip(first, second, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
