"""What a case file buys ready, sells, limits and watches, as values."""

from operator_agent.errors import InputError
from operator_agent.planning.case import Alert, FlowRow, Product, Purchase
from operator_agent.planning.case_schema import (
    AlertEntry,
    LimitEntry,
    ProductEntry,
    PurchaseEntry,
    Text,
)
from operator_agent.planning.entry_values import (
    flow_range,
    parcel_of,
    price_of,
    specs_of,
    unit_of_text,
)
from operator_agent.planning.flow_paths import quality_of_path
from operator_agent.planning.qualities import quality
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.unit_entries import contents_of


def purchase_of(name: str, entry: PurchaseEntry) -> Purchase:
    """Return a stream that is bought ready.

    Raises:
        InputError: a quantity is wrong, or a quality by mass has no density beside it.
    """
    place = f"purchases.{name}"
    flows = flow_range(entry, ("min", "max"), place)
    return Purchase(
        name,
        entry.stream or name,
        price_of(entry.price, place),
        *flows,
        contents_of(entry.qualities, place),
        *parcel_of(entry, flows, place),
    )


def product_of(name: str, entry: ProductEntry) -> Product:
    """Return a product.

    Raises:
        InputError: a quantity is wrong, or it has not just one of components and recipe.
    """
    place = f"products.{name}"
    if (entry.components is None) == (entry.recipe is None):
        raise InputError(f"{place}: give either components, or a recipe with parts by volume")
    for stream, part in (entry.recipe or {}).items():
        if part <= 0.0:
            raise InputError(f"{place}.recipe.{stream} is {part}; give a part above zero")
    low, high = flow_range(entry, ("min", "max"), place)
    way_out = "write 'disposal: true' when the plant pays to be rid of it"
    text = entry.price
    price = (
        parse_quantity(text, "price by volume", f"{place}.price")
        if entry.disposal
        else price_of(text, place, way_out)
    )
    return Product(
        name,
        tuple(entry.components or entry.recipe or ()),
        price,
        low,
        high,
        specs_of(entry.specs, f"{place}.specs"),
        entry.recipe or {},
    )


def row_of(number: int, entry: LimitEntry) -> FlowRow:
    """Return a limit on a weighted sum of flows.

    Raises:
        InputError: it has no limit, no weight, or a minimum above its maximum.
    """
    place = f"limits[{number}] ({entry.name})"
    low, high = (_flow(text, f"{place}.{key}") for key, text in _sides(entry))
    if low is None and high is None:
        raise InputError(f"{place} gives no limit; add min or max")
    if low is not None and high is not None and low > high:
        raise InputError(f"{place}: min {entry.min} is above max {entry.max}; exchange them")
    if not any(entry.of.values()):
        raise InputError(f"{place}.of has no weight other than zero; give one")
    return FlowRow(
        entry.name, entry.of, low, high, unit_of_text(entry.min if entry.max is None else entry.max)
    )


def alert_of(number: int, entry: AlertEntry) -> Alert:
    """Return a range that is watched.

    Raises:
        InputError: it has no bound, or its bounds are out of order.
    """
    place = f"alerts[{number}] ({entry.of})"
    name = quality_of_path(entry.of)
    dimension = quality(name, place).dimension if name else "volume flow"
    keys = ("error_below", "warn_below", "warn_above", "error_above")
    texts = {key: getattr(entry, key) for key in keys if getattr(entry, key) is not None}
    if not texts:
        raise InputError(f"{place} watches nothing; give one of {', '.join(keys)}")
    bounds = {key: parse_quantity(text, dimension, f"{place}.{key}") for key, text in texts.items()}
    if list(bounds.values()) != sorted(bounds.values()):
        raise InputError(f"{place}: its bounds must rise in the order {', '.join(texts)}")
    unit = unit_of_text(next(iter(texts.values())))
    return Alert(of=entry.of, **dict.fromkeys(keys) | bounds, unit=unit)


def _sides(entry: LimitEntry) -> tuple[tuple[str, Text | None], tuple[str, Text | None]]:
    return ("min", entry.min), ("max", entry.max)


def _flow(text: Text | None, place: str) -> float | None:
    return None if text is None else parse_quantity(text, "volume flow", place)
