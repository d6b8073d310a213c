"""Writes a history in parts, each with a checkpoint, joined at the end, never half a file."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from operator_agent.errors import InputError
from operator_agent.plant.simulation.sensors import Measurement

MEASURED, TRUTH, METADATA = "history.parquet", "truth.parquet", "metadata.json"
STATUSES = ("good", "uncertain", "bad")
MODES = ("normal", "crude_change", "setpoint_test", "upset")
_PARTS, _CHECKPOINT = "unfinished", "checkpoint.json"
START = datetime(2026, 1, 1, tzinfo=UTC)  # the simulated calendar starts here


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of a history.

    Attributes:
        time_s: since the start [s].
        readings: of the measured variables.
        setpoints: by handle, after the operators' look [SI].
        slate: declared volume fractions by crude.
        mode: one of `MODES`.
        truth: by variable [SI].
    """

    time_s: float
    readings: Mapping[str, Measurement]
    setpoints: Mapping[str, float]
    slate: Mapping[str, float]
    mode: str
    truth: Mapping[str, float]


def polars() -> ModuleType:
    """Return the library that writes Parquet.

    Raises:
        InputError: it is not installed.
    """
    try:
        import polars as library
    except ImportError:
        raise InputError(
            "operation data are written with polars, which is not installed; "
            "pip install 'operator-agent[data]'"
        ) from None
    return library


