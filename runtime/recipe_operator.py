"""The operator without a controller: fixed set points from the recipe card of the crude.

This is the baseline of the comparison. The card is changed when the declared slate changes, and
the set points walk there within the rate limits of the tags, as a careful operator would go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from operator_agent.site import Site

Card = Callable[[Mapping[str, float]], Mapping[str, float]]
PREFIX = "fraction_"


@dataclass(frozen=True, slots=True)
class RecipeOperator:
    """Follows the recipe card of the declared slate.

    Attributes:
        site: for the rate limits and the names of the crude fractions.
        card: gives the set points [SI] for a slate (volume fraction by crude).
    """

    site: Site
    card: Card

    def setpoints(
        self, held: Mapping[str, float], truth: Mapping[str, float], duration_s: float
    ) -> dict[str, float]:
        """Return the next set points by MV variable [SI].

        Args:
            held: set points now [SI].
            truth: of the plant; the declared crude fractions are taken from it.
            duration_s: until the next call [s].
        """
        slate = {
            tag.variable.removeprefix(PREFIX): truth[tag.variable]
            for tag in self.site.dvs
            if tag.variable.startswith(PREFIX)
        }
        card = self.card(slate)
        moved: dict[str, float] = {}
        for tag in self.site.mvs:
            reach = tag.rate * duration_s
            step = min(max(card[tag.variable] - held[tag.variable], -reach), reach)
            moved[tag.variable] = held[tag.variable] + step
        return moved
