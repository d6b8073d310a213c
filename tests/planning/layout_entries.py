"""Entries of any layout, made up from the layout itself, and when two of them say the same."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel

NAMES = st.one_of(
    st.sampled_from(
        ["maya", "=1+1", "x", "X", "Source", "price unit", "a,b", "a.b", "<b>&", "1", "été", "'"]
    ),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=8)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: text.isprintable() and bool(text)),
)
NUMBERS = st.one_of(
    st.integers(-(10**9), 10**9),
    # Spreadsheet programs keep fifteen digits.
    st.floats(-1e300, 1e300).map(lambda number: float(f"{number:.15g}")),
    st.sampled_from([0.1, 1e-7, 9.0e4, -0.0]),
)
UNITS = st.sampled_from(["usd/bbl", "kbbl/d", "degC", "wt ppm", "number", "mm2/s"])
QUANTITIES = st.one_of(NUMBERS, st.builds(lambda n, u: f"{n} {u}", NUMBERS, UNITS))
CHANGES = st.one_of(
    QUANTITIES,
    NAMES.map(lambda name: f"name {name}"),
    st.booleans(),
    st.none(),
    st.builds(lambda n: {"times": n}, NUMBERS),
    st.builds(lambda n, u: {"plus": f"{n} {u}"}, NUMBERS, UNITS),
)


def kind_of(annotation: Any) -> tuple[Any, int | None]:
    """Return the kind of a key and the most items that it may have."""
    most = None
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            most = next((m.max_length for m in more if getattr(m, "max_length", None)), most)
        elif get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
            (annotation,) = [kind for kind in get_args(annotation) if kind is not NoneType][:1]
        else:
            return annotation, most


def is_quantity(annotation: Any) -> bool:
    kinds = set(get_args(annotation)) - {NoneType}
    return get_origin(annotation) in (Union, UnionType) and kinds == {str, float}


def entries(layout: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of entries that a layout accepts."""
    must, may = {}, {}
    for name, info in layout.model_fields.items():
        most = next((m.max_length for m in info.metadata if getattr(m, "max_length", None)), None)
        least = next((m.min_length for m in info.metadata if getattr(m, "min_length", None)), 0)
        (must if info.is_required() else may)[info.alias or name] = _values(
            info.annotation, least, most
        )
    return st.fixed_dictionaries(must, optional=may)


def _values(annotation: Any, least: int, most: int | None) -> st.SearchStrategy[Any]:
    if is_quantity(annotation):
        return QUANTITIES
    kind, inner_most = kind_of(annotation)
    least = least or (1 if get_origin(annotation) is not None and kind is not annotation else 0)
    most = most or inner_most
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is dict:
        inside = get_args(kind)[1]
        values = CHANGES if inside is Any else _values(inside, 0, None)
        return st.dictionaries(NAMES, values, min_size=least, max_size=3)
    if get_origin(kind) is list:
        (inside,) = get_args(kind)
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            unique = (lambda item: item["name"]) if "name" in inside.model_fields else None
            return st.lists(entries(inside), min_size=least, max_size=3, unique_by=unique)
        if inside is str:
            return st.lists(NAMES, min_size=most or least, max_size=most or 4, unique=True)
        return st.lists(NUMBERS, min_size=least, max_size=4)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return entries(kind)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: NAMES,
        float: NUMBERS,
        int: st.integers(-1000, 1000),
        bool: st.booleans(),
    }
    return plain[kind]


def told(entry: Any, annotation: Any) -> Any:
    """Return what an entry says: without keys that say nothing, numbers apart from their units."""
    if is_quantity(annotation):
        return _quantity(entry)
    kind, _ = kind_of(annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        said = {}
        for name, info in kind.model_fields.items():
            value = entry.get(info.alias or name)
            if value is None:
                continue
            inner = told(value, info.annotation)
            if inner not in ({}, []) or info.is_required():
                said[info.alias or name] = inner
        return said
    if get_origin(kind) is dict:
        inside = get_args(kind)[1]
        if inside is Any:
            return [(key, _change(value)) for key, value in entry.items()]
        return {key: told(value, inside) for key, value in entry.items()}
    if get_origin(kind) is list:
        return [told(item, get_args(kind)[0]) for item in entry]
    return entry


def _quantity(value: Any) -> tuple[float, str]:
    number, _, unit = str(value).partition(" ")
    return float(number), unit


def _change(value: Any) -> Any:
    if isinstance(value, dict):
        ((action, inner),) = value.items()
        return action, _quantity(inner)
    try:
        return value if isinstance(value, bool | None) else _quantity(value)
    except ValueError:
        return value
