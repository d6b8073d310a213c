"""The gate without a sound audit trail writes nothing."""

from pathlib import Path

import pytest
from conftest import PlantProcess
from gate_bench import MIDDLE, Bench, make_bench, run

from operator_agent.errors import SignatureError
from operator_agent.io.audit import certified_writes
from operator_agent.io.certificates import CertificatePaths
from operator_agent.messages import GateVerdict


@pytest.fixture
def bench(plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path) -> Bench:
    return make_bench(plant, certificates, tmp_path)


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
    assert bench.setpoint() == pytest.approx(MIDDLE["MV00"])


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
