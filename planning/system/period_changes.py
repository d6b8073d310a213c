"""Changes of a period: some to the cases of plants, some to tanks, transport and shared supply."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case_schema import first_complaint
from operator_agent.planning.changes import apply_changes
from operator_agent.planning.system.goods_reader import flow_range, stock_range
from operator_agent.planning.system.schema import PeriodEntry, SystemEntry, TanksEntry
from operator_agent.planning.system.system import PlanningSystem, PlantPlan, Ranges, Tank

RANGE_ENDS = (".min", ".max")
SHARED = ("transport[", "supply.")


@dataclass(frozen=True, slots=True)
class PeriodChanges:
    """Changes by what they change.

    Attributes:
        cases: by plant, period, and key of the case.
        system: by period, and key of the system file.
    """

    cases: Mapping[str, Mapping[str, Mapping[str, Any]]]
    system: Mapping[str, Mapping[str, Any]]


def sort_changes(
    entries: Iterable[PeriodEntry], plants: list[str], *, alone: bool
) -> PeriodChanges:
    """Return the changes of all periods by what they change.

    Args:
        entries: the periods.
        plants: names of all plants; keys begin with one of them, unless they are of the system.
        alone: whether the file holds one plant at its top, so that no key names it.

    Raises:
        InputError: a key begins with no plant, or changes more than the range of a tank, a route
            or a supply.
    """
    cases: dict[str, dict[str, dict[str, Any]]] = {plant: {} for plant in plants}
    system: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for plant in plants:
            cases[plant][entry.name] = {}
        system[entry.name] = {}
        for key, value in entry.changes.items():
            plant, _, inner = (plants[0], "", key) if alone else key.partition(".")
            if key.startswith(SHARED) or inner.startswith("tanks."):
                _check_range_end(key, entry.name)
                above = "" if alone or key.startswith(SHARED) else "plants."
                system[entry.name][above + key] = value
            elif plant not in cases or not inner:
                near = difflib.get_close_matches(plant, plants, n=1, cutoff=0.0)[0]
                raise InputError(
                    f"period {entry.name}, changes: '{key}' must begin with a plant, "
                    f"such as '{near}.'; the plants are {', '.join(plants)}"
                )
            else:
                cases[plant][entry.name][inner] = value
    return PeriodChanges(cases, system)


def _check_range_end(key: str, period: str) -> None:
    if not key.endswith(RANGE_ENDS):
        raise InputError(
            f"period {period}, changes: '{key}' stays the same in all periods; only 'min' and "
            "'max' of a tank, a route or a supply change"
        )


def with_ranges(
    system: PlanningSystem, raw: Mapping[str, Any], changes: PeriodChanges
) -> PlanningSystem:
    """Return the system with the ranges that single periods give tanks, routes and supply.

    Args:
        system: with the ranges of all periods.
        raw: nested mapping of the system file.
        changes: of the periods.

    Raises:
        InputError: an unknown key, or a range that contradicts itself or the closing stock.
    """
    entries = {
        period: _changed(raw, made, f"period {period}, changes")
        for period, made in changes.system.items()
        if made
    }
    if not entries:
        return system
    routes = [
        replace(
            route,
            ranges=_own(
                (route.low, route.high),
                {
                    period: flow_range(entry.transport[n], f"period {period}, transport[{n}]")
                    for period, entry in entries.items()
                },
            ),
        )
        for n, route in enumerate(system.transport)
    ]
    supply = [
        replace(
            one,
            ranges=_own(
                (one.low, one.high),
                {
                    period: flow_range(entry.supply[one.item], f"period {period}, {one.item}")
                    for period, entry in entries.items()
                },
            ),
        )
        for one in system.supply
    ]
    plants = {name: _plant(plant, entries, system) for name, plant in system.plants.items()}
    return replace(system, plants=plants, transport=tuple(routes), supply=tuple(supply))


def _own(whole: tuple[float, float], ranges: Ranges) -> Ranges:
    """Return the ranges that differ from that of all periods."""
    return {period: ends for period, ends in ranges.items() if ends != whole}


def _changed(raw: Mapping[str, Any], changes: Mapping[str, Any], place: str) -> SystemEntry:
    try:
        return SystemEntry.model_validate(apply_changes(raw, changes, place, SystemEntry))
    except ValidationError as error:
        raise InputError(f"{place}: {first_complaint(error, SystemEntry)}") from error


def _plant(
    plant: PlantPlan, entries: Mapping[str, SystemEntry], system: PlanningSystem
) -> PlantPlan:
    tanks = []
    for tank in plant.tanks:
        ranges = {}
        for period, entry in entries.items():
            place = f"period {period}, {tank.words} of {plant.name}"
            own = entry.plants[plant.name].tanks if entry.plants else entry.tanks
            ranges[period] = _stock_range(own, tank, place)
            if period == system.periods[-1].name and ranges[period][1] < tank.closing:
                raise InputError(f"{place}: its closing stock does not fit below max; change one")
        tanks.append(replace(tank, ranges=_own((tank.low, tank.high), ranges)))
    return replace(plant, tanks=tuple(tanks))


def _stock_range(entry: TanksEntry, tank: Tank, place: str) -> tuple[float, float]:
    groups = {"crude": entry.crudes, "stream": entry.streams, "product": entry.products}
    return stock_range(groups[tank.goods.value][tank.item], place)
