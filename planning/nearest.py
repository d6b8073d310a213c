"""What a planner may have meant: the nearest of the names or units that are known."""

import difflib
from collections.abc import Iterable


def choice_of(word: str, known: Iterable[str]) -> str:
    """Return the words behind 'is not known': the nearest first, then all that may be used.

    Args:
        word: as it was written.
        known: names that may be used, in the order to tell them.

    Example:
        >>> choice_of("naphta", ["kerosene", "naphtha"])
        "; the nearest is 'naphtha'; use one of kerosene, naphtha"
    """
    names = list(known)
    lower = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.0)
    if not near:
        return ""
    return f"; the nearest is '{lower[near[0]]}'; use one of {', '.join(names)}"
