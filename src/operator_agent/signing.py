"""Signatures over messages and files: canonical JSON, SHA-256 and HMAC-SHA-256.

A flag on an object that says "checked" can be copied; a signature over the values cannot. The key
is made at run time, is readable by its owner alone, and never enters the repository.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from operator_agent.errors import InputError, SignatureError

KEY_BYTES = 32  # as long as the SHA-256 digest; more adds nothing

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def canonical_json(payload: Json) -> bytes:
    """Return the one JSON text of a payload: sorted keys, no spaces, shortest exact floats.

    Raises:
        InputError: a number is NaN or infinite.

    Example:
        >>> canonical_json({"b": 1.0, "a": [True]})
        b'{"a":[true],"b":1.0}'
    """
    try:
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise InputError(
            f"a payload with NaN or infinity cannot be signed or stored: {error}"
        ) from error
    return text.encode()


def sha256_of(payload: Json) -> str:
    """Return the SHA-256 of the canonical JSON, as hexadecimal text."""
    return hashlib.sha256(canonical_json(payload)).hexdigest()


def sign(payload: Json, key: bytes) -> str:
    """Return the HMAC-SHA-256 of the canonical JSON under the key, as hexadecimal text."""
    return hmac.new(key, canonical_json(payload), hashlib.sha256).hexdigest()


def verify(payload: Json, signature: str, key: bytes, *, what: str) -> None:
    """Check a signature in constant time.

    Args:
        payload: what was signed.
        signature: hexadecimal text.
        key: the shared key.
        what: name of the thing for the error message.

    Raises:
        SignatureError: the signature does not belong to this payload and key.
    """
    if not hmac.compare_digest(sign(payload, key), signature):
        raise SignatureError(
            f"the signature of {what} does not match its content; it was altered or signed with "
            "another key, and is refused"
        )


def make_key(path: Path) -> bytes:
    """Make a new random key in a file that only its owner can read, and return the key.

    Raises:
        InputError: the file exists already.
    """
    key = secrets.token_bytes(KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"key file {path} exists already; remove it to make a new key") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    return key


def read_key(path: Path) -> bytes:
    """Return the key in a file.

    Raises:
        InputError: the file is missing or too short.
        SignatureError: others than the owner can read it.
    """
    try:
        key = path.read_bytes()
    except OSError as error:
        raise InputError(f"key file {path} cannot be read: {error.strerror}") from error
    if len(key) < KEY_BYTES:
        raise InputError(f"key file {path} holds {len(key)} bytes; {KEY_BYTES} are needed")
    if path.stat().st_mode & 0o077:
        raise SignatureError(f"key file {path} is open to other users; run: chmod 600 {path}")
    return key
