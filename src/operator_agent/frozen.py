"""A mapping that nobody changes and that any process may be sent."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value", covariant=True)


class FrozenMapping(Mapping[Key, Value]):
    """A read-only mapping of its own copy of what it is given.

    Unlike `types.MappingProxyType` it can be pickled and copied deeply, so that cases and scenarios
    reach the processes that work on them.

    Example:
        >>> price = FrozenMapping({"naphtha": 437.5})
        >>> price["naphtha"], price == {"naphtha": 437.5}
        (437.5, True)
        >>> price["naphtha"] = 0.0
        Traceback (most recent call last):
        TypeError: 'FrozenMapping' object does not support item assignment
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[Key, Value]) -> None:
        """Take what it holds from now on."""
        self._values = dict(values)

    def __getitem__(self, key: Key) -> Value:
        """Return the value of a key."""
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        """Return whether a key is there."""
        return key in self._values

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the keys in the order in which they were given."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._values)

    def __repr__(self) -> str:
        """Return the mapping as it would be written."""
        return f"FrozenMapping({self._values!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how it is made again in another process or in a copy."""
        return FrozenMapping, (self._values,)
