"""An OPC UA server as a DCS shows it: measurements, set points, modes, heartbeat and lease.

The simulated plant publishes through it. Its security is that of a real one: one policy
(Basic256Sha256, signed and encrypted), pinned client certificates, and one identity that may
write. A write is refused by the device itself when the loop is not in remote cascade or the number
is not finite, whatever the gate thought.
"""

import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager

from operator_agent.errors import InputError, LinkError
from operator_agent.io.certificates import CertificatePaths, Identity, check_valid
from operator_agent.io.measured import Measured
from operator_agent.io.ua_values import CODES, node_id, stamped
from operator_agent.io.watchdog import Watchdog
from operator_agent.io.write_guard import WriteGuard
from operator_agent.io.write_log import DeviceWrite, WriteLog
from operator_agent.messages import Quality
from operator_agent.site import Site, Tag
from operator_agent.units import from_si, to_si

logger = logging.getLogger(__name__)

_STATUS = {
    Quality.GOOD: CODES.Good,
    Quality.UNCERTAIN: CODES.UncertainSensorNotAccurate,
    Quality.BAD: CODES.BadSensorFailure,
}


class AccessRole(Enum):
    """What a client identity may do."""

    READ = "read"
    WRITE = "write"


class LoopMode(Enum):
    """Mode of a control loop in the DCS."""

    RCAS = "RCAS"  # remote cascade: the set point comes from the gate
    AUTO = "AUTO"  # the DCS holds the set point
    MAN = "MAN"  # an operator moves the valve


WriteCallback = Callable[[Tag, float], None]


class _PinnedUsers(UserManager):
    """Knows a client by the certificate of its secure channel, and by nothing else."""

    def __init__(
        self, certificates: CertificatePaths, trusted: Mapping[Identity, AccessRole]
    ) -> None:
        self._users = {
            certificates.certificate(identity).read_bytes(): identity.value for identity in trusted
        }

    def get_user(
        self,
        iserver: InternalServer,
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,
    ) -> User | None:
        name = self._users.get(bytes(certificate or b""))
        return None if name is None else User(role=UserRole.User, name=name)


