"""One secure OPC UA connection that reads nodes in batches, with its own deadlines.

Each connection uses a fresh client object, the library's own reconnect is off, and the server's
certificate is pinned. A read gives for each node the value, its status and its time stamps; a value
without its status never leaves this module.
"""

import asyncio
import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import CertProperties
from cryptography.exceptions import InvalidSignature

from operator_agent.errors import LinkError
from operator_agent.io.certificates import CertificatePaths, Identity, check_valid
from operator_agent.io.deadline import within
from operator_agent.io.ua_values import VALUE, node_id
from operator_agent.messages import Quality

CHUNK_NODES = 200  # servers limit the nodes of one request, often to 500
CLOSE_TIMEOUT_S = 0.5  # a dead server does not answer the goodbye; do not wait for it
CONNECT_REQUESTS = 4.0  # deadlines of one request: connecting takes some ten quick ones
PROBE_INTERVAL_S = 60.0  # of the library; our own reads tell sooner whether the server lives
SESSION_TIMEOUT_MS = 600_000  # how long the server keeps a session whose client has vanished

# What a failing connection raises: a rejected certificate is a bare AssertionError, a wrong pin a
# RuntimeError, and so on. None of these is a fault of the caller's program.
LINK_FAULTS = (OSError, TimeoutError, RuntimeError, AssertionError, ValueError, InvalidSignature)


@dataclass(frozen=True, slots=True)
class NodeValue:
    """What the server said about one node.

    Attributes:
        value: a number, text, or None; in the device's unit.
        quality: from the status code alone.
        status: name of the status code.
        source_time_s: time stamp of the source [s since 1970 UTC], NaN when it gave none.
        kind: name of the OPC UA type (`Double`, `Float`, `String`), empty without a value.
    """

    value: float | int | str | bool | None
    quality: Quality
    status: str
    source_time_s: float
    kind: str

    @property
    def number(self) -> float:
        """The value as a number; NaN when it is none or its quality is not good."""
        if self.quality is not Quality.GOOD or isinstance(self.value, (str, bool)):
            return math.nan
        return math.nan if self.value is None else float(self.value)

    @property
    def text(self) -> str:
        """The value as text; empty when it is none or its quality is not good."""
        return self.value if self.quality is Quality.GOOD and isinstance(self.value, str) else ""


