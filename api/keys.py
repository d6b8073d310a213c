"""API keys: made at run time, shown once, stored as hashes; every request needs one."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from enum import Enum

from operator_agent.api.answers import problem_response
from operator_agent.api.asgi import AsgiApp, AsgiScope, Receive, Send
from operator_agent.api.problems import Problem
from operator_agent.signing import KEY_BYTES

KEY_HEADER = "X-API-Key"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json"})
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ApiScope(Enum):
    """What a key may do. Neither contains the other."""

    READ = "read"  # look at jobs and at the controller's status
    PLAN = "plan"  # ask for plans and cancel them


def new_api_key() -> tuple[str, str]:
    """Return a new random key and its SHA-256 as hexadecimal text. Store only the second."""
    key = secrets.token_urlsafe(KEY_BYTES)
    return key, api_key_sha256(key)


def api_key_sha256(key: str) -> str:
    """Return the SHA-256 of a key as hexadecimal text.

    The keys are random and long, so a slow password hash would add nothing.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def scopes_of(key: str, keys_sha256: Mapping[str, frozenset[ApiScope]]) -> frozenset[ApiScope]:
    """Return what a key may do; nothing when it is unknown. Time does not depend on the match."""
    digest = api_key_sha256(key)
    scopes: frozenset[ApiScope] = frozenset()
    for known, granted in keys_sha256.items():
        if hmac.compare_digest(known, digest):
            scopes = granted
    return scopes


class KeyCheck:
    """Refuses every request without a fitting key, before its body is read.

    Reading methods need the scope `read`, all others `plan`; only `OPEN_PATHS` need no key.
    """

    def __init__(self, app: AsgiApp, keys_sha256: Mapping[str, frozenset[ApiScope]]) -> None:
        """Stand in front of `app`."""
        self._app = app
        self._keys_sha256 = dict(keys_sha256)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 or 403."""
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await problem_response(problem)(scope, receive, send)

    def _problem(self, scope: AsgiScope) -> Problem | None:
        if scope["path"] in OPEN_PATHS:
            return None
        header = KEY_HEADER.lower().encode()
        key = next((value for name, value in scope["headers"] if name == header), b"")
        scopes = scopes_of(key.decode("latin-1"), self._keys_sha256)
        if not scopes:
            return Problem("unauthorized", f"send a known API key in the header {KEY_HEADER}")
        needed = ApiScope.READ if scope["method"] in READ_METHODS else ApiScope.PLAN
        if needed not in scopes:
            return Problem("forbidden", f"this needs an API key with the scope '{needed.value}'")
        return None
