"""JSON files of published problems: read, and checked against the layout of a dataclass."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case_schema import first_complaint

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

EntryT = TypeVar("EntryT")


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping that a JSON file holds.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"JSON file {path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"JSON file {path} holds a {type(data).__name__}; write keys and values")
    return data


def entry_of(layout: type[EntryT], raw: dict[str, Any], source: str) -> EntryT:
    """Return the entry in a mapping.

    Args:
        layout: a dataclass whose fields are the keys.
        raw: as read from the file.
        source: of the mapping, for messages.

    Raises:
        InputError: a key is missing, unknown, or holds what it must not.
    """
    try:
        return TypeAdapter(layout).validate_python(raw)
    except ValidationError as error:
        raise InputError(f"{source}: {_complaint(error)}") from error


def _complaint(error: ValidationError) -> str:
    """Return one sentence; a key that the layout does not know says more than a missing one."""
    unknown = next((f for f in error.errors() if f["type"] == "unexpected_keyword_argument"), None)
    if unknown is None:
        return first_complaint(error)
    where = ".".join(str(part) for part in unknown["loc"])
    return f"unknown key '{unknown['loc'][-1]}' at {where}; correct or remove it"
