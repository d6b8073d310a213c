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
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.loop_bench import PERSON, LoopBench, run

from operator_agent.errors import SignatureError
from operator_agent.messages import Advice, ControllerMode, EconomicTargets
from operator_agent.mpc.controller import CycleResult
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.orders import Order, OrderKind
from operator_agent.runtime.control_process import run_against_the_clock
from operator_agent.runtime.explain_record import read_explanations
from operator_agent.runtime.order_book import OrderBook
from operator_agent.signing import read_key

pytestmark = pytest.mark.slow


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


def test_a_controller_that_fails_starts_anew_from_the_plant(calm: LoopBench) -> None:
    async def work() -> None:
        async with calm.loop() as loop:
            await calm.switched_on(loop, 2)
            state = loop._state
            assert state is not None and state.warm is not None
            sick = replace(state.warm, states=state.warm.states[:, :2])  # of another plant
            loop._state = replace(state, warm=sick)
            failed, *later = await calm.cycles(loop, 3)
        assert failed.verdict == "held" and "the cycle broke off" in failed.reason
        assert [record.verdict for record in later] == ["written"] * 2

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
