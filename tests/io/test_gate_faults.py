"""The gate when processes freeze, die and come back: real processes, real signals."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import FOLDER, PlantProcess
from gate_bench import MIDDLE, Bench, make_bench, run
from gate_keys import KEY, OPERATOR_KEY

from operator_agent.clock import SystemClock
from operator_agent.errors import LinkError
from operator_agent.io.audit import Audit, certified_writes, records, verify
from operator_agent.io.certificates import CertificatePaths
from operator_agent.io.device_writer import write_items
from operator_agent.io.gate import Gate
from operator_agent.io.gate_client import GateClient
from operator_agent.io.gate_device import GateDevice
from operator_agent.io.reconcile import uncertified_writes
from operator_agent.messages import GateVerdict

BOTH = (("MV00", MIDDLE["MV00"] + 1.0), ("MV01", MIDDLE["MV01"] + 0.001))


@pytest.fixture
def bench(plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path) -> Bench:
    return make_bench(plant, certificates, tmp_path)


class GateProcess:
    """A gate in a process of its own."""

    def __init__(self, bench: Bench, moment: str = "never") -> None:
        port = bench.site.endpoints.gate_endpoint.rsplit(":", 1)[1]
        arguments = [bench.certificates.folder, bench.audit, bench.plant.port, port, moment]
        self.process = subprocess.Popen(
            [sys.executable, FOLDER / "gate_process.py", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout.readline() == "{}\n", "the gate did not start"

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10.0)
        self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def gate_process(bench: Bench, moment: str = "never"):
    process = GateProcess(bench, moment)
    try:
        yield process
    finally:
        process.end()


@contextlib.asynccontextmanager
async def gate_with(bench: Bench, door):
    """Run a gate whose way to the device passes through `door`, where a test injects a fault."""
    audit = Audit(bench.audit)
    device = GateDevice(bench.site, bench.certificates, door)
    gate = Gate(bench.site, KEY, device, audit, SystemClock(), operator_key=OPERATOR_KEY)
    await gate.start()
    try:
        yield gate
    finally:
        await gate.stop()
        audit.close()


def is_setpoint(items) -> bool:
    return any(item.node.endswith(".SP") for item in items)


def test_a_frozen_gate_makes_the_dcs_take_its_loops_back(bench):
    async def work():
        with gate_process(bench) as process:
            client = GateClient(bench.site)
            assert (await bench.next(client)).verdict is GateVerdict.WRITTEN
            process.signal(signal.SIGSTOP)
            with pytest.raises(LinkError, match="has not answered"):
                await GateClient(bench.site, timeout_s=0.3).submit(bench.move())
            bench.plant.step(bench.site.gate.heartbeat_timeout_s + 1.0)
            state = bench.plant.state()
            assert state["tripped"]
            assert set(state["modes"].values()) == {"AUTO"}
            process.signal(signal.SIGCONT)
            await asyncio.sleep(0.3)  # the old request is worked off and finds the loops in AUTO
            assert (await bench.next(client)).check == "G10"

    run(work)
    assert bench.plant.state()["setpoints"]["MV00"] == pytest.approx(MIDDLE["MV00"] + 1.0)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_gate_killed_around_the_write_starts_shed_and_asks_for_a_person(bench, moment):
    async def work():
        with gate_process(bench, moment):
            bench.plant.step()
            with pytest.raises(LinkError):
                await GateClient(bench.site).submit(bench.move())
        kinds = [record.kind for record in records(bench.audit)]
        assert kinds == ["start", "intent"]
        with gate_process(bench):
            client = GateClient(bench.site)
            reply = await bench.next(client)
            assert reply.verdict is GateVerdict.SHED
            assert "outcome is unknown" in reply.reason
            assert (await client.reset("A. Person", OPERATOR_KEY))["state"] == "ready"
            bench.plant.do("reset")
            assert (await bench.next(client)).verdict is GateVerdict.WRITTEN

    run(work)
    assert verify(bench.audit)
    assert uncertified_writes(bench.device_log(), bench.audit, key=KEY) == []


def test_a_write_whose_answer_is_lost_is_unknown_and_never_repeated(bench):
    sent = []

    async def door(link, items):
        if is_setpoint(items):
            sent.append(items)
            bench.plant.freeze()
        return await write_items(link, items)

    async def work():
        async with gate_with(bench, door) as gate:
            bench.plant.step()
            try:
                reply = await gate.submit(bench.move())
            finally:
                bench.plant.thaw()
            assert (reply.verdict, reply.check) == (GateVerdict.FAILED, "G12")
            bench.plant.step()
            assert (await gate.submit(bench.move())).verdict is GateVerdict.SHED

    run(work)
    assert len(sent) == 1
    # the device executed it when it woke: the outcome of a failed write is not "not done"
    assert bench.plant.state()["setpoints"]["MV00"] == pytest.approx(MIDDLE["MV00"] + 1.0)
    assert uncertified_writes(bench.device_log(), bench.audit, key=KEY) == []


def test_a_mode_that_flips_between_read_and_write_is_caught_by_the_device(bench):
    async def door(link, items):
        if is_setpoint(items):
            bench.plant.do("set_mode", tag="MV01", mode="MAN")
        return await write_items(link, items)

    async def work():
        async with gate_with(bench, door) as gate:
            before = bench.plant.state()["heartbeat"]
            bench.plant.step()
            reply = await gate.submit(bench.move(values=BOTH))
            assert (reply.verdict, reply.check) == (GateVerdict.FAILED, "G13")
            assert "took 1 of 2" in reply.reason
            assert "MV01.SP (BadInvalidState)" in reply.reason
            assert gate.status()["state"] == "shed"
            assert bench.plant.state()["heartbeat"] == before

    run(work)
    result = [record for record in records(bench.audit) if record.kind == "result"][-1]
    assert [status for _, status in result.payload["statuses"]] == ["Good", "BadInvalidState"]


def test_no_heartbeat_is_given_when_it_cannot_be_verified(bench):
    async def door(link, items):
        if items[0].node == bench.site.heartbeat_node:
            bench.plant.freeze()
        return await write_items(link, items)

    async def work():
        async with gate_with(bench, door) as gate:
            bench.plant.step()
            try:
                reply = await gate.submit(bench.move())
            finally:
                bench.plant.thaw()
            assert (reply.verdict, reply.check) == (GateVerdict.FAILED, "G15")
            assert gate.status()["state"] == "shed"

    run(work)


def test_a_fault_of_the_program_during_a_write_sheds(bench):
    async def door(link, items):
        if is_setpoint(items):
            raise ZeroDivisionError
        return await write_items(link, items)

    async def work():
        async with gate_with(bench, door) as gate:
            bench.plant.step()
            with pytest.raises(ZeroDivisionError):
                await gate.submit(bench.move())
            assert gate.status()["state"] == "shed"
            assert (await gate.submit(bench.move())).verdict is GateVerdict.SHED

    run(work)


def test_a_cancelled_write_sheds(bench):
    arrived = asyncio.Event()

    async def door(link, items):
        if is_setpoint(items):
            arrived.set()
            await asyncio.Event().wait()
        return await write_items(link, items)

    async def work():
        async with gate_with(bench, door) as gate:
            bench.plant.step()
            task = asyncio.create_task(gate.submit(bench.move()))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert gate.status()["state"] == "shed"

    run(work)


def test_a_slow_device_makes_the_move_too_old_before_the_wire(bench):
    class SlowClock(SystemClock):
        late_s = 0.0

        def monotonic_s(self) -> float:
            return super().monotonic_s() + self.late_s

    clock = SlowClock()

    async def work():
        audit = Audit(bench.audit)
        device = GateDevice(bench.site, bench.certificates, write_items)
        gate = Gate(bench.site, KEY, device, audit, clock)
        await gate.start()
        look = device.look

        async def slow_look():
            state = await look()
            clock.late_s = 10.0
            return state

        device.look = slow_look
        bench.plant.step()
        reply = await gate.submit(bench.move())
        assert (reply.verdict, reply.check) == (GateVerdict.REFUSED, "G2")
        await gate.stop()
        audit.close()

    run(work)
    assert not list(certified_writes(bench.audit))


@pytest.mark.slow
def test_a_device_that_was_lost_and_returned_is_not_written_until_a_person_resets(
    certificates: CertificatePaths, tmp_path: Path
):
    plant = PlantProcess(certificates, tmp_path)
    bench = make_bench(plant, certificates, tmp_path)

    async def work():
        async with bench.gate() as client:
            assert (await bench.next(client)).verdict is GateVerdict.WRITTEN
            plant.freeze()
            started_s = time.monotonic()
            reply = await client.submit(bench.move())
            assert time.monotonic() - started_s < 3.0
            assert (reply.verdict, reply.check) == (GateVerdict.SHED, "G14")
            plant.thaw()
            assert (await bench.next(client)).verdict is GateVerdict.SHED
            plant.kill()
            with pytest.raises(LinkError, match="out of reach"):
                await client.reset("A. Person", OPERATOR_KEY)
            plant.start()
            assert (await bench.next(client)).verdict is GateVerdict.SHED
            assert (await client.reset("A. Person", OPERATOR_KEY))["state"] == "ready"
            far = bench.move(values=(("MV00", MIDDLE["MV00"] + 5.0),))
            assert (await bench.next(client, far)).check == "G17"
            assert (await bench.next(client)).verdict is GateVerdict.WRITTEN

    try:
        run(work)
    finally:
        plant.close()


def test_a_gate_that_is_not_there_is_a_link_error(bench):
    async def work():
        with pytest.raises(LinkError, match="out of reach"):
            await GateClient(bench.site).submit(bench.move())

    run(work)
