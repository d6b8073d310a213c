"""Values that several kinds of entries of a case file share: flows, prices, parcels, limits."""

import math

from operator_agent.errors import InputError
from operator_agent.planning.case_schema import CrudeEntry, PurchaseEntry, SpecEntry, Text
from operator_agent.planning.choices import PART_OF_LOT
from operator_agent.planning.qualities import quality
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.spec import Spec


def flow_range(entry: object, names: tuple[str, str], place: str) -> tuple[float, float]:
    """Return two volume flows that bound something, the first not above the second [m3/s].

    Raises:
        InputError: one is negative, or they are out of order.
    """
    low, high = (parse_quantity(getattr(entry, n), "volume flow", f"{place}.{n}") for n in names)
    if not 0.0 <= low <= high:
        raise InputError(
            f"{place}: {names[0]} {getattr(entry, names[0])} and {names[1]} "
            f"{getattr(entry, names[1])} must satisfy 0 <= {names[0]} <= {names[1]}"
        )
    return low, high


def price_of(text: Text, place: str, way_out: str = "give what it costs") -> float:
    """Return a price that is not negative [usd/m3].

    Raises:
        InputError: it is negative; the message ends with the way out.
    """
    price = parse_quantity(text, "price by volume", f"{place}.price")
    if price < 0.0:
        raise InputError(f"{place}.price is '{text}', which is negative; {way_out}")
    return price


def parcel_of(
    entry: CrudeEntry | PurchaseEntry, flows: tuple[float, float], place: str
) -> tuple[float, float]:
    """Return the lot and the least flow if any is bought [m3/s]; zero where there is none.

    Args:
        entry: of a crude or a purchase.
        flows: least and largest purchase [m3/s].
        place: of the entry.

    Raises:
        InputError: they leave nothing to buy between the least and the largest purchase.
    """
    low, high = flows
    lot, least = (
        0.0 if text is None else parse_quantity(text, "volume flow", f"{place}.{key}")
        for key, text in (("lot", entry.lot), ("at_least_if_any", entry.at_least_if_any))
    )
    if entry.lot is not None and lot <= 0.0:
        raise InputError(f"{place}.lot is '{entry.lot}'; give the flow of one cargo, above zero")
    if lot and math.ceil(low / lot * (1.0 - PART_OF_LOT)) * lot > high * (1.0 + PART_OF_LOT):
        raise InputError(
            f"{place}: no whole number of lots of {entry.lot} lies between min {entry.min} and "
            f"max {entry.max}; widen them or change the lot"
        )
    if not 0.0 <= least <= high:
        raise InputError(
            f"{place}: at_least_if_any {entry.at_least_if_any} is not between 0 and max "
            f"{entry.max}; lower it or raise max"
        )
    return lot, least


def specs_of(entries: dict[str, SpecEntry], place: str) -> tuple[Spec, ...]:
    """Return specifications by quality.

    Raises:
        InputError: a quality is not known, or a minimum is above its maximum.
    """
    return tuple(_spec(name, entry, f"{place}.{name}") for name, entry in entries.items())


def _spec(name: str, entry: SpecEntry, place: str) -> Spec:
    of = quality(name, place)
    low, high = (
        None if text is None else parse_quantity(text, of.dimension, f"{place}.{side}")
        for side, text in (("min", entry.min), ("max", entry.max))
    )
    if low is None and high is None:
        raise InputError(f"{place} gives no limit; add min or max")
    if low is not None and high is not None and low > high:
        raise InputError(f"{place}: min {entry.min} is above max {entry.max}; exchange them")
    return Spec(of, low, high, unit_of_text(entry.min if entry.max is None else entry.max))


def unit_of_text(text: Text | None) -> str:
    """Return the unit in which a quantity is written.

    Example:
        >>> unit_of_text("30 wt ppm")
        'wt ppm'
    """
    words = str(text).split(maxsplit=1)
    return words[1] if len(words) == 2 else "number"
