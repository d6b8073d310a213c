"""The gate over real sockets: certified moves pass, faults of messages and devices do not."""

import asyncio
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import PlantProcess
from gate_bench import MIDDLE, Bench, make_bench, run
from gate_keys import KEY, OPERATOR_KEY

from operator_agent.errors import LinkError, SignatureError, WriteRefusedError
from operator_agent.io.audit import certified_writes, records, verify
from operator_agent.io.certificates import CertificatePaths, Identity
from operator_agent.io.device_items import DeviceItem
from operator_agent.io.device_writer import write_items
from operator_agent.io.gate_protocol import address, pack, parse
from operator_agent.io.opcua_link import OpcuaLink
from operator_agent.io.reconcile import uncertified_writes
from operator_agent.io.write_log import read_write_log
from operator_agent.messages import GateVerdict


@pytest.fixture
def bench(plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path) -> Bench:
    return make_bench(plant, certificates, tmp_path)


def setpoint(bench: Bench, tag: str = "MV00") -> float:
    return bench.plant.state()["setpoints"][tag]


def test_a_certified_move_is_written_verified_and_counted(bench):
    async def work():
        async with bench.gate() as gate:
            before = bench.plant.state()["heartbeat"]
            reply = await bench.next(gate)
            assert reply.verdict is GateVerdict.WRITTEN, reply
            assert dict(reply.read_back)["MV00"] == pytest.approx(MIDDLE["MV00"] + 1.0)
            assert bench.plant.state()["heartbeat"] == before + 1

    run(work)
    assert setpoint(bench) == pytest.approx(MIDDLE["MV00"] + 1.0)
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


def test_a_plant_clock_that_stands_still_or_a_late_move_is_refused(bench):
    async def work():
        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
            assert (await gate.submit(bench.move())).check == "G9"
            bench.plant.step(20.0)
            assert (await gate.submit(bench.move())).check == "G25"
            bench.plant.step(40.0)
            assert (await gate.submit(bench.move())).verdict is GateVerdict.WRITTEN

    run(work)


def test_a_plant_clock_set_by_an_hour_costs_at_most_a_few_cycles(bench):
    async def work():
        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
            bench.plant.step(3600.0, values={"CV00": 501.0})
            bench.plant.do("reset")
            assert (await gate.submit(bench.move())).verdict is GateVerdict.WRITTEN
            bench.plant.step(-3600.0)
            assert (await gate.submit(bench.move())).check == "G9"
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN

    run(work)


def test_a_bad_or_dead_critical_input_stops_the_writes(bench):
    async def work():
        async with bench.gate() as gate:
            bench.plant.step(quality={"CV00": "bad"})
            assert (await gate.submit(bench.move())).check == "G8"
            bench.plant.step(quality={"CV00": "uncertain"})
            assert (await gate.submit(bench.move())).check == "G8"
            bench.plant.step(quality={"CV01": "bad"})  # not critical
            assert (await gate.submit(bench.move())).verdict is GateVerdict.WRITTEN
            for _ in range(3):
                bench.plant.step(without=["CV00"])
            assert (await gate.submit(bench.move())).check == "G8"

    run(work)


@pytest.mark.parametrize("mode", ["MAN", "AUTO"])
def test_a_loop_that_is_not_in_remote_cascade_is_not_written(bench, mode):
    async def work():
        async with bench.gate() as gate:
            bench.plant.do("set_mode", tag="MV00", mode=mode)
            assert (await bench.next(gate)).check == "G10"
            other = bench.move(values=(("MV01", MIDDLE["MV01"]),))
            assert (await bench.next(gate, other)).verdict is GateVerdict.WRITTEN

    run(work)
    assert setpoint(bench) == pytest.approx(MIDDLE["MV00"])


def test_the_move_counts_from_the_read_back_not_from_the_last_move(bench):
    async def work():
        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
            bench.plant.do("set_setpoint", tag="MV00", value=MIDDLE["MV00"] - 5.0)
            reply = await bench.next(gate)  # near the last move, far from what the device holds
            assert (reply.verdict, reply.check) == (GateVerdict.REFUSED, "G6")

    run(work)


def test_the_rolling_window_bounds_many_small_moves(bench):
    async def work():
        async with bench.gate() as gate:
            for count in range(20):
                step = 3.0 if count % 2 == 0 else 0.0
                reply = await bench.next(
                    gate, bench.move(values=(("MV00", MIDDLE["MV00"] + step),))
                )
                if reply.verdict is not GateVerdict.WRITTEN:
                    return count, reply
        return None

    count, reply = run(work)
    assert count == 6  # 7 x 3 K > 20 K = half of the operator range
    assert reply.check == "G6"
    assert "add up to" in reply.reason


def test_a_device_that_says_good_and_ignores_the_write_is_found_out(bench):
    async def work():
        async with bench.gate() as gate:
            before = bench.plant.state()["heartbeat"]
            bench.plant.do("ignore_writes")
            first = await bench.next(gate)
            assert (first.verdict, first.check) == (GateVerdict.FAILED, "G11"), first
            second = await bench.next(gate)
            assert second.verdict is GateVerdict.FAILED
            assert bench.plant.state()["heartbeat"] == before
            assert (await gate.status())["state"] == "shed"

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
    assert setpoint(bench) == pytest.approx(MIDDLE["MV00"])


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


def test_an_audit_trail_that_cannot_be_written_stops_all_writes(bench):
    async def work():
        server = bench.server()
        await server.start()
        gate = server._running()
        bench.plant.step()
        gate._audit.close()
        reply = await gate.submit(bench.move())
        assert (reply.verdict, reply.check) == (GateVerdict.SHED, "G20")
        assert (await gate.submit(bench.move())).verdict is GateVerdict.SHED
        await server.stop()

    run(work)
    assert setpoint(bench) == pytest.approx(MIDDLE["MV00"])


def test_a_full_disk_stops_all_writes(bench):
    async def work():
        server = bench.server()
        await server.start()
        gate = server._running()
        pages = gate._audit._db.execute("PRAGMA page_count").fetchone()[0]
        gate._audit._db.execute(f"PRAGMA max_page_count={pages}")
        verdicts = []
        for _ in range(12):
            bench.plant.step()
            verdicts.append((await gate.submit(bench.move())).verdict)
        await server.stop()
        return verdicts

    verdicts = run(work)
    assert verdicts[-1] is GateVerdict.SHED
    written = verdicts.count(GateVerdict.WRITTEN) + verdicts.count(GateVerdict.FAILED)
    assert len(list(certified_writes(bench.audit))) == written


def test_an_altered_trail_keeps_the_gate_from_starting(bench):
    async def work():
        async with bench.gate() as gate:
            assert (await bench.next(gate)).verdict is GateVerdict.WRITTEN
        anchor = bench.audit.with_name("audit.sqlite.anchor")
        anchor.write_text("1 " + "0" * 64)
        with pytest.raises(SignatureError, match="replaced"):
            await bench.server().start()

    run(work)


def test_a_gate_without_its_certificates_does_not_start(bench, tmp_path):
    bench.certificates = CertificatePaths(tmp_path)

    async def work():
        with pytest.raises(LinkError, match="never opened"):
            await bench.server().start()

    run(work)


def test_pack_refuses_what_is_not_a_number():
    with pytest.raises(ValueError, match="NaN or infinity"):
        pack({"value": float("nan")})


def test_a_gate_off_the_loopback_is_refused():
    with pytest.raises(ValueError, match="not on the loopback"):
        address("tcp://0.0.0.0:4850")
