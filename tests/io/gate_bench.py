"""What the tests of the gate share: signed moves, and a gate server with its client."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from conftest import PlantProcess, free_port
from example_site import example_site
from gate_keys import KEY, OPERATOR_KEY

from operator_agent.clock import Clock, SystemClock
from operator_agent.io.certificates import CertificatePaths
from operator_agent.io.gate_client import GateClient
from operator_agent.io.gate_server import GateServer
from operator_agent.messages import GateReply, Move
from operator_agent.site import Site

MIDDLE = {"MV00": 630.0, "MV01": 0.06}  # set points after a start [SI]


@dataclass
class Bench:
    """A plant, a gate and a controller's session."""

    plant: PlantProcess
    site: Site
    certificates: CertificatePaths
    audit: Path
    clock: Clock = field(default_factory=SystemClock)
    session: str = field(default_factory=lambda: secrets.token_hex(4))
    sequence: int = 0
    log_start: int = 0

    def unsigned(self, **changes) -> Move:
        """Return the next move: one kelvin up on MV00 from the middle, unless told otherwise."""
        self.sequence += 1
        move = Move(
            sequence=self.sequence,
            session=self.session,
            created_mono_s=self.clock.monotonic_s(),
            read_id=self.sequence,
            values=(("MV00", MIDDLE["MV00"] + 1.0),),
            solver_status="CONVERGED",
            residual=0.0,
            limits_sha256=self.site.limits_sha256,
            config_sha256=self.site.config_sha256,
        )
        return replace(move, **changes)

    def move(self, **changes) -> Move:
        return self.unsigned(**changes).signed(KEY)

    def hold(self) -> Move:
        return self.move(values=(), hold=True, solver_status="HOLD: no plan")

    def device_log(self) -> Path:
        """Return the device's write log since this bench was made."""
        lines = self.plant.write_log.read_text().splitlines(keepends=True)
        path = self.audit.with_name("device_writes.jsonl")
        path.write_text("".join(lines[self.log_start :]))
        return path

    def setpoint(self) -> float:
        """Return what the device holds for MV00."""
        return float(self.plant.state()["setpoints"]["MV00"])

    def server(self, **options) -> GateServer:
        options.setdefault("operator_key", OPERATOR_KEY)
        return GateServer(self.site, KEY, self.certificates, self.audit, self.clock, **options)

    @contextlib.asynccontextmanager
    async def gate(self, **options) -> AsyncIterator[GateClient]:
        """Run a gate server in this process and give a client of it."""
        server = self.server(**options)
        await server.start()
        try:
            yield GateClient(self.site)
        finally:
            await server.stop()

    async def next(self, client: GateClient, move: Move | None = None) -> GateReply:
        """Let one control cycle of plant time pass and submit a move."""
        self.plant.step()
        return await client.submit(move or self.move())


def make_bench(plant: PlantProcess, certificates: CertificatePaths, folder: Path) -> Bench:
    site = example_site(plant.port, free_port())
    start = len(plant.write_log.read_text().splitlines())
    return Bench(plant, site, certificates, folder / "audit.sqlite", log_start=start)


def run(work: Callable[[], object]) -> object:
    """Run an async test with a deadline."""
    return asyncio.run(asyncio.wait_for(work(), 60.0))
