"""The control loop's side of the gate: one connection per request, one deadline, no repetition."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from operator_agent.errors import InputError, LinkError
from operator_agent.io.audit import move_payload
from operator_agent.io.gate_protocol import address, pack, receive, reply_from, reset_payload
from operator_agent.messages import GateReply, Move
from operator_agent.signing import Json, sign
from operator_agent.site import Site

DEVICE_REQUESTS = 4  # of one move: look, write, read back, heartbeat
SLACK_S = 1.0  # for the audit trail's disk and the checks


class GateClient:
    """Hands moves to the gate and returns its answers."""

    def __init__(self, site: Site, timeout_s: float = 0.0) -> None:
        """Prepare a client; each request opens its own connection.

        Args:
            site: with `endpoints.gate_endpoint`.
            timeout_s: deadline of a request [s]; by default what the gate needs at most.
        """
        self._endpoint = site.endpoints.gate_endpoint
        self._timeout_s = timeout_s or DEVICE_REQUESTS * site.gate.write_timeout_s + SLACK_S

    async def __aenter__(self) -> "GateClient":
        """Check that the gate answers.

        Raises:
            LinkError: it does not.
        """
        await self.status()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open between requests."""

    async def submit(self, move: Move) -> GateReply:
        """Hand over one signed move and return what the gate did with it.

        Raises:
            LinkError: the gate is out of reach or has not answered in time. Whether the
                move was written is unknown in the last case; sign a new move from a new scan, never
                send the same again.
        """
        answer = await self._request({"kind": "submit", "move": move_payload(move)})
        try:
            return reply_from(answer["reply"])
        except (InputError, KeyError, TypeError) as error:
            raise LinkError(f"gate {self._endpoint} answered no reply: {answer}") from error

    async def status(self) -> dict[str, Any]:
        """Return the gate's state, counters and audit head.

        Raises:
            LinkError: the gate is out of reach or has not answered in time.
        """
        answer = await self._request({"kind": "status"})
        return dict(answer["status"])

    async def reset(self, operator: str, operator_key: bytes) -> dict[str, Any]:
        """Reset a shed gate, as a person's command, and return its status.

        Args:
            operator: name of the person; it stands in the audit trail.
            operator_key: signs the command.

        Raises:
            LinkError: the gate is out of reach, or refused the reset with a reason.
        """
        head = str((await self.status())["head"])
        request: dict[str, Json] = {
            "kind": "reset",
            "operator": operator,
            "head": head,
            "signature": sign(reset_payload(operator, head), operator_key),
        }
        return dict((await self._request(request))["status"])

    async def _request(self, request: Mapping[str, Json]) -> dict[str, Any]:
        message = pack(request)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._exchange(message)
        except TimeoutError as error:
            raise LinkError(
                f"gate {self._endpoint} has not answered within {self._timeout_s:g} s; what became "
                "of the request is unknown, look at its status and at the set points"
            ) from error
        except OSError as error:
            raise LinkError(
                f"gate {self._endpoint} is out of reach ({error}); start it with "
                "`operator-agent gate run`"
            ) from error
        except InputError as error:
            raise LinkError(f"gate {self._endpoint} answered nonsense: {error}") from error
        if answer is None or answer.get("kind") == "error":
            reason = "it closed the connection" if answer is None else answer.get("reason")
            raise LinkError(f"gate {self._endpoint} did not take the request: {reason}")
        return answer

    async def _exchange(self, message: bytes) -> dict[str, Any] | None:
        reader, writer = await asyncio.open_connection(*address(self._endpoint))
        try:
            writer.writelines([message])
            await writer.drain()
            return await receive(reader)
        finally:
            writer.close()
