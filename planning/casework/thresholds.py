"""Where between two steps of a ramp the plan changes its mind: found by halving the step.

Every round solves the middle of each open bracket, all of them side by side on the engine. The
bracket that remains holds the first change behind its step's beginning; what changes behind it
within the same step is told as a change of its own, between the bracket and the step's end.
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


def change_between(
    key: str, ends: tuple[float, float], beside: str, row: StackRow, following: StackRow
) -> BasisChange | None:
    """Return what changes from one row to another, or None when nothing does or one has no plan.

    Args:
        key: that moves.
        ends: its values at both rows.
        beside: value of the other key in a grid.
        row, following: at the ends.
    """
    if not (row.ok and following.ok) or basis(row) == basis(following):
        return None

    def new(now: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in now if name not in before)

    return BasisChange(
        key,
        *ends,
        beside,
        new(following.active, row.active),
        new(row.active, following.active),
        new(following.bought, row.bought),
        new(row.bought, following.bought),
        *ends,
    )


def narrowed_changes(
    changes: Sequence[BasisChange], rows: Mapping[float, StackRow], solve: Solve
) -> tuple[BasisChange, ...]:
    """Return the changes of a ramp of one key with brackets of about 1 % of a step.

    Args:
        changes: between neighbours.
        rows: of the ramp by value of the key.
        solve: gives rows between them. A value without a plan leaves its bracket as it is.
    """
    known = dict(rows)
    found, open_ones = list(changes), list(range(len(changes)))
    for _ in range(HALVINGS):
        if not open_ones:
            break
        middles = [found[place].threshold for place in open_ones]
        known |= zip(middles, solve(middles), strict=True)
        open_ones = [place for place in open_ones if known[found[place].threshold].ok]
        for place in open_ones:
            found[place] = _halved(found[place], known)
    return tuple(part for change in found for part in _first_and_rest(change, known))


def _halved(change: BasisChange, rows: Mapping[float, StackRow]) -> BasisChange:
    middle = change.threshold
    if basis(rows[middle]) == basis(rows[change.before]):
        return replace(change, low=middle)
    return replace(change, high=middle)


def _first_and_rest(change: BasisChange, rows: Mapping[float, StackRow]) -> tuple[BasisChange, ...]:
    """Return the change in the bracket, and what changes behind it within the same step."""
    low, high, after = change.low, change.high, change.after
    first = change_between(change.key, (low, high), change.beside, rows[low], rows[high])
    rest = change_between(change.key, (high, after), change.beside, rows[high], rows[after])
    told = () if first is None else (replace(first, before=change.before, after=after),)
    return told if rest is None else (*told, rest)
