"""Changes to a case as it is written: dotted keys with new values, factors or differences.

    crudes.maya.price: 60 usd/bbl               a plain value replaces
    crudes.maya.max: {times: 1.05}              multiplies a quantity
    products.jet.price: {plus: 2 usd/bbl}       adds to a quantity, in any unit of its dimension
    crude_unit.cuts[0].low: {plus: 3 delta_degC}
    products.naphtha_export: {components: [naphtha], ...}   a new item, or a whole one replaced
    products.jet.specs.cloud: null              removes what may be left out

Periods, case trees and workbooks all change cases by these keys; the layout of the case file says
which keys there are.
"""

import copy
import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from operator_agent.errors import InputError
from operator_agent.planning.case_schema import CaseEntry
from operator_agent.planning.entry_cells import EntryWithCells
from operator_agent.planning.quantities import parse_quantity, planning_unit

OPERATIONS = ("times", "plus")
PART = re.compile(r"([^.\[\]]+)((?:\[\d+\])*)")  # a name, and the places in lists behind it

Part = str | int


def apply_changes(
    entry: Mapping[str, Any],
    changes: Mapping[str, Any],
    place: str,
    layout: type[BaseModel] = CaseEntry,
) -> dict[str, Any]:
    """Return a case entry with changes made, in their order; the given entry stays as it is.

    Args:
        entry: nested mapping of a case file.
        changes: by dotted key: a value, `{times: number}`, `{plus: quantity}`, or None.
        place: where the changes stand, for messages.
        layout: of the file, where it is no case.

    Raises:
        InputError: an unknown key (the nearest valid one is named), a factor of what is no
            quantity, a difference of another dimension, or the removal of what a case must have.

    Example:
        >>> changes = {"crudes.maya.price": {"times": 1.05}}
        >>> apply_changes({"crudes": {"maya": {"price": "60 usd/bbl"}}}, changes, "example")
        {'crudes': {'maya': {'price': '63.0 usd/bbl'}}}
    """
    changed = copy.deepcopy(entry if isinstance(entry, EntryWithCells) else dict(entry))
    for key, value in changes.items():
        _apply(changed, str(key), value, f"{place}: {key}", layout)
        if isinstance(changed, EntryWithCells):
            changed.forget(str(key))
    return changed


def _apply(entry: dict[str, Any], key: str, value: Any, place: str, whole: type[BaseModel]) -> None:
    parts = _parts(key, place)
    holder, layout = _holder(entry, parts[:-1], place, whole)
    last, kind = parts[-1], _inside(layout, parts[-1])
    if isinstance(holder, list):
        _check_index(holder, last, place)
    elif last not in holder and (kind is None or value is None or _is_operation(value)):
        raise _unknown(last, holder, layout if kind is None else None, place)
    if value is None:
        _remove(holder, last, layout, place)
    elif _is_operation(value):
        holder[last] = _operate(holder[last], value, place)
    elif kind is not None and _takes_mapping(kind) and not isinstance(value, Mapping):
        raise InputError(f"{place} is '{value}', but its keys stand below it; name one of them")
    else:
        holder[last] = copy.deepcopy(value)


def _parts(key: str, place: str) -> list[Part]:
    """Return the names and list places of a dotted key."""
    parts: list[Part] = []
    for word in key.split("."):
        found = PART.fullmatch(word)
        if not found:
            raise InputError(f"{place} is no key; write it like 'crude_unit.cuts[0].low'")
        parts.append(found[1])
        parts += [int(number) for number in re.findall(r"\d+", found[2])]
    return parts


