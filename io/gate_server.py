"""The gate as a process of its own: it alone holds the certificate that the device lets write.

It listens on the loopback, takes one request per connection and one request at a time; a second
one is told that the gate is busy, so that no queue of moves can build up.
"""

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operator_agent.clock import Clock
from operator_agent.errors import InputError, OperatorAgentError, WriteRefusedError
from operator_agent.io.audit import Audit, move_from
from operator_agent.io.certificates import CertificatePaths
from operator_agent.io.device_writer import write_items
from operator_agent.io.gate import Gate
from operator_agent.io.gate_device import GateDevice
from operator_agent.io.gate_protocol import address, pack, receive, reply_payload
from operator_agent.io.write_gate import ACCEPTED_STATUSES
from operator_agent.messages import GateReply, GateVerdict
from operator_agent.signing import Json
from operator_agent.site import Site

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 2.0  # a client that has not sent its request by then is cut off
MAX_CONNECTIONS = 8  # the controller, a status display and a few by mistake


class GateServer:
    """Listens for moves at `site.endpoints.gate_endpoint`."""

    def __init__(
        self,
        site: Site,
        key: bytes,
        certificates: CertificatePaths,
        audit_path: Path,
        clock: Clock,
        *,
        anchor: Path | None = None,
        operator_key: bytes | None = None,
        accepted_statuses: frozenset[str] = ACCEPTED_STATUSES,
    ) -> None:
        """Prepare the server; nothing is opened yet.

        Args:
            site: limits, endpoints and deadlines.
            key: shared with the MPC.
            certificates: of the gate (with its key), and the pinned one of the device.
            audit_path: of the audit trail; its lock file lies beside it.
            clock: of this host.
            anchor: file with the head of the trail, best on another medium; beside it by default.
            operator_key: of the persons who may reset a shed gate; without it nobody can.
            accepted_statuses: why a solver may have stopped for its move to be written.
        """
        self._site = site
        self._key = key
        self._certificates = certificates
        self._audit_path = audit_path
        self._clock = clock
        self._anchor = anchor
        self._operator_key = operator_key
        self._statuses = accepted_statuses
        self._one_at_a_time = asyncio.Lock()
        self._connections = 0
        self._stack = contextlib.AsyncExitStack()
        self._gate: Gate | None = None

    async def start(self) -> None:
        """Take the lock, open the audit trail, take the device's lease, and listen.

        Raises:
            WriteRefusedError: another gate is running.
            LinkError: the device is out of reach or untrusted.
            SignatureError: the audit trail was altered.
            InputError: the audit trail or the endpoint cannot be opened.
        """
        async with contextlib.AsyncExitStack() as stack:
            self._lock(stack)
            audit = Audit(self._audit_path, self._anchor)
            stack.callback(audit.close)
            gate = Gate(
                self._site,
                self._key,
                GateDevice(self._site, self._certificates, write_items),
                audit,
                self._clock,
                operator_key=self._operator_key,
                accepted_statuses=self._statuses,
            )
            stack.push_async_callback(gate.stop)
            await gate.start()
            self._gate = gate
            await self._listen(stack)
            self._stack = stack.pop_all()

    def _lock(self, stack: contextlib.AsyncExitStack) -> None:
        path = self._audit_path.with_name(self._audit_path.name + ".lock")
        file = stack.enter_context(path.open("a"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WriteRefusedError(
                f"another gate runs on audit trail {self._audit_path}; this one stays out"
            ) from None

    async def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        host, port = address(self._site.endpoints.gate_endpoint)
        try:
            server = await asyncio.start_server(self._serve, host, port)
        except OSError as error:
            raise InputError(
                f"gate endpoint {self._site.endpoints.gate_endpoint} cannot be opened ({error}); "
                "stop what uses it, or correct the endpoint"
            ) from error
        stack.callback(server.close)

    async def stop(self) -> None:
        """Finish the move in hand, then close everything."""
        async with self._one_at_a_time:
            await self._stack.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            answer: dict[str, Json] = {"kind": "error", "reason": "too many connections"}
            if self._connections <= MAX_CONNECTIONS:
                answer = await self._answer(reader)
            writer.writelines([pack(answer)])
            await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT_S)
        except (ConnectionError, TimeoutError) as error:
            logger.warning("a client of the gate went away: %s", error)
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, Json]:
        try:
            request = await asyncio.wait_for(receive(reader), REQUEST_TIMEOUT_S)
            if request is None:
                return {"kind": "error", "reason": "no request"}
            if self._one_at_a_time.locked():
                return _busy(request)
            async with self._one_at_a_time:
                return await self._do(request)
        except TimeoutError:
            return {"kind": "error", "reason": f"no request within {REQUEST_TIMEOUT_S:g} s"}
        except InputError as error:
            self._running().reject(str(error))
            return {"kind": "error", "reason": str(error)}
        except OperatorAgentError as error:
            return {"kind": "error", "reason": str(error)}

    def _running(self) -> Gate:
        if self._gate is None:
            raise WriteRefusedError("the gate is not started")
        return self._gate

    async def _do(self, request: Mapping[str, Any]) -> dict[str, Json]:
        gate = self._running()
        match request:
            case {"kind": "submit", "move": dict() as move, **rest} if not rest:
                reply = await gate.submit(move_from(move))
                return {"kind": "reply", "reply": reply_payload(reply)}
            case {"kind": "status", **rest} if not rest:
                return {"kind": "status", "status": gate.status()}
            case {
                "kind": "reset",
                "operator": str() as operator,
                "head": str() as head,
                "signature": str() as signature,
                **rest,
            } if not rest:
                await gate.reset(operator, head, signature)
                return {"kind": "status", "status": gate.status()}
        raise InputError("a request that is neither submit, status nor reset")


def _busy(request: Mapping[str, Any]) -> dict[str, Json]:
    """Return the answer to a request that came during another: a move is refused, not unknown."""
    reason = "the gate is busy with another move"
    match request:
        case {"kind": "submit", "move": {"sequence": int() as sequence}}:
            reply = GateReply(sequence, GateVerdict.REFUSED, "G25", reason)
            return {"kind": "reply", "reply": reply_payload(reply)}
    return {"kind": "error", "reason": reason}
