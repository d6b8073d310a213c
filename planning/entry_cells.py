"""A case as it was read from a workbook: its entry, with the cell of every place."""

from collections.abc import Mapping
from typing import Any

from operator_agent.errors import InputError


class EntryWithCells(dict[str, Any]):
    """Nested mapping of a case file that was a workbook.

    Attributes:
        source: of the workbook, for messages.
        cells: address by place as messages write it: `crudes.maya.price` to `Crudes!C3`.
    """

    def __init__(self, entry: Mapping[str, Any], source: str, cells: Mapping[str, str]) -> None:
        """Take an entry as it was read.

        Args:
            entry: nested mapping.
            source: of the workbook, for messages.
            cells: address by place as messages write it.
        """
        super().__init__(entry)
        self.source, self.cells = source, dict(cells)

    def forget(self, place: str) -> None:
        """Drop the cells of what no longer stands as its workbook says."""
        self.cells = {name: cell for name, cell in self.cells.items() if not _names(name, place)}


def told(error: InputError, source: str, entry: Mapping[str, Any]) -> InputError:
    """Return the error with the file before it, and with the cell when the file is a workbook.

    Args:
        error: of the reading of an entry.
        source: of the entry, such as `case file north.yaml`.
        entry: that was read.
    """
    message = str(error).removeprefix(f"{source}: ")
    if not isinstance(entry, EntryWithCells):
        return InputError(f"{source}: {message}" if source else message)
    message = message.removeprefix(f"{entry.source}: ")
    cell = cell_named_in(message, entry.cells)
    return InputError(
        f"{entry.source}: {cell}: {message}" if cell else f"{entry.source}: {message}"
    )


def cell_named_in(message: str, cells: Mapping[str, str]) -> str:
    """Return the cell of the first place that a message names; empty when it names none.

    Of several places that begin there the longest counts. A key at the top of a file counts only
    where the message begins with it, as its name is also a word of the language.

    Example:
        >>> cell_named_in("units.fcc.feeds[1]: none", {"units.fcc": "Units!A2"})
        'Units!A2'
    """
    best, cell = (len(message), 0), ""
    for name, address in cells.items():
        at = _at(message, name)
        plain = "." not in name and "[" not in name
        if at >= 0 and not (plain and at) and (at, -len(name)) < best:
            best, cell = (at, -len(name)), address
    return cell


def _at(message: str, name: str) -> int:
    """Return where a message names a place, not one whose name only begins like it; -1 nowhere."""
    at = message.find(name) if name else -1
    while at >= 0:
        before = message[at - 1] if at else " "
        if not (before.isalnum() or before in "_.") and _names(message[at:], name):
            return at
        at = message.find(name, at + 1)
    return at


def _names(words: str, name: str) -> bool:
    """Return whether words begin with a name, and not with one that only begins like it."""
    after = words[len(name) : len(name) + 1]
    return words.startswith(name) and not (after.isalnum() or after == "_")
