"""Modbus TCP: reads 32-bit floats from holding registers; there is no way to write here.

No repetition by the library (a repeated request is executed again by a slow device), own deadline,
and a refusal by the device is looked for in each answer. `ModbusDeviceServer` is the other side of
the wire: the simulated PLC.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from operator_agent.clock import Clock, SystemClock
from operator_agent.errors import InputError, LinkError
from operator_agent.io.deadline import within
from operator_agent.io.measured import Measured
from operator_agent.io.tag_quality import QualityRules, RawReading, judge
from operator_agent.messages import Quality, Reading
from operator_agent.site import Site, Tag
from operator_agent.tag_memory import TagMemory
from operator_agent.units import from_si, to_si

DEVICE_ID = 1
FLOAT_REGISTERS = 2
SIGNATURE_REGISTER = 100  # the PLC shows SIGNATURE there: a shifted register map shows at once
SIGNATURE = 12345.678
_FLOAT = struct.Struct(">f")


def modbus_address(endpoint: str) -> tuple[str, int]:
    """Return host and port of `modbus.tcp://host:port`.

    Raises:
        InputError: the endpoint has another form.

    Example:
        >>> modbus_address("modbus.tcp://127.0.0.1:5020")
        ('127.0.0.1', 5020)
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "modbus.tcp" or not parts.hostname or parts.port is None:
        raise InputError(f"PLC endpoint '{endpoint}' is not of the form modbus.tcp://host:port")
    return parts.hostname, parts.port


def modbus_tags(site: Site) -> tuple[Tag, ...]:
    """Return the tags with registers.

    Raises:
        InputError: two of them, or one and the signature, share a register.
    """
    tags = tuple(tag for tag in site.tags if tag.register is not None)
    used = {SIGNATURE_REGISTER, SIGNATURE_REGISTER + 1}
    for tag in tags:
        pair = {tag.register or 0, (tag.register or 0) + 1}
        if used & pair:
            raise InputError(
                f"tag {tag.name}: register {tag.register} is used already; a tag takes two, and "
                f"{SIGNATURE_REGISTER} holds the signature of the register map"
            )
        used |= pair
    return tags


def float_of(registers: Sequence[int]) -> float:
    """Return the 32-bit float in two registers, high word first.

    Example:
        >>> float_of([0x43B4, 0x0000])
        360.0
    """
    high, low = registers
    return float(_FLOAT.unpack(high.to_bytes(2, "big") + low.to_bytes(2, "big"))[0])


def registers_of(value: float) -> list[int]:
    """Return a number as two registers, high word first; NaN when it does not fit 32 bits.

    Example:
        >>> registers_of(360.0)
        [17332, 0]
    """
    try:
        content = _FLOAT.pack(value)
    except OverflowError:
        content = _FLOAT.pack(math.nan)
    return [int.from_bytes(content[:2], "big"), int.from_bytes(content[2:], "big")]


