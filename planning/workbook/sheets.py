"""Sheets of a workbook, derived from the layout of the file that they stand for.

Every key of a layout finds its place by what it holds, so that a new key needs nothing here:

    a value                      a column (in a form: a row)
    keys inside keys             columns with dotted headings
    items by name, or a list     a sheet with one row for each item
    names (`feeds`)              a sheet with one row for each owner and one column for each name
    values by name (`amount`)    a sheet with one row for each value
    lists of numbers             a sheet with one row for each place of the lists

A layout that has anything else cannot be shown in a workbook, and says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from operator_agent.errors import InputError
from operator_agent.planning.workbook.sheet_names import FORMS, KEY_WORDS, SHEET_NAMES

EACH, PLACE = "*", "#"  # in a path: any name, any place of a list
LONGEST_NAME = 31  # characters that Excel allows in the name of a sheet
FEW = 3  # a list of names that may hold at most so many stands in columns of its owner

Path = tuple[str, ...]


class Kind(Enum):
    """What a cell holds."""

    TEXT = "a name or text"
    QUANTITY = "a number with its unit beside it"
    NUMBER = "a number"
    WHOLE = "a whole number"
    FLAG = "TRUE or FALSE"
    CHANGE = "a new value, a factor or a difference"


class Shape(Enum):
    """How a sheet is laid out."""

    FORM = "one row for each key"
    ITEMS = "one row for each item with a name"
    LIST = "one row for each item, in order"
    NAMES = "one row for each owner, one column for each name"
    VALUES = "one row for each value with a name"
    POINTS = "one row for each place of lists of numbers"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sheet (in a form: one row).

    Attributes:
        path: from the item to the value; a place in a short list is `#0`, `#1`.
        kind: of the value.
        required: whether an item must have it.
        choices: the only values allowed; empty for any.
    """

    path: Path
    kind: Kind
    required: bool
    choices: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """Dotted key as a planner reads it; places of short lists count from one."""
        words = ""
        for part in self.path:
            place = part.startswith(PLACE) and part != PLACE
            words += f" {int(part[1:]) + 1}" if place else f".{part}" if words else part
        return words or "value"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet.

    Attributes:
        name: on its tab.
        path: from the root of the file to what a row stands for.
        shape: of the sheet.
        keys: headings of the columns that name the owners and the item.
        columns: of the item.
        empty: paths from the item to containers that must be there, though empty, with whether
            they are lists.
        needed: whether an owner must have at least one row.
    """

    name: str
    path: Path
    shape: Shape
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    empty: tuple[tuple[Path, bool], ...] = ()
    needed: bool = False

    def owns(self, other: "Sheet") -> bool:
        """Return whether rows of another sheet name rows of this one as their owners."""
        owner = self.shape in (Shape.ITEMS, Shape.LIST) and self is not other
        return owner and other.path[: len(self.path)] == self.path

    @property
    def must_stand(self) -> bool:
        """Whether each file has rows of this sheet: it has required keys or items at the top."""
        if self.shape is Shape.FORM:
            return any(column.required for column in self.columns)
        return self.needed and len(self.path) == 2 and self.path[1] in (EACH, PLACE)


@dataclass(slots=True)
class _Content:
    """What was found in one item of a layout."""

    columns: list[Column] = field(default_factory=list)
    empty: list[tuple[Path, bool]] = field(default_factory=list)
    points: list[Column] = field(default_factory=list)
    inner: list[tuple[Path, Any, bool]] = field(default_factory=list)


@cache
def sheets_of(layout: type[BaseModel]) -> tuple[Sheet, ...]:
    """Return the sheets of a layout, owners before what they own.

    Raises:
        InputError: the layout has a key that no sheet can show.
    """
    content = _content(layout, ())
    forms: dict[str, list[Column]] = {}
    for column in content.columns:
        forms.setdefault(FORMS.get(column.path[0], FORMS[""]), []).append(column)
    sheets = [Sheet(name, (), Shape.FORM, (), tuple(found)) for name, found in forms.items()]
    sheets[0] = Sheet(sheets[0].name, (), Shape.FORM, (), sheets[0].columns, tuple(content.empty))
    sheets += [sheet for at, kind, must in content.inner for sheet in _inner(at, kind, (), must)]
    names = [sheet.name.lower() for sheet in sheets]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"two sheets would be called '{twice.pop()}'; name one in SHEET_NAMES")
    return tuple(sheets)


def _content(layout: type[BaseModel], at: Path) -> _Content:
    """Return the columns of an item and what needs sheets of its own, paths from the item on."""
    found = _Content()
    for name, info in layout.model_fields.items():
        path = (*at, info.alias or name)
        kind, must = present(info.annotation), info.is_required()
        scalar = _scalar(kind)
        few = _at_most(info, kind)
        if scalar:
            choices = get_args(kind) if get_origin(kind) is Literal else ()
            found.columns.append(Column(path, scalar, must, tuple(map(str, choices))))
        elif _is_layout(kind):
            inner = _content(kind, path)
            found.columns += [c if must else _optional(c) for c in inner.columns]
            found.empty += inner.empty if must else []
            found.points += inner.points
            found.inner += inner.inner
        elif few:
            found.columns += [Column((*path, f"{PLACE}{n}"), Kind.TEXT, must) for n in range(few)]
        elif kind == list[float]:
            found.points.append(Column(path, Kind.NUMBER, must))
            found.empty += [(path, True)] if must else []
        elif get_origin(kind) in (dict, list):
            found.inner.append((path, kind, must))
            found.empty += [(path, get_origin(kind) is list)] if must else []
        else:
            raise InputError(f"layout {layout.__name__}: no sheet can show '{name}' ({kind})")
    return found


def _optional(column: Column) -> Column:
    return Column(column.path, column.kind, False, column.choices)


def _inner(at: Path, kind: Any, keys: tuple[str, ...], must: bool) -> Iterator[Sheet]:
    """Yield the sheets of a container at a path from the root."""
    inside = present(get_args(kind)[-1])
    if get_origin(kind) is list:
        if inside is str:
            yield Sheet(_sheet_name(at), at, Shape.NAMES, keys, (), needed=must)
            return
        if not _is_layout(inside):
            raise InputError(f"no sheet can show {'.'.join(at)} ({kind})")
        named = "name" in inside.model_fields
        own = (*keys, _key_word(at, keys)) if named else keys
        yield from _items((*at, PLACE), inside, Shape.LIST, own, must)
        return
    own = (*keys, _key_word(at, keys))
    scalar = Kind.CHANGE if inside is Any else _scalar(inside)
    if scalar:
        column = Column((), scalar, True)
        yield Sheet(_sheet_name(at), (*at, EACH), Shape.VALUES, own, (column,), needed=must)
    elif _is_layout(inside):
        yield from _items((*at, EACH), inside, Shape.ITEMS, own, must)
    else:
        raise InputError(f"no sheet can show {'.'.join(at)} ({kind})")


def _items(
    at: Path, layout: type[BaseModel], shape: Shape, keys: tuple[str, ...], must: bool
) -> Iterator[Sheet]:
    content = _content(layout, ())
    if (
        shape is Shape.LIST
        and "name" not in layout.model_fields
        and (content.inner or content.points)
    ):
        raise InputError(f"no sheet can show {'.'.join(at)}: its items need a key 'name'")
    columns = tuple(c for c in content.columns if shape is Shape.ITEMS or c.path != ("name",))
    yield Sheet(_sheet_name(at[:-1]), at, shape, keys, columns, tuple(content.empty), must)
    if content.points:
        where = (*at, "points")
        yield Sheet(_sheet_name(where), at, Shape.POINTS, keys, tuple(content.points))
    for path, kind, inner_must in content.inner:
        yield from _inner((*at, *path), kind, keys, inner_must)


def present(annotation: Any) -> Any:
    """Return the kind of a key that may be left out, for where it is there."""
    if get_origin(annotation) is Annotated:
        return present(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return present(kinds[0]) if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007
    return annotation


def _scalar(kind: Any) -> Kind | None:
    if get_origin(kind) in (Union, UnionType) and set(get_args(kind)) == {str, float}:
        return Kind.QUANTITY
    if get_origin(kind) is Literal and all(isinstance(x, str) for x in get_args(kind)):
        return Kind.TEXT
    plain: Mapping[Any, Kind] = {
        str: Kind.TEXT,
        float: Kind.NUMBER,
        int: Kind.WHOLE,
        bool: Kind.FLAG,
    }
    return plain.get(kind)


def _is_layout(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _at_most(info: FieldInfo, kind: Any) -> int:
    """Return how many names a list may hold when it is short enough to stand in columns."""
    most = [m.max_length for m in info.metadata if getattr(m, "max_length", None) is not None]
    return most[0] if kind == list[str] and most and most[0] <= FEW else 0


def _pattern(at: Path) -> str:
    return ".".join(part for part in at if part not in (EACH, PLACE))


def _sheet_name(at: Path) -> str:
    pattern = _pattern(at)
    words = SHEET_NAMES.get(pattern) or " ".join(pattern.replace("_", " ").split("."))
    return (words[0].upper() + words[1:])[:LONGEST_NAME].strip()


def _key_word(at: Path, keys: tuple[str, ...]) -> str:
    last = at[-1]
    word = KEY_WORDS.get(_pattern(at)) or KEY_WORDS.get(last) or last.removesuffix("s")
    return f"{word} {len(keys) + 1}" if word in keys else word
