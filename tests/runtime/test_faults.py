"""What the whole loop does when a part of it fails: real processes, real servers, real files.

Plant and gate run in processes of their own, the control loop in the test. Each test ends with the
same proof: the trail is whole, and every write that the device took is certified, inside the
operator's limits and within the rate (`LoopBench.check_writes`).
"""

import asyncio
import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.runtime.conftest import SITE
from tests.runtime.loop_bench import PERSON, LoopBench, open_bench

from operator_agent.errors import SignatureError
from operator_agent.io.gate_client import GateClient
from operator_agent.messages import Advice, ControllerMode, EconomicTargets
from operator_agent.mpc.controller import Controller, CycleResult
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.orders import Order, OrderKind
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.runtime.control_process import build_controller, run_against_the_clock
from operator_agent.runtime.demo import site_with_free_ports
from operator_agent.runtime.explain_record import read_explanations
from operator_agent.runtime.order_book import OrderBook
from operator_agent.runtime.planner import PlanRequest, solve_request
from operator_agent.runtime.site_file import load_site
from operator_agent.signing import read_key

pytestmark = pytest.mark.slow
DEADLINE_S = 240.0  # of one test, on a machine that is busy with other things
FREEZE_DEADLINE_S = 30.0  # the client gives up after 9 s; the rest is for a busy machine


@pytest.fixture(scope="module")
def targets() -> EconomicTargets:
    payload, _, _ = solve_request(PlanRequest(load_site(SITE).files["planning"], {}, {}))
    return EconomicTargets.from_payload(payload)


@pytest.fixture(scope="module")
def controller() -> Controller:
    site = load_site(SITE)
    return build_controller(site, load_crude_unit_case(Path(site.files["plant"])))


@pytest.fixture(scope="module")
def calm(
    tmp_path_factory: pytest.TempPathFactory, controller: Controller, targets: EconomicTargets
) -> Iterator[LoopBench]:
    """Plant and gate for the tests that leave both alive; each has a loop of its own."""
    folder = tmp_path_factory.mktemp("site")
    with open_bench(site_with_free_ports(SITE, folder), controller, targets) as bench:
        yield bench


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(work, DEADLINE_S))


def test_a_loop_that_nobody_switched_on_writes_nothing(calm: LoopBench) -> None:
    async def work() -> None:
        before = len(calm.writes())
        async with calm.loop() as loop:
            records = await calm.cycles(loop, 3)
            assert {(r.mode, r.verdict) for r in records} == {("standby", "none")}
            assert len(calm.writes()) == before
            assert np.isfinite([r.solve_ms for r in records]).all()  # it predicts all the same
            loop.engage(PERSON)
            assert [r.verdict for r in await calm.cycles(loop, 2)] == ["written"] * 2

    run(work())
    assert calm.check_writes() > 0


def test_a_restarted_loop_waits_for_a_person(calm: LoopBench) -> None:
    async def work() -> None:
        async with calm.loop() as loop:
            assert (await calm.switched_on(loop, 2))[-1].verdict == "written"
        before = len(calm.writes())
        async with calm.loop() as again:
            assert again.mode.mode is ControllerMode.STANDBY
            assert {r.mode for r in await calm.cycles(again, 3)} == {"standby"}
            assert len(calm.writes()) == before

    run(work())
    assert calm.check_writes() > 0


def test_an_mv_out_of_service_is_not_written_and_the_others_go_on(calm: LoopBench) -> None:
    held = next(tag for tag in calm.site.mvs if not tag.critical)
    book = OrderBook(calm.state.orders, read_key(calm.state.operator_key))

    async def work() -> None:
        async with calm.loop() as loop:
            await calm.switched_on(loop, 2)
            book.append(Order(OrderKind.OUT, held.name, PERSON, "valve under repair"), 1.0)
            before = len(calm.writes())
            records = await calm.cycles(loop, 3)
            assert [(r.mode, r.verdict) for r in records] == [("on", "written")] * 3
            assert "valve under repair" in records[-1].states[held.variable]
            nodes = [write.node for write in calm.writes()[before:]]
            assert held.setpoint_node not in nodes
            assert len(nodes) == 3 * (len(calm.site.mvs) - 1)
        async with calm.loop() as again:  # a restart does not put it back
            records = await calm.switched_on(again, 1)
            assert held.variable in records[-1].states
            book.append(Order(OrderKind.BACK, held.name, PERSON), 2.0)
            records = await calm.cycles(again, 2)
            assert held.variable not in records[-1].states
            assert held.setpoint_node in [write.node for write in calm.writes()]

    run(work())
    assert calm.check_writes() > 0
    explained = read_explanations(calm.state.path)
    assert explained.cycle(None)["verdict"] == "written"


