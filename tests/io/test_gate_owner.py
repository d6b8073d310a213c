"""One gate writes, and no other: identities, leases, writes past it."""

from pathlib import Path

import pytest
from conftest import PlantProcess
from gate_bench import MIDDLE, Bench, make_bench, run
from gate_keys import KEY

from operator_agent.errors import LinkError, WriteRefusedError
from operator_agent.io.certificates import CertificatePaths, Identity
from operator_agent.io.device_items import DeviceItem
from operator_agent.io.device_writer import write_items
from operator_agent.io.opcua_link import OpcuaLink
from operator_agent.io.reconcile import uncertified_writes
from operator_agent.io.write_log import read_write_log
from operator_agent.messages import GateVerdict


@pytest.fixture
def bench(plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path) -> Bench:
    return make_bench(plant, certificates, tmp_path)


def test_other_identities_cannot_write_and_their_tries_are_in_the_devices_log(bench):
    async def work():
        for identity in (Identity.READER, Identity.OBSERVER):
            link = OpcuaLink(
                bench.site.endpoints.dcs_endpoint,
                identity,
                bench.certificates,
                bench.site.namespace_uri,
                2.0,
            )
            await link.connect()
            items = [
                DeviceItem("MV00.SP", 640.0, "Double"),
                DeviceItem("APC.HEARTBEAT", 7, "Int64"),
                DeviceItem("APC.LEASE", "mine", "String"),
                DeviceItem("MV00.MODE", "RCAS", "String"),
            ]
            results = await write_items(link, items)
            await link.close()
            assert {result.status for result in results} == {"BadUserAccessDenied"}

    run(work)
    last = list(read_write_log(bench.device_log()))
    assert len(last) == 8
    assert {write.identity for write in last} == {"reader", "observer"}
    assert not any(write.accepted for write in last)
    assert bench.setpoint() == pytest.approx(MIDDLE["MV00"])


def test_the_device_itself_refuses_nan_wrong_modes_and_other_nodes(bench):
    async def work():
        link = OpcuaLink(
            bench.site.endpoints.dcs_endpoint,
            Identity.GATE,
            bench.certificates,
            bench.site.namespace_uri,
            2.0,
        )
        await link.connect()
        bench.plant.do("set_mode", tag="MV01", mode="MAN")
        results = await write_items(
            link,
            [
                DeviceItem("MV00.SP", float("nan"), "Double"),
                DeviceItem("MV00.SP", float("-inf"), "Double"),
                DeviceItem("MV01.SP", 0.05, "Double"),
                DeviceItem("CV00.PV", 500.0, "Double"),
                DeviceItem("NOT.THERE", 1.0, "Double"),
                DeviceItem("MV02.SP", "text", "String"),
            ],
        )
        await link.close()
        return [result.status for result in results]

    assert run(work) == [
        "BadOutOfRange",
        "BadOutOfRange",
        "BadInvalidState",
        "BadNotWritable",
        "BadNotWritable",
        "BadOutOfRange",
    ]


def test_a_write_past_the_gate_shows_up_in_the_reconciliation(bench):
    async def work():
        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
        link = OpcuaLink(  # the gate's own credentials in the wrong hands
            bench.site.endpoints.dcs_endpoint,
            Identity.GATE,
            bench.certificates,
            bench.site.namespace_uri,
            2.0,
        )
        await link.connect()
        (result,) = await write_items(link, [DeviceItem("MV02.SP", 0.07, "Double")])
        await link.close()
        assert result.accepted

    run(work)
    (loose,) = uncertified_writes(bench.device_log(), bench.audit, key=KEY)
    assert (loose.node, loose.value, loose.identity) == ("MV02.SP", 0.07, "gate")


def test_two_gates_on_one_trail_or_one_device_are_refused(bench, tmp_path):
    async def work():
        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
            with pytest.raises(WriteRefusedError, match="another gate runs"):
                await bench.server().start()
            other = make_bench(bench.plant, bench.certificates, tmp_path / "other")
            other.audit.parent.mkdir()
            with pytest.raises(WriteRefusedError, match="holds the lease"):
                await other.server().start()
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN

    run(work)


def test_a_gate_that_lost_its_lease_sheds_within_a_cycle(bench, tmp_path):
    async def work():
        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
            bench.plant.step(1000.0)  # it was silent for so long that another may take over
            other = make_bench(bench.plant, bench.certificates, tmp_path / "other")
            other.audit.parent.mkdir()
            async with other.gate():
                reply = await bench.next(gate)
                assert (reply.verdict, reply.check) == (GateVerdict.SHED, "G16")

    run(work)


def test_a_gate_without_its_certificates_does_not_start(bench, tmp_path):
    bench.certificates = CertificatePaths(tmp_path)

    async def work():
        with pytest.raises(LinkError, match="never opened"):
            await bench.server().start()

    run(work)