def _holder(
    entry: dict[str, Any], parts: list[Part], place: str, whole: type[BaseModel]
) -> tuple[Any, Any]:
    """Return the mapping or list that holds the last part of a key, and its layout."""
    holder: Any = entry
    layout: Any = whole
    for part in parts:
        inner = _inside(layout, part)
        if isinstance(holder, list):
            _check_index(holder, part, place)
        elif part not in holder:
            if not (inner is not None and _is_model(layout) and _takes_mapping(inner)):
                raise _unknown(part, holder, layout if _is_model(layout) else None, place)
            holder[part] = {}  # an optional group of the layout that the file left out
        holder, layout = holder[part], inner
        if not isinstance(holder, dict | list):
            raise InputError(f"{place}: '{part}' is '{holder}' and has no keys below it")
    return holder, layout


def _check_index(holder: list[Any], part: Part, place: str) -> None:
    if not isinstance(part, int) or part >= len(holder):
        raise InputError(f"{place}: the list has places [0] to [{len(holder) - 1}]; use one")


def _unknown(part: Part, holder: Mapping[str, Any], layout: Any, place: str) -> InputError:
    """Return the error of a key that is neither there nor may be added."""
    keys = list(dict.fromkeys([*map(str, holder), *_fields(layout)]))
    near = difflib.get_close_matches(str(part), keys, n=1, cutoff=0.0)
    nearest = f"the nearest valid key is '{near[0]}'" if near else "there is nothing below it"
    return InputError(f"{place}: unknown key '{part}'; {nearest}")


def _is_operation(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and set(value) <= set(OPERATIONS)


def _operate(old: Any, change: Mapping[str, Any], place: str) -> Any:
    """Return a quantity multiplied, or with a difference added."""
    if len(change) != 1:
        raise InputError(f"{place}: give 'times' or 'plus', not both")
    words = str(old).split(maxsplit=1)
    if isinstance(old, dict | list | bool):
        raise InputError(f"{place} holds no quantity that {next(iter(change))} could change")
    unit = planning_unit(words[1]) if len(words) == 2 else planning_unit("number")
    number = parse_quantity(str(old), unit.dimension, place)
    if "times" in change:
        if unit.offset:
            raise InputError(f"{place} is a temperature; use 'plus' with a temperature difference")
        changed = number * parse_quantity(change["times"], "number", f"{place}.times")
    else:
        dimension = "temperature difference" if unit.dimension == "temperature" else unit.dimension
        changed = number + parse_quantity(change["plus"], dimension, f"{place}.plus")
    value = float(f"{(changed - unit.offset) / unit.factor:.15g}")  # sheds the traces of conversion
    return f"{value!r} {words[1]}" if len(words) == 2 else value


def _remove(holder: Any, last: Part, layout: Any, place: str) -> None:
    field = next((f for name, f in _model_fields(layout) if name == last), None)
    if isinstance(holder, list) or (field is not None and field.is_required()):
        raise InputError(f"{place}: a case must have '{last}'; give another value")
    del holder[last]


def _inside(layout: Any, part: Part) -> Any:
    """Return the layout of what stands under a part, or None where the layout has no such part."""
    for kind in _kinds(layout):
        if get_origin(kind) in (dict, list):
            return get_args(kind)[-1]
        for name, field in _model_fields(kind):
            if name == part:
                return field.annotation
    return None


def _kinds(layout: Any) -> tuple[Any, ...]:
    """Return the alternatives of a layout: members of a union, or the layout itself."""
    composed = _is_model(layout) or get_origin(layout) in (dict, list)
    return (layout,) if composed else get_args(layout)


def _is_model(layout: Any) -> bool:
    return isinstance(layout, type) and issubclass(layout, BaseModel)


def _takes_mapping(layout: Any) -> bool:
    kinds = _kinds(layout)
    return bool(kinds) and all(
        _is_model(kind) or get_origin(kind) is dict for kind in kinds if kind is not type(None)
    )


def _model_fields(layout: Any) -> list[tuple[str, Any]]:
    """Return keys and fields of a layout; none where it is no model."""
    if not _is_model(layout):
        return []
    return [(field.alias or name, field) for name, field in layout.model_fields.items()]


def _fields(layout: Any) -> list[str]:
    return [name for name, _ in _model_fields(layout)]
