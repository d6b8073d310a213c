"""Changes to a case between two plans: other prices, and a slate that is a fact."""

import math
from collections.abc import Mapping
from dataclasses import replace

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase, Utilities

SLATE_TOLERANCE = 1e-6  # fractions written with six digits must pass


def with_price_factors(case: PlanningCase, factors: Mapping[str, float]) -> PlanningCase:
    """Return the case with prices multiplied.

    Args:
        case: to start from.
        factors: by name of a crude, a purchase or a product, or `fuel` and `steam`.

    Raises:
        InputError: a name is not in the case, or a factor is not positive and finite.
    """
    known = [*case.crudes, *case.purchases, *case.products, "fuel", "steam"]
    for name, factor in factors.items():
        if name not in known:
            raise InputError(
                f"price factor of '{name}': case {case.name} has no such crude, product, "
                f"purchase or utility; use one of {', '.join(known)}"
            )
        if not (math.isfinite(factor) and factor > 0.0):
            raise InputError(f"price factor of '{name}' is {factor}; give a positive number")
    utilities = Utilities(
        case.utilities.fuel_price * factors.get("fuel", 1.0),
        case.utilities.steam_price * factors.get("steam", 1.0),
    )
    return replace(
        case,
        utilities=utilities,
        crudes={
            name: replace(crude, price=crude.price * factors.get(name, 1.0))
            for name, crude in case.crudes.items()
        },
        purchases={
            name: replace(purchase, price=purchase.price * factors.get(name, 1.0))
            for name, purchase in case.purchases.items()
        },
        products={
            name: replace(product, price=product.price * factors.get(name, 1.0))
            for name, product in case.products.items()
        },
    )


def with_slate(case: PlanningCase, slate: Mapping[str, float]) -> PlanningCase:
    """Return the case with the crude slate fixed, as after a crude switch that has happened.

    What is in the tanks has been bought: what must and may be bought of each crude gives way to
    the slate.

    Args:
        case: to start from.
        slate: volume fraction by crude; a crude that is not named gets none.

    Raises:
        InputError: an unknown crude, a negative fraction, or a sum other than one.
    """
    for name, fraction in slate.items():
        if name not in case.crudes:
            raise InputError(
                f"slate: case {case.name} has no crude '{name}'; use {', '.join(case.crudes)}"
            )
        if not (math.isfinite(fraction) and fraction >= 0.0):
            raise InputError(f"slate: fraction of '{name}' is {fraction}; give 0 to 1")
    total = sum(slate.values())
    if abs(total - 1.0) > SLATE_TOLERANCE:
        raise InputError(f"slate adds up to {total:.6f}; volume fractions must add up to 1")
    fixed = {name: slate.get(name, 0.0) / total for name in case.crudes}
    bought = {
        name: replace(crude, low=0.0, high=case.crude_unit.high, lot=0.0, at_least_if_any=0.0)
        for name, crude in case.crudes.items()
    }
    return replace(case, slate=fixed, crudes=bought)
