"""Tanks, routes and shared supply of a system file, as values in SI."""

import difflib
from collections.abc import Iterable, Mapping

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.qualities import QUALITIES, Basis, quality
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.system.schema import (
    RouteEntry,
    SupplyEntry,
    TankEntry,
    TanksEntry,
)
from operator_agent.planning.system.system import Goods, PlantPlan, Route, Supply, Tank


def goods_of(case: PlanningCase, goods: Goods) -> list[str]:
    """Return the names of what a case has of a kind of goods."""
    names: Mapping[Goods, Iterable[str]] = {
        Goods.CRUDE: case.crudes,
        Goods.STREAM: case.streams,
        Goods.PRODUCT: case.products,
    }
    return list(names[goods])


def check_known(item: str, goods: Goods, cases: Mapping[str, PlanningCase], place: str) -> None:
    """Refuse a crude, stream or product that a plant lacks in some period.

    Raises:
        InputError: it does; the nearest name is told.
    """
    for period, case in cases.items():
        names = goods_of(case, goods)
        if item not in names:
            near = difflib.get_close_matches(item, names, n=1, cutoff=0.0)
            nearest = f"; the nearest is '{near[0]}'" if near else "; take it out"
            raise InputError(
                f"{place}: case {case.name} has no {goods.value} '{item}' in period {period}"
                f"{nearest}"
            )


def read_tanks(
    entry: TanksEntry, cases: Mapping[str, PlanningCase], place: str
) -> tuple[Tank, ...]:
    """Return the tanks of a plant.

    Args:
        entry: as written.
        cases: of the plant by period.
        place: of the entry in the file.

    Raises:
        InputError: unknown goods, stocks that contradict each other, or a missing quality.
    """
    groups = (
        (Goods.CRUDE, "crudes", entry.crudes),
        (Goods.STREAM, "streams", entry.streams),
        (Goods.PRODUCT, "products", entry.products),
    )
    tanks = []
    for goods, group, tank_entries in groups:
        for item, tank in tank_entries.items():
            here = f"{place}.{group}.{item}"
            check_known(item, goods, cases, here)
            tanks.append(_tank(goods, item, tank, cases, here))
    return tuple(tanks)


def _tank(
    goods: Goods, item: str, entry: TankEntry, cases: Mapping[str, PlanningCase], place: str
) -> Tank:
    opening = parse_quantity(entry.opening, "volume", f"{place}.opening")
    low, high = stock_range(entry, place)
    if entry.closing is None and entry.value is None:
        raise InputError(
            f"{place}: give 'closing' (stock at the end, at least) or 'value' (of that stock); "
            "otherwise the plan would sell it all"
        )
    closing = low
    if entry.closing is not None:
        closing = parse_quantity(entry.closing, "volume", f"{place}.closing")
    for key, volume in (("opening", opening), ("closing", closing)):
        if not 0.0 <= volume <= high:
            raise InputError(
                f"{place}.{key} is {getattr(entry, key)}; it must lie between 0 and max {entry.max}"
            )
    return Tank(
        goods,
        item,
        opening,
        low,
        high,
        max(closing, low),
        _price(entry.value or "0 usd/m3", "price by volume", f"{place}.value"),
        _price(entry.storage, "price by volume and time", f"{place}.storage"),
        _opening_contents(goods, item, entry, opening, cases, place),
    )


def _price(text: str | float, dimension: str, place: str) -> float:
    price = parse_quantity(text, dimension, place)
    if price < 0.0:
        raise InputError(f"{place} is {text}; give zero or more")
    return price


def _opening_contents(
    goods: Goods,
    item: str,
    entry: TankEntry,
    opening: float,
    cases: Mapping[str, PlanningCase],
    place: str,
) -> Mapping[str, float]:
    """Return the contents of the opening stock of a stream, per m3."""
    if goods is not Goods.STREAM:
        if entry.qualities:
            raise InputError(f"{place}.qualities: only streams carry them; take them out")
        return {}
    needed = next(iter(cases.values())).contents[item]
    values = {
        name: parse_quantity(
            text,
            quality(name, f"{place}.qualities").dimension,
            f"{place}.qualities.{name}",
        )
        for name, text in entry.qualities.items()
    }
    asked = (*needed, "density") if any(_by_mass(name) for name in needed) else needed
    missing = [name for name in dict.fromkeys(asked) if name not in values]
    if missing and opening > 0.0:
        raise InputError(
            f"{place}.qualities: '{missing[0]}' of the opening stock is missing; "
            f"give {', '.join(missing)}"
        )
    density = values.get("density", 0.0)
    return {
        name: quality(name, place).content(values[name], density)
        for name in needed
        if name in values
    }


def _by_mass(name: str) -> bool:
    return QUALITIES[name].basis is Basis.MASS


def read_route(entry: RouteEntry, place: str, plants: list[str]) -> Route:
    """Return a route.

    Raises:
        InputError: an unknown plant, none or several kinds of goods, or a wrong range or cost.
    """
    for key, plant in (("from", entry.source), ("to", entry.target)):
        if plant not in plants:
            near = difflib.get_close_matches(plant, plants, n=1, cutoff=0.0)[0]
            raise InputError(f"{place}.{key}: there is no plant '{plant}'; the nearest is '{near}'")
    if entry.source == entry.target:
        raise InputError(f"{place}: it begins and ends at '{entry.source}'; name two plants")
    given = [goods for goods in Goods if getattr(entry, goods.value) is not None]
    if len(given) != 1:
        raise InputError(f"{place}: give exactly one of 'crude', 'stream' and 'product'")
    item = str(getattr(entry, given[0].value))
    low, high = flow_range(entry, place)
    cost = _price(entry.cost, "price by volume", f"{place}.cost")
    arrives_as = entry.arrives_as or item
    return Route(entry.source, entry.target, given[0], item, arrives_as, low, high, cost)


def read_supply(item: str, entry: SupplyEntry, plants: Mapping[str, PlantPlan]) -> Supply:
    """Return a limit on what all plants together buy of a crude or of a stream.

    Raises:
        InputError: no plant buys it, or a wrong range.
    """
    place = f"supply.{item}"
    known = {
        name
        for plant in plants.values()
        for case in plant.cases.values()
        for name in (*case.crudes, *case.purchases)
    }
    if item not in known:
        raise InputError(f"{place}: no plant buys it; use one of {', '.join(sorted(known))}")
    low, high = flow_range(entry, place)
    return Supply(item, low, high)


def stock_range(entry: TankEntry, place: str) -> tuple[float, float]:
    """Return least and most stock [m3].

    Raises:
        InputError: they contradict each other.
    """
    return _range(entry, "volume", place)


def flow_range(entry: RouteEntry | SupplyEntry, place: str) -> tuple[float, float]:
    """Return least and most flow [m3/s].

    Raises:
        InputError: they contradict each other.
    """
    return _range(entry, "volume flow", place)


def _range(
    entry: TankEntry | RouteEntry | SupplyEntry, dimension: str, place: str
) -> tuple[float, float]:
    low = parse_quantity(entry.min, dimension, f"{place}.min")
    high = parse_quantity(entry.max, dimension, f"{place}.max")
    if not 0.0 <= low <= high:
        raise InputError(f"{place}: min {entry.min} and max {entry.max} must be 0 <= min <= max")
    return low, high
