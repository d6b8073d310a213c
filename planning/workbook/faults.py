"""Faults of a workbook, gathered so that a planner sees several at once."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from operator_agent.errors import InputError
from operator_agent.planning.workbook.rows import Place

MOST = 10  # faults told at once


@dataclass(slots=True)
class Faults:
    """What is wrong with a workbook, by cell.

    Attributes:
        source: of the workbook, for the message.
        found: address and words of each fault, in the order of finding.
    """

    source: str
    found: list[str] = field(default_factory=list)

    def add(self, address: str, complaint: str) -> None:
        """Note a fault: address like `Crudes!C5`, and what is wrong there and what to do."""
        sentence = f"{address} {complaint}"
        if sentence not in self.found:
            self.found.append(sentence)

    def check(self) -> None:
        """Raise when there are faults.

        Raises:
            InputError: with up to ten of them, one on each line.
        """
        if not self.found:
            return
        if len(self.found) == 1:
            raise InputError(f"{self.source}: {self.found[0]}")
        lines = "".join(f"\n  {sentence}" for sentence in self.found[:MOST])
        more = len(self.found) - MOST
        rest = f"\n  and {more} more" if more > 0 else ""
        raise InputError(f"{self.source} has {len(self.found)} faults:{lines}{rest}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the nearest of the known words with words round it, or nothing when there is none."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.0)
    return f"; the nearest is '{near[0]}'" if near else ""


def address_of(place: Place, addresses: Mapping[Place, str]) -> str:
    """Return the cell of a place, or of the nearest place around it."""
    for end in range(len(place), -1, -1):
        if place[:end] in addresses:
            return addresses[place[:end]]
    return ""
