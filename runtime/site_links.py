"""The links of one site to its devices, as the control loop wants them: one scan, one door."""

import asyncio
import math
from types import TracebackType

from operator_agent.clock import Clock
from operator_agent.errors import LinkError
from operator_agent.io.certificates import CertificatePaths, Identity
from operator_agent.io.modbus_link import ModbusReader
from operator_agent.io.opcua_reader import OpcuaReader
from operator_agent.messages import Quality, Reading
from operator_agent.runtime.loop_parts import PlantScan
from operator_agent.runtime.state_folder import StateFolder
from operator_agent.site import Site
from operator_agent.units import si_symbol

POLLS = 20  # looks at the plant's clock within one wait


class SiteLinks:
    """Reads the DCS over OPC UA and the PLC over Modbus, both in one scan; never writes."""

    def __init__(self, site: Site, state: StateFolder, clock: Clock) -> None:
        """Prepare the links; they connect on the first scan.

        Args:
            site: tags and endpoints.
            state: folder with the certificates.
            clock: of this host.
        """
        self._site = site
        certificates = CertificatePaths(state.certificates)
        self._dcs = OpcuaReader(site, certificates, identity=Identity.READER, clock=clock)
        self._plc = ModbusReader(site, clock=clock) if site.endpoints.plc_endpoint else None

    async def scan(self) -> PlantScan:
        """Return all readings of one moment.

        A lost PLC makes its tags bad; a lost DCS is an error, for nothing can be controlled.

        Raises:
            LinkError: the DCS is out of reach, untrusted or too slow.
        """
        dcs = await self._dcs.scan()
        plc = await self._scan_plc(dcs.plant_time_s)
        return PlantScan(
            time_s=dcs.plant_time_s,
            readings=(*dcs.readings, *plc),
            setpoints={
                tag: reading.value if reading.good else math.nan
                for tag, reading in dcs.setpoints.items()
            },
            modes=dcs.modes,
        )

    async def wait_past(self, time_s: float, patience_s: float) -> None:
        """Wait until the plant's clock has passed a time, but not for longer than `patience_s`.

        The clocks of two hosts drift: a cycle that comes before the plant's next scan would rest on
        old values.

        Args:
            time_s: plant time of the last scan [s since 1970 UTC].
            patience_s: on this host's clock [s]; after it the caller goes on and judges staleness.

        Raises:
            LinkError: the DCS is out of reach.
        """
        for _ in range(POLLS):
            if (await self._dcs.scan()).plant_time_s > time_s:
                return
            await asyncio.sleep(patience_s / POLLS)

    async def _scan_plc(self, plant_time_s: float) -> tuple[Reading, ...]:
        if self._plc is None:
            return ()
        try:
            return await self._plc.scan(plant_time_s)
        except LinkError as error:
            return tuple(
                Reading(tag.name, math.nan, si_symbol(tag.unit), Quality.BAD, math.nan, str(error))
                for tag in self._site.tags
                if tag.register is not None
            )

    async def __aenter__(self) -> "SiteLinks":
        """Connect, so that a wrong certificate or address shows before the first cycle."""
        await self._dcs.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._dcs.close()
        if self._plc is not None:
            await self._plc.close()
