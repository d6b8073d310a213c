"""Assays out of record collections: two JSON layouts and a pair of CSV files.

| layout | recognised by | holds |
|---|---|---|
| curve records | JSON, keys `distillation_type` and `densities` | points, density of the crude |
| full assays | JSON, keys `tbp_volpct_degC`, `whole_density` | points, cuts with density, sulphur |
| pair of tables | `*crudes.csv` beside `*distillation_cuts.csv` | points, API, sulphur |

How points become a curve stands in `record_curve`. The tables do not say by which method the crude
was distilled; their points are taken as true boiling points.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import Assay, load_assay
from operator_agent.plant.crude.record_layouts import assay_of_record
from operator_agent.plant.crude.record_tables import read_tables
from operator_agent.plant.document import Section

_NEAREST = 3  # names in the message about an unknown record


@dataclass(frozen=True, slots=True)
class RecordName:
    """How one record of a file is called.

    Attributes:
        record_id: such as `AD01470`; unique in the file.
        name: in words; two records may have the same.
    """

    record_id: str
    name: str


def assay_records(path: Path) -> tuple[RecordName, ...]:
    """Return the names of all records in a file, in its order, usable or not.

    Raises:
        InputError: the file is missing, or of no known layout.
    """
    return tuple(
        RecordName(record_id, str(record["name"]))
        for record_id, record in _read(Path(path)).items()
    )


def load_assay_record(path: Path, record_id_or_name: str) -> Assay:
    """Return one assay of a file of records.

    Args:
        path: a JSON file, or the CSV file of crudes beside that of distillation cuts.
        record_id_or_name: such as `AD01470` or `Brent Blend`; capitals do not matter.

    Raises:
        InputError: the file is missing or of no known layout, the record is unknown or its name
            is that of several, or the record is no usable assay: the message says why.
    """
    path = Path(path)
    records = _read(path)
    record_id = _find(records, record_id_or_name, path.name)
    return assay_of_record(record_id, records[record_id], f"{path.name}, record {record_id}")


def usable_assays(path: Path) -> tuple[Mapping[str, Assay], Mapping[str, str]]:
    """Return all assays of a file by id, and the reason for each record that is none.

    Raises:
        InputError: the file is missing or of no known layout.
    """
    path = Path(path)
    assays: dict[str, Assay] = {}
    refused: dict[str, str] = {}
    for record_id, record in _read(path).items():
        try:
            assays[record_id] = assay_of_record(
                record_id, record, f"{path.name}, record {record_id}"
            )
        except InputError as error:
            refused[record_id] = str(error)
    return MappingProxyType(assays), MappingProxyType(refused)


def read_crude(entry: object, folder: Path, where: str = "crudes") -> Assay:
    """Return the assay that an entry of a case's list of crudes names.

    Args:
        entry: path of a YAML assay, or `{file: path, record: id or name}`.
        folder: that paths are relative to.
        where: words that begin a message.

    Raises:
        InputError: the entry is neither, or the assay cannot be read.
    """
    if isinstance(entry, str):
        return load_assay(folder / entry)
    if not isinstance(entry, Mapping):
        raise InputError(
            f"{where}: expected the path of an assay or {{file: path, record: id}}, found {entry!r}"
        )
    section = Section(entry, where)
    file, record = section.text("file"), section.text("record")
    section.close()
    return load_assay_record(folder / file, record)


def _read(path: Path) -> Mapping[str, Mapping[str, Any]]:
    if path.suffix.lower() == ".csv":
        return read_tables(path)
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"file {path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"file {path} cannot be read as JSON: {error}") from error
    if not isinstance(parsed, dict) or not parsed:
        raise InputError(f"file {path} holds no mapping of records")
    return _by_id(parsed, path.name)


def _by_id(parsed: Mapping[str, Any], file: str) -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for key, record in parsed.items():
        if not isinstance(record, dict) or not isinstance(record.get("name"), str):
            raise InputError(f"{file}: '{key}' is no record with a name; is this a file of assays?")
        record_id = str(record.get("oil_id", key))
        if record_id in found:
            raise InputError(f"{file}: record {record_id} stands there twice; remove one")
        found[record_id] = record
    return MappingProxyType(found)


def _find(records: Mapping[str, Mapping[str, Any]], wanted: str, file: str) -> str:
    text = wanted.strip().casefold()
    for record_id in records:
        if record_id.casefold() == text:
            return record_id
    named = [key for key, record in records.items() if record["name"].casefold() == text]
    if len(named) > 1:
        raise InputError(f"{file}: '{wanted}' is the name of {', '.join(named)}; give the id")
    if named:
        return named[0]
    known = {key.casefold(): key for key in records}
    known |= {record["name"].casefold(): record["name"] for record in records.values()}
    near = difflib.get_close_matches(text, list(known), n=_NEAREST, cutoff=0.0)
    names = ", ".join(f"'{known[name]}'" for name in near)
    raise InputError(f"{file} has no record '{wanted}'; the nearest are {names}")