def test_a_loop_in_manual_is_left_alone_and_a_critical_one_sheds(calm: LoopBench) -> None:
    free = next(tag for tag in calm.site.mvs if not tag.critical)
    critical = next(tag for tag in calm.site.mvs if tag.critical)

    async def work() -> None:
        async with calm.loop() as loop:
            await calm.switched_on(loop, 1)
            await calm.set_mode(free.name, "MAN")
            records = await calm.cycles(loop, 2)
            assert [(r.mode, r.verdict) for r in records] == [("on", "written")] * 2
            assert "its loop is in MAN" in records[-1].states[free.variable]
            await calm.set_mode(free.name, "RCAS")
            assert free.variable not in (await calm.cycles(loop, 1))[-1].states
            await calm.set_mode(critical.name, "AUTO")
            before = len(calm.writes())
            await calm.cycles(loop, 1)
            assert loop.mode.mode is ControllerMode.SHED
            assert critical.variable in loop.mode.reason and "AUTO" in loop.mode.reason
            assert len(calm.writes()) == before
        async with calm.loop() as again:
            await calm.cycles(again, 1)
            again.engage(PERSON)
            assert again.mode.mode is ControllerMode.STANDBY
            assert f"{critical.name} is in AUTO" in again.mode.reason
            await calm.set_mode(critical.name, "RCAS")
            await calm.cycles(again, 1)
            again.engage(PERSON)
            assert [r.verdict for r in await calm.cycles(again, 1)] == ["written"]

    run(work())
    assert calm.check_writes() > 0


def test_of_two_loops_on_one_gate_only_the_first_moves(calm: LoopBench) -> None:
    async def work() -> None:
        async with calm.loop() as first, calm.loop() as second:
            await calm.switched_on(first, 1)
            second.engage(PERSON)
            verdicts = []
            for count in range(6):  # whoever comes first in a cycle
                await calm.minute()
                pair = (first, second) if count % 2 else (second, first)
                done = {loop: await loop.run_cycle() for loop in pair}
                verdicts.append((done[first].verdict, done[second].verdict))
            assert {mine for mine, _ in verdicts} == {"written"}
            assert {others for _, others in verdicts} == {"refused"}
            assert second.mode.mode is ControllerMode.SHED
            assert "another controller" in second.mode.reason
            assert first.mode.mode is ControllerMode.ON

    run(work())
    assert calm.check_writes() > 0


