"""One move through the gate: check, look, check, record, write, read back, record, heartbeat.

The state is latched and only ever gets safer by itself: a lost device, a lost lease, a write of
unknown outcome or an audit trail that cannot be written sheds the gate, and a person resets it. A
restart keeps what the audit trail says: a shed gate starts shed.
"""

import hmac
import logging
import secrets
import sqlite3
from dataclasses import replace

from operator_agent.clock import Clock
from operator_agent.errors import InputError, LinkError, SignatureError, WriteRefusedError
from operator_agent.io.audit import Audit, move_payload
from operator_agent.io.device_items import ItemResult
from operator_agent.io.gate_device import GateDevice
from operator_agent.io.gate_memory import (
    DeviceState,
    EncodedWrite,
    Failure,
    GateMemory,
    GateState,
    after_failure,
    after_mismatch,
    held,
    looked,
    sent,
    taken,
    verified,
)
from operator_agent.io.gate_protocol import reset_payload
from operator_agent.io.write_gate import (
    ACCEPTED_STATUSES,
    check_against_device,
    check_age,
    check_message,
    check_owner,
    check_read_back,
)
from operator_agent.messages import GateReply, GateVerdict, Move
from operator_agent.signing import Json, sign
from operator_agent.site import Site
from operator_agent.units import to_si

logger = logging.getLogger(__name__)

AUDIT_FAULTS = (sqlite3.Error, OSError, InputError)
INSTALLATION_BYTES = 8  # enough that two installations never draw the same name


