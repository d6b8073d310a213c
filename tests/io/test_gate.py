"""The gate over real sockets: certified moves pass, wrong ones and strangers do not."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import PlantProcess
from gate_bench import MIDDLE, Bench, make_bench, run
from gate_keys import KEY, OPERATOR_KEY

from operator_agent.errors import LinkError
from operator_agent.io.audit import certified_writes, records, verify
from operator_agent.io.certificates import CertificatePaths
from operator_agent.io.reconcile import uncertified_writes
from operator_agent.messages import GateVerdict


@pytest.fixture
def bench(plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path) -> Bench:
    return make_bench(plant, certificates, tmp_path)


def test_a_certified_move_is_written_verified_and_counted(bench):
    async def work():
        async with bench.gate() as gate:
            before = bench.plant.state()["heartbeat"]
            reply = await bench.next(gate)
            assert reply.verdict is GateVerdict.WRITTEN, reply
            assert dict(reply.read_back)["MV00"] == pytest.approx(MIDDLE["MV00"] + 1.0)
            assert bench.plant.state()["heartbeat"] == before + 1

    run(work)
    assert bench.setpoint() == pytest.approx(MIDDLE["MV00"] + 1.0)
    assert [record.kind for record in records(bench.audit)] == ["start", "intent", "result"]
    assert verify(bench.audit) == 3
    (write,) = certified_writes(bench.audit, KEY)
    assert (write.tag, write.node, write.sequence) == ("MV00", "MV00.SP", 1)
    assert uncertified_writes(bench.device_log(), bench.audit, key=KEY) == []


@pytest.mark.parametrize(
    ("name", "change", "check"),
    [
        ("unsigned", lambda b: b.unsigned(), "G1"),
        ("forged values", lambda b: replace(b.move(), values=(("MV00", 920.0),)), "G1"),
        ("forged order", lambda b: replace(b.move(), sequence=99), "G1"),
        ("another key", lambda b: b.unsigned().signed(b"x" * 32), "G1"),
        ("stale", lambda b: b.move(created_mono_s=b.clock.monotonic_s() - 60.0), "G2"),
        ("from the future", lambda b: b.move(created_mono_s=b.clock.monotonic_s() + 60.0), "G2"),
        ("failed solver", lambda b: b.move(solver_status="iteration limit"), "G3"),
        ("large residual", lambda b: b.move(residual=1e-3), "G3"),
        ("negative residual", lambda b: b.move(residual=-1.0), "G3"),
        ("above its limit", lambda b: b.move(values=(("MV00", 950.0),)), "G5"),
        ("huge", lambda b: b.move(values=(("MV00", 1e308),)), "G5"),
        ("one of two outside", lambda b: b.move(
            values=(("MV00", MIDDLE["MV00"]), ("MV01", 1.0))), "G5"),
        ("too fast", lambda b: b.move(values=(("MV00", MIDDLE["MV00"] + 4.0),)), "G17"),
        ("other limits", lambda b: b.move(limits_sha256="1" * 64), "G19"),
        ("other configuration", lambda b: b.move(config_sha256="1" * 64), "G19"),
        ("unknown tag", lambda b: b.move(values=(("CV00", 700.0),)), "G24"),
        ("a tag twice", lambda b: b.move(
            values=(("MV00", MIDDLE["MV00"]), ("MV00", MIDDLE["MV00"]))), "G24"),
        ("empty", lambda b: b.move(values=()), "G24"),
        ("hold with values", lambda b: b.move(hold=True), "G24"),
    ],
)  # fmt: skip
def test_a_wrong_move_is_refused_and_nothing_is_written(bench, name, change, check):
    async def work():
        async with bench.gate() as gate:
            reply = await bench.next(gate, change(bench))
            assert (reply.verdict, reply.check) == (GateVerdict.REFUSED, check), reply
            assert reply.reason
            good = await bench.next(gate)
            assert good.verdict is GateVerdict.WRITTEN, good

    run(work)
    assert len(list(certified_writes(bench.audit))) == 1


def test_a_replayed_and_a_reordered_move_are_refused(bench):
    async def work():
        async with bench.gate() as gate:
            early, late = bench.move(), bench.move()
            assert (await bench.next(gate, late)).verdict is GateVerdict.WRITTEN
            for old in (late, early):
                reply = await bench.next(gate, old)
                assert (reply.verdict, reply.check) == (GateVerdict.REFUSED, "G2")

    run(work)


def test_a_replay_after_a_restart_of_the_gate_is_refused(bench):
    async def work():
        old = bench.move()
        async with bench.gate() as gate:
            assert (await bench.next(gate, old)).verdict is GateVerdict.WRITTEN
        async with bench.gate() as gate:
            assert (await bench.next(gate, old)).check == "G2"

    run(work)


def test_strangers_cannot_shed_the_gate(bench):
    async def work():
        async with bench.gate() as gate:
            for _ in range(3 * bench.site.gate.max_refusals):
                assert (await gate.submit(bench.unsigned())).check == "G1"
            assert (await gate.status())["state"] == "ready"

    run(work)


def test_of_two_controllers_only_one_has_the_gate(bench):
    async def work():
        def rival():
            return bench.move(session="rival")

        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
            for _ in range(2 * bench.site.gate.max_refusals):
                reply = await bench.next(gate, rival())  # first in its cycle
                assert (reply.verdict, reply.check) == (GateVerdict.REFUSED, "G16")
                move = bench.move(values=(("MV00", MIDDLE["MV00"]),))
                assert (await gate.submit(move)).verdict is GateVerdict.WRITTEN
            assert (await bench.next(gate, rival())).check == "G16"
            assert (await bench.next(gate, rival())).verdict is GateVerdict.WRITTEN  # it is alone
            assert (await bench.next(gate)).check == "G16"
            assert (await gate.status())["state"] == "ready"

    run(work)


def test_refusals_in_a_row_shed_the_gate_and_only_an_operator_resets_it(bench):
    async def work():
        async with bench.gate() as gate:
            for _ in range(bench.site.gate.max_refusals):
                reply = await bench.next(gate, bench.move(residual=1.0))
            assert reply.verdict is GateVerdict.SHED
            assert (await bench.next(gate)).verdict is GateVerdict.SHED
        async with bench.gate() as gate:  # a restart does not bring it back
            assert (await bench.next(gate)).verdict is GateVerdict.SHED
            with pytest.raises(LinkError, match="not signed"):
                await gate.reset("somebody", KEY)
            status = await gate.reset("A. Person", OPERATOR_KEY)
            assert status["state"] == "ready"
            bench.plant.do("reset")
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN

    run(work)


def test_signed_holds_keep_the_heartbeat_up_to_their_number(bench):
    async def work():
        async with bench.gate() as gate:
            before = bench.plant.state()["heartbeat"]
            for _ in range(bench.site.gate.max_holds):
                assert (await bench.next(gate, bench.hold())).verdict is GateVerdict.HELD
            assert bench.plant.state()["heartbeat"] == before + bench.site.gate.max_holds
            reply = await bench.next(gate, bench.hold())
            assert (reply.verdict, reply.check) == (GateVerdict.SHED, "G3")
            assert bench.plant.state()["heartbeat"] == before + bench.site.gate.max_holds

    run(work)


def test_a_busy_gate_says_so_and_keeps_no_queue(bench):
    async def work():
        async with bench.gate() as gate:
            bench.plant.step()
            moves = [bench.move() for _ in range(4)]
            answers = await asyncio.gather(*(gate.submit(move) for move in moves))
            busy = [answer for answer in answers if "busy" in answer.reason]
            assert busy
            assert {(a.verdict, a.check) for a in busy} == {(GateVerdict.REFUSED, "G25")}
            assert sum(answer.verdict is GateVerdict.WRITTEN for answer in answers) == 1

    run(work)
    assert len(list(certified_writes(bench.audit))) == 1