class Adversary:
    """Advises the worst that it can put into numbers."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._rng = np.random.default_rng(11)

    def advise(
        self, cycle: int, scan: Scan, result: CycleResult, targets: EconomicTargets | None
    ) -> Advice | None:
        return Advice(
            cycle=cycle,
            weight_factors=self._drawn(),
            target_biases=self._drawn(),
            back_offs=self._drawn(),
            n_pred=int(self._rng.integers(-(10**9), 10**9)),
            move_suppression_factor=self._one(),
        )

    def _drawn(self) -> dict[str, float]:
        return {name: self._one() for name in self._names}

    def _one(self) -> float:
        return float(self._rng.choice([-1.0, 1.0]) * 10.0 ** self._rng.uniform(-30.0, 300.0))


def test_no_advice_moves_a_set_point_out_of_its_limits(calm: LoopBench) -> None:
    names = calm.controller.variables.cv_names

    async def work() -> None:
        async with calm.loop(Adversary(names)) as loop:
            records = await calm.switched_on(loop, 12)
        assert all(r.advice_cut for r in records)
        assert sum(r.verdict == "written" for r in records) > 8

    run(work())
    assert calm.check_writes() > 0


class Broken:
    """Advises what the controller does not know, then fails."""

    def advise(
        self, cycle: int, scan: Scan, result: CycleResult, targets: EconomicTargets | None
    ) -> Advice | None:
        if cycle == 2:
            return Advice(cycle, weight_factors={"temp_of_the_moon": 2.0})
        if cycle == 4:
            raise ZeroDivisionError("no policy")
        return None


def test_a_broken_adviser_costs_one_hold_and_its_advice(calm: LoopBench) -> None:
    async def work() -> None:
        async with calm.loop(Broken()) as loop:
            records = await calm.switched_on(loop, 4)
        assert [r.verdict for r in records] == ["written", "held", "written", "written"]
        assert "temp_of_the_moon" in records[1].reason
        assert records[2].advice is None
        assert "no policy" in records[2].advice_cut[0]

    run(work())
    assert calm.check_writes() > 0


def test_a_scan_that_cannot_be_stored_is_not_acted_upon(calm: LoopBench) -> None:
    async def work() -> None:
        async with calm.loop() as loop:
            assert (await calm.switched_on(loop, 1))[-1].verdict == "written"
            with contextlib.closing(sqlite3.connect(calm.state.historian)) as other:
                other.execute("ALTER TABLE scan RENAME TO moved_away")
                (record,) = await calm.cycles(loop, 1)
                other.execute("ALTER TABLE moved_away RENAME TO scan")
            assert record.verdict == "held"
            assert "historian" in record.reason
            assert (await calm.cycles(loop, 1))[-1].verdict == "written"

    run(work())
    assert calm.check_writes() > 0


def test_the_status_file_is_whole_at_every_moment(calm: LoopBench) -> None:
    modes: set[object] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.001):
            modes.add(json.loads(calm.state.status.read_bytes())["mode"])

    async def work() -> None:
        async with calm.loop() as loop:
            await calm.cycles(loop, 1)
            watcher = asyncio.create_task(asyncio.to_thread(watch))
            loop.engage(PERSON)
            await calm.cycles(loop, 4)
            stop.set()
            await watcher

    run(work())
    assert modes == {"standby", "on"}
    assert calm.check_writes() > 0


def test_a_changed_or_unsigned_envelope_stops_the_start(calm: LoopBench, site_file: Path) -> None:
    source = Path(calm.site.files["envelope"])
    wider = site_file.with_name("wider.yaml")
    wider.write_text(source.read_text().replace("low: 0.3, high: 3.0", "low: 0.0, high: 99.0"))
    assert wider.read_text() != source.read_text()
    changed = replace(calm.site, files={**calm.site.files, "envelope": str(wider)})

    async def start_changed() -> None:
        await run_against_the_clock(
            changed,
            calm.state,
            calm.clock,
            calm.targets,
            speed=60.0,
            engage=True,
            supervisor=False,
            show=lambda record: pytest.fail(f"cycle {record.cycle} ran"),
        )

    async def work() -> None:
        signed = calm.state.signed_envelope.read_bytes()
        forged = json.loads(signed)
        forged["signature"] = "0" * len(forged["signature"])
        before = len(calm.writes())
        with pytest.raises(SignatureError, match="altered"):
            await start_changed()
        for content in (json.dumps(forged).encode(), b"", None):
            calm.state.signed_envelope.unlink()
            if content is not None:
                calm.state.signed_envelope.write_bytes(content)
            with pytest.raises(SignatureError):
                async with calm.loop():
                    pass
            calm.state.signed_envelope.write_bytes(signed)
        assert len(calm.writes()) == before

    run(work())
    calm.check_writes()


def test_a_frozen_gate_sheds_the_controller_in_bounded_time(calm: LoopBench) -> None:
    async def work() -> None:
        async with calm.loop() as loop:
            assert (await calm.switched_on(loop, 2))[-1].verdict == "written"
            written = len(calm.writes())
            calm.freeze(calm.gate)
            try:
                began_s = time.monotonic()
                (record,) = await calm.cycles(loop, 1)
                assert time.monotonic() - began_s < FREEZE_DEADLINE_S
            finally:
                calm.thaw(calm.gate)  # it finds the old move in its socket
            assert (record.mode, record.verdict) == ("shed", "none")
            assert "has not answered within" in loop.mode.reason
            status = await GateClient(calm.site).status()
            assert (status["state"], status["refusals"]) == ("ready", 1)
            loop.engage(PERSON)  # from SHED that does nothing
            assert {(r.mode, r.verdict) for r in await calm.cycles(loop, 1)} == {("shed", "none")}
            assert len(calm.writes()) == written

    run(work())
    assert calm.check_writes() > 0


def test_a_killed_gate_sheds_the_controller_and_its_return_changes_nothing(calm: LoopBench) -> None:
    async def work() -> None:
        async with calm.loop() as loop:
            assert (await calm.switched_on(loop, 2))[-1].verdict == "written"
            written = len(calm.writes())
            await calm.kill(calm.gate)
            (record,) = await calm.cycles(loop, 1)
            assert (record.mode, record.verdict) == ("shed", "none")
            assert "is out of reach" in loop.mode.reason
            calm.start_gate()
            assert {(r.mode, r.verdict) for r in await calm.cycles(loop, 1)} == {("shed", "none")}
            assert len(calm.writes()) == written
        async with calm.loop() as again:  # a person starts anew
            assert (await calm.switched_on(again, 2))[-1].verdict == "written"

    run(work())
    assert calm.check_writes() > 0


FAULTS = """
description: Two critical inputs that report their own failure, one shortly and one for long
duration: {value: 1, unit: h}
noise_factor: {value: 1, unit: "1"}
events:
  - event: sensor_fault
    at: {value: 3, unit: min}
    duration: {value: 3, unit: min}
    variable: fraction_maya
    kind: bad
  - event: sensor_fault
    at: {value: 8, unit: min}
    duration: {value: 7, unit: min}
    variable: temp_coil_outlet
    kind: bad
