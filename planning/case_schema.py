"""The layout of a case file: which keys it has, and what is said about those it has not.

Pydantic checks the shape only; `case_file` turns the texts into SI values.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Text = str | float
"""A quantity as written: `72.5 usd/bbl`."""


WANTED = {
    "string_type": "write a text, for a quantity a number and its unit, such as '72.5 usd/bbl'",
    "float_type": "write a number without a unit",
    "float_parsing": "write a number without a unit",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "list_type": "write a list, such as [naphtha, kerosene]",
    "dict_type": "write its keys below it, each with a value",
    "model_type": "write its keys below it, each with a value",
}
"""What is said about values of the wrong kind."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CrudeEntry(_Strict):
    """One crude on offer."""

    assay: str
    price: Text
    min: Text
    max: Text
    sulphur: Text
    tail_viscosity: Text
    lot: Text | None = None
    at_least_if_any: Text | None = None


class PurchaseEntry(_Strict):
    """One stream that is bought ready; it makes a stream of its own unless it names one to join."""

    stream: str | None = None
    price: Text
    min: Text
    max: Text
    qualities: dict[str, Text] = Field(default_factory=dict)
    lot: Text | None = None
    at_least_if_any: Text | None = None


class CutEntry(_Strict):
    """One swing cut."""

    between: Annotated[list[str], Field(min_length=2, max_length=2)]
    low: Text
    high: Text
    target: str
    overlap: Text


class CrudeUnitEntry(_Strict):
    """The atmospheric crude unit."""

    turndown: Text
    capacity: Text
    energy: Text
    steam: Text
    operating_cost: Text
    vacuum_cut: Text
    diesel_end: Text
    diesel_tail: Text
    flash_front: Text
    cuts: Annotated[list[CutEntry], Field(min_length=1)]


class ProfileEntry(_Strict):
    """A property over the boiling point."""

    temperature_unit: str
    temperatures: list[float]
    value_unit: str
    values: list[float]


class SlopeEntry(_Strict):
    """How a yield or a cost changes with a quality of the feed: slope per unit of content."""

    slope: float
    at: float = 0.0


class FormEntry(_Strict):
    """A base with slopes over feed qualities."""

    base: Text
    slopes: dict[str, SlopeEntry] = Field(default_factory=dict)


class QualityRule(_Strict):
    """How a product of a unit gets a quality: one of three ways."""

    fixed: Text | None = None
    amount: dict[str, float] | None = None
    feed_times: float | None = None
    plus: Text | None = None


class UnitProductEntry(_Strict):
    """One product of a unit; `yield` is a keyword of the language, hence the alias."""

    yielded: FormEntry = Field(alias="yield")
    qualities: dict[str, QualityRule]


class SpecEntry(_Strict):
    """Limits of one quality."""

    min: Text | None = None
    max: Text | None = None


class ModeEntry(_Strict):
    """One way to run a unit; feeds, energy and cost are those of the unit where it is silent."""

    feeds: list[str] | None = Field(default=None, min_length=1)
    energy: Text | None = None
    operating_cost: FormEntry | None = None
    products: dict[str, UnitProductEntry]
    gain_checked: bool = False


class UnitEntry(_Strict):
    """One process unit, with its products or with modes that have products."""

    feeds: Annotated[list[str], Field(min_length=1)]
    turndown: Text
    capacity: Text
    energy: Text | None = None
    operating_cost: FormEntry | None = None
    products: dict[str, UnitProductEntry] = Field(default_factory=dict)
    modes: dict[str, ModeEntry] = Field(default_factory=dict)
    exclusive: bool = False
    feed_specs: dict[str, SpecEntry] = Field(default_factory=dict)
    gain_checked: bool = False


class ProductEntry(_Strict):
    """One product for sale, of components that the plan mixes or by a fixed recipe."""

    components: list[str] | None = Field(default=None, min_length=1)
    recipe: dict[str, float] | None = Field(default=None, min_length=1)
    price: Text
    min: Text
    max: Text
    disposal: bool = False
    specs: dict[str, SpecEntry] = Field(default_factory=dict)


