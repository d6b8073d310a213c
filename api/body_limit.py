"""Refuses bodies that are too large, whether their length is declared or not."""

from fastapi.datastructures import Headers
from fastapi.exceptions import HTTPException

from operator_agent.api.answers import problem_response
from operator_agent.api.asgi import AsgiApp, AsgiMessage, AsgiScope, Receive, Send
from operator_agent.api.problems import Problem

MAX_BODY_BYTES = 262_144  # a full request has a few kB
_DETAIL = f"a body has at most {MAX_BODY_BYTES} bytes"


class BodyLimit:
    """Answers 413 to a declared length over the limit, and counts a body without one."""

    def __init__(self, app: AsgiApp) -> None:
        """Stand in front of `app`."""
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
            await problem_response(Problem("too-large", _DETAIL))(scope, receive, send)
            return
        seen = 0

        async def counted() -> AsgiMessage:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY_BYTES:
                raise HTTPException(413, _DETAIL)  # answered by the handler of HTTP errors
            return message

        await self._app(scope, counted, send)