class ModbusReader:
    """Reads the Modbus tags of a site."""

    def __init__(self, site: Site, *, timeout_s: float = 0.0, clock: Clock | None = None) -> None:
        """Prepare a reader; it connects on the first scan.

        Args:
            site: its tags with registers, and `endpoints.plc_endpoint`.
            timeout_s: deadline of a request [s], the gate's by default.
            clock: of this host; Modbus carries no time, so frozen values are found by it.
        """
        self._endpoint = site.endpoints.plc_endpoint
        self._address = modbus_address(self._endpoint)
        self._tags = modbus_tags(site)
        self._timeout_s = timeout_s or site.gate.write_timeout_s
        self._clock = clock or SystemClock()
        self._rules = QualityRules(max_age_s=math.inf, stamp_required=False)
        self._memory = {tag.name: TagMemory() for tag in self._tags}
        self._client: AsyncModbusTcpClient | None = None

    async def scan(self, plant_time_s: float = math.nan) -> tuple[Reading, ...]:
        """Return one judged reading for each Modbus tag.

        Args:
            plant_time_s: time of the plant, by which frozen values are found [s since 1970 UTC];
                without it they are found by the monotonic time of this host.

        Raises:
            LinkError: the device is out of reach, too slow, or refuses; the next scan connects
                afresh.
        """
        now_s = self._clock.monotonic_s() if math.isnan(plant_time_s) else plant_time_s
        await self._check_map()
        readings = []
        for tag in self._tags:
            value = to_si(await self._float(tag.register or 0), tag.unit)
            raw = RawReading(value, Quality.GOOD, "read", math.nan)
            reading, memory = judge(tag, raw, now_s, self._memory[tag.name], self._rules)
            self._memory[tag.name] = memory
            readings.append(reading)
        return tuple(readings)

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _check_map(self) -> None:
        found = await self._float(SIGNATURE_REGISTER)
        if not math.isclose(found, SIGNATURE, rel_tol=1e-6):
            raise await self._broken(
                f"register {SIGNATURE_REGISTER} holds {found:.6g} and not the signature "
                f"{SIGNATURE}: the register map is shifted or the word order is another"
            )

    async def _float(self, register: int) -> float:
        client = await self._connected()
        try:
            reading = client.read_holding_registers(
                register, count=FLOAT_REGISTERS, device_id=DEVICE_ID
            )
            answer = await within(self._timeout_s, reading)
        except (ModbusException, OSError, TimeoutError) as error:
            raise await self._broken(str(error) or "no answer in time") from error
        if answer.isError() or len(answer.registers) != FLOAT_REGISTERS:
            raise await self._broken(f"register {register} was not read: {answer}")
        return float_of(answer.registers)

    async def _connected(self) -> AsyncModbusTcpClient:
        if self._client is not None:
            return self._client
        host, port = self._address
        client = AsyncModbusTcpClient(
            host, port=port, timeout=self._timeout_s, retries=0, reconnect_delay=0
        )
        try:
            reached = await within(self._timeout_s, client.connect())
        except (ModbusException, OSError, TimeoutError) as error:
            client.close()
            raise await self._broken(str(error) or "no answer in time") from error
        if not reached:
            client.close()
            raise await self._broken("it is out of reach")
        self._client = client
        return client

    async def _broken(self, detail: str) -> LinkError:
        await self.close()
        return LinkError(f"PLC {self._endpoint}: {detail}; check the device, address and map")


class ModbusDeviceServer:
    """The simulated PLC: shows the Modbus tags of a site, refuses all writes."""

    def __init__(self, site: Site, endpoint: str = "") -> None:
        """Prepare a server; `start` opens it.

        Args:
            site: its tags with registers.
            endpoint: `site.endpoints.plc_endpoint` by default.
        """
        self._address = modbus_address(endpoint or site.endpoints.plc_endpoint)
        self._tags = {tag.name: tag for tag in modbus_tags(site)}
        self._values: dict[int, list[int]] = {SIGNATURE_REGISTER: registers_of(SIGNATURE)}
        for tag in self._tags.values():
            self._values[tag.register or 0] = registers_of(math.nan)
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listen."""
        last = max(self._values) + FLOAT_REGISTERS
        block = SimData(0, count=last, values=0, datatype=DataType.REGISTERS, readonly=True)
        device = SimDevice(DEVICE_ID, simdata=[block], action=self._fill)
        self._server = ModbusTcpServer(device, address=self._address)
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        """Close all connections."""
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]

    async def publish(self, values: Mapping[str, Measured], time_s: float) -> None:
        """Show new measurements.

        Args:
            values: by tag name [SI]; OPC UA tags are passed over. Modbus knows no status: a bad
                value is shown as NaN.
            time_s: plant time [s since 1970 UTC]; not shown, Modbus carries none.
        """
        for name, tag in self._tags.items():
            if name in values:
                self._values[tag.register or 0] = registers_of(_shown(tag, values[name]))

    async def _fill(
        self,
        function_code: int,
        start_address: int,
        address: int,
        count: int,
        current_registers: list[int],
        set_values: list[int] | list[bool] | None,
    ) -> None:
        for register, pair in self._values.items():
            at = register - start_address
            if at >= 0 and at + FLOAT_REGISTERS <= len(current_registers):
                current_registers[at : at + FLOAT_REGISTERS] = pair


def _shown(tag: Tag, measured: Measured) -> float:
    return math.nan if measured.quality is Quality.BAD else from_si(measured.value, tag.unit)
