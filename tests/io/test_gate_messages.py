"""What comes to the gate and is no move: malformed, oversized, or from off the loopback."""

import asyncio
import struct
from pathlib import Path

import pytest
from conftest import PlantProcess
from gate_bench import Bench, make_bench, run

from operator_agent.io.audit import records
from operator_agent.io.certificates import CertificatePaths
from operator_agent.io.gate_protocol import address, pack, parse


@pytest.fixture
def bench(plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path) -> Bench:
    return make_bench(plant, certificates, tmp_path)


@pytest.mark.parametrize(
    "message",
    [
        b"no json",
        b"[1,2]",
        b'{"kind":"submit"}',
        b'{"kind":"submit","move":{"values":[["MV00",NaN]]}}',
        b'{"kind":"submit","move":{"values":[["MV00",1e999]]}}',
        b'{"kind":"submit","move":{"sequence":1}}',
        b'{ "kind": "status" }',
        b'{"kind":"status","kind":"status"}',
        b'{"kind":"shell"}',
        b"[" * 60_000,
    ],
)
def test_a_malformed_message_is_refused_and_audited(bench, message):
    async def work():
        async with bench.gate():
            reader, writer = await asyncio.open_connection(
                *address(bench.site.endpoints.gate_endpoint)
            )
            writer.write(struct.pack(">I", len(message)) + message)
            (length,) = struct.unpack(">I", await reader.readexactly(4))
            assert parse(await reader.readexactly(length))["kind"] == "error"
            writer.close()

    run(work)
    assert [record.kind for record in records(bench.audit)][-1] == "rejected"


def test_an_oversized_message_is_refused_before_it_is_read(bench):
    async def work():
        async with bench.gate() as gate:
            reader, writer = await asyncio.open_connection(
                *address(bench.site.endpoints.gate_endpoint)
            )
            writer.write(struct.pack(">I", 2**31))
            (length,) = struct.unpack(">I", await reader.readexactly(4))
            assert "passes the limit" in parse(await reader.readexactly(length))["reason"]
            writer.close()
            assert (await gate.status())["state"] == "ready"

    run(work)


def test_pack_refuses_what_is_not_a_number():
    with pytest.raises(ValueError, match="NaN or infinity"):
        pack({"value": float("nan")})


def test_a_gate_off_the_loopback_is_refused():
    with pytest.raises(ValueError, match="not on the loopback"):
        address("tcp://0.0.0.0:4850")