class HistoryFolder:
    """The folder of one history while it is being written."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open a new folder, or one whose history of the same settings was not finished.

        Args:
            folder: that receives the files.
            settings: that the history depends on; a JSON object.

        Raises:
            InputError: the folder holds a finished history, or one of other settings, or it cannot
                be written.
        """
        self._folder, self._parts = folder, folder / _PARTS
        if (folder / METADATA).exists():
            raise InputError(f"folder {folder} already holds a history; choose another folder")
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"folder {folder} cannot be made: {error.strerror}") from error
        self._settings = json.loads(json.dumps(settings))
        self._checkpoint = self._read_checkpoint()

    def _read_checkpoint(self) -> dict[str, Any]:
        path = self._parts / _CHECKPOINT
        if not path.exists():
            return {"settings": self._settings, "hashes": [], "rows": 0, "resume": None}
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            self._check_parts(found)
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise self.damaged(str(error) or type(error).__name__) from error
        for key, value in self._settings.items():
            if found["settings"].get(key) != value:
                raise InputError(
                    f"folder {self._folder} holds an unfinished history with {key} "
                    f"{found['settings'].get(key)!r}, now it is {value!r}; choose another folder "
                    f"or delete {self._parts}"
                )
        return found

    def _check_parts(self, found: Mapping[str, Any]) -> None:
        """Check the kinds of what a checkpoint holds, and that the parts that it counts are there.

        Raises:
            TypeError, KeyError, ValueError: it is no checkpoint, or a part is missing.
        """
        kinds = {"settings": dict, "hashes": list, "rows": int, "resume": dict}
        for key, kind in kinds.items():
            if not isinstance(found[key], kind):
                raise TypeError(f"'{key}' is {found[key]!r}")
        missing = {"snapshot", "operators", "shutdowns"} - set(found["resume"])
        if missing:
            raise KeyError(f"{sorted(missing)[0]}")
        for number in range(len(found["hashes"])):
            for name in (MEASURED, TRUTH):
                if not self._part(name, number).exists():
                    raise ValueError(f"{self._part(name, number).name} is missing")

    def damaged(self, why: str) -> InputError:
        """Return the refusal to go on from a checkpoint."""
        return InputError(
            f"{self._parts / _CHECKPOINT} is damaged ({why}); delete {self._parts} and begin anew"
        )

    @property
    def resume(self) -> dict[str, Any] | None:
        """What the last checkpoint kept; None at the beginning."""
        kept: dict[str, Any] | None = self._checkpoint["resume"]
        return kept

    @property
    def rows(self) -> int:
        """Number of rows so far."""
        return int(self._checkpoint["rows"])

    @property
    def values_sha256(self) -> str:
        """Hash of all values so far; independent of how Parquet packs them."""
        return hashlib.sha256("".join(self._checkpoint["hashes"]).encode()).hexdigest()

    def append(self, rows: Sequence[Row], resume: Mapping[str, Any]) -> None:
        """Write a part and then the checkpoint that counts it.

        Args:
            rows: of the part, at least one.
            resume: what is needed to go on after it; a JSON object.
        """
        number = len(self._checkpoint["hashes"])
        measured, truth = _columns(rows), _truth_columns(rows)
        for name, columns in ((MEASURED, measured), (TRUTH, truth)):
            frame = _frame(columns)
            _replace(self._part(name, number), lambda path, frame=frame: frame.write_parquet(path))
        self._checkpoint = {
            "settings": self._settings,
            "hashes": [*self._checkpoint["hashes"], _hash(measured) + _hash(truth)],
            "rows": self.rows + len(rows),
            "resume": dict(resume),
        }
        text = json.dumps(self._checkpoint)
        _replace(self._parts / _CHECKPOINT, lambda path: path.write_text(text, encoding="utf-8"))

    def close(self, metadata: Mapping[str, Any]) -> None:
        """Join the parts, write the metadata and clear the unfinished folder."""
        count = len(self._checkpoint["hashes"])
        for name in (MEASURED, TRUTH):
            parts = [self._part(name, number) for number in range(count)]
            whole = polars().scan_parquet(parts)
            _replace(self._folder / name, lambda path, whole=whole: whole.sink_parquet(path))
        text = json.dumps(metadata, indent=1, allow_nan=False)
        _replace(self._folder / METADATA, lambda path: path.write_text(text, encoding="utf-8"))
        for path in sorted(self._parts.iterdir()):
            path.unlink()
        self._parts.rmdir()

    def setpoints(self, names: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return the set points of all parts, shape (n, n_u) [SI]."""
        parts = [self._part(MEASURED, n) for n in range(len(self._checkpoint["hashes"]))]
        frame = polars().scan_parquet(parts).select([f"{name}.setpoint" for name in names])
        values: np.ndarray[tuple[int, int], np.dtype[np.float64]] = frame.collect().to_numpy()
        return values

    def _part(self, name: str, number: int) -> Path:
        return self._parts / f"{number:05d}_{name}"


def _replace(path: Path, write: Any) -> None:
    """Write to a temporary name first, so that no reader ever sees half a file."""
    temporary = path.with_name(f".{path.name}.part")
    write(temporary)
    os.replace(temporary, path)


Column = list[Any]


def _columns(rows: Sequence[Row]) -> dict[str, Column]:
    columns: dict[str, Column] = {"time": [row.time_s for row in rows]}
    for name in rows[0].readings:
        columns[name] = [row.readings[name].value for row in rows]
        columns[f"{name}.status"] = [row.readings[name].status for row in rows]
    for name in rows[0].setpoints:
        columns[f"{name}.setpoint"] = [row.setpoints[name] for row in rows]
    columns["mode"] = [row.mode for row in rows]
    for crude in rows[0].slate:
        columns[f"declared.{crude}"] = [row.slate[crude] for row in rows]
    return columns


def _truth_columns(rows: Sequence[Row]) -> dict[str, Column]:
    columns: dict[str, Column] = {"time": [row.time_s for row in rows]}
    for name in rows[0].truth:
        columns[name] = [row.truth[name] for row in rows]
    return columns


def _hash(columns: Mapping[str, Column]) -> str:
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(name.encode())
        if isinstance(values[0], str):
            digest.update("\n".join(values).encode())
        else:
            digest.update(np.array(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _frame(columns: Mapping[str, Column]) -> Any:
    library = polars()
    series = []
    for name, values in columns.items():
        if name == "time":
            times = [START + timedelta(seconds=value) for value in values]
            series.append(library.Series(name, times, dtype=library.Datetime("ms", "UTC")))
        elif isinstance(values[0], str):
            known = MODES if name == "mode" else STATUSES
            series.append(library.Series(name, values, dtype=library.Enum(known)))
        else:
            series.append(library.Series(name, values, dtype=library.Float64))
    return library.DataFrame(series)
