"""The gate's audit trail: append-only, durable before the wire, and tamper-evident.

Each record holds the SHA-256 of itself and the one before. A chain alone does not show that its
tail was cut, so the head is anchored in a second file, which belongs on another host or medium.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operator_agent.errors import InputError, SignatureError
from operator_agent.messages import Move
from operator_agent.signing import Json, canonical_json

GENESIS = "0" * 64  # the hash before the first record

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload BLOB NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON record
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON record
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry.

    Attributes:
        number: from one, without gaps.
        kind: `start`, `intent`, `result`, `refused`, `held`, `shed` or `reset`.
        payload: what happened.
        hash: of this record and, through the one before, of all before it.
    """

    number: int
    kind: str
    payload: dict[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class CertifiedWrite:
    """One set point that the gate meant to write, as recorded before it went out.

    Attributes:
        record: number of the audit record.
        sequence, session: of the move.
        tag, node: where to.
        device_value: in the device's unit, exactly as sent.
        value: [SI].
    """

    record: int
    sequence: int
    session: str
    tag: str
    node: str
    device_value: float
    value: float


def _hash(previous: str, number: int, kind: str, payload: bytes) -> str:
    text = b"|".join((previous.encode(), str(number).encode(), kind.encode(), payload))
    return hashlib.sha256(text).hexdigest()


def default_anchor(path: Path) -> Path:
    """Return where the head is anchored when nothing else is said."""
    return path.with_name(path.name + ".anchor")


class Audit:
    """The open trail; `append` returns only when the record is on the disk."""

    def __init__(self, path: Path, anchor: Path | None = None) -> None:
        """Open a trail, or start one, and verify what is there.

        Raises:
            SignatureError: the trail was altered or its tail is missing.
            InputError: the file cannot be opened or written.
        """
        self._path = path
        self._anchor = anchor or default_anchor(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise InputError(
                f"audit trail {path} cannot be opened for writing ({error}); without it the gate "
                "does not start"
            ) from error
        try:
            self._number, self._head = _verified(path, self._anchor)
        except SignatureError:
            self._db.close()
            raise

    @property
    def head(self) -> str:
        """Hash of the last record."""
        return self._head

    @property
    def number(self) -> int:
        """Number of the last record; 0 when there is none."""
        return self._number

    def append(self, kind: str, payload: Json) -> int:
        """Store one record durably and return its number.

        Raises:
            InputError: the payload holds NaN or infinity.
            sqlite3.Error: it could not be stored.
        """
        content = canonical_json(payload)
        number = self._number + 1
        digest = _hash(self._head, number, kind, content)
        self._db.execute("INSERT INTO record VALUES (?, ?, ?, ?)", (number, kind, content, digest))
        self._number, self._head = number, digest
        return number

    def anchor(self) -> None:
        """Store number and hash of the head in the anchor file.

        Raises:
            OSError: it could not be stored.
        """
        fresh = self._anchor.with_name(self._anchor.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([f"{self._number} {self._head}\n".encode()])
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._anchor)

    def last(self, *kinds: str) -> Record | None:
        """Return the last record of one of these kinds."""
        marks = ",".join("?" * len(kinds))
        row = self._db.execute(
            f"SELECT * FROM record WHERE kind IN ({marks}) ORDER BY number DESC LIMIT 1", kinds
        ).fetchone()
        return None if row is None else _record(row)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _record(row: tuple[Any, ...]) -> Record:
    number, kind, payload, digest = row
    return Record(number, kind, json.loads(payload), digest)


def _rows(path: Path) -> Iterator[tuple[int, str, bytes, str]]:
    if not path.exists():
        raise InputError(f"there is no audit trail {path}")
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield from db.execute("SELECT * FROM record ORDER BY number")
    except sqlite3.Error as error:
        raise SignatureError(f"audit trail {path} is damaged ({error}); restore it") from error
    finally:
        db.close()


def verify(path: Path, anchor: Path | None = None) -> int:
    """Check the whole chain against itself and against its anchor.

    Args:
        path: of the audit trail.
        anchor: the file with the head; beside the trail by default.

    Returns:
        The number of records.

    Raises:
        SignatureError: a record was altered, removed or inserted, or the tail is missing.
        InputError: there is no trail.
    """
    return _verified(path, anchor or default_anchor(path))[0]


def _verified(path: Path, anchor: Path) -> tuple[int, str]:
    anchored = _anchored(path, anchor)
    number, head = 0, GENESIS
    at_anchor = GENESIS
    for row_number, kind, payload, digest in _rows(path):
        number += 1
        head = _hash(head, number, kind, bytes(payload))
        if row_number != number or head != digest:
            raise SignatureError(
                f"audit trail {path} was altered at record {number}; keep the file as evidence and "
                "restore a verified copy"
            )
        if anchored is not None and number == anchored[0]:
            at_anchor = head
    _check_anchor(path, anchor, number, at_anchor, anchored)
    return number, head


def _anchored(path: Path, anchor: Path) -> tuple[int, str] | None:
    if not anchor.exists():
        return None
    words = anchor.read_text().split()
    if len(words) != 2 or not words[0].isdigit():
        raise SignatureError(f"anchor {anchor} of audit trail {path} is damaged")
    return int(words[0]), words[1]


def _check_anchor(
    path: Path, anchor: Path, number: int, at_anchor: str, anchored: tuple[int, str] | None
) -> None:
    if anchored is None:
        if number:
            raise SignatureError(
                f"audit trail {path} has {number} records and its anchor {anchor} is missing; "
                "without it a cut tail cannot be seen"
            )
        return
    if anchored[0] > number:
        raise SignatureError(
            f"audit trail {path} ends at record {number}, its anchor knows {anchored[0]}: the tail "
            "was removed"
        )
    if at_anchor != anchored[1]:
        raise SignatureError(
            f"audit trail {path} does not lead to its anchor {anchor}: it was replaced"
        )


def records(path: Path) -> Iterator[Record]:
    """Yield all records in order, without checking the chain.

    Raises:
        InputError: there is no trail.
        SignatureError: the file is damaged.
    """
    for row in _rows(path):
        yield _record(row)


def certified_writes(path: Path, key: bytes | None = None) -> Iterator[CertifiedWrite]:
    """Yield every set point that the gate meant to write, in order.

    Args:
        path: of the audit trail.
        key: of the moves; when given, the signature of each recorded move is checked again.

    Raises:
        SignatureError: a recorded move does not bear the signature of the key.
    """
    for record in records(path):
        if record.kind != "intent":
            continue
        move = move_from(record.payload["move"])
        if key is not None:
            move.check(key)
        signed = dict(move.values)
        for tag, node, device_value in record.payload["items"]:
            yield CertifiedWrite(
                record.number,
                move.sequence,
                move.session,
                tag,
                node,
                float(device_value),
                signed[tag],
            )


def move_payload(move: Move) -> dict[str, Json]:
    """Return a move with its signature as plain values."""
    return {**move.payload(), "signature": move.signature}


def move_from(payload: dict[str, Any]) -> Move:
    """Return a move from plain values.

    Raises:
        InputError: a key is missing, unknown, or of a wrong type.
    """
    try:
        values = tuple((str(tag), float(value)) for tag, value in payload["values"])
        move = Move(**{**payload, "values": values})
        whole = (move.sequence, move.read_id)
        texts = (move.session, move.solver_status, move.limits_sha256, move.config_sha256)
        numbers = (move.created_mono_s, move.residual)
        if (
            not all(type(item) is int for item in whole)
            or not all(type(item) is str for item in (*texts, move.signature))
            or not all(type(item) in (int, float) for item in numbers)
            or type(move.hold) is not bool
        ):
            raise TypeError("a field has a wrong type")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not a move: {error}") from error
    return move
