"""What was made of something, kept until too much is kept."""

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")
MOST = 64  # limits and weights of a tree's paths, and of some cycles before


class Kept:
    """Results by the content of what they were made of."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._results: dict[Hashable, object] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` made when the key was first asked for; it may be made again."""
        results = self._results
        if key not in results:
            if len(results) >= MOST:
                results.clear()
            results[key] = make()
        return cast(T, results[key])
