"""Records from files: the Parquet history of a plant, or a table of comma-separated values."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.identification.record import Record, even_record
from operator_agent.plant.simulation.history_file import MEASURED, polars

SETPOINT, STATUS = ".setpoint", ".status"
_TIME, _MODE, _GOOD = "time", "mode", "good"


def load_record(path: Path, names: Sequence[str], left_out_modes: Sequence[str] = ()) -> Record:
    """Return the named variables of a history.

    A set point (`NAME.setpoint`) is taken before a reading of the same name; a reading whose
    `NAME.status` is not good, or that is empty, is a bad value. A table's `time` is in seconds or
    in ISO 8601; where a `mode` stands, rows of the modes to leave out are not used.

    Args:
        path: folder of `operator-agent plant history`, a Parquet file, or a CSV file.
        names: wanted.
        left_out_modes: such as `upset`.

    Raises:
        InputError: the file is missing or no table, or a name is not in it.
    """
    file = path / MEASURED if path.is_dir() else path
    if not file.exists():
        raise InputError(f"{file}: there is no such file; give a history folder, Parquet or CSV")
    table = _csv_columns(file) if file.suffix == ".csv" else _parquet_columns(file)
    if _TIME not in table:
        raise InputError(f"{file}: no column '{_TIME}'; there is: {', '.join(table)}")
    values = np.array([_readings(file, table, name) for name in names]).T
    modes = table.get(_MODE)
    used = None
    if modes is not None:
        used = np.array([mode not in left_out_modes for mode in modes], dtype=np.bool_)
    return even_record(str(path), names, _times(file, table[_TIME]), values, used)


def _parquet_columns(file: Path) -> dict[str, Sequence[Any]]:
    try:
        frame = polars().read_parquet(file)
    except (OSError, polars().exceptions.PolarsError) as error:
        raise InputError(f"{file}: cannot be read as Parquet: {error}") from error
    return {name: frame[name].to_list() for name in frame.columns}


def _csv_columns(file: Path) -> dict[str, Sequence[Any]]:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    if len(rows) < 3 or any(len(row) != len(rows[0]) for row in rows):
        raise InputError(f"{file}: needs a line of names and two rows of as many values at least")
    return {name.strip(): [row[n] for row in rows[1:]] for n, name in enumerate(rows[0])}


def _readings(file: Path, table: dict[str, Sequence[Any]], name: str) -> FloatArray:
    key = name + SETPOINT if name + SETPOINT in table else name
    if key not in table:
        known = sorted(n.removesuffix(SETPOINT) for n in table if not n.endswith(STATUS))
        raise InputError(f"{file}: no column '{name}'; there is: {', '.join(known)}")
    found = np.array([_number(file, key, value) for value in table[key]])
    if key + STATUS in table:
        found[[status != _GOOD for status in table[key + STATUS]]] = np.nan
    return found


def _number(file: Path, name: str, value: Any) -> float:
    if value is None or value == "":
        return float("nan")
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"{file}: column {name} holds {value!r}, which is no number") from error


def _times(file: Path, values: Sequence[Any]) -> FloatArray:
    """Return times since the first row [s]."""
    if isinstance(values[0], str):
        try:
            found = np.array([float(value) for value in values])
        except ValueError:
            found = np.array([_moment(file, value).timestamp() for value in values])
    elif isinstance(values[0], datetime):
        found = np.array([value.timestamp() for value in values])
    else:
        found = np.array(values, dtype=np.float64)
    since: FloatArray = found - found[0]
    return since


def _moment(file: Path, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{file}: time {text!r} is neither seconds nor ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def save_csv(path: Path, record: Record) -> None:
    """Write a record as a table that `load_record` reads."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow((_TIME, *record.names, _MODE))
        for time_s, row, used in zip(record.time_s, record.values, record.used, strict=True):
            cells = ["" if np.isnan(value) else repr(float(value)) for value in row]
            writer.writerow((repr(float(time_s)), *cells, "normal" if used else "upset"))