class Gate:
    """The only way to the device. It handles one move at a time; the caller sees to that."""

    def __init__(
        self,
        site: Site,
        key: bytes,
        device: GateDevice,
        audit: Audit,
        clock: Clock,
        *,
        operator_key: bytes | None = None,
        accepted_statuses: frozenset[str] = ACCEPTED_STATUSES,
    ) -> None:
        """Prepare a gate; `start` takes the lease.

        Args:
            site: limits and configuration.
            key: shared with the MPC.
            device: not yet connected.
            audit: open trail.
            clock: of this host.
            operator_key: of the persons who may reset a shed gate; without it nobody can.
            accepted_statuses: why a solver may have stopped for its move to be written.
        """
        self._site = site
        self._key = key
        self._device = device
        self._audit = audit
        self._clock = clock
        self._operator_key = operator_key
        self._statuses = accepted_statuses
        self._memory = GateMemory()
        self._lease = ""

    async def start(self) -> None:
        """Recover what the audit trail says, connect, and take the lease.

        Raises:
            LinkError: the device is out of reach or untrusted.
            WriteRefusedError: another gate that is alive holds the lease, or the device refused.
        """
        first = self._audit.last("start")
        installation = (
            first.payload["installation"] if first else secrets.token_hex(INSTALLATION_BYTES)
        )
        self._memory = recovered(self._audit, self._clock.monotonic_s())
        await self._device.connect()
        self._lease = f"{installation}:{self._audit.number + 1}"
        await self._take_lease(installation)
        self._audit.append(
            "start",
            {
                "installation": installation,
                "lease": self._lease,
                "gate_nodes": [self._site.heartbeat_node, self._site.lease_node],
                "wall_s": self._clock.wall_s(),
                "limits_sha256": self._site.limits_sha256,
                "config_sha256": self._site.config_sha256,
                "state": self._memory.state.value,
                "reason": self._memory.reason,
            },
        )
        self._audit.anchor()

    async def _take_lease(self, installation: str) -> None:
        other = await self._device.foreign_lease(installation)
        if other:
            raise WriteRefusedError(
                f"another gate is alive and holds the lease '{other}' of "
                f"{self._site.endpoints.dcs_endpoint}; stop it first, this one stays out"
            )
        await self._device.take_lease(self._lease)

    async def stop(self) -> None:
        """Close the link; without a heartbeat the DCS takes its loops back."""
        await self._device.close()

    def status(self) -> dict[str, Json]:
        """Return state, counters and the head of the audit trail as plain values."""
        memory = self._memory
        return {
            "state": memory.state.value,
            "reason": memory.reason,
            "session": memory.session,
            "sequence": memory.sequence,
            "holds": memory.holds,
            "refusals": memory.refusals,
            "mismatches": memory.mismatches,
            "lease": self._lease,
            "records": self._audit.number,
            "head": self._audit.head,
        }

    async def submit(self, move: Move) -> GateReply:
        """Take one move through all checks and, when they hold, to the device.

        A move that is cut off on its way, by a cancellation or a fault of the program, sheds.

        Returns:
            What was done. Nothing of a refused move was sent.
        """
        started_s = self._clock.monotonic_s()
        finished = False
        try:
            reply = await self._submit(move)
            finished = True
        finally:
            if not finished:
                self._memory = self._memory.shed(f"move {move.sequence} was cut off in the gate")
        return replace(reply, duration_s=self._clock.monotonic_s() - started_s)

    async def _submit(self, move: Move) -> GateReply:
        if self._memory.state is GateState.SHED:
            return GateReply(move.sequence, GateVerdict.SHED, "G18", self._memory.reason)
        failure = check_message(
            move, self._site, self._key, self._memory, self._clock.monotonic_s(), self._statuses
        )
        if failure is not None:
            return self._refused(move, failure)
        self._memory = taken(self._memory, move)
        try:
            device = await self._device.look()
        except LinkError as error:
            return self._refused(move, Failure("G14", str(error), shed=True))
        rival = check_owner(move, self._site, self._memory, device)
        if rival is not None:
            return self._refused(move, rival)
        writes = check_against_device(move, self._site, self._memory, device, self._lease)
        self._memory = looked(self._memory, device)
        if isinstance(writes, Failure):
            return self._refused(move, writes)
        late = check_age(move, self._site, self._clock.monotonic_s())
        if late is not None:
            return self._refused(move, late)
        if move.hold:
            return await self._hold(move, device)
        return await self._write(move, writes, device)

    async def _hold(self, move: Move, device: DeviceState) -> GateReply:
        failure = self._record("held", {"move": move_payload(move)}, anchor=True)
        failure = failure or await self._beat()
        if failure is not None:
            return self._failed(move, failure, ())
        self._memory = held(self._memory, device)
        return GateReply(move.sequence, GateVerdict.HELD)

    async def _write(
        self, move: Move, writes: tuple[EncodedWrite, ...], device: DeviceState
    ) -> GateReply:
        items: list[Json] = [[w.tag.name, w.tag.setpoint_node, w.device_value] for w in writes]
        intent: dict[str, Json] = {
            "move": move_payload(move),
            "items": items,
            "plant_time_s": device.plant_time_s,
            "wall_s": self._clock.wall_s(),
        }
        failure = self._record("intent", intent)
        if failure is not None:
            return self._refused(move, failure)
        self._memory = sent(self._memory, writes, device, self._site)
        results: tuple[ItemResult, ...] = ()
        read_back: dict[str, float] = {}
        try:
            results = await self._device.send(writes)
            read_back = await self._device.read_back(writes)
            failure = _refused_items(results) or check_read_back(writes, read_back, self._site)
        except LinkError as error:
            failure = Failure("G12", f"the outcome of a write is unknown: {error}", shed=True)
        values = tuple((w.tag.name, to_si(read_back[w.tag.name], w.tag.unit)) for w in writes
                       if w.tag.name in read_back)  # fmt: skip
        result: dict[str, Json] = {
            "sequence": move.sequence,
            "session": move.session,
            "statuses": [[r.node, r.status] for r in results],
            "read_back": [[tag, str(value)] for tag, value in values],
            "check": failure.check if failure else "",
            "reason": failure.reason if failure else "",
        }
        failure = self._record("result", result, anchor=True) or failure or await self._beat()
        if failure is not None:
            return self._failed(move, failure, values)
        self._memory = verified(self._memory)
        return GateReply(move.sequence, GateVerdict.WRITTEN, read_back=values)

    async def _beat(self) -> Failure | None:
        try:
            await self._device.beat()
        except (LinkError, WriteRefusedError) as error:
            return Failure("G15", f"the heartbeat could not be given: {error}", shed=True)
        return None

    def _record(
        self, kind: str, payload: dict[str, Json], *, anchor: bool = False
    ) -> Failure | None:
        try:
            self._audit.append(kind, payload)
            if anchor:
                self._audit.anchor()
        except AUDIT_FAULTS as error:
            return Failure("G20", f"the audit trail cannot be written: {error}", shed=True)
        return None

    def _refused(self, move: Move, failure: Failure) -> GateReply:
        """Record a move of which nothing was sent."""
        logger.warning("move %s refused, %s: %s", move.sequence, failure.check, failure.reason)
        self._memory = after_failure(self._memory, failure, self._site)
        payload: dict[str, Json] = {
            "check": failure.check,
            "reason": failure.reason,
            "sequence": move.sequence,
            "wall_s": self._clock.wall_s(),
        }
        if failure.counts:
            payload["move"] = move_payload(move)
        if failure.check != "G20":
            lost = self._record("refused" if failure.counts else "rejected", payload, anchor=True)
            self._memory = after_failure(self._memory, lost, self._site) if lost else self._memory
        return self._answer(move, GateVerdict.REFUSED, failure, ())

    def _failed(
        self, move: Move, failure: Failure, read_back: tuple[tuple[str, float], ...]
    ) -> GateReply:
        """Judge a move that was sent and is not verified, or a heartbeat that failed."""
        logger.error("move %s failed, %s: %s", move.sequence, failure.check, failure.reason)
        if failure.shed:
            self._memory = after_failure(self._memory, failure, self._site)
        else:
            self._memory = after_mismatch(self._memory, failure)
        return self._answer(move, GateVerdict.FAILED, failure, read_back)

    def _answer(
        self,
        move: Move,
        verdict: GateVerdict,
        failure: Failure,
        read_back: tuple[tuple[str, float], ...],
    ) -> GateReply:
        if self._memory.state is GateState.SHED:
            logger.error("gate shed: %s", self._memory.reason)
            shed: dict[str, Json] = {"reason": self._memory.reason, "wall_s": self._clock.wall_s()}
            if failure.check != "G20":
                self._record("shed", shed, anchor=True)
            if verdict is GateVerdict.REFUSED:
                verdict = GateVerdict.SHED
        return GateReply(move.sequence, verdict, failure.check, failure.reason, read_back)

    def reject(self, reason: str) -> None:
        """Record a message that is not a move at all."""
        logger.warning("message rejected: %s", reason)
        payload: dict[str, Json] = {"reason": reason, "wall_s": self._clock.wall_s()}
        failure = self._record("rejected", payload, anchor=True)
        if failure is not None:
            self._memory = after_failure(self._memory, failure, self._site)

    async def reset(self, operator: str, head: str, signature: str) -> None:
        """Make a shed gate ready again, at a person's command.

        The device is connected afresh and read before anything else, the lease is taken again, and
        the next move counts as the first after a start.

        Args:
            operator: name of the person.
            head: hash of the last audit record, as `status` gives it: a command works once.
            signature: of `reset_payload(operator, head)` under the operators' key.

        Raises:
            SignatureError: the command is forged, old, or this gate knows no operators' key.
            LinkError: the device is out of reach.
            WriteRefusedError: another gate holds the lease.
            InputError: the audit trail cannot be written.
        """
        key = self._operator_key
        if key is None or not hmac.compare_digest(
            sign(reset_payload(operator, head), key), signature
        ):
            raise SignatureError("the reset is not signed with the operators' key")
        if head != self._audit.head:
            raise SignatureError(
                "the reset is for an older state of the gate; ask the status again"
            )
        await self._device.connect()
        device = await self._device.look()
        await self._take_lease(self._lease.split(":")[0])
        payload: dict[str, Json] = {
            "operator": operator,
            "was": self._memory.reason,
            "setpoints": {tag: str(value) for tag, value in device.setpoints.items()},
            "wall_s": self._clock.wall_s(),
        }
        failure = self._record("reset", payload, anchor=True)
        if failure is not None:
            raise InputError(failure.reason)
        self._memory = self._memory.reset()


