"""Blends: components into products, feeds into units, each within its specifications."""

import math
from typing import Any, Protocol

import pyomo.environ as pyo

from operator_agent.planning.case import PlanningCase, Spec
from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit
from operator_agent.planning.mixing import Exact, Mixing
from operator_agent.planning.qualities import Basis

NOTHING = 1e-6  # [m3/h] a blend smaller than this has no quality to report


class Blended(Protocol):
    """A product, or the mixed feed of a unit."""

    @property
    def name(self) -> str:
        """Name in reports."""
        ...

    @property
    def draws(self) -> tuple[tuple[str, str], ...]:
        """What is blended, as (stream, use)."""
        ...

    @property
    def specs(self) -> tuple[Spec, ...]:
        """Limits on the blend."""
        ...


def blend_volume(model: Any, blend: Blended) -> Any:
    """Return what is blended [m3/h]."""
    return sum(model.flow[draw] for draw in blend.draws)


def blend_amount(model: Any, mixing: Mixing, blend: Blended, name: str) -> Any:
    """Return the hourly amount of a content in a blend."""
    return sum(
        mixing.product(model.content[stream, name], model.flow[stream, use])
        for stream, use in blend.draws
    )


def spec_base(model: Any, mixing: Mixing, blend: Blended, spec: Spec) -> Any:
    """Return what the index of a specification is averaged by: volume [m3/h] or mass [kg/h]."""
    if spec.quality.basis is Basis.MASS:
        return blend_amount(model, mixing, blend, "density")
    return blend_volume(model, blend)


def blend_quality(model: Any, blend: Blended, spec: Spec) -> float:
    """Return the quality of a blend in an exact model [SI]; NaN when nothing is blended."""
    base = float(pyo.value(spec_base(model, Exact(), blend, spec)))
    if base < NOTHING:
        return math.nan
    amount = float(pyo.value(blend_amount(model, Exact(), blend, spec.quality.name)))
    return spec.quality.from_index(amount / base)


def add_blends(model: Any, case: PlanningCase, mixing: Mixing) -> None:
    """Add recipes and the specifications of products and feeds.

    A specification reads: amount <= index * (volume or mass).
    """
    _add_recipes(model, case)
    for product in case.products.values():
        _add_specs(model, mixing, product, LimitKind.SPEC)
    for unit in case.units.values():
        _add_specs(model, mixing, unit, LimitKind.FEED)


def _add_recipes(model: Any, case: PlanningCase) -> None:
    """Add the fixed proportions; that of the largest part follows from the others."""
    model.recipe = pyo.Constraint(pyo.Any)
    for product in case.products.values():
        total = sum(product.recipe.values())
        largest = max(product.recipe, key=lambda name: product.recipe[name], default="")
        for stream, part in product.recipe.items():
            if stream != largest:
                share = part / total * blend_volume(model, product)
                model.recipe.add((product.name, stream), model.flow[stream, product.name] == share)


def _add_specs(model: Any, mixing: Mixing, blend: Blended, kind: LimitKind) -> None:
    for spec in blend.specs:
        for limit in _limits(blend, spec, kind):
            amount = blend_amount(model, mixing, blend, spec.quality.name)
            base = spec_base(model, mixing, blend, spec)
            add_limit(model, limit, amount, limit.row_value * base)


def _limits(blend: Blended, spec: Spec, kind: LimitKind) -> list[Limit]:
    quality = spec.quality
    limits = []
    for side, value in ((Side.MIN, spec.low), (Side.MAX, spec.high)):
        if value is None:
            continue
        index = quality.to_index(value)
        upper = (side is Side.MAX) != quality.falling
        limits.append(
            Limit(
                kind,
                blend.name,
                side,
                value,
                spec.unit,
                quality.words,
                index,
                Side.MAX if upper else Side.MIN,
                weight=1.0 / _size(quality.basis, index),
                quality=quality.name,
            )
        )
    return limits


def _size(basis: Basis, index: float) -> float:
    """Return one m3 of product's worth of an index: makes the weights of limits comparable."""
    return max(abs(index), 1e-6) * (1e3 if basis is Basis.MASS else 1.0)
