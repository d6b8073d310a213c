"""Crude records in two CSV tables: the crudes, and the points of their distillation curves."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from operator_agent.errors import InputError

_CRUDES, _CUTS = "crudes.csv", "distillation_cuts.csv"
_CRUDE_COLUMNS = frozenset({"oil_id", "name", "API", "sulfur_wt_pct", "distillation_type"})
_CUT_COLUMNS = frozenset({"oil_id", "temp_C", "cum_fraction"})


def read_tables(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the records of the pair of tables by id, each with its row of points.

    Args:
        path: of `<name>crudes.csv`; `<name>distillation_cuts.csv` stands beside it.

    Raises:
        InputError: a table or a column is missing, or an id stands there twice.
    """
    if not path.name.endswith(_CRUDES):
        raise InputError(f"{path} is no table of crudes; give the one whose name ends in {_CRUDES}")
    beside = path.with_name(path.name.removesuffix(_CRUDES) + _CUTS)
    points = defaultdict(list)
    for row in _rows(beside, _CUT_COLUMNS):
        points[row["oil_id"]].append((row["cum_fraction"], row["temp_C"]))
    found: dict[str, Mapping[str, Any]] = {}
    for row in _rows(path, _CRUDE_COLUMNS):
        if row["oil_id"] in found:
            raise InputError(f"{path.name}: record {row['oil_id']} stands there twice; remove one")
        found[row["oil_id"]] = MappingProxyType({**row, "table_points": points[row["oil_id"]]})
    return MappingProxyType(found)


def _rows(path: Path, columns: frozenset[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = sorted(columns - set(reader.fieldnames or ()))
            rows = list(reader)
    except FileNotFoundError:
        raise InputError(f"file {path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"file {path} cannot be read as CSV: {error}") from error
    if missing:
        raise InputError(f"{path.name}: column '{missing[0]}' is missing")
    return rows
