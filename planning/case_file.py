"""Case files: YAML in, `PlanningCase` out, or one clear sentence about what is wrong."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from pydantic import ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case import (
    Crude,
    CrudeUnit,
    CutPoint,
    LinearForm,
    PlanningCase,
    ProcessUnit,
    Product,
    Profile,
    Spec,
    UnitProduct,
    Utilities,
)
from operator_agent.planning.case_changes import with_price_factors, with_slate
from operator_agent.planning.case_schema import (
    CaseEntry,
    CrudeEntry,
    CrudeUnitEntry,
    FormEntry,
    ProductEntry,
    ProfileEntry,
    QualityRule,
    SpecEntry,
    UnitEntry,
    first_complaint,
)
from operator_agent.planning.exchange import UNCONNECTED, Connections
from operator_agent.planning.qualities import Basis, Quality, quality
from operator_agent.planning.quantities import parse_quantity
from operator_agent.plant.assay import load_assay

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

PROFILES = {"sulphur": "number", "octane": "number", "viscosity": "kinematic viscosity"}
"""Profiles that a case must give, and the dimension of their values."""


def load_case(path: Path | str) -> PlanningCase:
    """Return the planning case in a YAML file.

    Args:
        path: of the file; assay files are looked up from its folder.

    Raises:
        InputError: a file is missing, a key is unknown or missing, a quantity has no or a wrong
            unit or is not finite, or a stream is used that nothing makes. The message names
            the place, the value and the next step.
    """
    return case_from_entry(read_entry(path), Path(path).parent, f"case file {path}")


def read_entry(path: Path | str) -> dict[str, Any]:
    """Return the nested mapping of a YAML file as it is written.

    Raises:
        InputError: the file cannot be read, or holds no mapping.
    """
    file = Path(path)
    try:
        entry = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"case file {file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
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
        InputError: as `load_case`.
    """
    try:
        entry = CaseEntry.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{source}: {first_complaint(error)}") from error
    case = PlanningCase(
        name=entry.name,
        crudes=_each(entry.crudes, lambda name, crude: _crude(name, crude, folder)),
        crude_unit=_crude_unit(entry.crude_unit),
        profiles={name: _profile(name, entry.profiles) for name in PROFILES},
        units=_each(entry.units, _unit),
        products=_each(entry.products, _product),
        utilities=Utilities(
            parse_quantity(entry.utilities.fuel_price, "price by energy", "utilities.fuel_price"),
            parse_quantity(entry.utilities.steam_price, "price by mass", "utilities.steam_price"),
        ),
        connections=connections,
    )
    _check(case)
    return with_slate(case, entry.slate) if entry.slate else case


def _each(
    entries: Mapping[str, EntryT], build: Callable[[str, EntryT], ValueT]
) -> Mapping[str, ValueT]:
    return {name: build(name, entry) for name, entry in entries.items()}


def _range(entry: object, names: tuple[str, str], place: str) -> tuple[float, float]:
    """Return two volume flows that bound something, the first not above the second."""
    low, high = (parse_quantity(getattr(entry, n), "volume flow", f"{place}.{n}") for n in names)
    if not 0.0 <= low <= high:
        raise InputError(
            f"{place}: {names[0]} {getattr(entry, names[0])} and {names[1]} "
            f"{getattr(entry, names[1])} must satisfy 0 <= {names[0]} <= {names[1]}"
        )
    return low, high


def _crude(name: str, entry: CrudeEntry, folder: Path) -> Crude:
    place = f"crudes.{name}"
    assay_file = folder / entry.assay
    if not assay_file.is_file():
        raise InputError(
            f"{place}.assay: file {assay_file} does not exist; "
            "give a path from the folder of the case file"
        )
    low, high = _range(entry, ("min", "max"), place)
    return Crude(
        name,
        load_assay(assay_file),
        parse_quantity(entry.price, "price by volume", f"{place}.price"),
        low,
        high,
        parse_quantity(entry.sulphur, "fraction", f"{place}.sulphur"),
        parse_quantity(entry.tail_viscosity, "kinematic viscosity", f"{place}.tail_viscosity"),
    )


def _crude_unit(entry: CrudeUnitEntry) -> CrudeUnit:
    low, high = _range(entry, ("turndown", "capacity"), "crude_unit")

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


def _profile(name: str, entries: Mapping[str, ProfileEntry]) -> Profile:
    if name not in entries:
        raise InputError(f"profiles.{name} is missing; give its values over boiling point")
    entry, place = entries[name], f"profiles.{name}"
    temps = [
        parse_quantity(f"{t} {entry.temperature_unit}", "temperature", place)
        for t in entry.temperatures
    ]
    values = [
        parse_quantity(f"{v} {entry.value_unit}", PROFILES[name], place) for v in entry.values
    ]
    if len(temps) != len(values) or len(temps) < 2 or bool(np.any(np.diff(temps) <= 0.0)):
        raise InputError(f"{place}: needs two or more rising temperatures and one value for each")
    if name == "viscosity":
        values = [quality(name, place).to_index(value) for value in values]
    return Profile(np.array(temps), np.array(values))


