"""Rows of a case stack, and the file of JSON lines that keeps them while a stack is solved."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from operator_agent.errors import InputError
from operator_agent.planning.casework.watch import Watched

ROW_FORMAT = 2
"""Part of every fingerprint: rows of an older form, which tell less, are solved again."""

STOPPED = "Stopped"
"""Kind of error of a case that was not reached before the stack was stopped."""


@dataclass(frozen=True, slots=True)
class StackRow:
    """What a stack tells of one case.

    Attributes:
        case: its name.
        fingerprint: of all that the result depends on.
        profit: [usd/h]; NaN without a plan.
        stop, worth: why the solver stopped, and what the point is worth; empty when it failed.
        violation: largest relative violation of a row; NaN when it failed.
        seconds: that it took [s].
        watched: by key, in the units of the watch list; NaN without a plan.
        active: keys of the limits that hold and have a price, in alphabetical order.
        bought: crudes and purchases of which there is any.
        error: why there is no plan; empty when there is one.
        error_kind: class of the error, `NoPlan` when the solver's point is worth nothing.
        flows_kbbl_d: bought, loaded on units and sold, by watch key [kbbl/d].
    """

    case: str
    fingerprint: str
    profit: float = math.nan
    stop: str = ""
    worth: str = ""
    violation: float = math.nan
    seconds: float = 0.0
    watched: Mapping[str, float] = field(default_factory=dict)
    active: tuple[str, ...] = ()
    bought: tuple[str, ...] = ()
    error: str = ""
    error_kind: str = ""
    flows_kbbl_d: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether there is a plan."""
        return not self.error_kind

    def payload(self) -> dict[str, Any]:
        """Return the row as plain values; a NaN becomes None."""
        plain = asdict(self)
        for name in ("watched", "flows_kbbl_d"):
            plain[name] = {key: _finite(value) for key, value in plain[name].items()}
        return {name: _finite(value) for name, value in plain.items()}


@dataclass(frozen=True, slots=True)
class StackResult:
    """The rows of a stack.

    Attributes:
        stage: `lp` or `nlp`.
        watch: what was watched.
        rows: in the order of the cases.
        resumed: rows that were taken from the file.
    """

    stage: str
    watch: tuple[Watched, ...]
    rows: tuple[StackRow, ...]
    resumed: int = 0

    @property
    def reached(self) -> int:
        """Number of cases that came to an end; less than all when the stack was stopped."""
        return sum(row.error_kind != STOPPED for row in self.rows)

    def payload(self) -> dict[str, Any]:
        """Return the stack as plain values."""
        return {
            "stage": self.stage,
            "watch": {watched.key: watched.unit for watched in self.watch},
            "rows": [row.payload() for row in self.rows],
            "resumed": self.resumed,
        }


def keep_row(file: Path, row: StackRow) -> None:
    """Add a row to a file."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(row.payload(), allow_nan=False) + "\n")


def kept_rows(file: Path) -> dict[str, StackRow]:
    """Return the rows of a file by fingerprint; a last line that was cut off is taken out.

    Raises:
        InputError: the file cannot be read or written, or holds something else.
    """
    try:
        file.touch()
        text = file.read_text(encoding="utf-8")
        whole, newline, cut_off = text.rpartition("\n")
        if cut_off:
            file.write_text(whole + newline, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"stack file {file} cannot be used: {error}; name another") from error
    rows = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row = _row_from(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"line {number} of {file} is no row of a stack; name another file to begin anew"
            ) from error
        rows[row.fingerprint] = row
    return rows


def _row_from(plain: dict[str, Any]) -> StackRow:
    """Return the row of its payload."""
    numbers = {name: _number(plain[name]) for name in ("profit", "violation", "seconds")}
    lists = {name: tuple(plain[name]) for name in ("active", "bought")}
    mappings = {
        name: {key: _number(value) for key, value in plain.get(name, {}).items()}
        for name in ("watched", "flows_kbbl_d")
    }
    return StackRow(**{**plain, **numbers, **lists, **mappings})


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
