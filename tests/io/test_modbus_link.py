"""Modbus reading against a real server on the loopback."""

import asyncio
import math
from dataclasses import dataclass, replace

import pytest
from conftest import free_port
from example_site import example_site
from pymodbus.client import AsyncModbusTcpClient

from operator_agent.errors import InputError, LinkError
from operator_agent.io.modbus_link import DEVICE_ID, ModbusDeviceServer, ModbusReader
from operator_agent.messages import Quality


@dataclass
class Measured:
    value: float
    quality: Quality = Quality.GOOD


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20.0))


def values(preheat: float = 500.0, quality: Quality = Quality.GOOD) -> dict[str, Measured]:
    return {"DV00": Measured(preheat, quality), "DV01": Measured(293.15), "CV00": Measured(1.0)}


def test_floats_are_read_in_si_and_bad_ones_are_named():
    site = example_site(plc_port=free_port())

    async def work():
        server, reader = ModbusDeviceServer(site), ModbusReader(site)
        await server.start()
        await server.publish(values(), 0.0)
        good = await reader.scan()
        await server.publish(values(quality=Quality.BAD), 60.0)
        bad = await reader.scan()
        await reader.close()
        await server.stop()
        return good, bad

    good, bad = run(work())
    assert [reading.tag for reading in good] == ["DV00", "DV01"]
    assert all(reading.good for reading in good)
    assert good[0].value == pytest.approx(500.0, abs=1e-4)
    assert bad[0].quality is Quality.BAD
    assert math.isnan(bad[0].value)
    assert "not a finite number" in bad[0].reason


def test_nobody_can_write_to_the_plc():
    site = example_site(plc_port=free_port())

    async def work():
        server, reader = ModbusDeviceServer(site), ModbusReader(site)
        await server.start()
        await server.publish(values(), 0.0)
        client = AsyncModbusTcpClient(
            "127.0.0.1", port=int(site.endpoints.plc_endpoint.rsplit(":", 1)[1]), retries=0
        )
        await client.connect()
        answer = await client.write_registers(10, [1, 2], device_id=DEVICE_ID)
        client.close()
        readings = await reader.scan()
        await reader.close()
        await server.stop()
        return answer, readings

    answer, readings = run(work())
    assert answer.isError()
    assert readings[0].value == pytest.approx(500.0, abs=1e-4)


def test_a_plc_that_is_gone_is_a_link_error_and_comes_back():
    site = example_site(plc_port=free_port())

    async def work():
        reader = ModbusReader(site)
        with pytest.raises(LinkError, match="check the device"):
            await reader.scan()
        server = ModbusDeviceServer(site)
        await server.start()
        await server.publish(values(), 0.0)
        assert (await reader.scan())[0].good
        await server.stop()
        with pytest.raises(LinkError):
            await reader.scan()
        again = ModbusDeviceServer(site)
        await again.start()
        await again.publish(values(), 0.0)
        assert (await reader.scan())[0].good
        await reader.close()
        await again.stop()

    run(work())


def test_a_plc_that_does_not_answer_is_given_up_in_time():
    site = example_site(plc_port=free_port())

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def work():
        port = int(site.endpoints.plc_endpoint.rsplit(":", 1)[1])
        server = await asyncio.start_server(silent, "127.0.0.1", port)
        link = ModbusReader(site, timeout_s=0.2)
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(LinkError):
            await link.scan()
        assert asyncio.get_running_loop().time() - started_s < 2.0
        server.close()

    run(work())


def test_a_shifted_register_map_is_found_out():
    port = free_port()
    site = example_site(plc_port=port)
    shifted = replace(
        site,
        tags=tuple(
            tag if tag.register is None else replace(tag, register=tag.register + 200)
            for tag in site.tags
        ),
    )

    async def work():
        server, reader = ModbusDeviceServer(site), ModbusReader(shifted)
        await server.start()
        await server.publish(values(), 0.0)
        with pytest.raises(LinkError, match="was not read"):
            await reader.scan()
        await server.stop()

    run(work())


def test_two_tags_on_one_register_are_refused():
    site = example_site(plc_port=1)
    tags = tuple(tag if tag.register is None else replace(tag, register=10) for tag in site.tags)
    with pytest.raises(InputError, match="is used already"):
        ModbusReader(replace(site, tags=tags))
