"""The gate's view of the device: one batched read before the write, one after it, and the lease."""

import math
from collections.abc import Awaitable, Callable, Sequence

from operator_agent.errors import LinkError, WriteRefusedError
from operator_agent.io.certificates import CertificatePaths, Identity
from operator_agent.io.device_items import DeviceItem, ItemResult
from operator_agent.io.gate_memory import DeviceState, EncodedWrite
from operator_agent.io.opcua_link import NodeValue, OpcuaLink
from operator_agent.io.opcua_reader import MAX_AGE_CYCLES, raw_reading
from operator_agent.io.tag_quality import QualityRules, judge
from operator_agent.io.write_gate import KINDS
from operator_agent.site import Site
from operator_agent.tag_memory import TagMemory

Door = Callable[[OpcuaLink, Sequence[DeviceItem]], Awaitable[tuple[ItemResult, ...]]]
"""`device_writer.write_items`, handed in by the gate's process and by nobody else."""


class GateDevice:
    """The DCS, seen and written by the gate's identity."""

    def __init__(self, site: Site, certificates: CertificatePaths, door: Door) -> None:
        """Prepare the link; `connect` opens it.

        Args:
            site: tags, node names and deadlines.
            certificates: of the gate (with its key), and the pinned one of the server.
            door: sends a batch of writes, once.
        """
        self._site = site
        self._door = door
        self._link = OpcuaLink(
            site.endpoints.dcs_endpoint,
            Identity.GATE,
            certificates,
            site.namespace_uri,
            site.gate.write_timeout_s,
        )
        shows_all = site.endpoints.scada_endpoint == site.endpoints.dcs_endpoint
        self._critical = tuple(tag for tag in site.tags if tag.critical and tag.node and shows_all)
        self._memory = {tag.name: TagMemory() for tag in self._critical}
        self._rules = QualityRules(MAX_AGE_CYCLES * site.sample_times.control_s)
        self._heartbeat = 0

    async def connect(self) -> None:
        """Open a fresh connection and check that every set point can be read and has a known type.

        Raises:
            LinkError: the server is out of reach, untrusted, or shows other nodes than the site.
        """
        await self._link.connect()
        tags = self._site.mvs
        values = await self._link.read([tag.setpoint_node for tag in tags])
        for tag, value in zip(tags, values, strict=True):
            if not math.isfinite(value.number) or value.kind not in KINDS:
                await self.close()
                raise LinkError(
                    f"tag {tag.name}: node {tag.setpoint_node} is no readable set point (status "
                    f"{value.status}, type '{value.kind}'); correct the tag list or the server"
                )

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    async def look(self) -> DeviceState:
        """Read all that the checks need, in one batch.

        Raises:
            LinkError: the device is lost; the connection is closed.
        """
        site, mvs = self._site, self._site.mvs
        nodes = [site.time_node, site.heartbeat_node, site.lease_node]
        nodes += [tag.setpoint_node for tag in mvs] + [tag.mode_node for tag in mvs]
        nodes += [tag.node for tag in self._critical]
        values = await self._link.read(nodes)
        time_s, heartbeat, lease = values[0].number, values[1].number, values[2].text
        setpoints, rest = values[3 : 3 + len(mvs)], values[3 + len(mvs) :]
        if math.isfinite(heartbeat):
            self._heartbeat = int(heartbeat)
        return DeviceState(
            plant_time_s=time_s,
            setpoints={t.name: v.number for t, v in zip(mvs, setpoints, strict=True)},
            kinds={t.name: v.kind for t, v in zip(mvs, setpoints, strict=True)},
            modes={t.name: v.text for t, v in zip(mvs, rest[: len(mvs)], strict=True)},
            lease=lease,
            critical_faults=self._faults(rest[len(mvs) :], time_s),
        )

    def _faults(self, values: Sequence[NodeValue], time_s: float) -> tuple[str, ...]:
        faults = []
        for tag, value in zip(self._critical, values, strict=True):
            reading, memory = judge(
                tag, raw_reading(tag, value), time_s, self._memory[tag.name], self._rules
            )
            self._memory[tag.name] = memory
            if not reading.good:
                faults.append(reading.reason)
        return tuple(faults)

    async def send(self, writes: Sequence[EncodedWrite]) -> tuple[ItemResult, ...]:
        """Write the set points once, in one batch.

        Raises:
            LinkError: the outcome is unknown.
        """
        items = [DeviceItem(w.tag.setpoint_node, w.device_value, w.kind) for w in writes]
        return await self._door(self._link, items)

    async def read_back(self, writes: Sequence[EncodedWrite]) -> dict[str, float]:
        """Return what the device holds now, by MV tag, in its unit; NaN when not good.

        Raises:
            LinkError: the device is lost; the connection is closed.
        """
        values = await self._link.read([write.tag.setpoint_node for write in writes])
        return {write.tag.name: value.number for write, value in zip(writes, values, strict=True)}

    async def beat(self) -> None:
        """Count the heartbeat up by one.

        Raises:
            LinkError: the device is lost.
            WriteRefusedError: the device refused it.
        """
        await self._put(DeviceItem(self._site.heartbeat_node, self._heartbeat + 1, "Int64"))
        self._heartbeat += 1

    async def take_lease(self, lease: str) -> None:
        """Write the text that names this gate as the one that may write.

        Raises:
            LinkError: the device is lost.
            WriteRefusedError: the device refused it.
        """
        await self._put(DeviceItem(self._site.lease_node, lease, "String"))

    async def _put(self, item: DeviceItem) -> None:
        (result,) = await self._door(self._link, [item])
        if not result.accepted:
            raise WriteRefusedError(
                f"the device refused to write {item.node} ({result.status}); give the gate's "
                "certificate the right to write it"
            )

    async def foreign_lease(self, installation: str) -> str:
        """Return the lease of another gate that is alive, or an empty text.

        A gate is alive when the heartbeat or the lease itself was written within the heartbeat
        time-out of the device's own clock.

        Args:
            installation: name of this gate's own installation, whose old lease does not count.

        Raises:
            LinkError: the device is lost.
        """
        site = self._site
        time, heartbeat, lease = await self._link.read(
            [site.time_node, site.heartbeat_node, site.lease_node]
        )
        if not lease.text or lease.text.startswith(installation):
            return ""
        written_s = max(heartbeat.source_time_s, lease.source_time_s)
        age_s = time.number - written_s
        return "" if age_s > site.gate.heartbeat_timeout_s else lease.text
