"""The record of explanations: one line of JSON for each cycle, and a first one with the names."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.explain.explanation import Explanation
from operator_agent.runtime.run_record import CycleRecord
from operator_agent.site import Site, Tag

Line = dict[str, Any]

FILE = "explanations.jsonl"
LARGEST_BYTES = 64_000_000  # about a week of cycles of the crude unit; then the file is put aside


@dataclass(frozen=True, slots=True)
class ExplainedCycle:
    """A cycle as the loop saw it, and its explanation."""

    record: CycleRecord
    explanation: Explanation


class ExplanationWriter:
    """Appends explanations to the file of a run."""

    def __init__(self, path: Path, site: Site) -> None:
        """Take the file and the site whose tags stand in its first line."""
        self._path, self._site = path, site

    def write(self, time_s: float, cycle: ExplainedCycle) -> None:
        """Store one cycle.

        Args:
            time_s: of its scan [s since 1970 UTC].
            cycle: see there.

        Raises:
            OSError: the file cannot be written.
        """
        site, record = self._site, cycle.record
        if self._path.exists() and self._path.stat().st_size > LARGEST_BYTES:
            os.replace(self._path, self._path.with_suffix(".old.jsonl"))
        lines = [] if self._path.exists() else [self._head()]
        mv_names = [tag.variable for tag in site.mvs]
        cv_names = [tag.variable for tag in site.cvs]
        body = cycle.explanation.payload(mv_names, cv_names)
        lines.append(
            {
                "cycle": record.cycle,
                "time_s": time_s,
                "mode": record.mode,
                "verdict": record.verdict,
                "active_limits": list(record.active_limits),
                **body,
            }
        )
        with self._path.open("a", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, allow_nan=False, separators=(",", ":")) + "\n")

    def _head(self) -> dict[str, Any]:
        site = self._site

        def words(tag: Tag) -> dict[str, Any]:
            return {"tag": tag.name, "unit": tag.unit, "description": tag.description}

        return {
            "site": site.name,
            "mvs": {
                tag.variable: {**words(tag), "range": tag.operator.high - tag.operator.low}
                for tag in site.mvs
            },
            "cvs": {tag.variable: words(tag) for tag in site.cvs},
            "dvs": {tag.variable: words(tag) for tag in site.dvs},
        }


@dataclass(frozen=True, slots=True)
class ExplanationFile:
    """What a run left.

    Attributes:
        head: site and tags, by variable.
        cycles: in the order of the file.
    """

    head: dict[str, Any]
    cycles: tuple[Line, ...]

    def cycle(self, number: int | None) -> Line:
        """Return one cycle, the last one for None.

        Raises:
            InputError: there is no such cycle.
        """
        if not self.cycles:
            raise InputError("the record of explanations holds no cycle yet")
        if number is None:
            return self.cycles[-1]
        for line in reversed(self.cycles):
            if line["cycle"] == number:
                return line
        first, last = self.cycles[0]["cycle"], self.cycles[-1]["cycle"]
        raise InputError(f"cycle {number} is not in the record, which runs from {first} to {last}")


def read_explanations(folder: Path) -> ExplanationFile:
    """Return the record of a run.

    Args:
        folder: of the run, or the file itself.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder if folder.is_file() else folder / FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        head, *cycles = [json.loads(line) for line in lines]
        if "mvs" not in head or "cycle" in head:
            raise ValueError("its first line does not name the tags")
    except OSError as error:
        raise InputError(
            f"no explanations in {folder} ({error.strerror}); give the folder of a run "
            "with the controller, such as out/demo/mpc or run/SITE"
        ) from error
    except ValueError as error:
        raise InputError(f"record {path} cannot be read: {error}") from error
    return ExplanationFile(head, tuple(cycles))


def measured(line: dict[str, Any], names: tuple[str, ...]) -> FloatArray:
    """Return the measured CVs of a cycle, NaN where bad, shape (n_y,) [SI]."""
    found = [line["cvs"][name]["measured"] for name in names]
    return np.array([np.nan if value is None else value for value in found])
