"""Row files: a bilinear program written out as JSON, row by row."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.bilinear.program import BilinearProgram, bilinear_program

NO_LIMIT = 1e20  # numbers beyond stand for "none" in such files
KEYS = frozenset({"nvar", "lb", "ub", "x0", "type", "sense", "obj_var", "rows"})


def read_row_file(path: Path) -> BilinearProgram:
    """Return the program in a row file.

    Each row is `[columns, coefficients, qi, qj, qc, low, high]` and means
    low <= sum(coefficients * x[columns]) + sum(qc * x[qi] * x[qj]) <= high. Column `obj_var` is to
    be driven to its minimum or maximum by `sense`; `type` holds c, b or i for each column.

    Raises:
        InputError: the file cannot be read, lacks a key, or its lengths do not fit.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"row file {path} cannot be read: {error}") from error
    missing = KEYS - set(data)
    if missing:
        raise InputError(f"row file {path}: key '{sorted(missing)[0]}' is missing; add it")
    count = int(data["nvar"])
    for key in ("lb", "ub", "x0", "type"):
        if len(data[key]) != count:
            raise InputError(f"row file {path}: '{key}' has {len(data[key])} of {count} columns")
    _check_rows(path, data["rows"], count)
    if data["sense"] not in ("min", "max"):
        raise InputError(f"row file {path}: sense is {data['sense']!r}; write 'min' or 'max'")
    cost = np.zeros(count)
    cost[data["obj_var"]] = -1.0 if data["sense"] == "max" else 1.0
    return bilinear_program(
        tuple(f"x{i}" for i in range(count)),
        tuple(f"row{i}" for i in range(len(data["rows"]))),
        _triplets(data["rows"]),
        _products(data["rows"]),
        (
            _limits([row[5] for row in data["rows"]], -np.inf),
            _limits([row[6] for row in data["rows"]], np.inf),
        ),
        (_limits(data["lb"], -np.inf), _limits(data["ub"], np.inf)),
        (cost, 0.0, data["sense"] == "max"),
        [kind != "c" for kind in data["type"]],
        np.array(data["x0"], dtype=np.float64),
    )


def _check_rows(path: Path, rows: list[Any], count: int) -> None:
    for number, row in enumerate(rows):
        if len(row) != 7:
            raise InputError(f"row file {path}: row {number} has {len(row)} parts, not 7")
        if len(row[0]) != len(row[1]) or not len(row[2]) == len(row[3]) == len(row[4]):
            raise InputError(f"row file {path}: row {number} has columns without coefficients")
        if any(not 0 <= column < count for part in (row[0], row[2], row[3]) for column in part):
            raise InputError(f"row file {path}: row {number} names a column outside 0..{count - 1}")


def _triplets(rows: list[Any]) -> tuple[Any, Any, Any]:
    where = [number for number, row in enumerate(rows) for _ in row[0]]
    return where, [c for row in rows for c in row[0]], [v for row in rows for v in row[1]]


def _products(rows: list[Any]) -> tuple[Any, Any, Any, Any]:
    where = [number for number, row in enumerate(rows) for _ in row[2]]
    parts = [[value for row in rows for value in row[k]] for k in (2, 3, 4)]
    return where, parts[0], parts[1], parts[2]


def _limits(values: list[float | None], missing: float) -> FloatArray:
    """Return limits as numbers; those that are null or beyond `NO_LIMIT` are none."""
    found = np.array([missing if value is None else value for value in values], dtype=np.float64)
    return np.where(np.abs(found) >= NO_LIMIT, np.copysign(np.inf, found), found)