def _refused_items(results: tuple[ItemResult, ...]) -> Failure | None:
    refused = [f"{result.node} ({result.status})" for result in results if not result.accepted]
    if not refused:
        return None
    return Failure(
        "G13",
        f"the device took {len(results) - len(refused)} of {len(results)} values and refused "
        f"{', '.join(refused)}; the DCS takes its loops back",
        shed=True,
    )


def recovered(audit: Audit, mono_s: float) -> GateMemory:
    """Return the memory of a gate that starts on an existing trail.

    Args:
        audit: the trail.
        mono_s: monotonic time now [s]; when it is less than that of the last move, the host was
            started anew since and its clock with it.
    """
    memory = GateMemory()
    last = audit.last("intent", "held", "refused")
    if last is not None:
        move = last.payload["move"]
        created_s = float(move["created_mono_s"])
        memory = replace(
            memory,
            session=str(move["session"]),
            sequence=int(move["sequence"]),
            created_mono_s=created_s if created_s <= mono_s else memory.created_mono_s,
        )
    end = audit.last("shed", "reset")
    if end is not None and end.kind == "shed":
        memory = memory.shed(str(end.payload["reason"]))
    open_end = audit.last("intent", "result", "reset")
    if open_end is not None and open_end.kind == "intent":
        memory = memory.shed(
            f"G20: record {open_end.number} is a write without a result: its outcome is unknown"
        )
    return memory