"""


def test_a_bad_critical_input_holds_then_sheds_and_a_dead_plant_too(
    site_file: Path, controller: Controller, targets: EconomicTargets
) -> None:
    scenario = site_file.with_name("scenario.yaml")
    scenario.write_text(FAULTS)
    change_site(site_file, "scenario", scenario)

    async def bad_input(bench: LoopBench) -> None:
        async with bench.loop() as loop:
            short = await bench.switched_on(loop, 6)  # minutes 2 to 7
            assert [r.verdict for r in short] == ["written", *["held"] * 3, "written", "written"]
            assert "critical input XD1202" in short[1].reason
            written = len(bench.writes())
            long = await bench.cycles(loop, 6)  # minutes 8 to 13
            most = bench.site.gate.max_holds
            assert [r.verdict for r in long] == [*["held"] * most, "shed"]
            assert [r.mode for r in long] == [*["on"] * most, "shed"]
            assert "critical input TC1002" in loop.mode.reason
        async with bench.loop() as again:
            again.engage(PERSON)
            (record,) = await bench.cycles(again, 1)  # its first hold meets a gate that has shed
            assert (record.mode, record.verdict, record.check) == ("shed", "shed", "G18")
            (record,) = await bench.cycles(again, 1)
            assert not record.bad_tags  # good again, and nothing returns by itself
            assert (record.mode, record.verdict) == ("shed", "none")
            assert len(bench.writes()) == written

    async def dead_plant(bench: LoopBench) -> None:
        gate = GateClient(bench.site)
        assert (await gate.status())["state"] == "shed"
        await gate.reset(PERSON, read_key(bench.state.operator_key))
        async with bench.loop() as loop:
            assert (await bench.switched_on(loop, 2))[-1].verdict == "written"
            await bench.kill(bench.plant)
            records = await bench.cycles(loop, bench.site.gate.max_holds + 2)
            assert [r.mode for r in records] == [
                *["on"] * bench.site.gate.max_holds,
                "shed",
                "shed",
            ]
            assert all("OPC UA server" in r.reason for r in records), records

    with open_bench(site_file, controller, targets) as bench:
        run(bad_input(bench))
        bench.check_writes()
        run(dead_plant(bench))
        assert bench.check_writes() > 0


def change_site(site_file: Path, role: str, path: Path) -> None:
    """Let a site name another file."""
    raw = yaml.safe_load(site_file.read_text())
    raw["files"][role] = str(path)
    site_file.write_text(yaml.safe_dump(raw, sort_keys=False))