class LimitEntry(_Strict):
    """A limit on a weighted sum of flows."""

    name: str
    of: Annotated[dict[str, float], Field(min_length=1)]
    min: Text | None = None
    max: Text | None = None


class AlertEntry(_Strict):
    """A range that is watched, not enforced."""

    of: str
    warn_below: Text | None = None
    warn_above: Text | None = None
    error_below: Text | None = None
    error_above: Text | None = None


class UtilitiesEntry(_Strict):
    """Prices of energy."""

    fuel_price: Text
    steam_price: Text


class CaseEntry(_Strict):
    """The whole file."""

    name: str
    utilities: UtilitiesEntry
    crudes: dict[str, CrudeEntry] = Field(default_factory=dict)
    crude_unit: CrudeUnitEntry | None = None
    profiles: dict[str, ProfileEntry] = Field(default_factory=dict)
    purchases: dict[str, PurchaseEntry] = Field(default_factory=dict)
    units: dict[str, UnitEntry] = Field(default_factory=dict)
    products: Annotated[dict[str, ProductEntry], Field(min_length=1)]
    slate: dict[str, float] = Field(default_factory=dict)
    limits: list[LimitEntry] = Field(default_factory=list)
    alerts: list[AlertEntry] = Field(default_factory=list)


def first_complaint(error: ValidationError, layout: type[BaseModel] = CaseEntry) -> str:
    """Return one sentence about the first thing that is wrong, with the nearest valid key.

    Args:
        error: of the check.
        layout: of the file.
    """
    faults = error.errors()  # a misspelt key is missing as well: its own fault says more
    found = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    place = place_of(found["loc"], faults)
    where = ""
    for part in place:
        where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else part
    if found["type"] == "extra_forbidden":
        keys = _keys_at(layout, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), keys, n=1, cutoff=0.0)
        nearest = f"the nearest valid key is '{near[0]}'" if near else "remove it"
        return f"unknown key '{place[-1]}' at {where}; {nearest}"
    if found["type"] == "missing":
        return f"key '{place[-1]}' is missing at {where}; add it"
    return f"{where} {complaint_of(found['type'], found['input'], found['msg'])}"


def place_of(place: tuple[str | int, ...], faults: Sequence[Any]) -> tuple[str | int, ...]:
    """Return the place of a fault, without the kind of value that a quantity was tried as.

    Args:
        place: as the check tells it.
        faults: all that the check found.
    """
    tried = {fault["loc"][-1] for fault in faults if fault["loc"][:-1] == place[:-1]}
    return (
        place[:-1] if place[-1:] in (("str",), ("float",)) and {"str", "float"} <= tried else place
    )


def complaint_of(kind: str, value: Any, said: str) -> str:
    """Return what is wrong with a value and what to do, in plain words.

    Args:
        kind: of the fault, as the check calls it.
        value: that stands there.
        said: what the check says, where it is of another kind.

    Example:
        >>> complaint_of("finite_number", float("nan"), "")
        'is nan; give a finite number'
    """
    if value is None:
        return "is empty; give a value, or leave the key out where it may be"
    if kind == "too_short" and not value:
        return "is empty; give at least one"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}; give a finite number"
    wanted = WANTED.get(kind)
    return f"is {value!r}; {wanted}" if wanted else f"is {value!r}: {said}"


def _keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the model that stands at a place of the file."""
    annotation: Any = model
    for part in place:
        annotation = _present(annotation)
        if get_origin(annotation) in (list, dict):
            annotation = get_args(annotation)[-1]
            continue
        fields: Mapping[str, Any] = getattr(annotation, "model_fields", {})
        annotation = next(
            (field.annotation for name, field in fields.items() if part in (name, field.alias)),
            None,
        )
    fields = getattr(_present(annotation), "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _present(annotation: Any) -> Any:
    """Return the layout of a key that may be left out, for where it is there."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) in (Union, UnionType) and len(kinds) == 1:
        return kinds[0]
    return annotation
