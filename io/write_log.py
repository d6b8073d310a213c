"""The device's own record of every write that a client tried, one JSON line each.

It is kept by the device, not by the gate: whoever compares it with the gate's audit finds each
write that did not come through the gate.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from operator_agent.errors import InputError
from operator_agent.signing import Json, canonical_json


@dataclass(frozen=True, slots=True)
class DeviceWrite:
    """One write as the device saw it.

    Attributes:
        time_s: plant time [s since 1970 UTC].
        identity: name of the client's certificate, empty when it has none.
        node: text after `s=` of the node id.
        value: the number in the device's unit; NaN when it is not a finite number.
        text: the value as text; what a NaN or a text value was.
        accepted: whether the device took it.
        reason: why not, empty when it did.
    """

    time_s: float
    identity: str
    node: str
    value: float
    text: str
    accepted: bool
    reason: str = ""

    def line(self) -> str:
        """Return the JSON line of this write."""
        payload: dict[str, Json] = {
            "time_s": self.time_s if math.isfinite(self.time_s) else None,
            "identity": self.identity,
            "node": self.node,
            "value": self.value if math.isfinite(self.value) else None,
            "text": self.text,
            "accepted": self.accepted,
            "reason": self.reason,
        }
        return canonical_json(payload).decode() + "\n"


class WriteLog:
    """Appends writes to a file; each one is handed to the operating system before it returns."""

    def __init__(self, path: Path) -> None:
        """Open the file for appending; it is made when missing."""
        self._file = path.open("a", encoding="utf-8")

    def append(self, write: DeviceWrite) -> None:
        """Append one write."""
        self._file.writelines([write.line()])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_write_log(path: Path) -> Iterator[DeviceWrite]:
    """Yield the writes of a log in the order in which the device saw them.

    Raises:
        InputError: the file is missing or a line is not a write.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"write log {path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            for name in ("time_s", "value"):
                fields[name] = math.nan if fields[name] is None else float(fields[name])
            yield DeviceWrite(**fields)
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"write log {path}, line {number} is not a write: {error}") from error
