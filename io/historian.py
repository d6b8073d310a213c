"""The historian: one row for each scan in SQLite, readable while it is written.

A row holds the time, the values as 64-bit floats and the qualities as bytes. The tags of the
columns stand in a table of layouts; a row names its layout, so a changed tag list starts a new one
and old rows stay readable.
"""

import csv
import json
import math
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import Quality, Reading
from operator_agent.signing import canonical_json
from operator_agent.site import Site

QUALITY_CODES = {Quality.GOOD: 0, Quality.UNCERTAIN: 1, Quality.BAD: 2}
ABSENT = 3  # quality code of a tag that a row does not hold
BUSY_TIMEOUT_S = 5.0  # readers never block the writer; this covers a checkpoint by another process

_SCHEMA = """
CREATE TABLE IF NOT EXISTS layout (id INTEGER PRIMARY KEY, tags TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS scan (
    time_s REAL NOT NULL, layout INTEGER NOT NULL, value BLOB NOT NULL, quality BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS scan_time ON scan (time_s);
"""


@dataclass(frozen=True, slots=True)
class History:
    """What was read from a historian.

    Attributes:
        tags: of the columns.
        time_s: plant time of the rows, shape (n_rows,) [s since 1970 UTC].
        values: shape (n_rows, n_tags) [SI]; NaN where there is none.
        quality: shape (n_rows, n_tags), see `QUALITY_CODES`; `ABSENT` where there is none.
    """

    tags: tuple[str, ...]
    time_s: FloatArray
    values: FloatArray
    quality: NDArray[np.uint8]

    def export_csv(self, path: Path) -> None:
        """Store the table as CSV: time, then value and quality of each tag."""
        names = {code: quality.value for quality, code in QUALITY_CODES.items()}
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            head = [name for tag in self.tags for name in (tag, f"{tag} quality")]
            table.writerow(["time_s", *head])
            for time_s, values, codes in zip(self.time_s, self.values, self.quality, strict=True):
                cells = [
                    cell
                    for value, code in zip(values.tolist(), codes.tolist(), strict=True)
                    for cell in ("" if math.isnan(value) else value, names.get(code, ""))
                ]
                table.writerow([float(time_s), *cells])


class Historian:
    """Stores and returns scans. One process writes; any number reads."""

    def __init__(self, path: Path, site: Site | None = None) -> None:
        """Open a historian, or start one.

        Args:
            path: of the SQLite file.
            site: whose tags are the default columns of `read`; not needed otherwise.

        Raises:
            InputError: the file cannot be opened.
        """
        self._path = path
        self._tags = () if site is None else tuple(tag.name for tag in site.tags)
        self._lock = threading.Lock()
        self._layouts: dict[tuple[str, ...], int] = {}
        try:
            self._db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise InputError(f"historian {path} cannot be opened: {error}") from error

    def append(self, time_s: float, readings: Sequence[Reading]) -> None:
        """Store the readings of one scan.

        Args:
            time_s: plant time [s since 1970 UTC].
            readings: one for each tag.

        Raises:
            InputError: it could not be stored.
        """
        tags = tuple(reading.tag for reading in readings)
        values = np.array([reading.value for reading in readings], dtype="<f8").tobytes()
        quality = bytes(QUALITY_CODES[reading.quality] for reading in readings)
        try:
            with self._lock:
                layout = self._layout(tags)
                self._db.execute(
                    "INSERT INTO scan VALUES (?, ?, ?, ?)", (time_s, layout, values, quality)
                )
        except sqlite3.Error as error:
            raise InputError(f"historian {self._path} cannot be written: {error}") from error

    def _layout(self, tags: tuple[str, ...]) -> int:
        if tags not in self._layouts:
            text = canonical_json(tags).decode()
            self._db.execute("INSERT OR IGNORE INTO layout (tags) VALUES (?)", (text,))
            row = self._db.execute("SELECT id FROM layout WHERE tags = ?", (text,)).fetchone()
            self._layouts[tags] = int(row[0])
        return self._layouts[tags]

    def read(
        self,
        tags: Sequence[str] = (),
        start_s: float = -math.inf,
        end_s: float = math.inf,
    ) -> History:
        """Return the scans of a time range, oldest first.

        Args:
            tags: names of the columns; all tags of the site by default.
            start_s, end_s: plant times, both inside [s since 1970 UTC].

        Raises:
            InputError: no tags are given and no site is known, or the file is damaged.
        """
        wanted = tuple(tags) or self._tags
        if not wanted:
            raise InputError("name the tags to read, or open the historian with its site")
        try:
            with self._lock:
                rows = self._db.execute(
                    "SELECT time_s, tags, value, quality FROM scan JOIN layout ON layout = id "
                    "WHERE time_s >= ? AND time_s <= ? ORDER BY time_s, scan.rowid",
                    (start_s, end_s),
                ).fetchall()
        except sqlite3.Error as error:
            raise InputError(f"historian {self._path} cannot be read: {error}") from error
        history = History(
            wanted,
            np.array([row[0] for row in rows], dtype=np.float64),
            np.full((len(rows), len(wanted)), np.nan),
            np.full((len(rows), len(wanted)), ABSENT, dtype=np.uint8),
        )
        columns: dict[str, tuple[list[int], list[int]]] = {}
        for number, (_, layout, values, quality) in enumerate(rows):
            if layout not in columns:
                columns[layout] = _columns(layout, wanted)
            to, source = columns[layout]
            history.values[number, to] = np.frombuffer(values, dtype="<f8")[source]
            history.quality[number, to] = np.frombuffer(quality, dtype=np.uint8)[source]
        return history

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _columns(layout: str, wanted: tuple[str, ...]) -> tuple[list[int], list[int]]:
    held: list[str] = json.loads(layout)
    pairs = [(i, held.index(tag)) for i, tag in enumerate(wanted) if tag in held]
    return [i for i, _ in pairs], [j for _, j in pairs]
