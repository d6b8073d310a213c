"""The text layout of a published industrial benchmark: sets in one file, parameters in another.

W. Du, C. Wang, C. Fan et al., "A production planning benchmark for real-world
refinery-petrochemical complexes", arXiv 2503.22057. A case is `*_all_parameters.txt` with
`*_all_sets.txt` beside it. Each set or parameter is a heading such as `y(u,m,s,ss)  cut yield`,
then its entries between two slashes: members `UCDU0.m0.s8`, or values `UCDU0.m0.s0.s8=0.0319`.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from operator_agent.errors import InputError

Key = tuple[str, ...]

# What the layout knows: name of a set or a parameter, and the letters of its indices.
SETS = {
    **dict.fromkeys(("S", "U", "M", "Q", "C", "T"), ""),
    **dict.fromkeys(("UCDU", "UPF", "UPD", "UMIX", "USPL", "UBLD", "RB"), "u"),
    **dict.fromkeys(("SPG", "Qv", "Qw", "Qp", "CRU"), "q"),
    **dict.fromkeys(("CAPIN", "CAPOUT"), "c"),
    **dict.fromkeys(("S_P", "S_M"), "s"),
    **dict.fromkeys(("SQ", "FIX"), "s,q"),
    **dict.fromkeys(("IU", "OU"), "u,s"),
    **dict.fromkeys(("IM", "OM"), "u,m,s"),
    **dict.fromkeys(("VMQ", "DBSQ"), "u,m,s,q"),
    "CDUMQ": "u,m,q",
    "SC": "u,m,s,ss",
    "QT": "s,ss,q",
    "CAPS": "c,s",
}
PARAMETERS = {
    **dict.fromkeys(("c_P", "c_M", "ci_P", "ci_M", "L0"), "s"),
    **dict.fromkeys(("FVMin", "FVMax", "LMin", "LMax"), "s,t"),
    **dict.fromkeys(("FVCMin", "FVCMax"), "c,t"),
    **dict.fromkeys(("FQ0", "FQMin", "FQMax"), "s,q"),
    **dict.fromkeys(("FQBMin", "FQBMax"), "u,q"),
    **dict.fromkeys(("FQVMin", "FQVMax", "B", "Del"), "u,m,q"),
    **dict.fromkeys(("MFQMin", "MFQMax"), "q"),
    **dict.fromkeys(("y", "phi"), "u,m,s,ss"),
    **dict.fromkeys(("delta", "w"), "u,m,s,q"),
    "FQcrd": "m,s,q",
    "FQcut": "m,s,ss,q",
    "gamma": "u,m,s",
    "alpha": "s,ss,q",
    "beta": "s,ss",
}
NEEDED = frozenset({"S", "U", "M", "Q", "T", "IU", "OU", "IM", "OM", "S_P", "S_M"})
INDEX_SETS = {"s": "S", "ss": "S", "u": "U", "m": "M", "q": "Q", "c": "C", "t": "T"}
PARAMETERS_END, SETS_END = "_parameters.txt", "_sets.txt"
HEADING = re.compile(r"\s*(\w+)\s*(?:\(([\w\s,]+)\))?")


@dataclass(frozen=True, slots=True)
class TextCase:
    """A case in its authors' sets and parameters; their money, mass and volume units.

    Attributes:
        name: of the case.
        sets: members by name of the set, each a tuple of its indices; absent sets are empty.
        parameters: values by name and indices; absent parameters are empty.
    """

    name: str
    sets: Mapping[str, tuple[Key, ...]]
    parameters: Mapping[str, Mapping[Key, float]]

    def names(self, name: str) -> tuple[str, ...]:
        """Return the members of a set with one index."""
        return tuple(member[0] for member in self.sets[name])


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a section, with where it stands."""

    heading: str
    indices: str
    text: str
    where: str


