"""The gate and the state of the plant: clocks, inputs, modes, read-back, windows."""

from pathlib import Path

import pytest
from conftest import PlantProcess
from gate_bench import MIDDLE, Bench, make_bench, run

from operator_agent.io.certificates import CertificatePaths
from operator_agent.messages import GateVerdict


@pytest.fixture
def bench(plant: PlantProcess, certificates: CertificatePaths, tmp_path: Path) -> Bench:
    return make_bench(plant, certificates, tmp_path)


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
    assert bench.setpoint() == pytest.approx(MIDDLE["MV00"])


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
