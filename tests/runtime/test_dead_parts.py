"""What the loop does when a part dies or freezes: the gate, the plant, a critical input.

Plant and gate run in processes of their own, the control loop in the test; each test ends with the
proof of `LoopBench.check_writes`.
"""

import time
from pathlib import Path

import pytest
import yaml
from tests.runtime.loop_bench import PERSON, LoopBench, open_bench, run

from operator_agent.io.gate_client import GateClient
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.signing import read_key

pytestmark = pytest.mark.slow
FREEZE_DEADLINE_S = 30.0  # the client gives up after 9 s; the rest is for a busy machine


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
