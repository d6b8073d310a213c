"""Blends: components into products, each within its specifications."""

from typing import Any

from operator_agent.planning.case import PlanningCase, Product, Spec
from operator_agent.planning.limits import Limit, LimitKind, Side, add_limit
from operator_agent.planning.mixing import Mixing
from operator_agent.planning.qualities import Basis


def product_volume(model: Any, product: Product) -> Any:
    """Return what is blended of a product [m3/h]."""
    return sum(model.flow[stream, product.name] for stream in product.components)


def product_amount(model: Any, mixing: Mixing, product: Product, name: str) -> Any:
    """Return the hourly amount of a content in a product."""
    return sum(
        mixing.product(model.content[stream, name], model.flow[stream, product.name])
        for stream in product.components
    )


def spec_base(model: Any, mixing: Mixing, product: Product, spec: Spec) -> Any:
    """Return what the index of a specification is averaged by: volume [m3/h] or mass [kg/h]."""
    if spec.quality.basis is Basis.MASS:
        return product_amount(model, mixing, product, "density")
    return product_volume(model, product)


def add_blends(model: Any, case: PlanningCase, mixing: Mixing) -> None:
    """Add the specifications of all products: amount <= index * (volume or mass)."""
    for product in case.products.values():
        for spec in product.specs:
            for limit in _limits(product, spec):
                amount = product_amount(model, mixing, product, spec.quality.name)
                base = spec_base(model, mixing, product, spec)
                add_limit(model, limit, amount, limit.row_value * base)


def _limits(product: Product, spec: Spec) -> list[Limit]:
    quality = spec.quality
    limits = []
    for side, value in ((Side.MIN, spec.low), (Side.MAX, spec.high)):
        if value is None:
            continue
        index = quality.to_index(value)
        upper = (side is Side.MAX) != quality.falling
        limits.append(
            Limit(
                LimitKind.SPEC,
                product.name,
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
