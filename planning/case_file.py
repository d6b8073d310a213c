"""Case files: YAML in, `PlanningCase` out, or one clear sentence about what is wrong."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from pydantic import ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case import (
    NO_CRUDE_UNIT,
    Crude,
    CrudeUnit,
    CutPoint,
    PlanningCase,
    Profile,
    Utilities,
)
from operator_agent.planning.case_changes import with_price_factors, with_slate
from operator_agent.planning.case_checks import check_case, with_watched_qualities
from operator_agent.planning.case_schema import (
    CaseEntry,
    CrudeEntry,
    CrudeUnitEntry,
    ProfileEntry,
    UtilitiesEntry,
    first_complaint,
)
from operator_agent.planning.cuts import COMPUTED
from operator_agent.planning.entry_cells import told
from operator_agent.planning.entry_values import flow_range, parcel_of, price_of
from operator_agent.planning.exchange import UNCONNECTED, Connections
from operator_agent.planning.qualities import quality
from operator_agent.planning.quantities import parse_quantity
from operator_agent.planning.strict_yaml import load_strictly
from operator_agent.planning.trade_entries import alert_of, product_of, purchase_of, row_of
from operator_agent.planning.unit_entries import unit_of
from operator_agent.plant.crude.assay import load_assay

__all__ = [
    "PlanningCase",
    "case_from_entry",
    "load_case",
    "read_entry",
    "with_price_factors",
    "with_slate",
]

EntryT = TypeVar("EntryT")
ValueT = TypeVar("ValueT")

WORKBOOKS = (".xlsx", ".xlsm")
"""Endings of workbooks; they are read by `planning.workbook`, which reads cases by this module."""

OTHER_BOOKS = (".xls", ".xlsb", ".ods")
"""Endings of workbooks that are not read."""

PROFILES = {"sulphur": "number", "octane": "number", "viscosity": "kinematic viscosity"}
"""Profiles that a crude unit needs, and the dimension of their values."""

RELATIVE = frozenset({"sulphur"})
"""Profiles that give a shape only, scaled to what the whole crude holds."""


def load_case(path: Path | str) -> PlanningCase:
    """Return the planning case in a YAML file.

    Args:
        path: of a case file, from whose folder assay files are looked up; or of a child or a tree
            of cases (see `casework.tree`).

    Raises:
        InputError: a file is missing, a key is unknown or missing, a quantity has no or a wrong
            unit or is not finite, or a stream is used that nothing makes. The message names
            the place, the value and the next step.
    """
    from operator_agent.planning.casework.tree import load_tree  # it stands on this module

    return load_tree(path).case()


def read_entry(path: Path | str) -> dict[str, Any]:
    """Return the nested mapping of a YAML file as it is written, or that of a workbook.

    Raises:
        InputError: the file cannot be read, or holds no mapping.
    """
    file = Path(path)
    if file.suffix.lower() in WORKBOOKS:
        from operator_agent.planning.workbook.convert import case_entry

        return case_entry(file)
    if file.suffix.lower() in OTHER_BOOKS:
        raise InputError(
            f"case file {file} is a spreadsheet of another format; open it in a spreadsheet "
            "program and save it as .xlsx"
        )
    if file.is_dir():
        raise InputError(f"case file {file} is a folder; give a case file in it")
    try:
        entry = load_strictly(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"case file {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"case file {file} is no text in UTF-8; save it as YAML text, or as .xlsx"
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"case file {file} is not YAML: {error}") from error
    if not isinstance(entry, dict):
        raise InputError(f"case file {file} holds no keys; begin it with 'name:'")
    return entry


def case_from_entry(
    raw: Mapping[str, Any], folder: Path, source: str, connections: Connections = UNCONNECTED
) -> PlanningCase:
    """Return the planning case of a nested mapping, wherever that was written.

    Args:
        raw: with the keys of a case file.
        folder: from which assay files are looked up.
        source: of the mapping, such as `case file north.yaml`, for messages.
        connections: of its streams with tanks and other plants.

    Raises:
        InputError: as `load_case`; the message begins with the source, and for an entry that was
            read from a workbook with its sheet and cell.
    """
    try:
        return _case(CaseEntry.model_validate(raw), folder, connections)
    except ValidationError as error:
        raise told(InputError(first_complaint(error)), source, raw) from error
    except InputError as error:
        raise told(error, source, raw) from error


def _case(entry: CaseEntry, folder: Path, connections: Connections) -> PlanningCase:
    case = PlanningCase(
        name=entry.name,
        crudes=_each(entry.crudes, lambda name, crude: _crude(name, crude, folder)),
        crude_unit=_crude_unit(entry.crude_unit) if entry.crude_unit else NO_CRUDE_UNIT,
        profiles=_profiles(entry),
        units=_each(entry.units, unit_of),
        products=_each(entry.products, product_of),
        utilities=_utilities(entry.utilities),
        purchases=_each(entry.purchases, purchase_of),
        rows=tuple(row_of(number, row) for number, row in enumerate(entry.limits)),
        alerts=tuple(alert_of(number, alert) for number, alert in enumerate(entry.alerts)),
        connections=connections,
    )
    case = with_watched_qualities(case)
    check_case(case)
    return with_slate(case, entry.slate) if entry.slate else case


def _utilities(entry: UtilitiesEntry) -> Utilities:
    prices = (
        parse_quantity(entry.fuel_price, "price by energy", "utilities.fuel_price"),
        parse_quantity(entry.steam_price, "price by mass", "utilities.steam_price"),
    )
    for key, price in zip(("fuel_price", "steam_price"), prices, strict=True):
        if price < 0.0:
            raise InputError(
                f"utilities.{key} is '{getattr(entry, key)}', which is negative; give what it costs"
            )
    return Utilities(*prices)


def _each(
    entries: Mapping[str, EntryT], build: Callable[[str, EntryT], ValueT]
) -> Mapping[str, ValueT]:
    return {name: build(name, entry) for name, entry in entries.items()}


def _crude(name: str, entry: CrudeEntry, folder: Path) -> Crude:
    place = f"crudes.{name}"
    assay_file = folder / entry.assay
    if not assay_file.is_file():
        raise InputError(
            f"{place}.assay: file {assay_file} does not exist: '{entry.assay}' was looked for from "
            f"the folder {folder.resolve()}, where the case file stands; move the assays along "
            "with the file, or give their path from there"
        )
    flows = flow_range(entry, ("min", "max"), place)
    return Crude(
        name,
        load_assay(assay_file),
        price_of(entry.price, place),
        *flows,
        parse_quantity(entry.sulphur, "fraction", f"{place}.sulphur"),
        parse_quantity(entry.tail_viscosity, "kinematic viscosity", f"{place}.tail_viscosity"),
        *parcel_of(entry, flows, place),
    )


def _crude_unit(entry: CrudeUnitEntry) -> CrudeUnit:
    low, high = flow_range(entry, ("turndown", "capacity"), "crude_unit")

    def value(key: str, dimension: str) -> float:
        return parse_quantity(getattr(entry, key), dimension, f"crude_unit.{key}")

    return CrudeUnit(
        low,
        high,
        value("energy", "energy by volume"),
        value("steam", "density"),
        value("operating_cost", "price by volume"),
        _cuts(entry),
        value("vacuum_cut", "temperature"),
        value("diesel_end", "temperature"),
        value("diesel_tail", "temperature difference"),
        value("flash_front", "temperature difference"),
    )


def _cuts(entry: CrudeUnitEntry) -> tuple[CutPoint, ...]:
    cuts = tuple(
        CutPoint(
            cut.between[0],
            cut.between[1],
            parse_quantity(cut.low, "temperature", f"crude_unit.cuts[{n}].low"),
            parse_quantity(cut.high, "temperature", f"crude_unit.cuts[{n}].high"),
            cut.target,
            parse_quantity(cut.overlap, "temperature difference", f"crude_unit.cuts[{n}].overlap"),
        )
        for n, cut in enumerate(entry.cuts)
    )
    for n, (cut, after) in enumerate(pairwise(cuts)):
        if cut.lower != after.upper or cut.high > after.low:
            raise InputError(
                f"crude_unit.cuts[{n + 1}] ({after.name}) does not follow cuts[{n}] ({cut.name}): "
                "neighbours share a stream, and windows rise without overlap"
            )
    for n, cut in enumerate(cuts):
        if not cut.low < cut.high:
            raise InputError(f"crude_unit.cuts[{n}]: low {entry.cuts[n].low} is not below high")
    return cuts


def _profiles(entry: CaseEntry) -> Mapping[str, Profile]:
    """Return the profiles that a crude unit needs, and those of further qualities."""
    for name in PROFILES if entry.crude_unit else ():
        if name not in entry.profiles:
            raise InputError(f"profiles.{name} is missing; give its values over boiling point")
    return {name: _profile(name, profile) for name, profile in entry.profiles.items()}


def _profile(name: str, entry: ProfileEntry) -> Profile:
    place = f"profiles.{name}"
    of = quality(name, place)
    if name in COMPUTED:
        raise InputError(f"{place}: {of.words} is computed from the assay; remove the profile")
    temps = [
        parse_quantity(f"{t} {entry.temperature_unit}", "temperature", place)
        for t in entry.temperatures
    ]
    values = [
        parse_quantity(f"{v} {entry.value_unit}", PROFILES.get(name, of.dimension), place)
        for v in entry.values
    ]
    if len(temps) != len(values) or len(temps) < 2 or bool(np.any(np.diff(temps) <= 0.0)):
        raise InputError(f"{place}: needs two or more rising temperatures and one value for each")
    if name not in RELATIVE:
        values = [of.to_index(value) for value in values]
    return Profile(np.array(temps), np.array(values))