class OpcuaLink:
    """A connection of one identity to one server."""

    def __init__(
        self,
        endpoint: str,
        identity: Identity,
        certificates: CertificatePaths,
        namespace_uri: str,
        timeout_s: float,
    ) -> None:
        """Prepare a link; `connect` opens it.

        Args:
            endpoint: `opc.tcp://host:port/path`.
            identity: whose certificate and key are used.
            certificates: of that identity, and the pinned one of the plant's server.
            namespace_uri: of the nodes; its index is looked up at each connect.
            timeout_s: deadline of each request [s].
        """
        self._endpoint = endpoint
        self._identity = identity
        self._certificates = certificates
        self._namespace_uri = namespace_uri
        self._timeout_s = timeout_s
        self._client: Client | None = None
        self._namespace = 0

    @property
    def connected(self) -> bool:
        """Whether a connection was opened and no request on it has failed."""
        return self._client is not None

    async def connect(self) -> None:
        """Open a fresh connection.

        Raises:
            LinkError: the server is out of reach or too slow, a certificate was not accepted, or
                the namespace is unknown there.
        """
        await self.close()
        server_certificate = self._certificates.certificate(Identity.PLANT)
        own_certificate = self._certificates.certificate(self._identity)
        for path in (server_certificate, own_certificate):
            check_valid(path, datetime.now(UTC))
        client = Client(self._endpoint, self._timeout_s, watchdog_intervall=PROBE_INTERVAL_S)
        client.application_uri = self._identity.application_uri
        client.session_timeout = SESSION_TIMEOUT_MS
        client.name = client.description = f"operator-agent {self._identity.value}"
        try:
            namespaces = await within(CONNECT_REQUESTS * self._timeout_s, self._open(client))
        except LINK_FAULTS as error:
            await _close(client)
            raise LinkError(await self._connect_reason(error)) from error
        if self._namespace_uri not in namespaces:
            await _close(client)
            raise LinkError(
                f"OPC UA server {self._endpoint} has no namespace {self._namespace_uri}; it is "
                "another server than the site file describes"
            )
        self._namespace = namespaces.index(self._namespace_uri)
        self._client = client

    async def _open(self, client: Client) -> list[str]:
        """Open a secured session and return the namespaces of the server."""
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            CertProperties(self._certificates.certificate(self._identity), "der"),
            CertProperties(self._certificates.key(self._identity), "pem"),
            server_certificate=CertProperties(
                self._certificates.certificate(Identity.PLANT), "der"
            ),
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
        await client.connect(auto_reconnect=False)
        return list(await client.get_namespace_array())

    async def _connect_reason(self, error: BaseException) -> str:
        who = f"OPC UA server {self._endpoint}"
        if isinstance(error, ConnectionRefusedError):
            return f"{who} is out of reach ({error}); start it, or correct the endpoint"
        if isinstance(error, TimeoutError) and not await self._listens():
            return (
                f"{who} does not answer within {self._timeout_s:g} s; check the server and network"
            )
        if isinstance(error, TimeoutError):
            return (
                f"{who} takes the connection but opens no secure channel within "
                f"{self._timeout_s:g} s: it hangs, or the certificate of identity "
                f"'{self._identity.value}' or the one pinned for the server is not the other "
                "side's; compare both certificates, then look at the server's log"
            )
        if isinstance(error, OSError) and not isinstance(error, ConnectionError):
            return f"{who} is out of reach ({error}); check the endpoint and the network"
        detail = str(error) or type(error).__name__
        return (
            f"{who} and identity '{self._identity.value}' do not trust each other ({detail}); pin "
            "the certificate of each at the other"
        )

    async def _listens(self) -> bool:
        """Return whether anybody takes a connection at the endpoint's port."""
        address = urlsplit(self._endpoint)
        try:
            opening = asyncio.open_connection(address.hostname, address.port)
            _, writer = await within(self._timeout_s, opening)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def close(self) -> None:
        """Close the connection; never raises and never waits long."""
        client, self._client = self._client, None
        if client is not None:
            await _close(client)

    async def read(self, nodes: Sequence[str]) -> tuple[NodeValue, ...]:
        """Read nodes in batches.

        Args:
            nodes: texts after `s=` of the node ids.

        Returns:
            One value for each node, in the same order.

        Raises:
            LinkError: there is no connection, it broke, or the deadline passed. The connection is
                closed then; `connect` opens a fresh one.
        """
        found: list[NodeValue] = []
        for start in range(0, len(nodes), CHUNK_NODES):
            chunk = nodes[start : start + CHUNK_NODES]
            parameters = ua.ReadParameters(
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                NodesToRead=[ua.ReadValueId(self.node_id(node), VALUE) for node in chunk],
            )
            client = self.client
            try:
                results = await within(self._timeout_s, client.uaclient.read(parameters))
            except LINK_FAULTS as error:
                raise await self.broken("read", error) from error
            if len(results) != len(chunk):
                raise await self.broken("read", ValueError("a short answer"))
            found.extend(_node_value(result) for result in results)
        return tuple(found)

    @property
    def client(self) -> Client:
        """The open client, for the writer.

        Raises:
            LinkError: there is no connection.
        """
        if self._client is None:
            raise LinkError(f"no connection to OPC UA server {self._endpoint}; connect first")
        return self._client

    @property
    def timeout_s(self) -> float:
        """Deadline of each request [s]."""
        return self._timeout_s

    def node_id(self, node: str) -> ua.NodeId:
        """Return the node id of a node of the site."""
        return node_id(node, self._namespace)

    async def broken(self, what: str, error: BaseException) -> LinkError:
        """Close the connection after a failed request; return the error to raise."""
        await self.close()
        detail = (
            f"no answer within {self._timeout_s:g} s"
            if isinstance(error, TimeoutError)
            else str(error) or type(error).__name__
        )
        return LinkError(
            f"{what} at OPC UA server {self._endpoint} failed ({detail}); the link is closed, "
            "connect again when the server is back"
        )


async def _close(client: Client) -> None:
    with contextlib.suppress(*LINK_FAULTS):
        await within(CLOSE_TIMEOUT_S, client.disconnect())
    client.disconnect_socket()


def _node_value(result: ua.DataValue) -> NodeValue:
    code = result.StatusCode if result.StatusCode is not None else ua.StatusCode()
    quality = Quality.UNCERTAIN
    if code.is_good():
        quality = Quality.GOOD
    elif code.is_bad():
        quality = Quality.BAD
    variant = result.Value
    when = result.SourceTimestamp
    return NodeValue(
        value=None if variant is None else variant.Value,
        quality=quality,
        status=code.name,
        source_time_s=math.nan if when is None else when.replace(tzinfo=UTC).timestamp(),
        kind="" if variant is None or variant.Value is None else variant.VariantType.name,
    )
