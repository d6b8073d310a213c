"""Where between two steps of a ramp the plan changes its mind: found by halving the step.

Every round solves the middle of each open bracket, all of them side by side on the engine. The
bracket that remains holds the first change behind its step's beginning; a step across which the
basis changes twice tells of that one only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from operator_agent.planning.casework.stack_row import StackRow

HALVINGS = 7  # leave 1/128 of a step, which is closer than any price is known


@dataclass(frozen=True, slots=True)
class BasisChange:
    """A step of a ramp across which the plan changes its mind.

    Attributes:
        key: that moves.
        before, after: its values at both ends of the step.
        beside: value of the other key in a grid; empty otherwise.
        holds, frees: keys of the limits that begin and cease to hold.
        buys, drops: crudes and purchases that begin and cease to be bought.
        low, high: bracket of the change within the step, in the direction of the ramp.
    """

    key: str
    before: float
    after: float
    beside: str
    holds: tuple[str, ...]
    frees: tuple[str, ...]
    buys: tuple[str, ...]
    drops: tuple[str, ...]
    low: float
    high: float

    @property
    def narrowed(self) -> bool:
        """Whether the bracket is narrower than the step."""
        return (self.low, self.high) != (self.before, self.after)

    @property
    def threshold(self) -> float:
        """Middle of the bracket."""
        return 0.5 * (self.low + self.high)


Solve = Callable[[Sequence[float]], Sequence[StackRow]]
"""Returns the row of each value of the key."""


def basis(row: StackRow) -> tuple[frozenset[str], frozenset[str]]:
    """Return what must stay for a plan to slide only: limits that hold, and what is bought."""
    return frozenset(row.active), frozenset(row.bought)


def narrowed_changes(
    changes: Sequence[BasisChange], rows: Mapping[float, StackRow], solve: Solve
) -> tuple[BasisChange, ...]:
    """Return the changes of a ramp of one key with brackets of about 1 % of a step.

    Args:
        changes: between neighbours.
        rows: of the ramp by value of the key.
        solve: gives rows between them. A value without a plan leaves its bracket as it is.
    """
    found, open_ones = list(changes), list(range(len(changes)))
    for _ in range(HALVINGS):
        if not open_ones:
            break
        middles = [found[place].threshold for place in open_ones]
        solved = dict(zip(open_ones, solve(middles), strict=True))
        open_ones = [place for place in open_ones if solved[place].ok]
        for place in open_ones:
            found[place] = _halved(found[place], rows[found[place].before], solved[place])
    return tuple(found)


def _halved(change: BasisChange, before: StackRow, middle: StackRow) -> BasisChange:
    if basis(middle) == basis(before):
        return replace(change, low=change.threshold)
    return replace(change, high=change.threshold)
