"""What stands in cells: numbers beside their units, texts, flags, and changes of a case."""

import math
from collections.abc import Mapping
from typing import Any

import yaml

from operator_agent.errors import InputError

LONGEST = 32_767  # characters that Excel allows in a cell
SET, REMOVE = "set", "remove"
ACTIONS = (SET, "times", "plus", REMOVE)

Scalar = str | int | float | bool


def split_quantity(value: Any, place: str) -> tuple[int | float, str]:
    """Return number and unit of a quantity as it is written; the unit may be empty.

    Raises:
        InputError: it does not begin with a finite number.

    Example:
        >>> split_quantity("72.5 usd/bbl", "crudes.maya.price")
        (72.5, 'usd/bbl')
    """
    first, _, unit = str(value).strip().partition(" ")
    try:
        number = number_of(first)
    except ValueError:
        raise InputError(
            f"{place} is '{value}'; write a number and its unit, such as '72.5 usd/bbl', so that "
            "it fits into a cell"
        ) from None
    return number, " ".join(unit.split())


def number_of(words: str) -> int | float:
    """Return the number that a text is: whole when it is written so.

    Raises:
        ValueError: it is none, or is not finite.
    """
    try:
        return int(words)
    except ValueError:
        number = float(words)
    if not math.isfinite(number):
        raise ValueError(words)
    return number


def join_quantity(number: int | float, unit: str) -> str | int | float:
    """Return a number and its unit as a case file writes them; a bare number without a unit.

    Example:
        >>> join_quantity(60, "kbbl/d")
        '60 kbbl/d'
    """
    return f"{number!r} {unit}" if unit else number


def split_change(value: Any, place: str) -> tuple[str, Scalar | None, str]:
    """Return action, value and unit of a change (see `planning.changes`).

    A whole item stands in its cell as YAML in one line, such as `{min: 0 kbbl/d, max: 5 kbbl/d}`.

    Raises:
        InputError: a text or number that a cell cannot hold.
    """
    if value is None:
        return REMOVE, None, ""
    action = SET
    if isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in ACTIONS[1:3]:
        ((action, value),) = value.items()
    if isinstance(value, Mapping | list):
        line = yaml.safe_dump(
            value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
        )
        return action, checked_text(line.strip(), place), ""
    if isinstance(value, bool | int | float):
        return action, checked_number(value, place), ""
    try:
        return (action, *split_quantity(value, place))
    except InputError:
        return action, checked_text(value, place), ""


def whole_item(text: str) -> Any:
    """Return the item that a cell holds as YAML in one line; other texts as they are.

    Raises:
        ValueError: it begins like an item and is none.
    """
    if not text.startswith(("{", "[")):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def checked_number(value: Any, place: str) -> int | float:
    """Return a number that a cell can hold.

    Raises:
        InputError: it is not finite.
    """
    if isinstance(value, bool | int) or math.isfinite(value):
        return value  # type: ignore[no-any-return]
    raise InputError(f"{place} is {value}; give a finite number")


def checked_text(value: Any, place: str) -> str:
    """Return a text that a cell can hold and give back unchanged.

    Raises:
        InputError: it is empty, has blanks at its ends, control characters, or is too long.
    """
    text = str(value)
    if not text or text != text.strip() or not text.isprintable() or len(text) > LONGEST:
        raise InputError(
            f"{place} is {text[:60]!r}; a cell needs a text of 1 to {LONGEST} characters without "
            "line breaks and without blanks at its ends"
        )
    return text