def _form(entry: FormEntry, dimension: str, place: str) -> LinearForm:
    for name in entry.slopes:
        quality(name, f"{place}.slopes")
    base = parse_quantity(entry.base, dimension, f"{place}.base")
    shift = sum(item.slope * item.at for item in entry.slopes.values())
    return LinearForm(base - shift, {name: item.slope for name, item in entry.slopes.items()})


def _unit(name: str, entry: UnitEntry) -> ProcessUnit:
    place = f"units.{name}"
    low, high = _range(entry, ("turndown", "capacity"), place)
    products = []
    for stream, product in entry.products.items():
        here = f"{place}.products.{stream}"
        yielded = _form(product.yielded, "number", f"{here}.yield")
        products.append(UnitProduct(stream, yielded, _amounts(product.qualities, yielded, here)))
    return ProcessUnit(
        name,
        tuple(entry.feeds),
        low,
        high,
        parse_quantity(entry.energy, "energy by volume", f"{place}.energy"),
        _form(entry.operating_cost, "price by volume", f"{place}.operating_cost"),
        tuple(products),
    )


def _amounts(
    rules: Mapping[str, QualityRule], yielded: LinearForm, place: str
) -> Mapping[str, LinearForm]:
    density = rules.get("density")
    fixed = density.fixed if density else None
    kg_m3 = None if fixed is None else parse_quantity(fixed, "density", f"{place}.density")
    return {
        name: _amount(quality(name, place), rule, yielded, kg_m3, f"{place}.qualities.{name}")
        for name, rule in rules.items()
    }


def _amount(
    of: Quality, rule: QualityRule, yielded: LinearForm, density: float | None, place: str
) -> LinearForm:
    """Return the amount of a quality in a unit's product, per m3 of feed."""
    if rule.fixed is not None:
        if of.basis is Basis.MASS and density is None:
            raise InputError(f"{place}: a fixed {of.words} needs a fixed density beside it")
        value = parse_quantity(rule.fixed, of.dimension, place)
        return yielded.times(of.content(value, density or 0.0))
    if rule.amount is not None:
        base = rule.amount.get("volume", 0.0)
        slopes = {name: slope for name, slope in rule.amount.items() if name != "volume"}
        for name in slopes:
            quality(name, place)
        return LinearForm(base, slopes)
    if rule.feed_times is None or of.basis is Basis.MASS or yielded.slopes:
        raise InputError(
            f"{place}: give 'fixed', 'amount', or, for a volume-based quality at a constant "
            "yield, 'feed_times' with 'plus'"
        )
    plus = parse_quantity(rule.plus, of.dimension, place) if rule.plus is not None else 0.0
    return LinearForm(yielded.base * plus, {of.name: yielded.base * rule.feed_times})


def _product(name: str, entry: ProductEntry) -> Product:
    place = f"products.{name}"
    low, high = _range(entry, ("min", "max"), place)
    specs = tuple(_spec(key, spec, f"{place}.specs.{key}") for key, spec in entry.specs.items())
    price = parse_quantity(entry.price, "price by volume", f"{place}.price")
    return Product(name, tuple(entry.components), price, low, high, specs)


def _spec(name: str, entry: SpecEntry, place: str) -> Spec:
    of = quality(name, place)
    low, high = (
        None if text is None else parse_quantity(text, of.dimension, f"{place}.{side}")
        for side, text in (("min", entry.min), ("max", entry.max))
    )
    if low is not None and high is not None and low > high:
        raise InputError(f"{place}: min {entry.min} is above max {entry.max}; exchange them")
    words = str(entry.min if entry.max is None else entry.max).split(maxsplit=1)
    return Spec(of, low, high, words[1] if len(words) == 2 else "number")


def _check(case: PlanningCase) -> None:
    """Refuse streams that nothing makes or nothing takes, and names used twice."""
    own = case.crude_unit.streams
    for unit in case.units.values():
        for product in unit.products:
            if product.stream in own:
                raise InputError(
                    f"units.{unit.name}: stream '{product.stream}' belongs to the crude unit; "
                    "give the unit's product a name of its own"
                )
    joined = case.connections
    made = {
        *own,
        *joined.arriving,
        *(product.stream for u in case.units.values() for product in u.products),
    }
    uses: Iterable[tuple[str, str]] = (
        *((f"units.{u.name}.feeds", s) for u in case.units.values() for s in u.feeds),
        *(
            (f"products.{p.name}.components", s)
            for p in case.products.values()
            for s in p.components
        ),
    )
    for place, stream in uses:
        if stream not in made:
            raise InputError(
                f"{place}: nothing makes stream '{stream}'; use one of {', '.join(sorted(made))}"
            )
    for stream in case.streams:
        if not case.uses(stream) and stream not in {*joined.leaving, *joined.stocked}:
            raise InputError(
                f"stream '{stream}' is made but nothing takes it; add it to the feeds of a unit "
                "or the components of a product"
            )
    _ = case.contents  # raises when a product lacks a quality that is asked of it
    both = set(case.units) & set(case.products)
    if both:
        raise InputError(f"'{sorted(both)[0]}' names both a unit and a product; rename one")