class DeviceServer:
    """The DCS of a simulated plant; also usable as a test bench for any OPC UA client."""

    def __init__(
        self,
        site: Site,
        certificates: CertificatePaths,
        trusted: Mapping[Identity, AccessRole],
        *,
        setpoints: Mapping[str, float],
        write_log: Path,
        endpoint: str = "",
        start_time_s: float = 0.0,
        on_write: WriteCallback | None = None,
    ) -> None:
        """Prepare a server; `start` opens it.

        Args:
            site: its tags and node names.
            certificates: of the plant identity (with its key) and of all trusted clients.
            trusted: what each client may do; others are rejected.
            setpoints: first set point of each MV, by tag name [SI].
            write_log: JSON lines file to which all client writes are appended.
            endpoint: address, `site.endpoints.dcs_endpoint` by default.
            start_time_s: plant time before the first `publish` [s since 1970 UTC].
            on_write: called with tag and set point [SI] after each accepted set point.

        Raises:
            InputError: an MV has no first set point.
        """
        missing = [tag.name for tag in site.mvs if tag.name not in setpoints]
        if missing:
            raise InputError(f"no first set point for {', '.join(missing)}; give one for each MV")
        self._site = site
        self._certificates = certificates
        self._trusted = dict(trusted)
        self._endpoint = endpoint or site.endpoints.dcs_endpoint
        self._first_setpoints = dict(setpoints)
        self._on_write = on_write
        self._time_s = start_time_s
        self._mv_of_setpoint = {tag.setpoint_node: tag for tag in site.mvs}
        self._values: dict[str, Any] = {}
        self._watchdog = Watchdog(site.gate.heartbeat_timeout_s)
        self._log = WriteLog(write_log)
        self._server = Server(user_manager=_PinnedUsers(certificates, trusted))
        self._namespace = 0

    @property
    def watchdog(self) -> Watchdog:
        """State of the heartbeat watchdog."""
        return self._watchdog

    @property
    def heartbeat(self) -> int:
        """Heartbeat as last written by the gate."""
        return int(self._values[self._site.heartbeat_node])

    def setpoint(self, tag: str) -> float:
        """Return the set point of an MV [SI]."""
        found = self._site.tag(tag)
        return to_si(float(self._values[found.setpoint_node]), found.unit)

    def mode(self, tag: str) -> LoopMode:
        """Return the mode of an MV's loop."""
        return LoopMode(self._values[self._site.tag(tag).mode_node])

    async def start(self) -> None:
        """Make the nodes and listen.

        Raises:
            LinkError: a certificate is missing or expired, or the address is in use.
        """
        await self._secure()
        self._namespace = await self._server.register_namespace(self._site.namespace_uri)
        await self._make_nodes()
        self._server.iserver.attribute_service = WriteGuard(
            self._server.iserver.aspace,
            writers=frozenset(
                identity.value
                for identity, role in self._trusted.items()
                if role is AccessRole.WRITE
            ),
            judge=self._judge,
            now_s=lambda: self._time_s,
            record=self._record,
        )
        try:
            await self._server.start()
        except OSError as error:
            raise LinkError(
                f"device endpoint {self._endpoint} cannot be opened ({error}); another plant may "
                "run there: stop it, or change dcs_endpoint"
            ) from error
        logger.info("device server of %s listens on %s", self._site.name, self._endpoint)

    async def stop(self) -> None:
        """Close all connections and the write log."""
        await self._server.stop()
        self._log.close()

    async def publish(self, values: Mapping[str, Measured], time_s: float) -> None:
        """Show new measurements and the plant time, and run the watchdog.

        Args:
            values: by tag name [SI]; tags that are not given keep value and time stamp, as a dead
                transmitter does; Modbus tags are passed over.
            time_s: plant time [s since 1970 UTC].
        """
        self._time_s = time_s
        for tag in self._site.tags:
            if tag.node and tag.name in values:
                await self._show_measured(tag, values[tag.name])
        await self._show(self._site.time_node, time_s, ua.VariantType.Double)
        self._watchdog = self._watchdog.step(self.heartbeat, time_s)
        if self._watchdog.tripped:
            await self._shed()

    async def set_mode(self, tag: str, mode: LoopMode) -> None:
        """Set the mode of an MV's loop, as an operator at the DCS does.

        Giving a loop to remote cascade starts the watchdog again.
        """
        if mode is LoopMode.RCAS:
            self._watchdog = self._watchdog.rearmed()
        await self._show(self._site.tag(tag).mode_node, mode.value, ua.VariantType.String)

    async def set_setpoint(self, tag: str, value: float) -> None:
        """Set an MV's set point [SI], as an operator at the DCS does."""
        found = self._site.tag(tag)
        device_value = from_si(value, found.unit)
        await self._show(found.setpoint_node, device_value, ua.VariantType.Double)

    async def _secure(self) -> None:
        server, paths = self._server, self._certificates
        for identity in (Identity.PLANT, *self._trusted):
            warning = check_valid(paths.certificate(identity), datetime.now(UTC))
            if warning:
                logger.warning("%s", warning)
        await server.init()
        await server.set_application_uri(Identity.PLANT.application_uri)
        server.set_endpoint(self._endpoint)
        server.set_server_name(f"{self._site.name} DCS")
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        server.set_identity_tokens([ua.AnonymousIdentityToken])  # the certificate is the identity
        server.allow_remote_admin(False)
        await server.load_certificate(paths.certificate(Identity.PLANT), "der")
        await server.load_private_key(paths.key(Identity.PLANT), format="pem")

    async def _make_nodes(self) -> None:
        site = self._site
        await self._add(site.time_node, self._time_s, ua.VariantType.Double)
        await self._add(site.heartbeat_node, 0, ua.VariantType.Int64)
        await self._add(site.lease_node, "", ua.VariantType.String)
        for tag in site.tags:
            if tag.node:
                await self._add(tag.node, math.nan, ua.VariantType.Double)
                await self._show(
                    tag.node, math.nan, ua.VariantType.Double, CODES.BadWaitingForInitialData
                )
        for tag in site.mvs:
            first = from_si(self._first_setpoints[tag.name], tag.unit)
            await self._add(tag.setpoint_node, first, ua.VariantType.Double)
            await self._add(tag.mode_node, LoopMode.RCAS.value, ua.VariantType.String)

    async def _add(self, node: str, value: Any, kind: ua.VariantType) -> None:
        name = ua.QualifiedName(ua.String(node), ua.UInt16(self._namespace))
        await self._server.nodes.objects.add_variable(
            node_id(node, self._namespace), name, value, kind
        )
        await self._show(node, value, kind)

    async def _show_measured(self, tag: Tag, measured: Measured) -> None:
        quality = measured.quality if math.isfinite(measured.value) else Quality.BAD
        value = from_si(measured.value, tag.unit)
        await self._show(tag.node, value, ua.VariantType.Double, _STATUS[quality])

    async def _show(
        self, node: str, value: Any, kind: ua.VariantType, code: int = CODES.Good
    ) -> None:
        self._values[node] = value
        await self._server.write_attribute_value(
            node_id(node, self._namespace), stamped(ua.Variant(value, kind), code, self._time_s)
        )

    async def _shed(self) -> None:
        for tag in self._site.mvs:
            if self.mode(tag.name) is LoopMode.RCAS:
                await self._show(tag.mode_node, LoopMode.AUTO.value, ua.VariantType.String)
                logger.warning("%s: no heartbeat, back to AUTO, set point held", tag.name)

    def _judge(self, node: str, value: Any) -> tuple[int, str]:
        if node in (self._site.heartbeat_node, self._site.lease_node):
            return 0, ""
        tag = self._mv_of_setpoint.get(node)
        if tag is None:
            return CODES.BadNotWritable, "not a node that anyone may write"
        if not isinstance(value, float) or not math.isfinite(value):
            return CODES.BadOutOfRange, "not a finite number"
        if self.mode(tag.name) is not LoopMode.RCAS:
            return CODES.BadInvalidState, f"the loop is in {self.mode(tag.name).value}"
        return 0, ""

    def _record(self, write: DeviceWrite) -> None:
        self._log.append(write)
        if not write.accepted:
            logger.warning("%s: write by %s refused: %s", write.node, write.identity, write.reason)
        elif write.node == self._site.lease_node:
            self._values[write.node] = write.text
        elif write.node == self._site.heartbeat_node:
            self._values[write.node] = int(write.value)
            self._watchdog = self._watchdog.step(self.heartbeat, self._time_s)
        else:
            self._values[write.node] = write.value
            tag = self._mv_of_setpoint.get(write.node)
            if tag is not None and self._on_write is not None:
                self._on_write(tag, to_si(write.value, tag.unit))