def read_text_case(path: Path) -> TextCase:
    """Return the case of a parameters file and of the sets file beside it.

    Raises:
        InputError: a file is missing or cannot be read, a heading or an index is unknown, an
            entry is no member or number of its section, or a needed set is empty.
    """
    if not path.name.endswith(PARAMETERS_END):
        raise InputError(
            f"{path}: name the parameters file of the case, '*{PARAMETERS_END}'; "
            f"its sets are read from '*{SETS_END}' beside it"
        )
    stem = path.name.removesuffix(PARAMETERS_END)
    beside = path.with_name(stem + SETS_END)
    if path.is_file() and not beside.is_file():
        raise InputError(f"{path}: its sets file {beside} is missing; put it beside the parameters")
    sets = _read_sets(beside, _text(beside))
    known = {letter: frozenset(sets[name]) for letter, name in INDEX_SETS.items()}
    return TextCase(stem.removesuffix("_all"), sets, _read_parameters(path, _text(path), known))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"text case file {path} cannot be read: {error}") from error


def _read_sets(path: Path, text: str) -> dict[str, tuple[Key, ...]]:
    found: dict[str, dict[Key, _Entry]] = {name: {} for name in SETS}
    for entry in _entries(path, text, SETS):
        if entry.text:
            found[entry.heading].setdefault(_indices(entry, entry.text), entry)
    empty = sorted(name for name in NEEDED if not found[name])
    if empty:
        raise InputError(f"sets file {path}: set '{empty[0]}' is missing or empty; add its members")
    known = {letter: frozenset(found[name]) for letter, name in INDEX_SETS.items()}
    for members in found.values():
        for key, entry in members.items():
            _check_indices(entry, key, known)
    return {name: tuple(members) for name, members in found.items()}


def _read_parameters(
    path: Path, text: str, known: Mapping[str, frozenset[Key]]
) -> dict[str, dict[Key, float]]:
    found: dict[str, dict[Key, float]] = {name: {} for name in PARAMETERS}
    for entry in _entries(path, text, PARAMETERS):
        if not entry.text:
            continue
        left, equals, right = entry.text.partition("=")
        if not equals:
            raise InputError(f"{entry.where}: '{entry.text}' has no value; write indices=number")
        key = _indices(entry, left)
        _check_indices(entry, key, known)
        value = _number(entry, right)
        if found[entry.heading].setdefault(key, value) != value:
            raise InputError(f"{entry.where}: '{left.strip()}' has two values; keep one")
    return found


def _entries(path: Path, text: str, layout: Mapping[str, str]) -> Iterator[_Entry]:
    """Yield the entries of all sections; slashes open and close a section."""
    title, opened = "", ""
    name = indices = ""
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}, line {number}"
        for place, piece in enumerate(line.split("/")):
            if place > 0 and opened:
                opened = title = ""
            elif place > 0:
                opened = where
                name, indices = _heading(title, where, layout)
            if opened:
                for token in piece.split(","):
                    yield _Entry(name, indices, token.strip(), where)
            elif piece.strip(" \t;"):
                title = piece
    if opened:
        raise InputError(f"{opened}: the section '{name}' is not closed; end it with a '/'")


def _heading(title: str, where: str, layout: Mapping[str, str]) -> tuple[str, str]:
    match = HEADING.match(title)
    name = match.group(1) if match else ""
    if name not in layout:
        raise InputError(
            f"{where}: '{title.strip()}' is no set or parameter of this layout; "
            f"known here are {', '.join(sorted(layout))}"
        )
    given = "".join((match.group(2) or "").split()) if match else ""
    if given != layout[name]:
        raise InputError(
            f"{where}: '{name}' has the indices ({given}) and not ({layout[name]}); correct them"
        )
    return name, layout[name]


def _indices(entry: _Entry, text: str) -> Key:
    key = tuple(part.strip() for part in text.split("."))
    count = entry.indices.count(",") + 1
    if len(key) != count or not all(key):
        raise InputError(
            f"{entry.where}: '{entry.text}' is no entry of '{entry.heading}'; "
            f"write {count} names, with points between them"
        )
    return key


def _check_indices(entry: _Entry, key: Key, known: Mapping[str, frozenset[Key]]) -> None:
    if not entry.indices:
        return
    for letter, name in zip(entry.indices.split(","), key, strict=True):
        if (name,) not in known[letter]:
            raise InputError(
                f"{entry.where}: '{name}' in '{entry.text}' of '{entry.heading}' is not in the set "
                f"{INDEX_SETS[letter]}; correct the name or add it to the sets file"
            )


def _number(entry: _Entry, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{entry.where}: '{text.strip()}' in '{entry.heading}' is no finite number; correct it"
        )
    return value
