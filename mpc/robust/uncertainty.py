"""Which disturbances or parameters of a model are uncertain, and what they may be."""

from dataclasses import dataclass
from enum import Enum
from itertools import product

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

MOST_SCENARIOS = 250  # 3 values of 5 parameters; more is a choice of values, not a tree


class SlackPrice(Enum):
    """What a violated limit costs in a scenario."""

    PROBABLE = "weighed by the scenario's probability, like every other cost"
    FULL = "in every scenario in full, however improbable"


@dataclass(frozen=True, slots=True)
class Uncertain:
    """One uncertain quantity.

    Attributes:
        name: of a disturbance of the model.
        values: that it may have [SI]; the first one is the nominal one.
        probabilities: of the values; empty for equal ones.
    """

    name: str
    values: tuple[float, ...]
    probabilities: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that are no numbers and probabilities that do not fit them."""
        if not self.values or not bool(np.all(np.isfinite(self.values))):
            raise InputError(f"uncertain {self.name} has values {self.values}; give finite numbers")
        p = self.probabilities
        if p and (len(p) != len(self.values) or not min(p) > 0.0 or not sum(p) < np.inf):
            raise InputError(
                f"uncertain {self.name} has {len(self.values)} values and probabilities {p}; "
                "give one above zero for each value, or none"
            )


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What may be otherwise than the model says, and for how long the controller has to guess.

    Attributes:
        parameters: uncertain ones; all combinations of their values are planned for.
        n_robust: stages after each of which the values may change once more; later they stay. A
            move knows the values of the stages before it and not those of its own.
        slack_price: see there.
    """

    parameters: tuple[Uncertain, ...]
    n_robust: int = 1
    slack_price: SlackPrice = SlackPrice.PROBABLE

    def __post_init__(self) -> None:
        """Refuse trees that are empty or too large."""
        names = [one.name for one in self.parameters]
        if not names or len(set(names)) != len(names):
            raise InputError(f"uncertain quantities are {names}; name each of them once")
        if self.n_robust < 1:
            raise InputError(f"n_robust is {self.n_robust}; at least the first stage is uncertain")
        if self.n_scenarios > MOST_SCENARIOS:
            raise InputError(
                f"{self.n_scenarios} scenarios are more than {MOST_SCENARIOS}; take fewer values, "
                "or a smaller n_robust"
            )

    @property
    def n_combinations(self) -> int:
        """Number of combinations of values in one stage."""
        return int(np.prod([len(one.values) for one in self.parameters]))

    @property
    def n_scenarios(self) -> int:
        """Number of leaves of the tree."""
        count: int = self.n_combinations**self.n_robust
        return count

    def combinations(self) -> tuple[FloatArray, FloatArray]:
        """Return values, shape (n_combinations, n), and probabilities, shape (n_combinations,)."""
        values = np.array(list(product(*[one.values for one in self.parameters])))
        parts = [one.probabilities or (1.0,) * len(one.values) for one in self.parameters]
        weights = np.array([np.prod(p) for p in product(*parts)])
        return values, weights / weights.sum()

    def histories(self) -> tuple[tuple[int, ...], ...]:
        """Return which combination each scenario has in its first `n_robust` stages."""
        return tuple(product(range(self.n_combinations), repeat=self.n_robust))
