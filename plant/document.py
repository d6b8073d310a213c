"""Reading of YAML documents in which every number carries its unit and its source.

A quantity is written `{value: 45, unit: degC, source: text}`. A key that nobody asked for is an
error that names the nearest key that would have been right.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from operator_agent.errors import InputError
from operator_agent.units import to_si, unit

# SI units of quantities that tags never carry; they are accepted as they stand.
_SI_ONLY = frozenset(
    {
        "m",
        "m2",
        "m3",
        "m/s",
        "1/s",
        "J/K",
        "J/kg",
        "J/mol",
        "mol/s",
        "mol/(s Pa)",
        "(m3/s)/K",
        "W/K",
    }
    | {"W/Pa", "W/(m2 K)", "m2 K/W", "m2 K/J", "m2 K/(J Pa)"}
)
_QUANTITY_KEYS = {"value", "unit", "source"}


class Section:
    """One mapping of a document, read key by key; `close` refuses the keys that are left."""

    def __init__(self, values: object, where: str) -> None:
        """Take a parsed mapping and the words that say where it stands."""
        if not isinstance(values, Mapping):
            raise InputError(f"{where}: expected a mapping of keys, found {values!r}")
        self._values: Mapping[str, Any] = values
        self._asked: set[str] = set()
        self.where = where

    def has(self, key: str) -> bool:
        """Return whether the key is there; asking makes it a known key."""
        self._asked.add(key)
        return key in self._values

    def value(self, key: str) -> Any:
        """Return the value of a key as parsed.

        Raises:
            InputError: the key is missing.
        """
        if not self.has(key):
            near = difflib.get_close_matches(key, [str(k) for k in self._values], n=1)
            hint = f"; '{near[0]}' is there: a misspelling?" if near else ""
            raise InputError(f"{self.where}: key '{key}' is missing{hint}")
        return self._values[key]

    def text(self, key: str) -> str:
        """Return a text.

        Raises:
            InputError: the key is missing or no text.
        """
        value = self.value(key)
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{self.where}.{key}: expected a text, found {value!r}")
        return value.strip()

    def choice(self, key: str, known: Iterable[str]) -> str:
        """Return a text that is one of those known.

        Raises:
            InputError: the key is missing, or its text is another; the message lists them all.
        """
        found, names = self.text(key), tuple(known)
        if found not in names:
            near = difflib.get_close_matches(found, names, n=1)
            hint = f"; the nearest is '{near[0]}'" if near else ""
            raise InputError(
                f"{self.where}.{key}: unknown {key} '{found}'{hint}; use one of: {', '.join(names)}"
            )
        return found

    def count(self, key: str) -> int:
        """Return a whole number above zero.

        Raises:
            InputError: the key is missing or no such number.
        """
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{self.where}.{key}: expected a whole number from 1, found {value!r}")
        return value

    def section(self, key: str) -> "Section":
        """Return the mapping under a key."""
        return Section(self.value(key), f"{self.where}.{key}")

    def items(self, key: str) -> tuple["Section", ...]:
        """Return the list of mappings under a key.

        Raises:
            InputError: there is no list.
        """
        value = self.value(key)
        if not isinstance(value, list):
            raise InputError(f"{self.where}.{key}: expected a list, found {value!r}")
        return tuple(Section(item, f"{self.where}.{key}[{n}]") for n, item in enumerate(value))

    def quantity(self, key: str, si: str) -> float:
        """Return a quantity in SI.

        Args:
            key: under which `{value, unit, source}` stands.
            si: SI unit that the caller expects, to catch a quantity of another dimension.

        Raises:
            InputError: a part is missing, not finite, or of another dimension.
        """
        part = self.section(key)
        part.text("source")
        return part._value_with_unit(si)

    def plain_quantity(self, key: str, si: str) -> float:
        """Return a quantity in SI that needs no source: a choice, as in scenarios.

        Raises:
            InputError: a part is missing, not finite, or of another dimension.
        """
        return self.section(key)._value_with_unit(si)

    def _value_with_unit(self, si: str) -> float:
        value = quantity_si(self.value("value"), self.text("unit"), si, self.where)
        self.close()
        return value

    def numbers(self, key: str, si: str) -> tuple[float, ...]:
        """Return a list of quantities in SI, written `{values: [..], unit, source}`."""
        part = self.section(key)
        part.text("source")
        symbol = part.text("unit")
        values = part.value("values")
        if not isinstance(values, list):
            raise InputError(f"{part.where}: 'values' must be a list, found {values!r}")
        part.close()
        return tuple(quantity_si(value, symbol, si, part.where) for value in values)

    def quantities(self, si_by_name: Mapping[str, str]) -> dict[str, float]:
        """Return the named quantities of this section and refuse all other keys."""
        values = {name: self.quantity(name, si) for name, si in si_by_name.items()}
        self.close()
        return values

    def names(self) -> tuple[str, ...]:
        """Return all keys of the mapping; they all count as known from then on."""
        self._asked.update(str(key) for key in self._values)
        return tuple(str(key) for key in self._values)

    def close(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            InputError: there is one; the message names it and the nearest known key.
        """
        for key in self._values:
            if key in self._asked:
                continue
            near = difflib.get_close_matches(str(key), sorted(self._asked), n=1, cutoff=0.0)
            hint = f"; the nearest valid key is '{near[0]}'" if near else ""
            raise InputError(f"{self.where}: unknown key '{key}'{hint}")


def quantity_si(value: object, symbol: str, si: str, where: str) -> float:
    """Return a number with unit in SI.

    Raises:
        InputError: no finite number, or a unit of another dimension than `si`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: expected a finite number, found {value!r}")
    if si in _SI_ONLY:
        if symbol != si:
            raise InputError(f"{where}: unit '{symbol}' does not fit; give the value in {si}")
        return float(value)
    try:
        expected = unit(si).dimension
        found = unit(symbol).dimension
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if expected != found:
        raise InputError(f"{where}: unit '{symbol}' is a {found}; a {expected} [{si}] belongs here")
    return to_si(float(value), symbol)


def read_document(path: Path) -> Section:
    """Return the top mapping of a YAML file.

    Raises:
        InputError: the file is missing, unreadable or no mapping.
    """
    try:
        parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"file {path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"file {path} cannot be read as YAML: {error}") from error
    return Section(parsed, path.name)
