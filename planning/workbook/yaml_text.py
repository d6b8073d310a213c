"""Case files written as YAML text, with remarks behind the values that they belong to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from operator_agent.planning.workbook.rows import Notes, Place
from operator_agent.planning.workbook.sheets import present

INDENT = "  "
SHORT = 48  # characters of a mapping that still stands on the line of its key


def in_layout_order(entry: Any, annotation: Any) -> Any:
    """Return an entry with its keys in the order of the layout; names keep their own order."""
    kind = present(annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(entry, Mapping):
        fields = {info.alias or name: info for name, info in kind.model_fields.items()}
        return {
            key: in_layout_order(entry[key], info.annotation)
            for key, info in fields.items()
            if key in entry
        }
    inside = getattr(kind, "__args__", (None,))[-1]
    if isinstance(entry, Mapping):
        return {name: in_layout_order(item, inside) for name, item in entry.items()}
    if isinstance(entry, list):
        return [in_layout_order(item, inside) for item in entry]
    return entry


def yaml_text(entry: Mapping[str, Any], notes: Notes) -> str:
    """Return a case file as YAML text, with remarks behind the values they belong to."""
    return "".join(f"{line}\n" for line in _mapping(entry, (), "", notes))


def _mapping(entry: Mapping[str, Any], place: Place, indent: str, notes: Notes) -> Iterator[str]:
    for name, value in entry.items():
        at: Place = (*place, name)
        remark = _remark(notes, at)
        key = f"{indent}{_scalar(name)}:"
        if isinstance(value, Mapping) and value and not _short(value, at, notes):
            yield f"{key}{remark}"
            yield from _mapping(value, at, indent + INDENT, notes)
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield f"{key}{remark}"
            yield from _items(value, at, indent + INDENT, notes)
        else:
            yield f"{key} {_inline(value)}{remark}"


def _items(items: Sequence[Any], place: Place, indent: str, notes: Notes) -> Iterator[str]:
    for n, item in enumerate(items):
        lines = list(_mapping(item, (*place, n), indent + INDENT, notes))
        if (*place, n) in notes:
            yield f"{indent}-{_remark(notes, (*place, n))}"
            yield from lines
        else:
            first, *rest = lines or [f"{indent}{INDENT}{{}}"]
            yield f"{indent}- {first[len(indent) + len(INDENT) :]}"
            yield from rest


def _short(value: Mapping[str, Any], place: Place, notes: Notes) -> bool:
    """Return whether a mapping is small enough for one line, with no remark inside."""
    inside = any(at[: len(place)] == place and len(at) > len(place) for at in notes)
    return not inside and len(value) <= 2 and len(_inline(value)) <= SHORT and len(place) > 2


def _remark(notes: Notes, place: Place) -> str:
    return f"  # {notes[place]}" if place in notes else ""


def _inline(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()


def _scalar(name: str) -> str:
    return _inline(name)
