"""Reads the whole site in one batch: measurements, set points and loop modes, judged and in SI."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from operator_agent.clock import Clock, SystemClock
from operator_agent.io.certificates import CertificatePaths, Identity
from operator_agent.io.opcua_link import NodeValue, OpcuaLink
from operator_agent.io.tag_quality import QualityRules, RawReading, judge
from operator_agent.messages import Quality, Reading
from operator_agent.site import Site, Tag
from operator_agent.tag_memory import TagMemory
from operator_agent.units import si_symbol, to_si

MAX_AGE_CYCLES = 2.0  # a value that missed two cycles is no basis for a move


@dataclass(frozen=True, slots=True)
class Scan:
    """One batch of readings.

    Attributes:
        read_id: number of the scan, counted up from one.
        plant_time_s: the plant's own time [s since 1970 UTC]; NaN when it could not be read.
        readings: of all OPC UA tags, in the order of the tag list.
        setpoints: by MV tag name.
        modes: loop mode by MV tag name; empty text when it could not be read.
        duration_s: of the read on this host [s].
    """

    read_id: int
    plant_time_s: float
    readings: tuple[Reading, ...]
    setpoints: Mapping[str, Reading]
    modes: Mapping[str, str]
    duration_s: float

    def reading(self, tag: str) -> Reading:
        """Return the reading of a tag.

        Raises:
            KeyError: the tag is not read over OPC UA.
        """
        for reading in self.readings:
            if reading.tag == tag:
                return reading
        raise KeyError(tag)


class OpcuaReader:
    """The control loop's eyes: connects on demand, never writes."""

    def __init__(
        self,
        site: Site,
        certificates: CertificatePaths,
        *,
        identity: Identity = Identity.READER,
        endpoint: str = "",
        timeout_s: float = 0.0,
        stall_s: float = 0.0,
        uncertain_is_good: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Prepare a reader; nothing is opened yet.

        Args:
            site: its tags.
            certificates: of the identity (with its key), and the pinned one of the server.
            identity: reader or observer.
            endpoint: address, `site.endpoints.scada_endpoint` by default.
            timeout_s: deadline of a request [s], the gate's by default.
            stall_s: when the plant's time stands still for so long on this host's monotonic clock,
                all values are bad [s]; two control cycles by default.
            uncertain_is_good: whether UNCERTAIN values may be used.
            clock: of this host.
        """
        cycle_s = site.sample_times.control_s
        self._site = site
        self._clock = clock or SystemClock()
        self._rules = QualityRules(MAX_AGE_CYCLES * cycle_s, uncertain_is_good)
        self._stall_s = stall_s or MAX_AGE_CYCLES * cycle_s
        self._tags = tuple(tag for tag in site.tags if tag.node)
        self._memory = {tag.name: TagMemory() for tag in self._tags}
        self._read_id = 0
        self._time_s, self._time_changed_s = math.nan, self._clock.monotonic_s()
        self._link = OpcuaLink(
            endpoint or site.endpoints.scada_endpoint,
            identity,
            certificates,
            site.namespace_uri,
            timeout_s or site.gate.write_timeout_s,
        )

    async def connect(self) -> None:
        """Open a fresh connection.

        Raises:
            LinkError: in one sentence, what failed and what to do.
        """
        await self._link.connect()

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    async def scan(self) -> Scan:
        """Read everything once, connecting first when there is no connection.

        Raises:
            LinkError: the server is out of reach, untrusted or too slow. The next call opens a
                fresh connection.
        """
        started_s = self._clock.monotonic_s()
        if not self._link.connected:
            await self._link.connect()
        mvs = self._site.mvs
        nodes = [self._site.time_node, *(tag.node for tag in self._tags)]
        nodes += [tag.setpoint_node for tag in mvs] + [tag.mode_node for tag in mvs]
        values = await self._link.read(nodes)
        n_tags, n_mv = len(self._tags), len(mvs)
        plant_time_s = values[0].number
        stalled = self._stalled(plant_time_s)
        measured = values[1 : 1 + n_tags]
        setpoints = values[1 + n_tags : 1 + n_tags + n_mv]
        self._read_id += 1
        return Scan(
            read_id=self._read_id,
            plant_time_s=plant_time_s,
            readings=tuple(
                self._judged(tag, value, plant_time_s, stalled)
                for tag, value in zip(self._tags, measured, strict=True)
            ),
            setpoints={
                tag.name: setpoint_reading(tag, value)
                for tag, value in zip(mvs, setpoints, strict=True)
            },
            modes={
                tag.name: value.text
                for tag, value in zip(mvs, values[1 + n_tags + n_mv :], strict=True)
            },
            duration_s=self._clock.monotonic_s() - started_s,
        )

    def _stalled(self, plant_time_s: float) -> str:
        now_s = self._clock.monotonic_s()
        if plant_time_s != self._time_s:
            self._time_s, self._time_changed_s = plant_time_s, now_s
        still_s = now_s - self._time_changed_s
        return f"the plant's time stands still for {still_s:.1f} s" * (still_s > self._stall_s)

    def _judged(self, tag: Tag, value: NodeValue, plant_time_s: float, stalled: str) -> Reading:
        reading, memory = judge(
            tag, raw_reading(tag, value), plant_time_s, self._memory[tag.name], self._rules
        )
        self._memory[tag.name] = memory
        if stalled:
            return replace(reading, quality=Quality.BAD, reason=f"{tag.name}: {stalled}")
        return reading


def raw_reading(tag: Tag, value: NodeValue) -> RawReading:
    """Return a node's value in SI, not yet judged."""
    number = math.nan
    if isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
        number = to_si(float(value.value), tag.unit)
    return RawReading(number, value.quality, value.status, value.source_time_s)


def setpoint_reading(tag: Tag, value: NodeValue) -> Reading:
    """Return a set point; it may stand still for days, so its age says nothing."""
    raw = raw_reading(tag, value)
    good = raw.quality is Quality.GOOD and math.isfinite(raw.value)
    return Reading(
        tag.name,
        raw.value,
        si_symbol(tag.unit),
        Quality.GOOD if good else Quality.BAD,
        raw.source_time_s,
        "" if good else f"{tag.name}: the set point cannot be read, status {raw.status}",
    )
