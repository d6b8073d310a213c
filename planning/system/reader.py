"""System files: YAML in, `PlanningSystem` out, or one clear sentence about what is wrong."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.case_file import WORKBOOKS, case_from_entry, read_entry
from operator_agent.planning.case_schema import first_complaint
from operator_agent.planning.casework.tree import OF_FILE
from operator_agent.planning.changes import apply_changes
from operator_agent.planning.exchange import Connections
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.system.carried import carry_qualities
from operator_agent.planning.system.goods_checks import check_routes, check_stocks
from operator_agent.planning.system.goods_reader import read_route, read_supply, read_tanks
from operator_agent.planning.system.order import stream_order
from operator_agent.planning.system.period_changes import sort_changes, with_ranges
from operator_agent.planning.system.schema import PeriodEntry, PlantEntry, SystemEntry
from operator_agent.planning.system.system import Goods, Period, PlanningSystem, PlantPlan, Route

SYSTEM_KEYS = frozenset({"periods", "plants", "transport", "supply"})
"""Keys that a system file has and a case file has not."""


def is_system_file(path: Path | str) -> bool:
    """Return whether a file describes a system of plants and periods, not a single case.

    Raises:
        InputError: the file cannot be read, or holds no mapping.
    """
    file, _, _ = str(path).partition(OF_FILE)
    return bool(SYSTEM_KEYS & set(read_entry(file)))


def load_system(path: Path | str) -> PlanningSystem:
    """Return the planning system in a YAML file or a workbook.

    Args:
        path: of the file; case files are looked up from its folder.

    Raises:
        InputError: a file is missing, a key is unknown or missing, a quantity has no or a wrong
            unit, or a tank, route or period does not fit the plants. The message names the place,
            the value and the next step.
    """
    if Path(path).suffix.lower() in WORKBOOKS:
        from operator_agent.planning.workbook.convert import load_any_system

        return load_any_system(path)
    return system_from_entry(read_entry(path), Path(path).parent, f"system file {path}")


def system_from_entry(raw: Mapping[str, Any], folder: Path, source: str) -> PlanningSystem:
    """Return the planning system of a nested mapping, wherever that was written.

    Args:
        raw: with the keys of a system file.
        folder: from which case files are looked up.
        source: of the mapping, for messages.

    Raises:
        InputError: as `load_system`.
    """
    try:
        entry = SystemEntry.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{source}: {first_complaint(error, SystemEntry)}") from error
    alone = not entry.plants
    plants = _plants(entry, folder)
    periods = _periods(entry.periods)
    routes = tuple(
        read_route(one, f"transport[{n}]", list(plants)) for n, one in enumerate(entry.transport)
    )
    _check_once("transport", [route.name for route in routes])
    changes = sort_changes(entry.periods, list(plants), alone=alone)
    cases = {
        name: _cases(name, plant, folder, changes.cases[name], _connections(name, plant, routes))
        for name, plant in plants.items()
    }
    places = {name: "tanks" if alone else f"plants.{name}.tanks" for name in plants}
    check_routes(routes, cases)
    carried = carry_qualities(cases, routes)
    made = {
        name: PlantPlan(name, carried[name], read_tanks(plant.tanks, carried[name], places[name]))
        for name, plant in plants.items()
    }
    for name, plant_plan in made.items():
        check_stocks(name, plant_plan.tanks, plant_plan.cases)
    supply = tuple(read_supply(item, one, made) for item, one in entry.supply.items())
    system = with_ranges(PlanningSystem(entry.name, made, periods, routes, supply), raw, changes)
    for period in periods:
        stream_order(system, period)  # raises when streams are made from each other
    return system


def _plants(entry: SystemEntry, folder: Path) -> Mapping[str, PlantEntry]:
    """Return the plants of a file; what stands at the top is one plant with the name of its case.

    Raises:
        InputError: neither or both ways are used.
    """
    if entry.case is None:
        if not entry.plants:
            raise InputError("plants: a system needs at least one; write 'case' or 'plants'")
        if entry.changes or entry.tanks.model_fields_set:
            raise InputError("'tanks' and 'changes' stand below a plant here; move them there")
        return entry.plants
    if entry.plants:
        raise InputError("'case' and 'plants' are both given; keep one of them")
    name = str(read_entry(folder / entry.case).get("name", entry.name))
    return {name: PlantEntry(case=entry.case, changes=entry.changes, tanks=entry.tanks)}


def _periods(entries: Iterable[PeriodEntry]) -> tuple[Period, ...]:
    periods = []
    for n, entry in enumerate(entries):
        place = f"periods[{n}] ({entry.name}).length"
        length_s = parse_quantity(entry.length, "time", place)
        if length_s <= 0.0:
            raise InputError(f"{place} is {entry.length}; give a positive time, such as '30 d'")
        periods.append(Period(entry.name, length_s))
    _check_once("periods", [period.name for period in periods])
    return tuple(periods)


def _check_once(place: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{place}: '{name}' is given twice; keep one of them or rename it")


def _connections(plant: str, entry: PlantEntry, routes: Iterable[Route]) -> Connections:
    streams = [route for route in routes if route.goods is Goods.STREAM]
    return Connections(
        arriving=tuple(dict.fromkeys(r.arrives_as for r in streams if r.target == plant)),
        leaving=tuple(dict.fromkeys(r.item for r in streams if r.source == plant)),
        stocked=tuple(entry.tanks.streams),
    )


def _cases(
    plant: str,
    entry: PlantEntry,
    folder: Path,
    changes: Mapping[str, Mapping[str, Any]],
    connections: Connections,
) -> Mapping[str, PlanningCase]:
    """Return the case of a plant in each period."""
    file = folder / entry.case
    raw = apply_changes(read_entry(file), entry.changes, f"changes of plant {plant}")
    cases = {}
    for period, changed in changes.items():
        place = f"plant {plant}, period {period}"
        inner = apply_changes(raw, changed, place)
        try:
            cases[period] = case_from_entry(inner, file.parent, f"case file {file}", connections)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
    return cases
