"""Operators' recipe cards: fixed set points for the slate at hand."""

from collections.abc import Mapping

from operator_agent.errors import InputError
from operator_agent.plant.unit.case import CrudeUnitCase, Recipe


def nearest_recipe(case: CrudeUnitCase, slate: Mapping[str, float]) -> Recipe:
    """Return the card whose slate differs least, by the volume that would have to be exchanged.

    Raises:
        InputError: the slate is wrong or the case has no cards.
    """
    wanted = case.slate_vector(slate)
    if not case.recipes:
        raise InputError(f"case {case.key} has no recipe cards")

    def exchanged(recipe: Recipe) -> float:
        there = case.slate_vector(recipe.slate)
        return sum(abs(a - b) for a, b in zip(wanted, there, strict=True))

    return min(case.recipes, key=exchanged)


def recipe_setpoints(case: CrudeUnitCase, slate: Mapping[str, float]) -> dict[str, float]:
    """Return the set points that an operator would choose for a slate, by MV name [SI].

    They are those of the nearest card: cards are not interpolated, as on a shift.

    Args:
        case: with its cards.
        slate: volume fraction by crude.

    Raises:
        InputError: the slate is wrong or the case has no cards.
    """
    return dict(nearest_recipe(case, slate).setpoints)


def step_towards_card(
    card: Mapping[str, float],
    held: Mapping[str, float],
    rates: Mapping[str, float],
    duration_s: float,
) -> dict[str, float]:
    """Return the next set points on the way to a card, by MV name [SI].

    Args:
        card: set points to reach [SI].
        held: set points now [SI].
        rates: largest change per second, by MV name [SI/s].
        duration_s: until the next step [s].
    """
    moved: dict[str, float] = {}
    for name, rate in rates.items():
        reach = rate * duration_s
        moved[name] = held[name] + min(max(card[name] - held[name], -reach), reach)
    return moved
