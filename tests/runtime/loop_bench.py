"""A site with its plant and gate in processes of their own, for the tests that break something."""

import asyncio
import contextlib
import json
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from operator_agent.clock import Clock, SystemClock
from operator_agent.io.audit import verify
from operator_agent.io.gate_client import GateClient
from operator_agent.io.historian import Historian
from operator_agent.io.reconcile import uncertified_writes
from operator_agent.io.write_log import DeviceWrite, read_write_log
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.runtime.child_process import ChildProcess
from operator_agent.runtime.control_process import build_loop
from operator_agent.runtime.cycle import ControlLoop
from operator_agent.runtime.envelope_file import load_signed_envelope
from operator_agent.runtime.loop_parts import Adviser, LoopParts
from operator_agent.runtime.run_record import CycleRecord
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.site_links import SiteLinks
from operator_agent.runtime.state_folder import (
    StateFolder,
    make_keys,
    need_keys,
    read_status,
    write_status,
)
from operator_agent.signing import read_key
from operator_agent.site import Site
from operator_agent.units import to_si

SEED = 5
PERSON = "the person of this test"
DEADLINE_S = 240.0  # of one test, on a machine that is busy with other things
ROUNDING = 1e-6  # of an operator range: one conversion of units


def run(work: Coroutine[None, None, None]) -> None:
    """Run one test's work to its end, or fail at the deadline."""
    asyncio.run(asyncio.wait_for(work, DEADLINE_S))


@dataclass
class LoopBench:
    """Processes and files of one running site."""

    site_path: Path
    site: Site
    state: StateFolder
    processes: contextlib.ExitStack
    plant: ChildProcess
    controller: Controller
    targets: EconomicTargets
    clock: Clock = field(default_factory=SystemClock)
    gate: ChildProcess = field(init=False)
    gate_starts: int = 0

    @contextlib.asynccontextmanager
    async def loop(self, adviser: Adviser | None = None) -> AsyncIterator[ControlLoop]:
        """Give a control loop in STANDBY, as after a start of the controller."""
        historian = Historian(self.state.historian, self.site)
        links = SiteLinks(self.site, self.state, self.clock)
        try:
            async with links, GateClient(self.site) as gate:
                loop = (
                    build_loop(
                        self.site, self.state, links, gate, historian, self.clock,
                        self.controller, None,
                    )
                    if adviser is None
                    else ControlLoop(self._parts(links, gate, historian, adviser))
                )  # fmt: skip
                loop.follow(self.targets)
                yield loop
        finally:
            historian.close()

    def _parts(
        self, links: SiteLinks, gate: GateClient, historian: Historian, adviser: Adviser
    ) -> LoopParts:
        envelope = load_signed_envelope(
            Path(self.site.files["envelope"]),
            self.state.signed_envelope,
            read_key(self.state.envelope_key),
        )
        return LoopParts(
            site=self.site,
            controller=self.controller,
            envelope=envelope,
            reader=links,
            gate=gate,
            historian=historian,
            adviser=adviser,
            publish=lambda status: write_status(self.state, status),
            key=need_keys(self.state),
            clock=self.clock,
        )

    async def minute(self) -> None:
        """Let one control cycle of plant time pass."""
        self.plant.tell({"advance_s": self.site.sample_times.control_s})
        await asyncio.to_thread(self.plant.answer)

    async def set_mode(self, tag: str, mode: str) -> None:
        """Put a loop of the DCS into a mode, as its operator does."""
        self.plant.tell({"mode": f"{tag} {mode}"})
        await asyncio.to_thread(self.plant.answer)

    async def cycles(self, loop: ControlLoop, count: int) -> list[CycleRecord]:
        """Run cycles with a minute of plant time before each, and check the status file."""
        records = []
        for _ in range(count):
            if self.plant.running:
                await self.minute()
            records.append(await loop.run_cycle())
            status = read_status(self.state)
            assert status is not None
            assert (status["mode"], status["cycle"]) == (records[-1].mode, records[-1].cycle)
            assert records[-1].mode == loop.mode.mode.value
        return records

    async def switched_on(self, loop: ControlLoop, count: int) -> list[CycleRecord]:
        """Run one cycle in STANDBY, switch on, and run more."""
        await self.cycles(loop, 1)
        loop.engage(PERSON)
        return await self.cycles(loop, count)

    def writes(self) -> list[DeviceWrite]:
        """Return the set points that the device took."""
        nodes = {tag.setpoint_node for tag in self.site.mvs}
        log = read_write_log(self.state.device_log)
        return [write for write in log if write.accepted and write.node in nodes]

    def check_writes(self) -> int:
        """Return the number of set points written, after checking each one.

        The trail is whole, each write is certified, inside the operator's limits, and neither
        larger nor sooner after the last one than the rate allows.
        """
        verify(self.state.audit)
        assert uncertified_writes(self.state.device_log, self.state.audit) == []
        first = json.loads(self.state.truth.read_text().splitlines()[0])["setpoints"]
        by_node: dict[str, list[DeviceWrite]] = defaultdict(list)
        for write in self.writes():
            by_node[write.node].append(write)
        for tag in self.site.mvs:
            held, time_s = first[tag.variable], -float("inf")
            slack = ROUNDING * (tag.operator.high - tag.operator.low)
            for write in by_node[tag.setpoint_node]:
                value = to_si(write.value, tag.unit)
                assert tag.operator.inside(value), f"{tag.name} {tag.text(value)}"
                assert abs(value - held) <= tag.rate * self.site.sample_times.control_s + slack
                assert write.time_s - time_s >= self.site.sample_times.control_s
                held, time_s = value, write.time_s
        return sum(map(len, by_node.values()))

    def start_gate(self) -> None:
        """Start the gate; also anew, on the trail of the one before."""
        arguments = ["gate", "run", str(self.site_path), "--state", str(self.state.path)]
        self.gate = self.processes.enter_context(
            ChildProcess(arguments, self.state.path / f"gate{self.gate_starts}.log")
        )
        self.gate_starts += 1
        self.gate.answer()

    def freeze(self, process: ChildProcess) -> None:
        """Stop a process where it stands; it keeps its connections."""
        os.kill(process.pid, signal.SIGSTOP)

    def thaw(self, process: ChildProcess) -> None:
        """Let a frozen process go on."""
        os.kill(process.pid, signal.SIGCONT)

    async def kill(self, process: ChildProcess) -> None:
        """End a process as a power cut would, and wait until it is gone."""
        os.kill(process.pid, signal.SIGKILL)
        while process.running:
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def open_bench(
    site_path: Path, controller: Controller, targets: EconomicTargets
) -> Iterator[LoopBench]:
    """Start plant and gate of a site in a fresh state folder, and end them."""
    site, state = load_site(site_path), StateFolder(site_path.parent / "state")
    make_keys(site, state)
    arguments = ["plant", "serve", str(site_path), "--state", str(state.path), "--paced"]
    arguments += ["--seed", str(SEED), "--hours", "2"]
    with contextlib.ExitStack() as processes:
        plant = processes.enter_context(ChildProcess(arguments, state.path / "plant.log"))
        plant.answer()
        bench = LoopBench(site_path, site, state, processes, plant, controller, targets)
        bench.start_gate()
        yield bench
