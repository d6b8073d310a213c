"""The wire between the control loop and the gate: length-prefixed canonical JSON.

A message is four bytes of length (big endian) and one JSON object. What is not exactly the
canonical text of an object is refused before anything looks at its meaning.
"""

import asyncio
import json
import math
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from operator_agent.errors import InputError
from operator_agent.messages import GateReply, GateVerdict
from operator_agent.signing import Json, canonical_json

MAX_BYTES = 65_536  # a move of a thousand MVs fits; more is an attack or an error
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LENGTH = struct.Struct(">I")


def address(endpoint: str) -> tuple[str, int]:
    """Return host and port of `tcp://host:port`.

    Raises:
        InputError: the endpoint has another form, or is not on the loopback: the wire is not
            encrypted.

    Example:
        >>> address("tcp://127.0.0.1:4850")
        ('127.0.0.1', 4850)
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "tcp" or not parts.hostname or parts.port is None:
        raise InputError(f"gate endpoint '{endpoint}' is not of the form tcp://host:port")
    if parts.hostname not in LOOPBACK:
        raise InputError(
            f"gate endpoint '{endpoint}' is not on the loopback; use one of {', '.join(LOOPBACK)}"
        )
    return parts.hostname, parts.port


def pack(payload: Mapping[str, Json]) -> bytes:
    """Return a message as it goes over the wire.

    Raises:
        InputError: a number is NaN or infinite, or the message is too long.
    """
    body = canonical_json(payload)
    if len(body) > MAX_BYTES:
        raise InputError(f"a message of {len(body)} bytes passes the limit of {MAX_BYTES}")
    return _LENGTH.pack(len(body)) + body


async def receive(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """Return the next message, or None when the partner has closed the connection.

    Raises:
        InputError: it is too long, cut, not JSON, not an object, or not in canonical form.
    """
    try:
        head = await stream.readexactly(_LENGTH.size)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise InputError("a message was cut within its length") from error
    (length,) = _LENGTH.unpack(head)
    if length > MAX_BYTES:
        raise InputError(f"a message of {length} bytes passes the limit of {MAX_BYTES}")
    try:
        body = await stream.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise InputError(f"a message was cut at {len(error.partial)} of {length} bytes") from error
    return parse(body)


def parse(body: bytes) -> dict[str, Any]:
    """Return the object of a canonical JSON text.

    Raises:
        InputError: it is anything else.

    Example:
        >>> parse(b'{"a":1.5}')
        {'a': 1.5}
    """
    try:
        payload = json.loads(body)
        canonical = canonical_json(payload)
    except (ValueError, RecursionError) as error:
        raise InputError(f"a message that is not JSON: {error}") from error
    if not isinstance(payload, dict) or canonical != body:
        raise InputError("a message that is not the canonical text of an object")
    return payload


def reset_payload(operator: str, head: str) -> dict[str, Json]:
    """Return what a person signs to reset the gate."""
    return {"command": "reset", "operator": operator, "head": head}


def reply_payload(reply: GateReply) -> dict[str, Json]:
    """Return a reply as plain values."""
    return {
        "sequence": reply.sequence,
        "verdict": reply.verdict.value,
        "check": reply.check,
        "reason": reply.reason,
        "read_back": [
            [tag, value if math.isfinite(value) else None] for tag, value in reply.read_back
        ],
        "duration_s": reply.duration_s if math.isfinite(reply.duration_s) else None,
    }


def reply_from(payload: Mapping[str, Any]) -> GateReply:
    """Return a reply from plain values.

    Raises:
        InputError: a key is missing, unknown, or of a wrong type.
    """
    try:
        read_back = tuple(
            (str(tag), math.nan if value is None else float(value))
            for tag, value in payload["read_back"]
        )
        duration = payload["duration_s"]
        return GateReply(
            sequence=int(payload["sequence"]),
            verdict=GateVerdict(payload["verdict"]),
            check=str(payload["check"]),
            reason=str(payload["reason"]),
            read_back=read_back,
            duration_s=math.nan if duration is None else float(duration),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the gate's answer is not a reply: {error}") from error
